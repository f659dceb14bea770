"""Random search: the rival that a search has to beat, and AMBER-Base where each draw is trained from scratch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import comb, lgamma, log
from typing import Any

from ambergen.seeds import generator
from ambergen.spaces.architecture import Architecture
from ambergen.spaces.space import Space
from ambergen.strategies.base import Rated, check_origin


class RandomStrategy:
    """Uniform operations and a fixed number of skip connections; asks for no architecture twice.

    Once every architecture that `Space.sample` can give has been asked for, a new round begins.
    """

    def __init__(self, space: Space, seed: int) -> None:
        self.space = space
        self.seed = seed
        self._n_skips = int(space.skip_density * space.n_skips)
        self._n_distinct = len(space.operations) ** space.layers * comb(space.n_skips, self._n_skips)
        self._draws = 0
        self._proposals = 0
        self._asked: dict[str, None] = {}  # ids of this round, in the order of asking

    def ask(self, n: int) -> list[Architecture]:
        asked: list[Architecture] = []
        while len(asked) < n:
            if len(self._asked) == self._n_distinct:
                self._asked.clear()
            architecture = self.space.sample(generator(self.seed, "ask", self._draws))
            self._draws += 1
            if architecture.id not in self._asked:
                self._asked[architecture.id] = None
                asked.append(architecture)
        return asked

    def propose(self, n: int) -> list[Architecture]:
        first = self._proposals
        self._proposals += n
        return [self.space.sample(generator(self.seed, "propose", first + k)) for k in range(n)]

    def tell(self, rated: Sequence[Rated]) -> None:
        """Scores change nothing here; an architecture outside the space is still an error."""
        for r in rated:
            self.space.check(r.architecture)

    def summary(self) -> dict[str, Any]:
        n_operations, n_skips = len(self.space.operations), self.space.n_skips
        # log of the binomial coefficient through lgamma: comb() of a large space overflows a float
        log_masks = lgamma(n_skips + 1) - lgamma(self._n_skips + 1) - lgamma(n_skips - self._n_skips + 1)
        density = self._n_skips / n_skips if n_skips else 0.0
        return {
            "entropy": self.space.layers * log(n_operations) + log_masks,
            "kl": 0.0,
            "skip_density": density,
            "reward_baseline": None,
            "operation_probability": [[1 / n_operations] * n_operations for _ in range(self.space.layers)],
            "skip_probability": [density] * n_skips,
        }

    def state(self) -> dict[str, Any]:
        return {
            "origin": self._origin(),
            "draws": self._draws,
            "proposals": self._proposals,
            "asked": list(self._asked),
        }

    def load(self, state: Mapping[str, Any]) -> None:
        check_origin(state, self._origin())
        self._draws = int(state["draws"])
        self._proposals = int(state["proposals"])
        self._asked = dict.fromkeys(state["asked"])

    def _origin(self) -> dict[str, Any]:
        return {"strategy": "random", "space": self.space.to_dict(), "seed": self.seed}
