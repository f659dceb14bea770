"""Cluster bootstrap: blocks of the genome are drawn, since variants close to each other are not independent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ambergen.metrics.comparison import Interval

# Variants further apart than a block are hardly linked; a block holds all tracks and rows of its variants.
BLOCK = 1_000_000
# Percentiles of fewer blocks than this would be those of a handful of values.
FEWEST_BLOCKS = 10
_VALUES_AT_ONCE = 1 << 22


@dataclass(frozen=True)
class Draws:
    """Resamples of blocks.

    block : (n_sites,), the number of each site's block
    times : (n_resamples, n_blocks), how often each block was drawn
    """

    block: NDArray[np.int64]
    times: NDArray[np.int64]

    @property
    def n_blocks(self) -> int:
        return self.times.shape[1]


def draw_blocks(chrom: pd.Series, pos: pd.Series, rng: np.random.Generator, resamples: int = 2000) -> Draws:
    """Draw as many blocks as there are, with replacement.

    Parameters
    ----------
    chrom, pos : (n_sites,)
    """
    names = chrom.astype(str) + ":" + ((pos - 1) // BLOCK).astype(str)
    block = pd.factorize(names)[0].astype(np.int64)
    n = int(block.max()) + 1 if len(block) else 0
    times = rng.multinomial(n, np.full(n, 1 / n), size=resamples) if n else np.zeros((resamples, 0), dtype=np.int64)
    return Draws(block, times)


def resampled_auroc(draws: Draws, scores: NDArray[np.float64], positive: NDArray[np.bool_]) -> NDArray[np.float64]:
    """AUROC of every resample, (n_resamples,), ties counting half; nan where it lacks a class."""
    order = np.argsort(scores, kind="stable")
    sorted_scores = scores[order]
    first = np.flatnonzero(np.concatenate([[True], sorted_scores[1:] != sorted_scores[:-1]]))
    found = []
    for weights in _weights(draws, order):
        above = np.add.reduceat(weights * positive[order], first, axis=1)
        below = np.add.reduceat(weights * ~positive[order], first, axis=1)
        wins = (above * (np.cumsum(below, axis=1) - below / 2)).sum(axis=1)
        pairs = above.sum(axis=1) * below.sum(axis=1)
        found.append(np.where(pairs > 0, wins / np.where(pairs > 0, pairs, 1), np.nan))
    return np.concatenate(found)


def resampled_mean(draws: Draws, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean over the sites of every resample, (n_resamples,)."""
    everything = np.arange(len(values))
    return np.concatenate([(w @ values) / w.sum(axis=1) for w in _weights(draws, everything)])


def percentiles(estimate: float, resampled: NDArray[np.float64], draws: Draws, level: float = 0.95) -> Interval:
    """Interval of an estimate; low and high are nan with fewer than ten blocks, or where no block moves it.

    A perfect score has no spread between blocks, but is no certainty.
    """
    usable = resampled[~np.isnan(resampled)]
    if draws.n_blocks < FEWEST_BLOCKS or not len(usable) or np.ptp(usable) < 1e-12:
        return Interval(estimate, np.nan, np.nan)
    low, high = np.quantile(usable, [0.5 - level / 2, 0.5 + level / 2])
    return Interval(estimate, float(low), float(high))


def difference_p(resampled: NDArray[np.float64], draws: Draws) -> float:
    """Two-sided p-value of a difference: how rarely its resamples lie on the other side of 0."""
    usable = resampled[~np.isnan(resampled)]
    if draws.n_blocks < FEWEST_BLOCKS or not len(usable):
        return np.nan
    usable = np.where(np.abs(usable) < 1e-12, 0.0, usable)  # equal AUROCs differ by rounding
    # + 1: the data themselves are a resample, so that p is never 0.
    rarer = min(int((usable <= 0).sum()), int((usable >= 0).sum())) + 1
    return min(1.0, 2 * rarer / (len(usable) + 1))


def _weights(draws: Draws, order: NDArray[np.int64]) -> Iterator[NDArray[np.float64]]:
    """(part of the resamples, n_sites) at a time, sites in `order`."""
    size = max(1, _VALUES_AT_ONCE // max(1, len(order)))
    for first in range(0, len(draws.times), size):
        yield draws.times[first : first + size, draws.block[order]].astype(np.float64)
