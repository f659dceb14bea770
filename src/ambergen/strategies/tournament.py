"""Tournament evolution: the search of hierarchical representations, in which nobody dies."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from ambergen.errors import ConfigError
from ambergen.spaces.base import SearchSpace
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


class TournamentEvolution(SteadyState):
    """The best of a share of all members is mutated once, and its child joins them.

    Parameters
    ----------
    costs : weighed against the score; see `ambergen.strategies.evolution.AgeingEvolution`

    References
    ----------
    Liu et al., Hierarchical representations for efficient architecture search, ICLR 2018, section 3.2.
    """

    def __init__(
        self,
        space: SearchSpace,
        seed: int,
        config: TournamentConfig = TournamentConfig(),
        repeats: bool = False,
        costs: tuple[str, ...] = (),
    ) -> None:
        self.config = config
        super().__init__(
            space,
            seed,
            name="tournament evolution",
            configuration=asdict(config) | {"costs": list(costs)},
            initial=config.initial,
            capacity=config.initial if config.ageing else None,
            contestants=lambda members: max(2, round(config.share * members)),
            costs=costs,
            repeats=repeats,
        )
