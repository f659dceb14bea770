"""Training of a small network on a small store: it learns, stops, keeps its best weights and goes on exactly."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from ambergen.cost import Stopwatch
from ambergen.datasets.batches import DeviceStore
from ambergen.datasets.store import Store
from ambergen.errors import StoreError
from ambergen.metrics.ranking import ranking
from ambergen.models.building import build
from ambergen.models.child import Child
from ambergen.models.layers import Linear
from ambergen.spaces.architecture import Architecture
from ambergen.training.config import TrainConfig
from ambergen.training.loop import Fit, fit, set_output_bias
from ambergen.training.predict import predict_logits
from tests.simulated import SPACE

ARCHITECTURE = Architecture(("conv8", "max_pool4", "identity"), ((), (0,), (0, 1)))
CONFIG = TrainConfig(epochs=3, batch=128, micro_batch=64, learning_rate=5e-3, precision="float32")


class InterruptedTrainingError(Exception):
    pass


class InterruptingTask:
    """A bar that stops the training where an epoch has been written."""

    def __init__(self, after: int) -> None:
        self.left = after

    def __enter__(self) -> InterruptingTask:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def advance(self, amount: float = 1) -> None:
        pass

    def note(self, text: str) -> None:
        self.left -= 1
        if self.left == 0:
            raise InterruptedTrainingError


class InterruptingProgress:
    def __init__(self, after: int) -> None:
        self.after = after

    def task(self, description: str, total: float | None = None) -> InterruptingTask:
        return InterruptingTask(self.after)

    def say(self, text: str) -> None:
        pass


@pytest.fixture(scope="module")
def data(small_store: Store) -> DeviceStore:
    return DeviceStore(small_store)


def new_network(data: DeviceStore, seed: int = 0) -> Child:
    return build(ARCHITECTURE, data.n_tracks, data.length, SPACE, seed=seed)


def weights(network: Child) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in network.state_dict().items()}


def same(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(value, b[name]) for name, value in a.items())


def train(data: DeviceStore, config: TrainConfig = CONFIG, seed: int = 0, **options: object) -> tuple[Child, Fit]:
    network = new_network(data)
    return network, fit(network, data, config, seed, **options)


# ---- what is learnt


@pytest.fixture(scope="module")
def learned(data: DeviceStore) -> tuple[Child, Fit]:
    network = build(Architecture(ARCHITECTURE.operations, ((), (), ())), data.n_tracks, data.length, SPACE, seed=0)
    return network, fit(network, data, replace(CONFIG, epochs=12, batch=32, learning_rate=1e-2), 0)


def test_fit__learns_planted_motifs(data: DeviceStore, learned: tuple[Child, Fit]) -> None:
    network, result = learned
    rows = data.store.indices("test")
    scores = ranking(predict_logits(network, data, rows), data.store.labels(rows), None)
    assert scores.auroc.min() > 0.9
    assert result.best_score > 0.9


def test_fit__records_every_epoch(data: DeviceStore, learned: tuple[Child, Fit]) -> None:
    _, result = learned
    assert [record["epoch"] for record in result.history] == list(range(len(result.history)))
    assert all(set(r) == {"epoch", "loss", "auroc", "average_precision"} for r in result.history)
    assert result.history[-1]["loss"] < result.history[0]["loss"] / 1.5
    n_rows = len(data.store.indices("train")) + len(data.store.indices("selection"))
    assert result.cost.windows == n_rows * len(result.history)
    assert result.cost.device_seconds > 0


def test_fit__ends_with_the_weights_of_the_best_epoch(data: DeviceStore, learned: tuple[Child, Fit]) -> None:
    network, result = learned
    aurocs = [record["auroc"] for record in result.history]
    assert result.best_score == max(aurocs)
    assert result.best_epoch == int(np.argmax(aurocs))
    rows = data.store.indices("selection")
    logits = predict_logits(network, data, rows, "forward")
    assert ranking(logits, data.store.labels(rows), None).auroc.mean() == pytest.approx(result.best_score, abs=1e-12)


# ---- seeds


@pytest.mark.parametrize("config", [CONFIG, replace(CONFIG, average=0.9, shift=3, gradient_clip=1.0)])
def test_fit__repeats_itself_from_its_seed(data: DeviceStore, config: TrainConfig) -> None:
    config = replace(config, epochs=2)
    (first, one), (second, two), (other, _) = (train(data, config, seed) for seed in (4, 4, 5))
    assert same(weights(first), weights(second))
    assert one.history == two.history
    assert not same(weights(first), weights(other))


def test_fit__leaves_torchs_generator_and_its_own_draws_apart(data: DeviceStore) -> None:
    torch.manual_seed(1)
    before = torch.random.get_rng_state()
    first, _ = train(data, replace(CONFIG, epochs=1))
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.manual_seed(2)
    second, _ = train(data, replace(CONFIG, epochs=1))
    assert same(weights(first), weights(second))


# ---- continuation


@pytest.mark.parametrize(
    "config",
    [
        CONFIG,
        replace(CONFIG, optimizer="adam", weight_decay=0.0, l1=1e-6, l2=1e-5, max_norm=0.9, schedule="amber"),
        replace(CONFIG, average=0.9, shift=2),
    ],
    ids=["adamw", "penalties", "average"],
)
def test_fit__interrupted_after_every_epoch_goes_on_bit_for_bit(
    data: DeviceStore, tmp_path: Path, config: TrainConfig
) -> None:
    whole, uninterrupted = train(data, config)
    for _ in range(config.epochs):
        with pytest.raises(InterruptedTrainingError):
            train(data, config, checkpoint=tmp_path / "c.pt", progress=InterruptingProgress(1))
    network, result = train(data, config, checkpoint=tmp_path / "c.pt")
    assert result.history == uninterrupted.history
    assert (result.best_epoch, result.best_score) == (uninterrupted.best_epoch, uninterrupted.best_score)
    assert same(weights(network), weights(whole))


def test_fit__in_bfloat16_goes_on_bit_for_bit(data: DeviceStore, tmp_path: Path) -> None:
    config = replace(CONFIG, epochs=2)
    whole, _ = train(data, config, dtype=torch.bfloat16)
    with pytest.raises(InterruptedTrainingError):
        train(data, config, checkpoint=tmp_path / "c.pt", progress=InterruptingProgress(1), dtype=torch.bfloat16)
    network, _ = train(data, config, checkpoint=tmp_path / "c.pt", dtype=torch.bfloat16)
    assert same(weights(network), weights(whole))


def test_fit__counts_the_cost_of_all_its_parts(data: DeviceStore, tmp_path: Path) -> None:
    with pytest.raises(InterruptedTrainingError):
        train(data, checkpoint=tmp_path / "c.pt", progress=InterruptingProgress(2))
    _, result = train(data, checkpoint=tmp_path / "c.pt")
    _, uninterrupted = train(data)
    assert result.cost.windows == uninterrupted.cost.windows
    assert len(result.costs) == len(result.history)
    assert result.unpaid == result.cost


def test_fit__counts_what_came_before_its_first_epoch(data: DeviceStore) -> None:
    clock = Stopwatch()
    clock._start -= 1000  # a caller that has been loading for long
    _, result = train(data, replace(CONFIG, epochs=2), clock=clock)
    assert result.costs[0].device_seconds > 1000 > result.costs[1].device_seconds
    assert clock.cost().device_seconds < 1000


def test_fit__owes_the_epochs_that_nobody_was_charged_with(data: DeviceStore, tmp_path: Path) -> None:
    path, n = tmp_path / "c.pt", len(data.store.indices("train"))
    blind = {"checkpoint": path, "watch": None}
    _, first = train(data, until=1, **blind)
    assert first.unpaid.windows == n
    with pytest.raises(InterruptedTrainingError):  # in the middle of the next two
        train(data, paid_epochs=1, progress=InterruptingProgress(1), **blind)
    _, rest = train(data, paid_epochs=1, **blind)
    assert (rest.cost.windows, rest.unpaid.windows) == (3 * n, 2 * n)
    path.unlink()  # so that all is trained again
    with pytest.raises(InterruptedTrainingError):
        train(data, paid_epochs=1, progress=InterruptingProgress(1), **blind)
    _, again = train(data, paid_epochs=1, **blind)
    assert again.unpaid.windows == again.cost.windows == 3 * n


def test_fit__refuses_a_checkpoint_that_began_otherwise(data: DeviceStore, tmp_path: Path) -> None:
    train(data, replace(CONFIG, epochs=1), checkpoint=tmp_path / "c.pt")
    with pytest.raises(StoreError) as caught:
        train(data, CONFIG, checkpoint=tmp_path / "c.pt")
    message = str(caught.value)
    assert "c.pt: this training began with epochs 1, which is 3 now" in message
    assert "Set epochs back, or delete the checkpoint to begin anew." in message
    with pytest.raises(StoreError, match="began with seed 0, which is 1 now"):
        train(data, replace(CONFIG, epochs=1), seed=1, checkpoint=tmp_path / "c.pt")


def test_fit__refuses_a_checkpoint_of_another_network(data: DeviceStore, tmp_path: Path) -> None:
    config = replace(CONFIG, epochs=1)
    train(data, config, checkpoint=tmp_path / "c.pt")
    other = build(Architecture(("conv8",) * 3, ((), (), ())), data.n_tracks, data.length, SPACE)
    with pytest.raises(StoreError, match=r"(?s)c\.pt: the checkpoint is not of this network .*Delete it to begin"):
        fit(other, data, config, 0, checkpoint=tmp_path / "c.pt")


# ---- when it stops


def test_fit__stops_when_patience_is_over(data: DeviceStore) -> None:
    # A rate this large is at its best early and then only wanders.
    config = replace(CONFIG, epochs=30, patience=2, learning_rate=0.3, schedule="constant")
    _, result = train(data, config)
    assert len(result.history) == result.best_epoch + 1 + 2 < 30


def test_fit__without_a_watched_split_trains_all_epochs_and_keeps_the_last(data: DeviceStore) -> None:
    config = replace(CONFIG, epochs=3, patience=1, learning_rate=0.3, schedule="constant")
    _, result = train(data, config, watch=None)
    assert len(result.history) == 3
    assert all(set(record) == {"epoch", "loss"} for record in result.history)
    assert result.best_epoch == 2
    assert result.cost.windows == 3 * len(data.store.indices("train"))


def test_fit__watching_changes_nothing_that_is_learnt(data: DeviceStore) -> None:
    config = replace(CONFIG, epochs=1)
    (watched, _), (blind, _) = train(data, config), train(data, config, watch=None)
    assert same(weights(watched), weights(blind))


def test_fit__learns_from_the_splits_that_are_named(data: DeviceStore) -> None:
    _, result = train(data, replace(CONFIG, epochs=1), learned=("train", "search"), watch=None)
    assert result.cost.windows == len(data.store.indices("train")) + len(data.store.indices("search"))


# ---- start


def test_set_output_bias__begins_at_the_prevalence() -> None:
    output = Linear(4, 4)
    set_output_bias(output, np.array([0.0, 0.25, 0.5, 1.0]))
    shares = torch.sigmoid(output(torch.zeros(1, 4)))[0]
    torch.testing.assert_close(shares, torch.tensor([1e-4, 0.25, 0.5, 1 - 1e-4]), rtol=1e-4, atol=1e-6)


def test_fit__first_loss_is_that_of_the_prevalence(data: DeviceStore) -> None:
    network = new_network(data)
    torch.nn.init.zeros_(network.output_layer.weight)
    result = fit(network, data, replace(CONFIG, epochs=1, learning_rate=1e-12), 0, watch=None)
    rows = data.store.indices("train")
    share = data.store.positives("train") / len(rows)
    entropy = float(np.mean(-share * np.log(share) - (1 - share) * np.log(1 - share)))
    assert result.history[0]["loss"] == pytest.approx(entropy, rel=0.02)
    assert math.isfinite(result.best_epoch)
