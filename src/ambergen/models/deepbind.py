"""The network of DeepBind (Alipanahi, Delong, Weirauch and Frey, Nature Biotechnology 33, 831-838, 2015)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ambergen.errors import ConfigError
from ambergen.models.layers import Conv, Dropout, TrackNetwork, at_least_float32


@dataclass(frozen=True)
class DeepBindShape:
    """The parts of a DeepBind that its publications vary.

    detectors, width : motif detectors, and bases of each: 24 for ChIP-seq, 16 for others
    average : whether each detector gives its mean beside its maximum
    hidden : units between pools and output, 0 for none (32 or 0 as published)
    both_strands : whether the score of a sequence is the larger of those of its strands
    dropout : share of the pooled values that is dropped in training
    motif_deviation, deviation : standard deviations of the first weights of detectors, and of the layers after them;
        published are draws from 1e-7 to 1e-3 and from 1e-5 to 1e-2
    """

    detectors: int = 16
    width: int = 24
    average: bool = False
    hidden: int = 32
    both_strands: bool = True
    dropout: float = 0.0
    motif_deviation: float = 1e-3
    deviation: float = 1e-2

    def __post_init__(self) -> None:
        for name, least in (("detectors", 1), ("width", 1), ("hidden", 0)):
            if getattr(self, name) < least:
                raise ConfigError(f"DeepBind: {name} is {getattr(self, name)}; expected at least {least}.")
        for name in ("motif_deviation", "deviation"):
            if not getattr(self, name) > 0:
                raise ConfigError(f"DeepBind: {name} is {getattr(self, name)}; expected more than 0.")
        if not 0 <= self.dropout < 1:
            raise ConfigError(f"DeepBind: dropout is {self.dropout}; expected a share from 0 to below 1.")

    @property
    def n_pooled(self) -> int:
        """Numbers that are left of a sequence after the pools."""
        return self.detectors * (2 if self.average else 1)


class DeepBind(TrackNetwork):
    """One DeepBind a track, side by side: detectors, ReLU, pools over the whole sequence, 32 units or none.

    A track has the published 1,057 to 2,641 parameters. Detectors reach over the ends of a sequence, where every base
    counts as a quarter of each, and so does one that is not known. A sequence may have any length.

    Raises
    ------
    ConfigError
        If symbols are not those of DNA and both strands are asked for.
    """

    def __init__(self, n_tracks: int, length: int, shape: DeepBindShape = DeepBindShape(), n_symbols: int = 4) -> None:
        super().__init__()
        if shape.both_strands and n_symbols != 4:
            raise ConfigError(
                f"DeepBind: the alphabet has {n_symbols} symbols, which have no other strand; expected DNA. Set "
                "both_strands to false."
            )
        self.n_tracks, self.length, self.shape, self.n_symbols = n_tracks, length, shape, n_symbols
        self.detectors = Conv(n_symbols, n_tracks * shape.detectors, shape.width, bias=True, padding="valid")
        self.rectified = nn.ReLU()
        self.dropout = Dropout(shape.dropout)
        hidden = [TrackLinear(n_tracks, shape.n_pooled, shape.hidden, shape.deviation), nn.ReLU()]
        self.hidden = nn.Sequential(*hidden) if shape.hidden else nn.Identity()
        self.output = TrackOutput(n_tracks, shape.hidden or shape.n_pooled, shape.deviation)
        if not self.detectors.weight.is_meta:
            nn.init.normal_(self.detectors.weight, std=shape.motif_deviation)

    @property
    def output_layer(self) -> TrackOutput:
        return self.output

    def forward(self, x: Tensor) -> Tensor:
        # What a base lacks of being known is shared among the symbols
        x = x + (1 - x.sum(dim=1, keepdim=True)) / self.n_symbols
        x = F.pad(x, (self.shape.width - 1, self.shape.width - 1), value=1 / self.n_symbols)
        score = self._strand(x)
        # In the order A, C, G, T turning both axes gives the other strand
        return torch.maximum(score, self._strand(x.flip(1, 2))) if self.shape.both_strands else score

    def _strand(self, x: Tensor) -> Tensor:
        maps = at_least_float32(self.rectified(self.detectors(x.unsqueeze(2)))).squeeze(2)
        pooled = maps.amax(dim=2)
        if self.shape.average:
            pooled = torch.stack([pooled, maps.mean(dim=2)], dim=2).flatten(1)
        return self.output(self.hidden(self.dropout(pooled.reshape(len(x), self.n_tracks, -1))))


class TrackLinear(nn.Module):
    """A dense layer for each track: (batch, n_tracks, n_in) -> (batch, n_tracks, n_out)."""

    def __init__(self, n_tracks: int, n_in: int, n_out: int, deviation: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(n_tracks, n_in, n_out))
        self.bias = nn.Parameter(torch.zeros(n_tracks, n_out))
        if not self.weight.is_meta:
            nn.init.normal_(self.weight, std=deviation)

    def forward(self, x: Tensor) -> Tensor:
        return torch.einsum("bti,tio->bto", x, self.weight) + self.bias


class TrackOutput(nn.Module):
    """A number for each track: (batch, n_tracks, n_in) -> (batch, n_tracks)."""

    def __init__(self, n_tracks: int, n_in: int, deviation: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(n_tracks, n_in))
        self.bias = nn.Parameter(torch.zeros(n_tracks))
        if not self.weight.is_meta:
            nn.init.normal_(self.weight, std=deviation)

    def forward(self, x: Tensor) -> Tensor:
        return (x * self.weight).sum(dim=2) + self.bias


def multiply_adds(n_tracks: int, length: int, shape: DeepBindShape, n_symbols: int = 4) -> int:
    """Multiply-adds of one window, forward."""
    maps = n_symbols * shape.detectors * shape.width * (length + shape.width - 1)
    dense = shape.n_pooled * shape.hidden + (shape.hidden or shape.n_pooled)
    return n_tracks * (2 if shape.both_strands else 1) * (maps + dense)
