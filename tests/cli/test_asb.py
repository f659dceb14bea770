from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ambergen.effects.engine import score
from ambergen.models.building import make_child
from ambergen.spaces.space import Space
from ambergen.training.model import Model
from ambergen.validation.asb.calls import call
from tests.cli.conftest import Command, Refused

N = 400


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Variants with effects on a genome of two contigs, and two scorers of them."""
    path, rng = tmp_path_factory.mktemp("asb"), np.random.default_rng(0)
    genome = {name: rng.choice(list("ACGT"), 40 * N) for name in ("chr1", "chr8")}
    (path / "genome.fa").write_text("".join(f">{name}\n{''.join(bases)}\n" for name, bases in genome.items()))
    contigs, positions = np.where(np.arange(N) % 2, "chr1", "chr8"), np.arange(N) * 40 + 30
    ref = [genome[c][p - 1] for c, p in zip(contigs, positions, strict=True)]
    alt = ["CATG"["ACGT".index(base)] for base in ref]
    effect = np.where(rng.random(N) < 0.2, rng.normal(0, 3, N), 0)
    variants = pd.DataFrame({"chrom": contigs, "pos": positions, "ref": ref, "alt": alt})
    for name, values in (
        ("truth", effect),
        ("good", effect + rng.normal(0, 1, N)),
        ("poor", effect + rng.normal(0, 5, N)),
    ):
        variants.assign(effect=values).to_csv(path / f"{name}.tsv", sep="\t", index=False)
    return path


@pytest.fixture(scope="module")
def counts(folder: Path, command: Command) -> Path:
    out = folder / "counts.tsv"
    arguments = ("--depth", 90, "--rho", 0.01, "--individuals", 2, "--seed", 3)
    assert command("asb", "simulate", folder / "truth.tsv", *arguments, "-o", out) == 0
    return out


def test_asb__compares_scorers_on_simulated_counts(
    folder: Path, counts: Path, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    out = folder / "out"
    given = (f"fine={folder / 'good.tsv'}", folder / "poor.tsv", counts, "--rho", 0.01, "--held-out", "chr8")
    assert command("asb", *given, "-o", out, "--json") == 0
    told = capsys.readouterr()
    found = json.loads(told.out)
    assert found["scorers"] == ["fine", "poor"]
    assert found["calls"]["n_tested"] == N
    assert found["pairs"][0]["difference"] < 0
    assert {row["subset"] for row in found["figures"]} == {"all", "held_out"}
    assert "800 rows are counts of 400 sites" in told.err
    assert json.loads((out / "asb.json").read_text())["pairs"] == found["pairs"]
    assert (out / "asb.html").read_text().count("<svg") == 4
    sites = pd.read_csv(out / "sites.tsv", sep="\t")
    assert {"fine_score", "poor_score", "label", "held_out"} <= set(sites.columns)
    assert len(sites) == N


def test_asb__prints_a_table(folder: Path, counts: Path, command: Command, capsys: pytest.CaptureFixture[str]) -> None:
    assert command("asb", folder / "good.tsv", counts, "--preset", "amber") == 0
    text = capsys.readouterr().out
    assert "p0, rho                 0.5000, 0.0000" in text
    assert "good tells which allele is bound more" in text


def test_asb__scores_by_a_model(
    folder: Path, counts: Path, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    space = Space(layers=2, operations=("conv8", "max_pool4"), width=8, reduce=(), head="gap", hidden=8, dropout=0.0)
    architecture = space.sample(np.random.default_rng(3))
    spec = {"space": space.to_dict(), "architecture": architecture.to_dict()}
    model = Model(make_child(space, architecture, 2, 41, 4), "child", spec, ("SPI1", "CTCF"), np.arange(2))
    model.save(folder / "model")
    capsys.readouterr()
    few = pd.read_csv(counts, sep="\t").iloc[:60]
    few.to_csv(folder / "few.tsv", sep="\t", index=False)
    options = ("--genome", folder / "genome.fa", "--track", "CTCF", "-o", folder / "by_model")
    assert command("asb", folder / "model", folder / "few.tsv", *options) == 0
    sites = pd.read_csv(folder / "by_model" / "sites.tsv", sep="\t")
    expected = score(model, folder / "genome.fa", call(few).table).logit_diff[:, 1]
    np.testing.assert_allclose(sites["model_score"], expected, rtol=1e-4, atol=1e-7)


def test_asb_simulate__writes_to_a_pipe_what_a_seed_gives(
    folder: Path, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("asb", "simulate", folder / "truth.tsv", "--seed", 3, "--affected", 0) == 0
    text = capsys.readouterr().out
    header, *rows = text.splitlines()
    assert header.split("\t")[:7] == ["chrom", "pos", "ref", "alt", "individual", "ref_reads", "alt_reads"]
    assert len(rows) == N
    assert command("asb", "simulate", folder / "truth.tsv", "--seed", 3, "--affected", 0) == 0
    assert capsys.readouterr().out == text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["good.tsv", "absent.tsv"], "absent.tsv: there is no such file"),
        (["absent.tsv", "counts.tsv"], "there is no such file or folder. Check the path of the scorer absent"),
        (["counts.tsv"], "no columns <name>_score, and no scores were given"),
        (["good.tsv", "good.tsv", "counts.tsv"], "two scorers are called 'good'"),
        (["good.tsv", "poor.tsv"], "there is no column ref_reads, alt_reads"),
        (["good.tsv", "counts.tsv", "--p0", "half"], "--p0 half: expected a number, or the word pair"),
        (["good.tsv", "counts.tsv", "--rho", "1.5"], "rho is 1.5"),
        (["good.tsv", "counts.tsv", "--held-out", "chr8:9"], "'chr8:9': is no region"),
        (["good.tsv", "counts.tsv", "--store", "nowhere"], "there is no store here"),
        (["good.tsv", "counts.tsv", "--score", "other"], "there is no column of numbers 'other'"),
        (["good.tsv", "counts.tsv", "-o", "cards", "--card", "rs0"], "--card rs0: is not among the sites"),
        (["good.tsv", "counts.tsv", "--card", "rs0"], "--card rs0: a card stands on the page. Name its folder"),
        (["good.tsv", "counts.tsv", "-o", "poor.tsv"], "poor.tsv is a file; expected a folder for the results"),
        (["good.tsv", "counts.tsv", "-o", "poor.tsv/x"], "poor.tsv is a file; expected a folder for the results"),
        (["simulate", "truth.tsv", "-o", "truth.tsv"], "truth.tsv: the command reads it, and it would be overwritten"),
        ([".", "counts.tsv"], "Name the genome with --genome FASTA"),
        (["simulate", "truth.tsv", "-o", "counts.xlsx"], "expected .tsv or .tsv.gz"),
        (["simulate", "truth.tsv", "--rho", "1"], "rho is 1.0"),
    ],
)
def test_asb__wrong_input_is_told_and_leaves_nothing(
    folder: Path, counts: Path, refused: Refused, monkeypatch: pytest.MonkeyPatch, arguments: list[str], words: str
) -> None:
    monkeypatch.chdir(folder)
    before = sorted(folder.rglob("*"))
    assert words in refused("asb", *arguments)
    assert [p for p in sorted(folder.rglob("*")) if p.is_file()] == [p for p in before if p.is_file()]


def test_asb__help_has_an_example(command: Command, capsys: pytest.CaptureFixture[str]) -> None:
    for verb in (["asb"], ["asb", "simulate"]):
        assert command(*verb, "--help") == 0
        assert "Examples:" in capsys.readouterr().out
    assert command("asb") == 0
    assert "SCORES_OR_MODEL" in capsys.readouterr().out


def test_asb__the_example_of_the_documentation_shows_the_seed_case(tmp_path: Path, command: Command) -> None:
    example = Path(__file__).parents[2] / "examples" / "asb_rs11658786.tsv"
    assert command("asb", example, "--p0", 0.5, "--rho", 0, "--card", "rs11658786", "-o", tmp_path / "asb") == 0
    page = (tmp_path / "asb" / "asb.html").read_text()
    assert page.count("prefers G ✓") == 2
    assert page.count("prefers A ✗") == 4
