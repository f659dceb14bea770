"""The experts' networks, by the names and defaults that their publications give."""

from __future__ import annotations

from ambergen.models.danq import DanQ
from ambergen.models.deepsea import DeepSEA


def deepsea(n_tracks: int = 919, length: int = 1000, scale: float = 1.0) -> DeepSEA:
    """The untrained network of DeepSEA; `scale` is the share of the published widths."""
    return DeepSEA(n_tracks, length, scale)


def danq(n_tracks: int = 919, length: int = 1000, scale: float = 1.0) -> DanQ:
    """The untrained network of DanQ; `scale` is the share of the published widths."""
    return DanQ(n_tracks, length, scale)
