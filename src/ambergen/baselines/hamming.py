"""Functions of the Hamming distance over all words of l letters: gapped k-mer similarities, and sums that they weigh.

A similarity h that depends on nothing but the number of mismatches is diagonal in the l-fold tensor power of any
orthogonal 4 x 4 matrix whose first row is constant. So the sum over all 4^l words, (H v)(u) = sum_w h(d(u, w)) v(w),
costs a few small matrix products instead of 16^l steps.

References
----------
Ghandi et al., PLoS Computational Biology 10, e1003711 (2014): the estimated kernel and its truncation.
Delsarte, Philips Research Reports Supplements 10 (1973): the Hamming scheme and its eigenvalues.
"""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from math import comb
from typing import Literal

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ambergen.errors import ConfigError

Kernel = Literal["estimated", "count", "weighted"]
KERNELS: tuple[Kernel, ...] = ("estimated", "count", "weighted")
LONGEST_WORD = 12
"""4^12 float32 numbers are 64 MiB."""

_HADAMARD = np.array([[1, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]]) / 2


def check_words(l: int, k: int, d: int, kernel: str) -> None:
    """Raise ConfigError unless 1 <= k <= l <= 12, 0 <= d <= l and the kernel is known."""
    if not 1 <= l <= LONGEST_WORD:
        raise ConfigError(
            f"gapped k-mers: l is {l}; expected 1 to {LONGEST_WORD} letters in a word, as all 4^l words have a weight. "
            "10 and 11 are usual."
        )
    if not 1 <= k <= l:
        raise ConfigError(f"gapped k-mers: k is {k}; expected 1 to l = {l}, the letters of a word that must match.")
    if not 0 <= d <= l:
        raise ConfigError(f"gapped k-mers: d is {d}; expected 0 to l = {l}, the most mismatches of two words.")
    if kernel not in KERNELS:
        raise ConfigError(f"gapped k-mers: there is no kernel {kernel!r}; expected one of {', '.join(KERNELS)}.")


def krawtchouk(l: int, m: int, j: int) -> int:
    """Sum, over the words with m mismatches to a word, of a basis vector with j factors that are not constant.

    In units of the vector's own value at that word, for words of `l` letters out of 4.
    """
    return sum((-1) ** s * 3 ** (m - s) * comb(j, s) * comb(l - j, m - s) for s in range(m + 1))


def similarities(l: int, k: int, d: int, kernel: str) -> NDArray[np.float64]:
    """Similarity h(m) of two words with m mismatches.

    Parameters
    ----------
    kernel : "count" counts the gapped k-mers that two words share; "estimated" takes, for the words themselves, their
        counts as estimated from all gapped k-mers, truncated where the estimate is not positive; "weighted" is the same

    Returns
    -------
    (l + 1,), zeros beyond d

    Raises
    ------
    ConfigError
        For impossible l, k, d or kernel.
    """
    check_words(l, k, d, kernel)
    h = [Fraction(comb(l - m, k)) for m in range(l + 1)] if kernel == "count" else _estimated(l, k)
    return np.array([float(h[m]) if m <= d else 0.0 for m in range(l + 1)])


def _estimated(l: int, k: int) -> list[Fraction]:
    """h(m) = sum over all words x of c(d(x, u)) c(d(x, v)), for u and v with m mismatches, by the eigenvalues of c."""
    shares = [_share(l, k, i) / (comb(l, k) * 4**l) for i in range(k + 1)]
    c = [sum((shares[i] * comb(l - m, k - i) * comb(m, i) for i in range(k + 1)), Fraction(0)) for m in range(l + 1)]
    end = next((m for m, value in enumerate(c) if value <= 0), l + 1)
    squares = [sum((c[m] * krawtchouk(l, m, j) for m in range(end)), Fraction(0)) ** 2 for j in range(l + 1)]
    # krawtchouk(l, j, m) swaps m and j: the eigenvectors of degree j are C(l, j) 3^j in number
    return [sum((squares[j] * krawtchouk(l, j, m) for j in range(l + 1)), Fraction(0)) / 4**l for m in range(l + 1)]


@cache
def _share(l: int, k: int, i: int) -> Fraction:
    """What a gapped k-mer that differs from a word in i of its letters says about the count of the word."""
    if l == 0 or k == 0:
        return Fraction(1)
    if i == 0:
        return _share(l - 1, k, 0) + 3 * _share(l - 1, k - 1, 0)
    return _share(l, k - 1, i - 1) * Fraction(k - l, k)


class HammingTransform:
    """Sums over all 4^l words, weighed by a similarity of words.

    similarity : (l + 1,), for 0 to l mismatches
    """

    def __init__(self, similarity: NDArray[np.float64], dtype: DTypeLike = np.float32) -> None:
        l = len(similarity) - 1
        self.n_words = 4**l
        sizes = [len(part) for part in np.array_split(np.arange(l), max(1, -(-l // 3)))]
        # Small groups first: the products are then over long contiguous rows
        self._factors = [_power(size).astype(dtype) for size in sorted(sizes)]
        self._eigenvalues = eigenvalues(similarity).astype(dtype)[_degrees(l)]
        self._buffers = [np.empty(self.n_words, dtype) for _ in range(2)]

    def __call__(self, values: NDArray) -> NDArray:
        """(H v)(u) = sum_w h(d(u, w)) v(w).

        Parameters
        ----------
        values : (4^l,)

        Returns
        -------
        (4^l,), the array that the next call overwrites
        """
        first, second = self._buffers
        np.copyto(first, values)
        first, second = self._rotate(first, second)
        first *= self._eigenvalues
        return self._rotate(first, second)[0]

    def _rotate(self, values: NDArray, other: NDArray) -> tuple[NDArray, NDArray]:
        """The tensor power of the orthogonal matrix, which is its own inverse, times `values`; and the other buffer."""
        before, after = 1, self.n_words
        for factor in self._factors:
            size = len(factor)
            after //= size
            if after == 1:
                np.matmul(values.reshape(-1, size), factor, out=other.reshape(-1, size))
            else:
                np.matmul(factor, values.reshape(before, size, after), out=other.reshape(before, size, after))
            before *= size
            values, other = other, values
        return values, other


def eigenvalues(similarity: NDArray[np.float64]) -> NDArray[np.float64]:
    """(l + 1,): what vectors with j factors that are not constant are multiplied by."""
    l = len(similarity) - 1
    return np.array([sum(similarity[m] * krawtchouk(l, m, j) for m in range(l + 1)) for j in range(l + 1)])


def _power(n: int) -> NDArray[np.float64]:
    matrix: NDArray[np.float64] = np.ones((1, 1))
    for _ in range(n):
        matrix = np.asarray(np.kron(matrix, _HADAMARD), np.float64)
    return matrix


def _degrees(l: int) -> NDArray[np.intp]:
    """(4^l,): in how many factors each basis vector is not constant."""
    degree = np.zeros(1, np.intp)
    for _ in range(l):
        degree = (degree[:, None] + np.array([0, 1, 1, 1])).ravel()
    return degree
