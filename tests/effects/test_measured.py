from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import spearmanr

import ambergen as ag
from ambergen.effects.measured import BLOCK, agreement, correlation_intervals, read_measured
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
        ("chrom\tpos\tref\talt\tx\n1\t5.5\tA\tC\t1\n", "row 1: pos is '5.5'; expected a whole number"),
        ("", "cannot be read as a table"),
    ],
)
def test_read_measured__refuses_with_a_remedy(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "m.tsv").write_text(text)
    with pytest.raises(FileFormatError, match=words):
        read_measured(tmp_path / "m.tsv", "x")


def test_read_measured__takes_the_rows_that_are_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "m.tsv"
    path.write_text(
        "chrom\tpos\tref\talt\tx\tRelease\tn\n1\t5\tA\tC\t1\tnew\t9\n1\t6\tA\tC\tbad\told\t9\n1\t7\tA\tC\t2\tnew\t11\n"
    )
    assert read_measured(path, "x", where={"Release": "new"})["pos"].tolist() == [5, 7]
    assert read_measured(path, "x", where={"Release": "new"}, at_least={"n": 10})["pos"].tolist() == [7]
    with pytest.raises(FileFormatError, match="no row has Release = older and n >= 3; expected some"):
        read_measured(path, "x", where={"Release": "older"}, at_least={"n": 3})
    with pytest.raises(FileFormatError, match="barcodes is missing"):
        read_measured(path, "x", at_least={"barcodes": 3})
    with pytest.raises(FileFormatError, match="row 2: measured is 'bad'"):
        read_measured(path, "x", where={"Release": "old"})


def test_correlation_intervals__hold_the_estimate_and_widen_with_clusters() -> None:
    rng = np.random.default_rng(1)
    pos, chrom = np.arange(600), np.full(600, "e")
    signal = rng.normal(size=600)
    x, y = signal + rng.normal(size=600), signal + rng.normal(size=600)
    found = correlation_intervals(x, y, chrom, pos)
    value = np.corrcoef(x, y)[0, 1]
    assert found["pearson_low"] < value < found["pearson_high"]
    fisher = 2 * 1.96 / np.sqrt(597) * (1 - value**2)
    assert found["pearson_high"] - found["pearson_low"] == pytest.approx(fisher, rel=0.35)
    assert found["spearman_low"] < spearmanr(x, y).statistic < found["spearman_high"]
    # The same number of values, but alike within each block
    first = np.repeat(rng.normal(size=30), BLOCK)
    second = np.repeat(rng.normal(size=30), BLOCK)
    wide = correlation_intervals(first + rng.normal(size=600) / 10, second, chrom, pos)
    assert wide["pearson_high"] - wide["pearson_low"] > 2 * (found["pearson_high"] - found["pearson_low"])


def test_correlation_intervals__are_not_there_with_few_blocks_or_constant_values() -> None:
    pos, chrom = np.arange(9 * BLOCK), np.full(9 * BLOCK, "e")
    values = np.random.default_rng(0).normal(size=len(pos))
    assert np.isnan(list(correlation_intervals(values, values, chrom, pos).values())).all()
    flat = correlation_intervals(np.zeros(500), np.arange(500.0), np.full(500, "e"), np.arange(500))
    assert np.isnan(list(flat.values())).all()
