"""The pre-screen's score of candidates, which needs no training, and what it costs all the same."""

from __future__ import annotations

from collections.abc import Sequence

from ambergen.cost import Cost, Stopwatch
from ambergen.evaluators.zero_cost import ON_WINDOWS, zero_cost_table
from ambergen.runs.course import Setting
from ambergen.spaces.base import Candidate


class Screening:
    """Scores candidates, and remembers what that cost until a trial is charged with it."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self._cost = Cost()

    def __call__(self, candidates: Sequence[Candidate]) -> Sequence[float]:
        setting, config = self.setting, self.setting.config.prescreen
        name = str(config.score)
        with Stopwatch() as watch:
            table = zero_cost_table(setting.space, candidates, setting.store, (name,), setting.seed, config.rows)
        rows = min(config.rows, len(setting.store.indices("train"))) if name in ON_WINDOWS else 0
        self._cost += watch.cost(rows * len(candidates))
        return table[name].tolist()

    def charge(self) -> Cost:
        """What scoring has cost since the last call."""
        cost, self._cost = self._cost, Cost()
        return cost
