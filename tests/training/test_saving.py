from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from ambergen.errors import SpaceError, StoreError
from ambergen.training.saving import check_windows, loading, read_description, write_model


def test_write_model__is_read_back(tmp_path: Path) -> None:
    arrays = {"weights": np.arange(6, dtype=np.float32).reshape(2, 3).T, "count": np.array(3)}
    write_model(tmp_path / "model", arrays, {"kind": "mine"})
    assert sorted(p.name for p in (tmp_path / "model").iterdir()) == ["model.json", "model.safetensors"]
    assert read_description(tmp_path / "model") == {"format": 1, "kind": "mine"}
    found = load_file(tmp_path / "model" / "model.safetensors")
    for name, values in arrays.items():
        np.testing.assert_array_equal(found[name], values)


def test_write_model__writes_the_description_last(tmp_path: Path) -> None:
    with pytest.raises(TypeError):
        write_model(tmp_path, {"weights": np.zeros(2, np.float32)}, {"kind": object()})
    assert not (tmp_path / "model.json").exists()


def test_read_description__of_no_model_says_what_was_expected(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"Expected a folder that `ambergen train` wrote, with model\.json and"):
        read_description(tmp_path / "absent")


def test_read_description__of_another_version_says_which(tmp_path: Path) -> None:
    (tmp_path / "model.json").write_text(json.dumps({"format": 99}))
    with pytest.raises(StoreError, match=r"format 99; this ambergen reads format 1\. Train the model again"):
        read_description(tmp_path)


def trip(folder: Path, error: Exception) -> None:
    write_model(folder, {}, {"kind": "mine"})
    with loading(folder) as (arrays, record):
        assert (arrays, record["kind"]) == (folder / "model.safetensors", "mine")
        raise error


@pytest.mark.parametrize("error", [KeyError("spec"), ValueError("torn"), RuntimeError("size mismatch"), IndexError()])
def test_loading__says_that_what_a_block_trips_over_is_damage(tmp_path: Path, error: Exception) -> None:
    said = rf"{tmp_path}: the model does not load \({type(error).__name__}: .*damaged or incomplete; train the model"
    with pytest.raises(StoreError, match=said):
        trip(tmp_path, error)


def test_loading__passes_on_what_a_search_space_says(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"the model does not load: no such plugin$"):
        trip(tmp_path, SpaceError("no such plugin"))


def test_check_windows__says_what_shape_was_expected() -> None:
    check_windows(np.zeros((3, 8), np.uint8), 8, "model")
    with pytest.raises(StoreError, match=r"model: windows have the shape \(3, 7\); expected \(n, 8\)"):
        check_windows(np.zeros((3, 7), np.uint8), 8, "model")
