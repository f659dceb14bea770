"""Every method: the published triple, the same list after an interruption, its limits kept, what it learned before."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from ambergen.budgets import Budget
from ambergen.datasets.store import Store
from ambergen.errors import ConfigError, LimitError, SpaceError
from ambergen.evaluators.zero_cost import zero_cost_table
from ambergen.executors.base import Job
from ambergen.executors.inline import InlineExecutor
from ambergen.models.summary import child_parameters
from ambergen.progress import SILENT
from ambergen.runs.config import CellsConfig, OneShotConfig, PrescreenConfig, SearchConfig
from ambergen.runs.course import Course, Setting
from ambergen.runs.events import EventLog, read_events
from ambergen.runs.loop import SearchResult, search
from ambergen.runs.methods import make_course, searched_space
from ambergen.spaces import operations
from ambergen.spaces.base import SearchSpace
from ambergen.spaces.hierarchical_space import HierarchicalSpace
from ambergen.spaces.space import Space
from ambergen.strategies import filters
from ambergen.strategies.evolution import EvolutionConfig
from ambergen.strategies.filters import Feasible, Limit
from ambergen.strategies.reinforce import ControllerConfig
from ambergen.strategies.supernet_evolution import SupernetEvolutionConfig
from ambergen.strategies.tournament import TournamentConfig
from ambergen.training.checkpoint import load_checkpoint
from tests.simulated import SPACE, search_config

BUDGETS = {
    "enas": "9 steps",
    "oneshot": "9 steps",
    "nas": "6 trials",
    "evolution": "6 trials",
    "hierarchical": "5 trials",
    "random": "4 trials",
}
ALONE = [method for method in BUDGETS if method not in ("enas", "oneshot")]


def configured(method: str, **changes: Any) -> SearchConfig:
    supernet = replace(search_config().supernet, warm_up=0.0, fairness="strict", recalibration=2)
    small: dict[str, Any] = {
        "nas": ControllerConfig.preset("nas", architectures=2, hidden=8),
        "evolution": EvolutionConfig(population=3, sample=2),
        "hierarchical": TournamentConfig(initial=2),
        "oneshot": OneShotConfig(
            supernet=supernet,
            evolution=SupernetEvolutionConfig(4, rounds=3, keep=2, mutants=1, crossovers=1),
        ),
        **changes,
    }
    return search_config(method, BUDGETS[method], **small)


class Interrupted(InlineExecutor):
    """Ends like Ctrl-C at a job of some number."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self.left = at

    def submit(self, function: Callable[..., Any], *args: Any) -> Job:
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt
        return super().submit(function, *args)


def run(
    store: Store,
    out: Path,
    config: SearchConfig,
    space: SearchSpace = SPACE,
    executor: InlineExecutor | None = None,
) -> SearchResult:
    with executor or InlineExecutor() as open_executor:
        return search(space, store, config, out, open_executor)


def events(out: Path, *kinds: str) -> list[dict[str, Any]]:
    found = (e for e in read_events(out / "events.jsonl") if not kinds or e["event"] in kinds)
    return [{k: v for k, v in e.items() if k != "cost"} for e in found]


@pytest.fixture(scope="module")
def finished(small_store: Store, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, SearchResult]]:
    searches = {}
    for method in BUDGETS:
        out = tmp_path_factory.mktemp(method)
        searches[method] = out, run(small_store, out, configured(method))
    return searches


@pytest.mark.parametrize("method", BUDGETS)
def test_method__finds_a_winner_among_what_it_rated(
    finished: dict[str, tuple[Path, SearchResult]], method: str
) -> None:
    out, result = finished[method]
    assert isinstance(result.space, HierarchicalSpace) == (method == "hierarchical")
    assert all(t.status == "done" for t in result.trials)
    assert result.architecture == result.finalists[0].architecture
    for trial in result.trials:
        result.space.check(trial.architecture)
    evaluator = "shared" if method in ("enas", "oneshot") else "stand-alone"
    assert {e["evaluator"] for e in events(out, "trial")} == {evaluator}
    assert result.cost.device_seconds > 0


@pytest.mark.parametrize("method", ALONE)
def test_method__that_trains_each_candidate_trains_none_twice(
    finished: dict[str, tuple[Path, SearchResult]], method: str
) -> None:
    trials = finished[method][1].trials
    assert len({t.architecture.id for t in trials}) == len(trials) == int(Budget.parse(BUDGETS[method]).amount)


@pytest.mark.parametrize(("method", "at"), [(m, at) for m in ALONE for at in (1, 3)] + [("oneshot", 1)])
def test_method__interrupted_writes_what_an_uninterrupted_one_writes(
    finished: dict[str, tuple[Path, SearchResult]], small_store: Store, tmp_path: Path, method: str, at: int
) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(small_store, tmp_path, configured(method), executor=Interrupted(at))
    result = run(small_store, tmp_path, configured(method))
    assert events(tmp_path) == events(finished[method][0])
    assert result.architecture == finished[method][1].architecture


def test_oneshot__trains_first_and_then_searches_with_frozen_weights(
    finished: dict[str, tuple[Path, SearchResult]],
) -> None:
    steps = events(finished["oneshot"][0], "step")
    assert [s["loss"] is not None for s in steps] == [True] * 3 + [False] * 3
    assert [s["trials"] for s in steps] == [0, 0, 0, 4, 8, 12]
    assert len({s["supernet_steps"] for s in steps[2:]}) == 1


@pytest.mark.parametrize("method", ["enas", "oneshot"])
def test_shared_weights__whose_training_has_an_end_end_a_longer_budget(
    small_store: Store, tmp_path: Path, method: str
) -> None:
    config = configured(method, supernet=replace(search_config().supernet, total_steps=7))
    one = replace(config.oneshot, supernet=replace(config.oneshot.supernet, total_steps=7))
    run(small_store, tmp_path, replace(config, oneshot=one))
    steps = events(tmp_path, "step")
    assert steps[-1]["supernet_steps"] == 7
    assert steps[-1]["trials"] > 0


def test_oneshot__with_a_budget_of_time_trains_for_its_share_of_it(small_store: Store, tmp_path: Path) -> None:
    config = replace(configured("oneshot"), budget=Budget(2.0, "seconds"))
    run(small_store, tmp_path, config)
    steps = [e for e in read_events(tmp_path / "events.jsonl") if e["event"] == "step"]
    trained = [s for s in steps if s["loss"] is not None]
    assert trained == steps[: len(trained)]
    assert all(s["cost"]["wall_seconds"] < 0.7 * 2.0 for s in trained[:-1])
    assert steps[-1]["trials"] > 0


def test_oneshot__with_a_budget_that_its_training_overruns_has_a_first_generation(
    small_store: Store, tmp_path: Path
) -> None:
    result = run(small_store, tmp_path, replace(configured("oneshot"), budget=Budget(1e-3, "seconds")))
    assert len(result.trials) == 4


def test_hierarchical__takes_its_sizes_from_the_macro_space() -> None:
    space = searched_space(SPACE, configured("hierarchical"))
    assert isinstance(space, HierarchicalSpace)
    assert (space.width, space.stages, space.head, space.hidden) == (8, 2, "gap", 16)
    assert set(SPACE.operations) < set(space.operations)
    assert searched_space(space, configured("hierarchical")) is space
    assert searched_space(SPACE, configured("evolution")) is SPACE
    assert (space.motifs, space.nodes, space.merge) == ((6,), (4, 5), "concat")  # the published ones
    smaller = searched_space(SPACE, configured("hierarchical", cells=CellsConfig((4,), (3, 3), "add")))
    assert (smaller.motifs, smaller.nodes, smaller.merge) == ((4,), (3, 3), "add")


@pytest.mark.parametrize("method", ["evolution", "random", "hierarchical"])
def test_method__searches_the_hierarchical_space(small_store: Store, tmp_path: Path, method: str) -> None:
    space = HierarchicalSpace(width=8, stages=2, motifs=(2,), nodes=(3, 3), mutations=20, head="gap", hidden=16)
    config = replace(configured(method), budget=Budget(3, "trials"))
    result = run(small_store, tmp_path, config, space)
    assert result.space == space
    assert len(result.trials) == 3


@pytest.mark.parametrize("method", ["enas", "nas", "oneshot"])
def test_method__that_needs_layers_refuses_another_space(small_store: Store, tmp_path: Path, method: str) -> None:
    with pytest.raises(ConfigError, match=f"the method {method} needs the macro space .* amber or compact, or search"):
        run(small_store, tmp_path, configured(method), HierarchicalSpace())


@pytest.mark.parametrize("method", ["enas", "oneshot", "evolution"])
def test_limits__are_kept_by_every_candidate(
    finished: dict[str, tuple[Path, SearchResult]], small_store: Store, tmp_path: Path, method: str
) -> None:
    sizes = sorted(t.parameters for t in finished[method][1].trials)
    most = sizes[len(sizes) // 2]
    assert sizes[-1] > most
    result = run(small_store, tmp_path, configured(method, max_parameters=most))
    assert all(t.parameters <= most for t in result.trials)
    assert child_parameters(SPACE, result.architecture, 3, 64) <= most


@pytest.mark.parametrize("method", ["random", "oneshot"])
def test_limits__that_no_candidate_keeps_are_refused_before_anything_is_written(
    finished: dict[str, tuple[Path, SearchResult]],
    small_store: Store,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    method: str,
) -> None:
    monkeypatch.setattr(filters, "MOST_REFUSED", 30)
    with pytest.raises(ConfigError, match=r"max_parameters is 10; 30 of the last 30 .* Raise max_parameters"):
        run(small_store, tmp_path, configured(method, max_parameters=10))
    assert list(tmp_path.rglob("*.*")) == []
    # So the corrected settings are not those of another search, and looking for a candidate has moved nothing.
    run(small_store, tmp_path, configured(method, max_parameters=10**9))
    found, expected = (events(out, "trial") for out in (tmp_path, finished[method][0]))
    assert found == expected


@pytest.mark.parametrize("method", ["evolution", "oneshot", "enas"])
def test_limits__that_nothing_more_keeps_end_the_search_with_what_it_has(
    small_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    monkeypatch.setattr(filters, "MOST_REFUSED", 30)

    def limited(most: float, out: Path) -> Course:
        config, log, seen = configured(method), EventLog(out / "events.jsonl"), count(1)
        setting = Setting(SPACE, small_store, config, out, log, executor, 0, "float32", torch.device("cpu"))
        course = make_course(setting)
        course.strategy = Feasible(course.strategy, [Limit("max_seen", most, lambda _: next(seen))])
        return course

    with InlineExecutor() as executor:
        course = limited(2, tmp_path / "two")
        course.strategy.propose = course.strategy.strategy.propose  # type: ignore[attr-defined,method-assign]
        course.run(SILENT.task(""))
        assert course.exhausted
        assert len(course.trials) == 2
        assert course.note().endswith(", nothing more keeps the limits")
        assert {c.architecture for c in course.candidates()} >= {t.architecture for t in course.trials}
        with pytest.raises(LimitError, match="max_seen is 0"):
            limited(0.5, tmp_path / "none").run(SILENT.task(""))


def test_operation__that_does_not_keep_the_length_is_refused_before_anything_is_written(
    small_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operations, "_OWN", {})
    operations.register_operation("halved", lambda channels, length: nn.MaxPool2d((1, 2)))
    # One of sixty networks has it, so that the first trials might not.
    rare = Space(layers=2, operations=[["conv8"], [*(f"conv{k}" for k in range(1, 60)), "halved"]], width=4, reduce=())  # type: ignore[arg-type]
    with pytest.raises(SpaceError, match=r"operation 'halved': its layer makes \(1, 4, 1, 32\) of \(1, 4, 1, 64\)"):
        run(small_store, tmp_path, configured("random"), rare)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("method", ["evolution", "hierarchical", "oneshot"])
def test_against__is_what_members_are_told_and_weighed_with(small_store: Store, tmp_path: Path, method: str) -> None:
    config = configured(method, against=("parameters",), max_parameters=10**9)
    result = run(small_store, tmp_path, config)
    assert events(tmp_path, "search_started")[0]["configuration"]["against"] == ["parameters"]
    state = load_checkpoint(tmp_path / "checkpoints" / "search0.pt")
    assert state is not None
    evolution = state["strategy"]["strategy"]  # within the limit
    assert evolution["origin"]["configuration"]["costs"] == ["parameters"]
    size = {t.architecture.to_json(): t.parameters for t in result.trials}
    for member in evolution["population"]["members"]:
        told = json.dumps(member["architecture"], separators=(",", ":"))
        assert member["costs"]["parameters"] == size[told] > 0


def test_prescreen__trains_what_its_score_puts_first(small_store: Store, tmp_path: Path) -> None:
    config = configured("random", prescreen=PrescreenConfig("parameters", ratio=5))
    chosen = run(small_store, tmp_path / "a", config).trials
    drawn = run(small_store, tmp_path / "b", replace(configured("random"), budget=Budget(20, "trials"))).trials
    for k, trial in enumerate(chosen):
        group = [t.architecture for t in drawn[5 * k : 5 * k + 5]]
        scores = zero_cost_table(SPACE, group, small_store, ("parameters",))["parameters"]
        assert trial.architecture == group[int(scores.argmax())]


def test_prescreen__is_paid_by_the_trial_that_it_chose(small_store: Store, tmp_path: Path) -> None:
    config = configured("random", prescreen=PrescreenConfig("naswot", ratio=5, rows=16))
    n_train, n_search = (len(small_store.indices(split)) for split in ("train", "search"))
    with pytest.raises(KeyboardInterrupt):
        run(small_store, tmp_path, config, executor=Interrupted(3))
    result = run(small_store, tmp_path, config)
    assert [t.cost.windows for t in result.trials] == [n_train + n_search + 5 * 16] * 4
    trials = sum(t.cost.device_seconds for t in result.trials)
    assert result.cost.device_seconds == pytest.approx(trials + sum(f.cost.device_seconds for f in result.finalists))


def test_prescreen__of_several_workers_is_paid_after_an_interruption(small_store: Store, tmp_path: Path) -> None:
    config = configured("random", prescreen=PrescreenConfig("naswot", ratio=5, rows=16))
    with pytest.raises(KeyboardInterrupt):
        run(small_store, tmp_path, config, executor=several(Interrupted(4)))
    state = load_checkpoint(tmp_path / "checkpoints" / "search0.pt")
    assert state is not None
    assert [p["screening"]["windows"] for p in state["pending"]] == [5 * 16] * 2
    result = run(small_store, tmp_path, config, executor=several(InlineExecutor()))
    assert len({t.cost.windows for t in result.trials}) == 1


def several(executor: InlineExecutor) -> InlineExecutor:
    executor.workers = 3
    return executor


def test_warm_start__begins_with_what_was_learned(
    finished: dict[str, tuple[Path, SearchResult]], small_store: Store, tmp_path: Path
) -> None:
    before, learned = finished["random"]
    result = run(small_store, tmp_path, configured("evolution", warm_start=before))
    rated = {t.architecture.id for t in learned.trials}
    assert not rated & {t.architecture.id for t in result.trials}
    # Its population is full, so that the first one is a child: one gene away from somebody.
    genes = [SPACE.genes(t.architecture) for t in learned.trials]
    first = SPACE.genes(result.trials[0].architecture)
    assert min(sum(a != b for a, b in zip(first, parent, strict=True)) for parent in genes) == 1


def test_warm_start__from_ratings_of_another_kind_is_refused(
    finished: dict[str, tuple[Path, SearchResult]], small_store: Store, tmp_path: Path
) -> None:
    config = configured("evolution", warm_start=finished["enas"][0])
    words = (
        r"warm_start: .*events.jsonl has 12 ratings, of which 0 are of networks trained alone with the objective auroc"
    )
    with pytest.raises(ConfigError, match=words):
        run(small_store, tmp_path, config)


def test_warm_start__from_ratings_by_another_objective_is_refused(
    finished: dict[str, tuple[Path, SearchResult]], small_store: Store, tmp_path: Path
) -> None:
    config = configured("evolution", warm_start=finished["random"][0], objective="average_precision")
    with pytest.raises(ConfigError, match="of which 0 are of networks trained alone with the objective average_prec"):
        run(small_store, tmp_path, config)


def test_warm_start__from_a_folder_that_is_not_there_leaves_nothing_behind(
    finished: dict[str, tuple[Path, SearchResult]], small_store: Store, tmp_path: Path
) -> None:
    config = configured("evolution", warm_start=tmp_path / "nowhere")
    with pytest.raises(ConfigError, match=r"warm_start: there is no .*nowhere/events.jsonl; .*Correct the path"):
        run(small_store, tmp_path / "out", config)
    assert not (tmp_path / "out" / "events.jsonl").exists()
    # So the corrected settings are not those of another search.
    assert run(small_store, tmp_path / "out", replace(config, warm_start=finished["random"][0])).finalists


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"method": "nass"}, r"method is 'nass'; .* Did you mean 'nas'\?"),
        ({"method": "evolution"}, r"the budget is 9 steps, which counts the training of shared weights.*100 trials"),
        ({"max_parameters": 0}, "max_parameters is 0; expected at least 1"),
        ({"against": ("size",)}, r"against is \['size'\]; expected some of parameters, multiply_adds"),
    ],
)
def test_config__refuses_what_cannot_be(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        replace(configured("enas"), **changes)


def test_prescreen_config__names_the_nearest_score() -> None:
    with pytest.raises(ConfigError, match=r"score is 'synflw'; expected one of .* Did you mean 'synflow'\?"):
        PrescreenConfig("synflw")
