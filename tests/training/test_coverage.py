"""Training on reads: a planted truth is learnt, continued bit for bit, and measured as slow loops measure it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from scipy.spatial.distance import jensenshannon
from scipy.stats import multinomial, pearsonr, spearmanr

from ambergen.datasets.batches import DeviceStore, epoch
from ambergen.datasets.count_batches import DeviceCounts
from ambergen.datasets.counts import CountLayout
from ambergen.errors import ConfigError, RunError
from ambergen.models.bpnet import BPNet, coverage_loss
from ambergen.models.layers import one_hot
from ambergen.seeds import generator
from ambergen.training.coverage import (
    CoverageObjective,
    balancing_weight,
    check_shift,
    measure,
    predict_coverage,
    track_scores,
)
from ambergen.training.loop import Fit, fit
from tests.simulated_counts import LENGTH, SHAPE, recipe

if TYPE_CHECKING:
    from ambergen.datasets.store import Store

LEARNED = ("train", "search")


def small_network(seed: int = 0) -> BPNet:
    torch.manual_seed(seed)
    return BPNet(3, LENGTH, SHAPE)


def trained(data: DeviceStore, checkpoint: Path | None = None, **changes: object) -> tuple[BPNet, Fit]:
    until = changes.pop("until", None)
    network = small_network()
    objective = CoverageObjective(data, 10.0)
    result = fit(
        network,
        data,
        recipe(**changes),
        7,
        checkpoint,
        learned=LEARNED,
        until=until,
        objective=objective,  # type: ignore[arg-type]
    )
    return network, result


@pytest.fixture(scope="module")
def data(count_store: Store) -> DeviceStore:
    return DeviceStore(count_store)


@pytest.fixture(scope="module")
def learned(data: DeviceStore) -> tuple[BPNet, Fit]:
    return trained(data)


def test_fit__learns_how_many_reads_a_motif_has_and_where_they_begin(
    data: DeviceStore, learned: tuple[BPNet, Fit]
) -> None:
    network, result = learned
    losses = [record["watched_loss"] for record in result.history]
    assert result.best_epoch == int(np.argmin(losses))
    assert result.best_score == -min(losses)
    chip, atac = measure(network, data, LEARNED, "test")
    for row in (chip, atac):
        assert row["count_pearson"] > 0.6
        assert row["profile_loss"] < 0.75 * row["mean_loss"] < 0.75 * row["uniform_loss"]
        assert row["profile_distance"] < 0.95 * row["mean_distance"]
    for row in measure(small_network(), data, LEARNED, "test"):
        assert row["count_pearson"] < 0.4
        assert row["profile_loss"] > row["mean_loss"]


def test_fit__goes_on_bit_for_bit(data: DeviceStore, tmp_path: Path) -> None:
    whole, result = trained(data, epochs=3)
    trained(data, tmp_path / "checkpoint.pt", epochs=3, until=1)
    again, continued = trained(data, tmp_path / "checkpoint.pt", epochs=3)
    assert continued.history == result.history
    for name, values in whole.state_dict().items():
        assert torch.equal(again.state_dict()[name], values), name


def test_fit__refuses_a_checkpoint_with_another_weight(data: DeviceStore, tmp_path: Path) -> None:
    from ambergen.errors import StoreError

    trained(data, tmp_path / "checkpoint.pt", epochs=1)
    with pytest.raises(StoreError, match=r"began with count_weight 10.0, which is 3.0 now"):
        fit(
            small_network(),
            data,
            recipe(epochs=1),
            7,
            tmp_path / "checkpoint.pt",
            learned=LEARNED,
            objective=CoverageObjective(data, 3.0),
        )


def test_objective__begins_at_the_mean_logarithm_of_reads(data: DeviceStore) -> None:
    network, store = small_network(), data.store
    rows = np.concatenate([store.indices(split) for split in LEARNED])
    CoverageObjective(data, 10.0).begin(network, store, LEARNED, rows)
    mean = np.log1p(store.counts(rows).sum(axis=2)).mean(axis=0)
    strands = (mean[0] + mean[1]) / 2  # a window that is turned has the other strand's reads
    np.testing.assert_allclose(network.log_counts.bias.detach(), [strands, strands, mean[2]], rtol=1e-5)


def test_objective__gradients_do_not_depend_on_micro_batches(data: DeviceStore) -> None:
    objective, gradients = CoverageObjective(data, 10.0), []
    rows = data.store.indices("train")
    (batch,) = list(epoch(data, rows, 90, generator(0, "test"), True, 4, skip=0))[:1]
    for micro_batch in (90, 32):
        network = small_network().double()
        total = objective.add_gradients(network, batch, recipe(micro_batch=micro_batch), torch.float64, 4)
        gradients.append([total, *(p.grad for p in network.parameters())])
    for whole, parts in zip(*gradients, strict=True):
        torch.testing.assert_close(whole, parts, rtol=1e-5, atol=1e-6)
    counts = DeviceCounts(data).gather(batch.placement)
    expected = coverage_loss(small_network().double()(one_hot(batch.tokens, torch.float64)), counts, 10.0)
    torch.testing.assert_close(gradients[0][0].double(), expected.detach().double(), rtol=1e-5, atol=1e-5)


def test_objective__scores_are_the_loss_of_all_windows(data: DeviceStore) -> None:
    store, network = data.store, small_network()
    rows = store.indices("selection")
    found = CoverageObjective(data, 10.0).scores(network, rows, torch.float32)
    tokens, counts = torch.from_numpy(store.tokens(rows)), torch.from_numpy(store.counts(rows))
    with torch.no_grad():
        expected = float(coverage_loss(network(one_hot(tokens)), counts, 10.0))
    assert found["watched_loss"] == pytest.approx(expected, rel=1e-5)
    assert found["watched_loss"] == pytest.approx(found["profile_loss"] + 10 * found["count_error"])
    assert network.training


def test_objective__a_training_that_diverges_says_so(data: DeviceStore) -> None:
    network = small_network()
    torch.nn.init.constant_(network.log_counts.bias, float("nan"))
    with pytest.raises(RunError, match=r"the training diverged\. Lower the learning rate: --recipe run --set train\."):
        CoverageObjective(data, 10.0).scores(network, data.store.indices("selection"), torch.float32)


def test_balancing_weight__is_half_the_mean_reads(count_store: Store) -> None:
    reads = count_store.counts(count_store.indices("train")).sum(axis=2)
    assert balancing_weight(count_store, ("train",)) == pytest.approx(reads.mean() / 2)


def test_check_shift__names_what_to_change(count_store: Store) -> None:
    check_shift(count_store, recipe(shift=8))
    with pytest.raises(
        ConfigError, match=r"shift: 9 bases, and the counts .* reach 8 bases .*data\.counts\.shift to 9"
    ):
        check_shift(count_store, recipe(shift=9))


def test_track_scores__add_reads_of_strands_plus_one_each() -> None:
    layout = CountLayout(("a", "b"), (0, 0, 1), ("+", "-", "."), 4, 0)
    found = track_scores(np.log1p([[3.0, 5.0, 7.0]]), layout)
    np.testing.assert_allclose(found, np.log([[1 + 3 + 1 + 5, 1 + 7]]))


def test_predict_coverage__swaps_the_strands_of_the_other_side(data: DeviceStore) -> None:
    layout = data.store.need_counts()
    network, rows = small_network(), np.array([5, 9, 200])
    (found,) = predict_coverage(network, data, layout, rows)
    assert found.profile.sum(axis=2) == pytest.approx(1)
    with torch.no_grad():
        forward = network(one_hot(torch.from_numpy(data.store.tokens(rows))))
        turned = data.gather(torch.from_numpy(rows), reverse=torch.ones(3, dtype=torch.bool))
        other = network(one_hot(turned.tokens))
    for column, partner in ((0, 1), (1, 0), (2, 2)):
        mean = (torch.softmax(forward.profile[:, column], 1) + torch.softmax(other.profile[:, partner], 1).flip(1)) / 2
        np.testing.assert_allclose(found.profile[:, column], mean, rtol=1e-4)
        logs = (forward.log_counts[:, column] + other.log_counts[:, partner]) / 2
        np.testing.assert_allclose(found.log_counts[:, column], logs, rtol=1e-4, atol=1e-6)


def test_measure__is_what_a_loop_measures(data: DeviceStore) -> None:
    store, network = data.store, small_network(3)
    layout, rows = store.need_counts(), store.indices("test")
    predicted = list(predict_coverage(network, data, layout, rows))
    profile, logs = (np.concatenate(part) for part in zip(*predicted, strict=True))
    counts = store.counts(rows).astype(np.float64)
    chip = measure(network, data, ("train",), "test")[0]
    seen = store.counts(store.indices("train")).sum(axis=0) + 1 / LENGTH
    losses, uniform, mean, distances = [], [], [], []
    for window, column in np.ndindex(len(rows), 2):
        reads = counts[window, column]
        if reads.sum():
            n = reads.sum()
            losses.append(-multinomial.logpmf(reads, n, profile[window, column]))
            uniform.append(-multinomial.logpmf(reads, n, np.full(LENGTH, 1 / LENGTH)))
            share = seen[column].astype(np.float64) / seen[column].sum(dtype=np.float64)
            mean.append(-multinomial.logpmf(reads, n, share / share.sum()))
            distances.append(jensenshannon(reads, profile[window, column]))
    assert chip["profile_loss"] == pytest.approx(np.mean(losses))
    assert chip["uniform_loss"] == pytest.approx(np.mean(uniform))
    assert chip["mean_loss"] == pytest.approx(np.mean(mean), rel=1e-5)
    assert chip["profile_distance"] == pytest.approx(np.mean(distances))
    total = counts[:, :2].sum(axis=(1, 2))
    scores = np.logaddexp(logs[:, 0], logs[:, 1])
    assert chip["count_pearson"] == pytest.approx(pearsonr(scores, np.log1p(total)).statistic)
    assert chip["count_spearman"] == pytest.approx(spearmanr(scores, total).statistic)
    assert (chip["split"], chip["track"], chip["windows"], chip["reads"]) == ("test", "chip", len(rows), total.sum())
