"""`ambergen mutagenesis` on elements and on a genome."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from ambergen.baselines.motif_scorer import MotifScorer
from ambergen.baselines.pwm import PWM
from tests.cli.conftest import Command, Refused

MOTIFS = """>M1 GATA
A [ 0 20 0 20 ]
C [ 0 0 0 0 ]
G [ 20 0 0 0 ]
T [ 0 0 20 0 ]
>M2 CCAAT
A [ 0 0 20 20 0 ]
C [ 20 20 0 0 0 ]
G [ 0 0 0 0 0 ]
T [ 0 0 0 0 20 ]
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An element with its genome, measurements of two assemblies, motifs and a model."""
    path, rng = tmp_path_factory.mktemp("mutagenesis"), np.random.default_rng(0)
    text = "".join(rng.choice(list("ACGT"), 260))
    (path / "elements.fa").write_text(f">E1 new chr2:1001-1260\n{text}\n")
    (path / "genome.fa").write_text(f">chr2\n{'N' * 1000}{text}\n")
    lines = ["Chrom\tPos\tRef\tAlt\tCoefficient\tElement\tRelease\tBarcodes"]
    for at, ref in enumerate(text):
        for alt in "ACGT-":
            if alt != ref:
                lines.append(f"2\t{1001 + at}\t{ref}\t{alt}\t{rng.normal():.4f}\tE1\tnew\t{rng.integers(1, 30)}")
                lines.append(f"2\t{9001 + at}\t{ref}\t{alt}\t{rng.normal():.4f}\tE1\told\t20")
    (path / "mpra.tsv").write_text("\n".join(lines) + "\n")
    (path / "motifs.jaspar").write_text(MOTIFS)
    MotifScorer({"bound": (PWM(np.eye(4) * 9 + 1),)}, 31).save(path / "model")
    return path


def test_mutagenesis__compares_models_and_matrices(
    folder: Path, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    common = (folder / "mpra.tsv", f"mine={folder / 'model'}", "--by", "Element", "--where", "Release=new")
    given = (
        *common,
        *("--at-least", "Barcodes=10"),
        *("--motifs", folder / "motifs.jaspar"),
        *("--motif", "gata"),
        *("--motif", "M2"),
    )
    assert command("mutagenesis", *given, "--elements", folder / "elements.fa", "-o", folder / "out", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert [row["scorer"] for row in found["table"]] == ["mine", "gata", "M2"]
    assert all(row["n"] == row["measured"] and row["n"] < 780 for row in found["table"])
    assert {"spearman_low", "spearman_abs_high"} <= set(found["table"][0])
    page = (folder / "out" / "mutagenesis.html").read_text()
    assert page.count("<svg") == 2
    assert "E1: " in page
    # On the genome windows are padded as on the element, whose neighbours are not known.
    assert command("mutagenesis", *given, "--genome", folder / "genome.fa", "--json") == 0
    again = json.loads(capsys.readouterr().out)
    for one, other in zip(found["table"], again["table"], strict=True):
        assert one["pearson"] == pytest.approx(other["pearson"])
    assert command("mutagenesis", *given, "--genome", folder / "genome.fa") == 0
    assert "Spearman of sizes" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["model"], "no sequence is given"),
        (["model", "--elements", "elements.fa"], "expected the column that holds the names of the elements"),
        (["--genome", "genome.fa"], "there is no scorer"),
        (["--genome", "genome.fa", "--motif", "gata"], "Add --motifs FILE"),
        (["--genome", "genome.fa", "--motifs", "motifs.jaspar"], "Add --motif NAME"),
        (["model", "model", "--genome", "genome.fa"], "two scorers are called 'model'"),
        (["model", "--genome", "genome.fa", "--where", "Release"], "expected a column, an equals sign and a value"),
        (["model", "--genome", "genome.fa", "--at-least", "Barcodes=many"], "expected a number after the equals sign"),
        (["model", "--elements", "elements.fa", "--by", "Element"], "do not fit the sequences"),
        (["model", "--genome", "genome.fa", "-o", "mpra.tsv"], "mpra.tsv is a file; expected a folder for the results"),
    ],
)
def test_mutagenesis__says_what_is_wrong(
    folder: Path, refused: Refused, monkeypatch: pytest.MonkeyPatch, arguments: list[str], words: str
) -> None:
    monkeypatch.chdir(folder)
    assert words in refused("mutagenesis", "mpra.tsv", *arguments)
