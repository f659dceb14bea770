"""Evolution without generations: random candidates first, then one child at a time, of the winner of a tournament."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from typing import Any

import numpy as np

from ambergen.seeds import generator
from ambergen.spaces.base import Candidate, SearchSpace
from ambergen.strategies.base import Rated, check_origin, reading_state
from ambergen.strategies.frequencies import frequencies
from ambergen.strategies.novelty import REDRAWS, mutated
from ambergen.strategies.population import Population


class SteadyState:
    """The evolution that `AgeingEvolution` and `TournamentEvolution` set up.

    Random candidates are asked for until `initial` have entered: are out for rating, rated or learnt of. After that
    every question is a child of the members that are rated by then, so that nobody waits for a slow trial.

    Parameters
    ----------
    name, configuration : of the strategy, for its state
    initial : random candidates
    capacity : most members, the oldest of which goes; None: all stay
    contestants : of a tournament, given the number of members
    crossover : share of children that are recombined from two winners instead of mutated from one
    costs : weighed against the score, by name
    repeats : whether a child may be a candidate that was asked for before
    """

    def __init__(
        self,
        space: SearchSpace,
        seed: int,
        name: str,
        configuration: dict[str, Any],
        initial: int,
        capacity: int | None,
        contestants: Callable[[int], int],
        crossover: float = 0.0,
        costs: Sequence[str] = (),
        repeats: bool = False,
    ) -> None:
        self.space = space
        self.seed = seed
        self.repeats = repeats
        self.population = Population(space, capacity, costs)
        self._initial = initial
        self._contestants = contestants
        self._crossover = crossover
        self._origin = {
            "strategy": name,
            "space": space.to_dict(),
            "seed": seed,
            "configuration": configuration,
            "repeats": repeats,
        }
        self._draws = 0
        self._proposals = 0

    def ask(self, n: int) -> list[Candidate]:
        return [self._next() for _ in range(n)]

    def propose(self, n: int) -> list[Candidate]:
        first = self._proposals
        self._proposals += n
        return [self.space.sample(generator(self.seed, "propose", first + k)) for k in range(n)]

    def tell(self, rated: Sequence[Rated]) -> None:
        self.population.tell(rated)

    def withdraw(self, candidates: Sequence[Candidate]) -> None:
        self.population.withdraw(candidates)

    def learn(self, history: Sequence[Rated]) -> None:
        """The best of the history are the first members; only as many as they lack of `initial` are random."""
        self.population.learn(history, self._initial)

    def summary(self) -> dict[str, Any]:
        """The entropy is that of the members' genes, taken one by one; probabilities are shares among the members."""
        members = [r.architecture for r in self.population.members]
        return frequencies(self.space, members) | {"members": len(members)}

    def state(self) -> dict[str, Any]:
        return {
            "origin": deepcopy(self._origin),
            "draws": self._draws,
            "proposals": self._proposals,
            "population": self.population.state(),
        }

    def load(self, state: Mapping[str, Any]) -> None:
        check_origin(state, self._origin)
        with reading_state("evolution"):
            self.population.load(state["population"])
            self._draws = int(state["draws"])
            self._proposals = int(state["proposals"])

    def _next(self) -> Candidate:
        rng = generator(self.seed, "ask", self._draws)
        self._draws += 1
        draws = self._draw(rng)
        candidate = next(draws) if self.repeats else self.population.new(draws, rng)
        self.population.send(candidate)
        return candidate

    def _draw(self, rng: np.random.Generator) -> Iterator[Candidate]:
        """What to ask for next, in the order in which it is wanted."""
        if self.population.entered < self._initial or not self.population.members:
            yield self.space.sample(rng)
            return
        parent = self._winner(rng)
        if rng.random() < self._crossover:
            for _ in range(REDRAWS):
                parent = self.space.crossover(self._winner(rng), self._winner(rng), rng)
                yield parent
        yield from mutated(self.space, parent, rng)

    def _winner(self, rng: np.random.Generator) -> Candidate:
        return self.population.winner(self._contestants(len(self.population.members)), rng).architecture
