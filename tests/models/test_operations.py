"""The layer that each operation becomes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import nn

from ambergen.errors import SpaceError
from ambergen.models.layers import AvgPoolSame, BatchNorm, Conv
from ambergen.models.operations import extent, make_operation, multiply_adds, try_operations
from ambergen.spaces import operations
from ambergen.spaces.hierarchical_space import HierarchicalSpace
from ambergen.spaces.operations import AMBER_OPERATIONS, operation, register_operation
from ambergen.spaces.space import Space
from tests.models.small import randomise
from tests.models.written_out import conv_same


@pytest.mark.parametrize(
    "name",
    [o.name for o in AMBER_OPERATIONS] + ["conv3", "conv6_d2", "max_pool3", "avg_pool2", "separable8", "separable3_d2"],
)
@pytest.mark.parametrize("length", [1, 16, 63])
def test_make_operation__keeps_channels_and_length(name: str, length: int) -> None:
    layer = make_operation(operation(name), 6, length)
    assert layer(torch.randn(2, 6, 1, length)).shape == (2, 6, 1, length)


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("conv8", ["Conv", "BatchNorm", "ReLU"]),
        ("conv4_d10", ["Conv", "BatchNorm", "ReLU"]),
        ("separable8", ["Conv", "Conv", "BatchNorm", "ReLU"]),
        ("max_pool4", ["Conv", "BatchNorm", "ReLU", "MaxPoolSame"]),
        ("avg_pool4", ["Conv", "BatchNorm", "ReLU", "AvgPoolSame"]),
    ],
)
def test_make_operation__is_made_of_the_published_parts(name: str, parts: list[str]) -> None:
    layer = make_operation(operation(name), 6, 20)
    assert [type(m).__name__ for m in layer] == parts
    conv, kind = layer[0], operation(name).kind
    seen, taps = (1 if kind == "separable" else 6), (1 if "pool" in kind else operation(name).kernel)
    assert conv.weight.shape == (6, seen, 1, taps)
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


def test_make_operation__separable_convolves_each_channel_and_then_across_them() -> None:
    layer = randomise(make_operation(operation("separable8"), 3, 20)).double().eval()
    x = torch.randn(2, 3, 1, 20, dtype=torch.float64)
    within, across, norm, _ = layer
    flat = x[:, :, 0]
    one_by_one = [conv_same(flat[:, c : c + 1], within.weight[c : c + 1], 1) for c in range(3)]
    expected = torch.relu(norm(conv_same(torch.cat(one_by_one, dim=1), across.weight, 1).unsqueeze(2)))
    torch.testing.assert_close(layer(x), expected, rtol=0, atol=1e-12)


# ---- operations of one's own


@pytest.fixture
def registry() -> Iterator[None]:
    """What a test registers is forgotten."""
    before = dict(operations._OWN)
    yield
    operations._OWN.clear()
    operations._OWN.update(before)


def gated(channels: int, length: int) -> nn.Module:
    """Seen by a position: three to its left and three to its right by the first, one and two by the second."""
    first = Conv(channels, channels, 4, dilation=2)
    return nn.Sequential(first, BatchNorm(channels), nn.ReLU(), AvgPoolSame(4, length), Conv(channels, channels, 1))


def shifted(channels: int, length: int) -> nn.Module:
    """Sees the two positions before its own alone."""
    return nn.Sequential(nn.ZeroPad2d((2, -1, 0, 0)), nn.Conv2d(channels, channels, (1, 2)))


@pytest.mark.usefixtures("registry")
def test_own_operation__is_measured_where_nothing_is_told() -> None:
    register_operation("gated", gated)
    assert multiply_adds(operation("gated"), 6, 50) == (4 + 1) * 36 * 50
    # taps at -3, -1, 1 and 3 around 0 (the smaller half of an odd padding of 6 lies left), then -1 to 2
    assert extent(operation("gated"), 6) == (3 + 1, 3 + 2)
    register_operation("shifted", shifted)
    assert extent(operation("shifted"), 2) == (2, 0)
    assert make_operation(operation("gated"), 6, 50)(torch.randn(2, 6, 1, 50)).shape == (2, 6, 1, 50)


@pytest.mark.usefixtures("registry")
def test_own_operation__is_believed_where_something_is_told() -> None:
    register_operation("gated", gated, taps=11, span=8)
    assert multiply_adds(operation("gated"), 6, 50) == 11 * 36 * 50
    assert extent(operation("gated"), 6) == (3, 4)


@pytest.mark.parametrize("name", [o.name for o in AMBER_OPERATIONS] + ["separable8", "max_pool7"])
@pytest.mark.usefixtures("registry")
def test_measuring__gives_what_is_known_of_ambergens_own_operations(name: str) -> None:
    register_operation("mine", lambda channels, length: make_operation(operation(name), channels, length))
    assert multiply_adds(operation("mine"), 4, 30) == multiply_adds(operation(name), 4, 30)
    assert extent(operation("mine"), 4) == extent(operation(name), 4)


@pytest.mark.usefixtures("registry")
def test_own_operation__measuring_leaves_the_weights_that_a_seed_gives() -> None:
    register_operation("gated", gated)
    first = [make_operation(operation("gated"), 4, 9) for _ in range(2) if torch.manual_seed(5)]
    assert torch.equal(first[0][0].weight, first[1][0].weight)


@pytest.mark.parametrize(
    ("name", "constructor", "words"),
    [
        ("fails", lambda channels, length: 1 / 0, "its constructor fails for 4 channels and 9 positions: ZeroDiv"),
        ("number", lambda channels, length: 3, "its constructor gives a int; expected a torch.nn.Module"),
        ("narrow", lambda c, n: nn.Conv2d(c, 2, 1), r"makes \(1, 2, 1, 9\) of \(1, 4, 1, 9\); expected the same shape"),
        ("flat", lambda c, n: nn.Linear(3, 3), r"its layer fails on the shape \(1, 4, 1, 9\)"),
        ("pop", lambda c, n: nn.Identity(), "torch uses this name itself. Register .* for example pop_1"),
    ],
)
@pytest.mark.usefixtures("registry")
def test_own_operation__that_cannot_be_built_says_why(name: str, constructor: object, words: str) -> None:
    register_operation(name, constructor)  # type: ignore[arg-type]
    with pytest.raises(SpaceError, match=words):
        make_operation(operation(name), 4, 9)


@pytest.mark.usefixtures("registry")
def test_try_operations__tries_each_where_it_can_stand() -> None:
    def even(channels: int, length: int) -> nn.Module:
        return nn.Identity() if length % 2 == 0 else nn.MaxPool2d((1, 2))

    register_operation("even", even)
    first = Space(layers=2, operations=[["even"], ["conv4"]], width=4, reduce=(0,))  # type: ignore[arg-type]
    try_operations(first, 34)  # 34 positions, then 9
    for space in (
        Space(layers=2, operations=("even", "conv4"), width=4, reduce=(0,)),
        HierarchicalSpace(operations=("identity", "even"), width=4, stages=2),
    ):
        with pytest.raises(SpaceError, match=r"operation 'even': its layer makes \(1, 8, 1, 4\) of \(1, 8, 1, 9\)"):
            try_operations(space, 34)
