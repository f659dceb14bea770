"""The tracks of a genome: their names and partners, and their peaks on the genome's contigs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ambergen.datasets.config import TrackSource
from ambergen.datasets.labels import PlacedIntervals
from ambergen.errors import ConfigError, FileFormatError
from ambergen.io.aliases import ContigAliases
from ambergen.io.bed import read_intervals
from ambergen.io.bigwig import BigWig

_PROFILE_BLOCK = 1 << 22
_EXTRA_CONTIG_STARTS = ("KI", "GL", "chrUn", "NW_", "NT_", "chrEBV", "EBV", "hs37d5")


@dataclass(frozen=True, eq=False)
class GenomeContigs:
    """The contigs of a genome, in its order.

    Attributes
    ----------
    path : the FASTA file
    names : the genome's own
    lengths : (n_contigs,) int64, bases
    aliases : finds them by other names
    """

    path: Path
    names: tuple[str, ...]
    lengths: NDArray[np.int64]
    aliases: ContigAliases
    index: dict[str, int] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "index", {name: number for number, name in enumerate(self.names)})

    def find(self, name: str) -> int:
        """The number of the contig that is called `name`; -1 if there is none."""
        own = self.aliases.resolve(name)
        return -1 if own is None else self.index[own]


@dataclass(frozen=True, eq=False)
class PlacedPeaks:
    """The peaks of a file that lie on contigs of the genome, and how many lie on extra contigs that it lacks."""

    intervals: PlacedIntervals
    n_unplaced: int


def check_tracks(tracks: Sequence[TrackSource]) -> None:
    """Refuse tracks that share a name or lack an input.

    Raises
    ------
    ConfigError
    """
    if not tracks:
        raise ConfigError("data.tracks: there is no track; expected at least one. Give a file of peaks for each track.")
    for name, count in Counter(track.name for track in tracks).items():
        if count > 1:
            files = ", ".join(str(track.peaks or track.bigwig) for track in tracks if track.name == name)
            raise ConfigError(
                f"data.tracks: {count} tracks have the name '{name}' ({files}); expected different names. Rename a "
                "file, or list the tracks with a name each."
            )
    for track in tracks:
        where = f"data.tracks, track '{track.name}'"
        if (track.peaks is None) == (track.bigwig is None):
            found = "neither peaks nor bigwig is" if track.peaks is None else "both peaks and bigwig are"
            raise ConfigError(f"{where}: {found} given; expected one of the two. Give the file that has the track.")
        if track.bigwig is not None and (track.threshold is None or not track.threshold > 0):
            raise ConfigError(
                f"{where}: the threshold of a bigWig is {track.threshold}; expected a number above 0, the value from "
                "which on a base counts as part of a peak. Give threshold."
            )


def reverse_partners(tracks: Sequence[TrackSource]) -> NDArray[np.int64]:
    """For each track the one that takes its place under reverse complement; itself where it has no partner.

    A partner that is named on one side only holds for both.

    Returns
    -------
    (n_tracks,) int64, its own inverse

    Raises
    ------
    ConfigError
        If a partner is no track, or two tracks name the same partner.
    """
    names = [track.name for track in tracks]
    partner = np.arange(len(tracks))
    named_by: dict[int, str] = {}
    for number, track in enumerate(tracks):
        if track.reverse_partner is None:
            continue
        where = f"data.tracks, track '{track.name}'"
        if track.reverse_partner not in names:
            near = get_close_matches(track.reverse_partner, names, n=1, cutoff=0.3) or names[:1]
            raise ConfigError(
                f"{where}: reverse_partner '{track.reverse_partner}' is not a track; expected the name of the track on "
                f"the other strand, for example {near[0]}. Correct the name, or leave reverse_partner out."
            )
        other = names.index(track.reverse_partner)
        for one, two in ((number, other), (other, number)):
            if named_by.get(one, names[two]) != names[two]:
                raise ConfigError(
                    f"{where}: reverse_partner is '{track.reverse_partner}', but '{names[one]}' and "
                    f"'{named_by[one]}' are partners already; expected pairs. Name each track once."
                )
            partner[one] = two
            named_by[one] = names[two]
    return partner


def read_peaks(track: TrackSource, genome: GenomeContigs) -> PlacedPeaks:
    """The peaks of a track, from its file of peaks or from where its bigWig reaches the threshold.

    Raises
    ------
    FileFormatError
        If there are none, or the file was made on another genome.
    """
    if track.peaks is not None:
        return place(track.peaks, genome)
    assert track.bigwig is not None
    assert track.threshold is not None
    return PlacedPeaks(_profile_peaks(track.bigwig, track.threshold, genome), 0)


def place(path: Path, genome: GenomeContigs, unknown_contigs: str = "refuse") -> PlacedPeaks:
    """The intervals of a BED or narrowPeak file on the genome's contigs.

    Intervals on unplaced, alternative and decoy contigs that the genome lacks are counted and left out.

    Parameters
    ----------
    unknown_contigs : "refuse" intervals on other contigs that the genome lacks, or "count" them too

    Raises
    ------
    FileFormatError
        If intervals lie on contigs that the genome lacks, or beyond the end of one.
    """
    intervals = read_intervals(path)
    which, names = pd.factorize(intervals.contig)
    contig_of_name = np.array([genome.find(name) for name in names], dtype=np.int64)
    unknown = [name for name, contig in zip(names, contig_of_name, strict=True) if contig < 0]
    serious = [name for name in unknown if not _is_extra(name)] if unknown_contigs == "refuse" else []
    contig = contig_of_name[which]
    is_placed = contig >= 0
    if serious or (unknown_contigs == "refuse" and not is_placed.any()):
        raise FileFormatError(_unknown_contigs(path, serious or unknown, int((~is_placed).sum()), len(contig), genome))
    beyond = is_placed & (intervals.end > genome.lengths[contig])
    if beyond.any():
        row = int(beyond.argmax())
        length = int(genome.lengths[contig[row]])
        raise FileFormatError(
            f"{path}, record {row + 1} ({intervals.contig[row]}:{intervals.start[row]}-{intervals.end[row]}): the "
            f"interval ends beyond contig {genome.names[contig[row]]}, which has {length:,} bases in {genome.path} "
            f"({int(beyond.sum()):,} of {len(beyond):,} records do). The file was probably made on another assembly; "
            "give the genome that it was made on, or lift the intervals over."
        )
    placed = intervals.select(is_placed)
    return PlacedPeaks(
        PlacedIntervals(contig[is_placed], placed.start, placed.end, placed.summit), int((~is_placed).sum())
    )


def _is_extra(name: str) -> bool:
    """Whether a name is that of an unplaced, alternative or decoy contig, which many copies of a genome lack."""
    return "_" in name or name.startswith(_EXTRA_CONTIG_STARTS)


def _unknown_contigs(path: Path, names: Sequence[str], n_unplaced: int, n_records: int, genome: GenomeContigs) -> str:
    shown = ", ".join(f"'{name}'" for name in names[:3]) + (", …" if len(names) > 3 else "")
    own = ", ".join(genome.names[:4]) + (", …" if len(genome.names) > 4 else "")
    return (
        f"{path}: {n_unplaced:,} of {n_records:,} records lie on contigs that {genome.path} lacks ({shown}); it has "
        f"{own}. Give the genome that the file was made on, or a table that says which contig has which names "
        "(data.aliases)."
    )


def _profile_peaks(path: Path, threshold: float, genome: GenomeContigs) -> PlacedIntervals:
    contigs: list[NDArray[np.int64]] = []
    runs: list[NDArray[np.int64]] = []
    highest = 0.0
    with BigWig(path) as profile:
        placed = {name: genome.find(name) for name in profile.contigs}
        if all(contig < 0 for contig in placed.values()):
            raise FileFormatError(
                f"{path}: none of its contigs ({', '.join(list(placed)[:3])}) is in {genome.path}, which has "
                f"{', '.join(genome.names[:4])}. Give the genome that the file was made on, or a table that says which "
                "contig has which names (data.aliases)."
            )
        for name, contig in placed.items():
            if contig < 0:
                continue
            length = profile.contigs[name]
            if length != genome.lengths[contig]:
                raise FileFormatError(
                    f"{path}: contig {name} has {length:,} bases, in {genome.path} it has "
                    f"{int(genome.lengths[contig]):,}. The file was made on another assembly; give the genome that it "
                    "was made on."
                )
            found, peak = runs_above(partial(profile.values, name), length, threshold)
            contigs.append(np.full(found.shape[1], contig))
            runs.append(found)
            highest = max(highest, peak)
    start, end, summit = np.concatenate(runs, axis=1)
    if len(start) == 0:
        raise FileFormatError(
            f"{path}: no base reaches the threshold {threshold:g}; the highest value is {highest:g}. "
            "Lower the threshold."
        )
    return PlacedIntervals(np.concatenate(contigs), start, end, summit)


def runs_above(
    values: Callable[[int, int], NDArray[np.float32]], length: int, threshold: float, block: int = _PROFILE_BLOCK
) -> tuple[NDArray[np.int64], float]:
    """Runs of bases that reach a threshold.

    Parameters
    ----------
    values : gives the values of the bases `first` … `last` - 1
    length : bases of the contig
    block : bases that are looked at at a time

    Returns
    -------
    (3, n_runs) int64: start, end, and the first base with the highest value of the run; and the contig's highest value
    """
    pieces = list(_pieces_above(values, length, threshold, block))
    highest = max(piece.highest for piece in pieces)
    start, end, summit = (np.concatenate([piece.runs[row] for piece in pieces]) for row in range(3))
    value = np.concatenate([piece.value for piece in pieces])
    if len(start) == 0:
        return np.empty((3, 0), dtype=np.int64), highest
    # A run that crosses from block to block came in pieces that touch
    is_first = np.concatenate([[True], start[1:] != end[:-1]])
    run = np.cumsum(is_first) - 1
    order = np.lexsort((summit, -value, run))
    best = order[np.concatenate([[True], run[order][1:] != run[order][:-1]])]
    is_last = np.concatenate([is_first[1:], [True]])
    return np.stack([start[is_first], end[is_last], summit[best]]), highest


@dataclass(frozen=True, eq=False)
class _Piece:
    """Runs (3, n) of one block, the value at each summit (n,), and the block's highest value."""

    runs: NDArray[np.int64]
    value: NDArray[np.float32]
    highest: float


def _pieces_above(
    values: Callable[[int, int], NDArray[np.float32]], length: int, threshold: float, block: int
) -> Iterator[_Piece]:
    for first in range(0, length, block):
        part = values(first, min(first + block, length))
        edges = np.flatnonzero(np.diff(np.concatenate([[False], part >= threshold, [False]])))
        start, end = edges[::2], edges[1::2]
        if len(start) == 0:
            yield _Piece(np.empty((3, 0), dtype=np.int64), np.empty(0, dtype=np.float32), float(part.max()))
            continue
        # Pairs of indices: every second section of reduceat is a run; the last end may be the array's end
        value = np.maximum.reduceat(np.append(part, -np.inf), edges)[::2]
        run_of_base = np.repeat(np.arange(len(start)), end - start)
        base = np.arange(len(run_of_base)) + np.repeat(start - (np.cumsum(end - start) - (end - start)), end - start)
        is_top = part[base] == value[run_of_base]
        _, first_top = np.unique(run_of_base[is_top], return_index=True)
        summit = base[is_top][first_top]
        yield _Piece(np.stack([start, end, summit]) + first, value, float(part.max()))
