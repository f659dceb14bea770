from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ambergen.datasets.store import Store
from ambergen.evaluators.stand_alone import StandAlone, StandAloneConfig
from ambergen.executors.base import Executor
from ambergen.executors.inline import InlineExecutor
from ambergen.progress import SILENT
from ambergen.seeds import generator
from ambergen.spaces.architecture import Architecture
from ambergen.training.jobs import TrainingJob, train_network
from tests.simulated import SPACE, TRAIN

TASK = SILENT.task("")
DRAWN = [SPACE.sample(generator(7, k)) for k in range(4)]
OUTSIDE = Architecture(("conv4", "conv4", "conv4"), ((), (), ()))


@pytest.fixture
def executor() -> Iterator[InlineExecutor]:
    with InlineExecutor() as one:
        yield one


def make(store: Store, executor: Executor, split: str = "search", **changes: Any) -> StandAlone:
    config = StandAloneConfig(replace(TRAIN, **changes))
    return StandAlone(SPACE, store, config, "auroc", 0, "float32", executor, split)


@pytest.fixture
def splits_read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the splits whose windows were asked for, in order."""
    read: list[str] = []
    indices = Store.indices

    def recording(self: Store, split: str) -> np.ndarray:
        read.append(split)
        return indices(self, split)

    monkeypatch.setattr(Store, "indices", recording)
    return read


def test_rate__is_the_score_of_a_training_from_scratch(small_store: Store, executor: InlineExecutor) -> None:
    ratings = list(make(small_store, executor).completed(DRAWN[:2], TASK))
    for architecture, rating in zip(DRAWN, ratings):
        spec = {"space": SPACE.to_dict(), "architecture": architecture.to_dict()}
        job = TrainingJob(
            small_store.path, "child", spec, TRAIN, 0, "float32", ("train",), None, ("search",), strands="forward"
        )
        scores = train_network(job).scores["search"]
        assert rating.architecture == architecture
        assert rating.score == pytest.approx(scores.auroc.mean(), abs=1e-12)
        n_train, n_search = (len(small_store.indices(split)) for split in ("train", "search"))
        assert rating.cost.windows == TRAIN.epochs * n_train + n_search


def test_rate__of_trials_never_looks_at_selection_and_test(
    small_store: Store, executor: InlineExecutor, splits_read: list[str]
) -> None:
    list(make(small_store, executor).completed(DRAWN[:1], TASK))
    assert set(splits_read) == {"train", "search"}


def test_rate__of_finalists_is_on_the_selection_split(
    small_store: Store, executor: InlineExecutor, splits_read: list[str]
) -> None:
    list(make(small_store, executor, split="selection").completed(DRAWN[:1], TASK))
    assert set(splits_read) == {"train", "selection"}


def test_rate__a_training_that_fails_is_a_rating_with_its_reason(small_store: Store, executor: InlineExecutor) -> None:
    first, second, third = list(make(small_store, executor).completed([DRAWN[0], OUTSIDE, DRAWN[1]], TASK))
    assert second.score is None
    assert second.reason is not None
    assert second.reason.startswith("SpaceError: ")
    assert "conv4" in second.reason
    assert first.score is not None
    assert third.score is not None
    assert first.reason is third.reason is None


def test_rate__a_loss_that_is_no_number_is_a_failed_rating(small_store: Store, executor: InlineExecutor) -> None:
    rating = next(make(small_store, executor, learning_rate=1e38).completed(DRAWN[:1], TASK))
    assert rating.score is None
    assert rating.reason is not None
    assert "nan" in rating.reason


def test_rate__without_its_store_fails_every_architecture(executor: InlineExecutor, small_store: Store) -> None:
    lost = Store(Path("gone/store"), small_store.manifest)
    for rating in list(make(lost, executor).completed(DRAWN[:2], TASK)):
        assert rating.score is None
        assert "there is no store here" in str(rating.reason)


def test_completed__gives_each_rating_before_the_next_begins(
    small_store: Store, executor: InlineExecutor, splits_read: list[str]
) -> None:
    ratings = make(small_store, executor).completed(DRAWN[:2], TASK)
    assert next(ratings).architecture == DRAWN[0]
    assert splits_read.count("train") == 1
    assert next(ratings).architecture == DRAWN[1]
    assert splits_read.count("train") == 2


def test_rate__repeats_itself(small_store: Store, executor: InlineExecutor) -> None:
    evaluator = make(small_store, executor)
    scores = {next(evaluator.completed([DRAWN[2]], TASK)).score for _ in range(2)}
    scores.add(list(evaluator.completed(DRAWN[:3], TASK))[2].score)
    assert len(scores) == 1


def test_folder__another_split_is_scored_without_another_training(
    small_store: Store, executor: InlineExecutor, tmp_path: Path
) -> None:
    config = StandAloneConfig(TRAIN)
    here, there = (
        StandAlone(SPACE, small_store, config, "auroc", 0, "float32", executor, split, tmp_path)
        for split in ("search", "selection")
    )
    first = next(here.completed([DRAWN[2]], TASK))
    assert there.checkpoint(DRAWN[2]).exists()
    second = next(there.completed([DRAWN[2]], TASK, {DRAWN[2].id: TRAIN.epochs}))
    n_train, n_search, n_selection = (len(small_store.indices(split)) for split in ("train", "search", "selection"))
    assert first.cost.windows == TRAIN.epochs * n_train + n_search
    assert second.cost.windows == n_selection
    assert second.cost.device_seconds > 0
    assert second.score == next(make(small_store, executor, "selection").completed([DRAWN[2]], TASK)).score
    there.forget(DRAWN[2])
    assert not here.checkpoint(DRAWN[2]).exists()


def test_folder__a_training_that_failed_leaves_nothing(
    small_store: Store, executor: InlineExecutor, tmp_path: Path
) -> None:
    hopeless = StandAloneConfig(replace(TRAIN, learning_rate=1e38))
    evaluator = StandAlone(SPACE, small_store, hopeless, "auroc", 0, "float32", executor, "search", tmp_path)
    assert next(evaluator.completed([DRAWN[2]], TASK)).score is None
    assert not evaluator.checkpoint(DRAWN[2]).exists()


def test_unpaid__is_the_work_of_a_job_that_was_killed(
    small_store: Store, executor: InlineExecutor, tmp_path: Path
) -> None:
    config = StandAloneConfig(replace(TRAIN, epochs=2))
    evaluator = StandAlone(SPACE, small_store, config, "auroc", 0, "float32", executor, "search", tmp_path)
    n = len(small_store.indices("train"))
    assert evaluator.unpaid(DRAWN[2], 0).windows == 0
    evaluator.submit(DRAWN[2], until=1).result()  # and nobody saw its rating
    assert evaluator.unpaid(DRAWN[2], 0).windows == n
    assert evaluator.unpaid(DRAWN[2], 1).windows == 0
    rating = evaluator.rating(DRAWN[2], evaluator.submit(DRAWN[2]).result())
    assert rating.cost.windows == 2 * n + len(small_store.indices("search"))
    path = evaluator.checkpoint(DRAWN[2])
    assert path is not None
    path.write_bytes(b"torn")  # the training says so
    assert evaluator.unpaid(DRAWN[2], 0).windows == 0
    assert "cannot be read" in str(evaluator.rating(DRAWN[2], evaluator.submit(DRAWN[2]).result()).reason)
