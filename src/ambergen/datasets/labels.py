"""Which bins a track labels, and the matrix of labels as packed bits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ambergen.datasets.config import LabelRule
from ambergen.sequence.intervals import merge_on_contig

LABEL_BIT_ORDER: Final = "little"


@dataclass(frozen=True, eq=False)
class Bins:
    """The bins of all contigs, numbered through: those that lie wholly on a contig, one every `step` bases.

    Attributes
    ----------
    lengths : (n_contigs,) bases
    width : bases of a bin
    step : bases from one bin's start to the next one's
    """

    lengths: NDArray[np.int64]
    width: int
    step: int

    @cached_property
    def first(self) -> NDArray[np.int64]:
        """(n_contigs + 1,): the number of each contig's first bin, and the number of bins."""
        counts = np.maximum((self.lengths - self.width) // self.step + 1, 0)
        return np.concatenate([[0], np.cumsum(counts)])

    def __len__(self) -> int:
        return int(self.first[-1])

    def contig_of(self, number: NDArray[np.int64]) -> NDArray[np.int64]:
        """(n,): the contig of each bin."""
        return np.searchsorted(self.first, number, side="right") - 1

    def start_of(self, number: NDArray[np.int64]) -> NDArray[np.int64]:
        """(n,): the first base of each bin on its contig."""
        return (number - self.first[self.contig_of(number)]) * self.step


@dataclass(frozen=True, eq=False)
class PlacedIntervals:
    """Intervals on the contigs of one genome.

    Attributes
    ----------
    contig : (n,) int64, index into the genome's contigs
    start, end : (n,) int64
    summit : (n,) int64, -1 where none was called; None where the source has none
    """

    contig: NDArray[np.int64]
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    summit: NDArray[np.int64] | None = None


def labelled_bins(bins: Bins, peaks: PlacedIntervals, rule: LabelRule) -> NDArray[np.int64]:
    """Numbers of the bins that the peaks of one track make positive.

    Parameters
    ----------
    bins : all bins of the genome
    peaks : in any order, overlapping or not
    rule : see `WindowConfig`

    Returns
    -------
    (n_positive,) int64, ascending, each once
    """
    start, end = peaks.start, peaks.end
    if rule == "summit":
        middle = (start + end) // 2
        start = middle if peaks.summit is None else np.where(peaks.summit < 0, middle, peaks.summit)
        end = start + 1
    contig, start, end = _merge(bins, peaks.contig, start, end)
    number, covered = _overlaps(bins, contig, start, end)
    if len(number) == 0:
        return number
    # Bins that overlap one another do not ascend from interval to interval
    if bins.step < bins.width:
        order = np.argsort(number, kind="stable")
        number, covered = number[order], covered[order]
    first = np.flatnonzero(np.concatenate([[True], number[1:] != number[:-1]]))
    if rule == "half":
        first = first[2 * np.add.reduceat(covered, first) > bins.width]
    return number[first]


def _merge(
    bins: Bins, contig: NDArray[np.int64], start: NDArray[np.int64], end: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """The union, ordered by contig and start."""
    # One line for all contigs, with a base between them so that their intervals do not touch
    base = np.concatenate([[0], np.cumsum(bins.lengths + 1)])
    shift = base[contig]
    start, end = merge_on_contig(start + shift, end + shift)
    contig = np.searchsorted(base, start, side="right") - 1
    return contig, start - base[contig], end - base[contig]


def _overlaps(
    bins: Bins, contig: NDArray[np.int64], start: NDArray[np.int64], end: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Every pair of an interval and a bin that share a base: the bin's number, and how many bases they share."""
    # The first bin that ends after `start`, and the last one that begins before `end`
    first = np.maximum((start - bins.width) // bins.step + 1, 0)
    last = np.minimum((end - 1) // bins.step, np.diff(bins.first)[contig] - 1)
    count = np.maximum(last - first + 1, 0)
    before = np.cumsum(count) - count
    local = np.arange(count.sum()) - np.repeat(before - first, count)
    left = local * bins.step
    shared = np.minimum(np.repeat(end, count), left + bins.width) - np.maximum(np.repeat(start, count), left)
    return local + np.repeat(bins.first[:-1][contig], count), shared


class TrackHits:
    """The positive bins of one track, held as a list of numbers or as bits, whichever is smaller.

    Parameters
    ----------
    number : (n_positive,) ascending
    n_bins : bins of the genome
    """

    def __init__(self, number: NDArray[np.int64], n_bins: int) -> None:
        self._numbers: NDArray[np.int32] | None = None
        self._bits: NDArray[np.uint8] | None = None
        if 32 * len(number) <= n_bins:
            self._numbers = number.astype(np.int32)
        else:
            flags = np.zeros(n_bins, dtype=bool)
            flags[number] = True
            self._bits = np.packbits(flags, bitorder=LABEL_BIT_ORDER)

    def between(self, first: int, last: int) -> NDArray[np.int64]:
        """The positive bins `first` … `last` - 1."""
        if self._numbers is not None:
            lower, upper = np.searchsorted(self._numbers, [first, last])
            return self._numbers[lower:upper].astype(np.int64)
        assert self._bits is not None
        flags = np.unpackbits(self._bits[first // 8 : -(-last // 8)], bitorder=LABEL_BIT_ORDER)
        skipped = 8 * (first // 8)
        return np.flatnonzero(flags[first - skipped : last - skipped]) + first


def packed_labels(hits: Sequence[TrackHits], number: NDArray[np.int64]) -> NDArray[np.uint8]:
    """The label matrix of some bins.

    Parameters
    ----------
    hits : one entry a track
    number : (n_windows,) the bins, ascending

    Returns
    -------
    (n_windows, ceil(n_tracks / 8)) uint8, `LABEL_BIT_ORDER`
    """
    packed = np.zeros((len(number), -(-len(hits) // 8)), dtype=np.uint8)
    if len(number) == 0:
        return packed
    first, last = int(number[0]), int(number[-1]) + 1
    row_of = np.full(last - first, -1, dtype=np.int32)
    row_of[number - first] = np.arange(len(number), dtype=np.int32)
    for track, track_hits in enumerate(hits):
        rows = row_of[track_hits.between(first, last) - first]
        packed[rows[rows >= 0], track // 8] |= np.uint8(1 << track % 8)
    return packed


def pack(labels: NDArray) -> NDArray[np.uint8]:
    """(n, n_tracks) of 0 and 1 to (n, ceil(n_tracks / 8)) bits."""
    return np.packbits(labels, axis=1, bitorder=LABEL_BIT_ORDER)


def unpack(packed: NDArray[np.uint8], n_tracks: int) -> NDArray[np.uint8]:
    """(n, ceil(n_tracks / 8)) bits to (n, n_tracks) of 0 and 1."""
    return np.unpackbits(packed, axis=1, count=n_tracks, bitorder=LABEL_BIT_ORDER)
