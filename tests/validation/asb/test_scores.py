"""Scores meet the sites that they are of: names of contigs, order of alleles, tracks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ambergen.effects.files import ParquetOutput, TextOutput
from ambergen.effects.results import Effects
from ambergen.errors import AmbergenError
from ambergen.validation.asb.scores import align, of_effects, read_scores

VARIANTS = pd.DataFrame(
    {
        "record_index": [0, 1, 2, 3],
        "alt_index": 1,
        "chrom": ["1", "1", "2", "2"],
        "pos": [10, 20, 10, 30],
        "id": ".",
        "ref": ["A", "C", "A", "T"],
        "alt": ["G", "T", "T", "C"],
        "strand": "mean_logits",
        "ref_match": [True, False, True, True],
        "swapped": False,
        "n_unknown": 0,
        "n_pad": 0,
        "status": ["ok", "ok", "ok", "unsupported"],
    }
)
LOGITS = np.array([[1.0, -1.0], [2.0, -2.0], [3.0, -3.0], [np.nan, np.nan]], dtype=np.float32)


def effects(**matrices: np.ndarray) -> Effects:
    return Effects(VARIANTS, ("x", "y"), matrices or {"logit_diff": LOGITS, "diff": LOGITS / 10})


def sites(rows: list[tuple], **more: list) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["chrom", "pos", "ref", "alt"]).assign(**more)


def test_align__finds_alleles_whatever_the_contig_is_called() -> None:
    found = align(
        sites([("chr1", 10, "A", "G"), ("chr2", 10, "A", "T"), ("chr3", 1, "A", "G")]), of_effects("m", effects()), "x"
    )
    np.testing.assert_allclose(found.score, [1, 3, np.nan])
    assert found.difference is not None
    np.testing.assert_allclose(found.difference, [0.1, 0.3, np.nan], rtol=1e-6)
    assert found.notes == ()


def test_align__turns_the_sign_where_alleles_stand_the_other_way_round() -> None:
    found = align(
        sites([("1", 10, "G", "A"), ("2", 10, "T", "A"), ("2", 30, "C", "T")]), of_effects("m", effects()), "y"
    )
    # A and T are each other's complement: the other order and the other strand look the same.
    np.testing.assert_allclose(found.score, [1, np.nan, np.nan])
    assert "2 of 3 sites have their alleles the other way round" in found.notes[0]
    assert "1 sites were left out" in found.notes[1]


def test_align__tells_where_the_reference_is_not_the_genomes() -> None:
    found = align(sites([("1", 20, "C", "T")]), of_effects("m", effects()), "x")
    assert "at 1 scored sites the reference allele is not the genome's" in found.notes[0]


def test_align__takes_each_sites_track_by_name_or_number() -> None:
    rows = [("1", 10, "A", "G")] * 4
    found = align(sites(rows, track=["y", "0", "1", "z"]), of_effects("m", effects()))
    np.testing.assert_allclose(found.score, [-1, 1, -1, np.nan])


def test_align__without_any_common_variant_says_so() -> None:
    found = align(sites([("9", 1, "A", "G")]), of_effects("m", effects()), "x")
    assert "none of the 1 sites" in found.notes[0]


@pytest.mark.parametrize("ending", [".tsv", ".tsv.gz", ".parquet"])
def test_read_scores__reads_what_the_effects_command_writes(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"effects{ending}"
    output = ParquetOutput(path) if ending == ".parquet" else TextOutput.open(path)
    output.write(effects())
    output.close()
    found = read_scores(path, "m")
    np.testing.assert_allclose(found.score, LOGITS)
    assert (found.tracks, found.kind) == (("x", "y"), "logit_diff")
    np.testing.assert_allclose(read_scores(path, "m", "diff").score, LOGITS / 10, rtol=1e-6)


def test_of_effects__of_a_raw_scorer_has_no_probabilities() -> None:
    found = of_effects("m", effects(diff=LOGITS))
    assert found.kind == "diff"
    assert found.difference is None


def test_read_scores__reads_a_plain_table(tmp_path: Path) -> None:
    path = tmp_path / "jaspar.tsv"
    path.write_text("chrom\tpos\tref\talt\tdelta\nchr1\t10\tA\tG\t-0.5\nchr1\t20\tC\tT\tNA\n")
    found = align(sites([("1", 10, "G", "A"), ("1", 20, "C", "T")]), read_scores(path, "jaspar"))
    np.testing.assert_allclose(found.score, [0.5, np.nan])


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        ("chrom\tpos\tref\tdelta\n1\t1\tA\t1\n", None, "there is no column alt; the header has chrom, pos, ref, delta"),
        ("chrom\tpos\tref\talt\ta\tb\n1\t1\tA\tG\t1\t2\n", None, "columns of numbers are a, b. Name one with --score"),
        ("chrom\tpos\tref\talt\ta\n1\t1\tA\tG\t1\n", "b", "there is no column of numbers 'b'"),
        ("chrom\tpos\tref\talt\ta\n1\tx\tA\tG\t1\n", None, "row 1: chrom, pos, ref or alt is missing or no position"),
        ("chrom\tpos\tref\talt\ta\n1\t1\tA\tG\t1\n1\t1\tA\tG\t2\n", None, "1:1 A>G has several rows for one track"),
        ("", None, "cannot be read as a table"),
    ],
)
def test_read_scores__says_what_is_wrong(tmp_path: Path, text: str, kind: str | None, message: str) -> None:
    path = tmp_path / "scores.tsv"
    path.write_text(text)
    with pytest.raises(AmbergenError) as caught:
        read_scores(path, "s", kind)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("more", "track", "message"),
    [
        ({}, None, "has 2 tracks (x, y), and the counts have no column `track`"),
        ({}, "z", "has no track 'z'; its tracks are x, y"),
        ({"track": ["SPI1"]}, None, "has none of the tracks of the counts (SPI1); its tracks are x, y"),
    ],
)
def test_align__asks_which_track_is_meant(more: dict, track: str | None, message: str) -> None:
    with pytest.raises(AmbergenError) as caught:
        align(sites([("1", 10, "A", "G")], **more), of_effects("m", effects()), track)
    assert message in str(caught.value)


def test_of_effects__refuses_a_score_without_a_sign() -> None:
    with pytest.raises(AmbergenError, match="A score needs a sign"):
        of_effects("m", effects(), "deepsea_effect")
