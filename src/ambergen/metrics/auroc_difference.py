"""DeLong's test: do two scorers of the same windows differ in AUROC?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm, rankdata

from ambergen.errors import InputError


@dataclass(frozen=True)
class DeLong:
    """Two AUROCs on the same windows and the test of their difference.

    covariance : (2, 2), of auroc_a and auroc_b
    z : (auroc_a - auroc_b) over its standard error; 0 where the difference is 0, infinite where a difference has no
        error (one scorer separates the classes perfectly, the other perfectly wrongly)
    p : two-sided, from the normal distribution
    """

    auroc_a: float
    auroc_b: float
    covariance: NDArray[np.float64]
    z: float
    p: float


def delong(labels: ArrayLike, scores_a: ArrayLike, scores_b: ArrayLike) -> DeLong:
    """Compare the AUROCs of two scorers on the same windows or variants.

    Parameters
    ----------
    labels : (n,) of 0 and 1
    scores_a, scores_b : (n,), the larger the more like label 1; without nan

    Raises
    ------
    InputError
        If the shapes differ, a label is neither 0 nor 1, a score is nan, or a class has fewer than two rows.

    Notes
    -----
    Rows are taken as independent: one row a variant. With mid-ranks the placement values of all rows take O(n log n).

    References
    ----------
    DeLong et al., Biometrics 44, 837-845 (1988); Sun and Xu, IEEE Signal Processing Letters 21, 1389-1393 (2014).
    """
    labels = np.asarray(labels)
    scores = [np.asarray(scores_a, dtype=np.float64), np.asarray(scores_b, dtype=np.float64)]
    _check(labels, *scores)
    positive = labels.astype(bool)
    n_positives = int(positive.sum())
    n_negatives = len(labels) - n_positives
    # A positive's placement is the share of negatives below it, a negative's the share of positives above it.
    placed_positives, placed_negatives = np.empty((2, n_positives)), np.empty((2, n_negatives))
    for row, values in enumerate(scores):
        ranks = rankdata(values)
        placed_positives[row] = (ranks[positive] - rankdata(values[positive])) / n_negatives
        placed_negatives[row] = 1 - (ranks[~positive] - rankdata(values[~positive])) / n_positives
    auroc_a, auroc_b = placed_positives.mean(axis=1).tolist()
    covariance = np.cov(placed_positives) / n_positives + np.cov(placed_negatives) / n_negatives
    difference = auroc_a - auroc_b
    variance = covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]
    # The variance of two scorers of the same order is a difference of equal numbers: rounding, not evidence.
    negligible = 1e-12 * (covariance[0, 0] + covariance[1, 1])
    if abs(difference) < 1e-15:
        z = 0.0
    elif variance <= negligible:
        z = float(np.copysign(np.inf, difference))
    else:
        z = float(difference / np.sqrt(variance))
    return DeLong(auroc_a, auroc_b, covariance, z, float(2 * norm.sf(abs(z))))


def _check(labels: NDArray, scores_a: NDArray[np.float64], scores_b: NDArray[np.float64]) -> None:
    if labels.ndim != 1 or not labels.shape == scores_a.shape == scores_b.shape:
        raise InputError(
            f"delong: labels have the shape {labels.shape}, scores {scores_a.shape} and {scores_b.shape}; expected one "
            "dimension and one length. Compare one track at a time, on the rows that both scorers scored."
        )
    if not ((labels == 0) | (labels == 1)).all():
        row = int(np.flatnonzero((labels != 0) & (labels != 1))[0])
        raise InputError(f"delong: the label of row {row} is {labels[row]}; expected 0 or 1. Leave unknown rows out.")
    for name, values in (("scores_a", scores_a), ("scores_b", scores_b)):
        if np.isnan(values).any():
            row = int(np.flatnonzero(np.isnan(values))[0])
            raise InputError(f"delong: {name} of row {row} is nan; expected a number. Compare rows that both scored.")
    positives = int((labels == 1).sum())
    if min(positives, len(labels) - positives) < 2:
        raise InputError(
            f"delong: {positives} positives and {len(labels) - positives} negatives; expected at least 2 of either, "
            "since the error of an AUROC comes from the spread within a class. Add rows."
        )
