"""How an architecture is searched."""

from __future__ import annotations

from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Literal, get_args

from ambergen.budgets import Budget
from ambergen.errors import ConfigError
from ambergen.evaluators.base import Objective
from ambergen.evaluators.shared_weights import SupernetConfig
from ambergen.evaluators.stand_alone import StandAloneConfig
from ambergen.runs.rungs import RungConfig
from ambergen.strategies.reinforce import ControllerConfig

Method = Literal["enas", "random"]

SHARED = ("enas", "oneshot")
"""Methods whose candidates share weights; the others train each candidate alone."""


@dataclass(frozen=True)
class Phases:
    """One-shot search: the supernet is trained first, then searched with frozen weights.

    share : of a budget of time that the training takes; of one in epochs or steps it takes all, and the search comes
        on top
    epochs : of training where the budget is one of trials
    generations : of the evolution
    """

    share: float = 0.7
    epochs: float = 30.0
    generations: int = 20

    def __post_init__(self) -> None:
        if not 0 < self.share < 1:
            raise ConfigError(f"search: phases.share is {self.share}; expected a share between 0 and 1.")
        if not self.epochs > 0 or self.generations < 1:
            raise ConfigError(
                f"search: phases has epochs {self.epochs} and generations {self.generations}; expected more than 0 "
                "epochs and at least 1 generation."
            )


@dataclass(frozen=True)
class SearchConfig:
    """One search.

    method : enas is the recurrent controller on shared weights; random draws architectures and trains each alone
    budget : of the rounds of a search, not of its finalists. Epochs and steps are those of the supernet's training,
        trials are rated architectures
    objective : mean over the tracks, on the search split
    seed : decides everything
    updates : updates of the controller in a round, each from `controller.architectures` ratings
    finalists : architectures that are trained alone for a short time, of which the best on the selection split wins
    rescored : distinct architectures, best by their last rating, that are rated again at the end to choose finalists
    fresh : further architectures, drawn from the final policy, that are rated with them
    controller, supernet : of enas
    short_training : of finalists, and of every candidate that is trained alone
    rungs : successive halving among candidates that are trained alone
    """

    method: Method = "enas"
    budget: Budget = field(default_factory=lambda: Budget.parse("30min"))
    objective: Objective = "auroc"
    seed: int = 0
    updates: int = 2
    finalists: int = 5
    rescored: int = 50
    fresh: int = 50
    controller: ControllerConfig = field(default_factory=ControllerConfig)
    supernet: SupernetConfig = field(default_factory=SupernetConfig)
    short_training: StandAloneConfig = field(default_factory=StandAloneConfig)
    rungs: RungConfig = field(default_factory=RungConfig)

    def __post_init__(self) -> None:
        for name, choices in (("method", get_args(Method)), ("objective", get_args(Objective))):
            value = getattr(self, name)
            if value not in choices:
                near = get_close_matches(str(value), choices, n=1)
                hint = f" Did you mean {near[0]!r}?" if near else ""
                raise ConfigError(f"search: {name} is {value!r}; expected {' or '.join(choices)}.{hint}")
        for name in ("updates", "finalists", "rescored"):
            if getattr(self, name) < 1:
                raise ConfigError(f"search: {name} is {getattr(self, name)}; expected at least 1.")
        if self.fresh < 0:
            raise ConfigError(f"search: fresh is {self.fresh}; expected 0 or more.")
