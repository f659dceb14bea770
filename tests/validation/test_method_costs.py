"""What is kept back for the end of a search; `test_methods.py` holds it against searches that were made."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ambergen.budgets import Budget
from ambergen.datasets.store import Store
from ambergen.errors import RunError
from ambergen.evaluators.stand_alone import StandAloneConfig
from ambergen.executors.inline import InlineExecutor
from ambergen.progress import SILENT
from ambergen.runs.rungs import RungConfig
from ambergen.validation.method_costs import kept_back, measure
from ambergen.validation.method_records import Begun, MethodsConfig, Setup
from tests.simulated import SPACE, TRAIN, search_config

METHODS = MethodsConfig(("oneshot", "enas", "hierarchical", "random"), Budget(20.0, "seconds"))


def setup(store: Store, **changes: object) -> Setup:
    return Setup(SPACE, store, search_config(finalists=5, rescored=7, fresh=2, **changes), TRAIN)


@pytest.fixture
def begun() -> Begun:
    training, scoring = {"macro": 4.5, "hierarchical": 6.0}, {"macro": 0.5, "hierarchical": 0.25}
    return Begun(training, scoring, {"enas": 0.1, "oneshot": 0.2}, "float32", "float32")


@pytest.mark.parametrize(
    ("method", "seconds"),
    [
        ("enas", 5 * 4.5 + (7 + 2) * 0.1),
        ("oneshot", 5 * 4.5 + 7 * 0.2),  # it draws no fresh ones
        ("hierarchical", 5 * 0.25),
        ("random", 5 * 0.5),
    ],
)
def test_kept_back__is_what_the_end_of_a_method_costs(
    small_store: Store, begun: Begun, method: str, seconds: float
) -> None:
    assert kept_back(setup(small_store), METHODS, method, begun) == pytest.approx(seconds)


@pytest.mark.parametrize("n_trials", [4, 10, 20, 200])
def test_kept_back__with_rungs_pays_for_those_below_the_last(small_store: Store, begun: Begun, n_trials: int) -> None:
    # A trial costs one epoch, every second trial one more, every fourth two more, and every rung a score.
    laddered = setup(small_store, rungs=RungConfig((1, 2, 4), eta=2))
    trial = 1.0 + 0.5 * 1.0 + 0.25 * 2.0 + (1 + 0.5 + 0.25) * 0.5
    config = replace(METHODS, budget=Budget(n_trials * trial, "seconds"))
    climbing = max(0.0, 5 - n_trials / 4) * 2.0  # the two epochs of the last rung, one second each
    assert kept_back(laddered, config, "random", begun) == pytest.approx(5 * 0.5 + climbing)


def test_measure__adds_what_is_lacking_and_leaves_no_file(small_store: Store, tmp_path: Path) -> None:
    begun = Begun({}, {}, {}, "float32", "float32")
    config = replace(METHODS, methods=("enas", "random"))
    with InlineExecutor() as executor:
        assert measure(setup(small_store), config, begun, tmp_path, executor, SILENT)
        assert 0 < begun.scoring_seconds["macro"] <= begun.finalist_seconds["macro"]
        assert begun.rescoring_seconds.keys() == {"enas"}
        assert not measure(setup(small_store), config, begun, tmp_path, executor, SILENT)
    assert not list(tmp_path.iterdir())


def test_measure__that_fails_says_why(small_store: Store, tmp_path: Path) -> None:
    hopeless = setup(small_store, short_training=StandAloneConfig(replace(TRAIN, learning_rate=1e38)))
    config = replace(METHODS, methods=("random",))
    with InlineExecutor() as executor, pytest.raises(RunError, match=r"a short training failed: .*nan.* Mend the"):
        measure(hopeless, config, Begun({}, {}, {}, "float32", "float32"), tmp_path, executor, SILENT)
