"""From bigWig files to the counts of a store, a stretch of the genome at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ambergen.datasets.arrays import map_array
from ambergen.datasets.config import CountConfig, CountSource, WindowConfig
from ambergen.datasets.counts import COUNT_OFFSETS, COUNTS, STRANDS, UNSTRANDED, CountLayout, windows_of
from ambergen.datasets.parts import StoreParts
from ambergen.datasets.splits import SPLIT_NAMES
from ambergen.datasets.tracks import GenomeContigs
from ambergen.errors import ConfigError, FileFormatError
from ambergen.io.bigwig import BigWig
from ambergen.progress import Progress
from ambergen.sequence.intervals import merge_on_contig

_BLOCK_BYTES = 1 << 24
_WINDOWS_AT_A_TIME = 1 << 10


@dataclass(frozen=True, eq=False)
class CountedWindows:
    """The windows whose reads are counted.

    contigs, first : the genome, and where each contig begins on the line of tokens
    length : bases of a window
    offsets : (n_windows,) where each window begins on it
    split : (n_windows,) codes
    """

    contigs: GenomeContigs
    first: NDArray[np.int64]
    length: int
    offsets: NDArray[np.int64]
    split: NDArray[np.uint8]


def layout_of(counts: CountConfig, windows: WindowConfig) -> CountLayout:
    """The columns that the files of a config give.

    Raises
    ------
    ConfigError
        If experiments share a name or lack a file, or the width or the shift is impossible.
    """
    _check_tracks(counts.tracks)
    width = windows.length if counts.width is None else counts.width
    if not 1 <= width <= windows.length or (windows.length - width) % 2:
        raise ConfigError(
            f"data.counts.width: {width} bases in the middle of windows of {windows.length}; expected from 1 base to "
            "the window's length, and an even number less than it, so that both strands have the same middle. Change "
            "the width by a base, or leave it out for the whole window."
        )
    if counts.shift < 0:
        raise ConfigError(
            f"data.counts.shift: {counts.shift}; expected 0 or more bases, by which a training may move windows."
        )
    columns = [(number, strand) for number, track in enumerate(counts.tracks) for strand, _ in _files(track)]
    return CountLayout(
        tuple(track.name for track in counts.tracks),
        tuple(number for number, _ in columns),
        tuple(strand for _, strand in columns),
        width,
        counts.shift,
    )


def write_counts(
    parts: StoreParts, counts: CountConfig, layout: CountLayout, windows: CountedWindows, progress: Progress
) -> tuple[dict[str, Any], list[str]]:
    """Write the counts of windows, and where each begins.

    Where windows overlap, their bases are kept once. Beyond the ends of a contig no read begins.

    Returns
    -------
    What the manifest says of them, and warnings.

    Raises
    ------
    FileFormatError
        If a file was made on another genome, has a number that is no count, or has no read in any window.
    """
    begin = windows.offsets + (windows.length - layout.width) // 2 - layout.shift
    start, end = merge_on_contig(begin, begin + layout.width + 2 * layout.shift)
    with ExitStack() as stack:
        files = [
            stack.enter_context(_CountFile(track.name, path, windows))
            for track in counts.tracks
            for _, path in _files(track)
        ]
        with (
            parts.writer(COUNTS, np.float32, (len(files),)) as writer,
            progress.task("counting reads", total=int((end - start).sum())) as task,
        ):
            for first, last in _blocks(start, end, max(1, _BLOCK_BYTES // (4 * len(files)))):
                block = np.zeros((last - first, len(files)), dtype=np.float32)
                for column, file in enumerate(files):
                    file.read(first, last, block[:, column])
                writer.write(block)
                task.advance(last - first)
        for file in files:
            file.check_sum()
    stretch = np.searchsorted(start, begin, side="right") - 1
    line_start = np.concatenate([[0], np.cumsum(end - start)[:-1]])
    offsets = line_start[stretch] + begin - start[stretch] + layout.shift
    parts.write(COUNT_OFFSETS, offsets)
    means = _means(parts.folder / COUNTS, offsets, windows.split, layout)
    return {**layout.to_dict(), "mean_reads": means}, [warning for file in files for warning in file.warnings()]


def check_count_files(counts: CountConfig, contigs: GenomeContigs) -> None:
    """Open every file and hold its contigs against the genome's; for a check before anything is built.

    Raises
    ------
    FileFormatError
    """
    none = np.empty(0, dtype=np.int64)
    windows = CountedWindows(contigs, np.cumsum(contigs.lengths), 1, none, none.astype(np.uint8))
    for track in counts.tracks:
        for _, path in _files(track):
            with _CountFile(track.name, path, windows):
                pass


class _CountFile:
    """A column's bigWig on the line of tokens; a context manager.

    Where the file has no number (or nan), no read begins.
    """

    def __init__(self, track: str, path: Path, windows: CountedWindows) -> None:
        self._track, self._path = track, path
        self._contigs, self._first = windows.contigs, windows.first
        self._sum, self._broken_at = 0.0, ""
        self._file = BigWig(path)
        try:
            self._name = self._placed(windows)
        except FileFormatError:
            self._file.close()
            raise

    def __enter__(self) -> _CountFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def read(self, first: int, last: int, out: NDArray[np.float32]) -> None:
        """Put the counts of the bases `first` … `last` - 1 of the line into `out`, which is zeros."""
        begins, lengths = self._first, self._contigs.lengths
        for contig in range(int(np.searchsorted(begins, first, side="right")) - 1, len(begins)):
            if contig < 0:
                continue
            if begins[contig] >= last:
                break
            start, end = max(first - int(begins[contig]), 0), int(min(last - begins[contig], lengths[contig]))
            name = self._name.get(contig)
            if start < end and name is not None:
                values = self._file.values(name, start, end)
                self._check(values, name, start)
                at = int(begins[contig]) + start - first
                out[at : at + len(values)] = values

    def check_sum(self) -> None:
        """Raise FileFormatError if no read was found."""
        if self._sum == 0:
            raise FileFormatError(
                f"{self._path} (counts {self._track}): no read begins in any window; expected some. Give a file that "
                "covers the windows, or leave the track out of data.counts."
            )

    def warnings(self) -> Iterator[str]:
        """What a user should know of the numbers."""
        if self._broken_at:
            yield (
                f"{self._path} (counts {self._track}): its numbers are not whole ({self._broken_at}), so they are no "
                "counts of reads but something that was scaled or smoothed; how likely a profile is, and the weight of "
                "its error beside that of the counts, then mean little. Counts of the 5' ends of reads would be better"
            )

    def _check(self, values: NDArray[np.float32], contig: str, start: int) -> None:
        wrong = ~((values >= 0) & (values < np.inf))
        if wrong.any():
            at = int(wrong.argmax())
            remedy = (
                "Files of the minus strand often hold the numbers with a minus sign: write the file again without it."
                if values[at] < 0
                else "Write the file again without it."
            )
            raise FileFormatError(
                f"{self._path} (counts {self._track}): {contig}:{start + at}-{start + at + 1} (0-based) has "
                f"{values[at]:g}; expected how many reads begin there, 0 or more. {remedy}"
            )
        self._sum += float(values.sum(dtype=np.float64))
        if not self._broken_at:
            broken = values != np.floor(values)
            if broken.any():
                at = int(broken.argmax())
                self._broken_at = f"{values[at]:g} at {contig}:{start + at}"

    def _placed(self, windows: CountedWindows) -> dict[int, str]:
        """The file's name of each contig of the genome that it has."""
        genome, where = windows.contigs, f"{self._path} (counts {self._track})"
        names = {genome.find(name): name for name in self._file.contigs}
        names.pop(-1, None)
        own = ", ".join(genome.names[:4]) + (", …" if len(genome.names) > 4 else "")
        if not names:
            raise FileFormatError(
                f"{where}: none of its contigs ({', '.join(list(self._file.contigs)[:3])}) is in {genome.path}, which "
                f"has {own}. Give the genome that the file was made on, or a table that says which contig has which "
                "names (data.aliases)."
            )
        for contig, name in names.items():
            if self._file.contigs[name] != genome.lengths[contig]:
                raise FileFormatError(
                    f"{where}: contig {name} has {self._file.contigs[name]:,} bases, in {genome.path} it has "
                    f"{int(genome.lengths[contig]):,}. The file was made on another assembly; give the genome that it "
                    "was made on."
                )
        # The middle of a window is always on its contig
        used = np.unique(np.searchsorted(windows.first, windows.offsets + windows.length // 2, side="right") - 1)
        absent = [int(contig) for contig in used if int(contig) not in names]
        if absent:
            raise FileFormatError(
                f"{where}: the file lacks contig {genome.names[absent[0]]}, which has windows ({len(absent)} of "
                f"{len(used)} contigs with windows are not in it); expected all, for a contig that is not there cannot "
                "be told from one without reads. Give a file that has it, a table of its names (data.aliases), or put "
                "it into the regions that are left out (data.windows.exclude)."
            )
        return names


def _files(track: CountSource) -> tuple[tuple[str, Path], ...]:
    """Strand and file of each column of a track."""
    if track.bigwig is not None:
        return ((UNSTRANDED, track.bigwig),)
    assert track.plus is not None
    assert track.minus is not None
    return tuple(zip(STRANDS, (track.plus, track.minus), strict=True))


def _check_tracks(tracks: tuple[CountSource, ...]) -> None:
    if not tracks:
        raise ConfigError("data.counts.tracks: there is no track; expected one at least. Or leave data.counts out.")
    for name, count in Counter(track.name for track in tracks).items():
        if count > 1:
            raise ConfigError(
                f"data.counts.tracks: {count} tracks have the name '{name}'; expected different names. Rename one."
            )
    for track in tracks:
        given = tuple(path is not None for path in (track.bigwig, track.plus, track.minus))
        if given not in ((True, False, False), (False, True, True)):
            found = [key for key, is_there in zip(("bigwig", "plus", "minus"), given, strict=True) if is_there]
            raise ConfigError(
                f"data.counts.tracks, track '{track.name}': {' and '.join(found) or 'no file'} given; expected either "
                "bigwig, which counts both strands together, or plus and minus. Give one or the other."
            )


def _blocks(start: NDArray[np.int64], end: NDArray[np.int64], size: int) -> Iterator[tuple[int, int]]:
    """Stretches, cut into pieces of at most `size` bases."""
    for first, last in zip(start.tolist(), end.tolist(), strict=True):
        for at in range(first, last, size):
            yield at, min(at + size, last)


def _means(
    path: Path, offsets: NDArray[np.int64], split: NDArray[np.uint8], layout: CountLayout
) -> dict[str, list[float]]:
    """Mean reads of a window by split, a value a column."""
    sums = np.zeros((len(SPLIT_NAMES), layout.n_columns))
    for at in range(0, len(offsets), _WINDOWS_AT_A_TIME):
        part = slice(at, at + _WINDOWS_AT_A_TIME)
        # Mapped for a piece at a time, so that the pages it touched do not stay in this process's memory
        totals = windows_of(map_array(path), offsets[part], layout.width).sum(axis=2, dtype=np.float64)
        np.add.at(sums, split[part], totals)
    n = np.bincount(split, minlength=len(SPLIT_NAMES))
    return {name: (sums[code] / max(1, n[code])).tolist() for code, name in enumerate(SPLIT_NAMES)}
