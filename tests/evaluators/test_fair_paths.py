"""Every operation equally often, every skip connection equally often, at the density of the space."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambergen.evaluators.fair_paths import fair_paths, n_fair_paths
from ambergen.seeds import generator
from ambergen.spaces.architecture import Architecture
from ambergen.spaces.presets import compact
from ambergen.spaces.space import Space

UNEQUAL = Space(
    layers=4,
    layer_operations=(("conv8", "conv4", "max_pool4", "avg_pool4", "identity"), ("conv8", "identity"), ("conv4",),
                      ("conv8", "max_pool4", "identity")),
    reduce=(1,),
)  # fmt: skip
SPACES = [
    Space(),
    compact(),
    Space(sources="enas"),
    compact(sources="enas"),
    Space(skips="none"),
    Space(layers=1, reduce=(), operations=("conv8", "conv4")),
    UNEQUAL,
]


def skip_uses(space: Space, paths: list[Architecture]) -> list[int]:
    """Paths that have each of the possible skip connections."""
    return [sum(j in p.skips[i] for p in paths) for i, sources in enumerate(space.skip_sources) for j in sources]


@pytest.mark.parametrize("space", SPACES)
@given(seed=st.integers(0, 1 << 30))
def test_fair_paths__use_every_operation_of_every_layer_equally_often(space: Space, seed: int) -> None:
    paths = fair_paths(space, np.random.default_rng(seed))
    assert len(paths) == n_fair_paths(space) == max(map(len, space.choices))
    for path in paths:
        space.check(path)
    for layer, names in enumerate(space.choices):
        uses = Counter(path.operations[layer] for path in paths)
        assert set(uses) == set(names)
        assert max(uses.values()) - min(uses.values()) <= 1
        if len(names) == len(paths):
            assert set(uses.values()) == {1}


@pytest.mark.parametrize("space", SPACES)
@given(seed=st.integers(0, 1 << 30))
def test_fair_paths__use_every_skip_connection_equally_often(space: Space, seed: int) -> None:
    uses = skip_uses(space, fair_paths(space, np.random.default_rng(seed)))
    assert max(uses, default=0) - min(uses, default=0) <= 1


@given(seed=st.integers(0, 1 << 30))
def test_fair_paths__neighbours_share_no_skip_connection_while_there_are_others(seed: int) -> None:
    """The ring of 66 lasts for two paths with 66 in all, which at one half are a mask and nearly its complement."""
    first, second, *_ = fair_paths(Space(skip_density=0.5), np.random.default_rng(seed))
    both = sum(len(set(a) & set(b)) for a, b in zip(first.skips, second.skips, strict=True))
    assert both == max(0, first.n_skips + second.n_skips - 66)


@pytest.mark.parametrize("density", [0.0, 0.2, 0.4, 0.5, 0.8])
def test_fair_paths__have_the_density_of_the_space_in_sparse_and_dense_paths(density: float) -> None:
    space = Space(skip_density=density)
    counts = np.array([[p.n_skips for p in fair_paths(space, generator(0, "draw", k))] for k in range(300)])
    sd = (66 * density * (1 - density)) ** 0.5
    assert counts.mean() == pytest.approx(66 * density, abs=4 * sd / counts.size**0.5 + 1e-9)
    assert counts.std() == pytest.approx(sd, rel=0.1)
    # One path of each seventh of the distribution, in an order of chance.
    assert (counts.max(axis=1) - counts.min(axis=1)).min() >= sd
    assert len(set(counts.argmax(axis=1))) == (7 if density else 1)


def test_fair_paths__combine_the_operations_of_two_layers_evenly() -> None:
    """Chi-square over 7 x 7 pairs of two layers: 36 degrees of freedom, 99.99 % below 77."""
    pairs: Counter[tuple[str, str]] = Counter()
    for k in range(700):
        pairs.update((p.operations[3], p.operations[8]) for p in fair_paths(Space(), generator(1, "draw", k)))
    assert sum((pairs[a, b] - 100) ** 2 / 100 for a in Space().operations for b in Space().operations) < 77


def test_fair_paths__are_decided_by_the_generator() -> None:
    def draw(seed: int) -> list[Architecture]:
        return fair_paths(Space(), np.random.default_rng(seed))

    assert draw(1) == draw(1)
    assert draw(1) != draw(2)
