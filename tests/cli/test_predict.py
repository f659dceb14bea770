from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from ambergen.io.fasta import read_contigs
from ambergen.training.model import Model
from tests.cli.conftest import Command, Refused


@pytest.fixture
def model(trained: Path) -> Path:
    return next((trained / "out" / "models").glob("*/seed0"))


def test_predict__sequences_are_centred_and_named(
    model: Path, tmp_path: Path, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.fa").write_text(">whole\n" + "ACGT" * 16 + "\n>short\nGATTAATC\n")
    assert command("predict", model, tmp_path / "a.fa") == 0
    rows = pd.read_csv(io.StringIO(capsys.readouterr().out), sep="\t")
    assert list(rows.columns) == ["name", "palindrome", "forward", "reverse"]
    assert list(rows["name"]) == ["whole", "short"]
    loaded = Model.load(model)
    tokens = np.full((1, 64), 4, np.uint8)
    tokens[0, 28:36] = loaded.alphabet.encode("GATTAATC", "here")
    assert rows.iloc[1, 1:].to_numpy(float) == pytest.approx(expit(loaded.predict(tokens))[0], abs=1e-5)


def test_predict__intervals_are_windows_around_their_middle(model: Path, trained: Path, command: Command) -> None:
    bed, out = trained / "some.bed", trained / "tracks.parquet"
    bed.write_text("test\t1000\t1010\ntest\t0\t4\ntrain\t500\t700\n")
    assert command("predict", model, bed, "--genome", trained / "genome.fa", "-o", out) == 0
    rows = pd.read_parquet(out)
    assert list(rows["start"]) == [500, 1000, 0]
    contig = next(c for c in read_contigs(trained / "genome.fa") if c.name == "test")
    loaded = Model.load(model)
    whole = contig.tokens[1005 - 32 : 1005 + 32]
    edge = np.concatenate([np.full(30, 4, np.uint8), contig.tokens[:34]])
    expected = expit(loaded.predict(np.stack([whole, edge])))
    assert rows.iloc[1:, 3:].to_numpy(float) == pytest.approx(expected, abs=1e-5)


def test_predict__writes_packed_text(model: Path, trained: Path, command: Command) -> None:
    bed, out = trained / "some.bed", trained / "tracks.tsv.gz"
    bed.write_text("test\t1000\t1010\n")
    assert command("predict", model, bed, "--genome", trained / "genome.fa", "-o", out) == 0
    assert len(pd.read_csv(out, sep="\t")) == 1
    assert not list(trained.glob(".part-*"))


@pytest.mark.parametrize(
    ("name", "text", "options", "words"),
    [
        ("a.fa", ">long\n" + "A" * 65 + "\n", [], "has 65 bases; this model sees 64. Cut it into windows"),
        ("a.bed", "test\t1\t9\n", [], "Name their genome with --genome"),
        ("a.bed", "chr9\t1\t9\n", ["--genome", "genome.fa"], "contig chr9 is not in"),
        ("a.bed", "test\t1\t999999\n", ["--genome", "genome.fa"], "ends beyond contig test"),
        ("a.fa", ">a\nACGT\n", ["-o", "a.xlsx"], "expected .tsv, .tsv.gz or .parquet"),
    ],
)
def test_predict__refuses_with_a_remedy(
    model: Path,
    trained: Path,
    refused: Refused,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    text: str,
    options: list[str],
    words: str,
) -> None:
    monkeypatch.chdir(trained)
    Path(name).write_text(text)
    assert words in refused("predict", model, name, *options)


def test_predict__a_folder_without_a_model(tmp_path: Path, refused: Refused) -> None:
    assert "model.json" in refused("predict", tmp_path, tmp_path / "a.fa")
