"""A search method is a triple: a space, a strategy, an evaluator."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from ambergen.datasets.batches import DeviceStore
from ambergen.datasets.store import Store
from ambergen.errors import ConfigError
from ambergen.evaluators.shared_weights import SharedWeights
from ambergen.evaluators.stand_alone import StandAlone
from ambergen.models.summary import child_parameters, multiply_adds
from ambergen.runs.config import SHARED, SearchConfig
from ambergen.runs.course import Course, Setting
from ambergen.runs.rounds import Rounds
from ambergen.runs.screening import Screening
from ambergen.runs.trainings import Trainings
from ambergen.spaces.base import Candidate, SearchSpace
from ambergen.spaces.hierarchical_space import HierarchicalSpace
from ambergen.spaces.space import Space
from ambergen.strategies.base import Strategy
from ambergen.strategies.evolution import AgeingEvolution
from ambergen.strategies.filters import Feasible, Limit, Prescreened
from ambergen.strategies.random import RandomStrategy
from ambergen.strategies.reinforce import ControllerStrategy
from ambergen.strategies.supernet_evolution import SupernetEvolution
from ambergen.strategies.tournament import TournamentEvolution
from ambergen.training.precision import DTYPES


def searched_space(space: SearchSpace, config: SearchConfig) -> SearchSpace:
    """The space that a method searches where the run's is `space`.

    The method hierarchical searches cells of cells (`search.cells`); from a macro space they take its operations,
    stages, widths and head.
    """
    if config.method != "hierarchical" or not isinstance(space, Space):
        return space
    operations = dict.fromkeys((*space.operations, "identity", "separable8"))
    return HierarchicalSpace(
        operations=tuple(operations),
        motifs=config.cells.motifs,
        nodes=config.cells.nodes,
        merge=config.cells.merge,
        width=space.width,
        stages=space.n_stages,
        pool_first=space.pool_first,
        head=space.head,
        hidden=space.hidden,
        stem_kernel=space.stem_kernel,
        dropout=space.dropout,
        head_dropout=space.head_dropout,
        plugins=space.plugins,
    )


def make_course(setting: Setting) -> Course:
    """The course of the method that the settings name.

    Raises
    ------
    ConfigError
        If the method cannot search the space.
    """
    config = setting.config
    strategy, screening = make_strategy(setting.space, setting.store, config, setting.seed), None
    if config.method in SHARED:
        one_shot = config.oneshot if config.method == "oneshot" else None
        n_asked = config.controller.architectures if one_shot is None else one_shot.evolution.population
        return Rounds(setting, strategy, shared_weights(setting), n_asked, one_shot)
    if config.prescreen.score is not None:
        screening = Screening(setting)
        strategy = Prescreened(strategy, screening, config.prescreen.ratio, config.prescreen.score)
    return Trainings(setting, strategy, stand_alone(setting, "search"), screening)


def make_strategy(space: SearchSpace, store: Store, config: SearchConfig, seed: int) -> Strategy:
    """The strategy of a method, within the limits that the settings name, if any.

    Parameters
    ----------
    space : see `searched_space`

    Raises
    ------
    ConfigError
        If the method cannot search the space.
    """
    match config.method:
        case "enas":
            strategy: Strategy = ControllerStrategy(macro(space, config), seed, config.controller)
        case "oneshot":
            strategy = SupernetEvolution(macro(space, config), seed, config.oneshot.evolution, costs=config.against)
        case "nas":
            strategy = ControllerStrategy(macro(space, config), seed, config.nas, repeats=False)
        case "hierarchical":
            strategy = TournamentEvolution(space, seed, config.hierarchical, costs=config.against)
        case "evolution":
            strategy = AgeingEvolution(space, seed, config.evolution, costs=config.against)
        case "random":
            strategy = RandomStrategy(space, seed)
    size = store.n_tracks, store.length, store.alphabet.n_symbols

    def measure(count: Callable[..., int]) -> Callable[[Candidate], float]:
        return lambda candidate: count(space, candidate, *size)

    limits = [
        Limit(name, most, measure(count))
        for name, most, count in (
            ("max_parameters", config.max_parameters, child_parameters),
            ("max_multiply_adds", config.max_multiply_adds, multiply_adds),
        )
        if most is not None
    ]
    return Feasible(strategy, limits) if limits else strategy


def macro(space: SearchSpace, config: SearchConfig) -> Space:
    """The macro space, which alone has tokens for a controller and a supernet.

    Raises
    ------
    ConfigError
        If another space is searched.
    """
    if not isinstance(space, Space):
        raise ConfigError(
            f"search: the method {config.method} needs the macro space (layers x operations), and the space of "
            "this run is another. Set space.preset to amber or compact, or search.method to hierarchical, evolution or "
            "random."
        )
    return space


def shared_weights(setting: Setting) -> SharedWeights:
    """The supernet of a search, untrained."""
    return SharedWeights(
        macro(setting.space, setting.config),
        DeviceStore(setting.store, setting.device),
        setting.config.shared,
        setting.config.objective,
        setting.seed,
        DTYPES[setting.dtype],
    )


def stand_alone(setting: Setting, split: str, folder: Path | None = None, seed: int | None = None) -> StandAlone:
    """Short trainings that are scored on `split`; with rungs, as long as the highest of them.

    Parameters
    ----------
    folder : for the checkpoints of trainings; default: that of the search
    seed : of trainings; default: that of the search
    """
    config = setting.config.short_training
    config = replace(config, train=replace(config.train, epochs=setting.config.rung_epochs[-1]))
    return StandAlone(
        setting.space,
        setting.store,
        config,
        setting.config.objective,
        setting.seed if seed is None else seed,
        setting.dtype,
        setting.executor,
        split,
        folder or setting.trainings,
    )
