from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import ambergen as ag
from ambergen.io.annotations import open_annotation
from ambergen.io.genotypes import read_bim
from tests.cli.conftest import Command
from tests.effects.conftest import make_model
from tests.plink import write_plink

OTHER = {"A": "C", "C": "G", "G": "T", "T": "A"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A genome of two chromosomes, 40 variants on each in a panel, and a model of three tracks."""
    rng = np.random.default_rng(5)
    with (tmp_path / "g.fa").open("w") as stream:
        for number in ("1", "2"):
            text = "".join(rng.choice(list("ACGT"), 500))
            stream.write(f">chr{number}\n{text}\n")
            positions = 10 * np.arange(1, 41)
            pairs = [(OTHER[text[p - 1]], text[p - 1]) for p in positions]
            # a bim file may have either allele first
            alleles = [pair[::-1] if k % 2 else pair for k, pair in enumerate(pairs)]
            genotypes = rng.integers(0, 3, (12, 40))
            write_plink(
                tmp_path / f"p.{number}", genotypes, 0.1 * np.arange(40), positions, [number] * 40, alleles=alleles
            )
    make_model().save(tmp_path / "model")
    return tmp_path


def effects(folder: Path) -> ag.effects.Effects:
    rows = []
    genome = dict(zip(*[iter((folder / "g.fa").read_text().split())] * 2, strict=True))
    for number in ("1", "2"):
        text = genome[f">chr{number}"]
        rows += [(number, p, text[p - 1], OTHER[text[p - 1]]) for p in range(10, 410, 10)]
    return ag.effects.score(make_model(), folder / "g.fa", rows)


def annotate(command: Command, folder: Path, source: str, *more: object) -> int:
    return command("heritability", "annotate", folder / source, "--bfile", folder / "p.@", "-o", folder / "a.@", *more)


def written(folder: Path) -> pd.DataFrame:
    return pd.concat([pd.read_csv(folder / f"a.{n}.annot.gz", sep="\t") for n in (1, 2)], ignore_index=True)


def test_annotate__a_model_gives_the_sizes_of_its_effects(
    folder: Path, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    assert annotate(command, folder, "model", "--genome", folder / "g.fa", "--json") == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary["unscored_by_chromosome"] == {"1": 0, "2": 0}
    table, expected = written(folder), effects(folder)
    assert list(table.columns) == ["CHR", "BP", "SNP", "CM", *expected.tracks]
    assert table[list(expected.tracks)].to_numpy() == pytest.approx(np.abs(expected.diff), rel=1e-4, abs=1e-7)
    found = open_annotation(folder / "a.@")
    variants = read_bim(folder / "p.2.bim")
    assert found.values(variants, slice(0, 40), "2") == pytest.approx(table[list(expected.tracks)].to_numpy()[40:])


def test_annotate__what_was_scored_is_not_scored_again(
    folder: Path, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    assert annotate(command, folder, "model", "--genome", folder / "g.fa") == 0
    first = (folder / "a.1.annot.gz").read_bytes()
    capsys.readouterr()
    assert annotate(command, folder, "model", "--genome", folder / "g.fa") == 0
    assert "has the effects of this model already" in capsys.readouterr().err
    assert (folder / "a.1.annot.gz").read_bytes() == first
    make_model(seed=9).save(folder / "model")
    assert annotate(command, folder, "model", "--genome", folder / "g.fa") == 0
    assert (folder / "a.1.annot.gz").read_bytes() != first


def write_table(folder: Path, rows: list[tuple[object, ...]]) -> None:
    """Effects in long form from (chrom, pos, ref, alt, diff) on one track."""
    made = effects(folder).select_tracks(
        ["track0"] if "track0" in effects(folder).tracks else effects(folder).tracks[:1]
    )
    long = made.rows(0, 1).to_long()
    table = pd.concat([long] * len(rows), ignore_index=True)
    table["record_index"] = range(len(rows))
    for column, cells in zip(("chrom", "pos", "ref", "alt", "diff"), zip(*rows, strict=True), strict=True):
        table[column] = cells
    table.to_csv(folder / "e.tsv", sep="\t", index=False)


def test_annotate__several_alleles_are_averaged_and_the_unmatched_counted(
    folder: Path, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    variants = read_bim(folder / "p.1.bim")
    a, g = variants.first_allele[0], variants.second_allele[0]
    other = next(base for base in "ACGT" if base not in (a, g))
    write_table(folder, [("1", 10, a, g, -0.2), ("1", 10, g, a, 0.4), ("1", 10, g, other, 0.9)])
    assert annotate(command, folder, "e.tsv", "--unscored", 1, "--json") == 0
    assert json.loads(capsys.readouterr().out)["unscored"] == 79
    values = written(folder).iloc[:, 4].to_numpy()
    assert values[0] == pytest.approx(0.3)
    assert not values[1:].any()
    assert annotate(command, folder, "e.tsv", "--unscored", 1, "--match", "position") == 0
    assert written(folder).iloc[0, 4] == pytest.approx(0.5)


def test_annotate__forms(folder: Path, command: Command) -> None:
    model = ("model", "--genome", folder / "g.fa")
    assert annotate(command, folder, *model, "--max-over-tracks") == 0
    largest = np.abs(effects(folder).diff).max(axis=1)
    assert written(folder)["max_over_tracks"].to_numpy() == pytest.approx(largest, rel=1e-4, abs=1e-7)
    assert annotate(command, folder, *model, "--max-over-tracks", "--top", 0.1) == 0
    assert set(np.flatnonzero(written(folder)["max_over_tracks"])) == set(np.argsort(largest)[-8:])
    assert annotate(command, folder, *model, "--rank") == 0
    assert written(folder).iloc[:, 4:].max().to_list() == [1.0] * 3


@pytest.mark.parametrize(
    ("source", "more", "words"),
    [
        ("model", (), "expected --genome FASTA"),
        ("model", ("--genome", "g.fa", "--rank", "--top", 0.1), "an annotation has one form"),
        ("model", ("--genome", "g.fa", "--top", 3), "expected between 0 and 1"),
        ("model", ("--genome", "g.fa", "--track", "nothing"), "there is no track nothing"),
        ("g.fa", (), "neither a file of effects"),
        ("absent.tsv", (), "there is no such file"),
        ("e.tsv", (), "40 of 40 variants of chromosome 1 have no effect"),
    ],
)  # fmt: skip
def test_annotate__wrong_input_is_told_and_writes_nothing(
    folder: Path,
    command: Command,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    source: str,
    more: tuple[object, ...],
    words: str,
) -> None:
    monkeypatch.chdir(folder)
    if source == "e.tsv":
        write_table(folder, [("1", 499, "A", "G", 1.0)])
    assert annotate(command, folder, source, *more) == 2
    assert words in capsys.readouterr().err
    assert not list(folder.glob("a.*.annot.gz"))
