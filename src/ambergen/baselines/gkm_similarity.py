"""The gapped k-mer kernel between sequences, word by word."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ambergen.baselines.hamming import HammingTransform, similarities
from ambergen.errors import InputError
from ambergen.sequence.alphabets import DNA
from ambergen.sequence.onehot import reverse_complement
from ambergen.sequence.words import complement_codes, word_codes

_BLOCK = 1 << 17
"""Pairs of words that are compared at a time: they stay in the cache."""
_PAIRS_OF_A_TRANSFORM = 5
"""A transform of all 4^l words costs as much as comparing this many times 4^l pairs of words."""
_HEIGHT, _HALF = 50, 50
"""Of the position weights: the weight in the middle, and the words from there on which it halves."""


def gkm_kernel(
    sequences: Sequence[str],
    l: int = 11,
    k: int = 7,
    d: int = 3,
    kernel: str = "estimated",
) -> NDArray[np.float64]:
    """Normalised gapped k-mer kernel of sequences, both strands taken together.

    K(s, t) = sum over words u of s and v of t of h(d(u, v)) + h(d(u, rc v)), over sqrt(K(s, s) K(t, t)).

    Parameters
    ----------
    sequences : upper or lower case, lengths may differ
        Words with an N, or another letter for bases that are not known, are skipped.
    l : letters of a word
    k : letters that are not gaps
    d : mismatches beyond which words do not count as similar
    kernel : "estimated", "count" or "weighted"; see `ambergen.baselines.hamming.similarities`
        "weighted" gives words the more weight the closer to the middle of their sequence they are.

    Returns
    -------
    (n, n), ones on the diagonal

    Raises
    ------
    ConfigError
        For impossible l, k, d or kernel.
    InputError
        If a sequence has no word: it is shorter than l, or interrupted by N everywhere.
    AlphabetError
        If a letter is not of DNA.

    References
    ----------
    Ghandi et al., PLoS Computational Biology 10, e1003711 (2014); Lee, Bioinformatics 32, 2196-2198 (2016).
    """
    similarity = similarities(l, k, d, kernel)
    similarity /= similarity[0]
    tokens = padded([DNA.encode(text, f"sequence {number}") for number, text in enumerate(sequences, start=1)])
    weights = word_weights(tokens, l, kernel, np.array([len(text) for text in sequences], dtype=np.int64))
    for number in np.flatnonzero(~weights.any(axis=1)).tolist():
        raise InputError(
            f"gapped k-mers: sequence {number + 1} has no word of {l} known letters (it has "
            f"{len(sequences[number])} letters); expected at least one. Leave the sequence out, or use a smaller l."
        )
    by_pairs = len(tokens) * weights.shape[1] ** 2
    gram = _by_pairs if by_pairs < _PAIRS_OF_A_TRANSFORM * 4**l else _by_transforms
    values = gram(tokens, weights, similarity)
    norms = np.sqrt(np.diag(values))
    values /= norms[:, None] * norms
    np.fill_diagonal(values, 1.0)
    return values


def position_weights(n_words: int) -> NDArray[np.float64]:
    """Weight of each word of a sequence by its distance to the middle, (n_words,): 50 there, 1 far away.

    References
    ----------
    Lee, Bioinformatics 32, 2196-2198 (2016): the weighted kernel of LS-GKM.
    """
    distance = np.abs(np.arange(n_words) - n_words // 2)
    return np.minimum(_HEIGHT, np.floor(_HEIGHT * 2.0 ** (-distance / _HALF) + 1))


def padded(sequences: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Sequences as rows of one array, filled up with unknown tokens on the right.

    Returns
    -------
    (n, longest)
    """
    out = np.full((len(sequences), max(map(len, sequences), default=0)), DNA.unknown_token, np.uint8)
    for row, tokens in zip(out, sequences, strict=True):
        row[: len(tokens)] = tokens
    return out


def word_weights(
    tokens: NDArray[np.uint8], l: int, kernel: str, lengths: NDArray[np.int64] | None = None
) -> NDArray[np.float64]:
    """What each word of each window counts: 0 where it is not known, else 1, or its position weight if "weighted".

    Parameters
    ----------
    tokens : (n, length)
    lengths : (n,)
        Letters of each window that are its own; what follows fills it up. None: all are.

    Returns
    -------
    (n, length - l + 1)
    """
    known = word_codes(tokens, l)[1].astype(np.float64)
    if kernel != "weighted":
        return known
    if lengths is None:
        return known * position_weights(known.shape[1])
    for row, length in zip(known, lengths.tolist(), strict=True):
        n_words = max(0, length - l + 1)
        row[:n_words] *= position_weights(n_words)
    return known


def self_similarities(
    tokens: NDArray[np.uint8], weights: NDArray[np.float64], similarity: NDArray[np.float64]
) -> NDArray[np.float64]:
    """K(s, s) of every window, not normalised.

    Parameters
    ----------
    tokens : (n, length)
    weights : (n, length - l + 1), from `word_weights`
    similarity : (l + 1,), for 0 to l mismatches

    Returns
    -------
    (n,), 0 where a window has no word
    """
    out = np.empty(len(tokens))
    step = max(1, _BLOCK // max(1, tokens.shape[1]))
    for start in range(0, len(tokens), step):
        part, weight = tokens[start : start + step], weights[start : start + step]
        same = _sums(part, weight, part, weight, similarity, range(1, weight.shape[1]))
        diagonal = similarity[0] * (weight**2).sum(axis=1)
        other = _sums(reverse_complement(part), weight[:, ::-1], part, weight, similarity)
        out[start : start + step] = diagonal + 2 * same + other
    return out


def _by_pairs(
    tokens: NDArray[np.uint8], weights: NDArray[np.float64], similarity: NDArray[np.float64]
) -> NDArray[np.float64]:
    values = np.zeros((len(tokens), len(tokens)))
    step = max(1, _BLOCK // max(1, tokens.shape[1]))
    for row in range(len(tokens)):
        one, weight = tokens[row : row + 1], weights[row : row + 1]
        for start in range(row, len(tokens), step):
            part = slice(start, start + step)
            values[row, part] = _sums(one, weight, tokens[part], weights[part], similarity)
            values[row, part] += _sums(
                reverse_complement(one), weight[:, ::-1], tokens[part], weights[part], similarity
            )
    return np.triu(values) + np.triu(values, 1).T


def _by_transforms(
    tokens: NDArray[np.uint8], weights: NDArray[np.float64], similarity: NDArray[np.float64]
) -> NDArray[np.float64]:
    l = len(similarity) - 1
    codes, _ = word_codes(tokens, l)
    transform = HammingTransform(similarity, np.float64)
    values = np.empty((len(tokens), len(tokens)))
    for row, (words, weight) in enumerate(zip(codes, weights, strict=True)):
        both = np.concatenate([words, complement_codes(words, l)])
        potential = transform(np.bincount(both, np.tile(weight, 2), minlength=4**l))
        values[row] = np.einsum("ij,ij->i", potential[codes], weights)
    return (values + values.T) / 2


def _sums(
    a: NDArray[np.uint8],
    a_weights: NDArray[np.float64],
    b: NDArray[np.uint8],
    b_weights: NDArray[np.float64],
    similarity: NDArray[np.float64],
    offsets: range | None = None,
) -> NDArray[np.float64]:
    """Sum over words u of a row of `a` and v of the row of `b` of weight(u) weight(v) h(d(u, v)).

    Parameters
    ----------
    a, b : (n, length) and (n, other length); `a` may have one row for all
    a_weights, b_weights : (n, length - l + 1) and likewise
    offsets : how many places v stands to the right of u; None: all

    Returns
    -------
    (n,)
    """
    l, n_a, n_b = len(similarity) - 1, a_weights.shape[1], b_weights.shape[1]
    furthest = int(np.flatnonzero(similarity).max(initial=0))
    out = np.zeros(len(b))
    for offset in range(1 - n_a, n_b) if offsets is None else offsets:
        first, last = max(0, -offset), min(n_a, n_b - offset)
        if first >= last:
            continue
        differ = a[:, first : last + l - 1] != b[:, first + offset : last + offset + l - 1]
        distance = _running_sums(differ.view(np.uint8), l).ravel()
        # Few words are similar: in random DNA one pair of 11-mers in 800 has up to 3 mismatches
        similar = np.flatnonzero(distance <= furthest)
        row, place = np.divmod(similar, last - first)
        value = similarity[distance[similar]] * b_weights[row, first + offset + place]
        value *= a_weights[row if len(a) > 1 else 0, first + place]
        out += np.bincount(row, value, minlength=len(b))
    return out


def _running_sums(values: NDArray[np.uint8], width: int) -> NDArray[np.uint8]:
    """Sums of `width` neighbours along a row, from sums of 1, 2, 4 … of them."""
    total: NDArray[np.uint8] | None = None
    places, done = values.shape[1] - width + 1, 0
    power, size = values, 1
    while True:
        if width & size:
            part = power[:, done : done + places]
            total = part.copy() if total is None else total + part
            done += size
        if done == width and total is not None:
            return total
        power = power[:, :-size] + power[:, size:]
        size *= 2
