"""The course of a search that trains every candidate alone: as many at a time as there are workers, none ever waits.

With rungs, successive halving decides who is trained further. The strategy is told a score as soon as it is there; of
two trials the one that reached the higher rung counts for more, whatever the scores, since epochs raise them.

A search of thousands of trials keeps the checkpoints of a few dozen: of those in training, of the best, who may become
finalists, and on every rung of those that will be promoted first. Somebody else may still be promoted, when most that
come after are worse; that training begins anew from the same seed, and nothing but its cost tells.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ambergen.cost import Cost
from ambergen.evaluators.base import Advance, Rating
from ambergen.evaluators.stand_alone import StandAlone
from ambergen.executors.base import Job
from ambergen.progress import Task
from ambergen.runs.course import Course, Setting
from ambergen.runs.finalists import best_distinct
from ambergen.runs.records import Trial
from ambergen.runs.rungs import Rungs, told_score
from ambergen.runs.screening import Screening
from ambergen.spaces.base import Candidate
from ambergen.strategies.base import Strategy

_MOST_REPEATS = 100
"""Trials in a row that were rated before, after which the space is held for exhausted."""


NEXT_IN_LINE = 32
"""Trials of a rung, the best that were not promoted, whose checkpoints are kept. Among n trials of equal promise the
place where promotion ends wanders by about half the square root of n."""


@dataclass(frozen=True)
class Pending:
    """A rating under way.

    screening : what the pre-screen cost that chose it among others
    """

    number: int
    rung: int
    architecture: Candidate
    screening: Cost = field(default_factory=Cost)


class Trainings(Course):
    """Candidates in training, through the executor.

    Parameters
    ----------
    screening : of the strategy's candidates, whose cost is that of the trial that came of it; None where there is none
    """

    evaluator = "stand-alone"

    def __init__(
        self, setting: Setting, strategy: Strategy, alone: StandAlone, screening: Screening | None = None
    ) -> None:
        super().__init__(setting, strategy)
        self.alone, self.screening = alone, screening
        self.epochs = setting.config.rung_epochs
        self.rungs = Rungs(len(self.epochs), setting.config.rungs.eta)
        self.pending: list[Pending] = []
        self.repeats = 0
        self._held: Pending | None = None  # of an architecture that is in training, whose result it will have
        self._rated: dict[str, Trial] = {}  # by identifier the trial that counts
        self._architectures: dict[int, Candidate] = {}  # by number of a trial
        self._left: set[str] = set()  # identifiers of trainings that a search that was stopped had begun
        self._unpaid: dict[int, Cost] = {}  # by number what a job that was killed had done of a trial

    def run(self, task: Task) -> None:
        shown = self._used()
        task.advance(shown)
        jobs: dict[Job, Pending] = {}
        for trial in self.trials:
            self._remember(trial)
        self._left = self.alone.begun()
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
            job = next(iter(self.setting.executor.as_completed(jobs)))
            result = job.result()
            self.spent.seconds += time.perf_counter() - start
            start = time.perf_counter()
            pending = jobs.pop(job)
            rating, unpaid = self.alone.rating(pending.architecture, result), self._unpaid.pop(pending.number, Cost())
            if rating.score is not None:
                unpaid = Cost()  # the job has counted what it continued
            self._finish(pending, replace(rating, cost=rating.cost + unpaid + pending.screening))
            self._let_go()
            used = self._used()
            task.advance(used - shown)
            shown = used
            task.note(self.note())

    def _used(self) -> float:
        """How much of the budget is behind; a trial under way is not."""
        budget = self.setting.config.budget
        if budget.unit == "trials":
            return len({t.number for t in self.trials})
        return budget.amount - max(0.0, self.spent.left(budget))

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
                return Pending(number, rung, self._architectures[number])
            if self._held or self.n_trials >= self._most_trials() or self.repeats >= _MOST_REPEATS:
                return None
            asked = self.ask(1)
            if not asked:
                return None
            architecture = asked[0]
            new = Pending(self.n_trials, 0, architecture, self.screening.charge() if self.screening else Cost())
            self.n_trials += 1
            self.spent.trials = self.n_trials
            if architecture.id in self._rated:
                self._finish_again(new)
            elif any(p.architecture.id == architecture.id for p in self.pending):
                self._held = new
                self.pending.append(new)
                return None
            else:
                self.repeats = 0
                return new

    def _most_trials(self) -> float:
        budget = self.setting.config.budget
        return budget.amount if budget.unit == "trials" else float("inf")

    def _remember(self, trial: Trial) -> None:
        """The last trial of an architecture counts, but for one that failed after others had not."""
        self._architectures.setdefault(trial.number, trial.architecture)
        if trial.score is not None or trial.architecture.id not in self._rated:
            self._rated[trial.architecture.id] = trial

    # ---- one rating

    def _begin(self, pending: Pending, jobs: dict[Job, Pending]) -> None:
        """Hand the training in; what a search that was stopped had written down already is taken as it stands."""
        setting = self.setting
        recorded = setting.log.find(event="trial", search=setting.number, trial=pending.number, rung=pending.rung)
        if pending.rung == 0 and pending.architecture.id in self._rated:
            self._finish_again(pending)
        elif recorded:
            self.check_recorded(pending.number, pending.architecture, recorded[0])
            trial = Trial.from_event(recorded[0], setting.space.read)
            self._finish(pending, Rating(trial.architecture, trial.score, trial.reason, trial.cost))
        elif any(p.architecture.id == pending.architecture.id for p in jobs.values()):
            self._held = pending
        else:
            paid_epochs = self.epochs[pending.rung - 1] if pending.rung else 0  # by the trials on the rungs below
            if pending.architecture.id in self._left:
                self._left.remove(pending.architecture.id)
                self._unpaid[pending.number] = self.alone.unpaid(pending.architecture, paid_epochs)
            jobs[self.alone.submit(pending.architecture, self.epochs[pending.rung], paid_epochs)] = pending

    def _let_go(self) -> None:
        """Give the trial that is held its result, where it is there."""
        held = self._held
        if held is not None and held.architecture.id in self._rated:
            self._held = None
            self._finish_again(held)

    def _finish_again(self, pending: Pending) -> None:
        """Of an architecture that was trained before, with the same seed: the same result, without another training.

        It has the rung of that result, and does not stand on the rungs a second time.
        """
        known = self._rated[pending.architecture.id]
        self.repeats += 1
        again = Pending(pending.number, known.rung, pending.architecture)
        self.pending = [p for p in self.pending if p != pending]
        rating = Rating(pending.architecture, known.score, known.reason, pending.screening)
        self._finish(again, rating, stands=False)

    def _finish(self, pending: Pending, rating: Rating, stands: bool = True) -> None:
        """Write a rating down and let the rungs, where it stands on one, and the strategy learn from it."""
        trial = self.record(pending.number, rating, pending.rung)
        self._remember(trial)
        self.pending = [p for p in self.pending if p != pending]
        self.cost += trial.cost
        self.spent.device_seconds = self.cost.device_seconds
        if trial.score is not None:
            if stands:
                self.rungs.report(trial.number, trial.rung, trial.score)
            score, objective = trial.score, self.setting.config.objective
            told = told_score(objective, score, trial.rung) if self.rungs.top else score
            self.strategy.tell([self.rated(trial, told)])
        elif trial.rung == 0:  # who failed on a higher one has been told before
            self.strategy.withdraw([pending.architecture])
        self._keep_checkpoints(trial)
        self.log_step(Advance(), [trial])
        self.save()
        self.give_up_if_hopeless()

    def _keep_checkpoints(self, ended: Trial) -> None:
        """Remove those of trainings that nobody is likely to go on with."""
        if ended.score is None:  # only now that it is written down what it had cost
            self.alone.forget(ended.architecture)
        kept = {p.architecture.id for p in self.pending}
        kept.update(a.id for a in best_distinct(self.trials, self.setting.config.finalists))
        for rung in range(self.rungs.top):
            kept.update(self._architectures[number].id for number in self.rungs.next_in_line(rung, NEXT_IN_LINE))
        # Where a search was stopped there may be others, not rated yet, which it will ask for again.
        for name in (self.alone.begun() & self._rated.keys()) - kept:
            self.alone.forget(self._rated[name].architecture)

    def candidates(self) -> list[Rating]:
        return [Rating(a, self._rated[a.id].score) for a in best_distinct(self.trials, len(self._rated))]

    # ---- continuation

    def _own_state(self) -> dict[str, Any]:
        waiting = [
            {
                "number": p.number,
                "rung": p.rung,
                "architecture": p.architecture.to_dict(),
                "screening": p.screening.to_dict(),
            }
            for p in self.pending
        ]
        return {"rungs": self.rungs.state(), "pending": waiting, "repeats": self.repeats}

    def _load_own(self, state: Mapping[str, Any]) -> None:
        self.rungs.load(state["rungs"])
        self.repeats = state["repeats"]
        read = self.setting.space.read
        self.pending = [
            Pending(p["number"], p["rung"], read(p["architecture"]), Cost(**p["screening"])) for p in state["pending"]
        ]
