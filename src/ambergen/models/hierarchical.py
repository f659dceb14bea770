"""Genotype -> network: stem, stages of equal cells with reductions between them, head."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from ambergen.models.layers import BatchNorm, Conv, Dropout, Linear, TrackNetwork
from ambergen.models.network import Head, Reduction
from ambergen.models.operations import make_operation
from ambergen.spaces.assembly import Program
from ambergen.spaces.genotype import Genotype
from ambergen.spaces.hierarchical_space import HierarchicalSpace, Merge
from ambergen.spaces.operations import operation


class Concat(nn.Module):
    """Several values side by side, then a 1 x 1 convolution to the width of one, batch norm and ReLU."""

    def __init__(self, n_inputs: int, channels: int) -> None:
        super().__init__()
        self.project = nn.Sequential(Conv(n_inputs * channels, channels, 1), BatchNorm(channels), nn.ReLU())

    def forward(self, *values: Tensor) -> Tensor:
        return cast(Tensor, self.project(torch.cat(values, dim=1)))


class Add(nn.Module):
    """The sum of several values, then batch norm, as after the skip connections of the macro space."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = BatchNorm(channels)

    def forward(self, first: Tensor, *others: Tensor) -> Tensor:
        for other in others:
            first = first + other
        return cast(Tensor, self.norm(first))


class Cell(nn.Module):
    """The steps of a program, a layer each: (batch, channels, 1, length) -> the same shape."""

    def __init__(self, program: Program, merge: Merge, channels: int, length: int) -> None:
        super().__init__()
        self.inputs = [step.inputs for step in program]
        self.steps = nn.ModuleList(
            make_operation(operation(step.operation), channels, length)
            if step.operation is not None
            else Concat(len(step.inputs), channels)
            if merge == "concat"
            else Add(channels)
            for step in program
        )

    def forward(self, x: Tensor) -> Tensor:
        values = [x]
        for inputs, step in zip(self.inputs, self.steps, strict=True):
            values.append(step(*(values[i] for i in inputs)))
        return values[-1]


class HierarchicalNetwork(TrackNetwork):
    """The network of a genotype: (batch, n_symbols, length) one-hot -> logits (batch, n_tracks).

    Genotypes with equal identifiers give equal networks, down to the order and the first draw of the parameters.

    Raises
    ------
    SpaceError
        If the genotype lies outside the space.
    """

    def __init__(
        self, space: HierarchicalSpace, genotype: Genotype, n_tracks: int, length: int, n_symbols: int = 4
    ) -> None:
        space.check(genotype)
        super().__init__()
        self.space, self.architecture = space, genotype
        self.n_tracks, self.length, self.n_symbols = n_tracks, length, n_symbols
        widths, lengths = space.widths, space.lengths(length)
        self.stem = nn.Sequential(Conv(n_symbols, space.width, space.stem_kernel), BatchNorm(space.width))
        self.stages = nn.ModuleList(
            nn.Sequential(
                *(
                    nn.Sequential(Cell(genotype.program, space.merge, channels, positions), Dropout(space.dropout))
                    for _ in range(space.cells)
                )
            )
            for channels, positions in zip(widths, lengths, strict=True)
        )
        self.reductions = nn.ModuleList(
            Reduction(widths[s], widths[s + 1], lengths[s], space.pool_first) for s in range(space.stages - 1)
        )
        self.head = Head(space, widths[-1], lengths[-1], n_tracks, second_dropout=False)

    @property
    def output_layer(self) -> Linear:
        """The dense layer that gives the logits."""
        return self.head.output

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x.unsqueeze(2))
        for number, stage in enumerate(self.stages):
            if number:
                x = self.reductions[number - 1](x)
            x = stage(x)
        return cast(Tensor, self.head(x))
