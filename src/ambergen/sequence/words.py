"""Words of l letters in windows, as numbers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ambergen.sequence.alphabets import DNA


def word_codes(tokens: NDArray[np.uint8], l: int) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """The word that begins at each place, as the number that its tokens spell in base 4.

    Parameters
    ----------
    tokens : (n, length), DNA

    Returns
    -------
    codes : (n, length - l + 1)
        0 where the word is not known.
    known : (n, length - l + 1)
        Whether every letter of the word is.
    """
    n, places = len(tokens), max(0, tokens.shape[1] - l + 1)
    codes, unknown = np.zeros((n, places), np.int32), np.zeros((n, places), bool)
    for j in range(l if places else 0):
        letters = tokens[:, j : j + places]
        unknown |= letters == DNA.unknown_token
        codes <<= 2
        codes |= letters
    codes[unknown] = 0
    return codes, ~unknown


def complement_codes(codes: NDArray[np.int32], l: int) -> NDArray[np.int32]:
    """The reverse complements of words, whatever the shape."""
    # In the order A, C, G, T the complement turns both bits of a letter
    turned = ~np.asarray(codes)
    out = np.zeros_like(turned)
    for _ in range(l):
        out <<= 2
        out |= turned & 3
        turned >>= 2
    return out


def canonical_words(l: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """The words that are not after their reverse complement, and where among these each of the 4^l words has its own.

    Returns
    -------
    words : (n_canonical,), ascending; 2,097,152 of 11 letters, 524,800 of 10
    place : (4^l,), with words[place[u]] = the smaller one of u and its reverse complement
    """
    codes = np.arange(4**l, dtype=np.int32)
    smaller = np.minimum(codes, complement_codes(codes, l))
    is_canonical = smaller == codes
    rank = np.cumsum(is_canonical, dtype=np.int32) - 1
    return np.flatnonzero(is_canonical).astype(np.int32), rank[smaller]


def spelled(codes: NDArray[np.int32], l: int) -> list[str]:
    """The letters of words.

    Parameters
    ----------
    codes : (n,)
    """
    shifts = 2 * np.arange(l - 1, -1, -1)
    letters = np.frombuffer(DNA.symbols.encode(), np.uint8)[(np.asarray(codes)[:, None] >> shifts) & 3]
    return np.ascontiguousarray(letters).view(f"S{l}").ravel().astype(str).tolist() if len(letters) else []
