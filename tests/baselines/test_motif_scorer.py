"""Motifs as scorers: the best place, and what variants make of the places that they touch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ambergen.baselines.motif_scorer import SITE_P, MotifScorer
from ambergen.baselines.pwm import PWM
from ambergen.datasets.building import build
from ambergen.datasets.config import DataConfig, TableSource
from ambergen.datasets.store import Store
from ambergen.errors import ConfigError
from ambergen.sequence.alphabets import DNA
from tests.conformance.scorers import VariantScorerContract, drawn, edited

LENGTH = 41


def matrix_of(word: str, count: float = 20.0, name: str = "") -> PWM:
    return PWM(np.array([[letter == symbol for letter in word] for symbol in "ACGT"]) * count, name=name or word)


def random_matrix(width: int, seed: int) -> PWM:
    return PWM(np.random.default_rng(seed).dirichlet([0.5] * 4, width).T * 30, (0.3, 0.2, 0.2, 0.3), "sqrt", f"m{seed}")


MOTIFS = {"one": (random_matrix(6, 1),), "several": (random_matrix(4, 2), random_matrix(8, 3))}


class TestBits(VariantScorerContract):
    @pytest.fixture
    def scorer(self) -> MotifScorer:
        return MotifScorer(MOTIFS, LENGTH, provenance={"source": "drawn"})


class TestP(VariantScorerContract):
    tolerance = 1e-4

    @pytest.fixture
    def scorer(self) -> MotifScorer:
        return MotifScorer(MOTIFS, LENGTH, unit="p")


def test_predict__is_the_best_place_of_any_matrix() -> None:
    tokens = drawn(10, LENGTH, unknown=0.05)
    texts = [DNA.decode(row) for row in tokens]
    bits = MotifScorer(MOTIFS, LENGTH).predict(tokens)
    expected = [[max(pwm.best(text).score for pwm in matrices) for matrices in MOTIFS.values()] for text in texts]
    np.testing.assert_allclose(bits, expected, rtol=1e-6)
    logs = MotifScorer(MOTIFS, LENGTH, unit="p").predict(tokens)
    expected = [
        [max(-np.log10(pwm.p_value(pwm.best(text).score)) for pwm in matrices) for matrices in MOTIFS.values()]
        for text in texts
    ]
    np.testing.assert_allclose(logs, expected, rtol=1e-6)


def test_predict__without_a_known_place() -> None:
    tokens = np.full((1, LENGTH), 4, np.uint8)
    assert MotifScorer(MOTIFS, LENGTH).predict(tokens).tolist() == [[-np.inf, -np.inf]]
    assert MotifScorer(MOTIFS, LENGTH, unit="p").predict(tokens).tolist() == [[0, 0]]


def best_slowly(pwm: PWM, tokens: np.ndarray, first: int, last: int) -> float:
    """Best of the places that begin at first … last."""
    return max(pwm.best(DNA.decode(tokens[at : at + pwm.width])).score for at in range(first, last + 1))


def test_effect__of_a_substitution_looks_at_the_places_over_it_alone() -> None:
    index, scorer = 20, MotifScorer(MOTIFS, LENGTH)
    ref, alt = edited(LENGTH, index, "A", "G")
    found = scorer.variant_effect(ref, alt, index)
    for row in range(len(ref)):
        for column, matrices in enumerate(MOTIFS.values()):
            changes = [
                best_slowly(pwm, alt[row], index - pwm.width + 1, index)
                - best_slowly(pwm, ref[row], index - pwm.width + 1, index)
                for pwm in matrices
            ]
            assert found[row, column] == pytest.approx(max(changes, key=abs), abs=1e-5)


def window(text: str) -> np.ndarray:
    return DNA.encode(text, "here")[None]


def test_effect__does_not_see_a_better_place_elsewhere() -> None:
    pwm = matrix_of("TGACTCA")
    scorer = MotifScorer({"ap1": (pwm,)}, 40)
    far = "TGACTCA" + "C" * 6
    ref, alt = window(far + "CCTGACTCACC" + "C" * 16), window(far + "CCTGATTCACC" + "C" * 16)
    loss = scorer.variant_effect(ref, alt, 18)[0, 0]
    assert loss < -4
    assert scorer.predict(alt)[0, 0] == pytest.approx(pwm.matrix.max(axis=0).sum())


@pytest.mark.parametrize("inserted", ["TGACTCA", "CCTGACTCACC", "CCCCCCCCCCTGAGTCA"])
def test_effect__of_an_inserted_site_is_its_gain(inserted: str) -> None:
    pwm = matrix_of("TGACTCA")
    scorer = MotifScorer({"ap1": (pwm,)}, 60)
    ref, alt = window("C" * 60), window(("C" * 30 + inserted + "C" * 30)[:60])
    gain = scorer.variant_effect(ref, alt, 29)[0, 0]
    assert gain == pytest.approx(pwm.matrix.max(axis=0).sum() - pwm.best("C" * 60).score, abs=1e-5)
    assert scorer.variant_effect(alt, ref, 29)[0, 0] == -gain


def test_effect__of_a_deletion_sees_what_it_joins() -> None:
    pwm = matrix_of("TGACTCA")
    scorer = MotifScorer({"ap1": (pwm,)}, 60)
    ref, alt = window(("C" * 26 + "TGAGGGGGCTCA" + "C" * 40)[:60]), window(("C" * 26 + "TGACTCA" + "C" * 40)[:60])
    assert scorer.variant_effect(ref, alt, 28)[0, 0] > 4


def test_effect__is_nan_where_no_place_is_known() -> None:
    scorer = MotifScorer({"ap1": (matrix_of("TGACTCA"),), "short": (matrix_of("CC"),)}, 15)
    ref, alt = window("NNNNNCACNNNNNNN"), window("NNNNNCCCNNNNNNN")
    for unit in ("bits", "p", "occupancy"):
        effects = MotifScorer(scorer.motifs, 15, unit).variant_effect(ref, alt, 6)
        assert np.isnan(effects[0]).tolist() == [True, False]
        assert effects[0, 1] > 0


def table(folder: Path) -> Store:
    rng = np.random.default_rng(0)
    rows = []
    for number in range(200):
        text = "".join(rng.choice(list("ACGT"), 30))
        rows.append(
            (
                text[:9] + "GATAAG" + text[15:] if number % 2 else text,
                number % 2,
                "train" if number < 120 else "selection" if number < 160 else "test",
            )
        )
    pd.DataFrame(rows, columns=["sequence", "gata", "split"]).to_csv(folder / "table.csv", index=False)
    return build(
        DataConfig(TableSource(folder / "table.csv", labels=("gata",), split_column="split")), folder / "store"
    )


def test_choose__takes_the_matrix_that_ranks_the_training_windows_best(tmp_path: Path) -> None:
    store = table(tmp_path)
    candidates = {"gata": (matrix_of("TGACTCA"), matrix_of("GATAAG", name="GATA1"), matrix_of("GATTAC"))}
    chosen = MotifScorer.choose(store, candidates)
    assert [pwm.name for pwm in chosen.motifs["gata"]] == ["GATA1"]
    assert chosen.provenance["auroc"]["gata"] > 0.9
    assert chosen.describe() == "1 position weight matrices for 1 tracks, best place on either strand, in bits"
    with pytest.raises(ConfigError, match="the track gata has no matrix to choose from"):
        MotifScorer.choose(store, {"other": candidates["gata"]})


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (({}, 30), "there is no track; expected at least one matrix for each track"),
        (({"a": ()}, 30), "the track a has no matrix"),
        (({"a": (matrix_of("GATAAG"),)}, 5), "GATAAG of the track a has 6 columns, the windows 5 bases"),
        (({"a": (matrix_of("GATAAG"),)}, 30, "nats"), "no unit 'nats'; expected one of bits, p, occupancy"),
    ],
)
def test_scorer__says_what_is_wrong(arguments: tuple, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        MotifScorer(*arguments)


def test_occupancy__is_the_logarithm_of_a_sum_over_places_and_strands() -> None:
    pwm = matrix_of("TGACTC")
    scorer = MotifScorer({"ap1": (pwm,)}, 20, "occupancy")
    tokens = np.random.default_rng(0).integers(0, 4, (30, 20)).astype(np.uint8)
    match = pwm.distribution.threshold(SITE_P)
    expected = np.log2(1 + np.exp2(pwm.scores(tokens) - match).sum(axis=(1, 2)))
    np.testing.assert_allclose(scorer.predict(tokens)[:, 0], expected, rtol=1e-5)
    alt = tokens.copy()
    alt[:, 8] = (alt[:, 8] + 1) % 4
    touched = slice(8 - pwm.width + 1, 9)
    sums = [np.log2(1 + np.exp2(pwm.scores(t)[:, :, touched] - match).sum(axis=(1, 2))) for t in (tokens, alt)]
    np.testing.assert_allclose(scorer.variant_effect(tokens, alt, 8)[:, 0], sums[1] - sums[0], rtol=1e-4, atol=1e-6)


def test_occupancy__what_happens_far_from_a_match_is_nothing() -> None:
    pwm = matrix_of("TGACTCAT")
    bits, occupancy = (MotifScorer({"ap1": (pwm,)}, 21, unit) for unit in ("bits", "occupancy"))
    far, near = window("C" * 21), window("CCCCCCTGACTCATCCCCCCC")
    changed_far, changed_near = far.copy(), near.copy()
    changed_far[0, 10], changed_near[0, 10] = 3, 0
    assert abs(bits.variant_effect(far, changed_far, 10)[0, 0]) > 1
    assert abs(occupancy.variant_effect(far, changed_far, 10)[0, 0]) < 0.05
    assert occupancy.variant_effect(near, changed_near, 10)[0, 0] < -0.5


def test_threshold__is_the_lowest_score_that_is_rare_enough() -> None:
    pwm = matrix_of("TGACTC")
    words = np.stack(np.meshgrid(*[np.arange(4)] * 6, indexing="ij"), axis=-1).reshape(-1, 6).astype(np.uint8)
    scores = np.sort(pwm.scores(words)[:, 0, 0])
    for p in (0.1, 0.01, 0.002):
        found = pwm.distribution.threshold(p)
        assert (scores >= found + 0.05).mean() <= p
        assert (scores >= found - 0.05).mean() > p - 0.01
    assert pwm.distribution.threshold(1e-9) == pytest.approx(scores[-1], abs=0.05)
