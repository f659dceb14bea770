"""Operation spec -> layer: the one table that supernets and children share."""

from __future__ import annotations

from torch import nn

from ambergen.models.layers import AvgPoolSame, BatchNorm, Conv, MaxPoolSame
from ambergen.spaces.operations import Operation


def make_operation(operation: Operation, channels: int, length: int) -> nn.Module:
    """The layer of `operation` on (batch, channels, 1, length); one ReLU module per use, for attribution methods."""
    if operation.kind == "identity":
        return nn.Identity()
    if operation.kind == "conv":
        conv = Conv(channels, channels, operation.kernel, operation.dilation)
        return nn.Sequential(conv, BatchNorm(channels), nn.ReLU())
    pool = MaxPoolSame(operation.kernel) if operation.kind == "max_pool" else AvgPoolSame(operation.kernel, length)
    return nn.Sequential(Conv(channels, channels, 1), BatchNorm(channels), nn.ReLU(), pool)
