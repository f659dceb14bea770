"""Is a searched architecture better than a sampled one? The statistics of comparing groups of architectures.

The unit of replication is the architecture: every value here is one architecture's figure (the mean over its training
seeds of the mean over tracks), unless the function says otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from ambergen.errors import InputError

_EXACT_UP_TO = 50
"""Values in both groups together up to which the Mann-Whitney test counts all arrangements."""
_RESAMPLED_VALUES = 1 << 22
"""Values held at a time while bootstrapping."""


@dataclass(frozen=True)
class Interval:
    """An estimate with its confidence interval; low and high are nan where one value alone gives no interval."""

    estimate: float
    low: float
    high: float


@dataclass(frozen=True)
class MannWhitney:
    """u : pairs in which a's value is larger, ties counting half; p : two-sided; smallest_p : of any such data."""

    u: float
    p: float
    smallest_p: float
    exact: bool


@dataclass(frozen=True)
class Welch:
    """Difference of means a - b with its confidence interval; p is two-sided."""

    difference: Interval
    t: float
    degrees_of_freedom: float
    p: float


@dataclass(frozen=True)
class PairedWilcoxon:
    """median_difference : of a - b over the n pairs in which both are defined; p : two-sided."""

    n: int
    median_difference: float
    p: float


@dataclass(frozen=True)
class VarianceComponents:
    """What training seeds and what architectures add to the spread of figures, as standard deviations.

    seed_sd : between trainings of one architecture; nan where no architecture was trained twice
    architecture_sd : between architectures, the seeds' share taken out; nan with a single architecture or without
        seed_sd, 0 where the seeds explain all
    figure_sd : between figures of architectures as measured, each a mean over its seeds; nan with a single one
    """

    mean: float
    architecture_sd: float
    seed_sd: float
    figure_sd: float
    n_architectures: int
    n_trainings: int


@dataclass(frozen=True)
class BestOf:
    """Expected figure of the best of n sampled architectures, for every n up to the number sampled.

    n : (N,), 1 to N; figure : (N,); cost : (N,), n mean costs of one architecture
    """

    n: NDArray[np.int64]
    figure: NDArray[np.float64]
    cost: NDArray[np.float64]


@dataclass(frozen=True)
class GroupComparison:
    """Two groups of architectures. The tests are None where a group has a single architecture: no p-value.

    difference : Hodges-Lehmann, a - b; superiority : probability that one of a beats one of b, ties counting half
    """

    mean_a: Interval
    mean_b: Interval
    n_a: int
    n_b: int
    difference: Interval
    cliffs_delta: float
    superiority: float
    mann_whitney: MannWhitney | None
    welch: Welch | None


def compare_groups(a: ArrayLike, b: ArrayLike, rng: np.random.Generator, level: float = 0.95) -> GroupComparison:
    """Everything that is said of two groups of architectures.

    Parameters
    ----------
    a, b : (n_architectures,), one figure each
    rng : draws the bootstrap of the difference
    level : of all confidence intervals

    Raises
    ------
    InputError
        If a group is empty or a figure is nan.
    """
    a, b = _values(a, "group a"), _values(b, "group b")
    tested = min(len(a), len(b)) > 1
    return GroupComparison(
        mean_interval(a, level),
        mean_interval(b, level),
        len(a),
        len(b),
        hodges_lehmann(a, b, rng, level),
        cliffs_delta(a, b),
        probability_of_superiority(a, b),
        mann_whitney(a, b) if tested else None,
        welch(a, b, level) if tested else None,
    )


def mean_interval(values: ArrayLike, level: float = 0.95) -> Interval:
    """Mean with Student's t interval; with one value low and high are nan."""
    values = _values(values, "mean")
    mean = float(values.mean())
    if len(values) == 1:
        return Interval(mean, np.nan, np.nan)
    reach = stats.t.ppf(0.5 + level / 2, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return Interval(mean, float(mean - reach), float(mean + reach))


def bootstrap_interval(
    values: ArrayLike, rng: np.random.Generator, level: float = 0.95, resamples: int = 10_000
) -> Interval:
    """Mean with its percentile bootstrap interval; with one value low and high are nan.

    Parameters
    ----------
    values : (n,), independent of one another
    resamples : drawn with replacement
    """
    values = _values(values, "bootstrap")
    if len(values) == 1:
        return Interval(float(values[0]), np.nan, np.nan)
    means = [
        values[rng.integers(len(values), size=(size, len(values)))].mean(axis=1)
        for size in _chunks(resamples, len(values))
    ]
    low, high = np.quantile(np.concatenate(means), [0.5 - level / 2, 0.5 + level / 2])
    return Interval(float(values.mean()), float(low), float(high))


def hodges_lehmann(
    a: ArrayLike, b: ArrayLike, rng: np.random.Generator, level: float = 0.95, resamples: int = 10_000
) -> Interval:
    """Median of all differences a - b, with the percentile interval of a bootstrap of either group.

    Parameters
    ----------
    a, b : (n_architectures,)
        With one value in a group that group's spread is unknown, so low and high are nan.
    """
    a, b = _values(a, "group a"), _values(b, "group b")
    estimate = float(np.median(np.subtract.outer(a, b)))
    if min(len(a), len(b)) == 1:
        return Interval(estimate, np.nan, np.nan)
    medians = []
    for size in _chunks(resamples, len(a) * len(b)):
        drawn_a = a[rng.integers(len(a), size=(size, len(a), 1))]
        drawn_b = b[rng.integers(len(b), size=(size, 1, len(b)))]
        medians.append(np.median((drawn_a - drawn_b).reshape(size, -1), axis=1))
    low, high = np.quantile(np.concatenate(medians), [0.5 - level / 2, 0.5 + level / 2])
    return Interval(estimate, float(low), float(high))


def mann_whitney(a: ArrayLike, b: ArrayLike) -> MannWhitney:
    """Mann-Whitney test of two groups, two-sided.

    Parameters
    ----------
    a, b : (n_architectures,)

    Notes
    -----
    Up to 50 values the p-value counts the arrangements of the values, ties included, whose rank sum lies as far from
    its mean as the one seen; beyond, it is the normal approximation with corrections for ties and continuity.
    `smallest_p` is 2 / C(n_a + n_b, n_a): 0.0079 for five against five, whatever the data say.
    """
    a, b = _values(a, "group a"), _values(b, "group b")
    u = probability_of_superiority(a, b) * len(a) * len(b)
    smallest = min(1.0, 2 / comb(len(a) + len(b), len(a)))
    if len(a) + len(b) <= _EXACT_UP_TO:
        return MannWhitney(u, _rank_sum_p(a, b), smallest, True)
    p = stats.mannwhitneyu(a, b, alternative="two-sided", method="asymptotic").pvalue
    return MannWhitney(u, float(p), smallest, False)


def _rank_sum_p(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    # Twice the mid-ranks are whole numbers, so the sums can be counted in a table.
    ranks = np.rint(2 * stats.rankdata(np.concatenate([a, b]))).astype(np.int64)
    seen = int(ranks[: len(a)].sum())
    total = int(ranks.sum())
    arrangements = np.zeros((len(a) + 1, total + 1))
    arrangements[0, 0] = 1
    for rank in ranks.tolist():
        arrangements[1:, rank:] += arrangements[:-1, : total + 1 - rank].copy()
    # N times the distance from the mean rank sum, in whole numbers.
    distance = np.abs(len(ranks) * np.arange(total + 1) - len(a) * total)
    extreme = distance >= abs(len(ranks) * seen - len(a) * total)
    return float(arrangements[-1, extreme].sum() / arrangements[-1].sum())


def welch(a: ArrayLike, b: ArrayLike, level: float = 0.95) -> Welch:
    """Welch's test of two means; two groups without any spread give t 0 or infinite.

    Raises
    ------
    InputError
        If a group has fewer than two values.
    """
    a, b = _values(a, "group a", at_least=2), _values(b, "group b", at_least=2)
    difference = float(a.mean() - b.mean())
    share_a, share_b = a.var(ddof=1) / len(a), b.var(ddof=1) / len(b)
    error = float(np.sqrt(share_a + share_b))
    if error == 0:
        t = 0.0 if difference == 0 else float(np.copysign(np.inf, difference))
        exact = Interval(difference, difference, difference)
        return Welch(exact, t, float(len(a) + len(b) - 2), float(difference == 0))
    freedom = float(error**4 / (share_a**2 / (len(a) - 1) + share_b**2 / (len(b) - 1)))
    reach = float(stats.t.ppf(0.5 + level / 2, freedom)) * error
    t = difference / error
    interval = Interval(difference, difference - reach, difference + reach)
    return Welch(interval, t, freedom, float(2 * stats.t.sf(abs(t), freedom)))


def probability_of_superiority(a: ArrayLike, b: ArrayLike) -> float:
    """Probability that a value of a is larger than one of b, ties counting half."""
    difference = np.subtract.outer(_values(a, "group a"), _values(b, "group b"))
    return float(((difference > 0) + 0.5 * (difference == 0)).mean())


def cliffs_delta(a: ArrayLike, b: ArrayLike) -> float:
    """Share of pairs in which a is larger, less the share in which b is: from -1 to 1."""
    return 2 * probability_of_superiority(a, b) - 1


def paired_wilcoxon(a: ArrayLike, b: ArrayLike) -> PairedWilcoxon:
    """Signed-rank test of two models over tracks.

    Parameters
    ----------
    a, b : (n_tracks,)
        Tracks in which either is nan are left out; equal pairs do not count in the test.

    Notes
    -----
    Descriptive only: tracks of one model are correlated, so the p-value says nothing about the next architecture.
    """
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if a.shape != b.shape or a.ndim != 1:
        raise InputError(
            f"paired Wilcoxon: shapes {a.shape} and {b.shape}; expected (n_tracks,) for both models, the tracks in one "
            "order."
        )
    difference = a - b
    difference = difference[~np.isnan(difference)]
    if not len(difference):
        raise InputError("paired Wilcoxon: no track has a value in both models; expected at least one.")
    moved = difference[difference != 0]
    p = float(stats.wilcoxon(moved).pvalue) if len(moved) else 1.0
    return PairedWilcoxon(len(difference), float(np.median(difference)), p)


def holm(p_values: ArrayLike) -> NDArray[np.float64]:
    """Holm's step-down correction: p-values that hold for the family, in the order given.

    Parameters
    ----------
    p_values : (n,), without nan
    """
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p)
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)), 1)
    return adjusted


def variance_components(figures: ArrayLike, architectures: Sequence[str]) -> VarianceComponents:
    """How much of the spread comes from training seeds and how much from architectures.

    Parameters
    ----------
    figures : (n_trainings,), one figure a training
    architectures : (n_trainings,), which architecture was trained

    Notes
    -----
    One-way random effects by the method of moments, for unequal numbers of seeds: with n_i trainings of architecture i,
    MS_between estimates seed variance + n0 architecture variance, n0 = (n - sum n_i^2 / n) / (k - 1). An estimate below
    zero is given as zero.
    """
    figures = _values(figures, "variance components")
    names, group = np.unique(np.asarray(architectures), return_inverse=True)
    if len(group) != len(figures):
        raise InputError(
            f"variance components: {len(figures)} figures and {len(group)} architectures; expected one name a training."
        )
    sizes = np.bincount(group)
    means = np.bincount(group, figures) / sizes
    n, k = len(figures), len(names)
    seed_variance = float(((figures - means[group]) ** 2).sum() / (n - k)) if n > k else np.nan
    figure_sd = float(means.std(ddof=1)) if k > 1 else np.nan
    architecture_sd = np.nan
    if n > k > 1:
        between = float((sizes * (means - figures.mean()) ** 2).sum() / (k - 1))
        typical = (n - (sizes**2).sum() / n) / (k - 1)
        architecture_sd = float(np.sqrt(max(0.0, (between - seed_variance) / typical)))
    return VarianceComponents(float(means.mean()), architecture_sd, float(np.sqrt(seed_variance)), figure_sd, k, n)


def architectures_needed(difference: float, sd: float, power: float = 0.8, level: float = 0.05) -> int:
    """Architectures per group that a two-sided t-test needs to find a true difference of means.

    Parameters
    ----------
    difference : between the means of the two groups; its sign does not matter, but it may not be 0
    sd : between figures of architectures within a group, training noise included (`VarianceComponents.figure_sd`)
    power : wanted probability that the test finds the difference
    level : of the test

    Returns
    -------
    At least 2: the smallest n whose power under the non-central t distribution, with 2 n - 2 degrees of freedom and
    non-centrality (difference / sd) sqrt(n / 2), reaches `power`. The rule of thumb 16 (sd / difference)^2 is its limit
    for large n at 80 % power and a level of 0.05.
    """
    if difference == 0 or not sd >= 0:
        raise InputError(
            f"architectures needed: difference {difference}, sd {sd}; expected a difference other than 0 and an sd of "
            "at least 0. No number of architectures shows that two equal groups differ."
        )
    effect = abs(difference) / sd if sd else np.inf
    if effect > 100:
        return 2
    quantiles = stats.norm.ppf(1 - level / 2) + stats.norm.ppf(power)
    # The normal approximation is a little too low and never too high, so the answer is reached from below.
    n = max(2, int(2 * (quantiles / effect) ** 2))
    while _power(n, effect, level) < power:
        n += 1
    return n


def _power(n: int, effect: float, level: float) -> float:
    freedom, centre = 2 * n - 2, effect * np.sqrt(n / 2)
    critical = stats.t.ppf(1 - level / 2, freedom)
    return float(stats.nct.sf(critical, freedom, centre) + stats.nct.cdf(-critical, freedom, centre))


def best_of(figures: ArrayLike, costs: ArrayLike, chosen_by: ArrayLike | None = None) -> BestOf:
    """Exact expected figure of the best of n sampled architectures: the baseline that a search has to beat.

    Parameters
    ----------
    figures : (N,), of the sampled architectures, for example on the test split
    costs : (N,), of training each, for example device seconds
    chosen_by : (N,)
        What picks the best one, for example the score on the selection split; None: the figure itself, which is what
        a user cannot do and so flatters sampling. Equal scores are equally likely to be picked.

    Notes
    -----
    Over all subsets of n out of N, the k-th smallest is the largest in C(k-1, n-1) of C(N, n). No draw is simulated.
    """
    figures, costs = _values(figures, "best of n"), _values(costs, "best of n, costs")
    choice = figures if chosen_by is None else _values(chosen_by, "best of n, scores that choose")
    if not len(figures) == len(costs) == len(choice):
        raise InputError(
            f"best of n: {len(figures)} figures, {len(costs)} costs, {len(choice)} scores that choose; expected one of "
            "each per architecture."
        )
    total = len(figures)
    _, tie = np.unique(choice, return_inverse=True)
    expected = (np.bincount(tie, figures) / np.bincount(tie))[tie[np.argsort(choice, kind="stable")]]
    n = np.arange(1, total + 1)
    # weight(N, n) = n / N, and weight(k - 1, n) = weight(k, n) (k - n) / (k - 1): no binomial coefficient overflows.
    k = np.arange(total, 1, -1)
    ratios = np.maximum(k[None, :] - n[:, None], 0) / (k[None, :] - 1)
    weights: NDArray[np.float64] = np.cumprod(np.concatenate([n[:, None] / total, ratios], axis=1), axis=1)
    return BestOf(n, weights @ expected[::-1], (n * costs.mean()).astype(np.float64))


def _values(values: ArrayLike, what: str, at_least: int = 1) -> NDArray[np.float64]:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or len(array) < at_least or np.isnan(array).any():
        found = "a nan" if np.isnan(array).any() else f"the shape {array.shape}"
        raise InputError(
            f"{what}: found {found}; expected at least {at_least} number(s) in one dimension, without nan. "
            "Leave architectures without a figure out, and say so."
        )
    return array


def _chunks(resamples: int, values: int) -> list[int]:
    size = max(1, _RESAMPLED_VALUES // max(1, values))
    whole, rest = divmod(resamples, size)
    return [size] * whole + ([rest] if rest else [])
