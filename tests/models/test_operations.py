"""The layer that each operation becomes."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from ambergen.models.operations import make_operation
from ambergen.spaces.operations import AMBER_OPERATIONS, operation


@pytest.mark.parametrize("name", [o.name for o in AMBER_OPERATIONS] + ["conv3", "conv6_d2", "max_pool3", "avg_pool2"])
@pytest.mark.parametrize("length", [1, 16, 63])
def test_make_operation__keeps_channels_and_length(name: str, length: int) -> None:
    layer = make_operation(operation(name), 6, length)
    assert layer(torch.randn(2, 6, 1, length)).shape == (2, 6, 1, length)


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("conv8", ["Conv", "BatchNorm", "ReLU"]),
        ("conv4_d10", ["Conv", "BatchNorm", "ReLU"]),
        ("max_pool4", ["Conv", "BatchNorm", "ReLU", "MaxPoolSame"]),
        ("avg_pool4", ["Conv", "BatchNorm", "ReLU", "AvgPoolSame"]),
    ],
)
def test_make_operation__is_made_of_the_published_parts(name: str, parts: list[str]) -> None:
    layer = make_operation(operation(name), 6, 20)
    assert [type(m).__name__ for m in layer] == parts
    conv = layer[0]
    is_pool = operation(name).kind != "conv"
    assert conv.weight.shape == (6, 6, 1, 1 if is_pool else operation(name).kernel)
    assert conv.bias is None


def test_make_operation__identity_has_no_parameters() -> None:
    layer = make_operation(operation("identity"), 6, 20)
    assert isinstance(layer, nn.Identity)


def test_make_operation__dilated_kernels_see_what_their_name_says() -> None:
    x = torch.zeros(1, 1, 1, 201, requires_grad=True)
    for name, span in (("conv8_d10", 71), ("conv4_d10", 31), ("conv8", 8), ("conv4", 4)):
        conv = make_operation(operation(name), 1, 201)[0]
        nn.init.ones_(conv.weight)
        (gradient,) = torch.autograd.grad(conv(x)[0, 0, 0, 100], x)
        seen = torch.nonzero(gradient[0, 0, 0])[:, 0]
        assert int(seen.max() - seen.min()) + 1 == span
        assert len(seen) == operation(name).kernel
        # The shorter half lies before the position.
        assert 100 - int(seen.min()) == (span - 1) // 2
