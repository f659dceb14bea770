"""Basset's network in its published size, and below it."""

from __future__ import annotations

import pytest
import torch

from ambergen.errors import ConfigError
from ambergen.models.basset import Basset, multiply_adds, valid_length
from ambergen.models.factory import make_network
from ambergen.models.layers import Conv, Linear
from ambergen.models.summary import n_parameters


def test_basset__has_the_published_number_of_parameters() -> None:
    with torch.device("meta"):
        assert n_parameters(Basset(164, 600)) == 4_135_064


def test_basset__has_the_published_lengths() -> None:
    assert valid_length(600) == 10
    network, lengths = Basset(3, 600, 0.02).eval(), []
    for module in network.features:
        module.register_forward_hook(lambda _, __, out: lengths.append(out.shape[-1]))
    network(torch.zeros(1, 4, 600))
    assert lengths == [582, 582, 582, 194, 184, 184, 184, 46, 40, 40, 40, 10]


@pytest.mark.parametrize("length", [48, 100, 167, 168, 333])
def test_basset__takes_windows_of_any_length(length: int) -> None:
    network = Basset(5, length, 0.02).eval()
    assert network(torch.zeros(2, 4, length)).shape == (2, 5)
    assert network.output_layer is network.output
    padding = {m.padding for m in network.modules() if isinstance(m, Conv)}
    assert padding == {"valid" if length >= 168 else "same"}


def test_basset__learns_from_a_last_batch_of_one_window() -> None:
    Basset(5, 48, 0.02)(torch.zeros(1, 4, 48)).sum().backward()


def test_basset__refuses_windows_that_its_pools_leave_nothing_of() -> None:
    with pytest.raises(ConfigError, match=r"Basset: windows have 47 bases; expected at least 48.*leave Basset out"):
        Basset(5, 47)


@pytest.mark.parametrize("length", [64, 200])
def test_multiply_adds__equal_a_count_while_running(length: int) -> None:
    network, total = make_network("basset", {"scale": 0.03}, 5, length).eval(), 0

    def count(module: torch.nn.Module, _: object, out: torch.Tensor) -> None:
        nonlocal total
        total += module.weight[0].numel() * out[0].numel()

    for module in network.modules():
        if isinstance(module, (Conv, Linear)):
            module.register_forward_hook(count)
    network(torch.zeros(1, 4, length))
    assert multiply_adds(5, length, 0.03) == total


def test_basset__keeps_the_dtype_of_its_weights() -> None:
    network = Basset(5, 64, 0.02).eval()
    assert network(torch.zeros(1, 4, 64, dtype=torch.bfloat16)).dtype == torch.float32
