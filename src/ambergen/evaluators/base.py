"""What evaluators give: ratings of architectures on a split, and what they cost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ambergen.cost import Cost
from ambergen.errors import SplitError
from ambergen.metrics.objectives import objective_values
from ambergen.metrics.probabilistic import class_counts
from ambergen.metrics.ranking import defined, mean_defined
from ambergen.spaces.base import Candidate

Objective = str
"""What a search strives for, by its name; see `ambergen.metrics.objectives`."""

Propose = Callable[[int], list[Any]]


@dataclass(frozen=True)
class Rating:
    """Score of one architecture; None with a reason where it failed."""

    architecture: Candidate
    score: float | None
    reason: str | None = None
    cost: Cost = field(default_factory=Cost)


@dataclass(frozen=True)
class Advance:
    """What was done between two rounds of ratings; loss is None where nothing is trained."""

    loss: float | None = None
    steps: int = 0
    epochs: float = 0.0
    cost: Cost = field(default_factory=Cost)


def check_measurable(split: str, n_windows: int, positives: np.ndarray) -> None:
    """Raise SplitError unless at least one track can be measured, before hours are spent on a score that is not there.

    Parameters
    ----------
    split : name of the split, or of the part of it that is looked at
    positives : (n_tracks,) positive windows among the `n_windows`
    """
    if not defined(positives, n_windows - positives).any():
        raise SplitError(
            f"{split} split: none of the {len(positives)} tracks has 10 positive and 10 negative windows among its "
            f"{n_windows:,} windows (at most {positives.max(initial=0)} positive); expected at least one track, for "
            "nothing can be measured here otherwise. Give this split more contigs or rows."
        )


def objective_value(objective: Objective, logits: np.ndarray, labels: np.ndarray, known: np.ndarray | None) -> float:
    """Mean of the objective over the tracks with at least ten positives and ten negatives.

    Parameters
    ----------
    logits, labels : (n, n_tracks)
    known : (n, n_tracks) or None

    Raises
    ------
    MetricError
        If the objective has no value for one of these tracks.
    """
    return mean_defined(objective_values(objective, logits, labels, known), defined(*class_counts(labels, known)))
