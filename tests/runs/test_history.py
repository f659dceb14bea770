"""What a new search is told of an earlier one, where the two do not train their candidates equally long."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from ambergen.datasets.store import Store
from ambergen.evaluators.stand_alone import StandAloneConfig
from ambergen.executors.inline import InlineExecutor
from ambergen.runs.config import SearchConfig
from ambergen.runs.course import Setting
from ambergen.runs.events import EventLog
from ambergen.runs.history import read_history
from ambergen.runs.records import Trial
from ambergen.runs.rungs import RungConfig
from ambergen.seeds import generator
from ambergen.settings import plain_data
from ambergen.spaces.architecture import Architecture
from ambergen.spaces.space import Space
from ambergen.training.config import TrainConfig
from tests.simulated import SPACE, search_config

CANDIDATES = [SPACE.sample(generator(0, "history", k)) for k in (0, 1, 2)]
RATED = [(0, 0, 0.5), (1, 0, 0.75), (2, 0, 0.25), (1, 1, 0.7), (1, 2, 0.6)]
"""Candidate, rung and score; promotion made one look worse."""

Learned = Callable[[SearchConfig, SearchConfig, list[tuple[int, int, float]]], list[tuple[int, float]]]


def lasting(epochs: int) -> SearchConfig:
    return search_config("random", "3 trials", short_training=StandAloneConfig(TrainConfig(epochs=epochs)))


def laddered(*epochs: int) -> SearchConfig:
    return search_config("random", "3 trials", rungs=RungConfig(epochs))


@pytest.fixture
def learned(small_store: Store, tmp_path: Path) -> Learned:
    """Candidates and scores, in order, that a search gets from an earlier one with such ratings."""

    def read(earlier: SearchConfig, now: SearchConfig, rated: list[tuple[int, int, float]]) -> list[tuple[int, float]]:
        log = EventLog(tmp_path / "events.jsonl")
        configuration = json.loads(json.dumps(plain_data(earlier)))
        log.append({"event": "search_started", "search": 0, "objective": "auroc", "configuration": configuration})
        for number, rung, score in rated:
            trial = Trial(number, 0, CANDIDATES[number], score, "done", rung=rung)
            log.append(trial.to_event(0, "stand-alone"))
        with InlineExecutor() as executor:
            device = torch.device("cpu")
            setting = Setting(SPACE, small_store, now, tmp_path / "new", log, executor, 0, "float32", device)
            history = read_history(setting, tmp_path, "stand-alone")
        return [(CANDIDATES.index(r.architecture), r.score) for r in history]  # type: ignore[arg-type]

    return read


def test_history__of_another_kind_of_sources_counts_where_both_spaces_have_the_network(
    small_store: Store, tmp_path: Path
) -> None:
    """The bits of the two lists stand for different sources: what is told is the architecture, never its tokens."""
    operations = ("conv8",) * 3
    shared, of_enas = (Architecture(operations, ((), (), skips)) for skips in ((0,), (-1, 0)))
    log, config = EventLog(tmp_path / "events.jsonl"), lasting(1)
    configuration = json.loads(json.dumps(plain_data(config)))
    log.append({"event": "search_started", "search": 0, "objective": "auroc", "configuration": configuration})
    for number, architecture in enumerate((shared, of_enas)):
        log.append(Trial(number, 0, architecture, 0.5 + number / 10, "done").to_event(0, "stand-alone"))
    told = {}
    for sources in ("amber", "enas"):
        space = Space.from_dict({**SPACE.to_dict(), "sources": sources})
        with InlineExecutor() as executor:
            device = torch.device("cpu")
            setting = Setting(space, small_store, config, tmp_path / "new", log, executor, 0, "float32", device)
            told[sources] = [r.architecture for r in read_history(setting, tmp_path, "stand-alone")]
    assert told == {"amber": [shared], "enas": [shared, of_enas]}


def test_history__of_the_same_rungs_counts_as_in_the_search_itself(learned: Learned) -> None:
    same = laddered(1, 2, 4)
    assert learned(same, same, RATED) == [(0, 0.5), (2, 0.25), (1, 2.6)]


def test_history__of_rungs_is_told_by_scores_alone_to_a_search_without_any(learned: Learned) -> None:
    """A sum of rung and score would be out of the reach of whatever this search finds."""
    assert learned(laddered(1, 2, 4), lasting(4), RATED) == [(0, 0.5), (2, 0.25), (1, 0.6)]


def test_history__without_rungs_stands_on_the_one_that_it_was_trained_for(learned: Learned) -> None:
    assert learned(lasting(3), laddered(1, 3, 9), RATED[:2]) == [(0, 1.5), (1, 1.75)]
    assert learned(lasting(3), laddered(4, 8), RATED[:1])[0] == (0, 0.5)


def test_history__of_other_rungs_is_matched_by_epochs(learned: Learned) -> None:
    assert learned(laddered(1, 2, 4), laddered(1, 4), RATED) == [(0, 0.5), (2, 0.25), (1, 1.6)]
