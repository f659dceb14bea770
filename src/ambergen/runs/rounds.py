"""The course of a search on shared weights: rounds of training them, asking, rating and telling."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, cast

from ambergen.cost import Cost
from ambergen.evaluators.base import Advance, Rating
from ambergen.evaluators.shared_weights import SharedWeights
from ambergen.progress import SILENT, Task
from ambergen.runs.config import OneShotConfig
from ambergen.runs.course import Course, Setting
from ambergen.runs.finalists import best_distinct, best_ratings
from ambergen.runs.records import Trial
from ambergen.spaces.architecture import Architecture
from ambergen.strategies.base import Strategy

_NO_TASK = SILENT.task("")


class Rounds(Course):
    """Rounds on one supernet.

    Parameters
    ----------
    n_asked : architectures that are rated at a time
    phases : train the supernet first and only then search, with frozen weights; None for both in turn
    """

    evaluator = "shared"

    def __init__(
        self, setting: Setting, strategy: Strategy, shared: SharedWeights, n_asked: int, phases: OneShotConfig | None
    ) -> None:
        super().__init__(setting, strategy)
        self.shared, self.n_asked, self.phases = shared, n_asked, phases
        self.generations = 0

    def run(self, task: Task) -> None:
        budget = self.setting.config.budget
        task.advance(budget.amount - max(0.0, self.spent.left(budget)))
        while not self._over():
            before = max(0.0, self.spent.left(budget))
            self._round()
            task.advance(before - max(0.0, self.spent.left(budget)))
            task.note(self.note())

    def _over(self) -> bool:
        if self.exhausted:
            return True
        if self.phases is None:
            return not self._trains() if self._counts_training else self._left() <= 0
        bred = self.generations >= self.phases.evolution.rounds
        if self._counts_training:
            return bred and not self._trains()
        # A budget that the training has overrun still leaves a first generation, without which nothing is found.
        return bred or (self._left() <= 0 and self.generations > 0)

    def _trains(self) -> bool:
        """Whether this round trains the supernet."""
        if self.shared.steps_left == 0:
            return False
        if self.phases is None or self._counts_training:
            return self._left() > 0
        if self.setting.config.budget.unit == "trials":
            return self.spent.epochs < self.phases.epochs
        return self.generations == 0 and self._left() > (1 - self.phases.share) * self.setting.config.budget.amount

    @property
    def _counts_training(self) -> bool:
        """Whether the budget is an amount of training, which ratings take nothing of."""
        return self.setting.config.budget.unit in ("epochs", "steps")

    def _left(self) -> float:
        return self.spent.left(self.setting.config.budget)

    def _round(self) -> None:
        """Train shared weights, let the strategy learn from fresh ratings, write it all down."""
        start = time.perf_counter()
        trains, advance, rated = self._trains(), Advance(), []
        if trains:
            advance = self.shared.advance(self.strategy.propose, _NO_TASK)
        if self.phases is None:
            for _ in range(self.setting.config.updates):
                rated += self._update()
        elif not trains:
            rated = self._update()
            self.generations += 1
        self.cost += sum((t.cost for t in rated), advance.cost)
        spent = self.spent
        spent.seconds += time.perf_counter() - start
        spent.epochs += advance.epochs
        spent.steps += advance.steps
        spent.trials, spent.device_seconds = self.n_trials, self.cost.device_seconds
        self.log_step(advance, rated)
        self.save()
        self.give_up_if_hopeless()

    def _update(self) -> list[Trial]:
        n, budget = self.n_asked, self.setting.config.budget
        if budget.unit == "trials":
            n = min(n, int(budget.amount) - self.n_trials)
        if n == 0:
            return []
        trials = []
        asked = self.ask(n)
        if not asked:
            return []
        for rating in self.shared.rate(cast(list[Architecture], asked), _NO_TASK):
            trials.append(self.record(self.n_trials, rating))
            self.n_trials += 1
        self.strategy.tell([self.rated(t, t.score) for t in trials if t.score is not None])
        return trials

    def candidates(self) -> list[Rating]:
        config = self.setting.config
        pool = best_distinct(self.trials, config.rescored)
        if self.phases is None:
            pool = list(dict.fromkeys(pool + self.strategy.propose(config.fresh)))
        ratings = self.shared.rescore(cast(list[Architecture], pool), _NO_TASK)
        self.cost += sum((r.cost for r in ratings), Cost())
        return best_ratings(ratings, len(pool))

    def _own_state(self) -> dict[str, Any]:
        return {"evaluator": self.shared.state(), "generations": self.generations}

    def _load_own(self, state: Mapping[str, Any]) -> None:
        self.shared.load(state["evaluator"])
        self.generations = state["generations"]
