"""Searches for other objectives than the AUROC: ambergen's own and a function of the user, wherever it is looked up."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ambergen as ag
from ambergen.contest import FILE
from ambergen.datasets.store import Store
from ambergen.errors import ConfigError, RunError, StoreError
from ambergen.executors.inline import InlineExecutor
from ambergen.executors.processes import ProcessExecutor
from ambergen.metrics import objectives
from ambergen.metrics.objectives import within_unit
from ambergen.progress import Task, _SilentTask
from ambergen.runs.audit import AuditConfig, audit
from ambergen.runs.config import PrescreenConfig, SearchConfig, unused
from ambergen.runs.events import read_events
from ambergen.runs.loop import SearchResult, search
from ambergen.runs.rungs import RungConfig
from ambergen.strategies.base import Rated
from ambergen.strategies.random import RandomStrategy
from ambergen.training.saving import read_description
from tests.simulated import SPACE, TRAIN, search_config

LEAST = """\
import numpy as np


def gap(scores, labels):
    '''Mean logit of positives less that of negatives, in hundreds.'''
    n = labels.sum(axis=0)
    return 100 * ((scores * labels).sum(axis=0) / n - (scores * (1 - labels)).sum(axis=0) / (len(labels) - n))
"""


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A user's file with an objective that leaves [0, 1] on both sides; forgotten afterwards."""
    monkeypatch.setattr(objectives, "_LOADED", {})
    modules = set(sys.modules)
    path = tmp_path / "my_metrics.py"
    path.write_text(LEAST)
    yield path
    for name in set(sys.modules) - modules:
        if name.startswith("ambergen_plugin"):
            del sys.modules[name]


class Listener:
    """Progress of which only what is said is kept."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def task(self, description: str, total: float | None = None) -> Task:
        return _SilentTask()

    def say(self, text: str) -> None:
        self.said.append(text)


def run(store: Store, out: Path, config: SearchConfig, **more: Any) -> SearchResult:
    with more.pop("executor", InlineExecutor()) as executor:
        return search(SPACE, store, config, out, executor, **more)


def events(out: Path, kind: str) -> list[dict[str, Any]]:
    return [e for e in read_events(out / "events.jsonl") if e["event"] == kind]


def scores(out: Path) -> list[tuple[str, float]]:
    return [(e["id"], e["score"]) for e in events(out, "trial")]


def test_search__for_an_own_objective_is_the_same_in_worker_processes(
    small_store: Store, tmp_path: Path, mine: Path
) -> None:
    config = search_config("random", "3 trials", objective=f"{mine}:gap")
    run(small_store, tmp_path / "here", config)
    run(small_store, tmp_path / "there", config, executor=ProcessExecutor(1, threads=1))
    assert scores(tmp_path / "here") == scores(tmp_path / "there")
    assert max(abs(score) for _, score in scores(tmp_path / "here")) > 1
    started = events(tmp_path / "here", "search_started")[0]
    assert started["objective"] == started["configuration"]["objective"] == f"{mine}:gap"
    assert started["objective_without_skill"] == 0.0


def test_search__continues_only_with_the_code_that_it_began_with(
    small_store: Store, tmp_path: Path, mine: Path
) -> None:
    config = search_config("random", "2 trials", objective=f"{mine}:gap")
    out = tmp_path / "run"
    first = run(small_store, out, config)
    mine.write_text("# what I look for\n" + LEAST)
    assert run(small_store, out, replace(config)).architecture == first.architecture
    mine.write_text(LEAST.replace("100 *", "10 *"))
    with pytest.raises(ConfigError, match=r"begun with another code of its objective, .*gap; .*or search into another"):
        run(small_store, out, replace(config))
    with pytest.raises(ConfigError, match=r"objective was '.*my_metrics.py:gap' and is now 'mcc'"):
        run(small_store, out, replace(config, objective="mcc"))


def test_search__of_a_built_in_objective_begins_with_the_event_of_before(small_store: Store, tmp_path: Path) -> None:
    """Else searches of earlier versions could not go on."""
    run(small_store, tmp_path, search_config("random", "1 trials"))
    started = events(tmp_path, "search_started")[0]
    assert started["objective"] == "auroc"
    assert not {key for key in started if key.startswith("objective_")}


@pytest.mark.parametrize("method", ["enas", "evolution"])
def test_search__finalists_and_the_winner_go_by_an_objective_below_zero(
    small_store: Store, tmp_path: Path, method: str
) -> None:
    budget = "12 steps" if method == "enas" else "4 trials"
    config = search_config(objective="log_likelihood")
    found = ag.search(SPACE, small_store, method=method, budget=budget, out=tmp_path, config=config)
    assert all(t.score is not None and t.score < 0 for t in found.trials)
    values = [f.stand_alone_score or 0.0 for f in found.finalists]
    assert values == sorted(values, reverse=True)
    assert max(values) < 0
    found.train(seeds=1, config=TRAIN)
    settled = json.loads((tmp_path / FILE).read_text())["0"]
    trained = {
        path.parent.parent.name: read_description(path.parent)["provenance"]["training"]["selection_log_likelihood"]
        for path in tmp_path.glob("models/*/seed0/model.json")
    }
    assert settled["scores"] == trained
    assert settled["winner"] == max(trained, key=lambda name: trained[name])
    history = json.loads(next(tmp_path.glob("models/*/seed0/history.jsonl")).read_text().splitlines()[0])
    assert {"auroc", "average_precision", "log_likelihood"} <= set(history)


def test_train__refuses_models_that_do_not_say_the_objective(small_store: Store, tmp_path: Path) -> None:
    settings = {"method": "random", "budget": "1 trials", "config": search_config(), "finalists": 1}
    ag.search(SPACE, small_store, out=tmp_path, **settings).train(seeds=1, config=TRAIN)
    (tmp_path / "events.jsonl").unlink()
    shutil.rmtree(tmp_path / "checkpoints")
    again = ag.search(SPACE, small_store, out=tmp_path, **settings, objective="mcc")
    with pytest.raises(
        StoreError, match=r"seed0: this model was trained for a search with another objective, and does"
    ):
        again.train(seeds=1, config=TRAIN)


def test_rungs__count_for_more_than_any_score(
    small_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Rated] = []
    tell = RandomStrategy.tell

    def listening(self: RandomStrategy, rated: Sequence[Rated]) -> None:
        told.extend(rated)
        tell(self, rated)

    monkeypatch.setattr(RandomStrategy, "tell", listening)
    run(small_store, tmp_path, search_config("random", "4 trials", objective="brier", rungs=RungConfig((1, 2), eta=2)))
    rungs = [e["rung"] for e in events(tmp_path, "trial")]
    assert set(rungs) == {0, 1}
    assert [int(r.score) for r in told] == rungs
    rated = [e["score"] for e in events(tmp_path, "trial")]
    assert [r.score for r in told] == pytest.approx(
        [r + within_unit("brier", s) for r, s in zip(rungs, rated, strict=True)]
    )
    assert min(rated) < 0


@pytest.mark.parametrize("method", ["random", "enas"])
def test_trials__of_which_the_objective_has_no_value_fail_with_the_reason(
    small_store: Store, tmp_path: Path, mine: Path, method: str
) -> None:
    """A function that holds on the small example, and sometimes not on real scores."""
    mine.write_text(LEAST + "\n\ndef moody(scores, labels):\n    return gap(scores, labels) / (len(scores) < 50)\n")
    config = search_config(method, "2 trials" if method == "random" else "3 steps", objective=f"{mine}:moody")
    with np.errstate(divide="ignore"), pytest.raises(RunError, match=r"all .* trials failed: .*value for track 0 is"):
        run(small_store, tmp_path / "run", config)
    reasons = {e["reason"] for e in events(tmp_path / "run", "trial")}
    assert all("moody: its value for track 0 is " in reason for reason in reasons)


def test_audit__measures_what_the_search_strove_for(small_store: Store, tmp_path: Path) -> None:
    config = search_config("random", "2 trials", objective="accuracy")
    run(small_store, tmp_path, config)
    how = AuditConfig(n=4, zero_cost=("parameters",), rows=16, resamples=20, permutations=20)
    with InlineExecutor() as executor:
        record = audit(SPACE, small_store, config, tmp_path, executor, how)
    assert record["objective"] == "accuracy"
    reached = [json.loads(line) for line in (tmp_path / "audit.jsonl").read_text().splitlines()[1:]]
    windows = len(small_store.indices("selection"))
    for event in reached:  # a mean over tracks of shares of windows
        assert event["score"] * windows * 3 == pytest.approx(round(event["score"] * windows * 3), abs=1e-6)


# ---- settings that are not looked at


def test_unused__are_said_once_when_a_search_begins(small_store: Store, tmp_path: Path) -> None:
    config = search_config("random", "1 trials", against=("parameters",))
    listener = Listener()
    for _ in range(2):
        for number in (0, 1):
            run(small_store, tmp_path, config, progress=listener, number=number)
    assert listener.said == [f"search: {text}" for text in unused(config)]
    assert unused(config) == [
        "search.against is for hierarchical, evolution, oneshot; the method random does not look at it"
    ]


def test_unused__names_every_setting_that_the_method_does_not_look_at() -> None:
    config = SearchConfig(method="enas", rungs=RungConfig((1, 3)), prescreen=PrescreenConfig("naswot"))
    assert unused(config) == [
        "search.rungs is for methods that train each candidate alone; the method enas does not look at it",
        "search.prescreen is for methods that train each candidate alone; the method enas does not look at it",
    ]
    assert unused(replace(config, method="evolution", against=("parameters",))) == []
