"""Tokens and one-hot arrays of sequences, and their other strand."""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ambergen.errors import InputError
from ambergen.sequence.alphabets import DNA, Alphabet


def one_hot(tokens: NDArray[np.uint8], n_symbols: int = 4, dtype: DTypeLike = np.float32) -> NDArray:
    """One channel a symbol; a position that is not known is zero in all of them.

    Parameters
    ----------
    tokens : (..., length)
    n_symbols : number of channels

    Returns
    -------
    (..., n_symbols, length)
    """
    # n_symbols, the unknown token, equals no channel: the zeros need no second step
    symbols = np.arange(n_symbols, dtype=np.uint8)[:, None]
    return (np.asarray(tokens)[..., None, :] == symbols).astype(dtype)


def tokens_of(encoded: NDArray) -> NDArray[np.uint8]:
    """Tokens of a one-hot array; undoes `one_hot`.

    Parameters
    ----------
    encoded : (..., n_symbols, length)
        Each position has a single 1, or zeros only.

    Returns
    -------
    (..., length) uint8

    Raises
    ------
    InputError
        If a position holds something else.
    """
    encoded = np.asarray(encoded)
    n_symbols = encoded.shape[-2]
    tokens = np.where(encoded.any(axis=-2), encoded.argmax(axis=-2), n_symbols).astype(np.uint8)
    wrong = (one_hot(tokens, n_symbols, encoded.dtype) != encoded).any(axis=-2)
    if wrong.any():
        index = tuple(int(i) for i in np.argwhere(wrong)[0])
        channels = np.moveaxis(encoded, -2, -1)[index]
        raise InputError(
            f"the array is not one-hot at index {index}: the channels there are {channels}; "
            "expected a single 1, or zeros where the symbol is not known. Pass tokens, or an array made by one_hot."
        )
    return tokens


def reverse_complement(tokens: NDArray[np.uint8], alphabet: Alphabet = DNA) -> NDArray[np.uint8]:
    """The other strand, read in its own direction.

    Parameters
    ----------
    tokens : (..., length)

    Returns
    -------
    (..., length) uint8

    Raises
    ------
    AlphabetError
        If the alphabet has no complement.
    """
    return alphabet.complement_table[np.asarray(tokens)[..., ::-1]]
