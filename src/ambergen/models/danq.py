"""The network of DanQ (Quang and Xie, Nucleic Acids Research 44, e107, 2016)."""

from __future__ import annotations

from torch import Tensor, nn

from ambergen.models.initial import uniform
from ambergen.models.layers import Conv, Dropout, Linear, TrackNetwork, at_least_float32

_FILTERS, _KERNEL, _POOL, _UNITS, _HIDDEN = 320, 26, 13, 320, 925
_BOUND = 0.05


class DanQ(TrackNetwork):
    """A convolution of 26 taps with 320 filters, maxima of 13, a bidirectional LSTM of 320 units, a dense layer of 925.

    At scale 1, 1000 bp and 919 tracks it has 46,926,479 parameters, as published: of the two biases that torch gives an
    LSTM the second is held at zero. Windows below 38 bp are padded to that length, which leaves one pooled position.

    Parameters
    ----------
    scale : share of the published widths
    published : whether first weights are drawn from -0.05 to 0.05; else they are those of our layers
    """

    def __init__(
        self, n_tracks: int, length: int, scale: float = 1.0, n_symbols: int = 4, published: bool = False
    ) -> None:
        super().__init__()
        self.n_tracks, self.length = n_tracks, length
        filters, units, hidden = (max(1, round(w * scale)) for w in (_FILTERS, _UNITS, _HIDDEN))
        self.missing = max(0, _KERNEL + _POOL - 1 - length)
        positions = (length + self.missing - _KERNEL + 1) // _POOL
        self.features = nn.Sequential(
            Conv(n_symbols, filters, _KERNEL, bias=True, padding="valid"),
            nn.ReLU(),
            nn.MaxPool2d((1, _POOL)),
            Dropout(0.2),
        )
        self.recurrent = nn.LSTM(filters, units, batch_first=True, bidirectional=True)
        self.dropout = Dropout(0.5)
        self.dense = Linear(2 * units * positions, hidden)
        self.activation = nn.ReLU()
        self.output = Linear(hidden, n_tracks)
        if published:
            uniform(self, _BOUND)
        for name, parameter in self.recurrent.named_parameters():
            if name.startswith("bias_hh"):
                nn.init.zeros_(parameter)
                parameter.requires_grad_(False)

    @property
    def output_layer(self) -> Linear:
        return self.output

    def forward(self, x: Tensor) -> Tensor:
        x = nn.functional.pad(x, (0, self.missing)) if self.missing else x
        features = self.features(x.unsqueeze(2)).squeeze(2).transpose(1, 2)
        states, _ = self.recurrent(at_least_float32(features))
        return self.output(self.activation(self.dense(self.dropout(states).flatten(1))))


def multiply_adds(n_tracks: int, length: int, scale: float = 1.0, n_symbols: int = 4) -> int:
    """Multiply-adds of one window, forward; the element-wise gates of the LSTM are left out."""
    filters, units, hidden = (max(1, round(w * scale)) for w in (_FILTERS, _UNITS, _HIDDEN))
    convolved = max(length, _KERNEL + _POOL - 1) - _KERNEL + 1
    positions = convolved // _POOL
    lstm = 2 * positions * 4 * units * (filters + units)
    return n_symbols * filters * _KERNEL * convolved + lstm + 2 * units * positions * hidden + hidden * n_tracks
