from __future__ import annotations

import numpy as np
import pytest

from ambergen.errors import ConfigError
from ambergen.seeds import generator
from ambergen.spaces.architecture import Architecture
from ambergen.spaces.base import Candidate, SearchSpace
from ambergen.spaces.presets import amber, compact
from ambergen.strategies.base import Rated, Strategy
from ambergen.strategies.dominance import pareto_front
from ambergen.strategies.evolution import PRESETS, AgeingEvolution, EvolutionConfig
from ambergen.strategies.random import RandomStrategy
from tests.conformance.strategies import AnySpaceContract, rate

QUICK = EvolutionConfig(population=12, sample=4)
SPACE = compact()


class TestAgeingEvolution(AnySpaceContract):
    program = (
        "from ambergen.strategies.evolution import AgeingEvolution, EvolutionConfig\n"
        "def make(space, seed): return AgeingEvolution(space, seed, EvolutionConfig(12, 4, crossover=0.3))"
    )
    trials_to_optimum = 108  # half of the space

    def make(self, space: SearchSpace, seed: int, repeats: bool | None = None) -> Strategy:
        return AgeingEvolution(space, seed, EvolutionConfig(12, 4, crossover=0.3), bool(repeats))


def differing(one: Candidate, other: Candidate) -> list[int]:
    """Genes in which two architectures differ."""
    pairs = zip(SPACE.genes(one), SPACE.genes(other))  # type: ignore[arg-type]
    return [k for k, (a, b) in enumerate(pairs) if a != b]


def greedy(**settings: float) -> AgeingEvolution:
    """Its sample is the whole population, so that the best member is the parent."""
    return AgeingEvolution(SPACE, 0, EvolutionConfig(population=6, sample=6, **settings))  # type: ignore[arg-type]


def filled(evolution: AgeingEvolution) -> list[Rated]:
    rated = [Rated(a, 0.1 * k) for k, a in enumerate(evolution.ask(6))]
    evolution.tell(rated)
    return rated


def test_child__differs_from_the_best_of_its_sample_in_exactly_one_gene() -> None:
    evolution = greedy()
    best = filled(evolution)[-1].architecture
    children = evolution.ask(30)
    changed = [differing(best, c) for c in children]
    assert [len(c) for c in changed] == [1] * 30
    assert len({c[0] for c in changed}) > 5


def test_children__reach_every_gene() -> None:
    evolution = AgeingEvolution(SPACE, 0, EvolutionConfig(population=6, sample=6), repeats=True)
    best = filled(evolution)[-1].architecture
    assert {differing(best, c)[0] for c in evolution.ask(250)} == set(range(SPACE.n_tokens))


def test_parent__is_who_has_the_best_last_score() -> None:
    evolution = greedy()
    worst = filled(evolution)[0].architecture
    evolution.tell([Rated(worst, 0.9)])
    assert [len(differing(worst, c)) for c in evolution.ask(5)] == [1] * 5


def test_parent__that_is_old_leaves_though_it_is_the_best() -> None:
    evolution = greedy()
    asked = evolution.ask(6)
    evolution.tell([Rated(a, 0.9 if k == 0 else 0.1 * k) for k, a in enumerate(asked)])
    child = evolution.ask(1)[0]
    assert len(differing(asked[0], child)) == 1
    evolution.tell([Rated(child, 0.2)])  # the seventh
    assert asked[0] not in [r.architecture for r in evolution.population.members]
    assert len(differing(asked[5], evolution.ask(1)[0])) == 1


def test_start__is_random_until_as_many_are_out_as_the_population_holds() -> None:
    evolution = AgeingEvolution(SPACE, 0, QUICK)
    first = evolution.ask(12)
    assert {a.n_skips for a in first if isinstance(a, Architecture)} == {int(0.4 * SPACE.n_skips)}
    evolution.tell([Rated(first[3], 0.5)])
    assert len(differing(first[3], evolution.ask(1)[0])) == 1  # one is there; nobody waits for the other eleven


def test_start__withdrawn_candidates_are_replaced_by_random_ones() -> None:
    evolution = AgeingEvolution(SPACE, 0, QUICK)
    first = evolution.ask(12)
    evolution.withdraw(first[:6])
    evolution.tell(rate(first[6:]))
    for new in evolution.ask(6):
        assert min(len(differing(new, a)) for a in first) > 1


def test_learn__begins_where_the_history_ends() -> None:
    history = rate(RandomStrategy(SPACE, 5).ask(40))
    evolution = AgeingEvolution(SPACE, 0, QUICK)
    evolution.learn(history)
    best = sorted((r.score for r in history), reverse=True)[:12]
    assert sorted((r.score for r in evolution.population.members), reverse=True) == best
    members = [r.architecture for r in evolution.population.members]
    assert min(len(differing(m, evolution.ask(1)[0])) for m in members) == 1


def test_crossover__takes_each_gene_from_one_of_two_parents() -> None:
    evolution = AgeingEvolution(SPACE, 0, EvolutionConfig(population=2, sample=1, crossover=1.0))
    parents = evolution.ask(2)
    evolution.tell(rate(parents))
    children = evolution.ask(20)
    one, other = (set(enumerate(SPACE.genes(p))) for p in parents)  # type: ignore[arg-type]
    genes = [set(enumerate(SPACE.genes(c))) for c in children]  # type: ignore[arg-type]
    assert all(g <= one | other for g in genes)
    assert all(g not in (one, other) for g in genes)


LARGE = amber()
TARGET = LARGE.genes(LARGE.sample(generator(99, "target")))


def table(architecture: Candidate) -> float:
    """A score with one best architecture among 10^30."""
    return -float(sum(a != b for a, b in zip(LARGE.genes(architecture), TARGET)))  # type: ignore[arg-type]


def best_of(strategy: Strategy, n: int) -> float:
    scores = []
    for _ in range(n):
        rated = [Rated(a, table(a)) for a in strategy.ask(1)]
        strategy.tell(rated)
        scores += [r.score for r in rated]
    return max(scores)


def test_search__beats_random_search_at_equal_evaluations() -> None:
    seeds = range(5)
    evolved = [best_of(AgeingEvolution(LARGE, seed, QUICK), 160) for seed in seeds]
    drawn = [best_of(RandomStrategy(LARGE, seed), 160) for seed in seeds]
    assert min(evolved) > max(drawn)


def test_costs__make_parents_of_the_ends_of_the_front() -> None:
    values = np.array([[0.9, 5.0], [0.8, 4.0], [0.7, 6.0], [0.6, 1.0], [0.5, 2.0], [0.4, 1.5]])
    evolution = AgeingEvolution(SPACE, 0, EvolutionConfig(population=6, sample=6), costs=("parameters",))
    asked = evolution.ask(6)
    evolution.tell([Rated(a, score, {"parameters": cost}) for a, (score, cost) in zip(asked, values.tolist())])
    assert pareto_front(values * [1, -1]).tolist() == [0, 1, 3]
    parents = {next(k for k, a in enumerate(asked) if len(differing(a, c)) == 1) for c in evolution.ask(20)}
    assert parents == {0, 3}


def test_presets__have_the_published_values() -> None:
    assert PRESETS["published"] == EvolutionConfig(population=100, sample=25, crossover=0.0)
    assert EvolutionConfig.preset() == EvolutionConfig(population=50, sample=10)
    assert EvolutionConfig.preset("published", sample=20).sample == 20


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"population": 0}, "population is 0; expected at least 1"),
        ({"sample": 60}, "sample is 60; expected at most the population, which is 50"),
        ({"crossover": 1.5}, "crossover is 1.5; expected a share from 0 to 1"),
    ],
)
def test_config__refuses_what_cannot_be(settings: dict[str, float], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        EvolutionConfig.preset("ambergen", **settings)


def test_preset__names_those_there_are() -> None:
    with pytest.raises(ConfigError, match="'real' is not a preset; expected one of ambergen, published"):
        EvolutionConfig.preset("real")
