"""A search method is a triple: a space, a strategy, an evaluator."""

from __future__ import annotations

from dataclasses import replace

from ambergen.datasets.batches import DeviceStore
from ambergen.errors import ConfigError
from ambergen.evaluators.shared_weights import SharedWeights
from ambergen.evaluators.stand_alone import StandAlone
from ambergen.runs.config import SearchConfig
from ambergen.runs.course import Course, Setting
from ambergen.runs.rounds import Rounds
from ambergen.runs.trainings import Trainings
from ambergen.spaces.base import SearchSpace
from ambergen.spaces.space import Space
from ambergen.strategies.random import RandomStrategy
from ambergen.strategies.reinforce import ControllerStrategy
from ambergen.training.precision import DTYPES


def searched_space(space: SearchSpace, config: SearchConfig) -> SearchSpace:
    """The space that a method searches where the run's is `space`."""
    return space


def make_course(setting: Setting) -> Course:
    """The course of the method that the settings name."""
    config, space, seed = setting.config, setting.space, setting.seed
    if config.method == "enas":
        strategy = ControllerStrategy(_macro(setting), seed, config.controller)
        return Rounds(setting, strategy, shared_weights(setting), config.controller.architectures, None)
    return Trainings(setting, RandomStrategy(space, seed), stand_alone(setting, "search"))


def _macro(setting: Setting) -> Space:
    """The macro space, which alone has tokens for a controller and a supernet.

    Raises
    ------
    ConfigError
        If another space is searched.
    """
    if not isinstance(setting.space, Space):
        raise ConfigError(
            f"search: the method {setting.config.method} needs the macro space (layers x operations), and the space of "
            "this run is another. Set space.preset to amber or compact, or search.method to hierarchical, evolution or "
            "random."
        )
    return setting.space


def shared_weights(setting: Setting) -> SharedWeights:
    """The supernet of a search, untrained."""
    return SharedWeights(
        _macro(setting),
        DeviceStore(setting.store, setting.device),
        setting.config.supernet,
        setting.config.objective,
        setting.seed,
        DTYPES[setting.dtype],
    )


def stand_alone(setting: Setting, split: str) -> StandAlone:
    """Short trainings that are scored on `split`; with rungs, as long as the highest of them."""
    config, rungs = setting.config.short_training, setting.config.rungs.epochs
    if rungs:
        config = replace(config, train=replace(config.train, epochs=rungs[-1]))
    return StandAlone(
        setting.space,
        setting.store,
        config,
        setting.config.objective,
        setting.seed,
        setting.dtype,
        setting.executor,
        split,
    )
