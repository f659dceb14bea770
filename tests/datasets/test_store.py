from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ambergen.datasets.building import build
from ambergen.datasets.store import Store
from ambergen.errors import ConfigError, StoreError
from tests.datasets.conftest import SmallGenome


@pytest.fixture
def store(small_genome: SmallGenome) -> Store:
    return build(small_genome.config, small_genome.folder / "store")


def test_open__gives_what_was_built(store: Store) -> None:
    again = Store.open(str(store.path))
    rows = np.arange(store.n_windows)
    assert again.checksum == store.checksum
    np.testing.assert_array_equal(again.tokens(rows), store.tokens(rows))
    np.testing.assert_array_equal(again.labels(rows), store.labels(rows))


def test_indices__every_window_is_in_one_split(store: Store) -> None:
    parts = [store.indices(split) for split in ("train", "search", "selection", "test")]
    np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.arange(store.n_windows))
    with pytest.raises(ConfigError, match="there is no split 'dev'"):
        store.indices("dev")


def test_store__is_sent_to_other_processes_as_its_path(store: Store) -> None:
    store.tokens(np.arange(3))
    sent = pickle.dumps(store)
    assert len(sent) < 500
    assert pickle.loads(sent).checksum == store.checksum


def edit(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], object]:
    """Changes the manifest."""

    def apply(folder: Path) -> None:
        manifest = json.loads((folder / "manifest.json").read_text())
        change(manifest)
        (folder / "manifest.json").write_text(json.dumps(manifest))

    return apply


def cut(name: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes()[:-2])


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (
            lambda folder: (folder / "manifest.json").unlink(),
            r"there is no store here; expected a folder with manifest",
        ),
        (lambda folder: (folder / "labels.npy").unlink(), r"labels\.npy: the file is gone; the store is damaged"),
        (cut("tokens.npy"), r"tokens\.npy: the file has 20,626 bytes, its manifest says 20,628; the store is damaged"),
        (cut("manifest.json"), r"manifest\.json: this is not JSON"),
        (cut("offsets.npy"), r"offsets\.npy: the file has"),
        (edit(lambda manifest: manifest.update(version=99)), r"the store has version 99, this ambergen reads 1\."),
        (
            edit(lambda manifest: manifest.update(format="zarr")),
            r"this is not the manifest of a store; expected format",
        ),
        (edit(lambda manifest: manifest.pop("tracks")), r"manifest\.json: 'tracks' is not in it; the store is damaged"),
    ],
)
def test_open__tells_to_build_a_damaged_store_again(
    store: Store, damage: Callable[[Path], object], message: str
) -> None:
    damage(store.path)
    with pytest.raises(StoreError, match=message + r".*Build the store again \(`ambergen build RUN\.yaml`\)"):
        Store.open(store.path)


def test_open__tells_that_there_is_none(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"nowhere: there is no store here"):
        Store.open(tmp_path / "nowhere")
