"""Operation spec -> layer: the one table that supernets and children share, and what a layer costs and sees."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor, nn

from ambergen.errors import SpaceError
from ambergen.models.layers import AvgPoolSame, BatchNorm, Conv, MaxPoolSame
from ambergen.spaces.base import SearchSpace
from ambergen.spaces.hierarchical_space import HierarchicalSpace
from ambergen.spaces.operations import Operation, operation, own_operation
from ambergen.spaces.space import Space

# Windows on which the span of an operation of one's own is measured.
_PROBE = 1025


def make_operation(operation: Operation, channels: int, length: int) -> nn.Module:
    """The layer of `operation` on (batch, channels, 1, length); one ReLU module per use, for attribution methods.

    Raises
    ------
    SpaceError
        If an operation of one's own cannot be constructed, or does not keep the shape.
    """
    kernel, dilation = operation.kernel, operation.dilation
    match operation.kind:
        case "identity":
            return nn.Identity()
        case "conv":
            return nn.Sequential(Conv(channels, channels, kernel, dilation), BatchNorm(channels), nn.ReLU())
        case "separable":
            within = Conv(channels, channels, kernel, dilation, groups=channels)
            return nn.Sequential(within, Conv(channels, channels, 1), BatchNorm(channels), nn.ReLU())
        case "max_pool" | "avg_pool":
            pool = MaxPoolSame(kernel) if operation.kind == "max_pool" else AvgPoolSame(kernel, length)
            return nn.Sequential(Conv(channels, channels, 1), BatchNorm(channels), nn.ReLU(), pool)
        case "own":
            _tried(operation.name, own_operation(operation.name).constructor, channels, length)
            return _constructed(operation.name, channels, length)


def multiply_adds(operation: Operation, channels: int, length: int) -> int:
    """Multiply-adds of one window through the convolutions and dense layers of an operation, forward."""
    match operation.kind:
        case "identity":
            return 0
        case "conv":
            return operation.kernel * channels**2 * length
        case "separable":
            return (operation.kernel + channels) * channels * length
        case "max_pool" | "avg_pool":
            return channels**2 * length
        case "own":
            own = own_operation(operation.name)
            if own.taps is not None:
                return own.taps * channels**2 * length
            return _tried(operation.name, own.constructor, channels, length)


def extent(operation: Operation, channels: int) -> tuple[int, int]:
    """Positions to the left and to the right that one position of an operation's output sees beside its own."""
    span = operation.span
    if operation.kind == "own":
        own = own_operation(operation.name)
        if own.span is None:
            return _measured_extent(operation.name, own.constructor, channels)
        span = own.span
    return (span - 1) // 2, span - 1 - (span - 1) // 2


# ---- operations of one's own


def try_operations(space: SearchSpace, length: int) -> None:
    """Construct every operation of one's own once for each stage that it can stand in.

    Raises
    ------
    SpaceError
        If one cannot be constructed, or does not keep the shape.
    """
    assert isinstance(space, Space | HierarchicalSpace)
    places = (
        [(names, space.stage(layer)) for layer, names in enumerate(space.choices)]
        if isinstance(space, Space)
        else [(space.operations, stage) for stage in range(space.n_stages)]
    )
    widths, lengths = space.widths, space.lengths(length)
    for names, stage in places:
        for name in names:
            if operation(name).kind == "own":
                _tried(name, own_operation(name).constructor, widths[stage], lengths[stage])


def _constructed(name: str, channels: int, length: int) -> nn.Module:
    try:
        layer = own_operation(name).constructor(channels, length)
    except Exception as error:  # whatever the user's code raises
        raise SpaceError(
            f"operation {name!r}: its constructor fails for {channels} channels and {length} positions: "
            f"{type(error).__name__}: {error}"
        ) from error
    if hasattr(nn.ModuleDict(), name):
        raise SpaceError(
            f"operation {name!r}: torch uses this name itself. Register the operation under another one, for example "
            f"{name}_1."
        )
    if not isinstance(layer, nn.Module):
        raise SpaceError(
            f"operation {name!r}: its constructor gives a {type(layer).__name__}; expected a torch.nn.Module."
        )
    return layer


@lru_cache(maxsize=4096)
def _tried(name: str, constructor: object, channels: int, length: int) -> int:
    """Run an operation of one's own without memory for its values: its multiply-adds, if it keeps the shape.

    constructor : for the cache alone, which has to forget what another constructor of the name gave
    """
    total = 0

    def count(module: nn.Module, _: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal total
        weight = getattr(module, "weight", None)
        if isinstance(weight, Tensor) and weight.dim() > 1 and isinstance(output, Tensor):
            total += weight[0].numel() * output.numel()

    with torch.device("meta"), torch.random.fork_rng(devices=[]):
        layer = _constructed(name, channels, length).eval()
        for module in layer.modules():
            module.register_forward_hook(count)
        try:
            output = layer(torch.empty(1, channels, 1, length))
        except Exception as error:  # whatever the user's code raises
            raise SpaceError(
                f"operation {name!r}: its layer fails on the shape (1, {channels}, 1, {length}), tried on torch's meta "
                f"device: {type(error).__name__}: {error}"
            ) from error
    found = tuple(getattr(output, "shape", ()))
    if found != (1, channels, 1, length):
        raise SpaceError(
            f"operation {name!r}: its layer makes {found} of (1, {channels}, 1, {length}); expected the "
            "same shape. Pad a convolution, and leave the number of channels as it is."
        )
    return total


@lru_cache(maxsize=1024)
@torch.no_grad()
def _measured_extent(name: str, constructor: object, channels: int) -> tuple[int, int]:
    """Which outputs move when one input does; weights are made positive, so that nothing cancels or is cut off."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        layer = _constructed(name, channels, _PROBE).double().eval()
        for parameter in layer.parameters():
            parameter.abs_()
        before = torch.rand(1, channels, 1, _PROBE, dtype=torch.float64)
        middle = _PROBE // 2
        after = before.clone()
        after[..., middle] += 1000.0
        moved = torch.nonzero((layer(after) != layer(before)).any(dim=1).flatten())[:, 0]
    if not len(moved):
        return 0, 0
    # The input moves outputs to its left by what these see to their right.
    return max(0, int(moved.max()) - middle), max(0, middle - int(moved.min()))
