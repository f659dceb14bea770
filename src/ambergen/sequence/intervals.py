"""Intervals on contigs: 0-based and half-open, as columns of arrays."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, eq=False)
class Intervals:
    """A table of intervals in the order in which they were given.

    Attributes
    ----------
    contig : (n,) object
        Names as they stand in the source.
    start, end : (n,) int64
        First base, and the base after the last one.
    strand : (n,) object of '+', '-' and '.', or None
        None where the source has no strands.
    summit : (n,) int64, or None
        Position of the summit on the contig, -1 where none was called; None where the source has no summits.
    """

    contig: NDArray
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    strand: NDArray | None = None
    summit: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.start)

    def select(self, chosen: ArrayLike) -> Intervals:
        """The rows of a boolean mask (n,), or of row numbers, in their order."""
        rows = np.asarray(chosen)
        return Intervals(
            contig=self.contig[rows],
            start=self.start[rows],
            end=self.end[rows],
            strand=None if self.strand is None else self.strand[rows],
            summit=None if self.summit is None else self.summit[rows],
        )

    def by_contig(self) -> Iterator[tuple[str, Intervals]]:
        """Contig after contig, in the order of their first row; rows keep their order."""
        which, names = pd.factorize(self.contig)
        rows = np.argsort(which, kind="stable")
        bounds = np.searchsorted(which[rows], np.arange(len(names) + 1))
        for group, name in enumerate(names):
            yield name, self.select(rows[bounds[group] : bounds[group + 1]])


def merge(intervals: Intervals) -> Intervals:
    """The union: sorted by contig name and start, without overlaps; intervals that touch become one.

    Strands and summits are dropped.
    """
    contigs: list[NDArray] = []
    starts: list[NDArray[np.int64]] = []
    ends: list[NDArray[np.int64]] = []
    for name, part in sorted(intervals.by_contig(), key=lambda pair: pair[0]):
        start, end = merge_on_contig(part.start, part.end)
        contigs.append(np.full(len(start), name, dtype=object))
        starts.append(start)
        ends.append(end)
    if not contigs:
        return intervals
    return Intervals(np.concatenate(contigs), np.concatenate(starts), np.concatenate(ends))


def merge_on_contig(start: NDArray[np.int64], end: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Starts and ends of the union of intervals of one contig, ascending; intervals that touch become one.

    Parameters
    ----------
    start, end : (n,), in any order

    Returns
    -------
    start, end : (n_merged,) int64
    """
    order = np.argsort(start, kind="stable")
    start, end = start[order], end[order]
    reach = np.maximum.accumulate(end)
    first = np.ones(len(start), dtype=bool)
    first[1:] = start[1:] > reach[:-1]
    last = np.ones(len(start), dtype=bool)
    last[:-1] = first[1:]
    return start[first], reach[last]


def overlap(
    start: NDArray[np.int64],
    end: NDArray[np.int64],
    merged_start: NDArray[np.int64],
    merged_end: NDArray[np.int64],
) -> NDArray[np.int64]:
    """How many bases of each interval the merged intervals cover, all on one contig.

    Parameters
    ----------
    start, end : (n,), in any order, overlapping or not
    merged_start, merged_end : (n_merged,), from `merge_on_contig`

    Returns
    -------
    (n,) int64, bases
    """
    return _covered_before(end, merged_start, merged_end) - _covered_before(start, merged_start, merged_end)


def _covered_before(
    position: NDArray[np.int64], merged_start: NDArray[np.int64], merged_end: NDArray[np.int64]
) -> NDArray[np.int64]:
    """(n,): how many of the bases 0 … position - 1 are covered."""
    total = np.concatenate([[0], np.cumsum(merged_end - merged_start)])
    begun = np.searchsorted(merged_start, position, side="left")
    beyond = np.where(begun > 0, merged_end[begun - 1] - position, 0) if len(merged_end) else np.int64(0)
    return total[begun] - np.maximum(beyond, 0)


def tile(contig_length: int, width: int, step: int) -> NDArray[np.int64]:
    """Starts of the tiles of `width` bases that lie wholly on a contig, one every `step` bases from its first base.

    Returns
    -------
    (n_tiles,) int64
    """
    return np.arange(0, contig_length - width + 1, step, dtype=np.int64)
