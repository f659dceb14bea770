from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ambergen.budgets import Budget
from ambergen.errors import ConfigError
from ambergen.evaluators.simulation import simulate
from ambergen.evaluators.tabular import TabularEvaluator
from ambergen.strategies.base import Rated
from ambergen.strategies.evolution import AgeingEvolution, EvolutionConfig
from ambergen.strategies.random import RandomStrategy
from tests.tables import SPACE, made_up_table

TABLE = made_up_table(noise=0.01)


def evolution(seed: int) -> AgeingEvolution:
    return AgeingEvolution(SPACE, seed, EvolutionConfig(population=8, sample=3))


@given(seed=st.integers(0, 50), workers=st.integers(1, 6), trials=st.integers(1, 40))
@settings(max_examples=20)
def test_simulation__counts_what_was_trained(seed: int, workers: int, trials: int) -> None:
    evaluator = TabularEvaluator(TABLE, seed)
    run = simulate(evolution(seed), evaluator, Budget(trials, "trials"), workers)
    assert len(run.rows) == trials == len(set(run.rows.tolist()))
    ratings = [evaluator.rating(TABLE.architectures[row]) for row in run.rows]
    assert run.scores.tolist() == [r.score for r in ratings]
    np.testing.assert_allclose(run.costs, np.cumsum([r.cost.device_seconds for r in ratings]))
    assert (np.diff(run.clock) >= 0).all()
    # all workers are busy until the last training has begun
    longest = max(r.cost.device_seconds for r in ratings)
    assert run.costs[-1] / workers <= run.clock[-1] + 1e-9
    assert run.clock[-1] <= run.costs[-1] / workers + longest + 1e-9


def test_simulation__of_one_worker_is_the_plain_loop() -> None:
    evaluator, strategy, rows = TabularEvaluator(TABLE, 3), evolution(3), []
    for _ in range(30):
        architecture = strategy.ask(1)[0]
        rating = evaluator.rating(architecture)
        strategy.tell([Rated(architecture, rating.score or 0.0)])
        rows.append(TABLE.index(architecture))
    run = simulate(evolution(3), evaluator, Budget(30, "trials"))
    assert run.rows.tolist() == rows
    np.testing.assert_allclose(run.clock, run.costs)


def test_simulation__holds_the_first_of_the_best_scores() -> None:
    run = simulate(RandomStrategy(SPACE, 1), TabularEvaluator(TABLE, 1), Budget(50, "trials"))
    for k, row in enumerate(run.incumbents):
        seen = run.scores[: k + 1]
        assert row == run.rows[int(seen.argmax())]


@pytest.mark.parametrize("workers", [1, 3])
def test_simulation__ends_within_a_budget_of_time(workers: int) -> None:
    evaluator = TabularEvaluator(TABLE, 0)
    whole = simulate(RandomStrategy(SPACE, 0), evaluator, Budget(343, "trials"), workers)
    device = simulate(RandomStrategy(SPACE, 0), evaluator, Budget(60, "device_seconds"), workers)
    wall = simulate(RandomStrategy(SPACE, 0), evaluator, Budget(60, "seconds"), workers)
    assert device.costs[-1] <= 60 < whole.costs[len(device.rows)]
    assert wall.clock[-1] <= 60 < whole.clock[len(wall.rows)]
    assert whole.rows[: len(wall.rows)].tolist() == wall.rows.tolist()


def test_simulation__ends_when_the_table_is_exhausted() -> None:
    run = simulate(RandomStrategy(SPACE, 0), TabularEvaluator(TABLE, 0), Budget(10**6, "seconds"), 2)
    assert sorted(run.rows.tolist()) == list(range(343))


@pytest.mark.parametrize(
    ("budget", "workers", "words"),
    [
        (Budget(3, "epochs"), 1, "counts epochs of shared weights, which a table does not have"),
        (Budget(344, "trials"), 1, "more than the 343 architectures"),
        (Budget(10, "trials"), 0, "workers is 0"),
        (Budget(0.01, "seconds"), 1, "0.01s ends before the first training does"),
    ],
)
def test_simulation__refuses_impossible_budgets(budget: Budget, workers: int, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        simulate(RandomStrategy(SPACE, 0), TabularEvaluator(TABLE, 0), budget, workers)
