"""What a comparison of search methods is about: its settings, and what each of its searches gave."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from ambergen.budgets import Budget
from ambergen.cost import Cost
from ambergen.datasets.store import Store
from ambergen.errors import ConfigError
from ambergen.runs.config import Method, SearchConfig
from ambergen.runs.methods import searched_space
from ambergen.spaces.base import SearchSpace
from ambergen.training.config import TrainConfig

METHODS: tuple[str, ...] = get_args(Method)

Record = dict[str, Any]
Key = tuple[str, int]
"""A search: its method and the number of its seed."""


@dataclass(frozen=True)
class MethodsConfig:
    """What is compared.

    methods : names of search methods
    budget : of one search with everything in it, as device seconds; a time of the wall clock is taken as such
    seeds : independent searches of each method
    """

    methods: tuple[str, ...]
    budget: Budget
    seeds: int = 3

    def __post_init__(self) -> None:
        for name in self.methods:
            if name not in METHODS:
                near = get_close_matches(name, METHODS, n=1)
                hint = f" Did you mean {near[0]!r}?" if near else ""
                raise ConfigError(
                    f"methods: {name!r} is not a search method; expected some of {', '.join(METHODS)}.{hint}"
                )
        if not self.methods or len(set(self.methods)) != len(self.methods):
            raise ConfigError(f"methods are {', '.join(self.methods) or 'none'}; expected at least one, each once.")
        if self.seeds < 1:
            raise ConfigError(f"seeds is {self.seeds}; expected at least 1.")
        if self.budget.unit not in ("seconds", "device_seconds"):
            raise ConfigError(
                f"the budget is {self.budget}; expected a time, such as '10min device', for {self.budget.unit} of one "
                "method are not those of another. Methods are compared at equal cost."
            )
        object.__setattr__(self, "budget", Budget(self.budget.amount, "device_seconds"))


@dataclass(frozen=True)
class Setup:
    """What all methods have in common.

    search : settings of the searches; the k-th search of each method has the seed `search.seed` + k
    train : the final recipe, `train_seeds` times for each winner
    """

    space: SearchSpace
    store: Store
    search: SearchConfig
    train: TrainConfig
    train_seeds: int = 1


def space_of(setup: Setup, config: MethodsConfig, method: str) -> SearchSpace:
    """What a method searches where the run's space is the macro space."""
    settings = replace(setup.search, method=method, budget=config.budget)  # type: ignore[arg-type]
    return searched_space(setup.space, settings)


def kind_of(space: SearchSpace) -> str:
    """macro, hierarchical, …"""
    return str(space.to_dict().get("kind", "macro"))


@dataclass(frozen=True)
class Begun:
    """What a comparison began with and keeps wherever it is continued.

    finalist_seconds : by kind of space, device seconds of a short training and its score, the median of a few sampled
        architectures
    scoring_seconds : likewise, of the score of one that is trained already
    rescoring_seconds : by method with shared weights, device seconds of one rating of those that choose its finalists
    dtype, final_dtype : of the searches and of the final trainings
    """

    finalist_seconds: dict[str, float]
    scoring_seconds: dict[str, float]
    rescoring_seconds: dict[str, float]
    dtype: str
    final_dtype: str


@dataclass(frozen=True)
class Found:
    """What one search gave.

    space, architecture : of the winner, as plain data
    selection : score of the winner after its short training alone, on the selection split
    curve : (n, 2), device seconds and the score of what the search held for the best by then, on the search split
    scores, costs : of all trials that succeeded, in the order of the log
    cost : of everything
    """

    space: Record
    architecture: Record
    id: str
    selection: float | None
    n_trials: int
    n_failed: int
    curve: NDArray[np.float64]
    scores: NDArray[np.float64]
    costs: NDArray[np.float64]
    cost: Cost


def anytime(events: Sequence[Record]) -> NDArray[np.float64]:
    """(n, 2) device seconds, and the score of what a search held for the best by then, from its event log.

    Trials of stand-alone searches are paid one by one, those of shared weights with the round they are in. Of trials on
    several rungs the best of the highest rung counts, whose score may be lower than one on a rung below.
    """
    trials = [e for e in events if e["event"] == "trial"]
    points: list[tuple[float, float]] = []
    best: tuple[int, float] | None = None
    if any(t["evaluator"] == "shared" for t in trials):
        paid = {e["step"]: e["cost"]["device_seconds"] for e in events if e["event"] == "step"}
        # what was rated after the last whole round has no cost yet
        trials = sorted((t for t in trials if t["step"] in paid), key=lambda t: t["step"])
    spent = 0.0
    for trial in trials:
        spent = paid[trial["step"]] if trial["evaluator"] == "shared" else spent + trial["cost"]["device_seconds"]
        if trial["score"] is None:
            continue
        held = trial.get("rung", 0), trial["score"]
        if best is None or held > best:
            best = held
            points.append((spent, trial["score"]))
    if points and spent > points[-1][0]:
        points.append((spent, points[-1][1]))
    return np.array(points, float).reshape(-1, 2)


def at_costs(curve: NDArray[np.float64], costs: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n,) score of a step curve at each cost; nan before its first point.

    Parameters
    ----------
    curve : (m, 2), cost and score
    costs : (n,)
    """
    place = np.searchsorted(curve[:, 0], costs, side="right") - 1
    return np.where(place < 0, np.nan, curve[np.maximum(place, 0), 1]) if len(curve) else np.full(len(costs), np.nan)
