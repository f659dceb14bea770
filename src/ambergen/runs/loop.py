"""The search: rounds of training shared weights, asking, rating and telling, until the budget is spent.

Everything that a continued search needs is in one checkpoint, written after every round. What came after it is done
again, and because all randomness is a function of the seed and of counters, done in the same way; the event log keeps
the first version of an event, and it is that version which the strategy is told.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ambergen.budgets import Budget
from ambergen.cost import Cost
from ambergen.datasets.batches import DeviceStore
from ambergen.datasets.store import Store
from ambergen.errors import ConfigError, RunError, StoreError
from ambergen.evaluators.base import Advance, Evaluator, Rating, check_measurable
from ambergen.evaluators.shared_weights import SharedWeights
from ambergen.evaluators.stand_alone import StandAlone
from ambergen.executors.base import Executor
from ambergen.models.summary import child_parameters, multiply_adds, supernet_parameters
from ambergen.progress import SILENT, Progress, Task
from ambergen.runs.config import SearchConfig
from ambergen.runs.events import EventLog
from ambergen.runs.finalists import Finalist, best_distinct, best_first, best_ratings, winner
from ambergen.runs.records import Trial
from ambergen.settings import differences, plain_data
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
    """How much of each kind of budget is used; seconds are those of the wall clock, as a user's patience is."""

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
    log = EventLog(out / "events.jsonl")
    started = _begin(log, _started(space, store, config, number, precision, device))
    ended = log.find(event="search_finished", search=number)
    if ended:
        return _recorded(log, ended[0])
    for split in ("search", "selection"):
        check_measurable(split, len(store.indices(split)), store.positives(split))
    one = _Search(space, store, config, out, log, executor, number, started["dtype"], device)
    one.resume()
    with progress.task(f"search {number}: {config.method}", total=config.budget.amount) as task:
        task.advance(config.budget.amount - max(0.0, one.spent.left(config.budget)))
        while one.spent.left(config.budget) > 0:
            before = one.spent.left(config.budget)
            one.round()
            task.advance(before - max(0.0, one.spent.left(config.budget)))
            task.note(one.note())
    return one.finish(progress)


def _started(
    space: Space, store: Store, config: SearchConfig, number: int, dtype: str, device: torch.device
) -> dict[str, Any]:
    """The first event of a search: all that decides its course."""
    return {
        "event": "search_started",
        "search": number,
        "method": config.method,
        "seed": config.seed + number,
        "budget": str(config.budget),
        "objective": config.objective,
        "dtype": dtype,
        "device": str(device),
        "store": store.checksum,
        "space": space.to_dict(),
        "architectures": str(space.size),
        "supernet_parameters": supernet_parameters(space, store.n_tracks, store.length, store.alphabet.n_symbols),
        "n_tracks": store.n_tracks,
        "length": store.length,
        "configuration": plain_data(config),
    }


def _begin(log: EventLog, event: dict[str, Any]) -> dict[str, Any]:
    """The first event as it was first written; a search keeps its dtype on whatever machine it is continued.

    Raises
    ------
    ConfigError
        If the search was begun with other settings.
    """
    known = log.append(event)
    now = {**json.loads(json.dumps(event)), "dtype": known.get("dtype"), "device": known.get("device")}
    for key, before, after in differences(known, now):
        raise ConfigError(
            f"{log.path}: search {event['search']} was begun with other settings: {key} was {before!r} and is now "
            f"{after!r}. Continue with the settings that it began with, or search into another folder."
        )
    return known


_NO_TASK = SILENT.task("")


class _Search:
    """What a search remembers between rounds."""

    def __init__(
        self,
        space: Space,
        store: Store,
        config: SearchConfig,
        out: Path,
        log: EventLog,
        executor: Executor,
        number: int,
        dtype: str,
        device: torch.device,
    ) -> None:
        self.space, self.store, self.config, self.executor = space, store, config, executor
        self.log, self.number, self.dtype, self.device = log, number, dtype, device
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

    def resume(self) -> None:
        """Go on from the checkpoint, if there is one.

        Raises
        ------
        StoreError
            If it is damaged, of another search, or counts trials that the log lacks.
        """
        record = load_checkpoint(self.checkpoint)
        if record is None:
            return
        if not isinstance(record, dict) or "strategy" not in record:
            raise StoreError(f"{self.checkpoint}: this is not the checkpoint of a search. Delete it to begin anew.")
        self.strategy.load(record["strategy"])
        self.evaluator.load(record["evaluator"])
        self.step, self.n_trials = record["step"], record["n_trials"]
        self.spent, self.cost = Spent(**record["spent"]), Cost(**record["cost"])
        self.trials = [t for t in _trials(self.log, self.number) if t.number < self.n_trials]
        if len(self.trials) != self.n_trials:
            raise StoreError(
                f"{self.log.path}: it has {len(self.trials)} of the {self.n_trials} trials that {self.checkpoint} "
                "counts, so lines were lost. Restore the log, or search into another folder."
            )

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
        start = time.perf_counter()
        advance = self.evaluator.advance(self.strategy.propose, _NO_TASK)
        rated: list[Trial] = []
        for _ in range(self.config.updates if self.evaluator.name == "shared" else 1):
            rated += self._update(self._n_asked())
        self.cost += sum((t.cost for t in rated), advance.cost)
        self.spent = Spent(
            self.spent.seconds + time.perf_counter() - start,
            self.spent.epochs + advance.epochs,
            self.spent.steps + advance.steps,
            self.n_trials,
        )
        self._log_step(advance, rated)
        self.step += 1
        self._save()

    def _n_asked(self) -> int:
        """Architectures that are rated at a time; no more than a budget of trials has left."""
        n = self.config.controller.architectures if self.evaluator.name == "shared" else self.executor.workers
        if self.config.budget.unit == "trials":
            n = min(n, int(self.config.budget.amount) - self.n_trials)
        return n

    def _update(self, n: int) -> list[Trial]:
        if n == 0:
            return []
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
        if recorded.architecture != trial.architecture:
            raise StoreError(
                f"{self.log.path}: trial {trial.number} of search {self.number} is architecture "
                f"{recorded.architecture.id}, and the search that is continued now asks for {trial.architecture.id}. "
                "The log was written by another version, or the checkpoint was removed. Search into another folder."
            )
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
                "cost": {"device_seconds": self.cost.device_seconds, "wall_seconds": self.spent.seconds},
            }
        )

    def note(self) -> str:
        scores = [t.score for t in self.trials if t.score is not None]
        speed = self.cost.windows / max(self.cost.device_seconds, 1e-9)
        best = f"best {max(scores):.4f}, last {scores[-1]:.4f}" if scores else "no trial succeeded"
        return f"{best}, {self.n_trials} trials, {speed:,.0f} windows/s"

    # ---- the end

    def finish(self, progress: Progress) -> SearchResult:
        """Choose finalists, train them alone for a short time, name the winner."""
        candidates = self._candidates()
        with progress.task(f"search {self.number}: finalists", total=len(candidates)) as task:
            finalists = self._train_alone(candidates, task)
        best = winner(finalists)
        # Only now: while there is no winner, the same command tries those again that failed.
        for finalist in finalists:
            self._log_finalist(finalist)
        cost = sum((f.cost for f in finalists), self.cost)
        ended = self.log.append(
            {
                "event": "search_finished",
                "search": self.number,
                "winner": best.architecture.id,
                "architecture": best.architecture.to_dict(),
                "trials": self.n_trials,
                "cost": cost.to_dict(),
            }
        )
        return _recorded(self.log, ended)

    def _candidates(self) -> list[Rating]:
        if not any(t.score is not None for t in self.trials):
            reasons = sorted({t.reason or "unknown" for t in self.trials})
            raise RunError(
                f"search: all {len(self.trials)} trials failed: {'; '.join(reasons[:3])}. Mend the cause and search "
                "into another folder."
            )
        if not isinstance(self.evaluator, SharedWeights):
            last = {t.architecture: t.score for t in self.trials}
            return [Rating(a, last[a]) for a in best_distinct(self.trials, self.config.finalists)]
        pool = best_distinct(self.trials, self.config.rescored)
        pool = list(dict.fromkeys(pool + self.strategy.propose(self.config.fresh)))
        ratings = self.evaluator.rescore(pool, _NO_TASK)
        self.cost = sum((r.cost for r in ratings), self.cost)
        # Those trained before an interruption stay in, should a device have rounded their rivals' ratings otherwise.
        trained = self._trained()
        best = best_ratings(ratings, len(pool))
        return sorted(best, key=lambda r: r.architecture.id not in trained)[: self.config.finalists]

    def _trained(self) -> dict[str, Finalist]:
        return {f.architecture.id: f for f in _finalists(self.log, self.number)}

    def _train_alone(self, candidates: list[Rating], task: Task) -> list[Finalist]:
        """Short trainings, scored on the selection split; those in the log already are not repeated."""
        trained = self._trained()
        missing = [c.architecture for c in candidates if c.architecture.id not in trained]
        ratings = self._stand_alone("selection").completed(missing, task)
        finalists = []
        for candidate in candidates:
            finalist = trained.get(candidate.architecture.id)
            if finalist is None:
                rating = next(ratings)
                finalist = Finalist(
                    candidate.architecture, candidate.score or 0.0, rating.score, rating.reason, rating.cost
                )
                if finalist.stand_alone_score is not None:
                    self._log_finalist(finalist)
            finalists.append(finalist)
        return finalists

    def _log_finalist(self, finalist: Finalist) -> None:
        self.log.append(
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


# ---- what the log says


def _recorded(log: EventLog, ended: dict[str, Any]) -> SearchResult:
    """The result of a finished search."""
    number = ended["search"]
    return SearchResult(
        Architecture.from_json(ended["architecture"]),
        tuple(best_first(_finalists(log, number))),
        tuple(_trials(log, number)),
        Cost(**ended["cost"]),
    )


def _trials(log: EventLog, number: int) -> list[Trial]:
    return [Trial.from_event(e) for e in log.find(event="trial", search=number)]


def _finalists(log: EventLog, number: int) -> list[Finalist]:
    return [
        Finalist(
            Architecture.from_json(event["architecture"]),
            event["shared_score"],
            event["stand_alone_score"],
            event["reason"],
            Cost(**event["cost"]),
        )
        for event in log.find(event="finalist", search=number)
    ]
