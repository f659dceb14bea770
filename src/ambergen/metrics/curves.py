"""ROC and precision-recall curves of one track, thinned for drawing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ambergen.errors import InputError


@dataclass(frozen=True)
class RocCurve:
    """From (0, 0), nothing called, to (1, 1), everything called; both (n_points,), rising."""

    false_positive_rate: NDArray[np.float64]
    true_positive_rate: NDArray[np.float64]


@dataclass(frozen=True)
class PrecisionRecallCurve:
    """From recall 0 (by convention at precision 1) to recall 1; both (n_points,), recall rising."""

    recall: NDArray[np.float64]
    precision: NDArray[np.float64]


def roc_curve(scores: ArrayLike, labels: ArrayLike, points: int = 500) -> RocCurve:
    """ROC curve of one track.

    Parameters
    ----------
    scores, labels : (n_windows,), the windows whose label is known
    points : at most so many, spread evenly along the curve; never a point that the full curve does not have

    Raises
    ------
    InputError
        If the shapes differ, a score is nan, or the labels are not of both classes.
    """
    hits, calls = _calls(scores, labels)
    misses = calls - hits
    false_positive_rate = np.concatenate([[0.0], misses / misses[-1]])
    true_positive_rate = np.concatenate([[0.0], hits / hits[-1]])
    kept = _spread(false_positive_rate + true_positive_rate, points)
    return RocCurve(false_positive_rate[kept], true_positive_rate[kept])


def precision_recall_curve(scores: ArrayLike, labels: ArrayLike, points: int = 500) -> PrecisionRecallCurve:
    """Precision at every recall of one track. Parameters and errors as in `roc_curve`."""
    hits, calls = _calls(scores, labels)
    # Once everything is found, more calls only lower the precision at recall 1.
    last = int(np.searchsorted(hits, hits[-1])) + 1
    recall = np.concatenate([[0.0], hits[:last] / hits[-1]])
    precision = np.concatenate([[1.0], hits[:last] / calls[:last]])
    # Precision jumps at low recall, where few windows are called, so the calls take part in the spacing.
    spacing = recall + np.concatenate([[0.0], np.log(calls[:last]) / np.log(calls[last - 1] + 1)])
    kept = _spread(spacing, points)
    return PrecisionRecallCurve(recall[kept], precision[kept])


def _calls(scores: ArrayLike, labels: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Positives called and windows called at each distinct score as threshold, from the highest score down."""
    scores, labels = np.asarray(scores), np.asarray(labels)
    if scores.ndim != 1 or scores.shape != labels.shape:
        raise InputError(
            f"curve: scores have the shape {scores.shape}, labels {labels.shape}; expected (n_windows,) for both. "
            "A curve is drawn of one track: give one column of each."
        )
    if np.isnan(scores).any():
        row = int(np.flatnonzero(np.isnan(scores))[0])
        raise InputError(f"curve: the score of row {row} is nan; expected a number. Leave the row out.")
    positive = labels.astype(bool)
    if positive.all() or not positive.any():
        raise InputError(
            f"curve: all {len(labels)} labels are of one class; expected positives and negatives. "
            "The track has no curve on this split: leave it out."
        )
    order = np.argsort(scores)[::-1]
    threshold = np.append(np.flatnonzero(np.diff(scores[order])), len(order) - 1)
    return np.cumsum(positive[order])[threshold], threshold + 1


def _spread(along: NDArray[np.float64], points: int) -> NDArray[np.int64]:
    """Indices of at most `points` entries of the rising `along`, evenly apart, with both ends."""
    if len(along) <= points:
        return np.arange(len(along))
    nearest = np.searchsorted(along, np.linspace(along[0], along[-1], points))
    return np.unique(np.append(nearest[:-1], len(along) - 1))
