"""How likely a random word scores at least so much, for a matrix of scores."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

_BIN = 1e-3
"""Bits; ten times finer than usual, which costs a tenth of a second and makes the slack of 20 columns 0.02 bits."""


class ScoreDistribution(NamedTuple):
    """Distribution of the sums of a matrix over random words.

    survival : (n,), probability that the sum of rounded scores is `lowest` + i bins or more
    lowest : in bins
    bin : bits
    slack : how far rounding may move a sum, in bins
    """

    survival: Floats
    lowest: int
    bin: float
    slack: float

    def p_value(self, scores: ArrayLike) -> Floats:
        """Probability that a random word scores at least `scores`, whatever the shape; never below the exact one.

        It is at most the exact probability of a score that is two slacks lower.
        """
        scores = np.asarray(scores, np.float64)
        finite = np.isfinite(scores)
        # 1e-6: a sum that is a whole number of bins but for the rounding of floats
        bins = np.ceil(np.where(finite, scores, 0) / self.bin - self.slack - 1e-6).astype(np.int64) - self.lowest
        inside = self.survival[np.clip(bins, 0, len(self.survival) - 1)]
        values = np.where(bins < len(self.survival), inside, 0.0)
        return np.where(finite, values, np.where(scores > 0, 0.0, np.where(np.isnan(scores), np.nan, 1.0)))

    def threshold(self, p: float) -> float:
        """The lowest score, to the bin, that a random word reaches with a probability of at most `p`, or the highest
        that there is."""
        rare = np.flatnonzero(self.survival <= p)
        return (self.lowest + int(rare[0] if len(rare) else len(self.survival) - 1)) * self.bin


def score_distribution(matrix: Floats, background: Floats, bin: float = _BIN) -> ScoreDistribution:
    """Exact distribution of the rounded scores of words with independent letters, column by column.

    Parameters
    ----------
    matrix : (n_symbols, width), bits; -inf where a letter is ruled out
    background : (n_symbols,), probabilities of the letters
    bin : bits

    References
    ----------
    Staden, Computer Applications in the Biosciences 5, 89-96 (1989).
    """
    possible = np.isfinite(matrix)
    scaled = np.where(possible, matrix, 0) / bin
    rounded = np.rint(scaled).astype(np.int64)
    slack = float(np.abs(scaled - rounded).max(axis=0).sum())
    bottom = np.where(possible, rounded, np.iinfo(np.int64).max).min(axis=0)
    distribution = np.ones(1)
    for column, low in zip(range(matrix.shape[1]), bottom, strict=True):
        letters = np.flatnonzero(possible[:, column])
        steps = rounded[letters, column] - low
        longer = np.zeros(len(distribution) + int(steps.max()))
        for letter, step in zip(letters, steps, strict=True):
            longer[step : step + len(distribution)] += background[letter] * distribution
        distribution = longer
    survival = np.cumsum(distribution[::-1])[::-1]
    return ScoreDistribution(np.minimum(survival, 1.0), int(bottom.sum()), bin, slack)
