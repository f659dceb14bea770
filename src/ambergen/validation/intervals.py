"""Confidence intervals of a model's figure: how far other test windows and other training seeds would move it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from ambergen.metrics.comparison import Interval
from ambergen.metrics.influence import clustered_variance

LEVEL = 0.95
# Below this a variance is rounding: perfect scores in every block.
_NO_VARIANCE = 1e-18


@dataclass(frozen=True)
class Noise:
    """Variance of one training's figure between seeds, and its degrees of freedom."""

    variance: float
    freedom: int


@dataclass(frozen=True)
class Arm:
    """Trainings of one or several architectures, measured on the same test windows.

    figures : an architecture's (n_seeds,) means over tracks
    influence : an architecture's (n_seeds, n_blocks), of every block of test windows on those means
    noise : of training; None where a seed makes no difference, or nothing was trained twice
    """

    figures: Sequence[NDArray[np.float64]]
    influence: Sequence[NDArray[np.float64]]
    noise: Noise | None = None

    @property
    def means(self) -> NDArray[np.float64]:
        """(n_architectures,), each the mean over its seeds."""
        return np.array([f.mean() for f in self.figures])

    @property
    def mean(self) -> float:
        return float(self.means.mean())

    @property
    def block_influence(self) -> NDArray[np.float64]:
        """(n_blocks,), on the mean of the arm."""
        return np.mean([i.mean(axis=0) for i in self.influence], axis=0)

    def training_variance(self) -> tuple[float, int] | None:
        """Variance of the mean by architectures, or by seeds where there is one, and its degrees of freedom."""
        n = len(self.figures)
        if n > 1:  # the spread between architectures holds that between their seeds
            return float(self.means.var(ddof=1)) / n, n - 1
        return None if self.noise is None else (self.noise.variance / len(self.figures[0]), self.noise.freedom)


def pooled_noise(figures: Sequence[NDArray[np.float64]]) -> Noise | None:
    """Noise of training, from all networks that were trained more than once.

    Parameters
    ----------
    figures : a network's (n_seeds,) figures

    Notes
    -----
    Two or three seeds of one network tell next to nothing of its noise (with two, Student's t is 12.7), so all networks
    share one estimate.
    """
    freedom = sum(len(f) - 1 for f in figures)
    squares = sum(float(((f - f.mean()) ** 2).sum()) for f in figures)
    return Noise(squares / freedom, freedom) if freedom else None


def arm_interval(arm: Arm) -> Interval:
    """Mean of an arm, over blocks of test windows and over trainings; nan where neither has a spread."""
    return _interval(arm.mean, arm.block_influence, [arm.training_variance()])


def difference_interval(a: Arm, b: Arm) -> Interval:
    """Mean of a less mean of b. Both saw the same test windows, so windows that are hard for both cancel out."""
    influence = a.block_influence - b.block_influence
    return _interval(a.mean - b.mean, influence, [a.training_variance(), b.training_variance()])


def _interval(
    estimate: float, influence: NDArray[np.float64], training: Sequence[tuple[float, int] | None]
) -> Interval:
    parts = [part for part in training if part is not None]
    if len(influence) > 1:
        parts.append((clustered_variance(influence), len(influence) - 1))
    variance = sum(v for v, _ in parts)
    if (
        variance < _NO_VARIANCE
    ):  # nothing to judge by: a perfect score has no spread between blocks, but is no certainty
        return Interval(estimate, np.nan, np.nan)
    # Welch and Satterthwaite: degrees of freedom of a sum of variances.
    freedom = variance**2 / sum(v**2 / n for v, n in parts)
    reach = float(stats.t.ppf(0.5 + LEVEL / 2, freedom) * np.sqrt(variance))
    return Interval(estimate, estimate - reach, estimate + reach)
