"""What every search space promises, so that strategies and evaluators need not know which one they search."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np


@runtime_checkable
class Candidate(Hashable, Protocol):
    """One point of a search space: frozen, hashable, and text that any process reads back."""

    @property
    def id(self) -> str:
        """Ten hexadecimal digits; candidates of one space that build the same network share them."""

    def to_dict(self) -> dict[str, Any]:
        """Plain data that the space's `read` takes."""

    def to_json(self) -> str:
        """`to_dict` as text."""


@runtime_checkable
class SearchSpace(Protocol):
    """A finite set of candidates, each a list of genes with a few values each.

    Parameters are `Any`, as a space takes only candidates of its own kind: `check` is where others are refused.
    """

    @property
    def size(self) -> int:
        """Number of candidates, exactly."""

    @property
    def gene_sizes(self) -> tuple[int, ...]:
        """For every gene the number of its values, which are 0, 1, ..."""

    def genes(self, candidate: Any, /) -> tuple[int, ...]:
        """The values of a candidate's genes.

        Raises
        ------
        SpaceError
            If the candidate lies outside the space.
        """

    def from_genes(self, genes: Sequence[int], /) -> Candidate:
        """The candidate of these values.

        Raises
        ------
        SpaceError
            If there are too many, too few, or one is out of range.
        """

    def check(self, candidate: Any, /) -> None:
        """Raise SpaceError unless the candidate is a point of this space."""

    def sample(self, rng: np.random.Generator, /) -> Candidate:
        """A draw as the space's publication makes it."""

    def mutate(self, candidate: Any, rng: np.random.Generator, /) -> Candidate:
        """A candidate with one gene changed, never the same one; all genes and values can be reached.

        Raises
        ------
        SpaceError
            If the space has a single candidate, or this one lies outside.
        """

    def crossover(self, first: Any, second: Any, rng: np.random.Generator, /) -> Candidate:
        """A candidate with each gene from either parent by a fair coin."""

    def read(self, record: str | dict[str, Any], /) -> Candidate:
        """The candidate that `to_json` or `to_dict` wrote.

        Raises
        ------
        SpaceError
            If it is not one, or lies outside the space.
        """

    def to_dict(self) -> dict[str, Any]:
        """Plain data that `space_from_dict` reads back; a space other than the macro one has the key ``kind``."""


def crossed(first: Sequence[int], second: Sequence[int], rng: np.random.Generator) -> tuple[int, ...]:
    """Genes from either parent by a fair coin."""
    coins = rng.integers(2, size=len(first)).tolist()
    return tuple(b if coin else a for a, b, coin in zip(first, second, coins, strict=True))


def another(value: int, n: int, rng: np.random.Generator) -> int:
    """A uniform draw from the values below `n` other than `value`, as drawing until it differs would give it."""
    drawn = int(rng.integers(n - 1))
    return drawn + (drawn >= value)
