from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom, chisquare

from ambergen.errors import ConfigError
from ambergen.seeds import generator
from ambergen.spaces.base import Candidate, SearchSpace
from ambergen.spaces.presets import amber, compact
from ambergen.strategies.base import Rated, Strategy
from ambergen.strategies.supernet_evolution import (
    SupernetEvolution,
    SupernetEvolutionConfig,
    binomial_quantile,
    mutant,
    path,
    quantile,
)
from tests.conformance.strategies import AnySpaceContract, rate

QUICK = SupernetEvolutionConfig(population=12, keep=4, mutants=5, crossovers=5)
SPACE = amber()


class TestSupernetEvolution(AnySpaceContract):
    program = (
        "from ambergen.strategies.supernet_evolution import SupernetEvolution, SupernetEvolutionConfig\n"
        "config = SupernetEvolutionConfig(population=12, keep=4, mutants=5, crossovers=5)\n"
        "def make(space, seed): return SupernetEvolution(space, seed, config)"
    )
    trials_to_optimum = 108

    def make(self, space: SearchSpace, seed: int, repeats: bool | None = None) -> Strategy:
        return SupernetEvolution(space, seed, QUICK, bool(repeats))


def genes(candidates: list[Candidate]) -> np.ndarray:
    """(n, n_genes)"""
    return np.array([SPACE.genes(c) for c in candidates])  # type: ignore[arg-type]


def after_one_round() -> tuple[SupernetEvolution, np.ndarray]:
    """A strategy whose first round is told, and the genes of its ten best."""
    evolution = SupernetEvolution(SPACE, 0)
    asked = evolution.ask(50)
    scores = generator(0, "scores").permutation(50).tolist()
    evolution.tell([Rated(a, s) for a, s in zip(asked, scores)])
    return evolution, genes([a for a, s in zip(asked, scores) if s >= 40])


def test_round__has_mutants_then_crossovers_of_the_ten_best() -> None:
    evolution, best = after_one_round()
    children = genes(evolution.ask(50))
    mutants, crossovers = children[:25], children[25:]
    distances = (mutants[:, None] != best).sum(2).min(1)
    expected = 0.1 * (12 * 6 / 7 + 66 / 2)  # drawn anew, perhaps to the same
    assert distances.mean() == pytest.approx(expected, abs=4 * np.sqrt(expected / 25))
    for child in crossovers:
        pairs = [(a, b) for a in best for b in best if a is not b]
        assert any(((child == a) | (child == b)).all() for a, b in pairs)


def test_parents__are_the_best_of_all_rounds() -> None:
    evolution, best = after_one_round()
    evolution.tell([Rated(a, -1.0) for a in evolution.ask(50)])
    crossovers = genes(evolution.ask(50))[25:]
    for child in crossovers:
        assert any(((child == a) | (child == b)).all() for a in best for b in best)


def test_parents__who_are_told_again_count_by_their_last_score() -> None:
    evolution, _ = after_one_round()
    best = evolution.population.best(1)[0].architecture
    evolution.tell([Rated(best, -5.0)])
    assert best not in [r.architecture for r in evolution.population.best(49)]


def test_round__fills_up_with_random_paths() -> None:
    config = SupernetEvolutionConfig(population=20, keep=1, mutants=4, crossovers=4)
    evolution = SupernetEvolution(SPACE, 0, config)
    evolution.tell(rate(evolution.ask(20)))
    best = evolution.population.best(1)[0].architecture
    distances = (genes(evolution.ask(20)) != genes([best])).sum(1)
    assert distances[:8].max() < 20 < distances[8:].min()


def test_config__is_the_published_one() -> None:
    config = SupernetEvolutionConfig()
    assert (config.population, config.rounds, config.keep) == (50, 20, 10)
    assert (config.mutants, config.crossovers, config.mutation) == (25, 25, 0.1)
    assert config.trials == 1000


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"keep": 0}, "keep is 0; expected at least 1"),
        ({"mutants": -1}, "mutants is -1; expected 0 or more"),
        ({"mutants": 30}, "mutants and crossovers are 55; expected at most the population, which is 50"),
        ({"mutation": 0.0}, "mutation is 0.0; expected more than 0"),
    ],
)
def test_config__refuses_what_cannot_be(settings: dict[str, float], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        SupernetEvolutionConfig(**settings)  # type: ignore[arg-type]


# ---- draws


def test_mutant__draws_each_gene_anew_with_its_probability() -> None:
    parent = SPACE.sample(generator(0, "parent"))
    rng = generator(0, "mutants")
    changed = genes([mutant(SPACE, parent, 0.1, rng) for _ in range(2000)]) != genes([parent])
    sizes = np.array(SPACE.gene_sizes)
    expected = 0.1 * (1 - 1 / sizes)
    np.testing.assert_allclose(changed.mean(0), expected, atol=0.03)
    assert mutant(SPACE, parent, 1e-12, rng) == parent


def test_path__has_uniform_operations_and_skips_of_any_place() -> None:
    drawn = genes([path(SPACE, quantile(0.3, k), generator(0, k)) for k in range(1500)])
    sizes = np.array(SPACE.gene_sizes)
    for k in np.flatnonzero(sizes == 7)[:4]:
        assert chisquare(np.bincount(drawn[:, k], minlength=7)).pvalue > 1e-3
    np.testing.assert_allclose(drawn[:, sizes == 2].mean(0), 0.4, atol=0.05)


def test_propose__covers_the_numbers_of_skip_connections_evenly() -> None:
    """The counts are those of a coin of 0.4 for each, with less chance in them than coins have."""
    evolution = SupernetEvolution(SPACE, 0)
    for n in (50, 200):
        counts = np.array([a.n_skips for a in evolution.propose(n)])  # type: ignore[attr-defined]
        assert counts.mean() == pytest.approx(26.4, abs=4 / np.sqrt(n) / 3)  # coins: a standard error of 4 / sqrt(n)
        assert counts.std() == pytest.approx(binom.std(66, 0.4), rel=0.1)


def test_propose__does_not_depend_on_how_many_are_wanted_at_once() -> None:
    one, many = SupernetEvolution(compact(), 5), SupernetEvolution(compact(), 5)
    assert [one.propose(1)[0] for _ in range(10)] == many.propose(10)


@pytest.mark.parametrize(("n", "p"), [(66, 0.4), (3, 0.4), (1, 0.99), (500, 0.25), (0, 0.4), (12, 0.0)])
def test_binomial_quantile__is_that_of_scipy(n: int, p: float) -> None:
    quantiles = np.linspace(0.0005, 0.9995, 401)
    found = [binomial_quantile(q, n, p) for q in quantiles]
    assert found == binom.ppf(quantiles, n, p).astype(int).tolist()
    assert binomial_quantile(0.0, n, p) == 0
    assert 0 <= binomial_quantile(1 - 1e-16, n, p) <= n


def test_quantile__covers_every_stretch_evenly() -> None:
    for first in (0, 17, 1000):
        numbers = np.array([quantile(0.7, k) for k in range(first, first + 40)])
        assert ((numbers >= 0) & (numbers < 1)).all()
        assert np.bincount((numbers * 8).astype(int), minlength=8).tolist() == pytest.approx([5] * 8, abs=1.5)
