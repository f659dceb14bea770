from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import ambergen as ag
from ambergen.effects.files import TextOutput, ending, open_output, written_aside
from ambergen.effects.results import Effects, concatenate
from ambergen.errors import FileFormatError, InputError
from ambergen.io.genome import Genome
from tests.effects.conftest import make_model


@pytest.fixture(scope="module")
def effects(genome: Genome) -> Effects:
    models = [make_model(seed=seed) for seed in range(2)]
    variants = [("chr1", p, "A", alt) for p in range(1, 40, 3) for alt in ("C,<DEL>", "AT", "-")]
    return ag.effects.score(models, genome, variants)


@pytest.mark.parametrize("name", ["e.tsv", "e.tsv.gz", "e.parquet", "e.h5"])
def test_files__give_back_what_was_written_in_parts(tmp_path: Path, effects: Effects, name: str) -> None:
    if name.endswith("h5"):
        pytest.importorskip("h5py")
    output = open_output(tmp_path / name, name)
    for first in range(0, len(effects), 7):
        output.write(effects.rows(first, first + 7))
    output.close()
    found = ag.effects.read(tmp_path / name)
    pd.testing.assert_frame_equal(found.variants, effects.variants, check_dtype=False)
    assert found.tracks == effects.tracks
    assert set(found.matrices) == set(effects.matrices)
    for score, values in effects.matrices.items():
        exact = not name.startswith("e.tsv")
        assert found.matrices[score] == pytest.approx(values, rel=0 if exact else 1e-6, abs=1e-9, nan_ok=True)
        assert found.matrices[score].dtype == np.float32


@pytest.mark.parametrize("name", ["e.tsv", "e.parquet", "e.h5"])
def test_read__takes_some_scores_only(tmp_path: Path, effects: Effects, name: str) -> None:
    if name.endswith("h5"):
        pytest.importorskip("h5py")
    output = open_output(tmp_path / name, name)
    output.write(replace(effects, matrices={k: v for k, v in effects.matrices.items() if k != "logit_diff"}))
    output.close()
    found = ag.effects.read(tmp_path / name, ("diff", "logit_diff"))
    assert set(found.matrices) == {"diff"}
    pd.testing.assert_frame_equal(found.variants, effects.variants, check_dtype=False)
    assert found.matrices["diff"] == pytest.approx(effects.diff, rel=1e-6, abs=1e-9, nan_ok=True)


def test_text_output__has_one_header_and_a_row_an_allele_and_track(tmp_path: Path, effects: Effects) -> None:
    output = TextOutput.open(tmp_path / "e.tsv.gz")
    output.write(effects.rows(0, 1))
    output.write(effects.rows(1, 3))
    output.close()
    lines = gzip.decompress((tmp_path / "e.tsv.gz").read_bytes()).decode().splitlines()
    assert len(lines) == 1 + 3 * 3
    assert lines[0].split("\t")[:8] == ["record_index", "alt_index", "chrom", "pos", "id", "ref", "alt", "track"]
    assert lines[1].split("\t")[:8] == ["0", "0", "chr1", "1", ".", "A", "C", "both"]


def test_effects__are_put_together_and_chosen_from(effects: Effects) -> None:
    parts = [effects.rows(0, 5), effects.rows(5, len(effects))]
    whole = concatenate(parts)
    pd.testing.assert_frame_equal(whole.variants, effects.variants)
    assert np.array_equal(whole.diff, effects.diff, equal_nan=True)
    some = effects.select_tracks(["reverse", "both"])
    assert some.tracks == ("reverse", "both")
    assert np.array_equal(some.logit_diff, effects.logit_diff[:, [2, 0]], equal_nan=True)


def test_written_aside__leaves_what_was_there_where_it_fails(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.tsv"
    with written_aside(path) as part:
        part.write_text("one")
    with pytest.raises(IsADirectoryError), written_aside(path) as part:
        part.write_text(tmp_path.read_text())
    assert path.read_text() == "one"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(
    ("name", "expected"), [("a.b.tsv.gz", ".tsv.gz"), ("a.TSV", ".tsv"), ("a.v1.parquet", ".parquet"), ("a", "")]
)
def test_ending__is_of_the_name(name: str, expected: str) -> None:
    assert ending(Path(name)) == expected


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.tsv", "x\ty\n1\t2\n", "the column record_index is missing"),
        ("a.tsv", "", "cannot be read as effects of variants"),
        ("a.parquet", "nothing", "cannot be read as effects of variants"),
        ("a.h5", "nothing", "cannot be read as effects of variants"),
        ("b.tsv", None, "there is no such file"),
    ],
)
def test_read__refuses_other_files(tmp_path: Path, name: str, content: str | None, words: str) -> None:
    if name.endswith("h5"):
        pytest.importorskip("h5py")
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(FileFormatError, match=words):
        ag.effects.read(tmp_path / name)


def test_read__refuses_half_a_table_and_unknown_endings(tmp_path: Path, effects: Effects) -> None:
    effects.to_long().iloc[:-1].to_csv(tmp_path / "a.tsv", sep="\t", index=False)
    with pytest.raises(FileFormatError, match="every track for every allele"):
        ag.effects.read(tmp_path / "a.tsv")
    pd.DataFrame({"a": [1]}).to_parquet(tmp_path / "a.parquet")
    with pytest.raises(FileFormatError, match="holds no effects of variants"):
        ag.effects.read(tmp_path / "a.parquet")
    with pytest.raises(InputError, match="the ending tells the format"):
        ag.effects.read(tmp_path / "a.csv")
    with pytest.raises(InputError, match="the ending tells the format"):
        open_output(tmp_path / "a.csv", "a.csv")
