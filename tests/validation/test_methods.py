from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambergen.budgets import Budget
from ambergen.datasets.store import Store
from ambergen.errors import ConfigError, StoreError
from ambergen.evaluators.stand_alone import StandAlone, StandAloneConfig
from ambergen.executors.inline import InlineExecutor
from ambergen.metrics.comparison import best_of
from ambergen.report.methods_page import write_methods_page
from ambergen.spaces.hierarchical_space import HierarchicalSpace
from ambergen.strategies import filters
from ambergen.validation.method_records import METHODS, MethodsConfig, Setup, anytime, at_costs
from ambergen.validation.method_summary import _against_random, _interval, _kept_back
from ambergen.validation.methods import compare_methods, methods_of
from tests.simulated import SPACE, TRAIN, search_config


def trial(number: int, score: float | None, seconds: float, **more: Any) -> dict[str, Any]:
    return {
        "event": "trial",
        "trial": number,
        "step": number,
        "score": score,
        "evaluator": "stand-alone",
        "rung": 0,
        "cost": {"device_seconds": seconds},
        **more,
    }


# ---- curves


def test_anytime__of_networks_trained_alone_is_paid_trial_by_trial() -> None:
    events = [trial(0, 0.6, 2.0), trial(1, None, 1.0), trial(2, 0.5, 3.0), trial(3, 0.7, 4.0), trial(4, 0.65, 1.5)]
    assert anytime(events).tolist() == [[2, 0.6], [10, 0.7], [11.5, 0.7]]


def test_anytime__of_shared_weights_pays_for_their_training() -> None:
    shared = {"evaluator": "shared"}
    events = [
        trial(0, 0.6, 0.1, step=0, **shared),
        trial(1, 0.7, 0.1, step=0, **shared),
        {"event": "step", "step": 0, "cost": {"device_seconds": 30.0}},
        trial(2, 0.8, 0.1, step=1, **shared),
        {"event": "step", "step": 1, "cost": {"device_seconds": 50.0}},
        trial(3, 0.9, 0.1, step=2, **shared),  # its round was cut off
    ]
    curve = anytime(events)
    assert curve[-1].tolist() == [50, 0.8]
    assert at_costs(curve, np.array([29.0, 30.0, 49.0]))[1:].tolist() == [0.7, 0.7]
    assert np.isnan(at_costs(curve, np.array([29.0])))[0]


def test_anytime__a_higher_rung_counts_for_more() -> None:
    events = [trial(0, 0.8, 1.0), trial(1, 0.75, 1.0), trial(0, 0.78, 2.0, rung=1), trial(2, 0.9, 1.0)]
    assert anytime(events).tolist() == [[1, 0.8], [4, 0.78], [5, 0.78]]


@given(st.lists(st.tuples(st.floats(0.1, 5), st.none() | st.floats(0, 1)), max_size=20))
def test_anytime__is_the_best_of_what_was_paid(trials: list[tuple[float, float | None]]) -> None:
    curve = anytime([trial(k, score, seconds) for k, (seconds, score) in enumerate(trials)])
    spent = np.cumsum([seconds for seconds, _ in trials])
    for k, cost in enumerate(spent):
        scores = [score for _, score in trials[: k + 1] if score is not None]
        found = at_costs(curve, np.array([cost]))[0]
        assert (found == max(scores)) if scores else np.isnan(found)


# ---- settings


@pytest.mark.parametrize(
    ("methods", "budget", "words"),
    [
        (("enas", "evolutoin"), "10min", "'evolutoin' is not a search method; .* Did you mean 'evolution'"),
        (("enas", "enas"), "10min", "expected at least one, each once"),
        ((), "10min", "methods are none"),
        (("enas",), "100 trials", "for trials of one method are not those of another"),
    ],
)
def test_config__says_what_it_expected(methods: tuple[str, ...], budget: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        MethodsConfig(methods, Budget.parse(budget))


# ---- the whole


@pytest.fixture(scope="module")
def budget(small_store: Store) -> Budget:
    """Time for a few trainings, on however slow a machine: five times that of one, after a first that warms up."""
    with InlineExecutor() as executor:
        alone = StandAlone(SPACE, small_store, StandAloneConfig(TRAIN), "auroc", 0, "float32", executor)
        architecture = SPACE.sample(np.random.default_rng(0))
        costs = [alone.rating(architecture, alone.submit(architecture).result()).cost for _ in range(2)]
    return Budget(max(1.0, round(5 * costs[1].device_seconds, 1)), "device_seconds")


def setup(store: Store) -> Setup:
    return Setup(SPACE, store, search_config(finalists=1, rescored=2, fresh=1), TRAIN, 2)


@pytest.fixture(scope="module")
def compared(
    small_store: Store, budget: Budget, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, Any]]:
    out = tmp_path_factory.mktemp("methods")
    with InlineExecutor() as executor:
        return out, compare_methods(setup(small_store), MethodsConfig(("enas", "random"), budget, 1), executor, out)


def test_compare_methods__measures_every_winner_once(compared: tuple[Path, dict[str, Any]]) -> None:
    out, summary = compared
    assert json.loads((out / "methods.json").read_text()) == summary
    assert {(s["method"], s["seed"]) for s in summary["searches"]} == {("enas", 0), ("random", 0)}
    for one in summary["searches"]:
        assert len(one["test"]["auroc"]) == 2
        assert all(0 <= value <= 1 for value in one["test"]["auroc"] + one["selection"]["auroc"])
        models = sorted(p.parent.name for p in (out / "methods/models" / one["architecture"]).glob("seed*/model.json"))
        assert models == ["seed0", "seed1"]
    scores = [m["test"]["mean"] for m in summary["methods"]]
    assert scores == sorted(scores, reverse=True)


def test_compare_methods__counts_everything(compared: tuple[Path, dict[str, Any]]) -> None:
    out, summary = compared
    whole, begun = summary["budget"]["device_seconds"], json.loads((out / "methods/settings.json").read_text())["begun"]
    training, scoring = begun["finalist_seconds"]["macro"], begun["scoring_seconds"]["macro"]
    assert 0 < scoring <= training
    # finalists of random search are trained already; enas rates three of its trials and a fresh one again
    expected = {"random": 1 * scoring, "enas": 1 * training + 3 * begun["rescoring_seconds"]["enas"]}
    assert summary["kept_back"] == pytest.approx(expected)
    for one in summary["searches"]:
        reserved = summary["kept_back"][one["method"]]
        log = out / "methods" / one["method"] / "seed0" / "events.jsonl"
        events = [json.loads(line) for line in log.read_text().splitlines()]
        assert events[0]["configuration"]["budget"] == events[0]["budget"]
        assert Budget.parse(events[0]["budget"]).amount == pytest.approx(whole - reserved, abs=1e-3)
        assert one["device_seconds"] == events[-1]["cost"]["device_seconds"]
        # the search went on until what finalists do not need was spent
        finalists = sum(e["cost"]["device_seconds"] for e in events if e["event"] == "finalist")
        assert one["device_seconds"] - finalists >= whole - reserved - 1e-3


def test_compare_methods__random_curve_is_the_exact_expectation(compared: tuple[Path, dict[str, Any]]) -> None:
    out, summary = compared
    lines = (out / "methods/random/seed0/events.jsonl").read_text().splitlines()
    trials = [e for e in map(json.loads, lines) if e["event"] == "trial"]
    expected = best_of([t["score"] for t in trials], [t["cost"]["device_seconds"] for t in trials])
    assert summary["best_of_n"]["expected"] == pytest.approx(expected.figure.tolist())


def test_compare_methods__says_what_one_search_can_tell(compared: tuple[Path, dict[str, Any]]) -> None:
    words = " ".join(compared[1]["sentences"])
    assert "with everything counted" in words
    assert "enas against random search" in words
    assert "one search is one sample" in words
    assert "curves of their own" in words


def test_sentences__tell_what_is_kept_back() -> None:
    assert _kept_back({"kept_back": {"enas": 12.34, "nas": 0.52, "random": 0.5}}) == (
        "Kept back of a search's device seconds for its finalists: 12.3 of enas, where the best are rated again and "
        "finalists are trained; 0.52 of nas, 0.5 of random, where finalists are trained already and only scored."
    )


def test_sentences__of_random_search_alone_say_that_nothing_is_compared() -> None:
    summary = {"methods": [{"method": "random"}], "tests": []}
    assert list(_against_random(summary)) == [
        "Random search was the only method, so that there is nothing to compare it with."
    ]
    summary["methods"][0]["method"] = "nas"
    assert "Random search was not among the methods" in next(_against_random(summary))


def test_sentences__say_that_the_difference_is_a_median() -> None:
    test = {"method": "nas", "n": 3, "n_random": 3, "difference": 0.02, "low": -0.01, "high": 0.03, "superiority": 0.7}
    summary = {"methods": [], "tests": [test | {"p": 0.4, "p_adjusted": 0.4, "smallest_p": 0.1}]}
    assert next(_against_random(summary)).startswith(
        "nas against random search: median difference of two searches +0.0200 (-0.0100 to +0.0300), which may be chance"
    )


@given(st.lists(st.floats(0, 1), min_size=2, max_size=4))
def test_interval__of_scores_stays_among_scores(values: list[float]) -> None:
    found = _interval(values, "auroc")
    assert 0 <= found["low"] <= found["mean"] + 1e-9
    assert found["mean"] - 1e-9 <= found["high"] <= 1


def test_interval__reaches_as_far_as_the_objective() -> None:
    assert _interval([-0.9, -0.1], "mcc")["low"] == -1
    assert _interval([-0.9, -0.1], "log_likelihood")["low"] < -1
    assert _interval([-0.9, -0.1], "log_likelihood")["high"] == 0
    assert _interval([-9.0, 9.0], "/a/mine.py:f")["high"] > 9


def test_compare_methods__goes_by_an_objective_that_is_below_zero(
    small_store: Store, budget: Budget, tmp_path: Path
) -> None:
    base = setup(small_store)
    base = replace(base, search=replace(base.search, objective="log_likelihood"))
    with InlineExecutor() as executor:
        summary = compare_methods(base, MethodsConfig(("random",), budget, 1), executor, tmp_path)
    assert summary["objective"] == "log_likelihood"
    one, method = summary["searches"][0], summary["methods"][0]
    assert set(one["test"]) == {"auroc", "average_precision", "log_likelihood"}
    assert method["test"]["mean"] == pytest.approx(np.mean(one["test"]["log_likelihood"]))
    assert method["test"]["mean"] < 0 < np.mean(one["test"]["auroc"])
    assert max(summary["curves"]["random"]["mean"]) < 0
    assert "score on the test split (mean log likelihood (nats)): random -0." in summary["sentences"][0]
    page = write_methods_page(tmp_path).read_text(encoding="utf-8")
    assert "mean log likelihood (nats)" in page
    assert f"−{-method['test']['mean']:.3f}" in page


def test_compare_methods__refuses_methods_that_cannot_search_the_space(small_store: Store, tmp_path: Path) -> None:
    hierarchical = replace(setup(small_store), space=HierarchicalSpace())
    config = MethodsConfig(("enas", "random", "nas"), Budget(5, "seconds"))
    words = "enas, nas cannot search a space without layers, .* expected some of hierarchical, evolution, random. Leave"
    with InlineExecutor() as executor, pytest.raises(ConfigError, match=words):
        compare_methods(hierarchical, config, executor, tmp_path)
    assert not list(tmp_path.iterdir())
    assert methods_of(hierarchical.space) == ("hierarchical", "evolution", "random")
    assert methods_of(SPACE) == METHODS


@pytest.mark.parametrize("method", METHODS)
def test_compare_methods__refuses_limits_that_nothing_keeps_before_the_work(
    small_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    monkeypatch.setattr(filters, "MOST_REFUSED", 30)
    base = setup(small_store)
    impossible = replace(base, search=replace(base.search, max_parameters=10))
    config = MethodsConfig((method,), Budget(60, "seconds"))
    with InlineExecutor() as executor, pytest.raises(ConfigError, match=r"max_parameters is 10; \d+ of the last"):
        compare_methods(impossible, config, executor, tmp_path)
    assert not list(tmp_path.iterdir())


def test_compare_methods__goes_on_with_more_seeds(
    compared: tuple[Path, dict[str, Any]], small_store: Store, budget: Budget
) -> None:
    out, before = compared
    log = out / "methods" / "random" / "seed0" / "events.jsonl"
    written = log.stat().st_mtime_ns
    with InlineExecutor() as executor:
        after = compare_methods(setup(small_store), MethodsConfig(("random",), budget, 2), executor, out)
    assert log.stat().st_mtime_ns == written
    first = [s for s in after["searches"] if s["seed"] == 0]
    assert first == [s for s in before["searches"] if s["method"] == "random"]
    assert {m["method"]: m["n"] for m in after["methods"]} == {"random": 2}
    assert after["tests"] == []


def test_compare_methods__refuses_other_settings(
    compared: tuple[Path, dict[str, Any]], small_store: Store, budget: Budget, tmp_path: Path
) -> None:
    out, _ = compared
    same, more = (MethodsConfig(("random",), b) for b in (budget, replace(budget, amount=1e6)))
    other = replace(setup(small_store), search=replace(setup(small_store).search, seed=5))
    with InlineExecutor() as executor:
        with pytest.raises(ConfigError, match=r"begun with other settings: budget was .* and is now .*--set out="):
            compare_methods(setup(small_store), more, executor, out)
        with pytest.raises(ConfigError, match=r"search\.seed was 0 and is now 5"):
            compare_methods(other, same, executor, out)
        settings = tmp_path / "methods" / "settings.json"
        settings.parent.mkdir()
        settings.write_text("{}")
        with pytest.raises(StoreError, match=r"settings\.json: not the settings of a comparison .* remove .*methods"):
            compare_methods(setup(small_store), same, executor, tmp_path)


def test_compare_methods__a_budget_has_to_pay_for_the_finalists(small_store: Store, tmp_path: Path) -> None:
    with (
        InlineExecutor() as executor,
        pytest.raises(ConfigError, match=r"does not pay for the finalists of a search by random: 1, with"),
    ):
        compare_methods(setup(small_store), MethodsConfig(("random",), Budget(1e-5, "seconds")), executor, tmp_path)
    assert not list(tmp_path.glob("methods/random/*"))


# ---- its page


def test_page__shows_every_search_and_needs_nothing_outside(compared: tuple[Path, dict[str, Any]]) -> None:
    out, summary = compared
    (out / "methods.json").write_text(json.dumps(summary))  # other tests have compared other methods there
    page = write_methods_page(out).read_text(encoding="utf-8")
    for one in summary["searches"]:
        assert one["architecture"] in page
    assert page.count("<svg ") == 2
    origin = summary["provenance"]
    assert "Where these numbers come from" in page
    for text in (origin["versions"]["torch"], origin["device"], origin["store"], "config.search.seed"):
        assert text in page
    assert not set(re.findall(r"https?://([\w.]+)", page)) - {"www.w3.org"}


def test_methods__are_those_that_a_search_knows() -> None:
    assert set(METHODS) == {"enas", "nas", "hierarchical", "evolution", "oneshot", "random"}
