"""DanQ's network in its published size, and below it."""

from __future__ import annotations

import pytest
import torch

from ambergen.models.danq import DanQ, multiply_adds
from ambergen.models.layers import Conv, Linear
from ambergen.models.summary import n_parameters


def test_danq__has_the_published_number_of_parameters() -> None:
    with torch.device("meta"):
        assert n_parameters(DanQ(919, 1000)) == 46_926_479


@pytest.mark.parametrize("length", [1, 37, 38, 100, 333])
def test_danq__takes_windows_of_any_length(length: int) -> None:
    network = DanQ(5, length, 0.02).eval()
    assert network(torch.zeros(2, 4, length)).shape == (2, 5)
    assert network.output_layer is network.output


def test_danq__second_bias_of_the_recurrent_layer_stays_zero() -> None:
    network = DanQ(5, 100, 0.02)
    network(torch.rand(2, 4, 100)).sum().backward()
    for name, parameter in network.recurrent.named_parameters():
        if name.startswith("bias_hh"):
            assert not parameter.requires_grad
            assert parameter.abs().sum() == 0
        else:
            assert parameter.grad is not None


@pytest.mark.parametrize("length", [30, 100])
def test_multiply_adds__equal_a_count_while_running(length: int) -> None:
    network, total = DanQ(5, length, 0.02).eval(), 0

    def count(module: torch.nn.Module, _: object, out: torch.Tensor) -> None:
        nonlocal total
        total += module.weight[0].numel() * out[0].numel()

    for module in network.modules():
        if isinstance(module, (Conv, Linear)):
            module.register_forward_hook(count)

    def count_recurrent(module: torch.nn.LSTM, inputs: tuple[torch.Tensor], _: object) -> None:
        nonlocal total
        n_gates = 2 * 4 * module.hidden_size
        total += inputs[0].shape[1] * n_gates * (module.input_size + module.hidden_size)

    network.recurrent.register_forward_hook(count_recurrent)
    network(torch.zeros(1, 4, length))
    assert multiply_adds(5, length, 0.02) == total


def test_danq__keeps_the_dtype_of_its_weights() -> None:
    network = DanQ(5, 100, 0.02).eval()
    assert network(torch.zeros(1, 4, 100, dtype=torch.bfloat16)).dtype == torch.float32
    assert network.double()(torch.zeros(1, 4, 100, dtype=torch.float64)).dtype == torch.float64
