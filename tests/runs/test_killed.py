"""Two hundred ends at random instants: before and after every line of the log, every checkpoint, every epoch.

Trainings are stood in for by a formula, so that a search takes milliseconds; what is written down, and when, is real.
`test_kill.py` kills real processes, a few times.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ambergen.cost import Cost
from ambergen.datasets.store import Store
from ambergen.evaluators import stand_alone
from ambergen.executors.base import Job
from ambergen.executors.inline import InlineExecutor
from ambergen.metrics.ranking import Ranking
from ambergen.runs import trainings
from ambergen.runs.config import SearchConfig
from ambergen.runs.course import Course
from ambergen.runs.events import EventLog, read_events
from ambergen.runs.loop import search
from ambergen.runs.rungs import RungConfig
from ambergen.spaces.space import Space
from ambergen.strategies.evolution import EvolutionConfig
from ambergen.strategies.reinforce import ControllerConfig
from ambergen.strategies.tournament import TournamentConfig
from ambergen.training.checkpoint import load_checkpoint, save_checkpoint
from ambergen.training.jobs import TrainingJob, TrainingResult
from ambergen.training.loop import read_costs
from tests.simulated import SPACE, search_config

KILLS = 200


class Killed(BaseException):
    """What ends a search here."""


class Reaper:
    """Ends the search at one of the next instants.

    kept : windows of all epochs that a checkpoint holds or held
    anew : trainings that had been paused and lost their checkpoint since
    """

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng, self.left, self.kills, self.kept, self.anew = rng, 0, 0, 0, 0

    def rearm(self) -> None:
        self.left = int(self.rng.integers(1, 40))

    def instant(self) -> None:
        self.left -= 1
        if self.left == 0:
            self.kills += 1
            raise Killed


class Shuffled(InlineExecutor):
    """Several workers, whose jobs end in a random order."""

    def __init__(self, workers: int, rng: np.random.Generator) -> None:
        super().__init__()
        self.workers, self.rng = workers, rng

    def as_completed(self, jobs: Iterable[Job]) -> Iterator[Job]:
        waiting = list(jobs)
        self.rng.shuffle(waiting)  # type: ignore[arg-type]
        return super().as_completed(waiting)


def formula(job: TrainingJob, reaper: Reaper) -> TrainingResult:
    """A score that depends on the architecture and rises with the epochs; some fail in their first or fourth epoch.

    An epoch passes ten windows and a score one.
    """
    digest = hashlib.sha256(str(job.spec["architecture"]).encode()).digest()
    assert job.checkpoint is not None
    assert job.until is not None or job.scored == ("selection",)
    record = load_checkpoint(job.checkpoint)
    costs, n_paid = ([], 0) if record is None else read_costs(record, job.paid_epochs)
    reaper.anew += record is None and job.paid_epochs > 0
    before, epochs = len(costs), job.until or job.config.epochs
    while len(costs) < epochs:
        if (digest[0] % 10, len(costs)) in ((0, 0), (1, 3)):
            reaper.kept -= 10 * (len(costs) - before)  # the seconds of a job that fails are counted, not its windows
            raise RuntimeError("out of luck")
        reaper.instant()
        costs.append(Cost(1.0, 10, 1))
        plain = {"costs": [c.to_dict() for c in costs], "paid": {"asked": job.paid_epochs, "found": n_paid}}
        save_checkpoint(job.checkpoint, plain)
        reaper.kept += 10
        reaper.instant()
    value = digest[1] / 1000 + epochs / 100
    ranking = Ranking(np.array([value]), np.array([value]), np.array([20]), np.array([20]))
    charged = sum(costs[n_paid:], Cost(windows=1))
    scores, objective = (dict.fromkeys(job.scored, found) for found in (ranking, ranking.auroc))
    return TrainingResult(scores, 0, epochs, sum(costs, Cost()), charged, objective)  # type: ignore[arg-type]


@pytest.fixture
def reaper(monkeypatch: pytest.MonkeyPatch) -> Reaper:
    one = Reaper(np.random.default_rng(0))
    append, save = EventLog.append, Course.save

    def killing_append(self: EventLog, event: dict[str, Any]) -> dict[str, Any]:
        one.instant()
        recorded = append(self, event)
        one.instant()
        return recorded

    def killing_save(self: Course) -> None:
        one.instant()
        save(self)
        one.instant()

    monkeypatch.setattr(EventLog, "append", killing_append)
    monkeypatch.setattr(Course, "save", killing_save)
    monkeypatch.setattr(stand_alone, "train_network", lambda job: formula(job, one))
    monkeypatch.setattr(trainings, "NEXT_IN_LINE", 1)  # so that some are promoted whose checkpoint is gone
    return one


FOUR = Space(layers=1, operations=("conv4", "conv8", "max_pool4", "identity"), width=8, reduce=(), skips="none")


def config(method: str) -> SearchConfig:
    return search_config(
        method,
        "24 trials",
        finalists=3,
        rungs=RungConfig((1, 2, 4), eta=2),
        nas=ControllerConfig.preset("nas", architectures=4, hidden=8),
        evolution=EvolutionConfig(population=5, sample=3),
        hierarchical=TournamentConfig(initial=5),
    )


def run(store: Store, out: Path, method: str, reaper: Reaper, workers: int = 1, space: Space = SPACE) -> bool:
    """One attempt; whether it came to its end."""
    with Shuffled(workers, reaper.rng) as executor:
        try:
            search(space, store, config(method), out, executor)
        except Killed:
            return False
    return True


def events(out: Path) -> list[dict[str, Any]]:
    return [{k: v for k, v in e.items() if k != "cost"} for e in read_events(out / "events.jsonl")]


def assert_all_is_counted(out: Path, reaper: Reaper) -> None:
    """Every epoch that was kept, and every score that was written down, is counted once."""
    rated = [e for e in read_events(out / "events.jsonl") if e["event"] in ("trial", "finalist")]
    scores = sum(e.get("score", e.get("stand_alone_score")) is not None for e in rated)
    assert sum(e["cost"]["windows"] for e in rated) == reaper.kept + scores


@pytest.mark.parametrize("method", ["random", "nas", "evolution", "hierarchical"])
def test_search__ended_at_random_instants_writes_what_an_uninterrupted_one_writes(
    small_store: Store, tmp_path: Path, reaper: Reaper, method: str
) -> None:
    reaper.left = -1
    assert run(small_store, tmp_path / "whole", method, reaper)
    expected = events(tmp_path / "whole")
    assert_all_is_counted(tmp_path / "whole", reaper)
    for attempt in range(1000):
        if reaper.kills >= KILLS // 4:
            break
        out, reaper.kept = tmp_path / f"{attempt}", 0
        reaper.rearm()
        while not run(small_store, out, method, reaper):
            reaper.rearm()
            # One in training, one that has just ended, one next in line on each of two rungs, three finalists.
            assert len(list((out / "checkpoints" / "search0").glob("*"))) <= 1 + 1 + 2 * 1 + 3
        assert events(out) == expected
        assert_all_is_counted(out, reaper)
    assert reaper.kills >= KILLS // 4


def test_search__with_any_number_of_workers_at_any_time_loses_and_doubles_nothing(
    small_store: Store, tmp_path: Path, reaper: Reaper
) -> None:
    while reaper.kills < KILLS:
        out = tmp_path / f"{reaper.kills}"
        reaper.rearm()
        while not run(small_store, out, "evolution", reaper, workers=int(reaper.rng.integers(1, 6))):
            reaper.rearm()
        ratings = [e for e in read_events(out / "events.jsonl") if e["event"] == "trial"]
        keys = [(e["trial"], e["rung"]) for e in ratings]
        assert len(set(keys)) == len(keys)
        assert sorted(n for n, rung in keys if rung == 0) == list(range(24))
        assert len({e["id"] for e in ratings if e["rung"] == 0}) == 24
        for number, rung in keys:
            assert rung == 0 or (number, rung - 1) in keys
        ended = [e for e in read_events(out / "events.jsonl") if e["event"] == "search_finished"]
        assert len(ended) == 1
        paid = sum(e["cost"]["windows"] for e in ratings)
        assert ended[0]["cost"]["windows"] == paid + sum(
            e["cost"]["windows"] for e in read_events(out / "events.jsonl") if e["event"] == "finalist"
        )
    assert reaper.anew


def test_search__of_an_exhausted_space_pays_once_for_each_training(
    small_store: Store, tmp_path: Path, reaper: Reaper
) -> None:
    while reaper.kills < KILLS // 4:
        out = tmp_path / f"{reaper.kills}"
        reaper.rearm()
        while not run(small_store, out, "random", reaper, workers=int(reaper.rng.integers(1, 6)), space=FOUR):
            reaper.rearm()
        ratings = [e for e in read_events(out / "events.jsonl") if e["event"] == "trial"]
        assert {e["trial"] for e in ratings} == set(range(24))
        paid = [(e["id"], e["rung"]) for e in ratings if e["cost"]["windows"]]
        assert len(set(paid)) == len(paid)
        assert {rung for _, rung in paid} >= {0, 1}
