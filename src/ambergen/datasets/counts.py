"""How a store keeps counts of reads: one line of the bases that windows reach, and where each window begins in it.

counts.npy          (n_bases, n_columns) float32; stretches of the genome one after another, in its order
count_offsets.npy   (n_windows,) int64; the first base of each window whose counts are kept, as an index into it
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

COUNTS, COUNT_OFFSETS = "counts.npy", "count_offsets.npy"
STRANDS = ("+", "-")
UNSTRANDED = "."


@dataclass(frozen=True)
class CountLayout:
    """What the columns of the counts are: one for each strand of a track, or a single one.

    Attributes
    ----------
    tracks : names of the experiments
    track_of_column : (n_columns,) the experiment of each column
    strands : (n_columns,) "+", "-", or "." where both strands are counted together
    width : bases of a window whose counts are kept, in its middle
    shift : how far a window may be moved without leaving the bases that are kept
    """

    tracks: tuple[str, ...]
    track_of_column: tuple[int, ...]
    strands: tuple[str, ...]
    width: int
    shift: int

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> CountLayout:
        """What `to_dict` gave, or a manifest that has more."""
        return cls(
            tuple(record["tracks"]),
            tuple(record["track_of_column"]),
            tuple(record["strands"]),
            int(record["width"]),
            int(record["shift"]),
        )

    def to_dict(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return {
            "tracks": list(self.tracks),
            "track_of_column": list(self.track_of_column),
            "strands": list(self.strands),
            "width": self.width,
            "shift": self.shift,
        }

    @property
    def n_columns(self) -> int:
        """Number of columns."""
        return len(self.strands)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns: the track, and the strand where it has two."""
        named = zip(self.track_of_column, self.strands, strict=True)
        return tuple(f"{self.tracks[track]}{strand.removeprefix(UNSTRANDED)}" for track, strand in named)

    @property
    def reverse_partner(self) -> NDArray[np.int64]:
        """(n_columns,): the column that takes each one's place under reverse complement."""
        pairs = list(zip(self.track_of_column, self.strands, strict=True))
        other = dict(zip(STRANDS, reversed(STRANDS), strict=True))
        return np.array([pairs.index((track, other.get(strand, strand))) for track, strand in pairs], dtype=np.int64)

    def totals(self, columns: NDArray) -> NDArray:
        """(n, n_columns) -> (n, n_tracks): sums over the strands of each track."""
        of_track = np.zeros((*columns.shape[:-1], len(self.tracks)), dtype=columns.dtype)
        for column, track in enumerate(self.track_of_column):
            of_track[..., track] += columns[..., column]
        return of_track


def windows_of(line: NDArray[np.float32], start: NDArray[np.int64], width: int) -> NDArray[np.float32]:
    """(n, n_columns, width): the counts of the bases from each `start` on."""
    found: NDArray[np.float32] = sliding_window_view(line, width, axis=0)[start]
    return found
