"""Sizes against the published ones and against networks that are really built and run."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from ambergen.models.child import Child
from ambergen.models.layers import AvgPoolSame, BatchNorm, Conv, Linear, MaxPoolReduce, MaxPoolSame
from ambergen.models.summary import (
    child_parameters,
    multiply_adds,
    n_parameters,
    receptive_field,
    supernet_parameters,
)
from ambergen.models.supernetwork import Supernet
from ambergen.spaces.architecture import Architecture
from ambergen.spaces.presets import amber
from ambergen.spaces.space import Space
from tests.models.small import LENGTH, N_TRACKS, SMALL, SPACES, architectures, windows


def test_published_space__has_the_published_sizes() -> None:
    space = amber()
    assert space.n_tokens == 78
    assert space.size == 7**12 * 2**66
    assert space.lengths(1000) == (1000, 250, 63, 16)
    assert space.widths == (32, 64, 128, 256)
    assert supernet_parameters(space, 919, 1000) == pytest.approx(11.80e6, rel=0.01)


def test_final_networks__have_the_published_range_of_sizes() -> None:
    """Networks of twice the width with 26 of 66 skip connections: mean 13.5 million, from 10.0 to 17.7."""
    space, rng = amber(width=64), np.random.default_rng(0)
    sizes = [child_parameters(space, space.sample(rng), 919, 1000) / 1e6 for _ in range(20)]
    assert np.mean(sizes) == pytest.approx(13.5, abs=1.0)
    assert 10.0 <= min(sizes) <= max(sizes) <= 17.7
    all_conv8 = Architecture(("conv8",) * 12, space.sample(rng).skips)
    assert child_parameters(space, all_conv8, 919, 1000) / 1e6 == pytest.approx(17.8, abs=0.2)


@pytest.mark.parametrize("name", SPACES)
def test_parameters__are_counted_as_they_are_built(name: str) -> None:
    space = SPACES[name]
    architecture = space.sample(np.random.default_rng(1))
    assert child_parameters(space, architecture, N_TRACKS, LENGTH) == n_parameters(
        Child(space, architecture, N_TRACKS, LENGTH)
    )
    assert supernet_parameters(space, N_TRACKS, LENGTH) == n_parameters(Supernet(space, N_TRACKS, LENGTH))


def counted_multiply_adds(child: Child, x: Tensor) -> int:
    total = 0

    def count(module: nn.Module, _: tuple[Tensor, ...], out: Tensor) -> None:
        nonlocal total
        values_each = module.weight[0].numel()  # multiply-adds of one value that comes out
        total += values_each * out[0].numel()

    for module in child.modules():
        if isinstance(module, (Conv, Linear)):
            module.register_forward_hook(count)
    child(x)
    return total


@pytest.mark.parametrize("name", SPACES)
@settings(max_examples=5)
@given(data=st.data())
def test_multiply_adds__equal_a_count_while_running(name: str, data: st.DataObject) -> None:
    space = SPACES[name]
    architecture = data.draw(architectures(space))
    child = Child(space, architecture, N_TRACKS, LENGTH).eval()
    expected = counted_multiply_adds(child, windows(1, dtype=torch.float32))
    assert multiply_adds(space, architecture, N_TRACKS, LENGTH) == expected


def test_multiply_adds__of_the_published_space_are_as_published_networks_need() -> None:
    space, rng = amber(skips="none"), np.random.default_rng(2)
    mean = np.mean([multiply_adds(space, space.sample(rng), 919, 1000) for _ in range(2000)])
    assert 2 * mean / 1e6 == pytest.approx(117, abs=4)  # 106 million, and 1 x 1 convolutions before two of seven


def linearised(child: Child) -> Child:
    """The chain of layers with positive weights, no rectifying, and means where there were maxima."""
    for module in child.modules():
        if isinstance(module, Conv):
            nn.init.ones_(module.weight)
        for name, part in list(module.named_children()):
            if isinstance(part, (nn.ReLU, BatchNorm)):
                setattr(module, name, nn.Identity())
            elif isinstance(part, (MaxPoolSame, AvgPoolSame)):
                setattr(module, name, Mean(4, 1))
            elif isinstance(part, MaxPoolReduce):
                setattr(module, name, Mean(4, 4))
    return child.double()


class Mean(nn.Module):
    """Sum over neighbours with SAME padding, from the definition."""

    def __init__(self, kernel: int, stride: int) -> None:
        super().__init__()
        self.kernel, self.stride = kernel, stride

    def forward(self, x: Tensor) -> Tensor:
        length = x.shape[-1]
        n = -(-length // self.stride)
        missing = max(0, (n - 1) * self.stride + self.kernel - length)
        padded = nn.functional.pad(x, (missing // 2, missing - missing // 2))
        return padded.unfold(-1, self.kernel, self.stride).sum(-1)


@settings(max_examples=15)
@given(operations=st.tuples(*[st.sampled_from(SMALL.operations)] * SMALL.layers))
def test_receptive_field__equals_the_support_of_the_gradient(operations: tuple[str, ...]) -> None:
    space = Space(layers=5, width=2, reduce=(1, 3), hidden=2, skips="none")
    architecture = Architecture(operations, ((),) * 5)
    length = 4096
    child = linearised(Child(space, architecture, 1, length)).eval()
    last = {}
    child.dropouts[-1].register_forward_hook(lambda _, __, out: last.update(out=out))
    x = torch.zeros(1, 4, length, dtype=torch.float64, requires_grad=True)
    child(x)
    middle = last["out"].shape[-1] // 2
    last["out"][0, 0, 0, middle].backward()
    seen = torch.nonzero(x.grad[0, 0])[:, 0]
    assert int(seen.max() - seen.min()) + 1 == receptive_field(space, architecture)


def test_sizes__are_counted_without_the_compiler_of_torch() -> None:
    """Its import takes seconds, which `ambergen describe` would wait for."""
    if "torch._dynamo" in sys.modules:
        pytest.skip("another test has imported it")
    supernet_parameters(SMALL, N_TRACKS, LENGTH)
    assert "torch._dynamo" not in sys.modules
