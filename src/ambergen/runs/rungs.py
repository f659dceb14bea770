"""Asynchronous successive halving: who is trained further (Li et al., MLSys 2020).

Every trial starts on the lowest rung. Whenever a worker is free, the highest rung that has a finished trial among its
best share of one in `eta`, not yet promoted, sends it one rung up; only where there is none is a new trial started. No
worker ever waits for a rung to fill.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ambergen.errors import ConfigError
from ambergen.metrics.objectives import within_unit


@dataclass(frozen=True)
class RungConfig:
    """Rungs of successive halving.

    epochs : of training after which trials are compared, ascending; the last are those of the short training then.
        Empty for one rung with all epochs of the short training
    eta : one in so many trials of a rung is promoted
    """

    epochs: tuple[int, ...] = ()
    eta: int = 3

    def __post_init__(self) -> None:
        if list(self.epochs) != sorted(set(self.epochs)) or any(e < 1 for e in self.epochs):
            raise ConfigError(f"rungs: epochs are {list(self.epochs)}; expected ascending numbers of at least 1.")
        if self.eta < 2:
            raise ConfigError(f"rungs: eta is {self.eta}; expected at least 2.")


def told_score(objective: str, score: float, rung: int) -> float:
    """What a strategy is told where there are rungs: one more for each rung, which no score outweighs."""
    return within_unit(objective, score) + rung


class Rungs:
    """Finished trials by rung, and which of them were promoted.

    Parameters
    ----------
    n : rungs, at least 1
    """

    def __init__(self, n: int, eta: int) -> None:
        self.eta = eta
        self._scores: list[dict[int, float]] = [{} for _ in range(n)]
        self._promoted: list[list[int]] = [[] for _ in range(n)]

    @property
    def top(self) -> int:
        """Number of the highest rung."""
        return len(self._scores) - 1

    def report(self, trial: int, rung: int, score: float) -> None:
        """`trial` has finished `rung`; one that failed is not reported, and so never promoted."""
        self._scores[rung][trial] = score

    def best(self, rung: int) -> list[int]:
        """The trials of a rung that may be promoted: its best one in `eta`, rounded down; ties to the earlier one."""
        scores = self._scores[rung]
        return sorted(scores, key=lambda trial: (-scores[trial], trial))[: len(scores) // self.eta]

    def promote(self) -> tuple[int, int] | None:
        """The trial to train further and the rung that it goes to; None where a new trial should be started."""
        for rung in range(self.top - 1, -1, -1):
            promoted = set(self._promoted[rung])
            for trial in self.best(rung):
                if trial not in promoted:
                    self._promoted[rung].append(trial)
                    return trial, rung + 1
        return None

    def next_in_line(self, rung: int, n: int) -> list[int]:
        """The best trials of a rung that were not promoted, at most `n`: who will be promoted first."""
        scores, promoted = self._scores[rung], set(self._promoted[rung])
        return heapq.nsmallest(n, scores.keys() - promoted, key=lambda trial: (-scores[trial], trial))

    def promoted(self, rung: int) -> Sequence[int]:
        """Trials that left `rung` for the next one, in their order."""
        return tuple(self._promoted[rung])

    def state(self) -> dict[str, Any]:
        return {"scores": [dict(s) for s in self._scores], "promoted": [list(p) for p in self._promoted]}

    def load(self, state: Mapping[str, Any]) -> None:
        self._scores = [dict(s) for s in state["scores"]]
        self._promoted = [list(p) for p in state["promoted"]]
