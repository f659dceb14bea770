from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambergen.errors import SpaceError
from ambergen.spaces import operations
from ambergen.spaces.operations import AMBER_OPERATIONS, Operation, operation, own_operation, register_operation


@pytest.fixture
def registry() -> Iterator[None]:
    """What a test registers is forgotten."""
    before = dict(operations._OWN)
    yield
    operations._OWN.clear()
    operations._OWN.update(before)


def one(channels: int, length: int) -> None: ...


def other(channels: int, length: int) -> None: ...


def test_amber_operations__are_the_published_seven_in_order() -> None:
    assert [(o.name, o.kind, o.kernel, o.dilation) for o in AMBER_OPERATIONS] == [
        ("conv8", "conv", 8, 1),
        ("conv4", "conv", 4, 1),
        ("conv8_d10", "conv", 8, 10),
        ("conv4_d10", "conv", 4, 10),
        ("max_pool4", "max_pool", 4, 1),
        ("avg_pool4", "avg_pool", 4, 1),
        ("identity", "identity", 1, 1),
    ]


def test_operation__spans_are_the_published_71_and_31_positions() -> None:
    assert operation("conv8_d10").span == 71
    assert operation("conv4_d10").span == 31


@given(st.integers(1, 200), st.integers(1, 50))
def test_operation__reads_any_size_from_a_name(kernel: int, dilation: int) -> None:
    assert operation(f"conv{kernel}_d{dilation}") == Operation(f"conv{kernel}_d{dilation}", "conv", kernel, dilation)
    assert operation(f"separable{kernel}") == Operation(f"separable{kernel}", "separable", kernel)
    assert operation(f"avg_pool{kernel}") == Operation(f"avg_pool{kernel}", "avg_pool", kernel)


@pytest.mark.parametrize("name", ["conv", "conv0", "conv8_d0", "max_pool4_d2", "pool4", "Identity", "conv8_"])
def test_operation__refuses_names_that_mean_nothing(name: str) -> None:
    with pytest.raises(SpaceError, match="is not an operation; expected convK"):
        operation(name)


def test_operation__names_the_nearest_known_one() -> None:
    with pytest.raises(SpaceError, match="Did you mean 'identity'"):
        operation("identiy")


@pytest.mark.usefixtures("registry")
def test_register_operation__makes_a_name_known() -> None:
    with pytest.raises(SpaceError, match="'my_block' is not an operation"):
        operation("my_block")
    register_operation("my_block", one, taps=3)
    assert operation("my_block") == Operation("my_block", "own")
    assert (own_operation("my_block").taps, own_operation("my_block").span) == (3, None)
    with pytest.raises(SpaceError, match="Did you mean 'my_block'"):
        operation("my_blok")


@pytest.mark.usefixtures("registry")
def test_register_operation__again_is_fine_for_the_same_constructor_alone() -> None:
    register_operation("my_block", one)
    register_operation("my_block", one, span=5)
    assert own_operation("my_block").span == 5
    with pytest.raises(SpaceError, match=r"already registered, by .*\.one; found another constructor, .*\.other"):
        register_operation("my_block", other)


@pytest.mark.parametrize(
    ("name", "numbers", "words"),
    [
        ("", {}, "cannot be the name of an operation; expected a letter"),
        ("a.b", {}, "cannot be the name"),
        ("8taps", {}, "cannot be the name"),
        ("conv8", {}, "one of ambergen's own operations"),
        ("separable16_d2", {}, "one of ambergen's own operations"),
        ("mine", {"taps": -1}, "taps -1; expected at least 0"),
        ("mine", {"span": 0}, "span 0; expected at least 1"),
    ],
)
@pytest.mark.usefixtures("registry")
def test_register_operation__refuses(name: str, numbers: dict[str, int], words: str) -> None:
    with pytest.raises(SpaceError, match=words):
        register_operation(name, one, **numbers)
