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


@dataclass(frozen=True)
class Arm:
    """Trainings of one or several architectures, measured on the same test windows.

    figures : an architecture's (n_seeds,) means over tracks
    influence : an architecture's (n_seeds, n_blocks), of every block of test windows on those means
    """

    figures: Sequence[NDArray[np.float64]]
    influence: Sequence[NDArray[np.float64]]

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
        # The spread between architectures holds that between their seeds.
        values = self.means if len(self.figures) > 1 else self.figures[0]
        return (float(values.var(ddof=1)) / len(values), len(values) - 1) if len(values) > 1 else None


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
    if variance == 0:  # nothing to judge by: a perfect score has no spread between blocks, but is no certainty
        return Interval(estimate, np.nan, np.nan)
    # Welch and Satterthwaite: degrees of freedom of a sum of variances.
    freedom = variance**2 / sum(v**2 / n for v, n in parts)
    reach = float(stats.t.ppf(0.5 + LEVEL / 2, freedom) * np.sqrt(variance))
    return Interval(estimate, estimate - reach, estimate + reach)
