from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambergen.errors import SpaceError
from ambergen.spaces.operations import AMBER_OPERATIONS, Operation, operation


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
    assert operation(f"avg_pool{kernel}") == Operation(f"avg_pool{kernel}", "avg_pool", kernel)


@pytest.mark.parametrize("name", ["conv", "conv0", "conv8_d0", "max_pool4_d2", "pool4", "Identity", "conv8_"])
def test_operation__refuses_names_that_mean_nothing(name: str) -> None:
    with pytest.raises(SpaceError, match="is not an operation; expected convK"):
        operation(name)


def test_operation__names_the_nearest_known_one() -> None:
    with pytest.raises(SpaceError, match="Did you mean 'identity'"):
        operation("identiy")
