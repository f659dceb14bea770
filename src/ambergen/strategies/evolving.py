"""What all evolutions have in common: one candidate at a time, bred of what is rated by then."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import asdict
from typing import Any, ClassVar

import numpy as np

from ambergen.seeds import generator
from ambergen.spaces.base import Candidate, SearchSpace
from ambergen.strategies.base import Rated, check_origin, reading_state
from ambergen.strategies.population import Population


class Evolving(ABC):
    """A population, and what is asked for next because of it.

    Parameters
    ----------
    config : a dataclass; with `name` it tells the states of one evolution from those of another
    capacity : most members of the population, the oldest of which goes; None: all stay
    costs : weighed against the score, by their names in `Rated.costs`
    repeats : whether a candidate may be asked for that was asked for before
    """

    name: ClassVar[str]

    def __init__(
        self, space: SearchSpace, seed: int, config: Any, capacity: int | None, costs: Sequence[str], repeats: bool
    ) -> None:
        self.space, self.seed, self.repeats = space, seed, repeats
        self.population = Population(space, capacity, costs)
        self._origin = {
            "strategy": self.name,
            "space": space.to_dict(),
            "seed": seed,
            "configuration": asdict(config) | {"costs": list(costs)},
            "repeats": repeats,
        }
        self._draws = 0
        self._proposals = 0

    @abstractmethod
    def learn(self, history: Sequence[Rated]) -> None:
        """Members from an earlier search; see `Strategy.learn`."""

    @abstractmethod
    def summary(self) -> dict[str, Any]:
        """See `Strategy.summary`."""

    @abstractmethod
    def _proposal(self, number: int) -> Candidate:
        """The `number`-th path for the training of shared weights."""

    @abstractmethod
    def _draw(self, rng: np.random.Generator) -> Iterator[Candidate]:
        """What to ask for next, in the order in which it is wanted."""

    def ask(self, n: int) -> list[Candidate]:
        return [self._next() for _ in range(n)]

    def propose(self, n: int) -> list[Candidate]:
        first = self._proposals
        self._proposals += n
        return [self._proposal(first + k) for k in range(n)]

    def tell(self, rated: Sequence[Rated]) -> None:
        self.population.tell(rated)

    def withdraw(self, candidates: Sequence[Candidate]) -> None:
        self.population.withdraw(candidates)

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
