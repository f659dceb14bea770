"""Random search: the rival that a search has to beat, and AMBER-Base where each draw is trained from scratch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import comb, lgamma, log
from typing import Any

from ambergen.seeds import generator
from ambergen.spaces.architecture import Architecture
from ambergen.spaces.base import Candidate, SearchSpace
from ambergen.spaces.space import Space
from ambergen.strategies.base import Rated, check_origin, check_untouched, reading_state
from ambergen.strategies.frequencies import frequencies

MOST_REFUSED = 1000
"""Draws in a row that were asked for before, after which a space that cannot be counted out begins anew."""


class RandomStrategy:
    """Draws as the space's publication makes them; asks for none twice unless `repeats`.

    In the macro space these have uniform operations and a fixed number of skip connections. Once every architecture
    that `SearchSpace.sample` can give has been asked for, a new round begins.
    """

    def __init__(self, space: SearchSpace, seed: int, repeats: bool = False) -> None:
        self.space = space
        self.seed = seed
        self.repeats = repeats
        self._draws = 0
        self._proposals = 0
        self._asked: dict[str, None] = {}  # ids of this round, in the order of asking

    def ask(self, n: int) -> list[Candidate]:
        return [self._next() for _ in range(n)]

    def propose(self, n: int) -> list[Candidate]:
        first = self._proposals
        self._proposals += n
        return [self.space.sample(generator(self.seed, "propose", first + k)) for k in range(n)]

    def tell(self, rated: Sequence[Rated]) -> None:
        """Scores change nothing here; an architecture outside the space is still an error."""
        for r in rated:
            self.space.check(r.architecture)

    def withdraw(self, candidates: Sequence[Candidate]) -> None:
        """Nothing changes: what was asked for is not asked for again in any case."""

    def learn(self, history: Sequence[Rated]) -> None:
        """What an earlier search rated is not asked for in the first round."""
        check_untouched(self._draws > 0)
        self.tell(history)
        self._asked = {r.architecture.id: None for r in history if self._can_draw(r.architecture)}

    def summary(self) -> dict[str, Any]:
        space = self.space
        if not isinstance(space, Space):
            return frequencies(space, [])
        n_skips, chosen = space.n_skips, _n_chosen(space)
        # log of the binomial coefficient through lgamma: comb() of a large space overflows a float
        log_masks = lgamma(n_skips + 1) - lgamma(chosen + 1) - lgamma(n_skips - chosen + 1)
        density = chosen / n_skips if n_skips else 0.0
        return {
            "entropy": log(_n_unskipped(space)) + log_masks,
            "kl": 0.0,
            "skip_density": density,
            "reward_baseline": None,
            "operation_probability": [
                [1 / len(names) if name in names else 0.0 for name in space.operations] for names in space.choices
            ],
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
        with reading_state("random search"):
            self._draws = int(state["draws"])
            self._proposals = int(state["proposals"])
            self._asked = dict.fromkeys(state["asked"])

    def _next(self) -> Candidate:
        refused = 0
        while True:
            if self._exhausted(refused):
                self._asked.clear()
            candidate = self.space.sample(generator(self.seed, "ask", self._draws))
            self._draws += 1
            if self.repeats or candidate.id not in self._asked:
                self._asked[candidate.id] = None
                return candidate
            refused += 1

    def _exhausted(self, refused: int) -> bool:
        """Whether all that can be drawn has been asked for; `refused` draws in a row had been."""
        if isinstance(self.space, Space):
            drawable = _n_unskipped(self.space) * comb(self.space.n_skips, _n_chosen(self.space))
            return len(self._asked) == drawable
        return len(self._asked) >= self.space.size or refused >= MOST_REFUSED

    def _can_draw(self, candidate: Candidate) -> bool:
        """Whether `SearchSpace.sample` can give it: in the macro space by its number of skip connections."""
        return not (
            isinstance(self.space, Space)
            and isinstance(candidate, Architecture)
            and candidate.n_skips != _n_chosen(self.space)
        )

    def _origin(self) -> dict[str, Any]:
        return {
            "strategy": "random",
            "space": self.space.to_dict(),
            "seed": self.seed,
            "repeats": self.repeats,
        }


def _n_chosen(space: Space) -> int:
    """Skip connections that every sampled architecture has."""
    return int(space.skip_density * space.n_skips)


def _n_unskipped(space: Space) -> int:
    """Architectures without skip connections."""
    return space.size // 2**space.n_skips
