from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ambergen.baselines.motif_scorer import MotifScorer
from ambergen.baselines.pwm import PWM
from ambergen.effects.engine import score
from ambergen.errors import InputError
from ambergen.io.genome import Genome
from ambergen.io.motifs import Motif
from ambergen.validation.mutagenesis import mutagenesis, named_motifs

MOTIF = Motif("MA0001.1", "GATA", np.eye(4)[:, [2, 0, 3, 0]] * 30 + 1)
OTHER = Motif("MA0002.1", "CCAAT", np.eye(4)[:, [1, 1, 0, 0, 3]] * 30 + 1)


@pytest.fixture(scope="module")
def genome() -> Genome:
    rng = np.random.default_rng(0)
    return Genome.of({name: "".join(rng.choice(list("ACGT"), 300)) for name in ("a", "b")})


@pytest.fixture(scope="module")
def measured(genome: Genome) -> pd.DataFrame:
    """What the matrix of GATA predicts, measured with noise on `a` and turned round on `b`; and a deletion."""
    rows = []
    for number, name in enumerate(genome.names):
        letters = np.array(list("ACGT"))[genome.tokens[genome.first[number] : genome.first[number + 1]]]
        rows += [(name, name, at + 1, ref, alt) for at, ref in enumerate(letters) for alt in "ACGT" if alt != ref]
    table = pd.DataFrame(rows, columns=["group", "chrom", "pos", "ref", "alt"])
    (scorer,) = named_motifs((MOTIF,), ("gata",), "m")
    effects = score(scorer, genome, table).diff[:, 0].astype(float)
    noise = np.random.default_rng(1).normal(0, 0.05, len(table))
    table["measured"] = np.where(table["group"] == "a", effects, -effects) + noise
    return pd.concat([table, table.iloc[[0]].assign(alt="-")], ignore_index=True)


def test_mutagenesis__finds_the_scorer_that_was_measured(genome: Genome, measured: pd.DataFrame) -> None:
    scorers = [(one.tracks[0], (one,)) for one in named_motifs((MOTIF, OTHER), ("GATA", "CCAAT"), "m")]
    found = mutagenesis(scorers, genome, measured)
    table = found.table.set_index(["group", "scorer"])
    assert found.scorers == ("GATA", "CCAAT")
    assert list(found.table["group"]) == ["a", "a", "b", "b"]
    assert (found.left_out, len(found.variants)) == (1, 1800)
    assert table.loc[("a", "GATA"), "pearson"] > 0.9
    assert table.loc[("a", "GATA"), "pearson_low"] > 0.5
    assert table.loc[("b", "GATA"), "pearson"] < -0.9
    assert table.loc[("b", "GATA"), "pearson_abs"] > 0.8
    assert abs(table.loc[("a", "CCAAT"), "pearson"]) < 0.3
    on_a = found.variants[found.variants["group"] == "a"]
    assert np.corrcoef(on_a["GATA"], on_a["measured"])[0, 1] == pytest.approx(table.loc[("a", "GATA"), "pearson"])


def test_mutagenesis__a_scorer_of_several_tracks_has_a_row_for_each(genome: Genome, measured: pd.DataFrame) -> None:
    both = MotifScorer({"x": (PWM.of(MOTIF),), "y": (PWM.of(OTHER),)}, 15)
    assert mutagenesis([("m", (both,))], genome, measured).scorers == ("m x", "m y")
    assert mutagenesis([("m", (both,))], genome, measured, ("y",)).scorers == ("m y",)
    with pytest.raises(InputError, match="m: has none of the tracks z; its tracks are x, y"):
        mutagenesis([("m", (both,))], genome, measured, ("z",))


def test_mutagenesis__says_when_the_variants_are_not_of_the_genome(genome: Genome, measured: pd.DataFrame) -> None:
    scorers = [("GATA", tuple(named_motifs((MOTIF,), ("GATA",), "m")))]
    assert mutagenesis(scorers, genome, measured).notes == ()
    turned = measured.copy()
    turned.loc[:5, ["ref", "alt"]] = turned.loc[:5, ["alt", "ref"]].to_numpy()
    turned.loc[turned["group"] == "b", "chrom"] = "c"
    missing, other = mutagenesis(scorers, genome, turned).notes
    assert missing.startswith("900 of 1,800 measured variants have no score")
    assert other.startswith("At 6 of 900 scored variants the reference allele is not that of")


def test_mutagenesis__refuses_what_cannot_be_scored(genome: Genome, measured: pd.DataFrame) -> None:
    scorers = [("GATA", tuple(named_motifs((MOTIF,), ("GATA",), "m")))]
    with pytest.raises(InputError, match="no measurement is of a single base"):
        mutagenesis(scorers, genome, measured.iloc[[-1]])
    with pytest.raises(InputError, match="none of the 1,800 measured variants could be scored"):
        mutagenesis(scorers, genome, measured.assign(chrom="c"))


def test_named_motifs__takes_names_and_identifiers() -> None:
    twin = Motif("MA0003.2", "gata", MOTIF.counts)
    assert len(named_motifs((MOTIF, OTHER, twin), ("Gata",), "m")[0].motifs["Gata"]) == 2
    for name in ("MA0003", "ma0003.2"):
        assert named_motifs((MOTIF, OTHER, twin), (name,), "m")[0].motifs[name][0].name == "MA0003.2"
    with pytest.raises(InputError, match="m: no motif is called GATB; the file has GATA, gata"):
        named_motifs((MOTIF, OTHER, twin), ("GATB",), "m")
