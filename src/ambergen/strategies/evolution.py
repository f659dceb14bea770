"""Ageing evolution: what is old dies, so that a candidate stays in the population only through its children."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from ambergen.errors import ConfigError
from ambergen.strategies.steady_state import SteadyState


@dataclass(frozen=True)
class EvolutionConfig:
    """How ageing evolution breeds. The defaults are the preset "ambergen".

    population : members; as many random candidates come first
    sample : members that are drawn for a tournament, whose best is the parent
    crossover : share of children that are recombined from two winners instead of mutated from one; Real et al. mutate
        all
    """

    population: int = 50
    sample: int = 10
    crossover: float = 0.0

    def __post_init__(self) -> None:
        for name in ("population", "sample"):
            if getattr(self, name) < 1:
                raise ConfigError(f"evolution: {name} is {getattr(self, name)}; expected at least 1.")
        if self.sample > self.population:
            raise ConfigError(
                f"evolution: sample is {self.sample}; expected at most the population, which is {self.population}."
            )
        if not 0 <= self.crossover <= 1:
            raise ConfigError(f"evolution: crossover is {self.crossover}; expected a share from 0 to 1.")

    @property
    def initial(self) -> int:
        return self.population

    @property
    def capacity(self) -> int:
        return self.population

    def contestants(self, members: int) -> int:
        return self.sample

    @classmethod
    def preset(cls, name: str = "ambergen", **overrides: Any) -> EvolutionConfig:
        """The settings called `name`, with some of their values replaced.

        Raises
        ------
        ConfigError
            If there is no such preset, or a value is impossible.
        """
        if name not in PRESETS:
            raise ConfigError(f"evolution: {name!r} is not a preset; expected one of {', '.join(PRESETS)}.")
        return replace(PRESETS[name], **overrides)


PRESETS = {
    # A few hundred trainings are what a user has; a smaller population begins to breed earlier.
    "ambergen": EvolutionConfig(),
    # Real et al. 2019, whose searches train 20,000 networks.
    "published": EvolutionConfig(population=100, sample=25),
}


class AgeingEvolution(SteadyState):
    """The best of a random sample is mutated once; its child joins the population and the oldest member leaves it.

    The age counts from when a rating came back first, as trials that run side by side end in any order.

    Notes
    -----
    The sample is drawn without replacement, and a child that was asked for before is drawn again unless `repeats`; the
    paper draws with replacement and trains again.

    References
    ----------
    Real et al., Regularized evolution for image classifier architecture search, AAAI 33, 4780-4789 (2019).
    """

    name = "ageing evolution"
    standard = PRESETS["ambergen"]
