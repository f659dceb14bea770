"""The macro search space: layers x candidate operations x skip connections."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any, Literal

import numpy as np

from ambergen.errors import SpaceError
from ambergen.own_code import absolute
from ambergen.spaces.architecture import STEM, Architecture
from ambergen.spaces.base import another, crossed
from ambergen.spaces.operations import AMBER_OPERATIONS, known, operation
from ambergen.spaces.plain import check_numbers, check_words, from_plain, stage_lengths, stage_widths, to_plain
from ambergen.spaces.plugins import load_plugins

Skips = Literal["all", "stage", "none"]
Head = Literal["flatten", "gap"]
Sources = Literal["amber", "enas"]
Combine = Literal["add", "concat1x1"]

_UNSAID = {"sources": "amber", "combine": "add"}
"""Values that `Space.to_dict` leaves out: spaces were stored before these keys were known."""


@dataclass(frozen=True)
class Space:
    """Every network of `layers` layers that take one of `operations` each, with skip connections.

    The defaults are the published space of AMBER-Seq (Zhang et al., Nature Machine Intelligence 3, 392-400, 2021). The
    skip connections of ENAS (Pham et al., ICML 2018) are ``sources="enas"``: its search adds them, and its fixed final
    network has ``combine="concat1x1"``. Here one space has one network for both; see docs/methods.md.

    operations : what a layer can be; lists given for every layer go to `layer_operations`, and this names all of theirs
    layer_operations : what each layer can be; None where every layer has all `operations`
    plugins : modules, or files ending in .py, that register operations; imported where an operation is not known yet
    sources : where a layer's list of sources begins and ends: from the first layer to the one just before it (amber),
        or one place earlier, from the stem to the one before that (enas)
    combine : an operation and its skip connections are added, or concatenated, rectified and brought back to the width
        by a 1 x 1 convolution
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
    layer_operations: tuple[tuple[str, ...], ...] | None = None
    plugins: tuple[str, ...] = ()
    sources: Sources = "amber"
    combine: Combine = "add"

    def __post_init__(self) -> None:
        self._settle_operations()
        check_numbers(self, ("layers", "width", "hidden", "stem_kernel"), ("dropout", "head_dropout", "skip_density"))
        self._check_operations()
        if list(self.reduce) != sorted(set(self.reduce)) or any(not 0 <= r < self.layers - 1 for r in self.reduce):
            raise SpaceError(
                f"space: reduce is {list(self.reduce)}; expected ascending, distinct layers from 0 to "
                f"{self.layers - 2} (the last of {self.layers} layers cannot be followed by a reduction)."
            )
        check_words(self, {"skips": ("all", "stage", "none"), "head": ("flatten", "gap")})
        check_words(self, {"sources": ("amber", "enas"), "combine": ("add", "concat1x1")})

    def _settle_operations(self) -> None:
        """One form for every way to say the same: lists a layer only where they differ, plugins by absolute path."""
        lists: Any = self.layer_operations
        if self.operations and not all(isinstance(o, str) for o in self.operations):
            lists = self.operations
        if lists is not None and not any(isinstance(names, str) for names in lists):
            lists = tuple(map(tuple, lists))
            object.__setattr__(self, "operations", tuple(dict.fromkeys(name for names in lists for name in names)))
            if len(lists) == self.layers and len(set(lists)) == 1:
                object.__setattr__(self, "operations", lists[0])
                lists = None
        object.__setattr__(self, "layer_operations", lists)
        object.__setattr__(self, "plugins", tuple(map(absolute, self.plugins)))

    def _check_operations(self) -> None:
        if self.layer_operations is not None and len(self.layer_operations) != self.layers:
            raise SpaceError(
                f"space: operations are {len(self.layer_operations)} lists; expected one for each of the "
                f"{self.layers} layers, or a single list of names for all of them."
            )
        for layer, names in enumerate(self.layer_operations or [self.operations]):
            if isinstance(names, str) or not names or len(set(names)) != len(names):
                where = f" of layer {layer}" if self.layer_operations is not None else ""
                found = repr(names) if isinstance(names, str) else list(names)
                raise SpaceError(f"space: operations{where} are {found}; expected at least one, each once.")
        if not known(self.operations):
            load_plugins(self.plugins)
        for name in self.operations:
            operation(name)

    # ---- shape

    @cached_property
    def choices(self) -> tuple[tuple[str, ...], ...]:
        """For every layer the operations that it can be."""
        return self.layer_operations or (self.operations,) * self.layers

    @property
    def n_stages(self) -> int:
        return len(self.reduce) + 1

    def stage(self, layer: int) -> int:
        """Stage of a layer, or of the stem: how many reductions come before it."""
        return sum(r < layer for r in self.reduce)

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels by stage."""
        return stage_widths(self.width, self.n_stages)

    def lengths(self, length: int) -> tuple[int, ...]:
        """Positions by stage for windows of `length`."""
        return stage_lengths(length, self.n_stages)

    @cached_property
    def skip_sources(self) -> tuple[tuple[int, ...], ...]:
        """For every layer the earlier layers, and `STEM`, that it may take besides the one just before it.

        Notes
        -----
        With sources "enas" every list is that of "amber" one place earlier, so that layer i has i sources in both, and
        as many within a stage: there the list begins with what enters the stage, which is the stem or the last layer
        of the stage before, whose output the reduction carries over in any case.
        """
        if self.skips == "none":
            return ((),) * self.layers
        earlier = 1 if self.sources == "enas" else 0
        firsts = (self._first_source(layer) for layer in range(self.layers))
        return tuple(tuple(range(first - earlier, layer - earlier)) for layer, first in enumerate(firsts))

    def _first_source(self, layer: int) -> int:
        """The first layer of all, or of the layer's stage."""
        return max((r + 1 for r in self.reduce if r < layer and self.skips == "stage"), default=0)

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
        return prod(map(len, self.choices)) * 2**self.n_skips

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
        for layer, allowed in enumerate(self.skip_sources):
            tokens.append(self.choices[layer].index(architecture.operations[layer]))
            tokens.extend(int(j in architecture.skips[layer]) for j in allowed)
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
        for names, allowed in zip(self.choices, self.skip_sources, strict=True):
            token, bits = int(tokens[at]), tokens[at + 1 : at + 1 + len(allowed)]
            if not 0 <= token < len(names) or any(int(b) not in (0, 1) for b in bits):
                raise SpaceError(
                    f"tokens: layer {len(operations)} has operation {token} and skip bits {list(map(int, bits))}; "
                    f"expected an operation from 0 to {len(names) - 1} and bits 0 or 1."
                )
            operations.append(names[token])
            skips.append(tuple(j for j, bit in zip(allowed, bits, strict=True) if int(bit)))
            at += 1 + len(allowed)
        return Architecture(tuple(operations), tuple(skips))

    @cached_property
    def gene_sizes(self) -> tuple[int, ...]:
        """For every token the number of its values."""
        sizes: list[int] = []
        for names, sources in zip(self.choices, self.skip_sources, strict=True):
            sizes += [len(names), *[2] * len(sources)]
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
        if not isinstance(architecture, Architecture):
            raise SpaceError(
                f"space: found {type(architecture).__name__}; expected an architecture of layers, as this space has."
            )
        if len(architecture.operations) != self.layers:
            raise SpaceError(
                f"architecture {architecture.id}: {len(architecture.operations)} layers; this space has {self.layers}."
            )
        for layer, (name, chosen) in enumerate(zip(architecture.operations, architecture.skips, strict=True)):
            if name not in self.choices[layer]:
                raise SpaceError(
                    f"architecture {architecture.id}: layer {layer} is {name!r}; this space has "
                    f"{', '.join(self.choices[layer])}" + (" there." if self.layer_operations else ".")
                )
            outside = set(chosen) - set(self.skip_sources[layer])
            if outside:
                source, allowed = min(outside), self.skip_sources[layer]
                enas = ", sources: enas" if self.sources == "enas" else ""
                raise SpaceError(
                    f"architecture {architecture.id}: layer {layer} has a skip connection from "
                    f"{'the stem (-1)' if source == STEM else f'layer {source}'}; this space "
                    f"(skips: {self.skips}{enas}) allows {list(allowed) or 'none'}"
                    f"{', of which -1 is the stem' if STEM in allowed else ''}."
                )

    # ---- draws

    def sample(self, rng: np.random.Generator) -> Architecture:
        """A draw as AMBER-Base makes it: uniform operations and exactly ``int(skip_density * n_skips)`` skips."""
        high = len(self.operations) if self.layer_operations is None else list(map(len, self.layer_operations))
        drawn = rng.integers(high, size=self.layers)
        operations = tuple(names[k] for names, k in zip(self.choices, drawn.tolist(), strict=True))
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
        """Plain data; `operations` is one list a layer where they differ.

        `plugins` stands there where not empty, `sources` and `combine` where they are not the published ones.
        """
        record = {key: value for key, value in to_plain(self).items() if (key, value) not in _UNSAID.items()}
        lists = record.pop("layer_operations")
        return record if lists is None else record | {"operations": lists}

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> Space:
        """The space that `to_dict` wrote.

        Raises
        ------
        SpaceError
            If a key is unknown or a value impossible.
        """
        return from_plain(cls, record)
