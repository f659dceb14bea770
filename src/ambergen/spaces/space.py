"""The macro search space: layers x candidate operations x skip connections."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from difflib import get_close_matches
from functools import cached_property
from typing import Any, Literal

import numpy as np

from ambergen.errors import SpaceError
from ambergen.spaces.architecture import Architecture
from ambergen.spaces.base import another, crossed
from ambergen.spaces.operations import AMBER_OPERATIONS, operation

Skips = Literal["all", "stage", "none"]
Head = Literal["flatten", "gap"]


@dataclass(frozen=True)
class Space:
    """Every network of `layers` layers that take one of `operations` each, with skip connections.

    The defaults are the published space of AMBER-Seq (Zhang et al., Nature Machine Intelligence 3, 392-400, 2021).

    width : channels of the first stage
    reduce : layers after which the length is divided by four and the width doubled
    skips : sources of a layer's skip connections: all earlier layers, those of its own stage, or none
    skip_density : share of skip connections that a sampled architecture has
    pool_first : pool before the width change (False is the published order)
    head : flatten all positions, or average over them (global average pooling)
    hidden : units of the dense layer before the output
    stem_kernel : taps of the first convolution
    dropout : share of values dropped after every layer
    head_dropout : share of values dropped before the dense layer
    """

    layers: int = 12
    operations: tuple[str, ...] = tuple(o.name for o in AMBER_OPERATIONS)
    width: int = 32
    reduce: tuple[int, ...] = (2, 5, 8)
    skips: Skips = "all"
    skip_density: float = 0.4
    pool_first: bool = False
    head: Head = "flatten"
    hidden: int = 925
    stem_kernel: int = 8
    dropout: float = 0.1
    head_dropout: float = 0.1

    def __post_init__(self) -> None:
        for name in ("layers", "width", "hidden", "stem_kernel"):
            if getattr(self, name) < 1:
                raise SpaceError(f"space: {name} is {getattr(self, name)}; expected at least 1.")
        for name in ("dropout", "head_dropout", "skip_density"):
            if not 0 <= getattr(self, name) < 1:
                raise SpaceError(f"space: {name} is {getattr(self, name)}; expected a share from 0 to below 1.")
        if not self.operations or len(set(self.operations)) != len(self.operations):
            raise SpaceError(f"space: operations are {list(self.operations)}; expected at least one, each once.")
        for name in self.operations:
            operation(name)
        if list(self.reduce) != sorted(set(self.reduce)) or any(not 0 <= r < self.layers - 1 for r in self.reduce):
            raise SpaceError(
                f"space: reduce is {list(self.reduce)}; expected ascending, distinct layers from 0 to "
                f"{self.layers - 2} (the last of {self.layers} layers cannot be followed by a reduction)."
            )
        for name, allowed in (("skips", ("all", "stage", "none")), ("head", ("flatten", "gap"))):
            if getattr(self, name) not in allowed:
                raise SpaceError(f"space: {name} is {getattr(self, name)!r}; expected one of {', '.join(allowed)}.")

    # ---- shape

    @property
    def n_stages(self) -> int:
        return len(self.reduce) + 1

    def stage(self, layer: int) -> int:
        """Stage of a layer: how many reductions come before it."""
        return sum(r < layer for r in self.reduce)

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels by stage."""
        return tuple(self.width * 2**s for s in range(self.n_stages))

    def lengths(self, length: int) -> tuple[int, ...]:
        """Positions by stage for windows of `length`; SAME padding rounds up."""
        out = [length]
        for _ in self.reduce:
            out.append(-(-out[-1] // 4))
        return tuple(out)

    @cached_property
    def skip_sources(self) -> tuple[tuple[int, ...], ...]:
        """For every layer the earlier layers that it may add."""
        if self.skips == "none":
            return ((),) * self.layers
        return tuple(
            tuple(j for j in range(i) if self.skips == "all" or self.stage(j) == self.stage(i))
            for i in range(self.layers)
        )

    @property
    def n_skips(self) -> int:
        """Possible skip connections."""
        return sum(map(len, self.skip_sources))

    @property
    def n_tokens(self) -> int:
        return self.layers + self.n_skips

    @property
    def size(self) -> int:
        """Number of architectures, exactly."""
        return len(self.operations) ** self.layers * 2**self.n_skips

    # ---- tokens

    def encode(self, architecture: Architecture) -> tuple[int, ...]:
        """Architecture -> controller decisions [op0, op1, s10, op2, s20, s21, ...].

        Raises
        ------
        SpaceError
            If the architecture lies outside the space.
        """
        self.check(architecture)
        tokens: list[int] = []
        for name, chosen, allowed in zip(architecture.operations, architecture.skips, self.skip_sources, strict=True):
            tokens.append(self.operations.index(name))
            tokens.extend(int(j in chosen) for j in allowed)
        return tuple(tokens)

    def decode(self, tokens: Sequence[int]) -> Architecture:
        """Controller decisions -> architecture.

        Raises
        ------
        SpaceError
            If there are not `n_tokens` of them, or one is out of range.
        """
        if len(tokens) != self.n_tokens:
            raise SpaceError(f"tokens: found {len(tokens)}; this space has {self.n_tokens} tokens an architecture.")
        operations: list[str] = []
        skips: list[tuple[int, ...]] = []
        at = 0
        for allowed in self.skip_sources:
            token, bits = int(tokens[at]), tokens[at + 1 : at + 1 + len(allowed)]
            if not 0 <= token < len(self.operations) or any(int(b) not in (0, 1) for b in bits):
                raise SpaceError(
                    f"tokens: layer {len(operations)} has operation {token} and skip bits {list(map(int, bits))}; "
                    f"expected an operation from 0 to {len(self.operations) - 1} and bits 0 or 1."
                )
            operations.append(self.operations[token])
            skips.append(tuple(j for j, bit in zip(allowed, bits, strict=True) if int(bit)))
            at += 1 + len(allowed)
        return Architecture(tuple(operations), tuple(skips))

    @cached_property
    def gene_sizes(self) -> tuple[int, ...]:
        """For every token the number of its values."""
        sizes: list[int] = []
        for sources in self.skip_sources:
            sizes += [len(self.operations), *[2] * len(sources)]
        return tuple(sizes)

    @cached_property
    def _operation_genes(self) -> tuple[int, ...]:
        """Places of the operations among the tokens."""
        return tuple(layer + sum(map(len, self.skip_sources[:layer])) for layer in range(self.layers))

    @cached_property
    def _skip_genes(self) -> tuple[int, ...]:
        return tuple(gene for gene in range(self.n_tokens) if gene not in self._operation_genes)

    @cached_property
    def _changeable_operations(self) -> tuple[int, ...]:
        return tuple(gene for gene in self._operation_genes if self.gene_sizes[gene] > 1)

    def genes(self, architecture: Architecture) -> tuple[int, ...]:
        """The tokens of an architecture, by the name that all spaces have for them; see `encode`."""
        return self.encode(architecture)

    def from_genes(self, genes: Sequence[int]) -> Architecture:
        """The architecture of these tokens; see `decode`."""
        return self.decode(genes)

    def check(self, architecture: Architecture) -> None:
        """Raise SpaceError unless the architecture is a point of this space."""
        if len(architecture.operations) != self.layers:
            raise SpaceError(
                f"architecture {architecture.id}: {len(architecture.operations)} layers; this space has {self.layers}."
            )
        for layer, (name, chosen) in enumerate(zip(architecture.operations, architecture.skips, strict=True)):
            if name not in self.operations:
                raise SpaceError(
                    f"architecture {architecture.id}: layer {layer} is {name!r}; this space has "
                    f"{', '.join(self.operations)}."
                )
            outside = set(chosen) - set(self.skip_sources[layer])
            if outside:
                raise SpaceError(
                    f"architecture {architecture.id}: layer {layer} has a skip connection from layer {min(outside)}; "
                    f"this space (skips: {self.skips}) allows {list(self.skip_sources[layer]) or 'none'}."
                )

    # ---- draws

    def sample(self, rng: np.random.Generator) -> Architecture:
        """A draw as AMBER-Base makes it: uniform operations and exactly ``int(skip_density * n_skips)`` skips."""
        operations = tuple(self.operations[k] for k in rng.integers(len(self.operations), size=self.layers))
        pairs = [(i, j) for i, allowed in enumerate(self.skip_sources) for j in allowed]
        n_chosen = int(self.skip_density * len(pairs))
        chosen: list[int] = rng.choice(len(pairs), size=n_chosen, replace=False).tolist() if pairs else []
        sources: list[list[int]] = [[] for _ in range(self.layers)]
        for index in sorted(chosen):
            sources[pairs[index][0]].append(pairs[index][1])
        return Architecture(operations, tuple(map(tuple, sources)))

    def mutate(self, architecture: Architecture, rng: np.random.Generator) -> Architecture:
        """One operation becomes a different one, or one skip connection is flipped; a fair coin decides which.

        Where only one of the two is possible it is done. Within its kind every gene is as likely as any other.

        Raises
        ------
        SpaceError
            If the architecture lies outside the space, or the space has no other.

        References
        ----------
        Real et al., Regularized evolution for image classifier architecture search, AAAI 2019, for the coin and for
        single changes; their third choice, to change nothing, is left out.
        """
        genes, sizes = list(self.encode(architecture)), self.gene_sizes
        places = [p for p in (self._changeable_operations, self._skip_genes) if p]
        if not places:
            raise SpaceError("space: its only architecture cannot be mutated; expected a choice in at least one layer.")
        among = places[int(rng.integers(len(places)))]
        gene = among[int(rng.integers(len(among)))]
        genes[gene] = another(genes[gene], sizes[gene], rng)
        return self.decode(genes)

    def crossover(self, first: Architecture, second: Architecture, rng: np.random.Generator) -> Architecture:
        """Each operation and each skip connection from either parent by a fair coin."""
        return self.decode(crossed(self.encode(first), self.encode(second), rng))

    # ---- text

    def read(self, record: str | dict[str, Any]) -> Architecture:
        """The architecture of this space that `Architecture.to_json` or `to_dict` wrote.

        Raises
        ------
        SpaceError
            If it is not one, or lies outside the space.
        """
        architecture = Architecture.from_json(record)
        self.check(architecture)
        return architecture

    def to_dict(self) -> dict[str, Any]:
        record = asdict(self)
        return {k: list(v) if isinstance(v, tuple) else v for k, v in record.items()}

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> Space:
        """The space that `to_dict` wrote.

        Raises
        ------
        SpaceError
            If a key is unknown or a value impossible.
        """
        known = {f.name for f in fields(cls)}
        for key in record:
            if key not in known:
                near = get_close_matches(key, known, n=1)
                raise SpaceError(
                    f"space: unknown key {key!r}."
                    + (f" Did you mean {near[0]!r}?" if near else f" Known: {sorted(known)}")
                )
        values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in record.items()}
        return cls(**values)
