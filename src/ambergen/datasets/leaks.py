"""The leak guard: windows of different splits that overlap, or that are the same sequence on either strand."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ambergen.datasets.splits import SPLIT_NAMES
from ambergen.sequence.alphabets import Alphabet
from ambergen.sequence.onehot import reverse_complement

_CHUNK = 8192
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)  # odd, 2**64 over the golden ratio (Knuth, volume 3, section 6.4)
_SHIFT = np.uint64(29)


@dataclass(frozen=True)
class PairLeak:
    """What two splits share.

    Attributes
    ----------
    first, second : names of the splits
    in_first, in_second : windows of the one that overlap, or equal, a window of the other
    example : rows of a pair
    """

    first: str
    second: str
    in_first: int
    in_second: int
    example: tuple[int, int]


@dataclass(frozen=True, eq=False)
class Leaks:
    """The leaks of a data set.

    Attributes
    ----------
    identical, overlapping : one entry for each pair of splits that has any
    to_drop : (n_windows,) bool
        Windows that leak into a later split (train, search, selection, test); without them no pair is left.
    """

    identical: list[PairLeak]
    overlapping: list[PairLeak]
    to_drop: NDArray[np.bool_] = field(repr=False)

    def __bool__(self) -> bool:
        return bool(self.identical or self.overlapping)

    def to_dict(self) -> dict[str, list[dict[str, Any]]]:
        """Counts as JSON can hold them."""
        return {
            kind: [{"splits": [p.first, p.second], "windows": [p.in_first, p.in_second]} for p in pairs]
            for kind, pairs in (("identical", self.identical), ("overlapping", self.overlapping))
        }


def find_leaks(
    tokens_of: Callable[[NDArray[np.int64]], NDArray[np.uint8]],
    split: NDArray[np.uint8],
    alphabet: Alphabet,
    offsets: NDArray[np.int64] | None = None,
    length: int = 0,
) -> Leaks:
    """Compare all windows of different splits.

    Parameters
    ----------
    tokens_of : gives the windows (n, length) of row numbers (n,)
    split : (n_windows,) codes
    offsets : (n_windows,), ascending
        Starts of windows on one line of all contigs; None where rows cannot overlap.
    length : of a window, where `offsets` are given
    """
    to_drop = np.zeros(len(split), dtype=bool)
    overlapping = [] if offsets is None else _overlapping(offsets, length, split, to_drop)
    hashes, is_known = canonical_hashes(tokens_of, len(split), alphabet)
    identical = _identical(hashes, np.flatnonzero(is_known), tokens_of, split, alphabet, to_drop)
    return Leaks(identical, overlapping, to_drop)


def canonical_hashes(
    tokens_of: Callable[[NDArray[np.int64]], NDArray[np.uint8]], n_windows: int, alphabet: Alphabet
) -> tuple[NDArray[np.uint64], NDArray[np.bool_]]:
    """A number for each window that is the same for its reverse complement, and whether it has a known symbol.

    Returns
    -------
    hashes : (n_windows,) uint64
    is_known : (n_windows,) bool
    """
    hashes = np.empty(n_windows, dtype=np.uint64)
    is_known = np.empty(n_windows, dtype=bool)
    for first in range(0, n_windows, _CHUNK):
        rows = np.arange(first, min(first + _CHUNK, n_windows))
        tokens = tokens_of(rows)
        is_known[rows] = tokens.min(axis=1) < alphabet.unknown_token
        hashes[rows] = _hash(tokens)
        if alphabet.complement is not None:
            hashes[rows] = np.minimum(hashes[rows], _hash(reverse_complement(tokens, alphabet)))
    return hashes, is_known


def same_sequence(
    tokens_of: Callable[[NDArray[np.int64]], NDArray[np.uint8]], n_windows: int, alphabet: Alphabet
) -> NDArray[np.int64]:
    """(n_windows,): one number for all windows with one sequence on either strand."""
    hashes, _ = canonical_hashes(tokens_of, n_windows, alphabet)
    return np.unique(hashes, return_inverse=True)[1].astype(np.int64)


def _hash(tokens: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """(n,): eight tokens at a time are mixed into 64 bits."""
    n, length = tokens.shape
    padded = np.zeros((n, -(-length // 8) * 8), dtype=np.uint8)
    padded[:, :length] = tokens
    state = np.full(n, np.uint64(length), dtype=np.uint64)
    for word in np.ascontiguousarray(padded.view(np.uint64).T):
        state ^= word
        state *= _MULTIPLIER
        state ^= state >> _SHIFT
    return state


def _overlapping(
    offsets: NDArray[np.int64], length: int, split: NDArray[np.uint8], to_drop: NDArray[np.bool_]
) -> list[PairLeak]:
    pairs: list[PairLeak] = []
    rows = [np.flatnonzero(split == code) for code in range(len(SPLIT_NAMES))]
    for first, second in combinations(range(len(SPLIT_NAMES)), 2):
        near_second, partner = _near(offsets[rows[first]], offsets[rows[second]], length)
        if not near_second.any():
            continue
        near_first, _ = _near(offsets[rows[second]], offsets[rows[first]], length)
        to_drop[rows[first][near_second]] = True
        example = int(near_second.argmax())
        pairs.append(
            PairLeak(
                SPLIT_NAMES[first],
                SPLIT_NAMES[second],
                int(near_second.sum()),
                int(near_first.sum()),
                (int(rows[first][example]), int(rows[second][partner[example]])),
            )
        )
    return pairs


def _near(one: NDArray[np.int64], other: NDArray[np.int64], length: int) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Whether each start of `one` has a start of `other` nearer than `length`, and the nearest one's index."""
    if len(other) == 0:
        return np.zeros(len(one), dtype=bool), np.zeros(len(one), dtype=np.int64)
    following = np.searchsorted(other, one)
    after = np.minimum(following, len(other) - 1)
    before = np.maximum(following - 1, 0)
    nearest = np.where(np.abs(other[before] - one) < np.abs(other[after] - one), before, after)
    return np.abs(other[nearest] - one) < length, nearest


def _identical(
    hashes: NDArray[np.uint64],
    rows: NDArray[np.int64],
    tokens_of: Callable[[NDArray[np.int64]], NDArray[np.uint8]],
    split: NDArray[np.uint8],
    alphabet: Alphabet,
    to_drop: NDArray[np.bool_],
) -> list[PairLeak]:
    # A hash may agree by chance: only what it suspects is compared in full
    suspects = rows[_in_mixed_group(hashes[rows], split[rows])]
    keys = [_key(tokens_of(np.array([row]))[0], alphabet) for row in suspects]
    group = np.unique(np.array(keys), return_inverse=True)[1] if keys else np.empty(0, dtype=np.int64)
    mixed = _in_mixed_group(group, split[suspects])
    suspects, group = suspects[mixed], group[mixed]
    if len(suspects) == 0:
        return []
    codes = split[suspects]
    latest = np.zeros(group.max() + 1, dtype=np.uint8)
    np.maximum.at(latest, group, codes)
    to_drop[suspects[codes < latest[group]]] = True
    has = np.zeros((len(SPLIT_NAMES), len(latest)), dtype=bool)
    has[codes, group] = True
    pairs: list[PairLeak] = []
    for first, second in combinations(range(len(SPLIT_NAMES)), 2):
        shared = (has[first] & has[second])[group]
        in_first, in_second = shared & (codes == first), shared & (codes == second)
        if not in_first.any():
            continue
        example = int(in_first.argmax())
        partner = int((in_second & (group == group[example])).argmax())
        pairs.append(
            PairLeak(
                SPLIT_NAMES[first],
                SPLIT_NAMES[second],
                int(in_first.sum()),
                int(in_second.sum()),
                (int(suspects[example]), int(suspects[partner])),
            )
        )
    return pairs


def _in_mixed_group(group: NDArray, split: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """(n,): whether the rows with the same number in `group` are of more than one split."""
    mixed = np.zeros(len(group), dtype=bool)
    if len(group) == 0:
        return mixed
    order = np.argsort(group, kind="stable")
    first = np.flatnonzero(np.concatenate([[True], group[order][1:] != group[order][:-1]]))
    lowest, highest = (ufunc.reduceat(split[order], first) for ufunc in (np.minimum, np.maximum))
    sizes = np.diff(np.append(first, len(group)))
    mixed[order] = np.repeat(lowest != highest, sizes)
    return mixed


def _key(tokens: NDArray[np.uint8], alphabet: Alphabet) -> bytes:
    strands = [tokens.tobytes()]
    if alphabet.complement is not None:
        strands.append(reverse_complement(tokens, alphabet).tobytes())
    return hashlib.blake2b(min(strands), digest_size=16).digest()
