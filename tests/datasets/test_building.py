from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from ambergen.datasets.building import build
from ambergen.datasets.config import GenomeSource
from ambergen.errors import ConfigError, FileFormatError, RunError, StoreError
from tests.datasets.conftest import SmallGenome


class Listener:
    """A progress that remembers what it was told."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)

    def task(self, description: str, total: float | None = None) -> Listener:
        self.said.append(description)
        return self

    def advance(self, amount: float = 1) -> None: ...

    def note(self, text: str) -> None: ...

    def __enter__(self) -> Listener:
        return self

    def __exit__(self, *error: object) -> None: ...


def is_built(listener: Listener) -> bool:
    return "reading the genome" in listener.said


def rebuild(small_genome: SmallGenome, **changes: object) -> bool:
    """Whether a second call, with changes to the config, builds."""
    listener = Listener()
    build(replace(small_genome.config, **changes), small_genome.folder / "store", progress=listener)  # type: ignore[arg-type]
    return is_built(listener)


def test_build__the_same_inputs_are_not_built_again(small_genome: SmallGenome) -> None:
    assert rebuild(small_genome)
    assert not rebuild(small_genome)
    os.utime(small_genome.folder / "wide.bed")
    assert not rebuild(small_genome)
    os.truncate(small_genome.folder / "wide.bed", os.path.getsize(small_genome.folder / "wide.bed") - 5)
    with open(small_genome.folder / "wide.bed", "a") as stream:
        stream.write("2490\n")
    assert rebuild(small_genome)


def test_build__another_config_is_built_again(small_genome: SmallGenome) -> None:
    assert rebuild(small_genome)
    assert rebuild(small_genome, on_leak="drop")
    assert rebuild(small_genome, windows=replace(small_genome.config.windows, label="summit"))
    assert not rebuild(small_genome, windows=replace(small_genome.config.windows, label="summit"))


def test_build__a_damaged_store_is_built_again(small_genome: SmallGenome) -> None:
    assert rebuild(small_genome)
    (small_genome.folder / "store" / "labels.npy").unlink()
    assert rebuild(small_genome)


def test_build__twice_gives_the_same_bytes(small_genome: SmallGenome) -> None:
    stores = [build(small_genome.config, small_genome.folder / name, seed=7) for name in ("one", "two")]
    for path in stores[0].path.iterdir():
        if path.name != "manifest.json":
            assert path.read_bytes() == (stores[1].path / path.name).read_bytes()
    assert stores[0].checksum == stores[1].checksum


def test_build__the_seed_draws_other_windows(small_genome: SmallGenome) -> None:
    one, two = (build(small_genome.config, small_genome.folder / "store", seed=seed) for seed in (0, 1))
    assert one.checksum != two.checksum


def test_build__a_failure_leaves_the_older_store_as_it_was(small_genome: SmallGenome) -> None:
    store = build(small_genome.config, small_genome.folder / "store")
    (small_genome.folder / "narrow.bed").write_text("A\t5\t5\n")
    with pytest.raises(FileFormatError, match=r"narrow\.bed, line 1"):
        build(small_genome.config, store.path)
    assert type(store).open(store.path).checksum == store.checksum
    assert [path.name for path in small_genome.folder.glob("store*")] == ["store"]


def test_build__refuses_duplicate_track_names(small_genome: SmallGenome) -> None:
    assert isinstance(small_genome.config.source, GenomeSource)
    track = small_genome.config.source.tracks[0]
    with pytest.raises(ConfigError, match=r"2 tracks have the name 'wide'"):
        build(small_genome.with_tracks(track, track), small_genome.folder / "store")


def test_build__a_file_that_is_not_there_is_named(small_genome: SmallGenome) -> None:
    (small_genome.folder / "wide.bed").unlink()
    with pytest.raises(FileFormatError, match=r"wide\.bed \(track wide\): there is no such file"):
        build(small_genome.config, small_genome.folder / "store")


def test_build__does_not_replace_what_is_no_store(small_genome: SmallGenome) -> None:
    folder = small_genome.folder / "thesis"
    folder.mkdir()
    (folder / "chapter1.txt").write_text("precious")
    with pytest.raises(
        StoreError, match=r"thesis: there is something else here than a store; expected an empty folder"
    ):
        build(small_genome.config, folder)
    assert (folder / "chapter1.txt").read_text() == "precious"


def test_build__refuses_a_folder_that_cannot_be_written(small_genome: SmallGenome) -> None:
    message = r"genome\.fa/store: the store cannot be written here \(Not a directory\); expected a folder that you may"
    with pytest.raises(StoreError, match=message):
        build(small_genome.config, small_genome.folder / "genome.fa" / "store")


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write everywhere")
def test_build__refuses_a_folder_without_permission(small_genome: SmallGenome) -> None:
    locked = small_genome.folder / "locked"
    locked.mkdir(mode=0o500)
    with pytest.raises(StoreError, match=r"cannot be written here \(Permission denied\).*change its permissions"):
        build(small_genome.config, locked / "store")


@contextmanager
def largest_file(n_bytes: int) -> Iterator[None]:
    """Makes the system refuse to write beyond `n_bytes`, as a full disk does (EFBIG instead of ENOSPC)."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_build__a_full_disk_leaves_nothing_behind(small_genome: SmallGenome) -> None:
    message = r"store: the disk is full \(File too large\); nothing was kept\. Make room"
    with largest_file(10_000), pytest.raises(RunError, match=message):
        build(small_genome.config, small_genome.folder / "store")
    assert not list(small_genome.folder.glob("store*"))
