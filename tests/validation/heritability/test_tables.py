from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ambergen.errors import FileFormatError
from ambergen.validation.heritability.tables import TABLES, TRACKS, frame_of, read_table, write_table

ROW = {"arm": "searched", "model": "m", "trait": "t", "track": "a b", "status": "ok", "n_snps": 3, "h2": 1 / 3}


def test_table__comes_back_with_all_digits_and_columns(tmp_path: Path) -> None:
    frame = frame_of("tracks", [ROW, {**ROW, "h2": None, "reason": "why", "n_snps": 0}])
    write_table(tmp_path, "tracks", frame)
    found = read_table(tmp_path, "tracks")
    pd.testing.assert_frame_equal(found, frame)
    assert found["h2"][0] == 1 / 3
    assert np.isnan(found["h2"][1])
    text = pd.read_csv(tmp_path / "tracks.tsv", sep="\t")
    assert list(text.columns) == list(TRACKS)
    assert text["h2"][0] == pytest.approx(1 / 3, rel=1e-8)


@pytest.mark.parametrize("name", list(TABLES))
def test_table__may_be_empty(tmp_path: Path, name: str) -> None:
    write_table(tmp_path, name, frame_of(name, []))
    found = read_table(tmp_path, name)
    assert len(found) == 0
    assert list(found.columns) == list(TABLES[name])


def test_read_table__says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match=r"there is no such file; expected a folder that .*tracks.* has written"):
        read_table(tmp_path, "tracks")
    frame_of("tracks", [ROW]).drop(columns="q").to_parquet(tmp_path / "tracks.parquet")
    with pytest.raises(FileFormatError, match="has no column q"):
        read_table(tmp_path, "tracks")
    (tmp_path / "tracks.parquet").write_text("no")
    with pytest.raises(FileFormatError, match="no Parquet file"):
        read_table(tmp_path, "tracks")
