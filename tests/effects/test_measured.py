from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import spearmanr

import ambergen as ag
from ambergen.effects.measured import agreement, read_measured
from ambergen.errors import FileFormatError
from ambergen.io.genome import Genome
from tests.effects.conftest import Linear


def test_agreement__of_a_measurement_of_the_model_itself(
    tmp_path: Path, genome: Genome, sequences: dict[str, str]
) -> None:
    rng = np.random.default_rng(0)
    text = sequences["chr1"]
    variants = [("chr1", p + 1, text[p], alt) for p in range(50, 90) for alt in "ACGT" if alt != text[p]]
    effects = ag.effects.score(Linear(21), genome, variants)
    noisy = effects.logit_diff[:, 1] + rng.normal(size=len(variants))
    lines = ["Chrom\tPos\tRef\tAlt\tElement\tCoefficient"]
    for (contig, position, ref, alt), first, second in zip(
        variants, 2 * effects.logit_diff[:, 0].astype(float) + 1, noisy, strict=True
    ):
        lines.append(f"{contig.removeprefix('chr')}\t{position}\t{ref.lower()}\t{alt}\tone\t{first:.9g}")
        lines.append(f"{contig}\t{position}\t{ref}\t{alt}\ttwo\t{second:.9g}")
    lines += ["1\t999\tA\tC\ttwo\t5", "1\t60\tA\t-\ttwo\tNA"]
    (tmp_path / "m.tsv").write_text("\n".join(lines) + "\n")
    measured = read_measured(tmp_path / "m.tsv", "Coefficient", "Element")
    found = agreement(effects, measured, "logit_diff", genome.aliases())
    assert found[["group", "track", "measured", "n"]].to_numpy().tolist() == [
        ["one", "track0", 120, 120],
        ["one", "track1", 120, 120],
        ["two", "track0", 121, 120],
        ["two", "track1", 121, 120],
    ]
    assert found["pearson"][0] == pytest.approx(1, abs=1e-6)
    assert found["spearman"][0] == pytest.approx(1)
    assert found["pearson"][3] == pytest.approx(np.corrcoef(effects.logit_diff[:, 1], noisy)[0, 1], abs=1e-6)
    sizes = np.abs(effects.logit_diff[:, 1]), np.abs(noisy)
    assert found["spearman_abs"][3] == pytest.approx(spearmanr(*sizes).statistic, abs=1e-4)


def test_agreement__has_none_where_there_is_too_little(tmp_path: Path, genome: Genome) -> None:
    (tmp_path / "m.tsv").write_text("chrom\tpos\tref\talt\tx\nchr1\t5\tA\tC\t1\nchr1\t6\tA\tC\t2\n")
    effects = ag.effects.score(Linear(21), genome, [("chr1", 5, "A", "C"), ("chr1", 6, "A", "C")])
    found = agreement(effects, read_measured(tmp_path / "m.tsv", "x"), "diff", genome.aliases())
    assert found["n"].tolist() == [2, 2]
    assert found[["pearson", "spearman", "pearson_abs", "spearman_abs"]].isna().all(axis=None)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("chrom\tpos\tref\talt\n", "x is missing"),
        ("chrom\tpos\tref\tx\n", "alt is missing"),
        ("chrom\tpos\tref\talt\tx\n1\t5\tA\tC\tmuch\n", "row 1: measured is 'much'; expected a number, or NA"),
        ("chrom\tpos\tref\talt\tx\n1\tfive\tA\tC\t1\n", "row 1: pos is 'five'"),
        ("", "cannot be read as a table"),
    ],
)
def test_read_measured__refuses_with_a_remedy(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "m.tsv").write_text(text)
    with pytest.raises(FileFormatError, match=words):
        read_measured(tmp_path / "m.tsv", "x")
