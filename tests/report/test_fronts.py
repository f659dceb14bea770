"""The front of a search and the area that it covers, to a reference point that does not move."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambergen.report.evidence import SearchLog
from ambergen.report.fronts import LARGEST, front, fronts


def log(rated: list[tuple[float, int]], **started: Any) -> SearchLog:
    trials = [
        {"trial": k, "id": str(k), "score": score, "parameters": size, "multiply_adds": 10 * size, "rung": 0}
        for k, (score, size) in enumerate(rated)
    ]
    return SearchLog(0, started={"method": "evolution", "objective": "auroc", **started}, trials=trials)


def test_front__covers_what_lies_between_it_and_the_reference_point() -> None:
    found = front(log([(0.6, 10**4), (0.7, 10**6), (0.65, 10**7)]), "parameters")
    assert [t["id"] for t in found.networks] == ["0", "1"]
    assert found.area == pytest.approx(0.1 * 4 + 0.1 * 2)  # above 0.5, below 10^8 parameters
    assert found.told() == (
        "hypervolume 0.600, AUROC times tenfold steps of size, as far as the fixed reference point of AUROC 0.500 and "
        "100 M parameters"
    )
    record = json.loads(json.dumps(found.to_dict()))
    assert record["reference"] == {"score": 0.5, "parameters": LARGEST["parameters"]}
    assert record["unit"] == "AUROC x log10 parameters"
    assert record["networks"][0] == {"id": "0", "score": 0.6, "parameters": 10**4, "multiply_adds": 10**5}


@given(st.lists(st.tuples(st.floats(0.3, 1), st.integers(1, 10**9)), min_size=1, max_size=12))
def test_front__covers_more_with_every_network_and_never_less_than_nothing(rated: list[tuple[float, int]]) -> None:
    areas = [front(log(rated[: k + 1]), "multiply_adds").area or 0.0 for k in range(len(rated))]
    assert areas[0] >= 0
    assert (np.diff(areas) >= -1e-12).all()


def test_front__of_an_objective_below_zero_counts_from_a_coin() -> None:
    found = front(log([(-0.2, 10**4), (-0.9, 10**2)], objective="log_likelihood"), "parameters")
    assert found.area == pytest.approx((np.log(2) - 0.2) * 4)
    assert "log likelihood (nats) −0.693" in found.told()


def test_front__of_a_users_objective_counts_from_its_value_without_skill_where_there_is_one() -> None:
    rated = [(3.0, 10**4), (5.0, 10**6)]
    known = front(log(rated, objective="/a/mine.py:f", objective_without_skill=2.0), "parameters")
    assert known.area == pytest.approx(1 * 4 + 2 * 2)
    unknown = front(log(rated, objective="/a/mine.py:f", objective_without_skill=None), "parameters")
    assert (unknown.area, unknown.told()) == (None, "")
    assert len(unknown.networks) == 2
    assert unknown.to_dict()["hypervolume"] is None


def test_fronts__are_there_where_scores_and_sizes_can_be_compared() -> None:
    rated = [(0.6, 100), (0.7, 200)]
    assert [f.size for f in fronts(log(rated))] == ["parameters", "multiply_adds"]
    assert fronts(log(rated, method="enas")) == []
    assert fronts(log([(0.6, 100), (0.7, 100)])) == []
    assert fronts(log([])) == []
