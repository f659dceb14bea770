from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ambergen.budgets import Budget
from ambergen.errors import ConfigError
from ambergen.evaluators.tabular import Table
from ambergen.validation.tabular import METHODS, MethodRuns, affordable, curve, effect, run_methods, summarise
from tests.tables import made_up_table

BUDGET = Budget(60, "trials")


@pytest.fixture(scope="module")
def table() -> Table:
    """Without noise: a search sees what an architecture is worth."""
    return made_up_table()


@pytest.fixture(scope="module")
def found(table: Table) -> dict[str, MethodRuns]:
    return {f.method: f for f in run_methods(table, ["random", "evolution", "tournament"], BUDGET, 50)}


def test_random__regret_is_that_of_the_best_of_n(table: Table, found: dict[str, MethodRuns]) -> None:
    """Of 343 ranks the best of 60 drawn without replacement is known exactly."""
    value = np.sort(table.value())[::-1]
    # P(best of the drawn is the k-th) for k = 0, 1, ...
    p, left = [], 1.0
    for k in range(len(value) - 60 + 1):
        p.append(left * 60 / (len(value) - k))
        left *= 1 - 60 / (len(value) - k)
    expected = float(value[0] - np.array(p) @ value[: len(p)])
    observed = found["random"].regret
    assert sum(p) == pytest.approx(1)
    assert observed.mean() == pytest.approx(expected, abs=4 * observed.std() / np.sqrt(len(observed)))
    # found with probability 60 / 343; 99.9% of Binomial(50, 0.175) lies below 19
    assert found["random"].found.sum() < 19


def test_evolution__beats_random_search_where_scores_add_up(found: dict[str, MethodRuns]) -> None:
    against = effect(found["evolution"].value, found["random"].value, np.random.default_rng(0))
    assert against.superiority.low > 0.5
    assert against.difference.low > 0


def test_methods__without_noise_end_where_they_saw_the_best(table: Table, found: dict[str, MethodRuns]) -> None:
    value = table.value()
    for runs in found.values():
        assert (runs.regret >= 0).all()
        for k, run in enumerate(runs.runs):
            assert runs.value[k] == pytest.approx(value[run.rows].max(), abs=1e-6)
            assert runs.found[k] == (value.argmax() in run.rows)
        curves = curve(runs, value, 60)
        np.testing.assert_allclose(curves[:, -1], runs.value)
        assert (np.diff(curves, axis=1) >= -1e-6).all()


def test_controller__runs_on_a_table_and_repeats_itself(table: Table) -> None:
    first, second = (run_methods(table, ["nas"], Budget(16, "trials"), 2)[0] for _ in range(2))
    assert [r.rows.tolist() for r in first.runs] == [r.rows.tolist() for r in second.runs]
    assert len(first.runs[0].rows) == 16


@given(
    st.lists(st.integers(0, 5), min_size=2, max_size=12),
    st.lists(st.integers(0, 5), min_size=2, max_size=12),
)
@settings(max_examples=25)
def test_effect__is_what_pairs_say(a: list[int], b: list[int]) -> None:
    found = effect(np.array(a, float), np.array(b, float), np.random.default_rng(0), 200)
    pairs = [(x > y) + 0.5 * (x == y) for x in a for y in b]
    assert found.superiority.estimate == pytest.approx(np.mean(pairs))
    assert found.difference.estimate == pytest.approx(np.mean(a) - np.mean(b))
    assert 0 <= found.superiority.low <= found.superiority.high <= 1
    mirrored = effect(np.array(b, float), np.array(a, float), np.random.default_rng(0), 200)
    assert mirrored.superiority.estimate == pytest.approx(1 - found.superiority.estimate)


def test_effect__interval_covers_as_often_as_it_says() -> None:
    rng, covered = np.random.default_rng(3), 0
    for _ in range(60):
        found = effect(rng.normal(0.5, 1, 30), rng.normal(0, 1, 30), rng, resamples=1000)
        covered += found.difference.low <= 0.5 <= found.difference.high
    assert covered >= 51  # 99% of Binomial(60, 0.95) is at least 52; a percentile interval is a little short


def test_summary__is_plain_and_ranks_the_methods(table: Table, found: dict[str, MethodRuns]) -> None:
    summary = summarise(table, list(found.values()), BUDGET, "auroc")
    means = [m["value"]["mean"] for m in summary["methods"]]
    assert means == sorted(means, reverse=True)
    assert summary["marks"] == [6, 15, 30, 60]
    assert summary["methods"][0]["method"] in summary["sentences"][0]
    assert any("evolution beats random search" in s for s in summary["sentences"])
    random = next(m for m in summary["methods"] if m["method"] == "random")
    assert "superiority" not in random
    assert random["regret_after"][-1] == pytest.approx(random["regret"])


def test_affordable__counts_trainings_by_their_mean_cost(table: Table) -> None:
    mean = table.seconds.sum(axis=2).mean()
    assert affordable(table, Budget(7, "trials"), 1, None) == 7
    assert affordable(table, Budget(100 * mean + 1e-3, "device_seconds"), 4, None) == 100
    assert affordable(table, Budget(25 * mean + 1e-3, "seconds"), 4, None) == 100
    assert affordable(table, Budget(10**6, "seconds"), 1, None) == 343


def test_methods__of_shared_weights_are_refused(table: Table) -> None:
    with pytest.raises(ConfigError, match="'oneshot' cannot be run on a table; expected some of random, nas"):
        run_methods(table, ["oneshot"], BUDGET, 2)
    assert set(METHODS) == {"random", "nas", "evolution", "tournament"}
