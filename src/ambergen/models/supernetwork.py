"""Supernet: all operations of a space with shared weights; only the path of one architecture is ever computed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Literal, cast

import torch
from torch import Tensor, nn

from ambergen.errors import SpaceError
from ambergen.models.child import Child
from ambergen.models.layers import BatchNorm
from ambergen.models.network import Network, Outputs
from ambergen.spaces.architecture import STEM, Architecture
from ambergen.spaces.space import Space

Norms = Literal["shared", "operation"]
Prefix = tuple[tuple[str, tuple[int, ...]], ...]
"""Operation and skip sources of the first layers of an architecture."""


class PathStatistics:
    """Batch-norm statistics of paths: those of a layer belong to the path that led there, whoever else takes it."""

    def __init__(self) -> None:
        self._by_prefix: dict[Prefix, list[tuple[Tensor, Tensor, Tensor]]] = {}

    @contextmanager
    def put_into(self, norms: Sequence[BatchNorm], prefix: Prefix) -> Iterator[None]:
        """Inside the block `norms` use, and in training mode estimate, the statistics of `prefix`, not their own."""
        own = self._by_prefix.get(prefix)
        if own is None:
            own = self._by_prefix[prefix] = [_untouched(norm) for norm in norms]
        before = [_statistics(norm) for norm in norms]
        try:
            for norm, values in zip(norms, own, strict=True):
                norm.running_mean, norm.running_var, norm.num_batches_tracked = values
            yield
        finally:
            for norm, values in zip(norms, before, strict=True):
                norm.running_mean, norm.running_var, norm.num_batches_tracked = values


def _statistics(norm: BatchNorm) -> tuple[Tensor, Tensor, Tensor]:
    assert norm.running_mean is not None
    assert norm.running_var is not None
    assert norm.num_batches_tracked is not None
    return norm.running_mean, norm.running_var, norm.num_batches_tracked


def _untouched(norm: BatchNorm) -> tuple[Tensor, Tensor, Tensor]:
    """Mean 0, variance 1, no batch; the count stays with the processor, which reads it for every batch."""
    mean, variance, _ = _statistics(norm)
    return torch.zeros_like(mean), torch.ones_like(variance), torch.zeros((), dtype=torch.long)


@contextmanager
def _estimating(network: nn.Module) -> Iterator[None]:
    """Inside the block batch norms normalise by the batch and average over batches, and nothing is dropped."""
    network.eval()
    norms = [m for m in network.modules() if isinstance(m, BatchNorm)]
    decay = [norm.momentum for norm in norms]
    try:
        for norm in norms:
            norm.train().momentum = None  # every batch counts the same
        yield
    finally:
        for norm, momentum in zip(norms, decay, strict=True):
            norm.eval().momentum = momentum


class Supernet(Network):
    """Shared weights of a space: ``supernet(x, architecture)`` -> logits (batch, n_tracks).

    Parameters
    ----------
    norms : whether the operations of a layer share the batch norm that follows the sum with the skip connections, as
        published, or have one each

    Raises
    ------
    SpaceError
        If the space is not one of layers.
    """

    def __init__(self, space: Space, n_tracks: int, length: int, n_symbols: int = 4, norms: Norms = "shared") -> None:
        if not isinstance(space, Space):
            raise SpaceError(
                f"supernet: found a {type(space).__name__}; weights are shared by layers, so that only a Space has "
                "them. Train candidates of other spaces alone: methods hierarchical, evolution and random."
            )
        last = space.layers - 1
        carried = [
            {j for j in range(STEM, r + 1) if j == r or any(j in space.skip_sources[i] for i in range(r + 1, last + 1))}
            for r in space.reduce
        ]
        super().__init__(
            space,
            operations=space.choices,
            sources=space.skip_sources,
            projected=carried,
            n_tracks=n_tracks,
            length=length,
            n_symbols=n_symbols,
            second_dropout=True,
        )
        if norms == "operation":
            # The first layer has no skip sum and so no norm after it.
            self.norms = nn.ModuleList(
                nn.ModuleDict({name: BatchNorm(norm.num_features) for name in cast(nn.ModuleDict, layer)})
                if isinstance(norm, BatchNorm)
                else norm
                for norm, layer in zip(self.norms, self.layers, strict=True)
            )

    def forward(self, x: Tensor, architecture: Architecture) -> Tensor:
        return self.path(x, architecture)

    def child(self, architecture: Architecture) -> Child:
        """The child model of `architecture` with a copy of its path's weights and statistics."""
        child = Child(self.space, architecture, self.n_tracks, self.length, self.n_symbols)
        mine, example = self.state_dict(), next(self.parameters())
        child.to(example.device, example.dtype)
        child.load_state_dict({name: mine[self._name_here(name, architecture)] for name in child.state_dict()})
        return child.train(self.training)

    def _name_here(self, name: str, architecture: Architecture) -> str:
        """What a value of a child is called in the supernet."""
        part, layer, *rest = name.split(".")
        if part == "norms" and isinstance(self.norms[int(layer)], nn.ModuleDict):
            return ".".join([part, layer, architecture.operations[int(layer)], *rest])
        return name

    @torch.no_grad()
    def recalibrate(self, batches: Iterable[Tensor], architectures: Sequence[Architecture]) -> PathStatistics:
        """Batch-norm statistics that each architecture has by itself, for `score_many` in evaluation mode.

        Mean and variance are averages over the batches, each of which runs through a path as in training, but without
        dropout. The supernet is left in evaluation mode, with its own statistics as they were.

        Parameters
        ----------
        batches : one-hot (batch, n_symbols, length) each

        References
        ----------
        Guo et al., Single path one-shot neural architecture search with uniform sampling, ECCV 2020.
        """
        statistics = PathStatistics()
        with _estimating(self):
            for x in batches:
                self.score_many(x, architectures, statistics)
        return statistics

    @torch.no_grad()
    def score_many(
        self, x: Tensor, architectures: Sequence[Architecture], statistics: PathStatistics | None = None
    ) -> Tensor:
        """Logits of many architectures on the same rows; what their prefixes share is computed once.

        Depth first over the tree of prefixes, so that the activations of one path are alive. Equal, bit for bit, to
        one call an architecture.

        Parameters
        ----------
        statistics : the batch norms use these in place of their running ones; see `recalibrate`

        Returns
        -------
        (n_architectures, batch, n_tracks)
        """
        logits: list[Tensor | None] = [None] * len(architectures)
        with self._own(statistics, (), self.stem):
            outputs = Outputs(self.stem_output(x))
        self._descend((), outputs, architectures, range(len(architectures)), statistics, logits)
        return torch.stack([row for row in logits if row is not None])

    @contextmanager
    def _own(self, statistics: PathStatistics | None, prefix: Prefix, *parts: nn.Module) -> Iterator[None]:
        """Inside the block the batch norms of `parts` have the statistics of `prefix`."""
        if statistics is None:
            yield
            return
        norms = [m for part in parts for m in part.modules() if isinstance(m, BatchNorm)]
        with statistics.put_into(norms, prefix):
            yield

    def _descend(
        self,
        prefix: Prefix,
        outputs: Outputs,
        architectures: Sequence[Architecture],
        members: Sequence[int],
        statistics: PathStatistics | None,
        logits: list[Tensor | None],
    ) -> None:
        layer = len(prefix)
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
            path = (*prefix, (name, sources))
            with self._own(statistics, path, cast(nn.ModuleDict, self.layers[layer])[name], self.norm(layer, name)):
                outputs.push(self.space.stage(layer), self.layer_output(layer, name, sources, outputs))
            self._descend(path, outputs, architectures, inside, statistics, logits)
            outputs.pop()
