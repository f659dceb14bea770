"""The network of BPNet (Avsec et al., Nature Genetics 53, 354-366, 2021): reads a base and strand, and in all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ambergen.errors import ConfigError
from ambergen.models.initial import draw_weights
from ambergen.models.layers import Conv, at_least_float32

_LATER = 3

COUNT_WEIGHT = 10.0
"""Of the error of the counts beside that of the profile, as published."""


@dataclass(frozen=True)
class BPNetShape:
    """The layers of a BPNet, as published.

    filters : of every convolution but that of the profile
    first : taps of the first layer
    layers : dilated residual convolutions of three taps, with dilations of 2, 4, 8 …
    profile : taps of the convolution that gives the profile
    """

    filters: int = 64
    first: int = 25
    layers: int = 9
    profile: int = 25

    def __post_init__(self) -> None:
        for name in ("filters", "first", "layers", "profile"):
            if getattr(self, name) < 1:
                raise ConfigError(f"bpnet: {name} is {getattr(self, name)}; expected at least 1.")


class Coverage(NamedTuple):
    """What BPNet says of windows; a column is a strand of a track.

    profile : (batch, n_columns, width) logits of where a read begins
    log_counts : (batch, n_columns) natural logarithm of 1 plus the reads
    """

    profile: Tensor
    log_counts: Tensor


class BPNet(nn.Module):
    """A convolution of 25 taps and nine dilated residual ones of 3, 64 filters each; two heads for each column.

    The body has the published 117,632 parameters, with both strands of four tracks and no control 130,960 in all. First
    weights are Glorot-uniform.

    Parameters
    ----------
    n_columns : strands of tracks; two for each track whose strands are told apart
    length : bases of a window
    width : bases in its middle for which there is a profile; None for the whole window, as published
    """

    def __init__(
        self,
        n_columns: int,
        length: int,
        shape: BPNetShape | None = None,
        width: int | None = None,
        n_symbols: int = 4,
    ) -> None:
        super().__init__()
        shape = shape or BPNetShape()
        self.n_columns, self.length, self.shape, self.width = n_columns, length, shape, width or length
        self.first = Conv(n_symbols, shape.filters, shape.first, bias=True)
        self.first_activation = nn.ReLU()
        self.residual = nn.ModuleList(
            nn.Sequential(Conv(shape.filters, shape.filters, _LATER, dilation=2**power, bias=True), nn.ReLU())
            for power in range(1, shape.layers + 1)
        )
        self.profile = Conv(shape.filters, n_columns, shape.profile, bias=True)
        self.log_counts = nn.Linear(shape.filters, n_columns)
        draw_weights(self, nn.init.xavier_uniform_)

    def body(self, x: Tensor) -> Tensor:
        """(batch, n_symbols, length) -> (batch, filters, 1, length)."""
        x = self.first_activation(self.first(x.unsqueeze(2)))
        for layer in self.residual:
            x = x + layer(x)
        return x

    def forward(self, x: Tensor) -> Coverage:
        """(batch, n_symbols, length) one-hot."""
        features = at_least_float32(self.body(x))
        left = (self.length - self.width) // 2
        profile = self.profile(features).squeeze(2)[..., left : left + self.width]
        return Coverage(profile, self.log_counts(features.mean(dim=(2, 3))))


def coverage_loss(predicted: Coverage, counts: Tensor, count_weight: float = COUNT_WEIGHT) -> Tensor:
    """How unlikely the places of the reads are, plus the error of their number: means over windows and columns.

    Parameters
    ----------
    counts : (batch, n_columns, width), reads that begin at each base

    Returns
    -------
    Negative logarithm of the multinomial probability of the counts given their sum, plus `count_weight` times the
    squared error of log(1 + sum).
    """
    total = counts.sum(dim=2)
    coefficients = torch.lgamma(total + 1) - torch.lgamma(counts + 1).sum(dim=2)
    log_likelihood = coefficients + (counts * F.log_softmax(predicted.profile, dim=2)).sum(dim=2)
    return -log_likelihood.mean() + count_weight * F.mse_loss(predicted.log_counts, torch.log1p(total))


def n_parameters(n_columns: int, shape: BPNetShape | None = None, n_symbols: int = 4) -> int:
    """Numbers that are learnt, from the layers alone."""
    shape = shape or BPNetShape()
    first = shape.filters * (n_symbols * shape.first + 1)
    later = shape.layers * shape.filters * (shape.filters * _LATER + 1)
    return first + later + n_columns * (shape.filters * shape.profile + 1) + n_columns * (shape.filters + 1)


def multiply_adds(n_columns: int, length: int, shape: BPNetShape | None = None, n_symbols: int = 4) -> int:
    """Multiply-adds of one window, forward."""
    shape = shape or BPNetShape()
    first = n_symbols * shape.filters * shape.first
    later = shape.layers * shape.filters * shape.filters * _LATER
    heads = n_columns * shape.filters
    return length * (first + later + heads * shape.profile) + heads
