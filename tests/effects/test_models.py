from __future__ import annotations

from pathlib import Path

import pytest

from ambergen.effects.models import load_ensemble
from ambergen.errors import StoreError
from tests.effects.conftest import make_model


def test_load_ensemble__one_model_or_all_seeds(tmp_path: Path) -> None:
    for seed in (0, 1, 10):
        make_model(seed=seed).save(tmp_path / f"seed{seed}")
    (tmp_path / "seed2").mkdir()
    one, all_seeds = load_ensemble(tmp_path / "seed1"), load_ensemble(tmp_path)
    assert one.folders == (tmp_path / "seed1",)
    assert [folder.name for folder in all_seeds.folders] == ["seed0", "seed1", "seed10"]
    assert all_seeds.models[0].tracks == ("both", "forward", "reverse")


def test_load_ensemble__checksum_is_of_the_weights(tmp_path: Path) -> None:
    make_model(seed=0).save(tmp_path / "a")
    make_model(seed=1).save(tmp_path / "b")
    again = make_model(seed=0)
    again.provenance = {"made": "elsewhere"}
    again.save(tmp_path / "c")
    a, b, c = (load_ensemble(tmp_path / name).checksum for name in "abc")
    assert a == c != b


def test_load_ensemble__refuses_a_folder_without_models(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"there is no model; expected a folder with model.json"):
        load_ensemble(tmp_path)
