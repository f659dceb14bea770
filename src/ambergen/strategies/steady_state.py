"""Evolution without generations: random candidates first, then one child at a time, of the winner of a tournament."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Protocol

import numpy as np

from ambergen.seeds import generator
from ambergen.spaces.base import Candidate, SearchSpace
from ambergen.strategies.base import Rated
from ambergen.strategies.evolving import Evolving
from ambergen.strategies.frequencies import frequencies
from ambergen.strategies.novelty import REDRAWS, mutated


class Breeding(Protocol):
    """How a steady state breeds: what its config, a dataclass, can tell."""

    @property
    def initial(self) -> int:
        """Random candidates that come first."""

    @property
    def capacity(self) -> int | None:
        """Most members, the oldest of which goes; None: all stay."""

    @property
    def crossover(self) -> float:
        """Share of children that are recombined from two winners instead of mutated from one."""

    def contestants(self, members: int) -> int:
        """Of a tournament among so many members."""


class SteadyState(Evolving):
    """The evolution of which `AgeingEvolution` and `TournamentEvolution` are two settings.

    Random candidates are asked for until `initial` have entered: are out for rating, rated or learnt of. After that
    every question is a child of the members that are rated by then, so that nobody waits for a slow trial.

    Parameters
    ----------
    config : default: the `standard` of the class
    repeats : whether a child may be a candidate that was asked for before
    costs : weighed against the score, by their names in `Rated.costs`. With any, the parent is of the lowest
        non-dominated rank in its tournament and, within the rank, where it is least crowded
    """

    standard: ClassVar[Breeding]

    def __init__(
        self,
        space: SearchSpace,
        seed: int,
        config: Breeding | None = None,
        repeats: bool = False,
        costs: Sequence[str] = (),
    ) -> None:
        self.config = config or self.standard
        super().__init__(space, seed, self.config, self.config.capacity, costs, repeats)

    def learn(self, history: Sequence[Rated]) -> None:
        """The best of the history are the first members; only as many as they lack of `initial` are random."""
        self.population.learn(history, self.config.initial)

    def summary(self) -> dict[str, Any]:
        """The entropy is that of the members' genes, taken one by one; probabilities are shares among the members."""
        members = [r.architecture for r in self.population.members]
        return frequencies(self.space, members) | {"members": len(members)}

    def _proposal(self, number: int) -> Candidate:
        return self.space.sample(generator(self.seed, "propose", number))

    def _draw(self, rng: np.random.Generator) -> Iterator[Candidate]:
        if self.population.entered < self.config.initial or not self.population.members:
            yield self.space.sample(rng)
            return
        parent = self._winner(rng)
        if rng.random() < self.config.crossover:
            for _ in range(REDRAWS):
                parent = self.space.crossover(self._winner(rng), self._winner(rng), rng)
                yield parent
        yield from mutated(self.space, parent, rng)

    def _winner(self, rng: np.random.Generator) -> Candidate:
        contestants = self.config.contestants(len(self.population.members))
        return self.population.winner(contestants, rng).architecture
