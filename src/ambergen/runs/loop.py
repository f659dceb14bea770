"""The search: rounds of training shared weights, asking, rating and telling, until the budget is spent.

Everything that a continued search needs is in one checkpoint, written after every round. What came after it is done
again, and because all randomness is a function of the seed and of counters, done in the same way; the event log keeps
the first version of an event, and it is that version which the strategy is told.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ambergen.budgets import Budget
from ambergen.cost import Cost
from ambergen.datasets.batches import DeviceStore
from ambergen.datasets.store import Store
from ambergen.errors import RunError
from ambergen.evaluators.base import Advance, Evaluator, Rating
from ambergen.evaluators.shared_weights import SharedWeights
from ambergen.evaluators.stand_alone import StandAlone
from ambergen.executors.base import Executor
from ambergen.models.summary import child_parameters, multiply_adds, supernet_parameters
from ambergen.progress import SILENT, Progress, Task
from ambergen.runs.config import SearchConfig
from ambergen.runs.events import EventLog
from ambergen.runs.finalists import Finalist, best_distinct, best_ratings, winner
from ambergen.runs.records import Trial
from ambergen.spaces.architecture import Architecture
from ambergen.spaces.space import Space
from ambergen.strategies.base import Rated, Strategy
from ambergen.strategies.random import RandomStrategy
from ambergen.strategies.reinforce import ControllerStrategy
from ambergen.training.checkpoint import load_checkpoint, save_checkpoint
from ambergen.training.precision import DTYPES, default_device, resolve


@dataclass(frozen=True)
class SearchResult:
    """What a search found.

    architecture : the winner
    finalists : best first by their stand-alone score
    cost : of the whole search, finalists included
    """

    architecture: Architecture
    finalists: tuple[Finalist, ...]
    trials: tuple[Trial, ...]
    cost: Cost


@dataclass
class Spent:
    """How much of each kind of budget is used."""

    seconds: float = 0.0
    epochs: float = 0.0
    steps: int = 0
    trials: int = 0

    def left(self, budget: Budget) -> float:
        return budget.amount - getattr(self, budget.unit)


def search(
    space: Space,
    store: Store,
    config: SearchConfig,
    out: Path,
    executor: Executor,
    number: int = 0,
    dtype: str | None = None,
    progress: Progress = SILENT,
) -> SearchResult:
    """Search `space` for the best architecture on `store`; an interrupted search in `out` is continued.

    Parameters
    ----------
    out : run directory: ``events.jsonl`` and ``checkpoints/``
    executor : trains candidates that are rated alone, and the finalists
    number : of this search among several independent ones in one run directory
    dtype : float32 or bfloat16; default: by a probe

    Raises
    ------
    RunError
        If every trial, or every finalist, failed.
    """
    device = default_device()
    precision = dtype or str(resolve(config.supernet.train.precision, device)).removeprefix("torch.")
    one = _Search(space, store, config, out, executor, number, precision, device)
    one.start()
    with progress.task(f"search {number}: {config.method}", total=config.budget.amount) as task:
        task.advance(config.budget.amount - max(0.0, one.spent.left(config.budget)))
        while one.spent.left(config.budget) > 0:
            before = one.spent.left(config.budget)
            one.round()
            task.advance(before - max(0.0, one.spent.left(config.budget)))
            task.note(one.note())
    return one.finish(progress)


_NO_TASK = SILENT.task("")


class _Search:
    """What a search remembers between rounds."""

    def __init__(
        self,
        space: Space,
        store: Store,
        config: SearchConfig,
        out: Path,
        executor: Executor,
        number: int,
        dtype: str,
        device: torch.device,
    ) -> None:
        self.space, self.store, self.config, self.executor = space, store, config, executor
        self.number, self.dtype, self.device = number, dtype, device
        self.log = EventLog(out / "events.jsonl")
        self.checkpoint = out / "checkpoints" / f"search{number}.pt"
        self.strategy, self.evaluator = self._method()
        self.spent, self.step, self.cost = Spent(), 0, Cost()
        self.trials: list[Trial] = []
        self.n_trials = 0

    def _method(self) -> tuple[Strategy, Evaluator]:
        seed = self.config.seed + self.number
        if self.config.method == "random":
            return RandomStrategy(self.space, seed), self._stand_alone("search")
        shared = SharedWeights(
            self.space,
            DeviceStore(self.store, self.device),
            self.config.supernet,
            self.config.objective,
            seed,
            DTYPES[self.dtype],
        )
        return ControllerStrategy(self.space, seed, self.config.controller), shared

    def _stand_alone(self, split: str) -> StandAlone:
        return StandAlone(
            self.space,
            self.store,
            self.config.short_training,
            self.config.objective,
            self.config.seed + self.number,
            self.dtype,
            self.executor,
            split,
        )

    # ---- continuation

    def start(self) -> None:
        space, store, config = self.space, self.store, self.config
        self.log.append(
            {
                "event": "search_started",
                "search": self.number,
                "method": config.method,
                "seed": config.seed + self.number,
                "budget": str(config.budget),
                "objective": config.objective,
                "dtype": self.dtype,
                "device": str(self.device),
                "space": space.to_dict(),
                "architectures": str(space.size),
                "supernet_parameters": supernet_parameters(
                    space, store.n_tracks, store.length, store.alphabet.n_symbols
                ),
                "n_tracks": store.n_tracks,
                "length": store.length,
                "store": store.checksum,
            }
        )
        record = load_checkpoint(self.checkpoint)
        if record is not None:
            self.strategy.load(record["strategy"])
            self.evaluator.load(record["evaluator"])
            self.step, self.n_trials = record["step"], record["n_trials"]
            self.spent, self.cost = Spent(**record["spent"]), Cost(**record["cost"])
            events = self.log.find(event="trial", search=self.number)
            self.trials = [Trial.from_event(e) for e in events if e["trial"] < self.n_trials]

    def _save(self) -> None:
        save_checkpoint(
            self.checkpoint,
            {
                "strategy": self.strategy.state(),
                "evaluator": self.evaluator.state(),
                "step": self.step,
                "n_trials": self.n_trials,
                "spent": vars(self.spent),
                "cost": self.cost.to_dict(),
            },
        )

    # ---- rounds

    def round(self) -> None:
        """Train shared weights, let the strategy learn from fresh ratings, write it all down."""
        advance = self.evaluator.advance(self.strategy.propose, _NO_TASK)
        rated = [trial for _ in range(self._updates()) for trial in self._update()]
        cost = sum((t.cost for t in rated), advance.cost)
        self.cost += cost
        self.spent = Spent(
            self.spent.seconds + cost.device_seconds,
            self.spent.epochs + advance.epochs,
            self.spent.steps + advance.steps,
            self.n_trials,
        )
        self._log_step(advance, rated)
        self.step += 1
        self._save()

    def _updates(self) -> int:
        return self.config.updates if self.evaluator.name == "shared" else 1

    def _update(self) -> list[Trial]:
        n = self.config.controller.architectures if self.evaluator.name == "shared" else self.executor.workers
        if self.config.budget.unit == "trials":
            n = max(1, min(n, int(self.config.budget.amount) - self.n_trials))
        ratings = self.evaluator.rate(self.strategy.ask(n), _NO_TASK)
        trials = [self._trial(rating) for rating in ratings]
        self.strategy.tell([Rated(t.architecture, t.score) for t in trials if t.score is not None])
        return trials

    def _trial(self, rating: Rating) -> Trial:
        size = self.store.n_tracks, self.store.length, self.store.alphabet.n_symbols
        trial = Trial(
            number=self.n_trials,
            step=self.step,
            architecture=rating.architecture,
            score=rating.score,
            status="done" if rating.score is not None else "failed",
            reason=rating.reason,
            parameters=child_parameters(self.space, rating.architecture, *size),
            multiply_adds=multiply_adds(self.space, rating.architecture, *size),
            cost=rating.cost,
        )
        recorded = Trial.from_event(self.log.append(trial.to_event(self.number, self.evaluator.name)))
        self.n_trials += 1
        self.trials.append(recorded)
        return recorded

    def _log_step(self, advance: Advance, rated: list[Trial]) -> None:
        scores = [t.score for t in rated if t.score is not None]
        best = [t.score for t in self.trials if t.score is not None]
        self.log.append(
            {
                "event": "step",
                "search": self.number,
                "step": self.step,
                "loss": advance.loss,
                "reward_mean": sum(scores) / len(scores) if scores else None,
                "reward_best": max(best) if best else None,
                **self.strategy.summary(),
                "trials": self.n_trials,
                "windows": self.cost.windows,
                "supernet_steps": self.spent.steps,
                "epochs": self.spent.epochs,
                "cost": {"device_seconds": self.cost.device_seconds},
            }
        )

    def note(self) -> str:
        scores = [t.score for t in self.trials if t.score is not None]
        speed = self.cost.windows / max(self.cost.device_seconds, 1e-9)
        best = f"best {max(scores):.4f}, last {scores[-1]:.4f}" if scores else "no trial succeeded"
        return f"{best}, {self.n_trials} trials, {speed:,.0f} windows/s"

    # ---- the end

    def finish(self, progress: Progress) -> SearchResult:
        """Choose finalists, train them alone for a short time, name the winner; a finished search is only read."""
        ended = self.log.find(event="search_finished", search=self.number)
        if ended:
            return self._recorded(ended[0])
        candidates = self._candidates()
        with progress.task(f"search {self.number}: finalists", total=len(candidates)) as task:
            ratings = self._train_alone([r.architecture for r in candidates], task)
        finalists = [
            self._log_finalist(Finalist(c.architecture, c.score or 0.0, r.score, r.reason, r.cost))
            for c, r in zip(candidates, ratings, strict=True)
        ]
        best = winner(finalists)
        self.log.append(
            {
                "event": "search_finished",
                "search": self.number,
                "winner": best.architecture.id,
                "architecture": best.architecture.to_dict(),
                "trials": self.n_trials,
                "cost": self.cost.to_dict(),
            }
        )
        return self._result(best.architecture, finalists, self.cost)

    def _candidates(self) -> list[Rating]:
        if not any(t.score is not None for t in self.trials):
            reasons = sorted({t.reason or "unknown" for t in self.trials})
            raise RunError(f"search: all {len(self.trials)} trials failed: {'; '.join(reasons[:3])}")
        if not isinstance(self.evaluator, SharedWeights):
            best = best_distinct(self.trials, self.config.finalists)
            last = {t.architecture: t.score for t in self.trials}
            return [Rating(a, last[a]) for a in best]
        pool = best_distinct(self.trials, self.config.rescored)
        pool = list(dict.fromkeys(pool + self.strategy.propose(self.config.fresh)))
        ratings = self.evaluator.rescore(pool, _NO_TASK)
        self.cost = sum((r.cost for r in ratings), self.cost)
        return best_ratings(ratings, self.config.finalists)

    def _train_alone(self, architectures: list[Architecture], task: Task) -> list[Rating]:
        """Short trainings, scored on the selection split; those in the log already are not repeated."""
        known = {e["id"]: e for e in self.log.find(event="finalist", search=self.number)}
        missing = [a for a in architectures if a.id not in known]
        fresh = dict(zip(missing, self._stand_alone("selection").rate(missing, task), strict=True))
        ratings = []
        for architecture in architectures:
            if architecture in fresh:
                ratings.append(fresh[architecture])
            else:
                event = known[architecture.id]
                cost = Cost(**event["cost"])
                ratings.append(Rating(architecture, event["stand_alone_score"], event["reason"], cost))
        return ratings

    def _log_finalist(self, finalist: Finalist) -> Finalist:
        self.cost += finalist.cost
        event = self.log.append(
            {
                "event": "finalist",
                "search": self.number,
                "id": finalist.architecture.id,
                "architecture": finalist.architecture.to_dict(),
                "shared_score": finalist.shared_score,
                "stand_alone_score": finalist.stand_alone_score,
                "reason": finalist.reason,
                "split": "selection",
                "cost": finalist.cost.to_dict(),
            }
        )
        return _finalist(event)

    def _recorded(self, ended: dict[str, Any]) -> SearchResult:
        finalists = [_finalist(e) for e in self.log.find(event="finalist", search=self.number)]
        return self._result(Architecture.from_json(ended["architecture"]), finalists, Cost(**ended["cost"]))

    def _result(self, best: Architecture, finalists: list[Finalist], cost: Cost) -> SearchResult:
        ordered = sorted(finalists, key=lambda f: -(f.stand_alone_score or 0.0))
        return SearchResult(best, tuple(ordered), tuple(self.trials), cost)


def _finalist(event: dict[str, Any]) -> Finalist:
    return Finalist(
        Architecture.from_json(event["architecture"]),
        event["shared_score"],
        event["stand_alone_score"],
        event["reason"],
        Cost(**event["cost"]),
    )
