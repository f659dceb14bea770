"""AUROC and average precision of all tracks at once, exact with ties.

Scores become integers of the same order with the label as their lowest bit, so that one plain sort of integers carries
both (NumPy sorts those with vector instructions). Everything after the sort looks at the positives only, which are few.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ambergen.errors import InputError

_GROUP_VALUES = 1 << 23
"""Codes that are held at a time: 32 MiB for float32."""
_TILE_VALUES = 1 << 16
"""Scores that are coded at a time, so that the steps of coding find them in the cache."""
_BLOCK_VALUES = 1 << 19
"""Codes that are sorted at a time, for the same reason."""


@dataclass(frozen=True)
class Ranking:
    """How well scores rank the positives of each track above its negatives; every field is (n_tracks,).

    auroc, average_precision : float64; nan where a track has a single class among its known labels, and only there
    positives, negatives : int64, known labels of either class
    """

    auroc: NDArray[np.float64]
    average_precision: NDArray[np.float64]
    positives: NDArray[np.int64]
    negatives: NDArray[np.int64]


def ranking(scores: ArrayLike, labels: ArrayLike, known: ArrayLike | None = None) -> Ranking:
    """AUROC and average precision of every track, from one sort.

    Parameters
    ----------
    scores : (n_windows, n_tracks), logits, probabilities or any other order; float32 is fastest
    labels : (n_windows, n_tracks) of 0 and 1
    known : (n_windows, n_tracks) of bool
        Where False, the window is left out of that track, whatever its score and label are. None: all labels are known.

    Raises
    ------
    InputError
        If the shapes differ, a known label is neither 0 nor 1, or a score with a known label is nan.

    Notes
    -----
    Ties count half in the AUROC. Average precision is the step-wise sum over distinct scores, sum (R_k - R_(k-1)) P_k,
    without interpolation. Both are scikit-learn's definitions.
    """
    scores, labels, known = checked(scores, labels, known)
    n_windows, n_tracks = scores.shape
    n_known = np.full(n_tracks, n_windows) if known is None else known.sum(axis=0)
    auroc = np.full(n_tracks, np.nan)
    precision = np.full(n_tracks, np.nan)
    positives = np.zeros(n_tracks, dtype=np.int64)
    for group in _parts(0, n_tracks, _GROUP_VALUES // max(1, n_windows)):
        codes = _codes(scores[:, group], labels[:, group], None if known is None else known[:, group], group.start)
        for block in _parts(group.start, group.stop, _BLOCK_VALUES // max(1, n_windows)):
            rows = codes[block.start - group.start : block.stop - group.start]
            rows.sort(axis=1)
            auroc[block], precision[block], positives[block] = _from_sorted(rows, n_known[block])
    return Ranking(auroc, precision, positives, n_known - positives)


def auroc(scores: ArrayLike, labels: ArrayLike, known: ArrayLike | None = None) -> NDArray[np.float64]:
    """Area under the ROC curve of every track, (n_tracks,); nan where a track has a single class. See `ranking`."""
    return ranking(scores, labels, known).auroc


def average_precision(scores: ArrayLike, labels: ArrayLike, known: ArrayLike | None = None) -> NDArray[np.float64]:
    """Average precision of every track, (n_tracks,); nan where a track has a single class. See `ranking`."""
    return ranking(scores, labels, known).average_precision


def defined(positives: ArrayLike, negatives: ArrayLike, minimum: int = 10) -> NDArray[np.bool_]:
    """Which tracks have enough of both classes for their figure to count in a reward or a comparison.

    Parameters
    ----------
    positives, negatives : (n_tracks,)
    minimum : labels of either class; with fewer, one window moves the figure by more than the models differ

    Returns
    -------
    (n_tracks,)
    """
    return np.minimum(np.asarray(positives), np.asarray(negatives)) >= minimum


def mean_defined(values: ArrayLike, defined: ArrayLike) -> float:
    """Mean of a figure over the defined tracks.

    Parameters
    ----------
    values, defined : (n_tracks,)

    Raises
    ------
    InputError
        If no track is defined: a mean over nothing would pass for a result.
    """
    values, chosen = np.asarray(values, dtype=np.float64), np.asarray(defined, dtype=bool)
    if not chosen.any():
        raise InputError(
            f"mean over tracks: none of the {len(values)} tracks has enough positives and negatives to be measured; "
            "expected at least one. Give this split more contigs or rows, or ask for fewer labels per track."
        )
    return float(values[chosen].mean())


def checked(
    scores: ArrayLike, labels: ArrayLike, known: ArrayLike | None
) -> tuple[NDArray[np.floating], NDArray[np.uint8], NDArray[np.bool_] | None]:
    """Scores as float32 or float64, labels as 0 and 1, 0 also where they are not known.

    Raises
    ------
    InputError
        If the shapes differ, or a known label is neither 0 nor 1.
    """
    scores, labels = np.asarray(scores), np.asarray(labels)
    known = None if known is None else np.asarray(known)
    shapes = [array.shape for array in (scores, labels, known) if array is not None]
    if scores.ndim != 2 or len(set(shapes)) > 1:
        raise InputError(
            f"metrics: scores have the shape {scores.shape}, labels {labels.shape}"
            + ("" if known is None else f", known {known.shape}")
            + "; expected (n_windows, n_tracks) for each. Give a single track as a column: scores[:, None]."
        )
    if known is not None:
        known = known.astype(bool, copy=False)
        labels = np.where(known, labels, 0)
    if labels.dtype != bool:
        wrong = (labels > 1) if labels.dtype.kind == "u" else (labels != 0) & (labels != 1)
        if wrong.any():
            row, track = np.argwhere(wrong)[0]
            raise InputError(
                f"metrics: the label of row {row}, track {track} is {labels[row, track]}; expected 0 or 1. "
                "Mark unknown labels in `known`."
            )
    if scores.dtype not in (np.float32, np.float64):
        scores = scores.astype(np.float32 if scores.dtype == np.float16 else np.float64)
    return scores, labels.astype(np.uint8, copy=False), known


def _parts(start: int, stop: int, size: int) -> Iterator[slice]:
    size = max(1, size)
    for first in range(start, stop, size):
        yield slice(first, min(first + size, stop))


def _codes(
    scores: NDArray[np.floating], labels: NDArray[np.uint8], known: NDArray[np.bool_] | None, first_track: int
) -> NDArray[np.signedinteger]:
    """Integers ordered as the scores of a track, the label in the lowest bit; what is not known comes last.

    Parameters
    ----------
    scores, labels, known : (n_windows, n_tracks)
    first_track : number of the first column, for messages

    Returns
    -------
    (n_tracks, n_windows)

    Notes
    -----
    The bits of a positive float, read as an integer, are ordered as the floats are. Sign and magnitude leave no bit for
    the label, but real scores use few of the exponents: where all magnitudes are 0 or from 2^-100 up to 2^27 (float32;
    2^-900 up to 2^123 for float64), two bits are free once the lowest exponent is subtracted. Elsewhere ranks take the
    place of the bits.
    """
    n_windows, n_tracks = scores.shape
    codes = np.empty((n_tracks, n_windows), dtype=np.int32 if scores.dtype == np.float32 else np.int64)
    fits = True
    for tile in _parts(0, n_windows, _TILE_VALUES // max(1, n_tracks)):
        ordered, fitted = _ordered_integers(scores[tile] if known is None else np.where(known[tile], scores[tile], 0))
        fits &= fitted
        ordered <<= 1
        ordered |= labels[tile]
        codes[:, tile] = ordered.T
    if not fits:
        scores = scores if known is None else np.where(known, scores, 0)
        refuse_nan(scores, first_track)
        codes = _dense_ranks(np.ascontiguousarray(scores.T)) << 1 | labels.T
    if known is not None:
        codes[~known.T] = np.iinfo(codes.dtype).max - 1
    return codes


def _ordered_integers(scores: NDArray[np.floating]) -> tuple[NDArray[np.signedinteger], bool]:
    """Integers ordered as the scores, two bits shorter, and whether the scores allowed it; see `_codes`."""
    single = scores.dtype == np.float32
    integer: type[np.signedinteger] = np.int32 if single else np.int64
    gap = np.array(2.0**-100 if single else 2.0**-900, scores.dtype).view(integer) - 1
    bits: NDArray[np.signedinteger] = scores.view(integer)
    # All bits but the sign are turned where the score is negative: -0 becomes -1, lower scores lower integers.
    turned = bits >> (np.iinfo(integer).bits - 1)
    turned &= np.iinfo(integer).max
    turned ^= bits
    # Both sides move towards zero by the magnitudes that no score has.
    turned -= turned.clip(-1 - gap, gap)
    # - 2: the largest code stays free for what is not known. A nan lies beyond the limit.
    limit = (1 << (np.iinfo(integer).bits - 2)) - 2
    only_zeros_became_zero = np.count_nonzero(turned) == np.count_nonzero(scores != 0)
    fits = only_zeros_became_zero and -limit <= turned.min(initial=0) and turned.max(initial=0) <= limit
    return turned, bool(fits)


def refuse_nan(scores: NDArray[np.floating], first_track: int = 0, first_row: int = 0) -> None:
    """Raise InputError where a score is nan; the first track and row are numbers for the message."""
    missing = np.isnan(scores)
    if missing.any():
        row, track = np.argwhere(missing)[0]
        raise InputError(
            f"metrics: the score of row {first_row + row}, track {first_track + track} is nan; expected a number. A "
            "network whose training diverged gives nan: lower the learning rate, or leave the row out through `known`."
        )


def _dense_ranks(scores: NDArray[np.floating]) -> NDArray[np.int64]:
    """Rank among the distinct scores of each row, from 0."""
    order = np.argsort(scores, axis=1)
    ordered = np.take_along_axis(scores, order, axis=1)
    steps = np.zeros(scores.shape, dtype=np.int64)
    steps[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    ranks = np.empty(scores.shape, dtype=np.int64)
    np.put_along_axis(ranks, order, np.cumsum(steps, axis=1), axis=1)
    return ranks


def _from_sorted(
    codes: NDArray[np.signedinteger], n_known: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """AUROC, average precision and number of positives of each row of sorted codes.

    Parameters
    ----------
    codes : (n_tracks, n_windows), ascending; the first n_known of a row count
    n_known : (n_tracks,)

    Notes
    -----
    Positives of one track with one score form a group. Windows with the same score lie together, negatives first
    because of the label bit. A group starts at `first`, the negatives tied with it at `tied`, and `earlier` positives
    of its track are lower. Each of its positives beats tied - earlier negatives and half of first - tied more; at its
    score as threshold n_known - tied windows are called, of which positives - earlier are right.
    """
    n_tracks, n_windows = codes.shape
    flat = codes.ravel()
    where = np.flatnonzero((codes & 1).astype(bool).ravel())
    tracks = where // n_windows if n_windows else where
    values = flat[where]
    positives = np.bincount(tracks, minlength=n_tracks)
    before_track = np.cumsum(positives) - positives

    new = np.ones(len(where), dtype=bool)
    new[1:] = (values[1:] != values[:-1]) | (tracks[1:] != tracks[:-1])
    starts = np.flatnonzero(new)
    size = np.diff(starts, append=len(where))
    track = tracks[starts]
    earlier = starts - before_track[track]
    first = where[starts] - track * n_windows
    tied = _first_tied(flat, track * n_windows, first, values[starts] - 1)

    wins = size * (tied - earlier + 0.5 * (first - tied))
    precision = size * ((positives[track] - earlier) / (n_known[track] - tied))
    negatives = n_known - positives
    pairs = np.where((positives > 0) & (negatives > 0), positives * negatives, np.nan)
    auroc = np.bincount(track, wins, minlength=n_tracks) / pairs
    average = np.bincount(track, precision, minlength=n_tracks) / np.where(np.isnan(pairs), np.nan, positives)
    return auroc, average, positives


def _first_tied(
    codes: NDArray[np.signedinteger],
    row_start: NDArray[np.int64],
    first: NDArray[np.int64],
    negative: NDArray[np.signedinteger],
) -> NDArray[np.int64]:
    """Where in its row each group's tied negatives begin; `first` where there are none.

    Parameters
    ----------
    codes : rows of ascending codes, one after another
    row_start, first, negative : (n_groups,)
        Start of the group's row, the group's first positive within the row, and the code of a negative of its score.
    """
    tied = first.copy()
    # A group at the start of a row looks at the row before (or the last one), where its code may stand by chance.
    candidates = np.flatnonzero((first > 0) & (codes[row_start + first - 1] == negative))
    low, high = np.zeros(len(candidates), dtype=np.int64), first[candidates]
    start, value = row_start[candidates], negative[candidates]
    while (low < high).any():  # bisection of all groups side by side
        middle = (low + high) // 2
        # Where low has met high, the code in the middle is not below, which leaves both as they are.
        below = codes[start + middle] < value
        low, high = np.where(below, middle + 1, low), np.where(below, high, middle)
    tied[candidates] = low
    return tied
