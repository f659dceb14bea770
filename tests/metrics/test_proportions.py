from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from ambergen.errors import InputError
from ambergen.metrics.proportions import mcnemar, wilson


@given(st.integers(1, 200), st.data())
def test_wilson__is_scipys(n: int, data: st.DataObject) -> None:
    right = data.draw(st.integers(0, n))
    expected = binomtest(right, n).proportion_ci(method="wilson")
    found = wilson(right, n)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert found.low <= found.estimate <= found.high


def test_wilson__of_nothing_is_unknown() -> None:
    found = wilson(0, 0)
    assert np.isnan([found.estimate, found.low, found.high]).all()


def test_mcnemar__is_a_sign_test_on_what_differs() -> None:
    a = np.array([True] * 9 + [False] * 2 + [True] * 30 + [False] * 5)
    b = np.array([False] * 9 + [True] * 2 + [True] * 30 + [False] * 5)
    found = mcnemar(a, b)
    assert (found.only_a, found.only_b) == (9, 2)
    assert found.p == pytest.approx(binomtest(9, 11).pvalue)
    assert mcnemar(b, a).p == found.p
    assert mcnemar(a, a).p == 1


def test_proportions__say_what_is_wrong() -> None:
    with pytest.raises(InputError, match="3 of 2; expected from 0 to n"):
        wilson(3, 2)
    with pytest.raises(InputError, match="Compare the scorers on the same rows"):
        mcnemar(np.array([True]), np.array([True, False]))
    with pytest.raises(InputError, match="found float64"):
        mcnemar(np.array([1.0]), np.array([True]))
