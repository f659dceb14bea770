"""Evolution over a trained supernet: rounds of mutants and crossovers of the best that were scored so far."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import exp, lgamma, log, sqrt
from typing import Any

import numpy as np

from ambergen.errors import ConfigError
from ambergen.seeds import derive, generator
from ambergen.spaces.architecture import Architecture
from ambergen.spaces.base import Candidate, SearchSpace
from ambergen.spaces.space import Space
from ambergen.strategies.base import Rated
from ambergen.strategies.evolving import Evolving
from ambergen.strategies.frequencies import frequencies
from ambergen.strategies.novelty import REDRAWS, mutated


@dataclass(frozen=True)
class SupernetEvolutionConfig:
    """How candidates are bred once the supernet is trained; the defaults are those of Guo et al. 2020.

    population : candidates of a round; the first round is random
    rounds : for `trials`
    keep : best candidates of all rounds so far, which are the parents
    mutants, crossovers : of a round; the rest of it is random
    mutation : probability that a gene of a mutant is drawn anew
    """

    population: int = 50
    rounds: int = 20
    keep: int = 10
    mutants: int = 25
    crossovers: int = 25
    mutation: float = 0.1

    def __post_init__(self) -> None:
        for name in ("population", "rounds", "keep"):
            if getattr(self, name) < 1:
                raise ConfigError(f"supernet evolution: {name} is {getattr(self, name)}; expected at least 1.")
        for name in ("mutants", "crossovers"):
            if getattr(self, name) < 0:
                raise ConfigError(f"supernet evolution: {name} is {getattr(self, name)}; expected 0 or more.")
        if self.mutants + self.crossovers > self.population:
            raise ConfigError(
                f"supernet evolution: mutants and crossovers are {self.mutants + self.crossovers}; expected at most "
                f"the population, which is {self.population}."
            )
        if not 0 < self.mutation <= 1:
            raise ConfigError(f"supernet evolution: mutation is {self.mutation}; expected more than 0 and at most 1.")

    @property
    def trials(self) -> int:
        """Candidates that all rounds have."""
        return self.population * self.rounds


class SupernetEvolution(Evolving):
    """Uniform paths to train a supernet on, then rounds of mutants and crossovers of the best.

    A round is not waited for: each candidate is bred from the best of those rated by then. Where a whole round is
    asked for and then told, these are the published rounds.

    Notes
    -----
    A candidate that was asked for before is drawn again, unless `repeats`. A constraint is checked before scoring by
    `ambergen.strategies.filters.Feasible` around this strategy; what it refuses takes no place in a round.

    References
    ----------
    Guo et al., Single path one-shot neural architecture search with uniform sampling, ECCV 2020, algorithm 1.
    """

    name = "supernet evolution"

    def __init__(
        self,
        space: SearchSpace,
        seed: int,
        config: SupernetEvolutionConfig = SupernetEvolutionConfig(),
        repeats: bool = False,
        costs: tuple[str, ...] = (),
    ) -> None:
        super().__init__(space, seed, config, None, costs, repeats)
        self.config = config
        self._phase = derive(seed, "phase") / 2**63

    def learn(self, history: Sequence[Rated]) -> None:
        """The best of the history are parents from the first round on."""
        self.population.learn(history, self.config.population)

    def summary(self) -> dict[str, Any]:
        """Entropy and probabilities are those of the parents' genes, taken one by one."""
        parents = [r.architecture for r in self.population.best(self.config.keep)]
        return frequencies(self.space, parents) | {"members": len(self.population.members)}

    def _proposal(self, number: int) -> Candidate:
        """With uniform operations, stratified by the number of skip connections; see `quantile` and `path`."""
        return path(self.space, quantile(self._phase, number), generator(self.seed, "propose", number))

    def _draw(self, rng: np.random.Generator) -> Iterator[Candidate]:
        config = self.config
        parents = [r.architecture for r in self.population.best(config.keep)]
        place = self.population.entered % config.population
        if self.population.entered < config.population or not parents or place >= config.mutants + config.crossovers:
            for _ in range(REDRAWS):
                yield path(self.space, rng.random(), rng)
            return
        for _ in range(REDRAWS):
            one, other = rng.choice(len(parents), size=2, replace=len(parents) == 1).tolist()
            if place < config.mutants:
                child = mutant(self.space, parents[one], config.mutation, rng)
            else:
                child = self.space.crossover(parents[one], parents[other], rng)
            yield child
        yield from mutated(self.space, child, rng)


# ---- draws: pure functions


def mutant(space: SearchSpace, parent: Candidate, probability: float, rng: np.random.Generator) -> Candidate:
    """`parent` with each gene drawn anew with this probability, uniformly and perhaps to the same value."""
    genes, sizes = np.array(space.genes(parent)), np.array(space.gene_sizes)
    drawn = rng.integers(sizes)
    return space.from_genes(np.where(rng.random(len(genes)) < probability, drawn, genes).tolist())


def path(space: SearchSpace, quantile: float, rng: np.random.Generator) -> Candidate:
    """A path through the supernet: uniform operations, and as many skip connections as the quantile says.

    Their number is that quantile of how many there are when each is taken with the space's `skip_density`; which they
    are is uniform. In a space that is not made of layers this is `SearchSpace.sample`.

    Parameters
    ----------
    quantile : from 0 to below 1
    """
    if not isinstance(space, Space):
        return space.sample(rng)
    pairs = [(layer, j) for layer, sources in enumerate(space.skip_sources) for j in sources]
    n_chosen = binomial_quantile(quantile, len(pairs), space.skip_density)
    chosen = {pairs[k] for k in rng.choice(len(pairs), size=n_chosen, replace=False).tolist()} if pairs else set()
    drawn = space.sample(rng)
    skips = tuple(tuple(j for j in sources if (layer, j) in chosen) for layer, sources in enumerate(space.skip_sources))
    return Architecture(drawn.operations, skips)


def quantile(phase: float, k: int) -> float:
    """The k-th of a sequence of numbers from 0 to below 1, any stretch of which covers them evenly.

    Steps of the golden ratio around a circle: they need not know how many are drawn together.
    """
    return (phase + k * (sqrt(5) - 1) / 2) % 1.0


def binomial_quantile(quantile: float, n: int, p: float) -> int:
    """The least number of successes in `n` trials of probability `p` that is exceeded with at most 1 - quantile."""
    if p == 0:
        return 0
    ways = [lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1) for k in range(n + 1)]
    below = np.cumsum([exp(w + k * log(p) + (n - k) * log(1 - p)) for k, w in enumerate(ways)])
    return min(int(np.searchsorted(below, quantile)), n)  # the last sum may round to less than one
