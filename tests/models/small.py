"""Small networks whose weights, biases and statistics are all drawn, so that nothing is hidden by a zero or a one."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import torch
from hypothesis import strategies as st
from torch import Tensor, nn

from ambergen.models.layers import BatchNorm
from ambergen.spaces.architecture import Architecture
from ambergen.spaces.space import Space

SMALL = Space(layers=5, width=4, reduce=(1, 3), hidden=6)
"""Three stages; windows of 37 take the lengths 37, 10 and 3: SAME padding of three kinds."""
LENGTH, N_TRACKS = 37, 3

SPACES = {
    "all skips": SMALL,
    "skips in a stage": Space(layers=5, width=4, reduce=(1, 3), hidden=6, skips="stage"),
    "no skips": Space(layers=5, width=4, reduce=(1, 3), hidden=6, skips="none"),
    "pool first": Space(layers=5, width=4, reduce=(1, 3), hidden=6, pool_first=True),
    "average": Space(layers=5, width=4, reduce=(1, 3), hidden=6, head="gap"),
    "lists by layer": Space(
        layers=5,
        width=4,
        reduce=(1, 3),
        hidden=6,
        layer_operations=(
            ("conv8", "identity"),
            ("max_pool4",),
            ("conv4", "conv8_d10", "avg_pool4"),
            ("identity",),
            ("conv4", "conv8"),
        ),
    ),
    "one stage": Space(layers=3, width=4, reduce=(), hidden=6),
    "from the stem": Space(layers=5, width=4, reduce=(1, 3), hidden=6, sources="enas"),
    "concatenated": Space(layers=5, width=4, reduce=(1, 3), hidden=6, combine="concat1x1"),
    "from the stem, concatenated": Space(
        layers=5, width=4, reduce=(1, 3), hidden=6, sources="enas", combine="concat1x1"
    ),
    "from the start of a stage, concatenated": Space(
        layers=6, width=4, reduce=(2,), hidden=6, skips="stage", sources="enas", combine="concat1x1"
    ),
}
KINDS_OF_SKIPS = ("all skips", "from the stem", "concatenated", "from the start of a stage, concatenated")
"""Those of SPACES that differ in which outputs skip connections bring, and in what becomes of them."""

Network = TypeVar("Network", bound=nn.Module)


@torch.no_grad()
def randomise(network: Network, seed: int = 0) -> Network:
    """Draw every parameter that starts at zero or one, and every running statistic."""
    generator = torch.Generator().manual_seed(seed)

    def draw(value: Tensor) -> Tensor:
        return torch.randn(value.shape, generator=generator, dtype=torch.float64)

    for module in network.modules():
        if isinstance(module, BatchNorm):
            module.weight.copy_(1 + 0.3 * draw(module.weight))
            module.bias.copy_(0.3 * draw(module.bias))
            module.running_mean.copy_(0.2 * draw(module.running_mean))
            module.running_var.copy_(torch.exp(0.3 * draw(module.running_var)))
        elif isinstance(getattr(module, "bias", None), Tensor):
            module.bias.copy_(0.3 * draw(module.bias))
    return network


def windows(n: int, length: int = LENGTH, dtype: torch.dtype = torch.float64, seed: int = 0) -> Tensor:
    """One-hot windows (n, 4, length) with some unknown symbols."""
    tokens = torch.from_numpy(np.random.default_rng(seed).integers(0, 5, (n, length)))
    return torch.eye(5, 4, dtype=dtype)[tokens].transpose(1, 2)


@st.composite
def architectures(draw: st.DrawFn, space: Space = SMALL) -> Architecture:
    """Any architecture of a space, with few or many skip connections."""
    operations = tuple(draw(st.sampled_from(names)) for names in space.choices)
    skips = tuple(
        tuple(sorted(draw(st.sets(st.sampled_from(sources))))) if sources else () for sources in space.skip_sources
    )
    return Architecture(operations, skips)


def uniform(name: str, space: Space = SMALL) -> Architecture:
    """The same operation in all layers, and every skip connection that the space allows."""
    return Architecture((name,) * space.layers, space.skip_sources)
