"""A search on a table of trainings: hours of asynchronous workers on a simulated clock, in a fraction of a second."""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ambergen.budgets import Budget
from ambergen.errors import ConfigError
from ambergen.evaluators.base import Rating
from ambergen.evaluators.tabular import TabularEvaluator
from ambergen.strategies.base import Rated, Strategy


@dataclass(frozen=True, eq=False)
class Simulated:
    """What a simulated search did, in the order in which its trainings ended.

    rows : (n,), rows of the table
    scores : (n,), as the search saw them
    costs : (n,), device seconds of all trainings that had ended by then
    clock : (n,), seconds at which each ended
    """

    rows: NDArray[np.int64]
    scores: NDArray[np.float64]
    costs: NDArray[np.float64]
    clock: NDArray[np.float64]

    @property
    def incumbents(self) -> NDArray[np.int64]:
        """(n,), the row that the search held for the best after each training; of equal scores the first."""
        best = np.maximum.accumulate(self.scores)
        first = np.concatenate([[True], self.scores[1:] > best[:-1]])
        return self.rows[np.maximum.accumulate(np.where(first, np.arange(len(self.rows)), 0))]


def simulate(strategy: Strategy, evaluator: TabularEvaluator, budget: Budget, workers: int = 1) -> Simulated:
    """Run a search on a table.

    Whenever a worker is free the strategy is asked for one architecture, and it is told each score when the training
    ends on the simulated clock. Trainings that would end beyond a budget of time do not count.

    Parameters
    ----------
    strategy : of the table's space; one that asks for no architecture twice
    budget : trials, device seconds of all workers together, or seconds of the clock
    workers : trainings at a time

    Raises
    ------
    ConfigError
        If the budget is of another kind, or ends before the first training does.
    """
    check_budget(budget, evaluator, workers)
    running: list[tuple[float, int]] = []
    ratings: list[Rating] = []
    ended: list[tuple[int, float, float, float]] = []
    clock, spent, size = 0.0, 0.0, evaluator.table.space.size
    while True:
        while len(running) < workers and len(ratings) < size and _may_begin(budget, len(ratings), spent, clock):
            rating = evaluator.rating(strategy.ask(1)[0])
            heapq.heappush(running, (clock + rating.cost.device_seconds, len(ratings)))
            ratings.append(rating)
        if not running:
            break
        clock, number = heapq.heappop(running)
        rating = ratings[number]
        assert rating.score is not None  # a table has no failures
        spent += rating.cost.device_seconds
        if budget.unit != "trials" and (spent if budget.unit == "device_seconds" else clock) > budget.amount:
            break
        strategy.tell([Rated(rating.architecture, rating.score)])
        ended.append((evaluator.table.index(rating.architecture), rating.score, spent, clock))
    if not ended:
        raise ConfigError(f"the budget of {budget} ends before the first training does; expected more.")
    rows, scores, costs, times = zip(*ended, strict=True)
    return Simulated(np.array(rows), np.array(scores), np.array(costs), np.array(times))


def _may_begin(budget: Budget, begun: int, spent: float, clock: float) -> bool:
    used = {"trials": begun, "device_seconds": spent, "seconds": clock}[budget.unit]
    return used < budget.amount


def check_budget(budget: Budget, evaluator: TabularEvaluator, workers: int) -> None:
    """Raise ConfigError unless the table can serve a search of this budget."""
    if workers < 1:
        raise ConfigError(f"workers is {workers}; expected at least 1.")
    if budget.unit in ("epochs", "steps"):
        raise ConfigError(
            f"the budget of {budget} counts {budget.unit} of shared weights, which a table does not have; expected "
            "trials, such as '100 trials', or a time such as '10min device'."
        )
    size = evaluator.table.space.size
    if budget.unit == "trials" and budget.amount > size:
        raise ConfigError(
            f"the budget of {budget} is more than the {size} architectures of the table; expected at most that, for no "
            "strategy asks for one twice."
        )
