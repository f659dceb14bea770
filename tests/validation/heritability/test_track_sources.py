from __future__ import annotations

from pathlib import Path

import pytest

from ambergen.errors import InputError
from ambergen.validation.heritability.track_sources import find_sources


def test_find_sources__names_models_by_folder_or_file_and_sorts_them_into_arms(tmp_path: Path) -> None:
    for folder in ("a1/seed0", "a2/seed0", "b"):
        (tmp_path / folder).mkdir(parents=True)
    sources = find_sources(
        [f"{tmp_path}/x.effects.parquet", f"{tmp_path}/annot/mine.@"],
        [f"searched={tmp_path}/a*/seed0", f"sampled={tmp_path}/b,{tmp_path}/e v.tsv.gz"],
    )
    assert [(source.arm, source.model, source.kind) for source in sources] == [
        ("model", "x", "effects"),
        ("model", "mine", "annotation"),
        ("searched", "a1-seed0", "model"),
        ("searched", "a2-seed0", "model"),
        ("sampled", "b", "model"),
        ("sampled", "e_v", "effects"),
    ]
    assert sources[2].place == "searched/a1-seed0"


def test_find_sources__refuses_two_models_of_one_name_in_an_arm(tmp_path: Path) -> None:
    for folder in ("one/best", "two/best"):
        (tmp_path / folder).mkdir(parents=True)
    assert len(find_sources([], [f"x={tmp_path}/one/best", f"y={tmp_path}/two/best"])) == 2
    with pytest.raises(InputError, match="both are called best in the arm x"):
        find_sources([], [f"x={tmp_path}/*/best"])
    with pytest.raises(InputError, match="no model is given; expected --model"):
        find_sources([])
