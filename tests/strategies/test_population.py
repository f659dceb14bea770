from __future__ import annotations

from math import comb

import numpy as np
import pytest
from scipy.stats import chisquare

from ambergen.errors import RunError
from ambergen.seeds import generator
from ambergen.spaces.architecture import Architecture
from ambergen.spaces.hierarchical_space import HierarchicalSpace
from ambergen.spaces.presets import compact
from ambergen.strategies.base import Rated
from ambergen.strategies.dominance import dominates
from ambergen.strategies.population import Population

SPACE = compact()


def drawn(n: int) -> list[Architecture]:
    return [SPACE.sample(generator(0, "drawn", k)) for k in range(n)]


def filled(scores: list[float], capacity: int | None = None) -> Population:
    population = Population(SPACE, capacity)
    population.tell([Rated(a, s) for a, s in zip(drawn(len(scores)), scores)])
    return population


def scores(population: Population) -> list[float]:
    return [r.score for r in population.members]


def test_age__removes_the_oldest_never_the_worst() -> None:
    assert scores(filled([0.9, 0.1, 0.5, 0.2], capacity=3)) == [0.1, 0.5, 0.2]
    assert scores(filled([0.1, 0.9, 0.5, 0.8, 0.7], capacity=3)) == [0.5, 0.8, 0.7]


def test_age__counts_from_when_a_rating_came_back() -> None:
    population = Population(SPACE, capacity=2)
    asked = drawn(3)
    for a in asked:
        population.send(a)
    population.tell([Rated(asked[2], 0.3)])
    population.tell([Rated(asked[0], 0.1)])
    population.tell([Rated(asked[1], 0.2)])
    assert scores(population) == [0.1, 0.2]


def test_tell__again_changes_the_score_and_not_the_age() -> None:
    population = filled([0.1, 0.2, 0.3], capacity=3)
    population.tell([Rated(drawn(1)[0], 0.8)])
    assert scores(population) == [0.8, 0.2, 0.3]
    assert population.best(1)[0].score == 0.8
    population.tell([Rated(drawn(4)[3], 0.4)])
    assert scores(population) == [0.2, 0.3, 0.4]


def test_tell__again_does_not_bring_back_who_has_left() -> None:
    population = filled([0.1, 0.2, 0.3], capacity=2)
    population.tell([Rated(drawn(1)[0], 0.9)])
    assert scores(population) == [0.2, 0.3]


def test_tell__of_one_that_was_asked_for_again_makes_it_young() -> None:
    population = filled([0.1, 0.2, 0.3], capacity=3)
    population.send(drawn(1)[0])
    population.tell([Rated(drawn(1)[0], 0.15)])
    assert scores(population) == [0.2, 0.3, 0.15]


def test_best__is_by_score_the_earlier_first() -> None:
    population = filled([0.1, 0.3, 0.2, 0.3])
    assert [r.architecture for r in population.best(3)] == [drawn(4)[k] for k in (1, 3, 2)]


def test_learn__keeps_the_best_in_their_order() -> None:
    population = Population(SPACE, capacity=4)
    a = drawn(5)
    history = [Rated(x, s) for x, s in zip(a, [0.5, 0.9, 0.1, 0.7, 0.3])]
    population.learn([*history, Rated(a[2], 0.8)], most=3)  # the third one was trained on
    assert scores(population) == [0.9, 0.8, 0.7]
    assert all(x.id in population.known for x in a)
    assert population.entered == 3


def test_winner__has_the_frequencies_of_a_sample_without_replacement() -> None:
    n, size, draws = 8, 3, 4000
    population = filled([k / 10 for k in range(n)])
    rng = generator(0, "test")
    found = np.bincount([round(population.winner(size, rng).score * 10) for _ in range(draws)], minlength=n)
    expected = [draws * comb(k, size - 1) / comb(n, size) for k in range(n)]  # the other two are among the k worse
    assert not found[: size - 1].any()
    assert chisquare(found[size - 1 :], expected[size - 1 :]).pvalue > 1e-3


def test_winner__of_all_is_the_best() -> None:
    population = filled([0.1, 0.9, 0.5])
    assert {population.winner(5, generator(k, "test")).score for k in range(5)} == {0.9}


def test_costs__let_no_dominated_candidate_win() -> None:
    rng = generator(0, "values")
    rated = [Rated(a, s, {"parameters": c}) for a, (s, c) in zip(drawn(30), rng.random((30, 2)).tolist())]
    population = Population(SPACE, costs=("parameters",))
    population.tell(rated)
    over = dominates(np.array([[r.score, -r.costs["parameters"]] for r in rated]))
    for k in range(20):
        sample = generator(k, "winner").choice(30, size=6, replace=False)  # as winner draws it
        winner = population.winner(6, generator(k, "winner")).architecture
        place = next(m for m in sample if rated[m].architecture == winner)
        assert not over[sample, place].any()
    first = {r.architecture for k, r in enumerate(rated) if not over[:, k].any()}
    assert {r.architecture for r in population.best(len(first))} == first


def test_costs__that_are_missing_are_asked_for() -> None:
    population = Population(SPACE, costs=("parameters",))
    with pytest.raises(RunError, match=r"told without its parameters.*found costs \['seconds'\].*costs=\{'parameters'"):
        population.tell([Rated(drawn(1)[0], 0.5, {"seconds": 3.0})])


def test_new__goes_on_looking_in_a_large_space_that_gave_nothing_once() -> None:
    space = HierarchicalSpace(mutations=0)  # all its samples are one genotype
    start = space.sample(generator(0, "start"))
    population = Population(space)
    population.send(start)
    assert population.new(iter([start]), generator(0, "first")) == start
    child = space.from_genes([1] * len(space.gene_sizes))
    population.send(child)
    other = space.from_genes([2] * len(space.gene_sizes))
    assert other.id not in population.known
    assert population.new(iter([child, other]), generator(0, "second")) == other
