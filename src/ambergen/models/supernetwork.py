"""Supernet: all operations of a space with shared weights; only the path of one architecture is ever computed."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ambergen.models.child import Child
from ambergen.models.network import Network, Outputs
from ambergen.spaces.architecture import Architecture
from ambergen.spaces.space import Space


class Supernet(Network):
    """Shared weights of a space: ``supernet(x, architecture)`` -> logits (batch, n_tracks)."""

    def __init__(self, space: Space, n_tracks: int, length: int, n_symbols: int = 4) -> None:
        last = space.layers - 1
        carried = [
            {j for j in range(r + 1) if j == r or any(j in space.skip_sources[i] for i in range(r + 1, last + 1))}
            for r in space.reduce
        ]
        super().__init__(
            space,
            operations=[space.operations] * space.layers,
            projected=carried,
            n_tracks=n_tracks,
            length=length,
            n_symbols=n_symbols,
            second_dropout=True,
        )

    def forward(self, x: Tensor, architecture: Architecture) -> Tensor:
        return self.path(x, architecture)

    def child(self, architecture: Architecture) -> Child:
        """The child model of `architecture` with a copy of its path's weights and statistics."""
        child = Child(self.space, architecture, self.n_tracks, self.length, self.n_symbols)
        mine, example = self.state_dict(), next(self.parameters())
        child.to(example.device, example.dtype)
        child.load_state_dict({name: mine[name] for name in child.state_dict()})
        return child.train(self.training)

    @torch.no_grad()
    def score_many(self, x: Tensor, architectures: Sequence[Architecture]) -> Tensor:
        """Logits of many architectures on the same rows; what their prefixes share is computed once.

        Depth first over the tree of prefixes, so that the activations of one path are alive. Equal, bit for bit, to
        one call an architecture.

        Returns
        -------
        (n_architectures, batch, n_tracks)
        """
        logits: list[Tensor | None] = [None] * len(architectures)
        self._descend(0, Outputs(), self.stem_output(x), architectures, range(len(architectures)), logits)
        return torch.stack([row for row in logits if row is not None])

    def _descend(
        self,
        layer: int,
        outputs: Outputs,
        stem: Tensor,
        architectures: Sequence[Architecture],
        members: Sequence[int],
        logits: list[Tensor | None],
    ) -> None:
        if layer == self.space.layers:
            result = self.head(self.at_stage(outputs, layer - 1, self.space.n_stages - 1))
            for member in members:
                logits[member] = result
            return
        branches: dict[tuple[str, tuple[int, ...]], list[int]] = {}
        for member in members:
            choice = architectures[member].operations[layer], architectures[member].skips[layer]
            branches.setdefault(choice, []).append(member)
        for (name, sources), inside in branches.items():
            outputs.push(self.space.stage(layer), self.layer_output(layer, name, sources, outputs, stem))
            self._descend(layer + 1, outputs, stem, architectures, inside, logits)
            outputs.pop()
