"""The front of a search: networks that no other beats in score and size, and how much they cover together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ambergen.metrics.objectives import BUILT_IN, scale
from ambergen.report.evidence import Record, SearchLog, last_ratings
from ambergen.report.sentences import count_text, score_text
from ambergen.strategies.dominance import hypervolume, pareto_front

LARGEST = {"parameters": 1e8, "multiply_adds": 1e10}
"""Sizes of the reference point. They are the same for every search, so that areas can be compared."""

SIZES = {"parameters": "parameters", "multiply_adds": "multiply-adds a window"}


@dataclass(frozen=True)
class Front:
    """The front of one search against one size.

    size : parameters or multiply_adds
    networks : its trials, the smallest first
    worthless : score of the reference point, that of networks that know nothing; None where nobody can tell
    area : hypervolume as far as the reference point, in units of the objective times tenfold steps of size
    """

    size: str
    objective: str
    networks: tuple[Record, ...]
    worthless: float | None
    area: float | None

    def to_dict(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return {
            "size": self.size,
            "objective": self.objective,
            "networks": [
                {key: t[key] for key in ("id", "score", "parameters", "multiply_adds")} for t in self.networks
            ],
            "hypervolume": self.area,
            "unit": f"{scale(self.objective).label} x log10 {self.size}",
            "reference": {"score": self.worthless, self.size: LARGEST[self.size]},
        }

    def told(self) -> str:
        """The hypervolume in words; empty where there is none."""
        if self.area is None:
            return ""
        label, largest = scale(self.objective).label, count_text(LARGEST[self.size])
        return (
            f"hypervolume {score_text(self.area)}, {label} times tenfold steps of size, as far as the fixed reference "
            f"point of {label} {score_text(self.worthless)} and {largest} {SIZES[self.size]}"
        )


def fronts(log: SearchLog) -> list[Front]:
    """The fronts of a search against parameters and multiply-adds.

    None where there are not two sizes yet, nor where weights are shared and still train: scores of different times
    mislead.
    """
    rated = last_ratings(log)
    if log.started.get("method") == "enas" or len({t.get("parameters") for t in rated}) < 2:
        return []
    return [front(log, size) for size in SIZES]


def front(log: SearchLog, size: str) -> Front:
    """The front of a search against one size."""
    trials = last_ratings(log)
    scores = np.array([t["score"] for t in trials], float)
    smallness = -np.log10(np.maximum(np.array([t[size] for t in trials], float), 1.0))
    values = np.stack([scores, smallness], axis=1)
    networks = tuple(trials[k] for k in pareto_front(values)[::-1])
    objective = str(log.started.get("objective", "auroc"))
    worthless = scale(objective).no_skill if objective in BUILT_IN else log.started.get("objective_without_skill")
    area = None if worthless is None else hypervolume(values, np.array([worthless, -np.log10(LARGEST[size])]))
    return Front(size, objective, networks, worthless, area)
