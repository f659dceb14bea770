"""Counts of a store against a slow loop over the genome; files that are no counts of it."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from ambergen.datasets import count_files
from ambergen.datasets.building import build
from ambergen.datasets.config import CountConfig, CountSource, DataConfig, GenomeSource
from ambergen.datasets.count_files import check_count_files, layout_of
from ambergen.datasets.store import Store
from ambergen.datasets.tracks import GenomeContigs
from ambergen.errors import ConfigError, FileFormatError, StoreError
from ambergen.io.aliases import ContigAliases
from tests.datasets.conftest import LENGTHS, SmallGenome

pybigtools = pytest.importorskip("pybigtools", reason="pybigtools has no build for this Python")

Signal = dict[str, np.ndarray]


def write_counts(path: Path, signal: Signal, contigs: dict[str, int] = LENGTHS) -> Path:
    runs = [
        (name, int(at), int(at) + 1, float(values[at])) for name, values in signal.items() for at in values.nonzero()[0]
    ]
    pybigtools.open(str(path), "w").write(contigs, runs)
    return path


def drawn_signal(rng: np.random.Generator) -> Signal:
    return {name: rng.poisson(0.2, length).astype(np.float32) for name, length in LENGTHS.items()}


@dataclass(frozen=True)
class Counted:
    """A genome with reads: both strands of one experiment, and another whose strands are counted together."""

    genome: SmallGenome
    signals: tuple[Signal, Signal, Signal]
    files: tuple[Path, Path, Path]

    def config(self, **changes: object) -> DataConfig:
        tracks = (CountSource("chip", plus=self.files[0], minus=self.files[1]), CountSource("atac", self.files[2]))
        counts = replace(CountConfig(tracks, shift=9), **changes)  # type: ignore[arg-type]
        source = self.genome.config.source
        assert isinstance(source, GenomeSource)
        return replace(self.genome.config, source=replace(source, counts=counts))

    def build(self, name: str = "store", **changes: object) -> Store:
        return build(self.config(**changes), self.genome.folder / name)


@pytest.fixture
def counted(small_genome: SmallGenome) -> Counted:
    rng = np.random.default_rng(3)
    signals = tuple(drawn_signal(rng) for _ in range(3))
    files = [write_counts(small_genome.folder / f"{n}.bw", signal) for n, signal in enumerate(signals)]
    return Counted(small_genome, signals, tuple(files))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("width", "shift", "block"), [(None, 0, 1 << 24), (100, 9, 600), (60, 30, 1 << 24), (2, 7, 48)]
)
def test_counts__are_those_of_the_files_base_by_base(
    counted: Counted, monkeypatch: pytest.MonkeyPatch, width: int | None, shift: int, block: int
) -> None:
    monkeypatch.setattr(count_files, "_BLOCK_BYTES", block)
    store = counted.build(width=width, shift=shift)
    rows = np.arange(store.n_windows)
    found, windows = store.counts(rows), store.windows(rows)
    wide = width or 100
    assert found.shape == (len(rows), 3, wide)
    assert found.dtype == store.count_line.dtype == np.float32
    starts = windows.start + (100 - wide) // 2
    for column, signal in enumerate(counted.signals):
        # As far as a training may move the windows
        for move in (0, shift, -shift):
            moved = count_files.windows_of(store.count_line, store.count_offsets + move, wide)[:, column]
            expected = np.zeros((len(rows), wide), np.float32)
            for row, (contig, start) in enumerate(zip(windows.contig, starts + move, strict=True)):
                for at in range(max(start, 0), min(start + wide, LENGTHS[contig])):
                    expected[row, at - start] = signal[contig][at]
            np.testing.assert_array_equal(moved, expected)
    for split, means in store.manifest["reads"]["mean_reads"].items():
        np.testing.assert_allclose(means, found[store.indices(split)].sum(axis=2).mean(axis=0), rtol=1e-6)


def test_counts__overlapping_windows_keep_each_base_once(counted: Counted) -> None:
    store = counted.build(shift=0)
    taken = {
        (contig, at)
        for window in [store.windows(np.arange(store.n_windows))]
        for contig, start in zip(window.contig, window.start, strict=True)
        for at in range(start, start + 100)
    }
    assert len(store.count_line) == len(taken) < 100 * store.n_windows
    assert isinstance(store.count_line, np.memmap)


def test_counts__are_beside_the_labels_and_change_the_checksum(counted: Counted) -> None:
    plain = build(counted.genome.config, counted.genome.folder / "plain")
    store = counted.build()
    np.testing.assert_array_equal(store.packed_labels, plain.packed_labels)
    np.testing.assert_array_equal(store.offsets, plain.offsets)
    layout = store.count_layout
    assert layout is not None
    assert (layout.columns, layout.width, layout.shift) == (("chip+", "chip-", "atac"), 100, 9)
    assert "reads" not in plain.manifest
    assert "counts" not in plain.manifest["recipe"]["source"]
    other = [counted.build("width", width=98), counted.build("shift", shift=8)]
    assert len({one.checksum for one in (plain, store, *other)}) == 4
    with pytest.raises(StoreError, match=r"labels but no counts of reads; .*data\.counts\.tracks"):
        plain.counts(np.arange(2))


def test_build__knows_when_counts_are_current(counted: Counted) -> None:
    store = counted.build()
    written = (store.path / "manifest.json").stat().st_mtime_ns
    os.utime(counted.files[1])
    assert counted.build().checksum == store.checksum
    assert (store.path / "manifest.json").stat().st_mtime_ns == written
    counted.signals[1]["A"][4500] += 1
    write_counts(counted.files[1], counted.signals[1])
    assert counted.build().checksum != store.checksum


@pytest.mark.parametrize("name", ["counts.npy", "count_offsets.npy"])
def test_open__tells_of_damaged_counts(counted: Counted, name: str) -> None:
    store = counted.build()
    with (store.path / name).open("ab") as stream:
        stream.write(b"x")
    with pytest.raises(StoreError, match=rf"{name}: the file has .* bytes, its manifest says .*Build the store again"):
        Store.open(store.path)
    (store.path / name).unlink()
    with pytest.raises(StoreError, match=rf"{name}: the file is gone"):
        Store.open(store.path)
    assert counted.build().counts(np.arange(3)).shape == (3, 3, 100)


def test_open__tells_what_its_manifest_lacks(counted: Counted) -> None:
    path = counted.build().path / "manifest.json"
    manifest = json.loads(path.read_text())
    del manifest["reads"]["width"]
    path.write_text(json.dumps(manifest))
    with pytest.raises(StoreError, match=r"manifest\.json: 'width' is not in it; the store is damaged"):
        Store.open(path.parent)


def test_build__warns_of_numbers_that_are_not_whole(counted: Counted) -> None:
    counted.signals[2]["A"][3000] = 0.5
    write_counts(counted.files[2], counted.signals[2])
    (warning,) = [text for text in counted.build().manifest["warnings"] if "counts" in text]
    assert "2.bw (counts atac): its numbers are not whole (0.5 at A:3000), so they are no counts" in warning


# ---- files that are no counts of this genome


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (-2.0, r"1\.bw \(counts chip\): A:700-701 \(0-based\) has -2; expected .* 0 or more\. .*with a minus sign"),
        (
            np.inf,
            r"1\.bw \(counts chip\): A:700-701 \(0-based\) has inf; expected how many .*Write the file",
        ),
    ],
)
def test_build__refuses_what_is_no_count(counted: Counted, value: float, message: str) -> None:
    counted.signals[1]["A"][700] = value
    write_counts(counted.files[1], counted.signals[1])
    source = counted.genome.config.windows
    config = replace(counted.config(), windows=replace(source, unlabelled="all"))
    with pytest.raises(FileFormatError, match=message):
        build(config, counted.genome.folder / "store")
    assert not list(counted.genome.folder.glob("store*"))


def test_build__nan_is_no_read(counted: Counted) -> None:
    before = counted.build("before")
    at = int((counted.signals[1]["A"] == 0).nonzero()[0][0])
    counted.signals[1]["A"][at] = np.nan
    write_counts(counted.files[1], counted.signals[1])
    np.testing.assert_array_equal(counted.build("after").count_line, before.count_line)


@pytest.mark.parametrize(
    ("contigs", "message"),
    [
        (
            {**LENGTHS, "B": 5004},
            r"0\.bw \(counts chip\): contig B has 5,004 bases, in .* it has 5,003\. .*another",
        ),
        (
            {"x1": 900, "x2": 100},
            r"0\.bw \(counts chip\): none of its contigs \(x1, x2\) is in .*has A, B, C, D\. ",
        ),
    ],
)
def test_build__refuses_files_of_another_genome(counted: Counted, contigs: dict[str, int], message: str) -> None:
    write_counts(counted.files[0], {name: np.ones(50, np.float32) for name in contigs}, contigs)
    with pytest.raises(FileFormatError, match=message):
        counted.build()
    names = tuple(LENGTHS)
    genome = GenomeContigs(
        counted.genome.folder / "genome.fa", names, np.array(list(LENGTHS.values())), ContigAliases(names)
    )
    source = counted.config().source
    assert isinstance(source, GenomeSource)
    assert source.counts is not None
    with pytest.raises(FileFormatError, match=message):
        check_count_files(source.counts, genome)


def test_build__refuses_a_file_without_a_contig_that_has_windows(counted: Counted) -> None:
    del counted.signals[0]["C"]
    write_counts(counted.files[0], counted.signals[0])
    with pytest.raises(FileFormatError, match=r"lacks contig C, which has windows \(1 of 4 contigs .*windows\.exclude"):
        counted.build()


def test_build__refuses_a_file_without_reads_in_windows(counted: Counted) -> None:
    silent = {name: np.zeros(length, np.float32) for name, length in LENGTHS.items()}
    for values in silent.values():
        values[-1] = 1  # so that the contigs are in the file
    write_counts(counted.files[2], silent)
    with pytest.raises(FileFormatError, match=r"2\.bw \(counts atac\): no read begins in any window"):
        counted.build(width=2, shift=0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tracks": ()}, r"data\.counts\.tracks: there is no track"),
        ({"tracks": (CountSource("a"),)}, r"track 'a': no file given; expected either bigwig, .* or plus and minus"),
        ({"tracks": (CountSource("a", plus=Path("p.bw")),)}, r"track 'a': plus given; expected either bigwig"),
        ({"tracks": (CountSource("a", Path("b.bw"), Path("p.bw")),)}, r"track 'a': bigwig and plus given; expected"),
        ({"tracks": (CountSource("a", Path("b.bw")),) * 2}, r"2 tracks have the name 'a'; expected different names"),
        ({"width": 99}, r"width: 99 bases in the middle of windows of 100; .* an even number less than it"),
        ({"width": 102}, r"width: 102 bases in the middle of windows of 100; expected from 1 base to the window's"),
        ({"shift": -1}, r"data\.counts\.shift: -1; expected 0 or more bases"),
    ],
)
def test_layout__names_what_is_impossible(changes: dict[str, object], message: str, small_genome: SmallGenome) -> None:
    counts = replace(CountConfig((CountSource("a", Path("b.bw")),)), **changes)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=message):
        layout_of(counts, small_genome.config.windows)
