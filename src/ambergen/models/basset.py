"""The network of Basset (Kelley, Snoek and Rinn, Genome Research 26, 990-999, 2016)."""

from __future__ import annotations

import math
from itertools import pairwise

from torch import Tensor, nn

from ambergen.errors import ConfigError
from ambergen.models.initial import uniform_by_inputs
from ambergen.models.layers import BatchNorm, Conv, Dropout, Linear, TrackNetwork, at_least_float32

_FILTERS, _KERNELS, _POOLS = (300, 200, 200), (19, 11, 7), (3, 4, 4)
_HIDDEN, _DROPOUT = (1000, 1000), 0.3


def valid_length(length: int) -> int:
    """Positions after the three unpadded convolutions and their pools; below 1 where a window is too short."""
    for kernel, pool in zip(_KERNELS, _POOLS, strict=True):
        length = (length - kernel + 1) // pool
    return length


class Basset(TrackNetwork):
    """Convolutions of 19, 11 and 7 taps with maxima of 3, 4 and 4, two dense layers of 1000; batch norm after each.

    At scale 1, 600 bp and 164 tracks it has the published 4,135,064 parameters. First weights are those of Torch 7.

    Parameters
    ----------
    scale : share of the published widths
    length : below 168 bp the unpadded convolutions leave nothing; padding is then SAME, and 48 bp are the least

    Raises
    ------
    ConfigError
        If the windows are shorter.
    """

    def __init__(self, n_tracks: int, length: int, scale: float = 1.0, n_symbols: int = 4) -> None:
        super().__init__()
        if length < math.prod(_POOLS):
            raise ConfigError(
                f"Basset: windows have {length} bases; expected at least {math.prod(_POOLS)}, since its pools divide "
                "the length by so much. Use longer windows, or leave Basset out."
            )
        self.n_tracks, self.length = n_tracks, length
        padding = "valid" if valid_length(length) >= 1 else "same"
        filters, hidden = _widths(scale)
        layers: list[nn.Module] = []
        c_in, positions = n_symbols, length
        for c_out, kernel, pool in zip(filters, _KERNELS, _POOLS, strict=True):
            layers += [Conv(c_in, c_out, kernel, bias=True, padding=padding), BatchNorm(c_out), nn.ReLU()]
            layers.append(nn.MaxPool2d((1, pool)))
            positions = (positions - (kernel - 1 if padding == "valid" else 0)) // pool
            c_in = c_out
        self.features = nn.Sequential(*layers)
        n_in, dense = c_in * positions, []
        for n_out in hidden:
            dense.append(DenseLayer(n_in, n_out))
            n_in = n_out
        self.dense = nn.Sequential(*dense)
        self.output = Linear(n_in, n_tracks)
        uniform_by_inputs(self)

    @property
    def output_layer(self) -> Linear:
        return self.output

    def forward(self, x: Tensor) -> Tensor:
        features = self.features(x.unsqueeze(2)).flatten(1)
        return self.output(at_least_float32(self.dense(features)))


class DenseLayer(nn.Module):
    """(batch, n_in) -> (batch, n_out): dense layer, batch norm, ReLU, dropout."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        self.linear, self.norm = Linear(n_in, n_out), BatchNorm(n_out)
        self.activation, self.dropout = nn.ReLU(), Dropout(_DROPOUT)

    def forward(self, x: Tensor) -> Tensor:
        normal: Tensor = self.norm(self.linear(x)[:, :, None, None]).flatten(1)
        dropped: Tensor = self.dropout(self.activation(normal))
        return dropped


def multiply_adds(n_tracks: int, length: int, scale: float = 1.0, n_symbols: int = 4) -> int:
    """Multiply-adds of one window, forward; batch norms are left out."""
    same = valid_length(length) < 1
    filters, hidden = _widths(scale)
    total, c_in, positions = 0, n_symbols, length
    for c_out, kernel, pool in zip(filters, _KERNELS, _POOLS, strict=True):
        positions -= 0 if same else kernel - 1
        total += c_in * c_out * kernel * positions
        positions //= pool
        c_in = c_out
    widths = (c_in * positions, *hidden, n_tracks)
    return total + sum(n_in * n_out for n_in, n_out in pairwise(widths))


def _widths(scale: float) -> tuple[list[int], list[int]]:
    return [max(1, round(width * scale)) for width in _FILTERS], [max(1, round(width * scale)) for width in _HIDDEN]
