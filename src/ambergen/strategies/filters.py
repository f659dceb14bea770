"""Strategies around a strategy, which let through only what is small enough, or what promises most."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, isfinite
from typing import Any

from ambergen.errors import ConfigError, LimitError
from ambergen.spaces.base import Candidate
from ambergen.strategies.base import Rated, Strategy, check_origin, reading_state

MOST_REFUSED = 2000
"""Draws in a row that may break a limit before it counts as impossible."""


@dataclass(frozen=True)
class Limit:
    """A bound on what a candidate may cost.

    name : as the user wrote it, for example max_parameters
    most : the largest value that is allowed
    measure : value of a candidate
    """

    name: str
    most: float
    measure: Callable[[Candidate], float]

    def __post_init__(self) -> None:
        if not (isfinite(self.most) and self.most > 0):
            raise ConfigError(f"search: {self.name} is {self.most}; expected a finite number above 0.")


class Filter(ABC):
    """A strategy around a strategy: what is said to it is passed on, and what it gives is chosen from the other's.

    Parameters
    ----------
    strategy : whose candidates are chosen from
    """

    def __init__(self, strategy: Strategy) -> None:
        self.strategy = strategy

    @abstractmethod
    def ask(self, n: int) -> list[Candidate]:
        """See `Strategy.ask`."""

    @abstractmethod
    def propose(self, n: int) -> list[Candidate]:
        """See `Strategy.propose`."""

    @abstractmethod
    def _origin(self) -> dict[str, Any]:
        """What tells its states from those of another filter."""

    @property
    def repeats(self) -> bool:
        return self.strategy.repeats

    def refuse_impossible(self) -> None:
        """Raise ConfigError where nothing is let through at all; what comes next stays as it was."""
        if isinstance(self.strategy, Filter):
            self.strategy.refuse_impossible()

    def tell(self, rated: Sequence[Rated]) -> None:
        self.strategy.tell(rated)

    def withdraw(self, candidates: Sequence[Candidate]) -> None:
        self.strategy.withdraw(candidates)

    def learn(self, history: Sequence[Rated]) -> None:
        self.strategy.learn(history)

    def summary(self) -> dict[str, Any]:
        return self.strategy.summary()

    def state(self) -> dict[str, Any]:
        return {"origin": self._origin(), "strategy": self.strategy.state()}

    def load(self, state: Mapping[str, Any]) -> None:
        check_origin(state, self._origin())
        with reading_state("filter"):
            inner = state["strategy"]
        self.strategy.load(inner)


class Feasible(Filter):
    """Lets through the candidates of another strategy that keep all limits; the others are withdrawn and replaced.

    Parameters
    ----------
    limits : looked at in this order, the next one only where those before are kept
    """

    def __init__(self, strategy: Strategy, limits: Sequence[Limit]) -> None:
        super().__init__(strategy)
        self.limits = tuple(limits)
        self._refused = 0

    def refuse_impossible(self) -> None:
        super().refuse_impossible()
        before = self.state()
        self.ask(1)
        self.load(before)

    def ask(self, n: int) -> list[Candidate]:
        """`n` candidates, or fewer where `MOST_REFUSED` in a row break a limit.

        Raises
        ------
        LimitError
            If there is none.
        """
        return self._kept(n, self.strategy.ask, self.strategy.withdraw, fewer=True)

    def propose(self, n: int) -> list[Candidate]:
        """Paths that keep the limits, as others will not be rated; raises where there are fewer than `n`."""
        return self._kept(n, self.strategy.propose, lambda candidates: None)

    def summary(self) -> dict[str, Any]:
        """That of the strategy, and how many candidates broke a limit."""
        return super().summary() | {"infeasible": self._refused}

    def state(self) -> dict[str, Any]:
        return super().state() | {"refused": self._refused}

    def load(self, state: Mapping[str, Any]) -> None:
        super().load(state)
        with reading_state("limits"):
            self._refused = int(state["refused"])

    def _kept(
        self,
        n: int,
        draw: Callable[[int], list[Candidate]],
        refuse: Callable[[Sequence[Candidate]], None],
        fewer: bool = False,
    ) -> list[Candidate]:
        kept: list[Candidate] = []
        broken: list[tuple[Limit, float]] = []  # since the last that kept all limits
        while len(kept) < n:
            for candidate in draw(n - len(kept)):
                found = self._broken(candidate)
                if found is None:
                    kept.append(candidate)
                    broken.clear()
                else:
                    refuse([candidate])
                    broken.append(found)
                    self._refused += 1
            if len(broken) >= MOST_REFUSED:
                if kept and fewer:
                    break
                raise LimitError(_impossible(broken))
        return kept

    def _broken(self, candidate: Candidate) -> tuple[Limit, float] | None:
        """The first limit that a candidate breaks, and its value."""
        values = ((limit, limit.measure(candidate)) for limit in self.limits)
        return next(((limit, value) for limit, value in values if not value <= limit.most), None)

    def _origin(self) -> dict[str, Any]:
        return {"strategy": "feasible", "limits": {limit.name: limit.most for limit in self.limits}}


class Prescreened(Filter):
    """Asks another strategy for more than is wanted and lets through what a cheap score puts first.

    What is left over is withdrawn. A strategy that learns from how often it draws something, such as the controller,
    learns from the chosen as if they were all.

    Parameters
    ----------
    score : of candidates, one each, higher is better; nan comes last
    ratio : candidates that are looked at for each one that is let through
    name : of the score, for the state
    """

    def __init__(
        self,
        strategy: Strategy,
        score: Callable[[Sequence[Candidate]], Sequence[float]],
        ratio: float = 4.0,
        name: str = "score",
    ) -> None:
        if not (isfinite(ratio) and ratio >= 1):
            raise ConfigError(
                f"search: the ratio of the pre-screen is {ratio}; expected a finite number of at least 1."
            )
        super().__init__(strategy)
        self.name = name
        self.score = score
        self.ratio = ratio

    def ask(self, n: int) -> list[Candidate]:
        candidates = self.strategy.ask(ceil(n * self.ratio))
        if len(candidates) == n:
            return candidates
        scores = self.score(candidates)
        places = sorted(range(len(candidates)), key=lambda k: (scores[k] != scores[k], -scores[k]))
        self.strategy.withdraw([candidates[k] for k in places[n:]])
        return [candidates[k] for k in places[:n]]

    def propose(self, n: int) -> list[Candidate]:
        return self.strategy.propose(n)

    def _origin(self) -> dict[str, Any]:
        return {"strategy": "pre-screened", "score": self.name, "ratio": self.ratio}


def _impossible(broken: Sequence[tuple[Limit, float]]) -> str:
    """The limit that was broken most often, with the nearest miss."""
    counts = {limit: sum(other is limit for other, _ in broken) for limit, _ in broken}
    limit = max(counts, key=lambda known: counts[known])
    smallest = min(value for other, value in broken if other is limit)
    return (
        f"search: {limit.name} is {limit.most:,.0f}; {counts[limit]:,} of the last {len(broken):,} candidates exceed "
        f"it, and the smallest of them has {smallest:,.0f}. Raise {limit.name}, or search a smaller space."
    )
