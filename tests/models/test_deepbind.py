"""DeepBind's network: the published sizes, and a slow loop over text."""

from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np
import pytest
import torch

from ambergen.errors import ConfigError
from ambergen.models.deepbind import DeepBind, DeepBindShape, multiply_adds
from ambergen.models.factory import make_network
from ambergen.models.layers import Conv, one_hot
from ambergen.models.summary import n_parameters
from ambergen.sequence.alphabets import DNA

SMALL = DeepBindShape(detectors=3, width=4, hidden=2, motif_deviation=1.0, deviation=1.0)


@pytest.mark.parametrize(
    ("width", "average", "hidden", "expected"),
    [
        (16, False, 0, 1057),
        (16, False, 32, 1617),
        (24, False, 0, 1569),
        (24, False, 32, 2129),
        (24, True, 0, 1585),
        (24, True, 32, 2641),
    ],
)
def test_deepbind__has_the_published_number_of_parameters(
    width: int, average: bool, hidden: int, expected: int
) -> None:
    shape = DeepBindShape(width=width, average=average, hidden=hidden)
    assert n_parameters(DeepBind(1, 101, shape)) == expected
    assert n_parameters(DeepBind(3, 101, shape)) == 3 * expected


def score_slowly(network: DeepBind, track: int, text: str) -> float:
    """From the formula, letter by letter: a base that is not known, or beyond an end, is a quarter of each."""
    shape = network.shape
    detectors = network.detectors.weight.detach().numpy()[:, :, 0]
    thresholds = network.detectors.bias.detach().numpy()
    output, bias = network.output.weight.detach().numpy()[track], network.output.bias.detach().numpy()[track]
    pooled: list[float] = []
    for detector in range(track * shape.detectors, (track + 1) * shape.detectors):
        activations = []
        for start in range(1 - shape.width, len(text)):
            total = float(thresholds[detector])
            for j in range(shape.width):
                at = start + j
                letter = text[at] if 0 <= at < len(text) else "N"
                column = detectors[detector, :, j]
                total += float(column.mean()) if letter == "N" else float(column["ACGT".index(letter)])
            activations.append(max(0.0, total))
        pooled.append(max(activations))
        if shape.average:
            pooled.append(sum(activations) / len(activations))
    features = np.array(pooled)
    if shape.hidden:
        layer = network.hidden[0]
        features = np.maximum(0, features @ layer.weight[track].detach().numpy() + layer.bias[track].detach().numpy())
    return float(features @ output + bias)


@torch.no_grad()
def scored(network: DeepBind, text: str) -> list[float]:
    return network(one_hot(torch.as_tensor(DNA.encode(text, "here")[None])))[0].tolist()


def complement(text: str) -> str:
    return text[::-1].translate(str.maketrans("ACGT", "TGCA"))


@pytest.mark.parametrize("average", [False, True])
@pytest.mark.parametrize("hidden", [0, 2])
@pytest.mark.parametrize("text", ["ACGTTGCAAC", "ANNTCG", "GA", "NNNN"])
def test_deepbind__equals_a_slow_loop(average: bool, hidden: int, text: str) -> None:
    torch.manual_seed(len(text))
    network = DeepBind(2, len(text), replace(SMALL, average=average, hidden=hidden))
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter)
    scores = scored(network, text)
    for track in range(2):
        expected = max(score_slowly(network, track, text), score_slowly(network, track, complement(text)))
        assert scores[track] == pytest.approx(expected, abs=1e-5)


def test_deepbind__one_strand_alone_where_that_is_asked_for() -> None:
    network = DeepBind(1, 8, replace(SMALL, both_strands=False))
    assert scored(network, "AAACGTCC") == pytest.approx([score_slowly(network, 0, "AAACGTCC")], abs=1e-5)


def test_deepbind__tracks_do_not_see_each_other() -> None:
    network = DeepBind(3, 20, SMALL)
    network(torch.rand(2, 4, 20))[:, 1].sum().backward()
    for parameter in (network.output.weight, network.output.bias):
        assert parameter.grad is not None
        assert not parameter.grad[[0, 2]].any()
    assert network.detectors.weight.grad is not None
    assert not network.detectors.weight.grad[[0, 1, 2, 6, 7, 8]].any()


def test_deepbind__refuses_impossible_shapes() -> None:
    for settings, message in (
        ({"detectors": 0}, "DeepBind: detectors is 0; expected at least 1."),
        ({"dropout": 1.0}, "DeepBind: dropout is 1.0; expected a share from 0 to below 1."),
        ({"deviation": 0.0}, "DeepBind: deviation is 0.0; expected more than 0."),
    ):
        with pytest.raises(ConfigError) as caught:
            DeepBindShape(**settings)  # type: ignore[arg-type]
        assert str(caught.value) == message
    with pytest.raises(ConfigError, match=r"20 symbols, which have no other strand.*Set both_strands to false"):
        DeepBind(1, 20, n_symbols=20)
    assert DeepBind(1, 20, replace(SMALL, both_strands=False), 20)(torch.zeros(1, 20, 20)).shape == (1, 1)


@pytest.mark.parametrize("average", [False, True])
@pytest.mark.parametrize("hidden", [0, 2])
def test_multiply_adds__equal_a_count(average: bool, hidden: int) -> None:
    shape = replace(SMALL, average=average, hidden=hidden)
    network, maps = make_network("deepbind", {"shape": asdict(shape)}, 2, 30), 0
    assert isinstance(network, DeepBind)

    def count(module: Conv, _: object, out: torch.Tensor) -> None:
        nonlocal maps
        maps += module.weight[0].numel() * out[0].numel()

    network.detectors.register_forward_hook(count)
    network(torch.zeros(1, 4, 30))
    dense = [p.numel() for name, p in network.named_parameters() if "weight" in name and "detectors" not in name]
    assert multiply_adds(2, 30, shape) == maps + 2 * sum(dense)
