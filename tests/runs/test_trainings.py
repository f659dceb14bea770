"""Candidates that are trained alone: asynchronously, with rungs, interrupted, and none of them twice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from ambergen.datasets.store import Store
from ambergen.errors import RunError
from ambergen.evaluators.stand_alone import StandAloneConfig
from ambergen.executors.base import Job
from ambergen.executors.inline import InlineExecutor
from ambergen.progress import SILENT
from ambergen.runs import trainings
from ambergen.runs.config import SearchConfig
from ambergen.runs.course import Setting
from ambergen.runs.events import EventLog, read_events
from ambergen.runs.loop import SearchResult, search
from ambergen.runs.methods import stand_alone
from ambergen.runs.rungs import RungConfig
from ambergen.runs.trainings import Trainings
from ambergen.spaces.base import Candidate
from ambergen.spaces.space import Space
from ambergen.strategies.base import Rated
from ambergen.strategies.random import RandomStrategy
from ambergen.training.jobs import TrainingJob, train_network
from tests.simulated import SPACE, TRAIN, search_config

TWO = Space(layers=1, operations=("conv8", "identity"), width=8, reduce=(), skips="none", head="gap", hidden=8)
LADDER = search_config("random", "5 trials", rungs=RungConfig((1, 2, 4), eta=2), finalists=1)


class Reversed(InlineExecutor):
    """Several workers, of which the last one to begin is always the first to end; stops when told so."""

    def __init__(self, workers: int, stop_after: int | None = None) -> None:
        super().__init__()
        self.workers = workers
        self.submitted: list[TrainingJob] = []
        self.left = stop_after

    def submit(self, function: Any, *args: Any) -> Job:
        self.submitted.append(args[0])
        return super().submit(function, *args)

    def as_completed(self, jobs: Iterable[Job]) -> Iterator[Job]:
        for job in reversed(list(jobs)):
            if self.left == 0:
                raise KeyboardInterrupt
            self.left = None if self.left is None else self.left - 1
            job.result()
            yield job


def run(store: Store, out: Path, config: SearchConfig, executor: Reversed, space: Space = SPACE) -> SearchResult:
    with executor:
        return search(space, store, config, out, executor)


def trials(out: Path) -> list[dict[str, Any]]:
    events = read_events(out / "events.jsonl")
    return [{k: v for k, v in e.items() if k != "cost"} for e in events if e["event"] == "trial"]


@pytest.fixture(scope="module")
def ladder(small_store: Store, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, SearchResult, Reversed]:
    """A search with rungs, one worker."""
    out, executor = tmp_path_factory.mktemp("ladder"), Reversed(1)
    return out, run(small_store, out, LADDER, executor), executor


def test_rungs__the_best_of_a_rung_go_up(ladder: tuple[Path, SearchResult, Reversed]) -> None:
    rated = ladder[1].trials
    by_rung = {rung: {t.number: t.score or 0.0 for t in rated if t.rung == rung} for rung in (0, 1, 2)}
    assert sorted(by_rung[0]) == [0, 1, 2, 3, 4]
    assert len(by_rung[1]) >= 2
    assert len(by_rung[2]) >= 1
    for rung in (1, 2):
        assert set(by_rung[rung]) <= set(by_rung[rung - 1])
    best = sorted(by_rung[0], key=lambda n: -by_rung[0][n])[:2]
    assert set(best) <= set(by_rung[1])


def test_rungs__a_promoted_training_goes_on_as_if_never_paused(
    ladder: tuple[Path, SearchResult, Reversed], small_store: Store
) -> None:
    _, result, executor = ladder
    top = next(t for t in result.trials if t.rung == 2)
    job = next(j for j in executor.submitted if j.until == 4)
    straight = train_network(replace(job, checkpoint=None))
    scores = straight.scores["search"].auroc
    assert top.score == pytest.approx(float(scores.mean()), abs=0)
    parts = [t for t in result.trials if t.number == top.number]
    assert [t.rung for t in parts] == [0, 1, 2]
    assert straight.cost.windows == 4 * len(small_store.indices("train"))
    assert sum(t.cost.windows for t in parts) == straight.cost.windows + 3 * len(small_store.indices("search"))


def test_rungs__one_that_is_promoted_without_its_checkpoint_is_trained_anew(
    ladder: tuple[Path, SearchResult, Reversed], small_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trainings, "NEXT_IN_LINE", 0)
    result = run(small_store, tmp_path, LADDER, Reversed(1))
    assert trials(tmp_path) == trials(ladder[0])
    n_train, n_search = (len(small_store.indices(split)) for split in ("train", "search"))
    costs = {t.cost.windows for t in result.trials if t.rung == 1}
    assert 2 * n_train + n_search in costs <= {n_train + n_search, 2 * n_train + n_search}


def test_rungs__the_finalist_is_of_the_highest_rung(ladder: tuple[Path, SearchResult, Reversed]) -> None:
    _, result, _ = ladder
    top = {t.architecture: t.score for t in result.trials if t.rung == 2}
    assert result.architecture == max(top, key=lambda a: top[a] or 0.0)


class Shown:
    """A progress bar's figure after each trial."""

    def __init__(self) -> None:
        self.amount, self.seen = 0.0, list[float]()

    def advance(self, amount: float = 1) -> None:
        self.amount += amount
        self.seen.append(self.amount)

    def note(self, text: str) -> None:
        pass

    def __enter__(self) -> Shown:
        return self

    def __exit__(self, *error: object) -> None:
        pass


def test_trainings__show_the_trials_that_have_ended(small_store: Store, tmp_path: Path) -> None:
    shown, config, log = Shown(), search_config("random", "4 trials"), EventLog(tmp_path / "events.jsonl")
    with Reversed(2) as executor:
        setting = Setting(SPACE, small_store, config, tmp_path, log, executor, 0, "float32", torch.device("cpu"))
        Trainings(setting, RandomStrategy(SPACE, 0), stand_alone(setting, "search")).run(shown)
    assert shown.seen == [0, 1, 2, 3, 4]


def test_trainings__keep_the_checkpoints_that_somebody_may_go_on_with(small_store: Store, tmp_path: Path) -> None:
    class Watching(Reversed):
        most = 0

        def submit(self, function: Any, *args: Any) -> Job:
            self.most = max(self.most, len(list((tmp_path / "checkpoints" / "search0").glob("*.pt"))))
            return super().submit(function, *args)

    watching = Watching(1)
    run(small_store, tmp_path, search_config("random", "6 trials", finalists=2), watching)
    assert watching.most == 2


def test_trainings__leave_no_checkpoint_of_a_candidate(ladder: tuple[Path, SearchResult, Reversed]) -> None:
    assert [p.name for p in (ladder[0] / "checkpoints").iterdir()] == ["search0.pt"]


@pytest.mark.parametrize("stop_after", [1, 3, 5])
def test_trainings__interrupted_write_what_an_uninterrupted_search_writes(
    ladder: tuple[Path, SearchResult, Reversed], small_store: Store, tmp_path: Path, stop_after: int
) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(small_store, tmp_path, LADDER, Reversed(1, stop_after))
    again = Reversed(1)
    run(small_store, tmp_path, LADDER, again)
    assert trials(tmp_path) == trials(ladder[0])
    assert len(again.submitted) == len(ladder[2].submitted) - stop_after


def test_trainings__what_ends_in_another_order_is_rated_once_and_nothing_is_lost(
    small_store: Store, tmp_path: Path
) -> None:
    config = search_config("random", "7 trials")
    with pytest.raises(KeyboardInterrupt):
        run(small_store, tmp_path, config, Reversed(3, stop_after=2))
    assert [t["trial"] for t in trials(tmp_path)] == [2, 3]
    again = Reversed(3)
    run(small_store, tmp_path, config, again)
    assert sorted(t["trial"] for t in trials(tmp_path)) == list(range(7))
    assert len({t["id"] for t in trials(tmp_path)}) == 7


def test_trainings__a_rating_that_the_checkpoint_lacks_is_taken_from_the_log(
    ladder: tuple[Path, SearchResult, Reversed], small_store: Store, tmp_path: Path
) -> None:
    lines = (ladder[0] / "events.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "events.jsonl").write_text("".join(lines[:2]))  # the search's beginning and its first trial
    again = Reversed(1)
    run(small_store, tmp_path, LADDER, again)
    assert trials(tmp_path) == trials(ladder[0])
    assert len(again.submitted) == len(ladder[2].submitted) - 1


def test_trainings__an_exhausted_space_is_trained_once_and_ends_the_search(small_store: Store, tmp_path: Path) -> None:
    executor = Reversed(1)
    result = run(small_store, tmp_path, search_config("random", "1h"), executor, TWO)
    rated = [j for j in executor.submitted if j.scored == ("search",)]
    assert len(rated) == 2
    assert {t.architecture for t in result.trials[:2]} == {t.architecture for t in result.trials}
    assert all(t.cost.windows == 0 for t in result.trials[2:])


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_trainings__of_an_exhausted_space_are_one_at_a_time_for_each_candidate(
    small_store: Store, tmp_path: Path, workers: int
) -> None:
    executor = Reversed(workers)
    config = search_config("random", "12 trials", rungs=RungConfig((1, 2), eta=2))
    result = run(small_store, tmp_path, config, executor, TWO)
    rated = [(str(j.spec["architecture"]), j.until) for j in executor.submitted if j.scored == ("search",)]
    assert len(rated) == len(set(rated)) == 3  # both, and the better one again
    assert all(t.score is not None for t in result.trials)
    assert {t.number for t in result.trials} == set(range(12))
    up = next(t for t in result.trials if t.rung == 1)
    if workers == 1:  # what comes again after the promotion has the result of that
        assert {(t.rung, t.score) for t in result.trials[3:] if t.architecture == up.architecture} == {(1, up.score)}


def test_trainings__of_a_promoted_trial_that_fails_leave_its_first_score(small_store: Store, tmp_path: Path) -> None:
    told, withdrawn = [], []

    class Listening(RandomStrategy):
        def tell(self, rated: Sequence[Rated]) -> None:
            told.extend(r.architecture.id for r in rated)

        def withdraw(self, candidates: Sequence[Candidate]) -> None:
            withdrawn.extend(c.id for c in candidates)

    class Failing(Reversed):
        def submit(self, function: Any, *args: Any) -> Job:
            return super().submit(int if args[0].until == 2 else function, *args)  # no number: it raises

    config = search_config("random", "2 trials", rungs=RungConfig((1, 2), eta=2))
    with Failing(1) as executor:
        log = EventLog(tmp_path / "events.jsonl")
        setting = Setting(SPACE, small_store, config, tmp_path, log, executor, 0, "float32", torch.device("cpu"))
        course = Trainings(setting, Listening(SPACE, 0), stand_alone(setting, "search"))
        course.run(SILENT.task(""))
    assert [(t.number, t.rung, t.status) for t in course.trials][-1][1:] == (1, "failed")
    assert len(told) == 2
    assert withdrawn == []  # nobody waits for it: it was told


def test_trainings__that_all_fail_end_the_search_early(small_store: Store, tmp_path: Path) -> None:
    hopeless = StandAloneConfig(replace(TRAIN, learning_rate=1e38))
    config = search_config("random", "1h", short_training=hopeless)
    with pytest.raises(RunError, match=r"all 20 trials failed: .*nan.* Mend the cause and search into another folder"):
        run(small_store, tmp_path, config, Reversed(1))
