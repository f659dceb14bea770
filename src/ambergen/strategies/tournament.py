"""Tournament evolution: the search of hierarchical representations, in which nobody dies."""

from __future__ import annotations

from dataclasses import dataclass

from ambergen.errors import ConfigError
from ambergen.strategies.steady_state import SteadyState


@dataclass(frozen=True)
class TournamentConfig:
    """How tournament evolution breeds; the defaults are those of Liu et al. 2018.

    initial : random candidates that come first
    share : of the members that take part in a tournament, at least two of them
    ageing : whether only the youngest `initial` members stay; published: all stay
    """

    initial: int = 200
    share: float = 0.05
    ageing: bool = False

    def __post_init__(self) -> None:
        if self.initial < 1:
            raise ConfigError(f"tournament: initial is {self.initial}; expected at least 1.")
        if not 0 < self.share <= 1:
            raise ConfigError(f"tournament: share is {self.share}; expected more than 0 and at most 1.")

    @property
    def capacity(self) -> int | None:
        return self.initial if self.ageing else None

    @property
    def crossover(self) -> float:
        return 0.0

    def contestants(self, members: int) -> int:
        return max(2, round(self.share * members))


class TournamentEvolution(SteadyState):
    """The best of a share of all members is mutated once, and its child joins them.

    References
    ----------
    Liu et al., Hierarchical representations for efficient architecture search, ICLR 2018, section 3.2.
    """

    name = "tournament evolution"
    standard = TournamentConfig()
