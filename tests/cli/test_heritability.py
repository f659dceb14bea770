from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.cli.conftest import Command, Refused
from tests.validation.heritability.panel import Files, write

TABLE = "SNP A1 A2 P BETA N INFO\nrs1 A G 0.05 -1 100 1\nrs2 A T 0.5 1 100 1\nrs3 A C 0.5 1 100 0.5\n"


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return write(tmp_path, n_traits=2)


def arguments(files: Files, *more: object) -> list[object]:
    return ["run", files.sumstats(), "--ref-ld", files.ld, "--w-ld", files.weights, "--n-blocks", 30, *more]


def test_munge__writes_statistics_and_tells_what_it_dropped(
    tmp_path: Path, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "study.txt").write_text(TABLE)
    assert command("heritability", "munge", tmp_path / "study.txt", "-o", tmp_path / "height") == 0
    text = capsys.readouterr().out
    assert "dropped: INFO" in text
    assert "p of P" in text
    written = pd.read_csv(tmp_path / "height.sumstats.gz", sep="\t")
    assert list(written.columns) == ["SNP", "A1", "A2", "N", "Z"]
    assert written["Z"].to_list() == pytest.approx([-1.959964], rel=1e-6)


def test_munge__json_has_the_counts_and_wrong_input_leaves_no_file(
    tmp_path: Path, command: Command, refused: Refused, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "study.txt").write_text(TABLE)
    out = tmp_path / "height.sumstats"
    assert command("heritability", "munge", tmp_path / "study.txt", "-o", out, "--info-min", 0.4, "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert report["dropped"] == {"alleles that are the same on both strands": 1}
    assert report["file"].endswith("height.sumstats.gz")
    (tmp_path / "bad.txt").write_text(TABLE.replace("100 1\n", "-9 1\n"))
    assert "line 2: N is -9" in refused("heritability", "munge", tmp_path / "bad.txt", "-o", tmp_path / "bad")
    assert not (tmp_path / "bad.sumstats.gz").exists()


def test_run__writes_the_files_of_ldsc(files: Files, command: Command, capsys: pytest.CaptureFixture[str]) -> None:
    out = files.folder / "out"
    options = ("--frqfile", files.frequencies, "--quantiles-of", "level", "--test", "active,level")
    assert command("heritability", *arguments(files, *options, "--versus", "active,level", "-o", out)) == 0
    text = capsys.readouterr().out
    for words in ("2,000 in 30 blocks", "intercept", "tau* of active minus that of level", "2 degrees of freedom"):
        assert words in text
    results = pd.read_csv(out / "trait0.results", sep="\t")
    assert results["Category"].to_list() == ["base", "active", "level"]
    assert {"Prop._SNPs", "Prop._h2", "Enrichment", "Enrichment_p", "Coefficient_z-score"} <= set(results.columns)
    delete = np.loadtxt(out / "trait0.part_delete")
    assert delete.shape == (30, 3)
    record = json.loads((out / "trait0.json").read_text())
    m = np.loadtxt(files.folder / "ld.1.l2.M_5_50") + np.loadtxt(files.folder / "ld.2.l2.M_5_50")
    assert np.loadtxt(out / "trait0.delete") == pytest.approx(delete @ m, rel=1e-9)
    assert record["settings"]["n_blocks"] == 30
    assert "versions" in record["provenance"]
    assert len(pd.read_csv(out / "trait0.quantiles", sep="\t")) == 5


def test_run__writes_a_page_with_figures(
    files: Files, command: Command, refused: Refused, capsys: pytest.CaptureFixture[str]
) -> None:
    page = files.folder / "pages" / "traits.html"
    options = ("--frqfile", files.frequencies, "--quantiles-of", "level", "--report", page)
    assert command("heritability", *arguments(files, *options)) == 0
    words = page.read_text()
    assert "Partitioned heritability · 3 annotations · 1 trait" in words
    assert "Of 2 tests of enrichment in 1 trait" in words  # not of the base annotation
    assert words.count("<svg") == 2  # enrichments, quantiles; too few points for others
    assert "Quantiles of continuous annotations" in words
    assert "ld.@" in words  # the settings
    capsys.readouterr()
    assert command("heritability", *arguments(files, "--report", page)) == 0
    assert "which need the annotations and the panel’s frequencies" in page.read_text()
    assert "is a folder; expected the name of a page" in refused(
        "heritability", *arguments(files, "--report", files.folder)
    )


def test_run__of_several_traits_prints_json_and_their_meta_analysis(
    files: Files, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    first, *rest = arguments(files, "--frqfile", files.frequencies, "--json", "-o", files.folder / "out")
    assert command("heritability", first, files.sumstats(1), *rest) == 0
    printed = json.loads(capsys.readouterr().out)
    assert [trait["trait"] for trait in printed["traits"]] == ["trait1", "trait0"]
    assert {row["model"] for row in printed["meta"]} == {"common", "random"}
    assert len(pd.read_csv(files.folder / "out" / "meta.tsv", sep="\t")) == len(printed["meta"])


def test_run__without_annotations_has_coefficients_only(
    files: Files, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("heritability", *arguments(files, "--intercept-h2", 1, "--json")) == 0
    (trait,) = json.loads(capsys.readouterr().out)["traits"]
    assert trait["intercept"] == 1
    assert trait["intercept_error"] is None
    assert trait["annotations"][1]["Enrichment_p"] is None
    assert "tau_star" not in trait["annotations"][1]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--n-blocks", 300], "2,000 variants are left for 300 blocks"),
        (["--quantiles-of", "level"], "need the annotations. Give --annot and --frqfile or --bfile"),
        (["--annot", "x.annot"], "needs the frequencies of the panel"),
        (["--samp-prev", 0.5], "one of --samp-prev and --pop-prev is absent"),
        (["--test", "promoter"], "there is no such annotation in the regression of trait0"),
        (["--versus", "a"], "expected two annotations"),
        (["--ref-ld", "nothing.@"], "there is no such file for any chromosome"),
    ],
)
def test_run__wrong_input_is_told_and_writes_nothing(
    files: Files, refused: Refused, more: list[object], words: str
) -> None:
    out = files.folder / "out"
    assert words in refused("heritability", *arguments(files, *more, "-o", out))
    assert not out.exists()


def test_run__sizes_of_another_panel_are_refused(
    files: Files, command: Command, refused: Refused, capsys: pytest.CaptureFixture[str]
) -> None:
    path = files.folder / "ld.1.l2.M_5_50"
    sizes = [float(size) for size in path.read_text().split()]
    path.write_text("\t".join(f"{1.5 * size:g}" for size in sizes) + "\n")
    assert command("heritability", *arguments(files)) == 0  # without annotations nothing is compared
    capsys.readouterr()
    assert "over the common variants (.l2.M_5_50), and to" in refused(
        "heritability", *arguments(files, "--frqfile", files.frequencies)
    )
