"""p-values against all words of a small motif."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambergen.baselines.score_distribution import score_distribution

BACKGROUND = np.array([0.3, 0.2, 0.1, 0.4])


def all_words(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Score and probability of every word, (4^width,) each."""
    words = np.array(list(product(range(4), repeat=matrix.shape[1])))
    return matrix[words, np.arange(matrix.shape[1])].sum(axis=1), BACKGROUND[words].prod(axis=1)


@given(st.integers(1, 5), st.integers(0, 2**32))
def test_p_value__is_exact_for_scores_of_whole_bins(width: int, seed: int) -> None:
    matrix = np.random.default_rng(seed).integers(-30, 30, (4, width)) * 0.125
    scores, probabilities = all_words(matrix)
    expected = [(probabilities * (scores >= score)).sum() for score in scores]
    distribution = score_distribution(matrix, BACKGROUND, bin=0.125)
    np.testing.assert_allclose(distribution.p_value(scores), expected, rtol=1e-9)


@pytest.mark.parametrize("bin", [0.1, 0.01, 0.001])
@given(seed=st.integers(0, 2**32))
def test_p_value__lies_between_those_of_the_score_and_two_slacks_lower(bin: float, seed: int) -> None:
    matrix = np.random.default_rng(seed).normal(size=(4, 5))
    scores, probabilities = all_words(matrix)
    distribution = score_distribution(matrix, BACKGROUND, bin)
    found = distribution.p_value(scores)
    lower = scores - (2 * distribution.slack + 1) * bin
    order = np.argsort(scores)
    above = np.append(np.cumsum(probabilities[order][::-1])[::-1], 0)
    exact, bound = (above[np.searchsorted(scores[order], at - 1e-9)] for at in (scores, lower))
    assert (found >= exact - 1e-9).all()
    assert (found <= bound + 1e-9).all()
    assert distribution.slack <= 2.5


def test_p_value__of_the_usual_bin_is_close_to_exact() -> None:
    matrix = np.random.default_rng(1).normal(size=(4, 7)) * 2
    scores, probabilities = all_words(matrix)
    order = np.argsort(-scores)
    exact = np.cumsum(probabilities[order])
    ratio = score_distribution(matrix, BACKGROUND).p_value(scores[order]) / exact
    assert ratio.min() > 1 - 1e-9
    assert np.quantile(ratio, 0.99) < 1.01
    assert ratio.max() < 1.1


def test_p_value__beyond_the_ends() -> None:
    matrix = np.array([[1.0, -np.inf], [0.0, 0.5], [-1.0, -np.inf], [-np.inf, 0.0]])
    distribution = score_distribution(matrix, BACKGROUND)
    found = distribution.p_value([-np.inf, -50, -1, 1.5, 1.6, np.nan])
    allowed = 0.6 * 0.6
    np.testing.assert_allclose(found, [1, allowed, allowed, 0.3 * 0.2, 0, np.nan])
