"""What an evolution remembers: what is out for rating, what has come back, and the members that may be parents."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ambergen.errors import RunError
from ambergen.spaces.base import Candidate, SearchSpace
from ambergen.strategies.base import Rated, check_untouched, read_rated
from ambergen.strategies.dominance import best_first
from ambergen.strategies.novelty import MOST_ENUMERATED, novel


class Population:
    """Members in the order in which they came back first, and the identifiers of all that was ever asked for.

    Parameters
    ----------
    capacity : most members; when one more comes the oldest goes, however good it is. None: all stay
    costs : what is weighed against the score, by the names of `Rated.costs`; the less the better. With any, better
        means a lower non-dominated rank, then more room in its rank
    """

    def __init__(self, space: SearchSpace, capacity: int | None = None, costs: Sequence[str] = ()) -> None:
        self.space = space
        self.capacity = capacity
        self.costs = tuple(costs)
        self.entered = 0
        self._pending: dict[str, None] = {}
        self._closed: dict[str, None] = {}  # told, learnt or withdrawn
        self._members: dict[str, Rated] = {}
        self._ranking: list[Rated] | None = None
        self._exhausted = False  # found out again after a load

    @property
    def members(self) -> list[Rated]:
        """The oldest first."""
        return list(self._members.values())

    @property
    def known(self) -> Collection[str]:
        """Identifiers of all that was asked for, told or learnt."""
        return ChainMap(self._pending, self._closed)

    # ---- what goes out and comes back

    def new(self, draws: Iterator[Candidate], rng: np.random.Generator) -> Candidate:
        """The first of `draws`, or else of the space, that was not asked for before; see `novel`."""
        if self._exhausted:
            return next(draws)
        candidate = novel(self.space, self.known, draws, rng)
        # In a larger space others may be found by the next draws.
        self._exhausted = candidate.id in self.known and self.space.size <= MOST_ENUMERATED
        return candidate

    def send(self, candidate: Candidate) -> None:
        """`candidate` is out for rating."""
        self._pending[candidate.id] = None
        self.entered += 1

    def withdraw(self, candidates: Sequence[Candidate]) -> None:
        for candidate in candidates:
            self._pending.pop(candidate.id, None)
            self._closed[candidate.id] = None
            self.entered -= 1

    def tell(self, rated: Sequence[Rated]) -> None:
        """New members, or new scores of old ones, whose age stays. One that has left does not come back."""
        for r in rated:
            self._check(r)
        for r in rated:
            name = r.architecture.id
            answered = name in self._pending
            if name in self._members and not answered:
                self._members[name] = r
            elif answered or name not in self._closed:
                self._append(r)
        self._ranking = None

    def learn(self, history: Sequence[Rated], most: int) -> None:
        """The best `most` of an earlier search become members, in their order there; the others count as seen."""
        check_untouched(bool(self._pending or self._closed))
        for r in history:
            self._check(r)
        last = {r.architecture.id: r for r in history}
        self._closed = dict.fromkeys(last)
        distinct = list(last.values())
        chosen = sorted(best_first(self.objectives(distinct)).tolist()[:most])
        for place in chosen:
            self._append(distinct[place])
        self.entered += len(chosen)

    # ---- parents

    def best(self, n: int) -> list[Rated]:
        """At most `n` members, the best first."""
        if self._ranking is None:
            members = self.members
            self._ranking = [members[k] for k in best_first(self.objectives(members)).tolist()]
        return self._ranking[:n]

    def winner(self, contestants: int, rng: np.random.Generator) -> Rated:
        """The best of so many distinct members, drawn uniformly."""
        members = self.members
        drawn = rng.choice(len(members), size=min(contestants, len(members)), replace=False)
        chosen = [members[k] for k in drawn.tolist()]
        return chosen[int(best_first(self.objectives(chosen))[0])]

    def objectives(self, rated: Sequence[Rated]) -> np.ndarray:
        """(n, 1 + n_costs), higher is better: the score, and the costs with their sign changed."""
        rows = [[r.score, *(-r.costs[name] for name in self.costs)] for r in rated]
        return np.array(rows, float).reshape(len(rows), 1 + len(self.costs))

    # ---- continuation

    def state(self) -> dict[str, Any]:
        return {
            "entered": self.entered,
            "pending": list(self._pending),
            "closed": list(self._closed),
            "members": [r.to_dict() for r in self._members.values()],
        }

    def load(self, state: Mapping[str, Any]) -> None:
        members = [read_rated(self.space, record) for record in state["members"]]
        self._members = {r.architecture.id: r for r in members}
        self._pending = dict.fromkeys(state["pending"])
        self._closed = dict.fromkeys(state["closed"])
        self.entered = int(state["entered"])
        self._ranking = None
        self._exhausted = False

    def _append(self, rated: Rated) -> None:
        name = rated.architecture.id
        self._pending.pop(name, None)
        self._closed[name] = None
        self._members.pop(name, None)  # one that was asked for again is as young as its last rating
        self._members[name] = rated
        if self.capacity is not None and len(self._members) > self.capacity:
            del self._members[next(iter(self._members))]

    def _check(self, rated: Rated) -> None:
        self.space.check(rated.architecture)
        missing = [name for name in self.costs if name not in rated.costs]
        if missing:
            raise RunError(
                f"architecture {rated.architecture.id}: it was told without its {missing[0]}, which this search weighs "
                f"against the score; found costs {sorted(rated.costs) or 'none'}. Tell Rated(architecture, score, "
                f"costs={{{missing[0]!r}: ...}})."
            )
