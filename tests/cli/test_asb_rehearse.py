"""`ambergen asb rehearse`: from a run file, and on folders of models."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ambergen.baselines.kmer import KmerRegression
from ambergen.baselines.motif_scorer import MotifScorer
from ambergen.baselines.pwm import PWM
from tests.cli.conftest import Command, Refused
from tests.sites import LENGTH, motif_counts, sites_store, write_sites

RUN = """\
data:
  table: {train: sites.tsv, contig: chrom, sites: bound, shuffles: 1}
  split: {test: [chr4], selection: [chr3], search: [chr2]}
  on_leak: drop
space: {layers: 2, operations: [conv8, max_pool4, identity], width: 8, reduce: 0, head: gap, hidden: 8}
search: {method: random, budget: 2 trials, finalists: 1, short_training: {train: {epochs: 1, batch: 64}}}
train: {seeds: 1, epochs: 1, batch: 64}
compare: {sampled: 1, scorers: [pwm], motifs: motifs.jaspar}
execute: {engine: inline}
out: out
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of sites, two scorers of them and a truth."""
    path = tmp_path_factory.mktemp("rehearse")
    store = sites_store(path)
    KmerRegression.fit(store, learned=("test",)).save(path / "truth")
    KmerRegression.fit(store, provenance={"store": store.checksum}).save(path / "kmer")
    both = ("train", "test")
    KmerRegression.fit(store, 0, both, provenance={"store": store.checksum, "learned": both}).save(path / "spy")
    MotifScorer({"bound": (PWM(motif_counts()),)}, LENGTH).save(path / "pwm")
    return path


def test_rehearse__trains_what_a_run_file_names_and_its_truths(
    tmp_path: Path, command: Command, refused: Refused, capsys: pytest.CaptureFixture[str]
) -> None:
    write_sites(tmp_path / "sites.tsv")
    rows = "\n".join(
        f"{letter} [ {' '.join(map(str, row))} ]" for letter, row in zip("ACGT", motif_counts(), strict=True)
    )
    (tmp_path / "motifs.jaspar").write_text(f">M1 factor\n{rows}\n")
    (tmp_path / "run.yaml").write_text(RUN)
    arguments = ("asb", "rehearse", tmp_path / "run.yaml", "--variants", 400, "--spread", 1.5)
    assert "there is no track 'CTCF'; expected one of bound" in refused(*arguments, "--track", "CTCF")
    assert {path.name for path in (tmp_path / "out").iterdir() if path.is_dir()} == {"store"}  # nothing was trained
    assert command(*arguments, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    names = [row["name"] for row in found["windows"]]
    assert names == ["searched", "sampled 1", "known motifs", "6-mers", "Basset"]
    assert {row["truth"] for row in found["figures"]} == {"6-mers", "Basset"}
    assert {(row["truth"], row["scorer"]) for row in found["figures"] if row["same_kind"]} == {
        ("Basset", "searched"),
        ("Basset", "sampled 1"),
    }
    out = tmp_path / "out" / "rehearsal"
    page = (out / "rehearsal.html").read_text()
    assert "The truth is a model, too" in page
    assert "Basset-60/asb.html" in page
    assert (out / "Basset-60" / "asb.html").exists()
    assert len(pd.read_csv(out / "figures.tsv", sep="\t")) == 6
    # What is trained is kept, and another seed is another truth.
    assert command(*arguments) == 0
    assert "* of the kind of the truth" in capsys.readouterr().out
    assert "trained on another store or split, or with another seed" in refused(*arguments, "--seed", 1)


def test_rehearse__takes_folders_of_models(folder: Path, command: Command, capsys: pytest.CaptureFixture[str]) -> None:
    given = (f"words={folder / 'kmer'}", folder / "pwm", "--store", folder / "store", "--truth", folder / "truth")
    options = ("--variants", 300, "--depth", 30, "--depth", 100, "-o", folder / "out")
    assert command("asb", "rehearse", *given, *options) == 0
    text = capsys.readouterr().out
    assert "Truth: truth, 30 reads a site" in text
    assert "words *" in text
    record = json.loads((folder / "out" / "rehearsal.json").read_text())
    assert record["settings"]["depths"] == [30, 100]
    assert np.isfinite([row["auroc"] for row in record["windows"]]).all()
    assert not (folder / "out" / "truths").exists()


def test_rehearse__tells_which_scorers_may_have_seen_the_windows(
    folder: Path, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    given = (folder / "kmer", folder / "spy", folder / "pwm", "--store", folder / "store", "--truth", folder / "truth")
    assert command("asb", "rehearse", *given, "--variants", 100, "-o", folder / "noted", "--json") == 0
    assert json.loads(capsys.readouterr().out)["notes"] == [
        "spy was trained on the windows of test, so its figures are not of held-out ones.",
        "pwm was not trained on this store; whether it saw the windows of test is not known.",
    ]
    assert "spy was trained on the windows" in (folder / "noted" / "rehearsal.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["kmer", "-o", "o"], "the windows that variants are put into are not known"),
        (["kmer", "--store", "store"], "need a folder. Name it with --out"),
        (["kmer", "kmer", "--store", "store", "-o", "o"], "two models are called 'kmer'"),
        (["kmer", "--store", "store", "--truth", "t=kmer", "-o", "o"], "this model is the scorer kmer, too"),
        (["kmer", "--store", "store", "-o", "o", "--set", "a=1"], "--set changes a run file"),
        (["absent", "--store", "store", "-o", "o"], "absent: there is no model"),
        (["absent.yaml", "--truth", "absent"], "absent: there is no model"),
        (["kmer", "--store", "store", "-o", "o", "--track", "nope"], "there is no track 'nope'; expected one of"),
        (["kmer", "--store", "kmer", "-o", "o"], "kmer: there is no store here"),
    ],
)
def test_rehearse__says_what_is_wrong(
    folder: Path, refused: Refused, monkeypatch: pytest.MonkeyPatch, arguments: list[str], words: str
) -> None:
    monkeypatch.chdir(folder)
    assert words in refused("asb", "rehearse", *arguments)
    assert not (folder / "o").exists()
