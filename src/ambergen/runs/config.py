"""How an architecture is searched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Literal, get_args

from ambergen.budgets import Budget
from ambergen.errors import ConfigError
from ambergen.evaluators.base import Objective
from ambergen.evaluators.shared_weights import SupernetConfig
from ambergen.evaluators.stand_alone import StandAloneConfig
from ambergen.evaluators.zero_cost import ZERO_COST
from ambergen.metrics.objectives import check_objective, resolved
from ambergen.runs.rungs import RungConfig
from ambergen.spaces.hierarchical_space import Merge
from ambergen.strategies.evolution import EvolutionConfig
from ambergen.strategies.reinforce import ControllerConfig
from ambergen.strategies.supernet_evolution import SupernetEvolutionConfig
from ambergen.strategies.tournament import TournamentConfig
from ambergen.training.config import Precision

Method = Literal["enas", "nas", "hierarchical", "evolution", "oneshot", "random"]

SHARED = ("enas", "oneshot")
"""Methods whose candidates share weights; the others train each candidate alone."""

LAYERED = ("enas", "nas", "oneshot")
"""Methods that need the macro space, whose layers a controller or a supernet is made of."""

WEIGHING = ("hierarchical", "evolution", "oneshot")
"""Methods that weigh the objective against what is to be small as well (`SearchConfig.against`)."""

Small = Literal["parameters", "multiply_adds"]


@dataclass(frozen=True)
class OneShotConfig:
    """One-shot search: the supernet is trained first, then searched with frozen weights.

    share : of a budget of time that the training takes; of one in epochs or steps it takes all, and the evolution comes
        on top
    epochs : of training where the budget is one of trials
    supernet : its training, with strict fairness (FairNAS), and ratings with recalibrated batch norms (SPOS)
    evolution : of the trained supernet
    """

    share: float = 0.7
    epochs: float = 30.0
    supernet: SupernetConfig = field(
        default_factory=lambda: SupernetConfig(warm_up=0.0, fairness="strict", recalibration=50)
    )
    evolution: SupernetEvolutionConfig = field(default_factory=SupernetEvolutionConfig)

    def __post_init__(self) -> None:
        if not 0 < self.share < 1:
            raise ConfigError(f"oneshot: share is {self.share}; expected a share between 0 and 1.")
        if not self.epochs > 0:
            raise ConfigError(f"oneshot: epochs is {self.epochs}; expected more than 0.")


@dataclass(frozen=True)
class CellsConfig:
    """The cells of hierarchical, where the space of the run is one of layers.

    The published ones make networks of about ten times the multiply-adds of six layers of one width; for children of a
    like size: motifs [4], nodes [3, 3].

    motifs : number of motifs at level 2, 3, ...
    nodes : nodes of a motif at level 2, 3, ...; the last number is the cell's
    merge : how a node joins several inputs, concat or add
    """

    motifs: tuple[int, ...] = (6,)
    nodes: tuple[int, ...] = (4, 5)
    merge: Merge = "concat"


@dataclass(frozen=True)
class PrescreenConfig:
    """Which candidates are worth a training, told by a score that needs none.

    score : None for no pre-screen
    ratio : candidates that are looked at for each one that is trained
    rows : training windows that the score looks at
    """

    score: str | None = None
    ratio: float = 4.0
    rows: int = 128

    def __post_init__(self) -> None:
        if self.score is not None and self.score not in ZERO_COST:
            raise ConfigError(
                f"prescreen: score is {self.score!r}; expected one of {', '.join(ZERO_COST)}."
                + _near(self.score, ZERO_COST)
            )
        if not self.ratio >= 1 or self.rows < 2:
            raise ConfigError(
                f"prescreen: ratio is {self.ratio} and rows {self.rows}; expected a ratio of at least 1 and 2 rows."
            )


@dataclass(frozen=True)
class SearchConfig:
    """One search.

    method : how candidates are found and rated. Shared weights: enas (a recurrent controller learns while a supernet
        trains) and oneshot (a supernet is trained, then evolution searches it). Each candidate trained alone: nas (the
        controller), evolution (ageing evolution), hierarchical (tournament evolution of cells of cells) and random
    budget : of the search, not of its finalists. Epochs and steps are those of the supernet's training, trials are
        rated architectures
    objective : auroc, average_precision, log_likelihood (nats a window), brier (its skill score), mcc or accuracy (both
        of calls at a probability of 0.5), or a function of one's own (my_metrics.py:name or module:name); its mean over
        the tracks, on the search split. Where labels are rare, the average precision tells networks apart with less
        noise from seed to seed
    seed : decides everything
    updates : updates of the controller of enas in a round, each from `controller.architectures` ratings
    finalists : architectures that are trained alone for a short time, of which the best on the selection split wins
    contenders : finalists, the best of them, that are then trained in full with all seeds; the best mean on the
        selection split is the winner for good
    rescored : distinct architectures, best by their last rating, that are rated again at the end to choose finalists
    fresh : further architectures, drawn from the final policy of enas, that are rated with them
    max_parameters, max_multiply_adds : limits that every candidate keeps
    against : what is to be small as well; evolutions then seek the front between it and the objective
    warm_start : run directory of an earlier search whose ratings the strategy learns from before it begins
    controller, supernet : of enas
    nas, evolution, hierarchical, oneshot : the methods of these names
    cells : of the space of hierarchical, where the run's is one of layers
    short_training : of finalists, and of every candidate that is trained alone
    rungs : successive halving among candidates that are trained alone
    prescreen : of candidates that are trained alone
    """

    method: Method = "evolution"
    budget: Budget = field(default_factory=lambda: Budget.parse("30min"))
    objective: Objective = "auroc"
    seed: int = 0
    updates: int = 2
    finalists: int = 5
    contenders: int = 3
    rescored: int = 50
    fresh: int = 50
    max_parameters: int | None = None
    max_multiply_adds: int | None = None
    against: tuple[Small, ...] = ()
    warm_start: Path | None = None
    controller: ControllerConfig = field(default_factory=ControllerConfig)
    supernet: SupernetConfig = field(default_factory=SupernetConfig)
    nas: ControllerConfig = field(default_factory=lambda: ControllerConfig.preset("nas"))
    evolution: EvolutionConfig = field(default_factory=EvolutionConfig)
    hierarchical: TournamentConfig = field(default_factory=TournamentConfig)
    oneshot: OneShotConfig = field(default_factory=OneShotConfig)
    cells: CellsConfig = field(default_factory=CellsConfig)
    short_training: StandAloneConfig = field(default_factory=StandAloneConfig)
    rungs: RungConfig = field(default_factory=RungConfig)
    prescreen: PrescreenConfig = field(default_factory=PrescreenConfig)

    def __post_init__(self) -> None:
        methods = get_args(Method)
        if self.method not in methods:
            near = _near(str(self.method), methods)
            raise ConfigError(f"search: method is {self.method!r}; expected {_one_of(methods)}.{near}")
        object.__setattr__(self, "objective", resolved(self.objective))
        check_objective(self.objective)
        for name in ("updates", "finalists", "contenders", "rescored"):
            if getattr(self, name) < 1:
                raise ConfigError(f"search: {name} is {getattr(self, name)}; expected at least 1.")
        if self.fresh < 0:
            raise ConfigError(f"search: fresh is {self.fresh}; expected 0 or more.")
        for name in ("max_parameters", "max_multiply_adds"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ConfigError(f"search: {name} is {value}; expected at least 1.")
        if len(set(self.against)) != len(self.against) or set(self.against) - set(get_args(Small)):
            raise ConfigError(
                f"search: against is {list(self.against)}; expected some of {', '.join(get_args(Small))}, each once."
            )
        if self.budget.unit in ("epochs", "steps") and self.method not in SHARED:
            raise ConfigError(
                f"search: the budget is {self.budget}, which counts the training of shared weights, and the method "
                f"{self.method} has none. Give a time (30min) or a number of candidates (100 trials)."
            )

    @property
    def rung_epochs(self) -> tuple[int, ...]:
        """Epochs after which a candidate that is trained alone is rated; the last are all that it gets."""
        return self.rungs.epochs or (self.short_training.train.epochs,)

    @property
    def shared(self) -> SupernetConfig:
        """The supernet of the method."""
        return self.oneshot.supernet if self.method == "oneshot" else self.supernet

    @property
    def precision(self) -> Precision:
        """Of the whole search, finalists included: that of what its ratings come from."""
        rated = self.shared if self.method in SHARED else self.short_training
        return rated.train.precision


def unused(config: SearchConfig) -> list[str]:
    """Settings that somebody wrote and that the method does not look at, in words."""
    keys = []
    if config.method in SHARED:
        alone = {"rungs": config.rungs.epochs, "prescreen": config.prescreen.score}
        keys += [f"search.{key} is for methods that train each candidate alone" for key in alone if alone[key]]
    if config.against and config.method not in WEIGHING:
        keys.append(f"search.against is for {', '.join(WEIGHING)}")
    return [f"{key}; the method {config.method} does not look at it" for key in keys]


def _one_of(choices: Sequence[str]) -> str:
    return f"{', '.join(choices[:-1])} or {choices[-1]}"


def _near(value: str, choices: Sequence[str]) -> str:
    near = get_close_matches(value, choices, n=1)
    return f" Did you mean {near[0]!r}?" if near else ""
