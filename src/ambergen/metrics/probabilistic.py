"""How good the probabilities of logits are, and the calls at a probability of 0.5, for all tracks at once.

Everywhere scores are logits: the probability of a window is 1 / (1 + exp(-score)), and it is called positive where that
is above 0.5, the score above 0. Larger values are better in all of these. A track with a single class among its known
labels has nan, as in `ambergen.metrics.ranking`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, log_expit

from ambergen.metrics.ranking import checked, refuse_nan

Counts = NDArray[np.int64]

_TILE_VALUES = 1 << 18
"""Scores that are looked at at a time: 2 MiB as float64."""


def log_likelihood(scores: ArrayLike, labels: ArrayLike, known: ArrayLike | None = None) -> NDArray[np.float64]:
    """Mean Bernoulli log likelihood of the labels of every track, the negative of the cross-entropy.

    Parameters
    ----------
    scores : (n_windows, n_tracks), logits
    labels : (n_windows, n_tracks) of 0 and 1
    known : (n_windows, n_tracks) of bool
        Where False, the window is left out of that track. None: all labels are known.

    Returns
    -------
    (n_tracks,), nats a window, 0 at most
        nan where a track has a single class.

    Raises
    ------
    InputError
        If the shapes differ, a known label is neither 0 nor 1, or a score with a known label is nan.
    """

    def likelihood(scores: NDArray[np.float64], labels: NDArray[np.bool_]) -> NDArray[np.float64]:
        return log_expit(np.where(labels, scores, -scores))

    (total,), positives, negatives = _sums(scores, labels, known, likelihood)
    return total / _defined(positives, negatives)


def brier(scores: ArrayLike, labels: ArrayLike, known: ArrayLike | None = None) -> NDArray[np.float64]:
    """Brier skill score of every track, (n_tracks,): 1 is perfect, 0 is no better than naming the prevalence.

    It is 1 - B / (q (1 - q)), where B is the mean square of probability minus label and q the share of positives among
    the known labels; it can be negative. Parameters, errors and nan are those of `log_likelihood`.

    References
    ----------
    Brier, Monthly Weather Review 78, 1-3 (1950); Murphy, Journal of Applied Meteorology 12, 595-600 (1973).
    """

    def square(scores: NDArray[np.float64], labels: NDArray[np.bool_]) -> NDArray[np.float64]:
        return np.square(expit(scores) - labels)

    (total,), positives, negatives = _sums(scores, labels, known, square)
    n = _defined(positives, negatives)
    return 1 - total / (positives * (negatives / n))


def mcc(scores: ArrayLike, labels: ArrayLike, known: ArrayLike | None = None) -> NDArray[np.float64]:
    """Matthews' correlation of calls and labels of every track, (n_tracks,), from -1 to 1.

    Calls are positive where the probability is above 0.5; where all calls of a track are the same it is 0. Parameters,
    errors and nan are those of `log_likelihood`.

    References
    ----------
    Matthews, Biochimica et Biophysica Acta 405, 442-451 (1975).
    """
    right, called, positives, negatives = _calls(scores, labels, known)
    n = _defined(positives, negatives)
    # Covariance and variances of two rows of 0 and 1, each times n squared.
    covariance = n * right - called * positives
    spread = np.sqrt(called * (n - called)) * np.sqrt(positives * negatives)
    correlation = np.divide(covariance, spread, out=np.zeros(len(n)), where=spread > 0)
    return np.where(np.isnan(n), np.nan, correlation.clip(-1, 1))


def accuracy(scores: ArrayLike, labels: ArrayLike, known: ArrayLike | None = None) -> NDArray[np.float64]:
    """Share of right calls of every track, (n_tracks,), from 0 to 1.

    Calls are positive where the probability is above 0.5. Parameters, errors and nan are those of `log_likelihood`.
    """
    right, called, positives, negatives = _calls(scores, labels, known)
    n = _defined(positives, negatives)
    return (right + (negatives - (called - right))) / n


def class_counts(labels: NDArray[np.uint8], known: NDArray[np.bool_] | None) -> tuple[Counts, Counts]:
    """Positives and negatives of every track among the known labels, each (n_tracks,)."""
    if known is None:
        positives = labels.sum(axis=0, dtype=np.int64)
        return positives, len(labels) - positives
    positives = np.logical_and(labels, known).sum(axis=0, dtype=np.int64)
    return positives, known.sum(axis=0, dtype=np.int64) - positives


_Measure = Callable[[NDArray[np.float64], NDArray[np.bool_]], NDArray[np.float64]]


def _sums(
    scores: ArrayLike, labels: ArrayLike, known: ArrayLike | None, *measures: _Measure
) -> tuple[list[NDArray[np.float64]], NDArray[np.int64], NDArray[np.int64]]:
    """Sums over the known windows of what `measures` say of each; and positives and negatives, each (n_tracks,)."""
    scores, labels, known = checked(scores, labels, known)
    totals = [np.zeros(scores.shape[1]) for _ in measures]
    for rows in _tiles(scores):
        part = scores[rows].astype(np.float64)
        if known is not None:
            part = np.where(known[rows], part, 0.0)
        refuse_nan(part, first_row=rows.start)
        for total, measure in zip(totals, measures, strict=True):
            values = measure(part, labels[rows].astype(bool))
            total += values.sum(axis=0, where=True if known is None else known[rows])
    positives, negatives = class_counts(labels, known)
    return totals, positives, negatives


def _calls(scores: ArrayLike, labels: ArrayLike, known: ArrayLike | None) -> tuple[NDArray[np.float64], ...]:
    """Positives that are called, windows that are called, positives and negatives, each (n_tracks,) whole numbers."""

    def right(scores: NDArray[np.float64], labels: NDArray[np.bool_]) -> NDArray[np.float64]:
        return np.logical_and(scores > 0, labels).astype(np.float64)

    def called(scores: NDArray[np.float64], labels: NDArray[np.bool_]) -> NDArray[np.float64]:
        return (scores > 0).astype(np.float64)

    (n_right, n_called), positives, negatives = _sums(scores, labels, known, right, called)
    return n_right, n_called, positives.astype(np.float64), negatives.astype(np.float64)


def _tiles(scores: NDArray[np.floating]) -> Iterator[slice]:
    size = max(1, _TILE_VALUES // max(1, scores.shape[1]))
    for first in range(0, len(scores), size):
        yield slice(first, first + size)


def _defined(positives: NDArray[np.generic], negatives: NDArray[np.generic]) -> NDArray[np.float64]:
    """Known labels of every track, nan where they are of one class."""
    both = (positives > 0) & (negatives > 0)  # type: ignore[operator]
    return np.where(both, positives + negatives, np.nan)  # type: ignore[operator]
