"""A genotype: one point of the hierarchical search space."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ambergen.errors import SpaceError
from ambergen.spaces.assembly import Edge, Levels, Program, assemble, count_nodes
from ambergen.spaces.plain import read_point


@dataclass(frozen=True)
class Genotype:
    """Motifs of motifs, and on top the cell that they make up.

    levels : level 2, level 3, ...: a tuple of motifs each, the last with one motif alone, the cell. A motif has an
        entry for every pair of nodes (0, 1), (0, 2), (1, 2), (0, 3), ...: None, or what the edge does to the output of
        the first node on its way to the second. That is an operation's name at level 2, and above it the number of a
        motif of the level below
    """

    levels: Levels

    def __post_init__(self) -> None:
        if not self.levels or len(self.levels[-1]) != 1:
            found = [len(level) for level in self.levels]
            raise SpaceError(f"genotype: its levels have {found} motifs; expected a single one, the cell, in the last.")
        for number, level in enumerate(self.levels):
            for place, motif in enumerate(level):
                where = f"genotype: level {number + 2}, motif {place}"
                if count_nodes(len(motif)) is None:
                    raise SpaceError(
                        f"{where} has {len(motif)} edges; expected one for each pair of its nodes: 1 of 2 nodes, 3 of "
                        "3, 6 of 4, 10 of 5, and so on."
                    )
                for edge in motif:
                    _check_edge(edge, where, len(self.levels[number - 1]) if number else None)

    @property
    def cell(self) -> tuple[Edge, ...]:
        return self.levels[-1][0]

    @cached_property
    def program(self) -> Program:
        """The cell, assembled and simplified, in an order that depends on the resulting graph alone."""
        return assemble(self.levels)

    @cached_property
    def id(self) -> str:
        """Ten hexadecimal digits that depend on the assembled network alone.

        Genotypes share them that differ in what their motifs are called or numbered, in motifs that are not used, or in
        edges that lie on no path from the input to the output.
        """
        return hashlib.sha256(json.dumps(self.program, separators=(",", ":")).encode()).hexdigest()[:10]

    def to_dict(self) -> dict[str, Any]:
        return {"levels": [[list(motif) for motif in level] for level in self.levels]}

    def to_json(self) -> str:
        return json.dumps(self.to_dict(), separators=(",", ":"))

    @classmethod
    def from_json(cls, source: str | dict[str, Any]) -> Genotype:
        """From the text or the dictionary that `to_json` and `to_dict` give.

        Raises
        ------
        SpaceError
            If it is not such a text.
        """

        def build(record: dict[str, Any]) -> Genotype:
            return cls(tuple(tuple(map(tuple, level)) for level in record["levels"]))

        return read_point(source, "genotype", build, '{"levels": [[["conv8"], ["identity"]], [[0, null, 1]]]}')


def _check_edge(edge: object, where: str, n_below: int | None) -> None:
    """Raise SpaceError unless the edge holds None, an operation's name, or one of `n_below` motifs."""
    if edge is None or (n_below is None and isinstance(edge, str)):
        return
    if n_below is not None and isinstance(edge, int) and not isinstance(edge, bool) and 0 <= edge < n_below:
        return
    wanted = "the name of an operation" if n_below is None else f"the number of a motif from 0 to {n_below - 1}"
    raise SpaceError(f"{where} has an edge {edge!r}; expected null or {wanted}.")
