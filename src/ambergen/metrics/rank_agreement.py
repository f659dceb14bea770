"""Does a cheap score rank architectures as training them alone does? Kendall's tau-b, alone and at equal size, the
share of the best that it finds, and how far another draw of architectures would move each of them.

The unit is the architecture: every vector here has one value an architecture.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import comb

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from ambergen.errors import InputError
from ambergen.metrics.comparison import Interval

Floats = NDArray[np.float64]

LEAST = 3
"""Architectures below which nothing is said of their order."""
_PERMUTED_PAIRS = 1 << 24
"""Pairs that are held at a time while permuting."""


@dataclass(frozen=True)
class Agreement:
    """How a score orders architectures, compared with the truth.

    n : architectures with a score and a truth
    left_out : those without one of the two, which count nowhere
    tau : Kendall's tau-b
    partial_tau : the same with the parameters held equal; nan where none were given
    spearman : rank correlation
    p : of tau, two-sided, by permutation
    k : how many of the best `precision` and `regret` speak of
    precision : share of the k best by the score that are among the k truly best; k / n by chance
    regret : truth of the best architecture less that of the best among the k that the score puts first

    With fewer than three architectures, or where all scores or all truths are equal, tau and all that follows from it
    are nan: there is no order to agree with.
    """

    n: int
    left_out: int
    tau: Interval
    partial_tau: Interval
    spearman: float
    p: float
    k: int
    precision: Interval
    regret: Interval


@dataclass(frozen=True)
class Reliability:
    """How well a truth that is measured several times agrees with itself.

    tau : mean Kendall's tau-b of two measurements, over all pairs; nan where one is constant
    ceiling : tau-b that a score without any error would have with the mean of the measurements; nan where they do not
        agree
    """

    tau: float
    ceiling: float


def reliability(measured: ArrayLike) -> Reliability:
    """What noise in the truth leaves to be agreed with.

    Parameters
    ----------
    measured : (n, k), k >= 2 measurements of n architectures; rows with a nan are left out

    Raises
    ------
    InputError
        If there are fewer than two measurements.

    Notes
    -----
    Worth and noise are taken as normal. The correlation of two measurements is then r = sin(pi tau / 2) (Greiner 1909),
    that of the worth with the mean of k is sqrt(k r / (1 + (k - 1) r)) (Spearman 1910, Brown 1910), and its tau is
    2 / pi times the arc sine of that.
    """
    values = np.asarray(measured, np.float64)
    if values.ndim != 2 or values.shape[1] < 2:
        raise InputError(f"rank agreement: shape {values.shape}; expected (n, k) with at least two measurements.")
    values = values[~np.isnan(values).any(axis=1)]
    if len(values) < LEAST:
        return Reliability(np.nan, np.nan)
    k = values.shape[1]
    tau = float(np.mean([kendall_tau(values[:, i], values[:, j]) for i in range(k) for j in range(i)]))
    if not tau > 0:
        return Reliability(tau, np.nan)
    r = np.sin(np.pi / 2 * tau)
    return Reliability(tau, float(2 / np.pi * np.arcsin(np.sqrt(k * r / (1 + (k - 1) * r)))))


def kendall_tau(a: ArrayLike, b: ArrayLike) -> float:
    """Kendall's tau-b of two vectors (n,) without nan; nan where one of them is constant.

    References
    ----------
    Kendall, Biometrika 33, 239-251 (1945).
    """
    a, b = _pair(a, b)
    one = np.ones((1, len(a)))
    return float(_taus(_signs(a), _signs(b), one)[0])


def partial_kendall_tau(a: ArrayLike, b: ArrayLike, given: ArrayLike) -> float:
    """Kendall's tau-b of a and b with a third vector held equal; nan where one is constant or ordered as `given` is.

    Parameters
    ----------
    a, b, given : (n,), without nan

    Notes
    -----
    (tau_ab - tau_ac tau_bc) / sqrt((1 - tau_ac^2) (1 - tau_bc^2)), c being `given`. Two scores that agree through c
    alone do not come down to 0: of normal variables with correlation 0.9 to c, 0.19 is left of a tau of 0.60.

    References
    ----------
    Kendall, Biometrika 32, 277-283 (1942).
    """
    a, b = _pair(a, b)
    a, c = _pair(a, given)
    return float(_partial_taus(_signs(a), _signs(b), _signs(c), np.ones((1, len(a))))[0])


def spearman(a: ArrayLike, b: ArrayLike) -> float:
    """Correlation of the mid-ranks of two vectors (n,) without nan; nan where one of them is constant."""
    a, b = _pair(a, b)
    x, y = (stats.rankdata(v) - (len(v) + 1) / 2 for v in (a, b))
    return float(_ratio(np.array(x @ y), np.array(np.sqrt((x @ x) * (y @ y)))))


def top_k_precision(scores: ArrayLike, truth: ArrayLike, k: int) -> float:
    """Share of the k best by `scores` that are among the k best by `truth`.

    Parameters
    ----------
    scores, truth : (n,), without nan
    k : from 1 to n

    Notes
    -----
    Where architectures tie for the last of the k places they share what is left of them evenly: the expected value if
    ties were broken by lot. A constant score has precision k / n.
    """
    scores, truth = _pair(scores, truth)
    _check_k(k, len(scores))
    return float((_places(scores, k) * _places(truth, k)).sum() / k)


def top_k_regret(scores: ArrayLike, truth: ArrayLike, k: int) -> float:
    """What is lost when only the k best by `scores` are looked at: best truth of all less the best among them.

    Parameters
    ----------
    scores, truth : (n,), without nan
    k : from 1 to n; ties for the last of the k places are broken by lot, and the value is the expected one

    Returns
    -------
    At least 0, in the unit of `truth`.
    """
    scores, truth = _pair(scores, truth)
    _check_k(k, len(scores))
    share = _places(scores, k)
    sure, tied = truth[share == 1], np.sort(truth[(share > 0) & (share < 1)])[::-1]
    best = sure.max(initial=-np.inf)
    drawn, n = k - len(sure), len(tied)
    if not drawn:
        return float(truth.max() - best)
    # The j-th best of the tied is the best of the drawn in C(n - 1 - j, drawn - 1) of C(n, drawn) draws.
    chance = np.array([comb(n - 1 - j, drawn - 1) for j in range(n)], dtype=np.float64) / comb(n, drawn)
    return float(truth.max() - chance @ np.maximum(tied, best))


def agreement(
    scores: ArrayLike,
    truth: ArrayLike,
    log_parameters: ArrayLike | None,
    k: int,
    rng: np.random.Generator,
    level: float = 0.95,
    resamples: int = 2000,
    permutations: int = 2000,
) -> Agreement:
    """Everything that is said of a score.

    Parameters
    ----------
    scores, truth : (n,)
        nan where an architecture has none: it is left out, and counted as such.
    log_parameters : (n,) or None
        What the partial tau holds equal: large networks are often better, and a score that only sees their size would
        pass for one that sees their quality.
    k : of precision and regret; at most as many as there are architectures with both values
    rng : draws resamples and permutations
    level : of the intervals
    resamples : of whole architectures, with replacement, for percentile intervals
    permutations : of the truth among architectures

    Raises
    ------
    InputError
        If the vectors differ in length or k is below 1.

    Notes
    -----
    An architecture that is drawn twice ties with itself in the scores and in the truth, which tau-b does not hold
    against either. Ties in precision and regret of a resample are broken by lot. Resamples without an order, all of
    one value, say nothing and are left out of the interval. The p-value is (1 + more extreme permutations) /
    (1 + permutations).
    """
    scores, truth = _pair(scores, truth, missing=True)
    size = np.zeros(len(scores)) if log_parameters is None else _pair(scores, log_parameters, missing=True)[1]
    if k < 1:
        raise InputError(f"rank agreement: k is {k}; expected at least 1.")
    whole = ~(np.isnan(scores) | np.isnan(truth) | np.isnan(size))
    left_out = int((~whole).sum())
    scores, truth, size = scores[whole], truth[whole], size[whole]
    n = len(scores)
    k = min(k, max(1, n))
    nothing = Interval(np.nan, np.nan, np.nan)
    if n < LEAST:
        return Agreement(n, left_out, nothing, nothing, np.nan, np.nan, k, nothing, nothing)
    a, b, c = _signs(scores), _signs(truth), _signs(size)
    drawn = rng.integers(n, size=(resamples, n))
    times = np.stack([np.bincount(row, minlength=n) for row in drawn]).astype(np.float64)
    both = np.array([_drawn_top_k(scores[row], truth[row], k) for row in drawn])
    tau = kendall_tau(scores, truth)
    return Agreement(
        n,
        left_out,
        _interval(tau, _taus(a, b, times), level),
        _interval(partial_kendall_tau(scores, truth, size), _partial_taus(a, b, c, times), level),
        spearman(scores, truth),
        _permutation_p(a, b, tau, rng, permutations),
        k,
        _interval(top_k_precision(scores, truth, k), both[:, 0], level),
        _interval(top_k_regret(scores, truth, k), both[:, 1], level),
    )


# ---- tau as a product of signs


def _signs(values: Floats) -> Floats:
    """(n, n): 1 where the row's value is larger than the column's, -1 where smaller, 0 in ties."""
    larger = values[:, None] > values  # not a difference, which infinite values do not have
    return larger.astype(np.float64) - larger.T


def _taus(a: Floats, b: Floats, times: Floats) -> Floats:
    """Tau-b of every resample.

    Parameters
    ----------
    a, b : (n, n), signs of differences
    times : (n_resamples, n), how often each architecture was drawn

    Notes
    -----
    Tau-b is the cosine of the two matrices of signs; in a resample the pair i, j counts times_i times_j.
    """
    return _ratio(_pairs(a * b, times), np.sqrt(_pairs(a * a, times) * _pairs(b * b, times)))


def _partial_taus(a: Floats, b: Floats, c: Floats, times: Floats) -> Floats:
    ab, ac, bc = _taus(a, b, times), _taus(a, c, times), _taus(b, c, times)
    spread = (1 - ac**2) * (1 - bc**2)
    spread[spread < 1e-12] = 0.0  # rounding of a tau of 1 is no spread
    return _ratio(ab - ac * bc, np.sqrt(spread))


def _pairs(signs: Floats, times: Floats) -> Floats:
    return np.einsum("rj,rj->r", times @ signs, times)


def _ratio(above: Floats, below: Floats) -> Floats:
    """nan where `below` is 0."""
    out = np.full(below.shape, np.nan)
    return np.divide(above, below, out=out, where=below > 0)


def _permutation_p(a: Floats, b: Floats, tau: float, rng: np.random.Generator, permutations: int) -> float:
    if np.isnan(tau):
        return np.nan
    n = len(a)
    # What ties do to tau-b is the same in every permutation, so sums of products of signs are compared: whole numbers.
    seen, left, right = abs(float((a * b).sum())), a.ravel().astype(np.float32), b.astype(np.float32)
    extreme, done, most = 0, 0, max(1, _PERMUTED_PAIRS // n**2)
    while done < permutations:
        size = min(most, permutations - done)
        order = rng.permuted(np.tile(np.arange(n), (size, 1)), axis=1)
        sums = right[order[:, :, None], order[:, None, :]].reshape(size, -1) @ left
        extreme += int((np.abs(sums) >= seen).sum())
        done += size
    return (1 + extreme) / (1 + permutations)


# ---- the best


def _places(values: Floats, k: int) -> Floats:
    """(n,): the share of one of the k best places that each value has; ties share."""
    limit = np.sort(values)[-k]
    sure, tied = values > limit, values == limit
    return sure + tied * ((k - sure.sum()) / tied.sum())


def _drawn_top_k(scores: Floats, truth: Floats, k: int) -> tuple[float, float]:
    """Precision and regret of a resample; its order is drawn, so the first of those that tie is one by lot."""
    chosen = np.argsort(-scores, kind="stable")[:k]
    best = np.argsort(-truth, kind="stable")[:k]
    return len(np.intersect1d(chosen, best, assume_unique=True)) / k, float(truth.max() - truth[chosen].max())


# ---- parts


def _interval(estimate: float, resampled: Floats, level: float) -> Interval:
    told = resampled[~np.isnan(resampled)]
    if np.isnan(estimate) or not len(told):
        return Interval(estimate, np.nan, np.nan)
    low, high = np.quantile(told, [0.5 - level / 2, 0.5 + level / 2])
    return Interval(estimate, float(low), float(high))


def _pair(a: ArrayLike, b: ArrayLike, missing: bool = False) -> tuple[Floats, Floats]:
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if a.ndim != 1 or a.shape != b.shape:
        raise InputError(
            f"rank agreement: shapes {a.shape} and {b.shape}; expected (n,) for both, one value an architecture in one "
            "order."
        )
    if not missing and (np.isnan(a).any() or np.isnan(b).any()):
        raise InputError(
            "rank agreement: a value is nan; expected numbers. Leave the architecture out, or call `agreement`, which "
            "does and counts them."
        )
    return a, b


def _check_k(k: int, n: int) -> None:
    if not 1 <= k <= n:
        raise InputError(f"rank agreement: k is {k} of {n} architectures; expected from 1 to {n}.")
