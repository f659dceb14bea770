"""What every search strategy promises: it is asked for architectures, told their scores, and can be continued."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any, Protocol, runtime_checkable

from ambergen.errors import RunError, StoreError
from ambergen.spaces.architecture import Architecture


@dataclass(frozen=True)
class Rated:
    """An architecture and the score that an evaluator gave it; higher is better."""

    architecture: Architecture
    score: float

    def __post_init__(self) -> None:
        if not isfinite(self.score):
            raise RunError(
                f"architecture {self.architecture.id}: its score is {self.score}; expected a finite number. "
                "A trial without one has failed and is left out of what a strategy is told."
            )


@runtime_checkable
class Strategy(Protocol):
    """Proposes points of a search space; knows neither the evaluator nor the loop that calls it.

    Every draw is a function of the seed, its purpose and a counter that `state` holds; no global generator is touched.
    Between `ask` and the `tell` that answers it the loop may call `propose` and `summary`, whose draws are their own.
    """

    def ask(self, n: int) -> list[Architecture]:
        """`n` architectures to be rated."""

    def propose(self, n: int) -> list[Architecture]:
        """`n` fresh draws for the training of shared weights; they are not trials."""

    def tell(self, rated: Sequence[Rated]) -> None:
        """Scores of what was asked, in the order of asking; failed trials are left out."""

    def summary(self) -> dict[str, Any]:
        """What the event log says about the strategy: plain numbers and lists of them, None where there is none yet.

        Every strategy gives entropy (nats), kl, skip_density, reward_baseline, operation_probability (a list of
        probabilities a layer) and skip_probability (one for each skip token).
        """

    def state(self) -> dict[str, Any]:
        """All that is needed to go on: numbers, texts, lists, dictionaries and tensors, independent copies."""

    def load(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` gave, exactly as if never stopped.

        Raises
        ------
        StoreError
            If the state is of another strategy, search space, seed or configuration.
        """


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


def _difference(found: Any, expected: Any) -> str:
    if isinstance(found, Mapping) and isinstance(expected, Mapping):
        for key in expected:
            if found.get(key) != expected[key]:
                return f"another: {key} was {found.get(key)!r} and is now {expected[key]!r}"
    return f"{found!r}; this search has {expected!r}"
