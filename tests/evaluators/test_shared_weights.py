from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score, roc_auc_score
from torch import Tensor

from ambergen.datasets.batches import Batch, DeviceStore
from ambergen.datasets.store import Store
from ambergen.errors import ConfigError, RunError, SplitError
from ambergen.evaluators import shared_weights
from ambergen.evaluators.base import Objective
from ambergen.evaluators.fair_paths import fair_paths
from ambergen.evaluators.shared_weights import SharedWeights, SupernetConfig
from ambergen.models.layers import BatchNorm, batch_statistics, one_hot
from ambergen.progress import SILENT
from ambergen.seeds import generator
from ambergen.spaces.architecture import Architecture
from ambergen.training.checkpoint import load_checkpoint, save_checkpoint
from ambergen.training.config import TrainConfig
from ambergen.training.step import masked_bce
from tests.simulated import LENGTH, SPACE, build_store, search_config

TASK = SILENT.task("")
CONFIG = search_config().supernet
DRAWN = [SPACE.sample(generator(7, k)) for k in range(40)]


class RecordingData(DeviceStore):
    """Remembers which windows were assembled."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.gathered: list[np.ndarray] = []

    def gather(self, indices: Tensor, shift: Tensor | None = None, reverse: Tensor | None = None) -> Batch:
        self.gathered.append(indices.numpy().copy())
        return super().gather(indices, shift, reverse)


def make(store: Store, objective: Objective = "auroc", seed: int = 0, **changes: Any) -> SharedWeights:
    config = replace(CONFIG, **{"warm_up": 0.0, **changes})
    return SharedWeights(SPACE, RecordingData(store), config, objective, seed, torch.float32)


def row_of(architectures: list[Architecture]) -> Callable[[int], list[Architecture]]:
    """Proposals in a fixed order, however many are taken at a time."""
    left: Iterator[Architecture] = iter(architectures)
    return lambda n: [next(left) for _ in range(n)]


def advance(evaluator: SharedWeights, steps: int, architectures: list[Architecture]) -> None:
    evaluator.config = replace(evaluator.config, steps=steps)
    evaluator.advance(row_of(architectures), TASK)


def snapshot(evaluator: SharedWeights) -> dict[str, Any]:
    return copy.deepcopy(evaluator.state())


def same(one: Any, other: Any) -> bool:
    if isinstance(one, Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[k], other[k]) for k in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


@pytest.fixture(scope="module")
def trained(small_store: Store) -> SharedWeights:
    """After two dozen steps; the tests that share it only rate."""
    evaluator = make(small_store)
    advance(evaluator, 24, DRAWN)
    return evaluator


# ---- ratings


@pytest.mark.parametrize(
    ("objective", "oracle"), [("auroc", roc_auc_score), ("average_precision", average_precision_score)]
)
def test_rate__equals_one_architecture_at_a_time_judged_by_scikit_learn(
    trained: SharedWeights, small_store: Store, objective: Objective, oracle: Callable[..., float]
) -> None:
    trained.objective = objective
    labels = small_store.labels(trained.rows)
    enough = np.minimum(labels.sum(0), (1 - labels).sum(0)) >= 10
    assert enough.any()
    ratings = trained.rate(DRAWN[:8], TASK)
    for architecture, rating in zip(DRAWN[:8], ratings, strict=True):
        parts = []
        with torch.no_grad(), batch_statistics(trained.supernet.eval()):
            for rows in np.array_split(trained.rows, 2):  # 120 rows by 60
                x = one_hot(torch.as_tensor(small_store.tokens(rows)))
                parts.append(trained.supernet(x, architecture).numpy())
        logits = np.concatenate(parts)
        expected = np.mean([oracle(labels[:, t], logits[:, t]) for t in np.flatnonzero(enough)])
        assert rating.architecture == architecture
        assert rating.score == pytest.approx(expected, abs=1e-6)
    trained.objective = "auroc"


def test_rate__an_architecture_scores_the_same_alone_and_among_others(trained: SharedWeights) -> None:
    together = trained.rate(DRAWN[:12], TASK)
    for rating in together[:4]:
        assert trained.rate([rating.architecture], TASK)[0].score == rating.score


def test_rate__repeats_are_computed_once_and_answered_each(trained: SharedWeights) -> None:
    first, second, third = trained.rate([DRAWN[0], DRAWN[1], DRAWN[0]], TASK)
    assert [first.architecture, second.architecture, third.architecture] == [DRAWN[0], DRAWN[1], DRAWN[0]]
    assert first.score == third.score
    assert sum(r.cost.windows for r in (first, second, third)) == 2 * len(trained.rows)


def test_rate__all_architectures_on_the_same_rows_of_the_search_split(small_store: Store) -> None:
    evaluator = make(small_store)
    data = evaluator.data
    assert isinstance(data, RecordingData)
    for architectures in (DRAWN[:3], DRAWN[3:9]):
        data.gathered.clear()
        evaluator.rate(architectures, TASK)
        assert np.array_equal(np.concatenate(data.gathered), evaluator.rows)
    assert set(evaluator.rows) <= set(small_store.indices("search"))
    assert len(set(evaluator.rows)) == CONFIG.rows
    assert set(evaluator.rows) < set(evaluator.rescored_rows) <= set(small_store.indices("search"))


def test_rate__does_not_depend_on_how_many_logits_are_held(
    trained: SharedWeights, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once = [r.score for r in trained.rate(DRAWN[:9], TASK)]
    monkeypatch.setattr(shared_weights, "_HELD_LOGITS", 2 * len(trained.rows) * trained.data.n_tracks)
    assert [r.score for r in trained.rate(DRAWN[:9], TASK)] == at_once


@pytest.mark.parametrize("recalibration", [0, 2])
def test_rate__leaves_weights_statistics_optimiser_and_later_steps_alone(
    small_store: Store, recalibration: int
) -> None:
    one, other = (make(small_store, recalibration=recalibration) for _ in range(2))
    for evaluator in (one, other):
        advance(evaluator, 5, DRAWN)
    before = snapshot(one)
    one.rate(DRAWN[:6], TASK)
    one.rescore(DRAWN[:2], TASK)
    assert same(before, snapshot(one))
    assert not any(m.from_batch for m in one.supernet.modules() if isinstance(m, BatchNorm))
    for evaluator in (one, other):
        advance(evaluator, 3, DRAWN[5:])
    assert same(snapshot(one), snapshot(other))


def test_rate__uses_each_architectures_own_statistics(trained: SharedWeights) -> None:
    """With the running statistics, which all paths share, the logits would be others."""
    own = trained.logits(DRAWN[:1], trained.rows)[0]
    with torch.no_grad():
        x = one_hot(torch.as_tensor(trained.data.store.tokens(trained.rows)))
        shared = trained.supernet.eval()(x, DRAWN[0]).numpy()
    assert np.abs(own - shared).max() > 0.01


# ---- ratings with recalibrated statistics


def test_recalibration__gives_the_logits_of_a_child_recalibrated_by_hand(small_store: Store) -> None:
    """On the first batches of the training windows in an order of their own, averaged, nothing dropped."""
    evaluator = make(small_store, recalibration=3, norms="operation")
    advance(evaluator, 12, DRAWN)
    order = generator(0, "supernet", "recalibration").permutation(small_store.indices("train"))
    data = evaluator.data
    assert isinstance(data, RecordingData)
    data.gathered.clear()
    found = evaluator.logits(DRAWN[:4], evaluator.rows)
    seen = data.gathered[:3]
    assert np.array_equal(np.concatenate(seen), order[: 3 * 64])
    batches = list(evaluator._recalibration_batches())
    for architecture, logits in zip(DRAWN[:4], found, strict=True):
        child = evaluator.supernet.child(architecture).eval()
        for norm in (m for m in child.modules() if isinstance(m, BatchNorm)):
            norm.reset_running_stats()
            norm.train().momentum = None
        with torch.no_grad():
            for batch in batches:
                child(batch)
            expected = child.eval()(one_hot(torch.as_tensor(small_store.tokens(evaluator.rows)))).numpy()
        np.testing.assert_allclose(logits, expected, atol=1e-6, rtol=0)


def test_recalibration__scores_the_same_alone_and_among_others_and_again(small_store: Store) -> None:
    evaluator = make(small_store, recalibration=2)
    advance(evaluator, 6, DRAWN)
    together = evaluator.rate(DRAWN[:9], TASK)
    assert [r.score for r in evaluator.rate(DRAWN[:9], TASK)] == [r.score for r in together]
    assert evaluator.rate(DRAWN[3:4], TASK)[0].score == together[3].score
    evaluator.config = replace(evaluator.config, recalibration=0)
    assert [r.score for r in evaluator.rate(DRAWN[:9], TASK)] != [r.score for r in together]


@pytest.mark.parametrize(("batches", "windows"), [(0, 0), (2, 2 * 64), (500, 11 * 64)])
def test_recalibration__is_part_of_the_cost(small_store: Store, batches: int, windows: int) -> None:
    evaluator = make(small_store, recalibration=batches)
    assert evaluator.rate(DRAWN[:1], TASK)[0].cost.windows == CONFIG.rows + windows


def test_rate__an_architecture_without_finite_logits_is_a_failed_one(small_store: Store) -> None:
    evaluator = make(small_store)
    with torch.no_grad():
        for parameter in evaluator.supernet.layers[1]["conv8"].parameters():  # type: ignore[index, operator]
            parameter.fill_(float("nan"))
    broken = next(a for a in DRAWN if a.operations[1] == "conv8")
    whole = next(a for a in DRAWN if a.operations[1] != "conv8")
    first, second = evaluator.rate([broken, whole], TASK)
    assert first.score is None
    assert first.reason == "its logits are not all numbers"
    assert second.score is not None
    assert second.reason is None


# ---- training


def test_advance__touches_the_sampled_path_and_nothing_else(small_store: Store) -> None:
    evaluator = make(small_store)
    before = snapshot(evaluator)["supernet"]
    path = Architecture(("conv8", "max_pool4", "conv8"), ((), (), (1,)))
    on_path = set(evaluator.supernet.child(path).state_dict())
    advance(evaluator, 4, [path] * 4)
    after = evaluator.state()["supernet"]
    changed = {name for name in after if not torch.equal(before[name], after[name])}
    assert changed == on_path
    touched = {id(p) for p in evaluator.optimizer.state}
    names = {name for name, p in evaluator.supernet.named_parameters() if id(p) in touched}
    assert names == {name for name, _ in evaluator.supernet.named_parameters()} & on_path


@pytest.mark.parametrize("rounds", [(3, 5), (1, 1, 6), (7, 1)])
def test_advance__batches_are_one_row_of_epochs_however_it_is_cut(small_store: Store, rounds: tuple[int, ...]) -> None:
    train = replace(CONFIG.train, batch=200, shift=3)  # three steps an epoch
    whole, cut = make(small_store, train=train), make(small_store, train=train)
    advance(whole, 8, DRAWN)
    done = 0
    for steps in rounds:
        advance(cut, steps, DRAWN[done:])
        done += steps
    assert same(snapshot(whole), snapshot(cut))
    assert isinstance(whole.data, RecordingData)
    assert isinstance(cut.data, RecordingData)
    assert list(map(list, whole.data.gathered)) == list(map(list, cut.data.gathered))
    first_epoch = np.concatenate(whole.data.gathered[:3])
    assert len(set(first_epoch)) == 600
    assert set(first_epoch) <= set(small_store.indices("train"))


def test_advance__warms_up_once(small_store: Store) -> None:
    evaluator = make(small_store, warm_up=0.5, steps=2)
    done = [evaluator.advance(row_of(DRAWN), TASK) for _ in range(2)]
    assert evaluator.steps_per_epoch == 11
    assert [a.steps for a in done] == [2 + 6, 2]
    assert done[1].epochs == pytest.approx(2 / 11)
    assert done[1].cost.windows == 2 * 64


def test_advance__fewer_windows_than_a_batch_are_one_batch(small_store: Store) -> None:
    evaluator = make(small_store, train=replace(CONFIG.train, batch=2000, micro_batch=300))
    done = evaluator.advance(row_of(DRAWN), TASK)
    assert done.cost.windows == done.steps * 750
    assert done.epochs == done.steps


def test_advance__learns_the_planted_motifs(small_store: Store) -> None:
    """Ratings rise from chance: the point of it all, on a network of a few thousand weights."""
    evaluator = make(small_store)
    best = Architecture(("conv8", "max_pool4", "conv8"), ((), (0,), (1,)))
    before = evaluator.rate([best], TASK)[0].score
    advance(evaluator, 120, [best] * 120)
    after = evaluator.rate([best], TASK)[0].score
    assert before is not None
    assert after is not None
    assert before < 0.65
    assert after > 0.8


def test_advance__a_loss_that_is_no_number_ends_the_search_with_a_remedy(small_store: Store) -> None:
    evaluator = make(small_store, train=replace(CONFIG.train, learning_rate=1e38))
    with pytest.raises(
        RunError, match=r"loss of the shared weights is nan within steps 0 to \d+\. Lower.*learning_rate"
    ):
        advance(evaluator, 6, [DRAWN[0]] * 6)


# ---- strict fairness

QUIET = replace(SPACE, dropout=0.0, head_dropout=0.0)


def nobody(n: int) -> list[Architecture]:
    raise AssertionError("fair paths are not the strategy's")


def test_strict__every_operation_is_updated_once_a_step(small_store: Store) -> None:
    runs: dict[str, int] = {}
    evaluator = make(small_store, fairness="strict", steps=3)
    for layer, operations in enumerate(evaluator.supernet.layers):
        for name, module in operations.named_children():
            where = f"{layer}.{name}"
            runs[where] = 0
            module.register_forward_hook(lambda *_, where=where: runs.update({where: runs[where] + 1}))
    done = evaluator.advance(nobody, TASK)
    assert set(runs.values()) == {3}
    for name, parameter in evaluator.supernet.named_parameters():
        if name.startswith("layers."):
            assert evaluator.optimizer.state[parameter]["step"] == 3, name
    assert max(int(s["step"]) for s in evaluator.optimizer.state.values()) == 3
    assert (done.steps, done.cost.windows) == (3, 3 * 3 * 64)
    assert done.epochs == pytest.approx(3 / 11)


def test_strict__the_gradient_is_the_mean_of_those_of_the_paths(small_store: Store) -> None:
    config = replace(CONFIG, warm_up=0.0, fairness="strict", steps=1, train=replace(CONFIG.train, l1=0.0))
    evaluator = SharedWeights(QUIET, RecordingData(small_store), config, "auroc", 0, torch.float32)
    twin = copy.deepcopy(evaluator.supernet).train()
    batch = next(evaluator._batches(1))
    paths = fair_paths(QUIET, generator(0, "supernet", "paths", 0))
    assert len(set(paths)) == 3
    losses = [masked_bce(twin(one_hot(batch.tokens), a), batch.labels, batch.known) for a in paths]
    mean = torch.stack(losses).mean()
    mean.backward()
    done = evaluator.advance(nobody, TASK)
    assert done.loss == pytest.approx(mean.item(), rel=1e-5)
    expected = {name: p.grad for name, p in twin.named_parameters() if p.grad is not None}
    found = {name: p.grad for name, p in evaluator.supernet.named_parameters() if p.grad is not None}
    assert found.keys() == expected.keys()
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)


def test_strict__draws_are_a_function_of_seed_and_step(small_store: Store) -> None:
    whole, cut = (make(small_store, fairness="strict", steps=steps) for steps in (5, 2))
    whole.advance(nobody, TASK)
    cut.advance(nobody, TASK)
    cut.config = replace(cut.config, steps=3)
    cut.advance(nobody, TASK)
    assert same(snapshot(whole), snapshot(cut))


# ---- a last step


def test_total_steps__end_the_training(small_store: Store) -> None:
    evaluator = make(small_store, steps=3, total_steps=5, warm_up=0.0)
    assert evaluator.steps_left == 5
    done = [evaluator.advance(row_of(DRAWN), TASK) for _ in range(3)]
    assert [a.steps for a in done] == [3, 2, 0]
    assert (done[2].loss, done[2].cost.windows, evaluator.steps_left) == (None, 0, 0)
    assert make(small_store).steps_left is None


def test_total_steps__are_those_of_the_cosine(small_store: Store) -> None:
    train = replace(CONFIG.train, schedule="cosine", warm_up=0.2, learning_rate=1e-2)
    evaluator = make(small_store, steps=1, total_steps=10, train=train)
    rates = []
    for k in range(10):
        evaluator.advance(row_of(DRAWN[k:]), TASK)
        rates.append(max(group["lr"] for group in evaluator.optimizer.param_groups))
    rising = [0.5, 1.0]
    falling = [0.5 * (1 + np.cos(np.pi * k / 8)) for k in range(8)]
    np.testing.assert_allclose(rates, 1e-2 * np.array(rising + falling), rtol=1e-12)


# ---- continuation


COURSES: dict[str, dict[str, Any]] = {
    "published": {},
    "one-shot": {
        "fairness": "strict",
        "norms": "operation",
        "recalibration": 2,
        "total_steps": 12,
        "train": replace(CONFIG.train, schedule="cosine", optimizer="adamw", weight_decay=0.01),
    },
}


@pytest.mark.parametrize("name", COURSES)
def test_state__continues_exactly_after_a_checkpoint(small_store: Store, tmp_path: Path, name: str) -> None:
    one, other = (make(small_store, **COURSES[name]) for _ in range(2))
    advance(one, 4, DRAWN)
    save_checkpoint(tmp_path / "a.pt", {"evaluator": one.state()})
    record = load_checkpoint(tmp_path / "a.pt")
    assert record is not None
    other.load(record["evaluator"])
    for evaluator in (one, other):
        advance(evaluator, 9, DRAWN[4:])
    assert same(snapshot(one), snapshot(other))
    assert [r.score for r in one.rate(DRAWN[:5], TASK)] == [r.score for r in other.rate(DRAWN[:5], TASK)]


def test_seed__decides_weights_rows_and_batches(small_store: Store) -> None:
    one, again, other = make(small_store), make(small_store), make(small_store, seed=1)
    assert same(snapshot(one), snapshot(again))
    assert not same(snapshot(one), snapshot(other))
    assert np.array_equal(one.rows, again.rows)
    assert not np.array_equal(one.rows, other.rows)


def test_making__leaves_the_global_generator_alone(small_store: Store) -> None:
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    advance(make(small_store), 1, DRAWN)
    assert torch.equal(torch.rand(2), expected)


# ---- what is refused


def test_config__refuses_a_schedule_that_needs_an_end() -> None:
    with pytest.raises(ConfigError, match=r"schedule of train is cosine.*Expected constant or amber, or total_steps"):
        SupernetConfig(train=TrainConfig())
    assert SupernetConfig(train=TrainConfig(), total_steps=10).total_steps == 10


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"recalibration": -1}, r"recalibration is -1; expected 0 or more batches"),
        ({"total_steps": 0}, r"total_steps is 0; expected at least 1, or null for no end"),
        ({"fairness": "fair"}, r"fairness is 'fair'; expected none or strict"),
        ({"norms": "own"}, r"norms is 'own'; expected shared or operation"),
    ],
)
def test_config__refuses_what_it_does_not_know(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=f"supernet: {message}"):
        replace(CONFIG, **changes)


@pytest.mark.parametrize("name", ["steps", "rows", "rescored_rows", "score_batch"])
def test_config__refuses_nothing_at_all(name: str) -> None:
    with pytest.raises(ConfigError, match=rf"supernet: {name} is 0; expected at least 1"):
        replace(CONFIG, **{name: 0})


def test_making__refuses_rows_that_measure_nothing(tmp_path: Path) -> None:
    rare = build_store(tmp_path, seed=3, share=0.05)
    assert rare.length == LENGTH
    with pytest.raises(SplitError, match=r"search \(rows that rate\) split: none of the 3 tracks"):
        make(rare, rows=20)
