"""Twins against the whole network: every space, every place in the window, changes at both ends of it."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ambergen.models.building import make_child
from ambergen.models.child import Child
from ambergen.models.layers import one_hot
from ambergen.models.twins import logits_of, twin_logits
from ambergen.spaces.space import Space
from tests.models.small import LENGTH, N_TRACKS, SPACES, randomise

LONG = 150
SHALLOW = Space(layers=4, operations=("conv4", "avg_pool4", "max_pool4", "identity"), width=4, reduce=(0, 2), hidden=6)


def network_of(space: Space, length: int, seed: int) -> Child:
    architecture = space.sample(np.random.default_rng(seed))
    return randomise(make_child(space, architecture, N_TRACKS, length, 4), seed).double().eval()


def drawn(n: int, length: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 5, (n, length)).astype(np.uint8)


@settings(max_examples=60, deadline=None)
@given(
    name=st.sampled_from(sorted(SPACES)),
    seed=st.integers(0, 10_000),
    place=st.integers(0, LENGTH - 1),
    size=st.integers(1, 4),
    length=st.sampled_from([LENGTH, LENGTH + 1, LENGTH + 2, LENGTH + 3]),
)
def test_twin_logits__are_those_of_the_whole_network(name: str, seed: int, place: int, size: int, length: int) -> None:
    network, size = network_of(SPACES[name], length, seed), min(size, LENGTH - place)
    windows = drawn(3, length, seed)
    window_of = np.array([0, 1, 1, 2])
    twins = windows[window_of]
    twins[:, place : place + size] = (twins[:, place : place + size] + 1 + np.arange(4)[:, None]) % 4
    found = twin_logits(
        network,
        one_hot(torch.as_tensor(windows), torch.float64),
        one_hot(torch.as_tensor(twins[:, place : place + size].copy()), torch.float64),
        place,
        torch.as_tensor(window_of),
    )
    with torch.no_grad():
        whole = network(one_hot(torch.as_tensor(np.concatenate([windows, twins])), torch.float64))
    # the last layer computes in float32, whatever comes before it
    torch.testing.assert_close(torch.cat(found), whole, rtol=1e-6, atol=1e-6)


def test_logits_of__twins_cost_the_stretch_that_changes() -> None:
    network = network_of(SHALLOW, LONG, 1).float()
    n_values = 0

    def count(_: torch.nn.Module, __: object, output: torch.Tensor) -> None:
        nonlocal n_values
        n_values += output.numel()

    for module in network.layers.modules():
        module.register_forward_hook(count)
    windows = drawn(2, LONG, 0)
    twins = windows.copy()
    twins[:, 75] = (twins[:, 75] + 1) % 4
    tokens, spent = torch.as_tensor(np.concatenate([windows, twins])), []
    for twin_of in ([0, 1, 0, 1], [0, 1, 2, 3]):
        n_values = 0
        logits_of(network, tokens, torch.tensor(twin_of))
        spent.append(n_values)
    assert 0.5 * spent[1] < spent[0] < 0.7 * spent[1]


def test_logits_of__windows_that_differ_widely_or_in_nothing_are_scored_whole() -> None:
    network = network_of(SHALLOW, LONG, 2).float()
    tokens = drawn(6, LONG, 3)
    tokens[1], tokens[2], tokens[3], tokens[5] = tokens[0], tokens[0], tokens[0], tokens[4]
    tokens[1, 40] = (tokens[0, 40] + 1) % 4  # a twin
    tokens[2, 40:] = drawn(1, LONG, 4)[0, 40:]  # as an insertion has it
    tokens[5, 149] = (tokens[4, 149] + 1) % 4  # a twin elsewhere in the window
    found = logits_of(network, torch.as_tensor(tokens), torch.tensor([0, 0, 0, 0, 4, 4]))
    with torch.no_grad():
        whole = network(one_hot(torch.as_tensor(tokens)))
    torch.testing.assert_close(found, whole, rtol=1e-5, atol=1e-5)
    assert torch.equal(found[3], found[0])
