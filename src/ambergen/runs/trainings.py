"""The course of a search that trains every candidate alone: as many at a time as there are workers, none ever waits.

With rungs, successive halving decides who is trained further. The strategy is told a score as soon as it is there; of
two trials the one that reached the higher rung counts for more, whatever the scores, since epochs raise them.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ambergen.cost import Cost
from ambergen.evaluators.base import Advance, Rating
from ambergen.evaluators.stand_alone import StandAlone
from ambergen.executors.base import Job
from ambergen.progress import Task
from ambergen.runs.course import Course, Setting
from ambergen.runs.finalists import best_distinct
from ambergen.runs.records import Trial
from ambergen.runs.rungs import Rungs
from ambergen.spaces.base import Candidate
from ambergen.strategies.base import Strategy

_MOST_REPEATS = 100
"""Trials in a row that were rated before, after which the space is held for exhausted."""


@dataclass(frozen=True)
class Pending:
    """A rating under way."""

    number: int
    rung: int
    architecture: Candidate


class Trainings(Course):
    """Candidates in training, through the executor."""

    evaluator = "stand-alone"

    def __init__(self, setting: Setting, strategy: Strategy, alone: StandAlone) -> None:
        super().__init__(setting, strategy)
        self.alone = alone
        self.epochs = setting.config.rungs.epochs or (alone.config.train.epochs,)
        self.rungs = Rungs(len(self.epochs), setting.config.rungs.eta)
        self.pending: list[Pending] = []
        self.repeats = 0

    def run(self, task: Task) -> None:
        budget = self.setting.config.budget
        task.advance(budget.amount - max(0.0, self.spent.left(budget)))
        jobs: dict[Job, Pending] = {}
        for pending in list(self.pending):
            self._begin(pending, jobs)
        # What was asked for after the checkpoint and is in the log already has to be asked for before the strategy
        # learns more, even where this time there are fewer workers.
        n_logged = len(self.setting.log.find(event="trial", search=self.setting.number))
        start = time.perf_counter()
        while True:
            while (len(jobs) < self.setting.executor.workers or len(self.trials) < n_logged) and (
                new := self._next()
            ) is not None:
                self.pending.append(new)
                self._begin(new, jobs)
            if not jobs:
                break
            before = max(0.0, self.spent.left(budget))
            job = next(iter(self.setting.executor.as_completed(jobs)))
            result = job.result()
            self.spent.seconds += time.perf_counter() - start
            start = time.perf_counter()
            pending = jobs.pop(job)
            self._finish(pending, self._own_cost(pending, self.alone.rating(pending.architecture, result)))
            task.advance(before - max(0.0, self.spent.left(budget)))
            task.note(self.note())

    # ---- who is next

    def _next(self) -> Pending | None:
        """A promoted trial, else a new one while the budget lasts."""
        while True:
            timed = self.setting.config.budget.unit != "trials"
            if timed and self.spent.left(self.setting.config.budget) <= 0:
                return None
            promoted = self.rungs.promote()
            if promoted is not None:
                number, rung = promoted
                return Pending(number, rung, self._architecture(number))
            if self.n_trials >= self._most_trials() or self.repeats >= _MOST_REPEATS:
                return None
            architecture = self.strategy.ask(1)[0]
            new = Pending(self.n_trials, 0, architecture)
            self.n_trials += 1
            self.spent.trials = self.n_trials
            known = self._rated_before(architecture)
            if known is None:
                self.repeats = 0
                return new
            # Trained before, with the same seed: the same result, at no cost.
            self.repeats += 1
            self._finish(new, Rating(architecture, known.score, known.reason))

    def _most_trials(self) -> float:
        budget = self.setting.config.budget
        return budget.amount if budget.unit == "trials" else float("inf")

    def _architecture(self, number: int) -> Candidate:
        return next(t.architecture for t in self.trials if t.number == number)

    def _rated_before(self, architecture: Candidate) -> Trial | None:
        same = (t for t in self.trials if t.rung == 0 and t.architecture.id == architecture.id)
        return next(same, None)

    # ---- one rating

    def _begin(self, pending: Pending, jobs: dict[Job, Pending]) -> None:
        """Hand the training in; what a search that was stopped had written down already is taken as it stands."""
        setting = self.setting
        recorded = setting.log.find(event="trial", search=setting.number, trial=pending.number, rung=pending.rung)
        if recorded:
            self.check_recorded(pending.number, pending.architecture, recorded[0])
            trial = Trial.from_event(recorded[0], setting.space.read)
            self._finish(pending, Rating(trial.architecture, trial.score, trial.reason, trial.cost))
            return
        jobs[self.alone.submit(pending.architecture, self.epochs[pending.rung])] = pending

    def _own_cost(self, pending: Pending, rating: Rating) -> Rating:
        """The rating with its cost less that of the rungs below."""
        if rating.score is None:
            return rating
        below = sum((t.cost for t in self.trials if t.number == pending.number), Cost())
        return Rating(rating.architecture, rating.score, rating.reason, rating.cost.less(below))

    def _finish(self, pending: Pending, rating: Rating) -> None:
        """Write a rating down and let rungs and strategy learn from it."""
        trial = self.record(pending.number, rating, pending.rung)
        self.pending = [p for p in self.pending if p != pending]
        self.cost += trial.cost
        self.spent.device_seconds = self.cost.device_seconds
        if trial.score is None:
            self.strategy.withdraw([pending.architecture])
        else:
            self.rungs.report(trial.number, trial.rung, trial.score)
            told = trial.score + trial.rung if self.rungs.top else trial.score
            self.strategy.tell([self.rated(trial, told)])
        self._keep_checkpoints(trial)
        self.log_step(Advance(), [trial])
        self.save()
        self.give_up_if_hopeless()

    def _keep_checkpoints(self, ended: Trial) -> None:
        """Remove those of trainings that nobody will go on with: neither a higher rung nor the finalists."""
        if ended.rung == self.rungs.top:
            kept = {a.id for a in best_distinct(self.trials, self.setting.config.finalists)}
            for trial in self.trials:
                if trial.rung == self.rungs.top and trial.architecture.id not in kept:
                    self.alone.forget(trial.architecture)

    def candidates(self) -> list[Rating]:
        last = {t.architecture.id: t.score for t in self.trials if t.score is not None}
        return [Rating(a, last[a.id]) for a in best_distinct(self.trials, len(last))]

    # ---- continuation

    def _own_state(self) -> dict[str, Any]:
        waiting = [{"number": p.number, "rung": p.rung, "architecture": p.architecture.to_dict()} for p in self.pending]
        return {"rungs": self.rungs.state(), "pending": waiting, "repeats": self.repeats}

    def _load_own(self, state: Mapping[str, Any]) -> None:
        self.rungs.load(state["rungs"])
        self.repeats = state["repeats"]
        read = self.setting.space.read
        self.pending = [Pending(p["number"], p["rung"], read(p["architecture"])) for p in state["pending"]]
