from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambergen.errors import SpaceError
from ambergen.spaces.architecture import Architecture

ARCHITECTURE = Architecture(("conv8", "identity", "max_pool4"), ((), (0,), (0, 1)))


@st.composite
def architectures(draw: st.DrawFn) -> Architecture:
    layers = draw(st.integers(1, 6))
    operations = tuple(draw(st.sampled_from(["conv8", "identity", "avg_pool4"])) for _ in range(layers))
    skips = tuple(tuple(j for j in range(i) if draw(st.booleans())) for i in range(layers))
    return Architecture(operations, skips)


@given(architectures())
def test_json__gives_the_architecture_back(architecture: Architecture) -> None:
    assert Architecture.from_json(architecture.to_json()) == architecture
    assert Architecture.from_json(json.loads(json.dumps(architecture.to_dict()))) == architecture


@given(architectures(), architectures())
def test_id__is_equal_exactly_when_the_architectures_are(a: Architecture, b: Architecture) -> None:
    assert (a.id == b.id) == (a == b)


def test_id__never_changes() -> None:
    # finished runs name their models by it; this value was computed when the form was fixed
    assert ARCHITECTURE.id == "96e62efe98"


def test_n_skips__counts_connections() -> None:
    assert ARCHITECTURE.n_skips == 3


@pytest.mark.parametrize(
    ("skips", "words"),
    [
        (((), (0,)), "3 operations but 2 lists"),
        (((), (1,), ()), "layer 1 has skip connections from .1."),
        (((), (), (1, 0)), "expected ascending, distinct layers below 2, or -1 for the stem"),
        (((), (), (-2,)), "layer 2 has skip connections from .-2."),
        (((-1,), (), ()), "layer 0 has skip connections from .-1.; expected ascending, distinct layers below 0\\."),
    ],
)
def test_architecture__refuses_impossible_skips(skips: tuple[tuple[int, ...], ...], words: str) -> None:
    with pytest.raises(SpaceError, match=words):
        Architecture(("conv8", "identity", "max_pool4"), skips)


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"operations": ["conv8"], "skips": [["a"]]}'])
def test_from_json__says_what_it_expected(text: str) -> None:
    with pytest.raises(SpaceError, match=r"is not an architecture .*expected JSON like"):
        Architecture.from_json(text)
