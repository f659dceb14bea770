"""The network of DeepSEA (Zhou and Troyanskaya, Nature Methods 12, 931-934, 2015)."""

from __future__ import annotations

from torch import Tensor, nn

from ambergen.models.initial import normal
from ambergen.models.layers import ActivityPenalty, Conv, Dropout, Linear, TrackNetwork, at_least_float32

_KERNEL, _POOL = 8, 4
_FILTERS, _HIDDEN = (320, 480, 960), 925
_DROPOUT = (0.2, 0.2, 0.5)
_DEVIATION, _FLOOR, _ACTIVITY = 0.05, 1e-6, 1e-8
"""Published: deviation of the first weights, value of a unit that is off, L1 penalty on the dense layer's units."""


def valid_length(length: int) -> int:
    """Positions after the three unpadded convolutions and two pools; below 1 where a window is too short."""
    for stage in range(3):
        length = length - _KERNEL + 1
        if stage < 2:
            length //= _POOL
    return length


class DeepSEA(TrackNetwork):
    """Three convolutions of 8 taps with 320, 480 and 960 filters, maxima of 4, a dense layer of 925.

    At scale 1, 1000 bp and 919 tracks it has the published 52,843,119 parameters.

    Parameters
    ----------
    scale : share of the published widths
    published : whether first weights are normal with a deviation of 0.05, units that are off give 1e-6, and the units
        of the dense layer bear the L1 penalty; else first weights are those of our layers, units are plain, and there
        is no penalty
    length : below 163 bp the published unpadded convolutions leave nothing; padding is then SAME
    """

    def __init__(
        self, n_tracks: int, length: int, scale: float = 1.0, n_symbols: int = 4, published: bool = False
    ) -> None:
        super().__init__()
        self.n_tracks, self.length = n_tracks, length
        padding = "valid" if valid_length(length) >= 1 else "same"
        widths = [max(1, round(f * scale)) for f in _FILTERS]
        hidden = max(1, round(_HIDDEN * scale))
        layers: list[nn.Module] = []
        c_in, positions = n_symbols, length
        for stage, c_out in enumerate(widths):
            layers += [Conv(c_in, c_out, _KERNEL, bias=True, padding=padding), _unit(published)]
            positions -= _KERNEL - 1 if padding == "valid" else 0
            if stage < 2:
                layers.append(nn.MaxPool2d((1, _POOL)))
                positions //= _POOL
            layers.append(Dropout(_DROPOUT[stage]))
            c_in = c_out
        self.features = nn.Sequential(*layers)
        self.dense = Linear(c_in * positions, hidden)
        self.activation = nn.Sequential(_unit(True), ActivityPenalty(_ACTIVITY)) if published else _unit(False)
        self.output = Linear(hidden, n_tracks)
        if published:
            normal(self, _DEVIATION)

    @property
    def output_layer(self) -> Linear:
        return self.output

    def forward(self, x: Tensor) -> Tensor:
        features = self.features(x.unsqueeze(2)).flatten(1)
        return self.output(at_least_float32(self.activation(self.dense(features))))


def _unit(published: bool) -> nn.Module:
    return nn.Threshold(0.0, _FLOOR) if published else nn.ReLU()


def multiply_adds(n_tracks: int, length: int, scale: float = 1.0, n_symbols: int = 4) -> int:
    """Multiply-adds of one window, forward."""
    same = valid_length(length) < 1
    total, c_in, positions = 0, n_symbols, length
    for stage, filters in enumerate(_FILTERS):
        c_out = max(1, round(filters * scale))
        positions -= 0 if same else _KERNEL - 1
        total += c_in * c_out * _KERNEL * positions
        positions //= _POOL if stage < 2 else 1
        c_in = c_out
    hidden = max(1, round(_HIDDEN * scale))
    return total + c_in * positions * hidden + hidden * n_tracks
