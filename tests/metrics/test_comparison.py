"""The statistics of groups of architectures, against brute force, SciPy and simulation."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from ambergen.errors import InputError
from ambergen.metrics.comparison import (
    Interval,
    architectures_needed,
    best_of,
    bootstrap_interval,
    cliffs_delta,
    compare_groups,
    hodges_lehmann,
    holm,
    mann_whitney,
    mean_interval,
    paired_wilcoxon,
    probability_of_superiority,
    variance_components,
    welch,
)

FIGURES = st.lists(st.integers(0, 8), min_size=1, max_size=6)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)


# Mann-Whitney


@given(FIGURES, FIGURES)
def test_mann_whitney__counts_all_arrangements(a: list[int], b: list[int]) -> None:
    ranks = stats.rankdata(a + b)
    sums = np.array([ranks[list(chosen)].sum() for chosen in combinations(range(len(ranks)), len(a))])
    distance = np.abs(sums - ranks.mean() * len(a))
    seen = abs(ranks[: len(a)].sum() - ranks.mean() * len(a))
    result = mann_whitney(a, b)
    assert result.p == pytest.approx((distance >= seen - 1e-9).mean())
    assert result.u == pytest.approx(ranks[: len(a)].sum() - len(a) * (len(a) + 1) / 2)


def test_mann_whitney__is_scipys_exact_test_without_ties(rng: np.random.Generator) -> None:
    for n_a, n_b in [(5, 5), (3, 12), (24, 26)]:
        a, b = rng.normal(size=n_a) + 0.4, rng.normal(size=n_b)
        result = mann_whitney(a, b)
        assert result.exact
        assert result.p == pytest.approx(stats.mannwhitneyu(a, b, method="exact").pvalue, rel=1e-9)


def test_mann_whitney__five_against_five_cannot_be_below_0_0079() -> None:
    result = mann_whitney([6, 7, 8, 9, 10], [1, 2, 3, 4, 5])
    assert result.p == result.smallest_p == pytest.approx(0.0079, abs=5e-5)


def test_mann_whitney__of_many_values_is_the_normal_approximation(rng: np.random.Generator) -> None:
    a, b = rng.normal(size=40) + 0.3, rng.normal(size=40)
    result = mann_whitney(a, b)
    assert not result.exact
    assert result.p == pytest.approx(stats.mannwhitneyu(a, b, method="exact").pvalue, rel=0.05)


# Means and differences


def test_welch__is_scipys(rng: np.random.Generator) -> None:
    a, b = rng.normal(0.85, 0.01, 5), rng.normal(0.83, 0.03, 9)
    result = welch(a, b)
    oracle = stats.ttest_ind(a, b, equal_var=False)
    assert (result.t, result.p) == pytest.approx((oracle.statistic, oracle.pvalue))
    assert result.degrees_of_freedom == pytest.approx(oracle.df)
    assert (result.difference.low, result.difference.high) == pytest.approx(tuple(oracle.confidence_interval()))


def test_welch__without_spread_is_certain() -> None:
    assert (welch([2, 2], [1, 1, 1]).t, welch([2, 2], [1, 1, 1]).p) == (np.inf, 0.0)
    assert (welch([2, 2], [2, 2]).t, welch([2, 2], [2, 2]).p) == (0.0, 1.0)


def test_mean_interval__is_students(rng: np.random.Generator) -> None:
    values = rng.normal(size=8)
    low, high = stats.t.interval(0.9, 7, loc=values.mean(), scale=stats.sem(values))
    result = mean_interval(values, level=0.9)
    assert (result.estimate, result.low, result.high) == pytest.approx((values.mean(), low, high))


def test_bootstrap_interval__is_near_students_for_normal_values(rng: np.random.Generator) -> None:
    values = rng.normal(size=200)
    bootstrapped, students = bootstrap_interval(values, rng), mean_interval(values)
    assert bootstrapped.estimate == students.estimate
    assert (bootstrapped.low, bootstrapped.high) == pytest.approx((students.low, students.high), abs=0.02)


@pytest.mark.parametrize("interval", [mean_interval, lambda v: bootstrap_interval(v, np.random.default_rng(0))])
def test_intervals__of_one_value_have_no_ends(interval: object) -> None:
    result: Interval = interval([0.8])  # type: ignore[operator]
    assert result.estimate == 0.8
    assert np.isnan([result.low, result.high]).all()


def test_hodges_lehmann__is_the_median_of_all_differences(rng: np.random.Generator) -> None:
    a, b = [5.0, 1.0, 9.0], [2.0, 2.5]
    result = hodges_lehmann(a, b, rng)
    assert result.estimate == np.median([x - y for x in a for y in b])
    assert min(a) - max(b) <= result.low <= result.estimate <= result.high <= max(a) - min(b)


def test_hodges_lehmann__interval_holds_the_true_shift_most_of_the_time(rng: np.random.Generator) -> None:
    held = 0
    for _ in range(200):
        result = hodges_lehmann(rng.normal(size=10) + 1, rng.normal(size=10), rng, resamples=300)
        held += result.low <= 1 <= result.high
    assert 170 <= held <= 199  # the percentile interval of ten values is a little short of its 190


def test_hodges_lehmann__of_one_searched_architecture_has_no_interval(rng: np.random.Generator) -> None:
    result = hodges_lehmann([3.0], [1.0, 2.0], rng)
    assert result.estimate == 1.5
    assert np.isnan([result.low, result.high]).all()


@given(FIGURES, FIGURES)
def test_superiority_and_delta__count_pairs(a: list[int], b: list[int]) -> None:
    wins = sum((x > y) + 0.5 * (x == y) for x in a for y in b) / (len(a) * len(b))
    assert probability_of_superiority(a, b) == pytest.approx(wins)
    assert cliffs_delta(a, b) == pytest.approx(2 * wins - 1)
    assert cliffs_delta(a, b) == pytest.approx(-cliffs_delta(b, a))


# Tracks, families


def test_paired_wilcoxon__leaves_out_tracks_that_one_model_lacks(rng: np.random.Generator) -> None:
    a = rng.normal(size=30) + 0.3
    b = rng.normal(size=30)
    gaps = a.copy()
    gaps[[2, 5]] = np.nan
    result = paired_wilcoxon(gaps, b)
    kept = ~np.isnan(gaps)
    assert result.n == 28
    assert result.p == pytest.approx(stats.wilcoxon(a[kept], b[kept]).pvalue)
    assert result.median_difference == pytest.approx(np.median((a - b)[kept]))


def test_paired_wilcoxon__of_equal_models_is_one() -> None:
    assert paired_wilcoxon([0.5, 0.6], [0.5, 0.6]).p == 1.0


def test_holm__is_the_worked_example() -> None:
    # Ordered .005 .01 .03 .04, times 4 3 2 1, then never falling.
    assert holm([0.01, 0.04, 0.03, 0.005]).tolist() == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.7]).tolist() == [1.0, 1.0]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm__lies_between_the_value_and_bonferronis(p: list[float]) -> None:
    adjusted = holm(p)
    assert (adjusted >= np.array(p)).all()
    assert (adjusted <= np.minimum(np.array(p) * len(p), 1) + 1e-15).all()


# Seeds and architectures


def test_variance_components__are_those_that_were_simulated(rng: np.random.Generator) -> None:
    sizes = rng.integers(1, 5, 3000)
    names = np.repeat(np.arange(3000).astype(str), sizes)
    figures = 0.8 + np.repeat(rng.normal(0, 0.02, 3000), sizes) + rng.normal(0, 0.01, len(names))
    result = variance_components(figures, names.tolist())
    assert result.mean == pytest.approx(0.8, abs=0.002)
    assert result.architecture_sd == pytest.approx(0.02, rel=0.05)
    assert result.seed_sd == pytest.approx(0.01, rel=0.05)
    assert (result.n_architectures, result.n_trainings) == (3000, len(names))


def test_variance_components__are_the_analysis_of_variance_by_hand() -> None:
    # Means 1, 3, 5 of two seeds each: MS within 2, MS between 8, so the architectures' variance is (8 - 2) / 2.
    result = variance_components([0, 2, 2, 4, 4, 6], ["a", "a", "b", "b", "c", "c"])
    assert (result.seed_sd, result.architecture_sd, result.figure_sd) == pytest.approx((2**0.5, 3**0.5, 2.0))


def test_variance_components__below_zero_are_zero() -> None:
    assert variance_components([0, 2, 0, 2], ["a", "a", "b", "b"]).architecture_sd == 0


def test_variance_components__without_a_second_seed_or_architecture_are_unknown() -> None:
    single_seeds = variance_components([1, 2, 3], ["a", "b", "c"])
    assert np.isnan([single_seeds.seed_sd, single_seeds.architecture_sd]).all()
    assert single_seeds.figure_sd == 1
    one_architecture = variance_components([1, 2, 3], ["a", "a", "a"])
    assert one_architecture.seed_sd == 1
    assert np.isnan([one_architecture.figure_sd, one_architecture.architecture_sd]).all()


@pytest.mark.parametrize("effect", [0.5, 0.8, 2.0, 4.0])
def test_architectures_needed__reach_the_power_and_one_fewer_does_not(effect: float, rng: np.random.Generator) -> None:
    n = architectures_needed(-effect * 0.01, 0.01)

    def power(n: int) -> float:
        a, b = rng.normal(size=(2, n, 40_000))
        return float((stats.ttest_ind(a + effect, b).pvalue < 0.05).mean())

    assert power(n) > 0.79
    assert n == 2 or power(n - 1) < 0.81


def test_architectures_needed__is_the_textbooks_64_at_half_an_sd_and_nears_the_rule_of_thumb() -> None:
    assert architectures_needed(0.5, 1.0) == 64
    assert architectures_needed(0.05, 1.0) == pytest.approx(16 / 0.05**2, rel=0.02)
    assert architectures_needed(0.1, 0.0) == 2


# Best of n


@given(
    st.lists(st.tuples(st.integers(0, 6), st.integers(0, 3)), min_size=1, max_size=7),
    st.booleans(),
)
def test_best_of__is_the_mean_over_all_subsets(sampled: list[tuple[int, int]], by_selection: bool) -> None:
    figures, selection = np.array(sampled, dtype=float).T
    choice = selection if by_selection else figures
    curve = best_of(figures, np.full(len(figures), 3.0), chosen_by=selection if by_selection else None)
    for n in range(1, len(figures) + 1):
        best = []
        for subset in combinations(range(len(figures)), n):
            chosen = np.array(subset)
            tops = chosen[choice[chosen] == choice[chosen].max()]
            best.append(figures[tops].mean())
        # Equal scores are picked with equal probability over the whole sample, which is what all subsets give.
        assert curve.figure[n - 1] == pytest.approx(np.mean(best))
    assert curve.cost.tolist() == [3.0 * n for n in curve.n]


def test_best_of__stays_exact_for_many_samples() -> None:
    n = np.arange(1, 2001)
    # The expected maximum of n of the numbers 1 to N is n (N + 1) / (n + 1).
    np.testing.assert_allclose(best_of(n, n).figure, n * 2001 / (n + 1), rtol=1e-12)


def test_best_of__costs_the_mean_of_the_samples() -> None:
    assert best_of([0.7, 0.8, 0.9], [10.0, 20.0, 30.0]).cost.tolist() == [20, 40, 60]


# All together


def test_compare_groups__gathers_what_the_parts_say(rng: np.random.Generator) -> None:
    a, b = rng.normal(0.85, 0.01, 5), rng.normal(0.83, 0.01, 6)
    result = compare_groups(a, b, np.random.default_rng(1))
    assert (result.n_a, result.n_b) == (5, 6)
    assert result.mean_a == mean_interval(a)
    assert result.mann_whitney == mann_whitney(a, b)
    assert result.welch == welch(a, b)
    assert result.difference == hodges_lehmann(a, b, np.random.default_rng(1))
    assert result.cliffs_delta == cliffs_delta(a, b)


def test_compare_groups__gives_no_p_value_to_a_single_search(rng: np.random.Generator) -> None:
    result = compare_groups([0.85], [0.83, 0.84, 0.82], rng)
    assert result.mann_whitney is None
    assert result.welch is None
    assert result.superiority == 1.0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: welch([1], [2, 3]), r"group a: found the shape \(1,\); expected at least 2 number"),
        (lambda: mean_interval([0.5, np.nan]), r"mean: found a nan.*Leave architectures without a figure out"),
        (lambda: mann_whitney([], [1]), r"group a: found the shape \(0,\)"),
        (lambda: paired_wilcoxon([1, 2], [1]), r"shapes \(2,\) and \(1,\); expected \(n_tracks,\) for both models"),
        (lambda: paired_wilcoxon([np.nan], [1]), r"no track has a value in both models"),
        (lambda: variance_components([1, 2], ["a"]), r"2 figures and 1 architectures; expected one name a training"),
        (lambda: architectures_needed(0, 1), r"expected a difference other than 0"),
        (lambda: best_of([1, 2], [1]), r"2 figures, 1 costs, 2 scores that choose"),
    ],
)
def test_comparison__says_what_is_wrong(call: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        call()  # type: ignore[operator]
