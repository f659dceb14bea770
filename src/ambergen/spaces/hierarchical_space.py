"""The hierarchical search space: motifs of operations, motifs of motifs, and a cell that a fixed template repeats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any, Literal

import numpy as np

from ambergen.errors import SpaceError
from ambergen.own_code import absolute
from ambergen.spaces.assembly import IDENTITY, Edge
from ambergen.spaces.base import another, crossed
from ambergen.spaces.genotype import Genotype
from ambergen.spaces.operations import AMBER_OPERATIONS, known, operation
from ambergen.spaces.plain import check_numbers, check_words, from_plain, stage_lengths, stage_widths, to_plain
from ambergen.spaces.plugins import load_plugins
from ambergen.spaces.space import Head

Merge = Literal["concat", "add"]


@dataclass(frozen=True)
class HierarchicalSpace:
    """Every cell that motifs of motifs can make, in a network of `stages` stages of `cells` equal cells.

    The stem and the reductions between stages (width doubled, length divided by four) are those of the macro space. A
    motif is an acyclic graph: the edge between nodes i < j holds something of the level below, or none.

    operations : level 1, which the edges of level 2 can hold; `identity` has to be among them
    motifs : number of motifs at level 2, 3, ...; the cell is the level above
    nodes : nodes of a motif at level 2, 3, ...; the last number is the cell's
    mutations : random changes that make a sampled genotype out of one whose edges all are identity
    merge : how a node joins several inputs: concat (then a 1 x 1 convolution to one width, batch norm, ReLU), or add
        (then batch norm)
    width : channels of the first stage
    stages : stages, with a reduction between two of them
    cells : cells of a stage
    pool_first : pool before the width change (False is the order of the macro space)
    head : flatten all positions, or average over them (global average pooling)
    hidden : units of the dense layer before the output
    stem_kernel : taps of the first convolution
    dropout : share of values dropped after every cell
    head_dropout : share of values dropped before the dense layer
    plugins : modules, or files ending in .py, that register operations; imported where an operation is not known yet

    Notes
    -----
    Sequences have one dimension, so the published operations give way to the seven of AMBER-Seq and a separable
    convolution, and reductions are those of AMBER-Seq. A cell without a path from its input to its output is the
    identity, so that every genotype is a network. Above level 2 no motif is the identity by itself: there the start has
    motif 0 on all edges, and all motifs are equal.

    References
    ----------
    Liu et al., Hierarchical representations for efficient architecture search, ICLR 2018.
    """

    operations: tuple[str, ...] = (*(o.name for o in AMBER_OPERATIONS), "separable8")
    motifs: tuple[int, ...] = (6,)
    nodes: tuple[int, ...] = (4, 5)
    mutations: int = 1000
    merge: Merge = "concat"
    width: int = 32
    stages: int = 3
    cells: int = 1
    pool_first: bool = False
    head: Head = "flatten"
    hidden: int = 925
    stem_kernel: int = 8
    dropout: float = 0.1
    head_dropout: float = 0.1
    plugins: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "plugins", tuple(map(absolute, self.plugins)))
        check_numbers(self, ("width", "stages", "cells", "hidden", "stem_kernel"), ("dropout", "head_dropout"))
        check_words(self, {"merge": ("concat", "add"), "head": ("flatten", "gap")})
        if self.mutations < 0:
            raise SpaceError(f"space: mutations is {self.mutations}; expected at least 0.")
        if any(n < 1 for n in self.motifs):
            raise SpaceError(f"space: motifs is {list(self.motifs)}; expected at least one motif a level.")
        if len(self.nodes) != len(self.motifs) + 1 or any(n < 2 for n in self.nodes):
            raise SpaceError(
                f"space: nodes is {list(self.nodes)}; expected {len(self.motifs) + 1} numbers of at least 2: one for "
                f"each level of `motifs` ({list(self.motifs)}), and one for the cell."
            )
        if len(set(self.operations)) != len(self.operations) or IDENTITY not in self.operations:
            raise SpaceError(
                f"space: operations are {list(self.operations)}; expected each once, and {IDENTITY} among them: a "
                "genotype starts with it on all edges."
            )
        if not known(self.operations):
            load_plugins(self.plugins)
        for name in self.operations:
            operation(name)

    # ---- shape

    @property
    def n_stages(self) -> int:
        return self.stages

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels by stage."""
        return stage_widths(self.width, self.stages)

    def lengths(self, length: int) -> tuple[int, ...]:
        """Positions by stage for windows of `length`."""
        return stage_lengths(length, self.stages)

    @cached_property
    def _motifs(self) -> tuple[int, ...]:
        """Motifs by level from 2 on, the cell included."""
        return (*self.motifs, 1)

    @cached_property
    def _edges(self) -> tuple[int, ...]:
        """Edges of a motif by level from 2 on."""
        return tuple(n * (n - 1) // 2 for n in self.nodes)

    @cached_property
    def _values(self) -> tuple[tuple[Edge, ...], ...]:
        """By level from 2 on what an edge can hold, none first; a gene is a place in this list."""
        return ((None, *self.operations), *((None, *range(n)) for n in self.motifs))

    @cached_property
    def _genes_of_level(self) -> tuple[range, ...]:
        """By level from 2 on the places of its genes: motif by motif, edge by edge."""
        ends = np.cumsum([m * e for m, e in zip(self._motifs, self._edges, strict=True)]).tolist()
        return tuple(range(end - m * e, end) for end, m, e in zip(ends, self._motifs, self._edges, strict=True))

    @cached_property
    def gene_sizes(self) -> tuple[int, ...]:
        """For every edge the number of its values."""
        return tuple(
            len(values) for values, genes in zip(self._values, self._genes_of_level, strict=True) for _ in genes
        )

    @property
    def size(self) -> int:
        """Number of genotypes, exactly; the networks are fewer, as several genotypes may give the same one."""
        return prod(self.gene_sizes)

    # ---- genes

    def genes(self, genotype: Genotype) -> tuple[int, ...]:
        """Edges as numbers: 0 for none, k for the k-th operation or motif of the level below.

        Level 2 comes first, motif by motif, then level 3 and so on; the cell is last.

        Raises
        ------
        SpaceError
            If the genotype lies outside the space.
        """
        self.check(genotype)
        return tuple(
            values.index(edge)
            for values, level in zip(self._values, genotype.levels, strict=True)
            for motif in level
            for edge in motif
        )

    def from_genes(self, genes: Sequence[int]) -> Genotype:
        """The genotype of these edges; see `genes`.

        Raises
        ------
        SpaceError
            If there are too many, too few, or one is out of range.
        """
        if len(genes) != len(self.gene_sizes):
            raise SpaceError(f"genes: found {len(genes)}; this space has {len(self.gene_sizes)} genes a genotype.")
        for place, (gene, n) in enumerate(zip(genes, self.gene_sizes, strict=True)):
            if not 0 <= gene < n:
                raise SpaceError(f"genes: gene {place} is {gene}; expected a number from 0 to {n - 1}.")
        levels = []
        for values, places, n_edges in zip(self._values, self._genes_of_level, self._edges, strict=True):
            held = [values[genes[place]] for place in places]
            levels.append(tuple(tuple(held[at : at + n_edges]) for at in range(0, len(held), n_edges)))
        return Genotype(tuple(levels))

    def check(self, genotype: Genotype) -> None:
        """Raise SpaceError unless the genotype is a point of this space."""
        if not isinstance(genotype, Genotype):
            raise SpaceError(
                f"space: found {type(genotype).__name__}; expected a genotype, since the space is hierarchical."
            )
        shape = [(len(level), {len(motif) for motif in level}) for level in genotype.levels]
        if shape != [(m, {e}) for m, e in zip(self._motifs, self._edges, strict=True)]:
            found = [len(level) for level in genotype.levels]
            raise SpaceError(
                f"genotype {genotype.id}: its levels have {found} motifs with {[sorted(e) for _, e in shape]} edges; "
                f"this space has {list(self._motifs)} with {[[e] for e in self._edges]}."
            )
        foreign = {edge for motif in genotype.levels[0] for edge in motif} - set(self._values[0])
        if foreign:
            raise SpaceError(
                f"genotype {genotype.id}: an edge of level 2 holds {min(map(str, foreign))!r}; this space has "
                f"{', '.join(self.operations)}, or null."
            )

    # ---- draws

    def sample(self, rng: np.random.Generator) -> Genotype:
        """`mutations` times `mutate`, starting from identity on all edges."""
        sizes = np.array(self.gene_sizes)
        values = np.ones(len(sizes), dtype=np.int64)
        values[list(self._genes_of_level[0])] = self._values[0].index(IDENTITY)
        levels = rng.integers(len(self._genes_of_level), size=self.mutations)
        first, n = np.array([(genes.start, len(genes)) for genes in self._genes_of_level])[levels].T
        changed = first + rng.integers(n)
        # A change to another value, uniform among them, is a step by 1 to n - 1 around the circle of values.
        np.add.at(values, changed, 1 + rng.integers(sizes[changed] - 1))
        return self.from_genes((values % sizes).tolist())

    def mutate(self, genotype: Genotype, rng: np.random.Generator) -> Genotype:
        """One edge of one motif comes to hold something else: another operation or motif of the level below, or none.

        The level, the motif and the pair of nodes are uniform. So is what the edge holds afterwards, among all that it
        did not hold: the published draw may repeat the old value, here it is redrawn until it differs.

        Raises
        ------
        SpaceError
            If the genotype lies outside the space.
        """
        genes = list(self.genes(genotype))
        among = self._genes_of_level[int(rng.integers(len(self._genes_of_level)))]
        gene = among[int(rng.integers(len(among)))]
        genes[gene] = another(genes[gene], self.gene_sizes[gene], rng)
        return self.from_genes(genes)

    def crossover(self, first: Genotype, second: Genotype, rng: np.random.Generator) -> Genotype:
        """Each edge from either parent by a fair coin."""
        return self.from_genes(crossed(self.genes(first), self.genes(second), rng))

    # ---- text

    def read(self, record: str | dict[str, Any]) -> Genotype:
        """The genotype of this space that `Genotype.to_json` or `to_dict` wrote.

        Raises
        ------
        SpaceError
            If it is not one, or lies outside the space.
        """
        genotype = Genotype.from_json(record)
        self.check(genotype)
        return genotype

    def to_dict(self) -> dict[str, Any]:
        """Plain data; `plugins` stands there where not empty."""
        return {"kind": "hierarchical", **to_plain(self)}

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> HierarchicalSpace:
        """The space that `to_dict` wrote.

        Raises
        ------
        SpaceError
            If a key is unknown or a value impossible.
        """
        return from_plain(cls, record)
