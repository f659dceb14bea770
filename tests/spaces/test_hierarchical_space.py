from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import strategies as st
from scipy.stats import chisquare

from ambergen.errors import SpaceError
from ambergen.spaces.genotype import Genotype
from ambergen.spaces.hierarchical_space import HierarchicalSpace
from ambergen.spaces.presets import hierarchical
from tests.conformance.spaces import SpaceContract, every

NAMES = ("conv4", "identity", "max_pool4", "separable8")


@st.composite
def spaces(draw: st.DrawFn) -> HierarchicalSpace:
    motifs = draw(st.lists(st.integers(1, 4), max_size=2))
    operations = draw(st.lists(st.sampled_from(NAMES), unique=True))
    return HierarchicalSpace(
        operations=tuple(dict.fromkeys([*operations, "identity"])),
        motifs=tuple(motifs),
        nodes=tuple(draw(st.integers(2, 5)) for _ in range(len(motifs) + 1)),
        mutations=draw(st.integers(0, 50)),
        merge=draw(st.sampled_from(["concat", "add"])),
    )


class TestHierarchicalSpace(SpaceContract):
    small = HierarchicalSpace(operations=("identity", "conv4"), motifs=(2,), nodes=(2, 3), mutations=3)
    lone = None  # an edge can always hold none

    def spaces(self) -> st.SearchStrategy[HierarchicalSpace]:
        return spaces()

    def foreign(self) -> Genotype:
        return Genotype(((("conv8",), (None,)), ((0, 0, 0),)))

    def mutation_probability(self, gene: int) -> float:
        return 1 / 2 / 2 if gene < 2 else 1 / 2 / 3  # a level, one of its motifs, one of the motif's edges

    def test_sample__is_distributed_as_that_many_mutations_are(self) -> None:
        """Against the exact distribution: the chain of single mutations, worked out on all genotypes."""
        space, n = self.small, 4000
        states = [space.genes(c) for c in every(space)]  # type: ignore[arg-type]
        step = np.zeros((len(states), len(states)))
        for a, genes in enumerate(states):
            for b, others in enumerate(states):
                changed = [g for g, (x, y) in enumerate(zip(genes, others)) if x != y]
                if len(changed) == 1:
                    step[a, b] = self.mutation_probability(changed[0]) / 2
        np.testing.assert_allclose(step.sum(1), 1)
        probability = np.linalg.matrix_power(step, space.mutations)[states.index((1, 1, 1, 1, 1))]
        rng = np.random.default_rng(0)
        counts = Counter(space.genes(space.sample(rng)) for _ in range(n))
        possible = probability > 0
        observed = np.array([counts[genes] for genes in states])
        assert observed[~possible].sum() == 0
        assert chisquare(observed[possible], n * probability[possible]).pvalue > 1e-3


def test_hierarchical__has_the_published_shape() -> None:
    space = hierarchical()
    assert (space.motifs, space.nodes, space.mutations) == ((6,), (4, 5), 1000)
    # seven operations, a separable convolution, none; six motifs, none
    assert space.size == 9 ** (6 * 6) * 7**10
    assert space.widths == (32, 64, 128)
    assert space.lengths(1000) == (1000, 250, 63)


def test_sample__starts_from_identity_and_ends_far_from_it() -> None:
    start = HierarchicalSpace(mutations=0).sample(np.random.default_rng(0))
    assert start.levels == (((("identity",) * 6,) * 6), ((0,) * 10,))
    space, rng = hierarchical(), np.random.default_rng(0)
    genes = np.array([space.genes(space.sample(rng)) for _ in range(400)])
    for places, n in ((slice(0, 36), 9), (slice(36, 46), 7)):
        share = np.bincount(genes[:, places].ravel(), minlength=n) / genes[:, places].size
        assert np.abs(share - 1 / n).max() < 0.03


def test_three_levels__hold_motifs_of_motifs() -> None:
    space = HierarchicalSpace(operations=("identity", "conv4"), motifs=(3, 2), nodes=(3, 2, 4))
    assert space.size == 3 ** (3 * 3) * 4 ** (2 * 1) * 3**6
    genotype = space.sample(np.random.default_rng(0))
    assert [len(level) for level in genotype.levels] == [3, 2, 1]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"stages": 0}, "stages is 0; expected at least 1"),
        ({"cells": 0}, "cells is 0"),
        ({"mutations": -1}, "mutations is -1; expected at least 0"),
        ({"motifs": [0]}, "motifs is .0.; expected at least one motif a level"),
        ({"motifs": [6, 4]}, "nodes is .4, 5.; expected 3 numbers of at least 2"),
        ({"nodes": [1, 5]}, "nodes is .1, 5.; expected 2 numbers"),
        ({"operations": ["conv8"]}, "operations are .'conv8'.; expected each once, and identity among them"),
        ({"operations": ["identity", "identity"]}, "expected each once"),
        ({"operations": ["identity", "convolution"]}, "'convolution' is not an operation"),
        ({"merge": "multiply"}, "merge is 'multiply'; expected one of concat, add"),
        ({"dropout": 1.0}, "dropout is 1.0; expected a share"),
        ({"motif": [3]}, "unknown key 'motif'. Did you mean 'motifs'"),
    ],
)
def test_from_dict__refuses_what_cannot_be(settings: dict[str, object], words: str) -> None:
    with pytest.raises(SpaceError, match=words):
        HierarchicalSpace.from_dict(settings)


def test_check__says_how_a_genotype_has_another_shape() -> None:
    with pytest.raises(
        SpaceError, match=r"levels have .1, 1. motifs with ..1., .1.. edges; this space has .6, 1. with"
    ):
        hierarchical().check(Genotype(((("conv8",),), ((0,),))))
