"""How much every window moves a metric, and what that says about the metric's error when windows lie in clusters.

Neighbouring windows of a genome overlap and share their biology, and the tracks of a window go together, so windows are
not independent rows. The influence of a window is the derivative of a metric by the window's weight; the sum over a
block of neighbours is the block's influence, and blocks are the units that are as good as independent.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata


@dataclass(frozen=True)
class Influence:
    """Influence of every window on the mean of a metric over tracks; both (n_windows,) and of sum 0."""

    auroc: NDArray[np.float64]
    average_precision: NDArray[np.float64]


def mean_influence(
    scores: NDArray[np.floating], labels: NDArray, known: NDArray[np.bool_] | None, tracks: ArrayLike
) -> Influence:
    """Influence of every window on the mean AUROC and the mean average precision over `tracks`.

    Parameters
    ----------
    scores, labels : (n_windows, n_tracks), as `ranking` takes them
    known : (n_windows, n_tracks); a window has no influence on a track in which it is not known. None: all are
    tracks : (n_tracks,) of bool, the tracks in the mean; each has positives and negatives

    Notes
    -----
    One track at a time: sorting dominates, and the arrays of one track stay in the cache.
    """
    chosen = np.flatnonzero(np.asarray(tracks))
    areas, precisions = np.zeros(len(scores)), np.zeros(len(scores))
    for track in chosen:
        rows = slice(None) if known is None else known[:, track]
        positive = labels[rows, track].astype(bool)
        values = scores[rows, track]
        areas[rows] += auroc_influence(values, positive) / len(chosen)
        precisions[rows] += average_precision_influence(values, positive) / len(chosen)
    return Influence(areas, precisions)


def auroc_influence(scores: NDArray[np.floating], positive: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Derivative of one track's AUROC by the weight of each window, at weights of one.

    Parameters
    ----------
    scores, positive : (n_windows,), both classes present

    Notes
    -----
    The placements of DeLong et al., Biometrics 44, 837-845 (1988): for a positive the share of negatives below it, for
    a negative the share of positives above it, less the AUROC, over the size of the window's own class.
    """
    n_positives = int(positive.sum())
    n_negatives = len(positive) - n_positives
    ranks = rankdata(scores)
    placed = np.empty(len(scores))
    placed[positive] = (ranks[positive] - rankdata(scores[positive])) / n_negatives
    placed[~positive] = 1 - (ranks[~positive] - rankdata(scores[~positive])) / n_positives
    area = placed[positive].mean()
    return (placed - area) / np.where(positive, n_positives, n_negatives)


def average_precision_influence(scores: NDArray[np.floating], positive: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Derivative of one track's average precision by the weight of each window, at weights of one.

    Parameters
    ----------
    scores, positive : (n_windows,), at least one positive

    Notes
    -----
    With h hits among the c windows called at a score, average precision is the sum of (new hits) h / c over the scores
    from the top, over the number of positives. A window's weight enters its own new hit, the hits and calls of its own
    and all lower scores, and the number of positives.
    """
    thresholds, group = np.unique(-scores, return_inverse=True)
    new_hits = np.bincount(group, positive, minlength=len(thresholds))
    hits, calls = np.cumsum(new_hits), np.cumsum(np.bincount(group, minlength=len(thresholds)))
    precision = hits / calls
    average = (new_hits * precision).sum() / hits[-1]
    as_hit = np.cumsum((new_hits / calls)[::-1])[::-1]
    as_call = np.cumsum((new_hits * precision / calls)[::-1])[::-1]
    return (positive * (precision + as_hit - average)[group] - as_call[group]) / hits[-1]


def clustered_variance(influence: ArrayLike) -> float:
    """Variance of a metric from the influence of its independent blocks; nan with a single block.

    Parameters
    ----------
    influence : (n_blocks,), summed over the windows of a block
    """
    blocks = np.asarray(influence, dtype=np.float64)
    if len(blocks) < 2:
        return float("nan")
    return float((blocks**2).sum() * len(blocks) / (len(blocks) - 1))
