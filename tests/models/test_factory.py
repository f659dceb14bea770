"""Networks from a kind and its specification."""

from __future__ import annotations

import pytest
import torch

from ambergen.errors import StoreError
from ambergen.models.factory import make_network
from tests.models.small import LENGTH, N_TRACKS, SMALL

SPECS = {
    "child": {"space": SMALL.to_dict(), "architecture": SMALL.decode([0] * SMALL.n_tokens).to_dict()},
    "deepsea": {"scale": 0.02},
    "danq": {"scale": 0.02},
}


@pytest.mark.parametrize("kind", SPECS)
def test_make_network__gives_the_kind(kind: str) -> None:
    network = make_network(kind, SPECS[kind], N_TRACKS, LENGTH)
    assert type(network).__name__.lower() == kind
    assert network(torch.zeros(2, 4, LENGTH)).shape == (2, N_TRACKS)
    assert (network.length, network.n_tracks) == (LENGTH, N_TRACKS)


@pytest.mark.parametrize("kind", SPECS)
def test_make_network__seed_decides_the_weights_and_leaves_torchs_generator(kind: str) -> None:
    before = torch.random.get_rng_state()
    first, second = (make_network(kind, SPECS[kind], N_TRACKS, LENGTH, seed=4).state_dict() for _ in range(2))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert all(torch.equal(value, second[name]) for name, value in first.items())


def test_make_network__names_the_kinds_that_it_knows() -> None:
    with pytest.raises(StoreError, match="'transformer' is not a network; expected one of child, deepsea, danq"):
        make_network("transformer", {}, N_TRACKS, LENGTH)
