"""The network of BPNet (Avsec et al., Nature Genetics 53, 354-366, 2021): reads a position and strand, and in all."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ambergen.models.initial import draw_weights
from ambergen.models.layers import Conv, at_least_float32

_FILTERS, _FIRST, _LATER, _LAYERS, _PROFILE, _STRANDS = 64, 25, 3, 9, 25, 2

COUNT_WEIGHT = 10.0
"""Of the error of the counts beside that of the profile, as published."""


class Coverage(NamedTuple):
    """What BPNet says of windows.

    profile : (batch, n_tracks, 2, length) logits of where a read of each strand begins
    log_counts : (batch, n_tracks, 2) natural logarithm of 1 plus the reads of each strand
    """

    profile: Tensor
    log_counts: Tensor


class BPNet(nn.Module):
    """A convolution of 25 taps and nine dilated residual ones of 3, 64 filters each; two heads for each track.

    The body has the published 117,632 parameters, with four tracks and no control 130,960 in all. First weights are
    Glorot-uniform.
    """

    def __init__(self, n_tracks: int, length: int, n_symbols: int = 4) -> None:
        super().__init__()
        self.n_tracks, self.length = n_tracks, length
        self.first = Conv(n_symbols, _FILTERS, _FIRST, bias=True)
        self.first_activation = nn.ReLU()
        self.residual = nn.ModuleList(
            nn.Sequential(Conv(_FILTERS, _FILTERS, _LATER, dilation=2**power, bias=True), nn.ReLU())
            for power in range(1, _LAYERS + 1)
        )
        self.profile = Conv(_FILTERS, n_tracks * _STRANDS, _PROFILE, bias=True)
        self.log_counts = nn.Linear(_FILTERS, n_tracks * _STRANDS)
        draw_weights(self, nn.init.xavier_uniform_)

    def body(self, x: Tensor) -> Tensor:
        """(batch, n_symbols, length) -> (batch, 64, 1, length)."""
        x = self.first_activation(self.first(x.unsqueeze(2)))
        for layer in self.residual:
            x = x + layer(x)
        return x

    def forward(self, x: Tensor) -> Coverage:
        """(batch, n_symbols, length) one-hot."""
        features = at_least_float32(self.body(x))
        shape = (self.n_tracks, _STRANDS)
        profile = self.profile(features).squeeze(2).unflatten(1, shape)
        return Coverage(profile, self.log_counts(features.mean(dim=(2, 3))).unflatten(1, shape))


def coverage_loss(predicted: Coverage, counts: Tensor, count_weight: float = COUNT_WEIGHT) -> Tensor:
    """How unlikely the places of the reads are, plus the error of their number: means over windows, tracks and strands.

    Parameters
    ----------
    counts : (batch, n_tracks, 2, length), reads that begin at each position

    Returns
    -------
    Negative logarithm of the multinomial probability of the counts given their sum, plus `count_weight` times the
    squared error of log(1 + sum).
    """
    total = counts.sum(dim=3)
    coefficients = torch.lgamma(total + 1) - torch.lgamma(counts + 1).sum(dim=3)
    log_likelihood = coefficients + (counts * F.log_softmax(predicted.profile, dim=3)).sum(dim=3)
    return -log_likelihood.mean() + count_weight * F.mse_loss(predicted.log_counts, torch.log1p(total))


def multiply_adds(n_tracks: int, length: int, n_symbols: int = 4) -> int:
    """Multiply-adds of one window, forward."""
    first, later = n_symbols * _FILTERS * _FIRST, _LAYERS * _FILTERS * _FILTERS * _LATER
    heads = n_tracks * _STRANDS * _FILTERS
    return length * (first + later + heads * _PROFILE) + heads
