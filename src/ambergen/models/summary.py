"""Sizes of networks without building them: parameters, multiply-adds, receptive field."""

from __future__ import annotations

import torch
from torch import nn

from ambergen.models.child import Child, projected_layers
from ambergen.models.supernetwork import Supernet
from ambergen.spaces.architecture import Architecture
from ambergen.spaces.operations import operation
from ambergen.spaces.space import Space


def n_parameters(network: nn.Module) -> int:
    """Trainable parameters."""
    return sum(p.numel() for p in network.parameters() if p.requires_grad)


def child_parameters(space: Space, architecture: Architecture, n_tracks: int, length: int, n_symbols: int = 4) -> int:
    """Trainable parameters of a child, counted without memory for its weights."""
    with torch.device("meta"):
        return n_parameters(Child(space, architecture, n_tracks, length, n_symbols))


def supernet_parameters(space: Space, n_tracks: int, length: int, n_symbols: int = 4) -> int:
    """Trainable parameters of a supernet, counted without memory for its weights."""
    with torch.device("meta"):
        return n_parameters(Supernet(space, n_tracks, length, n_symbols))


def multiply_adds(space: Space, architecture: Architecture, n_tracks: int, length: int, n_symbols: int = 4) -> int:
    """Multiply-adds of one window through convolutions and dense layers, forward."""
    widths, lengths = space.widths, space.lengths(length)
    total = n_symbols * space.width * space.stem_kernel * length
    for layer, name in enumerate(architecture.operations):
        spec, stage = operation(name), space.stage(layer)
        taps = {"conv": spec.kernel, "max_pool": 1, "avg_pool": 1, "identity": 0}[spec.kind]
        total += taps * widths[stage] ** 2 * lengths[stage]
    for stage, sources in enumerate(projected_layers(space, architecture)):
        positions = lengths[stage + 1] if space.pool_first else lengths[stage]
        total += len(sources) * widths[stage] * widths[stage + 1] * positions
    features = widths[-1] * (1 if space.head == "gap" else lengths[-1])
    return total + features * space.hidden + space.hidden * n_tracks


def receptive_field(space: Space, architecture: Architecture) -> int:
    """Input positions that one position of the last layer sees (the chain of layers; skip connections see less)."""
    field, jump = space.stem_kernel, 1
    for layer, name in enumerate(architecture.operations):
        field += (operation(name).span - 1) * jump
        if layer in space.reduce:
            field += 3 * jump
            jump *= 4
    return field
