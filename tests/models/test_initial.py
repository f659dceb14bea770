"""First weights of the experts' networks: their distributions, and what is left alone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import nn

from ambergen.models.danq import DanQ
from ambergen.models.deepsea import DeepSEA
from ambergen.models.initial import normal, uniform, uniform_by_inputs
from ambergen.models.layers import BatchNorm, Conv, Linear


@pytest.fixture(autouse=True)
def values_alone() -> Iterator[None]:
    with torch.no_grad():
        yield


def small() -> nn.Sequential:
    return nn.Sequential(Conv(4, 100, 9, bias=True), BatchNorm(100), Linear(300, 50))


def test_normal__has_its_deviation_and_no_bias() -> None:
    network = small()
    nn.init.ones_(network[2].bias)
    normal(network, 0.05)
    for layer in (network[0], network[2]):
        assert abs(float(layer.weight.std()) - 0.05) < 0.003
        assert abs(float(layer.weight.mean())) < 0.005
        assert not layer.bias.any()
    assert (network[1].weight == 1).all()


def test_uniform__fills_its_range() -> None:
    network = small()
    uniform(network, 0.05)
    for layer in (network[0], network[2]):
        assert 0.049 < float(layer.weight.abs().max()) <= 0.05
        assert abs(float(layer.weight.std()) - 0.05 / 3**0.5) < 0.002


def test_uniform_by_inputs__is_narrower_where_there_are_more() -> None:
    network = small()
    uniform_by_inputs(network)
    for layer, n_inputs in ((network[0], 36), (network[2], 300)):
        bound = n_inputs**-0.5
        assert 0.98 * bound < float(layer.weight.abs().max()) <= bound
        assert 0.8 * bound < float(layer.bias.abs().max()) <= bound
    assert (network[1].weight == 1).all()


def test_draws__leave_networks_that_are_only_counted_alone() -> None:
    with torch.device("meta"):
        network = small()
        normal(network, 1.0)
        uniform_by_inputs(network)
    assert network[0].weight.is_meta


def test_deepsea__published_weights_units_and_penalty() -> None:
    torch.manual_seed(0)
    network = DeepSEA(6, 200, 0.1, published=True)
    assert abs(float(network.dense.weight.std()) - 0.05) < 0.002
    x = torch.rand(2, 4, 200)
    network.eval()
    assert float(network.features(x.unsqueeze(2)).min()) == float(torch.tensor(1e-6))
    plain = DeepSEA(6, 200, 0.1)
    assert plain.state_dict().keys() == network.state_dict().keys()
    assert float(plain.eval().features(x.unsqueeze(2)).min()) == 0


def test_danq__published_weights_lie_within_a_twentieth() -> None:
    network = DanQ(6, 200, 0.1, published=True)
    for name, parameter in network.named_parameters():
        if "weight" in name:
            assert 0.045 < float(parameter.abs().max()) <= 0.05
        else:
            assert not parameter.any()
