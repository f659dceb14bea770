"""The experts' networks, by the names and defaults that their publications give.

Each is untrained, with the first weights of its publication; `ambergen.training.config` has the trainings as presets of
the same names.
"""

from __future__ import annotations

from ambergen.errors import ConfigError
from ambergen.models.basset import Basset
from ambergen.models.bpnet import BPNet
from ambergen.models.danq import DanQ
from ambergen.models.deepbind import DeepBind, DeepBindShape
from ambergen.models.deepsea import DeepSEA


def deepsea(n_tracks: int = 919, length: int = 1000, scale: float = 1.0) -> DeepSEA:
    """The network of DeepSEA; `scale` is the share of the published widths."""
    return DeepSEA(n_tracks, length, scale, published=True)


def danq(n_tracks: int = 919, length: int = 1000, scale: float = 1.0) -> DanQ:
    """The network of DanQ; `scale` is the share of the published widths."""
    return DanQ(n_tracks, length, scale, published=True)


def basset(n_tracks: int = 164, length: int = 600, scale: float = 1.0) -> Basset:
    """The network of Basset; `scale` is the share of the published widths."""
    return Basset(n_tracks, length, scale)


def deepbind(
    n_tracks: int = 1, length: int = 101, width: int = 24, average: bool = False, hidden: int = 32
) -> DeepBind:
    """A network of DeepBind for each track, side by side.

    Parameters
    ----------
    width : bases of a detector, 16 or 24 as published
    average : whether each detector gives its mean beside its maximum
    hidden : units between pools and output, 32 or 0 as published
    """
    return DeepBind(n_tracks, length, DeepBindShape(width=width, average=average, hidden=hidden))


def bpnet(n_tracks: int = 4, length: int = 1000, strands: int = 2) -> BPNet:
    """The network of BPNet without control tracks; `ambergen.models.bpnet.coverage_loss` is what it was trained by.

    Parameters
    ----------
    strands : 2, a profile and a count of each strand, as published; or 1 for both strands together
    """
    if strands not in (1, 2):
        raise ConfigError(f"bpnet: strands is {strands}; expected 1 or 2 a track.")
    return BPNet(n_tracks * strands, length)
