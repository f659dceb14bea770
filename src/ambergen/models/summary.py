"""Sizes of networks without building them: parameters, multiply-adds, receptive field."""

from __future__ import annotations

import torch
from torch import nn

from ambergen.models.building import make_child
from ambergen.models.child import projected_layers
from ambergen.models.operations import extent
from ambergen.models.operations import multiply_adds as multiply_adds_of
from ambergen.models.supernetwork import Supernet
from ambergen.spaces.architecture import Architecture
from ambergen.spaces.assembly import Program
from ambergen.spaces.base import Candidate, SearchSpace
from ambergen.spaces.genotype import Genotype
from ambergen.spaces.hierarchical_space import HierarchicalSpace
from ambergen.spaces.operations import operation
from ambergen.spaces.space import Space


def n_parameters(network: nn.Module) -> int:
    """Trainable parameters."""
    return sum(p.numel() for p in network.parameters() if p.requires_grad)


def child_parameters(
    space: SearchSpace, architecture: Candidate, n_tracks: int, length: int, n_symbols: int = 4
) -> int:
    """Trainable parameters of a child, counted without memory for its weights."""
    with torch.device("meta"):
        return n_parameters(make_child(space, architecture, n_tracks, length, n_symbols))


def supernet_parameters(space: Space, n_tracks: int, length: int, n_symbols: int = 4) -> int:
    """Trainable parameters of a supernet, counted without memory for its weights."""
    with torch.device("meta"):
        return n_parameters(Supernet(space, n_tracks, length, n_symbols))


def multiply_adds(space: SearchSpace, architecture: Candidate, n_tracks: int, length: int, n_symbols: int = 4) -> int:
    """Multiply-adds of one window through convolutions and dense layers, forward.

    Raises
    ------
    SpaceError
        If the architecture lies outside the space.
    """
    space.check(architecture)
    assert isinstance(space, Space | HierarchicalSpace)
    widths, lengths = space.widths, space.lengths(length)
    if isinstance(space, Space):
        assert isinstance(architecture, Architecture)
        total = _of_layers(space, architecture, length)
    else:
        assert isinstance(architecture, Genotype)
        total = sum(
            space.cells * _of_cell(architecture.program, space, channels, positions)
            for channels, positions in zip(widths, lengths, strict=True)
        )
        total += sum(_of_reduction(space, stage, length) for stage in range(space.stages - 1))
    features = widths[-1] * (1 if space.head == "gap" else lengths[-1])
    stem = n_symbols * space.width * space.stem_kernel * length
    return stem + total + features * space.hidden + space.hidden * n_tracks


def _of_layers(space: Space, architecture: Architecture, length: int) -> int:
    widths, lengths = space.widths, space.lengths(length)
    stages = list(map(space.stage, range(space.layers)))
    total = sum(
        multiply_adds_of(operation(name), widths[stage], lengths[stage])
        for name, stage in zip(architecture.operations, stages, strict=True)
    )
    for stage, sources in enumerate(projected_layers(space, architecture)):
        total += len(sources) * _of_reduction(space, stage, length)
    if space.combine == "concat1x1":
        total += sum(
            (1 + len(chosen)) * widths[stage] ** 2 * lengths[stage]
            for chosen, allowed, stage in zip(architecture.skips, space.skip_sources, stages, strict=True)
            if allowed
        )
    return total


def _of_cell(program: Program, space: HierarchicalSpace, channels: int, length: int) -> int:
    total = 0
    for name, inputs in program:
        if name is not None:
            total += multiply_adds_of(operation(name), channels, length)
        elif space.merge == "concat":
            total += len(inputs) * channels**2 * length
    return total


def _of_reduction(space: Space | HierarchicalSpace, stage: int, length: int) -> int:
    """Of the 1 x 1 convolution after `stage`."""
    widths, lengths = space.widths, space.lengths(length)
    return widths[stage] * widths[stage + 1] * (lengths[stage + 1] if space.pool_first else lengths[stage])


def receptive_field(space: SearchSpace, architecture: Candidate) -> int:
    """Input positions that one position of the last layer or cell sees, from the first to the last.

    Raises
    ------
    SpaceError
        If the architecture lies outside the space.
    """
    space.check(architecture)
    assert isinstance(space, Space | HierarchicalSpace)
    if isinstance(space, Space):
        assert isinstance(architecture, Architecture)
        # Skip connections leave layers out, so that they see no further than the chain of all layers.
        stages = [
            [
                extent(operation(name), space.widths[s])
                for i, name in enumerate(architecture.operations)
                if space.stage(i) == s
            ]
            for s in range(space.n_stages)
        ]
    else:
        assert isinstance(architecture, Genotype)
        stages = [[_cell_extent(architecture.program, channels)] * space.cells for channels in space.widths]
    field, jump = space.stem_kernel, 1
    for number, extents in enumerate(stages):
        if number:
            field += 3 * jump
            jump *= 4
        field += sum(left + right for left, right in extents) * jump
    return field


def _cell_extent(program: Program, channels: int) -> tuple[int, int]:
    """Positions that a cell's output sees to the left and to the right: the furthest of all paths, side by side."""
    seen = [(0, 0)]
    for name, inputs in program:
        left, right = (max(seen[i][side] for i in inputs) for side in (0, 1))
        more = (0, 0) if name is None else extent(operation(name), channels)
        seen.append((left + more[0], right + more[1]))
    return seen[-1]
