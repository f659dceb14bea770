from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import ambergen as ag
from ambergen.effects.summaries import read_groups, summarise
from ambergen.errors import FileFormatError
from ambergen.io.genome import Genome
from tests.effects.conftest import make_model


def test_summarise__one_row_an_allele_and_group(genome: Genome) -> None:
    effects = ag.effects.score(make_model(), genome, [("chr1", 50, "A", "C,<DEL>"), ("chr1", 60, "A", "G")])
    rows = summarise(effects, "logit_diff", {"stranded": ("forward", "reverse")})
    assert rows["group"].tolist() == ["all", "stranded"] * 3
    assert rows["alt"].tolist() == ["C", "C", "<DEL>", "<DEL>", "G", "G"]
    values = effects.logit_diff.astype(float)
    assert rows["n_tracks"].tolist() == [3, 2] * 3
    assert rows["mean"].to_numpy()[[0, 5]] == pytest.approx([values[0].mean(), values[2, 1:].mean()])
    assert rows["max_abs"].to_numpy()[4] == pytest.approx(np.abs(values[2]).max())
    assert rows["max_abs_track"].tolist()[4] == effects.tracks[np.abs(values[2]).argmax()]
    assert rows["max_abs_track"].tolist()[2:4] == ["", ""]
    assert rows["l2"].to_numpy()[1] == pytest.approx(np.linalg.norm(values[0, 1:]))
    assert rows[["mean", "max_abs", "l2", "sum_abs"]].iloc[2:4].isna().all(axis=None)
    assert "mean_log10_e" not in rows


def test_read_groups__lines_of_track_and_group(tmp_path: Path) -> None:
    path = tmp_path / "groups.tsv"
    path.write_text("# mine\na\tTF\nb\thistone\n\nc\tTF\na\tTF\n")
    assert read_groups(path, ("a", "b", "c")) == {"TF": ("a", "c"), "histone": ("b",)}
    path.write_text("a\tTF\nd\tTF\n")
    with pytest.raises(FileFormatError, match="line 2: the model has no track 'd'; it has a, b, c"):
        read_groups(path, ("a", "b", "c"))
    path.write_text("a TF\n")
    with pytest.raises(FileFormatError, match="line 1: found 1 column; expected a track and its group"):
        read_groups(path, ("a",))
