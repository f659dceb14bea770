"""Architecture -> child model."""

from __future__ import annotations

from torch import Tensor

from ambergen.models.network import Network
from ambergen.spaces.architecture import Architecture
from ambergen.spaces.space import Space


def projected_layers(space: Space, architecture: Architecture) -> list[set[int]]:
    """For every reduction, the layers, and the stem, whose outputs the architecture uses beyond it."""
    needed: list[set[int]] = [{r} for r in space.reduce]
    for layer, sources in enumerate(architecture.skips):
        for source in sources:
            for reduction in range(space.stage(source), space.stage(layer)):
                needed[reduction].add(source)
    return needed


class Child(Network):
    """The network of one architecture: (batch, n_symbols, length) one-hot -> logits (batch, n_tracks)."""

    def __init__(
        self, space: Space, architecture: Architecture, n_tracks: int, length: int, n_symbols: int = 4
    ) -> None:
        space.check(architecture)
        super().__init__(
            space,
            operations=[(name,) for name in architecture.operations],
            sources=architecture.skips,
            projected=projected_layers(space, architecture),
            n_tracks=n_tracks,
            length=length,
            n_symbols=n_symbols,
            second_dropout=False,
        )
        self.architecture = architecture

    def forward(self, x: Tensor) -> Tensor:
        return self.path(x, self.architecture)
