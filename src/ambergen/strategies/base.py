"""What every search strategy promises: it is asked for candidates, told their scores, and can be continued."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import isfinite
from typing import Any, Protocol, runtime_checkable

from ambergen.errors import RunError, SpaceError, StoreError
from ambergen.spaces.base import Candidate, SearchSpace


@dataclass(frozen=True)
class Rated:
    """A candidate and the score that an evaluator gave it; higher is better.

    costs : what is better small, by name (parameters, multiply_adds), for strategies that weigh it against the score
    """

    architecture: Candidate
    score: float
    costs: Mapping[str, float] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        if not isfinite(self.score):
            raise RunError(
                f"architecture {self.architecture.id}: its score is {self.score}; expected a finite number. "
                "A trial without one has failed and is left out of what a strategy is told."
            )

    def to_dict(self) -> dict[str, Any]:
        """Plain data that `read_rated` takes."""
        return {"architecture": self.architecture.to_dict(), "score": self.score, "costs": dict(self.costs)}


def read_rated(space: SearchSpace, record: Mapping[str, Any]) -> Rated:
    """What `Rated.to_dict` wrote, in `space`."""
    return Rated(space.read(record["architecture"]), record["score"], dict(record["costs"]))


@runtime_checkable
class Strategy(Protocol):
    """Proposes points of a search space; knows neither the evaluator nor the loop that calls it.

    Asking and telling need not take turns. Several may be asked for before any is told, and they may be told in any
    order and number; one that is never told, because its trial failed or still runs, holds nothing up. A candidate that
    is told again, because its training went on, is judged by its last score.

    Every draw is a function of the seed, its purpose and a counter that `state` holds; no global generator is touched.
    `propose` and `summary` may be called at any time, and their draws are their own.
    """

    @property
    def repeats(self) -> bool:
        """Whether a candidate may be asked for that was asked for before.

        Where weights are shared a second rating is news. Where each candidate is trained alone it is a waste: then no
        candidate comes twice while the space has others.
        """

    def ask(self, n: int) -> list[Candidate]:
        """`n` candidates to be rated."""

    def propose(self, n: int) -> list[Candidate]:
        """`n` fresh draws for the training of shared weights; they are not trials."""

    def tell(self, rated: Sequence[Rated]) -> None:
        """Scores of what was asked; failed trials are left out."""

    def withdraw(self, candidates: Sequence[Candidate]) -> None:
        """These were asked for, not told, and nobody will rate them; they count as seen."""

    def learn(self, history: Sequence[Rated]) -> None:
        """Scores of an earlier search, oldest first, before anything is asked.

        Raises
        ------
        RunError
            If something was asked or told before.
        SpaceError
            If one of them lies outside the space.
        """

    def summary(self) -> dict[str, Any]:
        """What the event log says about the strategy: plain numbers and lists of them, None where there is none yet.

        Every strategy gives entropy (nats), kl, skip_density, reward_baseline, operation_probability (a list of
        probabilities a layer) and skip_probability (one for each skip token). The last two are empty, and skip_density
        is None, in spaces that are not made of layers.
        """

    def state(self) -> dict[str, Any]:
        """All that is needed to go on: numbers, texts, lists, dictionaries and tensors, independent copies."""

    def load(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` gave, exactly as if never stopped.

        Raises
        ------
        StoreError
            If the state is damaged, or of another strategy, search space, seed or configuration.
        """


def check_untouched(begun: bool) -> None:
    """Raise RunError where a strategy has begun before it is to learn from an earlier search."""
    if begun:
        raise RunError(
            "strategy: learn came after ask or tell; expected the history of an earlier search before anything else. "
            "Begin a new search to start from a history."
        )


def check_origin(state: Mapping[str, Any], origin: Mapping[str, Any]) -> None:
    """Raise StoreError unless `state` was written by a strategy of this origin (kind, space, seed, configuration)."""
    found = state.get("origin")
    if not isinstance(found, Mapping):
        raise StoreError(
            "strategy state: it does not say which strategy wrote it; expected a dictionary as state() gives it. "
            "The checkpoint is damaged: remove it to search anew."
        )
    for key, expected in origin.items():
        if found.get(key) != expected:
            raise StoreError(
                f"strategy state: {key} is {_difference(found.get(key), expected)}. "
                "Continue with the settings that the search began with, or search into a new folder."
            )


@contextmanager
def reading_state(part: str) -> Iterator[None]:
    """Raise StoreError where the state of `part`, whose origin is right, cannot be read."""
    try:
        yield
    except (KeyError, TypeError, ValueError, RuntimeError, SpaceError) as error:
        fault = " ".join(str(error).split())  # torch spreads it over lines
        raise StoreError(
            f"strategy state: the {part}'s part is damaged ({fault}). Remove the checkpoint to search anew."
        ) from error


def _difference(found: Any, expected: Any) -> str:
    if isinstance(found, Mapping) and isinstance(expected, Mapping):
        for key in expected:
            if found.get(key) != expected[key]:
                return f"another: {key} was {found.get(key)!r} and is now {expected[key]!r}"
    return f"{found!r}; this search has {expected!r}"
