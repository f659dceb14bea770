"""What is true of every search space. A test class inherits `SpaceContract` and says which spaces it stands for."""

from __future__ import annotations

import json
import re
from collections import Counter
from itertools import product
from math import prod
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from ambergen.errors import SpaceError
from ambergen.spaces.base import Candidate, SearchSpace
from ambergen.spaces.reading import space_from_dict

# One test for all classes that inherit it is what a contract is.
inherited = settings(max_examples=25, suppress_health_check=[HealthCheck.differing_executors])
SEEDS = st.integers(0, 2**32)


def drawn(space: SearchSpace, data: st.DataObject) -> Any:
    """Any candidate of a space, not only those that `sample` likes."""
    return space.from_genes([data.draw(st.integers(0, n - 1)) for n in space.gene_sizes])


def every(space: SearchSpace) -> list[Candidate]:
    return [space.from_genes(genes) for genes in product(*map(range, space.gene_sizes))]


class SpaceContract:
    """Inherited by the tests of every search space.

    small : a space of at most a few hundred candidates
    lone : a space with one candidate alone; None where there is no such space
    """

    small: SearchSpace
    lone: SearchSpace | None

    def spaces(self) -> st.SearchStrategy[Any]:
        """Spaces of all shapes, a few thousand candidates and far more, with at least one choice."""
        raise NotImplementedError

    def foreign(self) -> Candidate:
        """A candidate that lies outside `small`."""
        raise NotImplementedError

    def mutation_probability(self, gene: int) -> float:
        """How often a gene of `small` is the one that a mutation changes."""
        raise NotImplementedError

    def test_contract__is_kept(self) -> None:
        assert isinstance(self.small, SearchSpace)
        candidate = self.small.sample(np.random.default_rng(0))
        assert isinstance(candidate, Candidate)
        assert re.fullmatch("[0-9a-f]{10}", candidate.id)

    @inherited
    @given(data=st.data())
    def test_genes__round_trip(self, data: st.DataObject) -> None:
        space = data.draw(self.spaces())
        candidate = drawn(space, data)
        genes = space.genes(candidate)
        assert len(genes) == len(space.gene_sizes)
        again = space.from_genes(genes)
        assert again == candidate
        assert (hash(again), again.id) == (hash(candidate), candidate.id)

    @inherited
    @given(data=st.data())
    def test_text__gives_space_and_candidate_back(self, data: st.DataObject) -> None:
        space = data.draw(self.spaces())
        candidate = drawn(space, data)
        again = space_from_dict(json.loads(json.dumps(space.to_dict())))
        assert again == space
        assert hash(again) == hash(space)
        assert again.read(candidate.to_json()) == candidate
        assert again.read(json.loads(json.dumps(candidate.to_dict()))) == candidate
        assert again.read(candidate.to_json()).id == candidate.id

    def test_size__is_the_number_of_distinct_candidates(self) -> None:
        candidates = every(self.small)
        assert len(set(candidates)) == self.small.size == prod(self.small.gene_sizes)
        for candidate in candidates:
            self.small.check(candidate)

    @inherited
    @given(data=st.data(), seed=SEEDS)
    def test_sample__stays_inside_and_is_decided_by_the_generator(self, data: st.DataObject, seed: int) -> None:
        space = data.draw(self.spaces())
        first, again = (space.sample(np.random.default_rng(seed)) for _ in range(2))
        space.check(first)
        assert first == again

    @inherited
    @given(data=st.data(), seed=SEEDS)
    def test_mutate__changes_exactly_one_gene(self, data: st.DataObject, seed: int) -> None:
        space = data.draw(self.spaces())
        candidate = drawn(space, data)
        mutated, again = (space.mutate(candidate, np.random.default_rng(seed)) for _ in range(2))
        space.check(mutated)
        assert mutated == again
        assert sum(a != b for a, b in zip(space.genes(candidate), space.genes(mutated), strict=True)) == 1

    def test_mutate__reaches_every_value_of_every_gene_as_often_as_it_says(self) -> None:
        space, n = self.small, 6000
        parent = space.sample(np.random.default_rng(1))
        genes, rng = space.genes(parent), np.random.default_rng(2)
        counts = Counter(
            next((g, b) for g, (a, b) in enumerate(zip(genes, space.genes(space.mutate(parent, rng)))) if a != b)
            for _ in range(n)
        )
        expected = {
            (gene, value): n * self.mutation_probability(gene) / (size - 1)
            for gene, size in enumerate(space.gene_sizes)
            for value in range(size)
            if value != genes[gene]
        }
        assert counts.keys() == expected.keys()
        assert chisquare([counts[key] for key in expected], list(expected.values())).pvalue > 1e-3

    def test_mutate__leads_from_any_candidate_to_any_other(self) -> None:
        """Single changes, each possible, connect the whole space."""
        space = self.small
        reached = {space.genes(space.sample(np.random.default_rng(0)))}
        ahead = list(reached)
        while ahead:
            genes = ahead.pop()
            for gene, size in enumerate(space.gene_sizes):
                for value in range(size):
                    neighbour = (*genes[:gene], value, *genes[gene + 1 :])
                    if neighbour not in reached:
                        space.from_genes(neighbour)
                        reached.add(neighbour)
                        ahead.append(neighbour)
        assert len(reached) == space.size

    def test_mutate__refuses_a_space_without_a_choice(self) -> None:
        if self.lone is None:
            return
        only = self.lone.sample(np.random.default_rng(0))
        with pytest.raises(SpaceError, match=r"only architecture cannot be mutated; expected a choice"):
            self.lone.mutate(only, np.random.default_rng(0))

    @inherited
    @given(data=st.data(), seed=SEEDS)
    def test_crossover__takes_every_gene_from_a_parent(self, data: st.DataObject, seed: int) -> None:
        space = data.draw(self.spaces())
        one, other = drawn(space, data), drawn(space, data)
        child = space.genes(space.crossover(one, other, np.random.default_rng(seed)))
        assert all(c in pair for c, *pair in zip(child, space.genes(one), space.genes(other), strict=True))
        assert space.crossover(one, one, np.random.default_rng(seed)) == one

    def test_crossover__tosses_a_fair_coin_for_each_gene(self) -> None:
        space, n = self.small, 2000
        one = space.from_genes([0] * len(space.gene_sizes))
        other = space.from_genes([size - 1 for size in space.gene_sizes])
        rng = np.random.default_rng(3)
        taken = np.array([space.genes(space.crossover(one, other, rng)) for _ in range(n)]) > 0
        taken = taken[:, np.array(space.gene_sizes) > 1]
        # five standard errors, of each gene and of each pair of genes: one coin for all would give 1/2 for a pair
        assert np.abs(taken.mean(0) - 1 / 2).max() < 5 * 0.5 / n**0.5
        pairs = np.cov(taken.T.astype(float)) - np.eye(taken.shape[1]) / 4
        assert np.abs(pairs).max() < 5 * 0.25 / n**0.5

    def test_check__refuses_what_lies_outside(self) -> None:
        for use in (self.small.check, self.small.genes, lambda c: self.small.read(c.to_dict())):
            with pytest.raises(SpaceError, match="this space has"):
                use(self.foreign())
        with pytest.raises(SpaceError, match="found str; expected"):
            self.small.check("conv8")

    def test_from_genes__refuses_what_is_no_candidate(self) -> None:
        sizes = self.small.gene_sizes
        with pytest.raises(SpaceError, match=f"found {len(sizes) + 1}; this space has {len(sizes)}"):
            self.small.from_genes([0] * (len(sizes) + 1))
        for gene, size in enumerate(sizes):
            genes = [0] * len(sizes)
            genes[gene] = size
            with pytest.raises(SpaceError, match=rf"\b{size}\b.*expected"):
                self.small.from_genes(genes)

    @pytest.mark.parametrize("text", ["", "{}", "[1]", "null", '{"operations": 3}', '{"levels": 3}'])
    def test_read__says_what_it_expected(self, text: str) -> None:
        with pytest.raises(SpaceError, match=r"is not an? \w+ .*expected JSON like"):
            self.small.read(text)
