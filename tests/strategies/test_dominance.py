from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambergen.strategies.dominance import (
    best_first,
    crowding_distances,
    dominates,
    hypervolume,
    non_dominated_ranks,
    pareto_front,
)


def points(columns: int) -> st.SearchStrategy[np.ndarray]:
    """Few distinct values, so that ties are common."""
    row = st.tuples(*[st.integers(0, 5)] * columns)
    return st.lists(row, min_size=1, max_size=14).map(lambda rows: np.array(rows, float))


def slowly_dominates(a: np.ndarray, b: np.ndarray) -> bool:
    return all(x >= y for x, y in zip(a, b)) and any(x > y for x, y in zip(a, b))


def slow_ranks(values: np.ndarray) -> list[int]:
    """Fronts peeled off one after another, by comparing every pair."""
    ranks: dict[int, int] = {}
    while len(ranks) < len(values):
        left = [k for k in range(len(values)) if k not in ranks]
        front = [k for k in left if not any(slowly_dominates(values[other], values[k]) for other in left)]
        ranks |= dict.fromkeys(front, max(ranks.values(), default=-1) + 1)
    return [ranks[k] for k in range(len(values))]


@given(st.integers(1, 3).flatmap(points))
def test_dominates__is_the_comparison_of_every_pair(values: np.ndarray) -> None:
    expected = [[slowly_dominates(a, b) for b in values] for a in values]
    assert dominates(values).tolist() == expected


@given(st.integers(1, 3).flatmap(points))
def test_ranks__are_those_of_fronts_peeled_off(values: np.ndarray) -> None:
    assert non_dominated_ranks(values).tolist() == slow_ranks(values)


@given(points(2))
def test_ranks__ignore_any_rising_transform(values: np.ndarray) -> None:
    assert non_dominated_ranks(np.exp(values) * [1, 1e6]).tolist() == non_dominated_ranks(values).tolist()


@given(points(2))
def test_pareto_front__is_rank_zero_without_doubles(values: np.ndarray) -> None:
    front = values[pareto_front(values)]
    expected = {tuple(v) for v, rank in zip(values, slow_ranks(values)) if rank == 0}
    assert {tuple(v) for v in front} == expected
    assert len(front) == len(expected)
    assert (np.diff(front[:, 0]) < 0).all()  # falling in the one, hence rising in the other
    assert (np.diff(front[:, 1]) > 0).all()


def test_crowding__is_the_published_sum_of_side_lengths() -> None:
    values = np.array([[0.0, 10.0], [1.0, 8.0], [4.0, 7.0], [5.0, 0.0], [0.0, 0.0]])
    ranks = np.array([0, 0, 0, 0, 1])
    found = crowding_distances(values, ranks)
    assert found.tolist() == pytest.approx([np.inf, 4 / 5 + 3 / 10, 4 / 5 + 8 / 10, np.inf, 0])


@given(points(2))
def test_crowding__ignores_the_unit_of_an_objective(values: np.ndarray) -> None:
    ranks = non_dominated_ranks(values)
    np.testing.assert_allclose(crowding_distances(values * [1, 4096], ranks), crowding_distances(values, ranks))


def test_crowding__without_a_range_is_nothing() -> None:
    assert crowding_distances(np.ones((3, 2)), np.zeros(3)).tolist() == [0, 0, 0]


@given(points(1))
def test_best_first__of_one_objective_is_its_order(values: np.ndarray) -> None:
    expected = sorted(range(len(values)), key=lambda k: -values[k, 0])
    assert best_first(values).tolist() == expected


@given(points(2))
def test_best_first__goes_by_rank_then_by_room(values: np.ndarray) -> None:
    ranks = non_dominated_ranks(values)
    room = crowding_distances(values, ranks)
    keys = [(ranks[k], -room[k]) for k in best_first(values)]
    assert keys == sorted(keys)


def slow_area(values: np.ndarray, reference: tuple[float, float]) -> float:
    """Cells of the grid through all points, each counted where some point covers it."""
    xs = sorted({reference[0], *values[:, 0][values[:, 0] > reference[0]]})
    ys = sorted({reference[1], *values[:, 1][values[:, 1] > reference[1]]})
    total = 0.0
    for (x0, x1), (y0, y1) in product(pairwise(xs), pairwise(ys)):
        covered = any(x >= x1 and y >= y1 for x, y in values)
        total += (x1 - x0) * (y1 - y0) * covered
    return total


@given(points(2))
def test_hypervolume__is_the_area_of_the_covered_cells(values: np.ndarray) -> None:
    assert hypervolume(values, np.array([1.0, 2.0])) == pytest.approx(slow_area(values, (1.0, 2.0)))


def test_hypervolume__of_one_point_is_its_rectangle() -> None:
    assert hypervolume(np.array([[0.9, -3e6]]), np.array([0.5, -1e7])) == pytest.approx(0.4 * 7e6)
    assert hypervolume(np.array([[0.4, -3e6]]), np.array([0.5, -1e7])) == 0
    assert hypervolume(np.zeros((0, 2)), np.array([0.5, -1e7])) == 0


@given(points(2), st.tuples(st.integers(0, 5), st.integers(0, 5)))
def test_hypervolume__never_falls_when_a_point_comes_and_only_the_front_counts(
    values: np.ndarray, new: tuple[int, int]
) -> None:
    reference = np.zeros(2)
    before = hypervolume(values, reference)
    assert hypervolume(np.vstack([values, new]), reference) >= before
    assert hypervolume(values[pareto_front(values)], reference) == before
