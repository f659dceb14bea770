from __future__ import annotations

import json
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambergen.errors import SpaceError
from ambergen.spaces.architecture import Architecture
from ambergen.spaces.presets import amber
from ambergen.spaces.space import Space


@st.composite
def spaces(draw: st.DrawFn) -> Space:
    layers = draw(st.integers(1, 7))
    reduce = tuple(r for r in range(layers - 1) if draw(st.booleans()))
    operations = draw(st.lists(st.sampled_from(amber().operations), min_size=1, max_size=7, unique=True))
    return Space(
        layers=layers,
        operations=tuple(operations),
        reduce=reduce,
        skips=draw(st.sampled_from(["all", "stage", "none"])),
        skip_density=draw(st.floats(0, 0.99)),
    )


def every_architecture(space: Space) -> list[Architecture]:
    choices = []
    for sources in space.skip_sources:
        choices += [range(len(space.operations)), *[range(2)] * len(sources)]
    return [space.decode(tokens) for tokens in product(*choices)]


@given(spaces(), st.integers(0, 2**32))
def test_tokens__round_trip(space: Space, seed: int) -> None:
    architecture = space.sample(np.random.default_rng(seed))
    tokens = space.encode(architecture)
    assert len(tokens) == space.n_tokens
    assert space.decode(tokens) == architecture


@given(spaces())
def test_space__survives_json(space: Space) -> None:
    assert Space.from_dict(json.loads(json.dumps(space.to_dict()))) == space


@pytest.mark.parametrize("skips", ["all", "stage", "none"])
def test_size__is_the_number_of_distinct_architectures(skips: str) -> None:
    space = Space.from_dict({"layers": 3, "operations": ("conv4", "identity"), "reduce": (0,), "skips": skips})
    assert len({a.id for a in every_architecture(space)}) == space.size == {"all": 64, "stage": 16, "none": 8}[skips]


def test_tokens__have_the_published_order() -> None:
    space = Space(layers=3, reduce=())
    architecture = Architecture(("conv4", "identity", "conv8"), ((), (0,), (1,)))
    assert space.encode(architecture) == (1, 6, 1, 0, 0, 1)  # op0, op1, s10, op2, s20, s21


@given(spaces(), st.integers(0, 2**32))
def test_sample__stays_inside_and_has_the_fixed_number_of_skips(space: Space, seed: int) -> None:
    architecture = space.sample(np.random.default_rng(seed))
    space.check(architecture)
    assert architecture.n_skips == int(space.skip_density * space.n_skips)


def test_sample__of_amber_base_has_26_of_66_skips_and_uniform_operations() -> None:
    space, rng = amber(), np.random.default_rng(0)
    sampled = [space.sample(rng) for _ in range(1000)]
    assert {a.n_skips for a in sampled} == {26}
    counts = np.array([sum(a.operations.count(o) for a in sampled) for o in space.operations])
    assert np.abs(counts / 12_000 - 1 / 7).max() < 0.016  # five standard errors
    taken = np.mean([[j in a.skips[11] for j in range(11)] for a in sampled], axis=0)
    assert np.abs(taken - 26 / 66).max() < 0.078


def test_lengths__round_up_as_padding_same_does() -> None:
    assert amber().lengths(1000) == (1000, 250, 63, 16)
    assert Space(layers=3, reduce=(0, 1)).lengths(5) == (5, 2, 1)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"layers": 0}, "layers is 0; expected at least 1"),
        ({"width": 0}, "width is 0"),
        ({"dropout": 1.0}, "dropout is 1.0; expected a share"),
        ({"skip_density": -0.1}, "skip_density is -0.1"),
        ({"operations": []}, "operations are .*at least one"),
        ({"operations": ["conv4", "conv4"]}, "each once"),
        ({"operations": ["conv"]}, "'conv' is not an operation"),
        ({"reduce": [11]}, "expected ascending, distinct layers from 0 to 10"),
        ({"reduce": [5, 2]}, "expected ascending"),
        ({"skips": "some"}, "skips is 'some'; expected one of all, stage, none"),
        ({"head": "mean"}, "head is 'mean'; expected one of flatten, gap"),
        ({"layer": 3}, "unknown key 'layer'. Did you mean 'layers'"),
    ],
)
def test_from_dict__refuses_what_cannot_be(settings: dict[str, object], words: str) -> None:
    with pytest.raises(SpaceError, match=words):
        Space.from_dict(settings)


@pytest.mark.parametrize(
    ("tokens", "words"),
    [
        ((0, 0), "found 2; this space has 3 tokens"),
        ((0, 9, 0), "layer 1 has operation 9"),
        ((0, 1, 2), "skip bits .2.*expected .*bits 0 or 1"),
    ],
)
def test_decode__refuses_tokens_of_no_architecture(tokens: tuple[int, ...], words: str) -> None:
    with pytest.raises(SpaceError, match=words):
        Space(layers=2, reduce=()).decode(tokens)


@pytest.mark.parametrize(
    ("architecture", "words"),
    [
        (Architecture(("conv4",), ((),)), "1 layers; this space has 2"),
        (Architecture(("conv4", "conv9"), ((), ())), "layer 1 is 'conv9'; this space has"),
        (Architecture(("conv4", "conv4"), ((), (0,))), "layer 1 has a skip connection from layer 0.*allows none"),
    ],
)
def test_check__says_where_an_architecture_leaves_the_space(architecture: Architecture, words: str) -> None:
    with pytest.raises(SpaceError, match=words):
        Space(layers=2, reduce=(), skips="none").check(architecture)
