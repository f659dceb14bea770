"""DeepSEA's network in its published size, and below it."""

from __future__ import annotations

import pytest
import torch

from ambergen.models.deepsea import DeepSEA, multiply_adds, valid_length
from ambergen.models.layers import Conv, Linear
from ambergen.models.summary import n_parameters


def test_deepsea__has_the_published_number_of_parameters() -> None:
    with torch.device("meta"):
        assert n_parameters(DeepSEA(919, 1000)) == 52_843_119


@pytest.mark.parametrize("length", [1, 40, 162, 163, 200, 333])
@pytest.mark.parametrize("scale", [0.01, 0.05])
def test_deepsea__takes_windows_of_any_length(length: int, scale: float) -> None:
    if length == 1:
        pytest.skip("pools of four leave nothing of one base")
    network = DeepSEA(5, length, scale).eval()
    out = network(torch.zeros(2, 4, length))
    assert out.shape == (2, 5)
    assert network.output_layer is network.output


def test_deepsea__pads_only_where_the_published_layers_leave_nothing() -> None:
    assert (valid_length(162), valid_length(163)) == (0, 1)
    for length, padding in ((162, "same"), (163, "valid")):
        convolutions = [m for m in DeepSEA(5, length, 0.01).modules() if isinstance(m, Conv)]
        assert {c.padding for c in convolutions} == {padding}


@pytest.mark.parametrize("length", [64, 162, 163, 200])
def test_multiply_adds__equal_a_count_while_running(length: int) -> None:
    network, total = DeepSEA(5, length, 0.02).eval(), 0
    for module in network.modules():
        if isinstance(module, (Conv, Linear)):

            def count(module: torch.nn.Module, _: object, out: torch.Tensor) -> None:
                nonlocal total
                total += module.weight[0].numel() * out[0].numel()

            module.register_forward_hook(count)
    network(torch.zeros(1, 4, length))
    assert multiply_adds(5, length, 0.02) == total


def test_deepsea__keeps_the_dtype_of_its_weights() -> None:
    network = DeepSEA(5, 200, 0.02).eval()
    assert network(torch.zeros(1, 4, 200, dtype=torch.bfloat16)).dtype == torch.float32
    assert network.double()(torch.zeros(1, 4, 200, dtype=torch.float64)).dtype == torch.float64
