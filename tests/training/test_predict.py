"""Logits of a store's windows, on one strand and on both."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ambergen.datasets.batches import DeviceStore
from ambergen.datasets.store import Store
from ambergen.models.building import build
from ambergen.models.child import Child
from ambergen.sequence.onehot import one_hot, reverse_complement
from ambergen.training.predict import predict_logits
from tests.simulated import SPACE


@pytest.fixture(scope="module")
def data(small_store: Store) -> DeviceStore:
    return DeviceStore(small_store)


@pytest.fixture(scope="module")
def network(data: DeviceStore) -> Child:
    architecture = SPACE.sample(np.random.default_rng(1))
    return build(architecture, data.n_tracks, data.length, SPACE, seed=1).eval()


def logits_of(network: Child, tokens: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return network(torch.from_numpy(one_hot(tokens))).numpy()


def test_predict_logits__forward_is_the_network_on_every_window(data: DeviceStore, network: Child) -> None:
    rows = data.store.indices("test")[::3]
    found = predict_logits(network, data, rows, "forward", batch=7)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, logits_of(network, data.store.tokens(rows)), rtol=1e-5, atol=1e-5)


def test_predict_logits__both_strands_are_averaged_and_partners_swapped(data: DeviceStore, network: Child) -> None:
    rows = data.store.indices("selection")[:20]
    tokens, partner = data.store.tokens(rows), data.store.reverse_partner
    assert partner.tolist() == [0, 2, 1]
    other = logits_of(network, reverse_complement(tokens))[:, partner]
    expected = (logits_of(network, tokens) + other) / 2
    np.testing.assert_allclose(predict_logits(network, data, rows, batch=8), expected, rtol=1e-5, atol=1e-5)


def test_predict_logits__of_no_windows_is_empty(data: DeviceStore, network: Child) -> None:
    assert predict_logits(network, data, np.empty(0, np.int64)).shape == (0, 3)


@pytest.mark.parametrize("training", [True, False])
def test_predict_logits__leaves_the_network_in_its_mode_and_untouched(
    data: DeviceStore, network: Child, training: bool
) -> None:
    network.train(training)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    rows = data.store.indices("test")[:9]
    first = predict_logits(network, data, rows)
    assert network.training == training
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    np.testing.assert_array_equal(predict_logits(network.eval(), data, rows), first)


def test_predict_logits__in_bfloat16_is_near(data: DeviceStore, network: Child) -> None:
    rows = data.store.indices("test")[:30]
    exact, rounded = (predict_logits(network, data, rows, dtype=d) for d in (torch.float32, torch.bfloat16))
    assert rounded.dtype == np.float32
    np.testing.assert_allclose(rounded, exact, atol=0.1)
