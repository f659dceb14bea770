"""`ambergen ldscore` as a user runs it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ambergen.cli.main import main
from ambergen.io.ld_score_files import read_ld_scores
from ambergen.statgen.linkage import ld_scores
from tests.plink import write_plink

Run = Callable[..., tuple[int, str, str]]
COUNTS = np.random.default_rng(0).integers(0, 3, (30, 20)).astype(float)
CM = 0.1 * np.arange(20)


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs `ambergen ldscore` in a folder with `panel.1`, `panel.2` and `peaks.bed`: status, stdout, stderr."""
    monkeypatch.chdir(tmp_path)
    for chromosome in ("1", "2"):
        write_plink(tmp_path / f"panel.{chromosome}", COUNTS, CM, contigs=[chromosome] * 20)
    (tmp_path / "peaks.bed").write_text("chr1\t2000\t6000\nchr2\t0\t3000\n")

    def go(*words: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as caught:
            main(["ldscore", *words])
        told = capsys.readouterr()
        return int(caught.value.code or 0), told.out, told.err

    return go


def test_ldscore__writes_files_of_ldsc_a_chromosome_and_a_record(run: Run, tmp_path: Path) -> None:
    status, out, err = run("panel.@", "-a", "peaks.bed", "--ld-wind-cm", "0.5", "-o", "out/peaks.@")
    assert status == 0, err
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        *(f"peaks.{c}.l2.{ending}" for c in "12" for ending in ("M", "M_5_50", "ldscore.gz")),
        "peaks.l2.json",
    ]
    found = read_ld_scores("out/peaks.@")
    inside = np.isin(np.arange(20), range(2, 6))  # of positions 3000 … 6000, which count from 1
    assert found.names == ("peaksL2",)
    np.testing.assert_allclose(found.scores[:20], ld_scores(COUNTS, CM, inside, 0.5), rtol=1e-7)
    np.testing.assert_array_equal(found.m, [4 + 3])
    assert "peaksL2" in out
    assert "LD scores" in err
    record = json.loads((tmp_path / "out" / "peaks.l2.json").read_text())
    assert record["settings"]["reach"] == 0.5
    assert record["chromosomes"]["2"]["variants"] == 20
    assert record["provenance"]["versions"]["ambergen"]


def test_ldscore__puts_all_chromosomes_into_one_file_where_no_at_sign_asks_for_more(run: Run) -> None:
    status, out, _ = run("panel.", "--ld-wind-snps", "3", "-o", "all", "--json")
    assert status == 0
    summary = json.loads(out)
    assert summary["annotations"] == [{"name": "L2", "M": 40.0, "M_5_50": 40.0}]
    assert [Path(name).name for name in summary["files"]] == [
        "all.l2.ldscore.gz",
        "all.l2.M",
        "all.l2.M_5_50",
        "all.l2.json",
    ]
    assert len(read_ld_scores("all")) == 40


def test_ldscore__says_what_an_annotation_of_one_value_means(run: Run, tmp_path: Path) -> None:
    (tmp_path / "base.annot").write_text("base\n" + "1\n" * 20)
    status, _, err = run("panel.1", "-a", "base.annot", "-o", "base")
    assert status == 0
    assert "base has one value for all variants" in err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("panel.3", "-o", "x"), "panel.3.bim: there is no such file"),
        (("nothing.@", "-o", "x"), "nothing.@: there is no such file for any chromosome"),
        (("panel.1", "-a", "peaks.bed", "-a", "peaks.bed", "-o", "x"), "two annotations are called peaks"),
        (("panel.1", "-o", "x", "--ld-wind-cm", "1", "--ld-wind-kb", "5"), "the reach is given twice"),
        (("panel.1", "-o", "x", "--ld-wind-kb", "-5"), "the reach is -5 kb; expected more than 0"),
        (("panel.1", "-o", "x", "--maf", "0.7"), "the frequency is 0.7; expected 0 or more and less than 0.5"),
        (("panel.1", "-o", "x", "--score", "size"), "--score size: there is no such score; expected abs_diff"),
        (("panel.1", "-o", "x", "--print-snps", "peaks.bed"), "none of the variants of the list is in the panel"),
        (
            ("panel.1", "-o", "x", "--cm-map", "peaks.bed"),
            "peaks.bed, line 1: 'chr1' and '6000' are no position and centimorgans",
        ),
    ],
)
def test_ldscore__of_wrong_input_is_one_message_and_no_file(
    run: Run, tmp_path: Path, words: tuple[str, ...], message: str
) -> None:
    before = sorted(tmp_path.iterdir())
    status, out, err = run(*words)
    assert status == 2
    assert message in err
    assert "Traceback" not in err
    assert out == ""
    assert sorted(tmp_path.iterdir()) == before


def test_ldscore__cut_short_genotypes_leave_no_file(run: Run, tmp_path: Path) -> None:
    bed = tmp_path / "panel.2.bed"
    bed.write_bytes(bed.read_bytes()[:-1])
    status, _, err = run("panel.@", "-o", "out/x.@")
    assert status == 2
    assert "panel.2.bed: the file is cut short" in err
    assert not (tmp_path / "out").exists()


def test_ldscore__help_has_an_example(run: Run) -> None:
    status, out, _ = run("--help")
    assert status == 0
    assert "ambergen ldscore 1000G.EUR.@" in out
