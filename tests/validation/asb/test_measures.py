"""Figures of one scorer against slow definitions, and their symmetry under an exchange of the alleles."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import betabinom, spearmanr

from ambergen.validation.asb.measures import (
    accuracy,
    area,
    by_coverage,
    by_margin,
    likelihood_fit,
    spearman,
)

SCORES = st.lists(st.tuples(st.sampled_from([-2.0, -1.0, 0.0, 0.5, 1.0, 2.0]), st.booleans()), min_size=1, max_size=6)


def split(pairs: list[tuple[float, bool]]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([s for s, _ in pairs]), np.array([g for _, g in pairs])


@given(SCORES)
def test_area__counts_pairs(pairs: list[tuple[float, bool]]) -> None:
    scores, gain = split(pairs)
    wins = [float(a > b) + 0.5 * float(a == b) for a in scores[gain] for b in scores[~gain]]
    assert area(scores, gain)[0] == pytest.approx(np.mean(wins) if wins else np.nan, nan_ok=True)


@given(SCORES)
def test_accuracy__exchanging_the_alleles_changes_nothing(pairs: list[tuple[float, bool]]) -> None:
    scores, gain = split(pairs)
    assert accuracy(scores, gain) == accuracy(-scores, ~gain)
    assert by_margin(scores, gain) == by_margin(-scores, ~gain)
    assert by_coverage(scores, gain) == by_coverage(-scores, ~gain)
    np.testing.assert_allclose(area(scores, gain)[0], area(-scores, ~gain)[0])


def test_accuracy__of_ties_is_told_both_ways() -> None:
    found = accuracy([1, -1, 0, 0, 2], [True, True, True, False, True])
    assert (found.n, found.right, found.ties) == (5, 2, 2)
    assert (found.ties_wrong, found.ties_half) == (0.4, 0.6)
    assert np.isnan(accuracy([], []).ties_wrong)


@given(SCORES)
def test_by_coverage__is_the_mean_over_the_orders_of_equal_sizes(pairs: list[tuple[float, bool]]) -> None:
    scores, gain = split(pairs)
    orders = [o for o in permutations(range(len(scores))) if (np.diff(np.abs(scores[list(o)])) <= 0).all()]
    for share, found in zip((30, 60, 100), by_coverage(scores, gain, (30, 60, 100)), strict=True):
        taken = max(1, round(len(scores) * share / 100))
        expected = [accuracy(scores[list(o)[:taken]], gain[list(o)[:taken]]) for o in orders]
        assert found.n == taken
        assert found.ties_wrong == pytest.approx(np.mean([e.ties_wrong for e in expected]))
        assert found.ties_half == pytest.approx(np.mean([e.ties_half for e in expected]))


def test_by_margin__counts_what_lies_beyond_it_on_either_side() -> None:
    found = by_margin([0.3, -0.3, 0.05, 0.1, 0.0], [True, True, True, False, True], [0.0, 0.1, 0.2])
    assert [(a.n, a.right, a.ties) for a in found] == [(4, 2, 0), (2, 1, 0), (2, 1, 0)]


def test_spearman__is_scipys_and_nan_without_variation() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 5, (2, 60))
    assert spearman(a, b) == pytest.approx(spearmanr(a, b).statistic)
    assert np.isnan(spearman([1, 1, 1], [1, 2, 3]))


def test_likelihood_fit__finds_a_planted_slope() -> None:
    rng = np.random.default_rng(1)
    scores = rng.normal(size=4000) * 0.01  # any unit
    alt_share = 1 / (1 + np.exp(-(0.1 + 80 * scores)))
    alt = rng.binomial(60, rng.beta(alt_share * 49, (1 - alt_share) * 49))
    found = likelihood_fit(scores, 60 - alt, alt, 0.02)
    assert found.slope == pytest.approx(80, rel=0.03)
    assert found.p < 1e-100
    null = likelihood_fit(rng.permutation(scores), 60 - alt, alt, 0.02)
    assert null.p > 1e-3
    assert found.gain > null.gain


def test_likelihood_fit__gain_is_that_of_scipys_distribution() -> None:
    rng = np.random.default_rng(2)
    scores, alt = rng.normal(size=40), rng.integers(0, 31, 40)

    def total(a: float, b: float) -> float:
        share = 1 / (1 + np.exp(-(a + b * scores)))
        return float(betabinom.logpmf(alt, 30, share * 4, (1 - share) * 4).sum())  # rho 0.2

    found = likelihood_fit(scores, 30 - alt, alt, 0.2)
    line = np.linspace(-2, 2, 401)
    null = max(total(a, 0) for a in line)
    with_slope = max(total(a, found.slope) for a in line)
    assert found.gain * 40 == pytest.approx(with_slope - null, abs=2e-3)
    assert with_slope >= max(total(a, found.slope + d) for a in line[::4] for d in (-0.05, 0.05))


@given(st.integers(0, 2**32), st.sampled_from([0.0, 0.05]))
def test_likelihood_fit__exchanging_the_alleles_changes_nothing(seed: int, rho: float) -> None:
    rng = np.random.default_rng(seed)
    scores, (ref, alt) = rng.normal(size=12), rng.integers(1, 30, (2, 12))
    one, other = likelihood_fit(scores, ref, alt, rho), likelihood_fit(-scores, alt, ref, rho)
    assert one.slope == pytest.approx(other.slope, rel=1e-2, abs=1e-3)
    assert one.gain == pytest.approx(other.gain, abs=1e-5)


def test_likelihood_fit__of_a_constant_score_is_unknown() -> None:
    found = likelihood_fit([1.0, 1.0, 1.0], [3, 4, 5], [5, 4, 3], 0.0)
    assert np.isnan([found.slope, found.gain, found.p]).all()
