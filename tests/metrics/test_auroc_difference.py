"""DeLong's test against the definition written out, and against resampling."""

from __future__ import annotations

from math import erfc, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambergen.errors import InputError
from ambergen.metrics.auroc_difference import delong
from ambergen.metrics.ranking import auroc


def by_definition(labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Covariance of the AUROCs from the kernel over all pairs, as the paper writes it."""
    positives, negatives = scores[:, labels == 1], scores[:, labels == 0]
    kernel = (positives[:, :, None] > negatives[:, None, :]) + 0.5 * (positives[:, :, None] == negatives[:, None, :])
    return np.cov(kernel.mean(axis=2)) / positives.shape[1] + np.cov(kernel.mean(axis=1)) / negatives.shape[1]


@given(st.integers(0, 2**32), st.integers(4, 40), st.sampled_from([0, 1, 6]))
def test_delong__is_the_definition(seed: int, n: int, decimals: int) -> None:
    rng = np.random.default_rng(seed)
    labels = np.array([0, 0, 1, 1, *rng.integers(0, 2, n - 4)])
    scores = (rng.normal(size=(2, n)) + labels).round(decimals)
    result = delong(labels, *scores)
    np.testing.assert_allclose(result.covariance, by_definition(labels, scores), atol=1e-14)
    assert [result.auroc_a, result.auroc_b] == pytest.approx(auroc(scores.T, labels[:, None].repeat(2, axis=1)))


def test_delong__z_is_the_difference_over_its_error() -> None:
    rng = np.random.default_rng(3)
    labels = np.arange(400) % 2
    shared = rng.normal(size=400)
    result = delong(labels, labels + shared, 0.7 * labels + shared + 0.3 * rng.normal(size=400))
    variance = np.array([1, -1]) @ result.covariance @ np.array([1, -1])
    assert result.z == pytest.approx((result.auroc_a - result.auroc_b) / np.sqrt(variance))
    assert result.p == pytest.approx(erfc(abs(result.z) / sqrt(2)))


def test_delong__p_is_uniform_when_scorers_are_equally_good() -> None:
    rng = np.random.default_rng(4)
    labels = np.arange(120) % 3 == 0
    p = [delong(labels, *(rng.normal(size=(2, 120)) + labels)).p for _ in range(400)]
    # Binomial(400, 0.05): 20 expected, s.d. 4.4; (400, 0.5): 200, s.d. 10.
    assert 6 <= np.sum(np.array(p) < 0.05) <= 36
    assert 165 <= np.sum(np.array(p) < 0.5) <= 235


def test_delong__turns_with_its_arguments() -> None:
    rng = np.random.default_rng(5)
    labels, a, b = np.arange(50) % 2, rng.normal(size=50), rng.normal(size=50)
    forward, backward = delong(labels, a, b), delong(labels, b, a)
    assert forward.z == -backward.z
    assert forward.p == backward.p


def test_delong__of_one_order_says_no_difference() -> None:
    labels, scores = [0, 1, 0, 1, 1], np.array([0.1, 0.4, 0.5, 0.6, 0.2])
    assert (delong(labels, scores, np.exp(scores)).z, delong(labels, scores, np.exp(scores)).p) == (0.0, 1.0)


def test_delong__of_perfectly_right_and_wrong_has_no_error() -> None:
    result = delong([0, 0, 1, 1], [1, 2, 3, 4], [4, 3, 2, 1])
    assert (result.auroc_a, result.auroc_b, result.z, result.p) == (1.0, 0.0, np.inf, 0.0)


@pytest.mark.parametrize(
    ("labels", "a", "b", "message"),
    [
        ([0, 1, 1], [1, 2, 3], [1, 2, 3], "2 positives and 1 negatives; expected at least 2 of either"),
        ([0, 0, 1, 1], [1, 2, 3], [1, 2, 3, 4], "expected one dimension and one length"),
        ([0, 0, 1, 3], [1, 2, 3, 4], [1, 2, 3, 4], "label of row 3 is 3; expected 0 or 1"),
        ([0, 0, 1, 1], [1, 2, 3, 4], [1, np.nan, 3, 4], "scores_b of row 1 is nan"),
    ],
)
def test_delong__says_what_is_wrong(labels: list[int], a: list[float], b: list[float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        delong(labels, a, b)
