"""Training as a job: done once, continued where it was left, scored on the splits that are named."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from ambergen.datasets.store import Store
from ambergen.training.jobs import TrainingJob, train_network
from ambergen.training.model import Model
from tests.simulated import SPACE, TRAIN


@pytest.fixture
def job(small_store: Store, tmp_path: Path) -> TrainingJob:
    architecture = SPACE.sample(np.random.default_rng(3))
    return TrainingJob(
        store=small_store.path,
        kind="child",
        spec={"space": SPACE.to_dict(), "architecture": architecture.to_dict()},
        config=replace(TRAIN, epochs=2),
        seed=7,
        dtype="float32",
        scored=("selection", "test"),
        out=tmp_path / "model",
        provenance={"why": "a test"},
    )


def test_train_network__writes_a_model_and_its_history(job: TrainingJob, small_store: Store) -> None:
    result = train_network(job)
    assert sorted(p.name for p in job.out.iterdir()) == ["history.jsonl", "model.json", "model.safetensors"]
    history = [json.loads(line) for line in (job.out / "history.jsonl").read_text().splitlines()]
    assert len(history) == result.n_epochs == 2
    assert set(result.scores) == {"selection", "test"}
    model = Model.load(job.out)
    assert model.tracks == small_store.tracks
    assert model.provenance["seed"] == 7
    assert model.provenance["why"] == "a test"
    assert model.provenance["training"]["best_epoch"] == result.best_epoch


def test_train_network__of_a_finished_model_scores_it_again(job: TrainingJob) -> None:
    first = train_network(job)
    written = (job.out / "model.json").stat().st_mtime_ns
    second = train_network(job)
    assert (job.out / "model.json").stat().st_mtime_ns == written
    np.testing.assert_array_equal(first.scores["test"].auroc, second.scores["test"].auroc)
    assert (first.best_epoch, first.n_epochs, first.cost) == (second.best_epoch, second.n_epochs, second.cost)


def test_train_network__seed_decides_weights_and_scores(job: TrainingJob) -> None:
    torch.manual_seed(1)
    first = train_network(replace(job, out=None))
    torch.manual_seed(2)
    second, other = train_network(replace(job, out=None)), train_network(replace(job, out=None, seed=8))
    np.testing.assert_array_equal(first.scores["test"].auroc, second.scores["test"].auroc)
    assert not np.array_equal(first.scores["test"].auroc, other.scores["test"].auroc)


def test_train_network__is_charged_with_what_it_did_itself(
    job: TrainingJob, small_store: Store, tmp_path: Path
) -> None:
    n = {split: len(small_store.indices(split)) for split in ("train", "search")}
    trial = replace(job, out=None, learned=("train",), watch=None, scored=("search",), checkpoint=tmp_path / "c.pt")
    start = time.perf_counter()
    first = train_network(replace(trial, strands="forward", until=1))
    assert first.charged.windows == n["train"] + n["search"]
    assert first.cost.device_seconds < first.charged.device_seconds < time.perf_counter() - start
    second = train_network(replace(trial, paid_epochs=1))
    assert second.charged.windows == n["train"] + 2 * n["search"]  # both strands
    assert second.cost.windows == 2 * n["train"]
    scored = train_network(replace(trial, paid_epochs=2))
    assert scored.charged.windows == 2 * n["search"]
    assert scored.charged.device_seconds > 0


def test_train_network__of_a_finished_model_is_charged_with_scoring_alone(job: TrainingJob) -> None:
    first = train_network(replace(job, scored=()))
    assert first.charged.windows == first.cost.windows
    assert train_network(replace(job, scored=())).charged.windows == 0


def test_train_network__scores_nothing_where_no_split_is_named(job: TrainingJob) -> None:
    assert train_network(replace(job, scored=(), out=None)).scores == {}
