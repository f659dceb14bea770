"""Draws that have not been asked for before, where each is trained alone and a second time is a waste."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from itertools import chain, repeat

import numpy as np

from ambergen.spaces.base import Candidate, SearchSpace

REDRAWS = 16
"""Draws of one kind before another kind is tried."""

MOST_ENUMERATED = 2**16
"""Spaces up to this size are looked through to the last candidate."""


def novel(
    space: SearchSpace, known: Collection[str], draws: Iterable[Candidate], rng: np.random.Generator
) -> Candidate:
    """The first of `draws`, and else of the whole space, whose identifier is not known.

    In spaces up to `MOST_ENUMERATED` one is found where there is one. Once all are known, the first draw is returned.

    Parameters
    ----------
    known : identifiers of candidates of this space
    draws : at least one, in the order in which they are wanted; taken one by one
    """
    draws = iter(draws)
    first = next(draws)
    if len(known) >= space.size:
        return first
    candidates = chain([first], draws, sampled(space, rng), enumerated(space, rng))
    return next((c for c in candidates if c.id not in known), first)


def mutated(space: SearchSpace, parent: Candidate, rng: np.random.Generator) -> Iterator[Candidate]:
    """Mutations of `parent`; after `REDRAWS` of them mutations of mutations, ever further away."""
    if space.size == 1:
        yield parent
        return
    for _ in range(REDRAWS):
        yield space.mutate(parent, rng)
    child = space.mutate(parent, rng)
    for _ in range(REDRAWS):
        child = space.mutate(child, rng)
        yield child


def sampled(space: SearchSpace, rng: np.random.Generator) -> Iterator[Candidate]:
    """`REDRAWS` random candidates."""
    return redrawn(lambda: space.sample(rng))


def redrawn(draw: Callable[[], Candidate]) -> Iterator[Candidate]:
    """`REDRAWS` results of `draw`."""
    return (call() for call in repeat(draw, REDRAWS))


def enumerated(space: SearchSpace, rng: np.random.Generator) -> Iterator[Candidate]:
    """All candidates of a small space, from a random one on; none of a space beyond `MOST_ENUMERATED`."""
    if space.size > MOST_ENUMERATED:
        return
    start = int(rng.integers(space.size))
    for place in chain(range(start, space.size), range(start)):
        yield space.from_genes(_digits(place, space.gene_sizes))


def _digits(number: int, bases: tuple[int, ...]) -> list[int]:
    """`number` in a place-value system whose places have these bases, the first one varying fastest."""
    digits = []
    for base in bases:
        number, digit = divmod(number, base)
        digits.append(digit)
    return digits
