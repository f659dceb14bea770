from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from ambergen.errors import InputError
from ambergen.metrics.rank_agreement import (
    Reliability,
    agreement,
    kendall_tau,
    partial_kendall_tau,
    reliability,
    spearman,
    top_k_precision,
    top_k_regret,
)
from ambergen.seeds import generator

Vectors = tuple[list[int], ...]


@st.composite
def vectors(draw: st.DrawFn, count: int = 2, least: int = 2, most: int = 12, values: int = 5) -> Vectors:
    """Vectors of one length with many ties, none of them constant."""
    n = draw(st.integers(least, most))
    rows = tuple(draw(st.lists(st.integers(0, values), min_size=n, max_size=n)) for _ in range(count))
    assume(all(len(set(row)) > 1 for row in rows))
    return rows


def tau_of_pairs(a: list[int], b: list[int]) -> float:
    """Tau-b from its definition: concordant less discordant pairs, over those that tie in neither, two by two."""
    balance = in_a = in_b = 0
    for i, j in itertools.combinations(range(len(a)), 2):
        x, y = a[i] - a[j], b[i] - b[j]
        balance += np.sign(x) * np.sign(y)
        in_a += x != 0
        in_b += y != 0
    return balance / np.sqrt(in_a * in_b)


def orders(values: list[int]) -> Iterator[tuple[int, ...]]:
    """Every order, best first, that breaks the ties of `values` in some way."""
    for order in itertools.permutations(range(len(values))):
        if all(values[i] >= values[j] for i, j in itertools.pairwise(order)):
            yield order


# ---- the figures


@given(vectors())
def test_kendall_tau__equals_scipy_and_the_count_of_pairs(rows: Vectors) -> None:
    tau = kendall_tau(*rows)
    assert tau == pytest.approx(stats.kendalltau(*rows, variant="b").statistic, abs=1e-12)
    assert tau == pytest.approx(tau_of_pairs(*rows), abs=1e-12)


@given(vectors())
def test_spearman__equals_scipy(rows: Vectors) -> None:
    assert spearman(*rows) == pytest.approx(stats.spearmanr(*rows).statistic, abs=1e-12)


@given(vectors())
def test_kendall_tau__is_of_order_alone(rows: Vectors) -> None:
    a, b = np.array(rows[0], float), np.array(rows[1], float)
    assert kendall_tau(np.exp(a), b**3) == kendall_tau(a, b) == kendall_tau(b, a)
    assert kendall_tau(-a, b) == -kendall_tau(a, b)
    assert kendall_tau(a, a) == pytest.approx(1)
    assert kendall_tau(np.where(a == a.max(), np.inf, a), b) == kendall_tau(a, b)


@given(vectors(3, least=4))
def test_partial_tau__is_the_formula_of_three_scipy_taus(rows: Vectors) -> None:
    a, b, c = rows
    ab, ac, bc = (stats.kendalltau(x, y).statistic for x, y in ((a, b), (a, c), (b, c)))
    assume(abs(ac) < 0.999)
    assume(abs(bc) < 0.999)
    expected = (ab - ac * bc) / np.sqrt((1 - ac**2) * (1 - bc**2))
    assert partial_kendall_tau(a, b, c) == pytest.approx(expected, abs=1e-9)


def test_partial_tau__of_a_score_that_only_sees_the_size_is_far_below_its_tau() -> None:
    rng = generator(0, "sizes")
    size = rng.normal(size=400)
    score, truth = size + 0.5 * rng.normal(size=400), size + 0.5 * rng.normal(size=400)
    assert kendall_tau(score, truth) > 0.5
    # Given the size they are independent. Of normal variables tau is 2 / pi arcsin(r), so this is what is left.
    ab, ac = (2 / np.pi * np.arcsin(r) for r in (1 / 1.25, 1 / np.sqrt(1.25)))
    left = (ab - ac**2) / (1 - ac**2)
    assert partial_kendall_tau(score, truth, size) == pytest.approx(left, abs=0.06)


def test_partial_tau__of_the_size_itself_is_not_defined() -> None:
    size, truth = [1, 2, 3, 4], [0.3, 0.1, 0.4, 0.2]
    assert np.isnan(partial_kendall_tau(size, truth, size))
    assert np.isnan(partial_kendall_tau([-s for s in size], truth, size))


@pytest.mark.parametrize("function", [kendall_tau, spearman])
def test_rank_correlation__of_a_constant_is_nan(function: object) -> None:
    assert np.isnan(function([1, 1, 1], [1, 2, 3]))  # type: ignore[operator]


@given(vectors(least=2, most=6, values=3), st.data())
def test_top_k__is_the_mean_over_all_ways_to_break_ties(rows: Vectors, data: st.DataObject) -> None:
    scores, truth = rows
    k = data.draw(st.integers(1, len(scores)))
    by_score, by_truth = list(orders(scores)), list(orders(truth))
    shared = [len(set(a[:k]) & set(b[:k])) / k for a in by_score for b in by_truth]
    lost = [max(truth) - max(truth[i] for i in order[:k]) for order in by_score]
    assert top_k_precision(scores, truth, k) == pytest.approx(np.mean(shared), abs=1e-12)
    assert top_k_regret(scores, truth, k) == pytest.approx(np.mean(lost), abs=1e-12)


@given(vectors(1), st.data())
def test_top_k__the_truth_itself_loses_nothing_and_a_constant_is_chance(rows: Vectors, data: st.DataObject) -> None:
    truth = np.array(rows[0]) + np.arange(len(rows[0])) / 100  # no ties
    k = data.draw(st.integers(1, len(truth)))
    assert top_k_precision(truth, truth, k) == 1
    assert top_k_regret(truth, truth, k) == 0
    assert top_k_precision(np.zeros(len(truth)), truth, k) == pytest.approx(k / len(truth))


# ---- all together


def drawn(n: int = 40, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = generator(seed, "agreement")
    size = rng.normal(size=n)
    truth = size + rng.normal(size=n)
    return truth + rng.normal(size=n), truth, size


def test_agreement__has_the_figures_of_the_functions() -> None:
    scores, truth, size = drawn()
    result = agreement(scores, truth, size, 5, generator(0, "bootstrap"))
    assert (result.n, result.left_out, result.k) == (40, 0, 5)
    assert result.tau.estimate == kendall_tau(scores, truth)
    assert result.partial_tau.estimate == partial_kendall_tau(scores, truth, size)
    assert result.spearman == spearman(scores, truth)
    assert result.precision.estimate == top_k_precision(scores, truth, 5)
    assert result.regret.estimate == top_k_regret(scores, truth, 5)
    for interval in (result.tau, result.partial_tau, result.precision, result.regret):
        assert interval.low <= interval.estimate <= interval.high
    assert result.p < 0.01


def test_agreement__intervals_are_quantiles_over_resampled_architectures() -> None:
    scores, truth, size = (np.round(v, 1) for v in drawn(15))
    result = agreement(scores, truth, size, 3, generator(4, "bootstrap"), level=0.8, resamples=60)
    rng = generator(4, "bootstrap")
    taus, partial, precision, regret = [], [], [], []
    for _ in range(60):
        rows = rng.integers(15, size=15)
        s, t, c = scores[rows], truth[rows], size[rows]
        ab, ac, bc = (stats.kendalltau(x, y).statistic for x, y in ((s, t), (s, c), (t, c)))
        taus.append(ab)
        partial.append((ab - ac * bc) / np.sqrt((1 - ac**2) * (1 - bc**2)))
        best = sorted(range(15), key=lambda i: -s[i])[:3]
        precision.append(len(set(best) & set(sorted(range(15), key=lambda i: -t[i])[:3])) / 3)
        regret.append(max(t) - max(t[best]))
    for interval, values in (
        (result.tau, taus), (result.partial_tau, partial), (result.precision, precision), (result.regret, regret),
    ):  # fmt: skip
        assert (interval.low, interval.high) == pytest.approx(tuple(np.quantile(values, [0.1, 0.9])), abs=1e-9)


def test_agreement__p_is_that_of_all_permutations() -> None:
    scores, truth = [1, 2, 2, 4, 5], [1, 3, 2, 3, 5]
    seen = abs(tau_of_pairs(scores, truth))
    taus = [abs(tau_of_pairs(scores, list(order))) for order in itertools.permutations(truth)]
    exact = np.mean([t >= seen - 1e-12 for t in taus])
    result = agreement(scores, truth, None, 1, generator(0, "p"), permutations=20_000)
    assert result.p == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / 20_000))


def test_agreement__without_parameters_has_no_partial_tau() -> None:
    scores, truth, _ = drawn(10)
    result = agreement(scores, truth, None, 2, generator(0, "bootstrap"))
    assert np.isnan([result.partial_tau.estimate, result.partial_tau.low, result.partial_tau.high]).all()
    assert result.tau.low < result.tau.high


@given(st.sets(st.integers(0, 14), max_size=15), st.sets(st.integers(0, 14), max_size=15))
def test_agreement__missing_values_are_left_out_and_counted(no_score: set[int], no_truth: set[int]) -> None:
    scores, truth, size = drawn(15)
    scores[list(no_score)], truth[list(no_truth)] = np.nan, np.nan
    kept = np.array([i for i in range(15) if i not in no_score | no_truth], dtype=int)
    result = agreement(scores, truth, size, 3, generator(1, "b"), resamples=20, permutations=20)
    assert (result.n, result.left_out) == (len(kept), 15 - len(kept))
    if len(kept) < 3:
        assert np.isnan([result.tau.estimate, result.precision.estimate, result.p]).all()
    else:
        again = agreement(scores[kept], truth[kept], size[kept], 3, generator(1, "b"), resamples=20, permutations=20)
        np.testing.assert_equal(
            [result.tau, result.p, result.regret, result.precision], [again.tau, again.p, again.regret, again.precision]
        )


def test_agreement__of_a_constant_score_is_no_order_but_has_a_precision_of_chance() -> None:
    _, truth, size = drawn(20)
    result = agreement(np.ones(20), truth, size, 5, generator(0, "constant"))
    assert np.isnan([result.tau.estimate, result.tau.low, result.p, result.spearman]).all()
    assert result.precision.estimate == pytest.approx(0.25)


def test_agreement__the_interval_holds_the_true_tau_about_as_often_as_it_says() -> None:
    # Of two normal variables with correlation r, tau is 2 / pi arcsin(r).
    r = 0.8
    inside = 0
    for k in range(100):
        rng = generator(k, "coverage")
        x = rng.normal(size=40)
        y = r * x + np.sqrt(1 - r**2) * rng.normal(size=40)
        tau = agreement(x, y, None, 4, rng, level=0.9, resamples=200, permutations=1).tau
        inside += tau.low <= 2 / np.pi * np.arcsin(r) <= tau.high
    assert 80 <= inside <= 98


# ---- errors


def test_agreement__says_what_is_wrong() -> None:
    with pytest.raises(InputError, match=r"shapes \(3,\) and \(2,\); expected \(n,\) for both"):
        kendall_tau([1, 2, 3], [1, 2])
    with pytest.raises(InputError, match=r"a value is nan; expected numbers\. Leave the architecture out"):
        spearman([1, np.nan], [1, 2])
    with pytest.raises(InputError, match=r"k is 3 of 2 architectures; expected from 1 to 2"):
        top_k_precision([1, 2], [1, 2], 3)
    with pytest.raises(InputError, match=r"k is 0; expected at least 1"):
        agreement([1, 2], [1, 2], None, 0, generator(0))


# ---- how well a truth agrees with itself


@pytest.mark.parametrize("k", [2, 3])
def test_reliability__ceiling_is_what_the_worth_itself_has(k: int) -> None:
    rng = np.random.default_rng(k)
    worth = rng.standard_normal(1500)
    measured = worth[:, None] + 0.8 * rng.standard_normal((1500, k))
    found = reliability(measured)
    pairs = [stats.kendalltau(measured[:, i], measured[:, j]).statistic for i in range(k) for j in range(i)]
    assert found.tau == pytest.approx(np.mean(pairs))
    assert found.ceiling == pytest.approx(stats.kendalltau(worth, measured.mean(axis=1)).statistic, abs=0.02)


def test_reliability__without_noise_or_without_agreement() -> None:
    values = np.arange(6.0)
    assert reliability(np.stack([values, values, [np.nan, *values[1:]]], axis=1)) == Reliability(1.0, 1.0)
    opposed = reliability(np.stack([values, -values], axis=1))
    assert opposed.tau == -1
    assert np.isnan(opposed.ceiling)
    assert np.isnan(reliability(values[:2, None].repeat(2, axis=1)).tau)
    with pytest.raises(InputError, match=r"shape \(6, 1\); expected \(n, k\) with at least two"):
        reliability(values[:, None])
