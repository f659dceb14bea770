"""What every course of a search has in common: its trials, its cost, its budget, its checkpoint."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ambergen.budgets import Budget
from ambergen.cost import Cost
from ambergen.datasets.store import Store
from ambergen.errors import LimitError, RunError, StoreError
from ambergen.evaluators.base import Advance, Rating
from ambergen.executors.base import Executor
from ambergen.models.summary import child_parameters, multiply_adds
from ambergen.progress import Task
from ambergen.runs.config import SearchConfig
from ambergen.runs.events import EventLog
from ambergen.runs.records import Trial
from ambergen.spaces.base import Candidate, SearchSpace
from ambergen.strategies.base import Rated, Strategy
from ambergen.training.checkpoint import load_checkpoint, save_checkpoint

_GIVE_UP = 20


@dataclass(frozen=True)
class Setting:
    """What a search is about and where it is written.

    number : of this search among several independent ones in one run directory
    dtype : float32 or bfloat16
    """

    space: SearchSpace
    store: Store
    config: SearchConfig
    out: Path
    log: EventLog
    executor: Executor
    number: int
    dtype: str
    device: torch.device

    @property
    def seed(self) -> int:
        """Of this search."""
        return self.config.seed + self.number

    @property
    def checkpoints(self) -> Path:
        return self.out / "checkpoints"

    @property
    def trainings(self) -> Path:
        """Where candidates that are trained alone leave their checkpoints, until the search ends."""
        return self.checkpoints / f"search{self.number}"


@dataclass
class Spent:
    """How much of each kind of budget is used; seconds are those of the wall clock, as a user's patience is."""

    seconds: float = 0.0
    epochs: float = 0.0
    steps: int = 0
    trials: int = 0
    device_seconds: float = 0.0

    def left(self, budget: Budget) -> float:
        return budget.amount - getattr(self, budget.unit)


class Course(ABC):
    """A search under way: the strategy is asked, what it gives is rated and written down, the strategy is told.

    trials : every rating so far, in the order of the log
    n_trials : architectures that were asked for
    exhausted : whether the last question found nothing more that keeps the limits
    step : rounds that are finished
    """

    evaluator: str
    """What the event log calls the way of rating: shared or stand-alone."""

    def __init__(self, setting: Setting, strategy: Strategy) -> None:
        self.setting, self.strategy = setting, strategy
        self.checkpoint = setting.checkpoints / f"search{setting.number}.pt"
        self.spent, self.step, self.cost = Spent(), 0, Cost()
        self.trials: list[Trial] = []
        self.n_trials = 0
        self.exhausted = False

    @abstractmethod
    def run(self, task: Task) -> None:
        """Go on until the budget is spent; the checkpoint is renewed after every round."""

    @abstractmethod
    def candidates(self) -> list[Rating]:
        """The architectures that the search holds for the best, best first, with what they were rated."""

    @abstractmethod
    def _own_state(self) -> dict[str, Any]:
        """What the kind of course adds to a checkpoint."""

    @abstractmethod
    def _load_own(self, state: Mapping[str, Any]) -> None:
        """Take back what `_own_state` gave."""

    # ---- continuation

    def resume(self) -> bool:
        """Go on from the checkpoint; False where there is none.

        Raises
        ------
        StoreError
            If it is damaged, of another search, or counts trials that the log lacks.
        """
        record = load_checkpoint(self.checkpoint)
        if record is None:
            return False
        if not isinstance(record, dict) or "strategy" not in record:
            raise StoreError(f"{self.checkpoint}: this is not the checkpoint of a search. Delete it to begin anew.")
        self.strategy.load(record["strategy"])
        self._load_own(record)
        self.step, self.n_trials = record["step"], record["n_trials"]
        self.exhausted = record.get("exhausted", False)
        self.spent, self.cost = Spent(**record["spent"]), Cost(**record["cost"])
        recorded = recorded_trials(self.setting)
        self.trials = recorded[: record["n_ratings"]]
        if len(self.trials) != record["n_ratings"]:
            raise StoreError(
                f"{self.setting.log.path}: it has {len(self.trials)} of the {record['n_ratings']} trials that "
                f"{self.checkpoint} counts, so lines were lost. Restore the log, or search into another folder."
            )
        return True

    def save(self) -> None:
        """Write the checkpoint."""
        save_checkpoint(
            self.checkpoint,
            {
                **self._own_state(),
                "strategy": self.strategy.state(),
                "step": self.step,
                "n_trials": self.n_trials,
                "exhausted": self.exhausted,
                "n_ratings": len(self.trials),
                "spent": vars(self.spent),
                "cost": self.cost.to_dict(),
            },
        )

    def ask(self, n: int) -> list[Candidate]:
        """At most `n` candidates; none where nothing is left, which ends a search that has something.

        Raises
        ------
        LimitError
            If nothing was ever found that keeps the limits.
        """
        self.exhausted = False
        try:
            return self.strategy.ask(n)
        except LimitError:
            if not self.n_trials:
                raise
            self.exhausted = True
            return []

    # ---- what is written down

    def record(self, number: int, rating: Rating, rung: int = 0) -> Trial:
        """Write a rating into the log; where it stands there already, the one that was first written counts.

        Raises
        ------
        StoreError
            If another architecture stands there.
        """
        setting, store = self.setting, self.setting.store
        size = store.n_tracks, store.length, store.alphabet.n_symbols
        trial = Trial(
            number=number,
            step=self.step,
            architecture=rating.architecture,
            score=rating.score,
            status="done" if rating.score is not None else "failed",
            reason=rating.reason,
            parameters=child_parameters(setting.space, rating.architecture, *size),
            multiply_adds=multiply_adds(setting.space, rating.architecture, *size),
            cost=rating.cost,
            rung=rung,
        )
        event = setting.log.append(trial.to_event(setting.number, self.evaluator))
        self.check_recorded(number, rating.architecture, event)
        recorded = Trial.from_event(event, setting.space.read)
        self.trials.append(recorded)
        return recorded

    def check_recorded(self, number: int, architecture: Candidate, event: dict[str, Any]) -> None:
        """Raise StoreError unless the log's trial is of this architecture."""
        if event["id"] != architecture.id:
            raise StoreError(
                f"{self.setting.log.path}: trial {number} of search {self.setting.number} is architecture "
                f"{event['id']}, and the search that is continued now asks for {architecture.id}. The log was written "
                "by another version, or the checkpoint was removed. Search into another folder."
            )

    def log_step(self, advance: Advance, rated: list[Trial]) -> None:
        """Write down what a round did, and count it."""
        scores = [t.score for t in rated if t.score is not None]
        best = [t.score for t in self.trials if t.score is not None]
        self.setting.log.append(
            {
                "event": "step",
                "search": self.setting.number,
                "step": self.step,
                "loss": advance.loss,
                "reward_mean": sum(scores) / len(scores) if scores else None,
                "reward_best": max(best) if best else None,
                **self.strategy.summary(),
                "trials": self.n_trials,
                "windows": self.cost.windows,
                "supernet_steps": self.spent.steps,
                "epochs": self.spent.epochs,
                "cost": {"device_seconds": self.cost.device_seconds, "wall_seconds": self.spent.seconds},
            }
        )
        self.step += 1

    def rated(self, trial: Trial, score: float) -> Rated:
        """What the strategy is told of a trial."""
        costs = {"parameters": float(trial.parameters), "multiply_adds": float(trial.multiply_adds)}
        return Rated(trial.architecture, score, costs)

    def note(self) -> str:
        """For the progress bar."""
        scores = [t.score for t in self.trials if t.score is not None]
        speed = self.cost.windows / max(self.cost.device_seconds, 1e-9)
        none = "no trial succeeded" if self.trials else "no trial yet"
        best = f"best {max(scores):.4f}, last {scores[-1]:.4f}" if scores else none
        end = ", nothing more keeps the limits" if self.exhausted else ""
        return f"{best}, {self.n_trials} trials, {speed:,.0f} windows/s{end}"

    def give_up_if_hopeless(self, at_the_end: bool = False) -> None:
        """Raise RunError where every trial so far has failed, and there were enough of them."""
        if any(t.score is not None for t in self.trials) or not (at_the_end or len(self.trials) >= _GIVE_UP):
            return
        reasons = sorted({t.reason or "unknown" for t in self.trials})
        raise RunError(
            f"search: all {len(self.trials)} trials failed: {'; '.join(reasons[:3]) or 'there was none'}. Mend the "
            "cause and search into another folder."
        )


def recorded_trials(setting: Setting) -> list[Trial]:
    """The trials of a search, as its log has them."""
    events = setting.log.find(event="trial", search=setting.number)
    return [Trial.from_event(event, setting.space.read) for event in events]
