"""Losses and distances of profiles against SciPy's."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from scipy.stats import multinomial

from ambergen.metrics.profiles import jensen_shannon, multinomial_loss


@given(st.integers(0, 1000), st.integers(1, 30))
def test_multinomial_loss__is_scipys(seed: int, width: int) -> None:
    rng = np.random.default_rng(seed)
    counts = rng.poisson(0.7, (2, 3, width)).astype(np.float32)
    probability = rng.dirichlet(np.ones(width), 3)
    found = multinomial_loss(counts, np.log(probability))
    for one, other in np.ndindex(2, 3):
        row = counts[one, other]
        expected = -multinomial.logpmf(row, row.sum(), probability[other])
        assert found[one, other] == pytest.approx(expected, abs=1e-9)


def test_multinomial_loss__of_reads_where_none_may_be_is_infinite() -> None:
    with np.errstate(divide="ignore"):
        impossible = np.log([1.0, 0.0])
    assert multinomial_loss([1, 1], impossible) == math.inf
    assert multinomial_loss([2, 0], impossible) == pytest.approx(0)
    assert multinomial_loss([0, 0], [-1.0, -2.0]) == 0


@given(st.integers(0, 1000), st.integers(2, 30))
def test_jensen_shannon__is_scipys(seed: int, width: int) -> None:
    rng = np.random.default_rng(seed)
    p, q = rng.poisson(0.7, (4, width)) + (np.arange(width) == 1), rng.dirichlet(np.ones(width), 4)
    expected = [jensenshannon(one, other) for one, other in zip(p, q, strict=True)]
    np.testing.assert_allclose(jensen_shannon(p, q), expected, atol=1e-7)
    np.testing.assert_allclose(jensen_shannon(p, q), jensen_shannon(q, p), atol=1e-12)


def test_jensen_shannon__knows_its_ends() -> None:
    assert jensen_shannon([3, 0, 1], [6, 0, 2]) == 0
    assert jensen_shannon([1, 0], [0, 5]) == pytest.approx(math.sqrt(math.log(2)))
    assert np.isnan(jensen_shannon([0, 0], [1, 1]))
