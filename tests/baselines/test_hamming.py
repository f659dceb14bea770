"""Similarities against the published figures and slow sums; the transform against the matrix that it stands for."""

from __future__ import annotations

from itertools import product
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambergen.baselines.hamming import HammingTransform, similarities
from ambergen.errors import ConfigError


def distances(l: int) -> np.ndarray:
    """(4^l, 4^l) mismatches between all words."""
    words = np.array(list(product(range(4), repeat=l)))
    return (words[:, None] != words).sum(axis=2)


def test_similarities__equal_the_figures_of_ls_gkm() -> None:
    """Stored values: LS-GKM's kernel 2, by brute force over its own kernel values."""
    h = similarities(11, 7, 11, "estimated")
    np.testing.assert_allclose(h[1:5] / h[0], [0.274593224, 0.0605406273, 0.00806724731, 0.000474543960], rtol=1e-7)
    h = similarities(10, 6, 3, "estimated")
    np.testing.assert_allclose(h[:4], [0.16959831, 0.05573481, 0.0149505, 0.0027789], rtol=1e-5)
    assert not h[4:].any()


@given(st.integers(1, 7), st.data())
def test_similarities__of_count_are_shared_gapped_kmers(l: int, data: st.DataObject) -> None:
    k, d = data.draw(st.integers(1, l)), data.draw(st.integers(0, l))
    h = similarities(l, k, d, "count")
    assert h.tolist() == [comb(l - m, k) if m <= d else 0 for m in range(l + 1)]


@pytest.mark.parametrize(("l", "k"), [(3, 2), (4, 2), (4, 3), (5, 3)])
def test_similarities__estimated_ones_are_sums_over_all_words(l: int, k: int) -> None:
    # The estimate of one word's count from the gapped k-mers of another, written out with the published recurrence
    def share(L: int, K: int, i: int) -> float:
        if L == 0 or K == 0:
            return 1.0
        if i == 0:
            return share(L - 1, K, 0) + 3 * share(L - 1, K - 1, 0)
        return share(L, K - 1, i - 1) * (K - L) / K

    c = [sum(share(l, k, i) * comb(l - m, k - i) * comb(m, i) for i in range(k + 1)) for m in range(l + 1)]
    c = np.array(c) / (comb(l, k) * 4**l)
    cut = np.argmax(c <= 1e-15) if (c <= 1e-15).any() else l + 1
    c[cut:] = 0
    estimate = c[distances(l)]
    kernel = estimate @ estimate
    h = similarities(l, k, l, "estimated")
    np.testing.assert_allclose(kernel[0], h[distances(l)[0]], rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("l", [1, 2, 3, 4, 5])
def test_transform__is_the_matrix_of_all_pairs(l: int) -> None:
    rng = np.random.default_rng(l)
    similarity, values = rng.normal(size=l + 1), rng.normal(size=4**l)
    expected = similarity[distances(l)] @ values
    transform = HammingTransform(similarity, np.float64)
    np.testing.assert_allclose(transform(values), expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(transform(values), expected, rtol=1e-12, atol=1e-12)  # its buffers are used again
    single = HammingTransform(similarity)(values.astype(np.float32))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, expected, atol=1e-5 * np.abs(expected).max())


def test_transform__of_longer_words_gives_similarities_back() -> None:
    h = similarities(9, 6, 3, "estimated")
    one = np.zeros(4**9)
    one[12345] = 1
    row = HammingTransform(h, np.float64)(one)
    others = np.random.default_rng(0).integers(0, 4**9, 500)
    mismatches = sum(((others ^ 12345) >> 2 * at & 3) != 0 for at in range(9))
    np.testing.assert_allclose(row[others], h[mismatches], atol=1e-13)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((13, 7, 3, "count"), r"l is 13; expected 1 to 12"),
        ((6, 7, 3, "count"), r"k is 7; expected 1 to l = 6"),
        ((6, 4, 7, "count"), r"d is 7; expected 0 to l = 6"),
        ((6, 4, 3, "rbf"), r"no kernel 'rbf'; expected one of estimated, count, weighted"),
    ],
)
def test_similarities__refuse_what_is_impossible(arguments: tuple[int, int, int, str], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        similarities(*arguments)
