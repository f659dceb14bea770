"""A data set on disk: tokens once, windows as offsets into them, labels as bits, and a manifest.

tokens.npy     uint8; contigs, or rows of a table, one after another with unknown tokens before, between and after
offsets.npy    (n_windows,) int64; where each window begins in it
labels.npy     (n_windows, ceil(n_tracks / 8)) uint8; bits, the first track in the lowest
known.npy      the same for "is the label known"; absent where all are
split.npy      (n_windows,) uint8; 0 train, 1 search, 2 selection, 3 test
counts.npy     counts of reads, and count_offsets.npy; absent where none were asked for; see `counts.py`
manifest.json  names, sizes and checksums of all these, the inputs, the recipe, counts, leaks and warnings
"""

from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from ambergen.datasets.arrays import map_array
from ambergen.datasets.counts import COUNT_OFFSETS, COUNTS, CountLayout, windows_of
from ambergen.datasets.labels import unpack
from ambergen.datasets.splits import code_of
from ambergen.errors import StoreError
from ambergen.sequence.alphabets import Alphabet, by_name
from ambergen.sequence.intervals import Intervals

FORMAT, VERSION = "ambergen store", 1
MANIFEST = "manifest.json"
TOKENS, OFFSETS, LABELS, KNOWN, SPLIT = "tokens.npy", "offsets.npy", "labels.npy", "known.npy", "split.npy"

_REBUILD = "Build the store again (`ambergen build RUN.yaml`)"


class Store:
    """A data set that is open for reading; make one with `Store.open` or `building.build`.

    Attributes
    ----------
    path : the folder
    manifest : what the arrays hold and how the store was made
    """

    def __init__(self, path: Path, manifest: dict[str, Any]) -> None:
        self.path = path
        self.manifest = manifest

    @classmethod
    def open(cls, path: Path | str) -> Store:
        """Open the store in a folder.

        Raises
        ------
        StoreError
            If there is none, it is damaged, or another version wrote it.
        """
        folder = Path(path)
        manifest = _read_manifest(folder)
        for name, entry in manifest["files"].items():
            _check_file(folder / name, entry["bytes"])
        return cls(folder, manifest)

    def __reduce__(self) -> tuple[Any, ...]:
        # A worker process opens the store itself; its arrays are not sent
        return Store.open, (self.path.absolute(),)

    @property
    def length(self) -> int:
        """Symbols of a window."""
        return int(self.manifest["length"])

    @property
    def bin(self) -> int:
        """Bases in the middle of a window that its labels speak of; the length where labels are of the whole."""
        return int(self.manifest["bin"])

    @cached_property
    def tracks(self) -> tuple[str, ...]:
        """Names of the tracks, in the order of the columns."""
        return tuple(self.manifest["tracks"])

    @property
    def n_tracks(self) -> int:
        """Number of tracks."""
        return len(self.tracks)

    @cached_property
    def reverse_partner(self) -> NDArray[np.int64]:
        """(n_tracks,) int64: the track that takes each one's place under reverse complement; often itself."""
        return np.array(self.manifest["reverse_partner"], dtype=np.int64)

    @property
    def n_windows(self) -> int:
        """Number of windows of all splits."""
        return len(self.offsets)

    @cached_property
    def alphabet(self) -> Alphabet:
        """Of the tokens."""
        return by_name(self.manifest["alphabet"])

    @property
    def checksum(self) -> str:
        """64 hex digits that differ where anything that a model could learn from differs."""
        return str(self.manifest["checksum"])

    @property
    def max_shift(self) -> int:
        """How far any window may be moved without reaching the sequence of another contig or row."""
        return int(self.manifest["max_shift"])

    @cached_property
    def token_line(self) -> NDArray[np.uint8]:
        """All contigs, or rows, one after another with unknown tokens before, between and after; not in memory."""
        return map_array(self.path / TOKENS)

    @cached_property
    def offsets(self) -> NDArray[np.int64]:
        """(n_windows,): the index in `token_line` at which each window begins."""
        return np.asarray(np.load(self.path / OFFSETS))

    @cached_property
    def packed_labels(self) -> NDArray[np.uint8]:
        """(n_windows, ceil(n_tracks / 8)): bits, the first track in the lowest; not in memory."""
        return map_array(self.path / LABELS)

    @cached_property
    def packed_known(self) -> NDArray[np.uint8] | None:
        """Like `packed_labels`: whether a label is known; None where all are."""
        return map_array(self.path / KNOWN) if KNOWN in self.manifest["files"] else None

    @cached_property
    def split(self) -> NDArray[np.uint8]:
        """(n_windows,): the code of each window's split; see `splits.py`."""
        return np.asarray(np.load(self.path / SPLIT))

    @cached_property
    def count_layout(self) -> CountLayout | None:
        """What the columns of the counts of reads are; None where the store has none."""
        return CountLayout.from_dict(self.manifest["reads"]) if "reads" in self.manifest else None

    @cached_property
    def count_line(self) -> NDArray[np.float32]:
        """(n_bases, n_columns): reads that begin at each base of the stretches that windows reach; not in memory."""
        return map_array(self.path / COUNTS)

    @cached_property
    def count_offsets(self) -> NDArray[np.int64]:
        """(n_windows,): the index in `count_line` of the first base of each window whose counts are kept."""
        return np.asarray(np.load(self.path / COUNT_OFFSETS))

    def indices(self, split: str) -> NDArray[np.int64]:
        """The windows of a split, "train", "search", "selection" or "test", in the order of the genome or table."""
        return np.flatnonzero(self.split == code_of(split))

    def tokens(self, indices: NDArray[np.int64]) -> NDArray[np.uint8]:
        """(n, length) uint8."""
        return sliding_window_view(self.token_line, self.length)[self.offsets[indices]]

    def labels(self, indices: NDArray[np.int64]) -> NDArray[np.uint8]:
        """(n, n_tracks) uint8, 0 or 1; 0 also where it is not known."""
        return unpack(self.packed_labels[indices], self.n_tracks)

    def mask(self, indices: NDArray[np.int64]) -> NDArray[np.bool_] | None:
        """(n, n_tracks): whether a label is known; None where all are."""
        if self.packed_known is None:
            return None
        return unpack(self.packed_known[indices], self.n_tracks).view(np.bool_)

    def counts(self, indices: NDArray[np.int64]) -> NDArray[np.float32]:
        """(n, n_columns, width): reads that begin at each base in the middle of windows.

        Raises
        ------
        StoreError
            If the store has no counts.
        """
        layout = self.need_counts()
        return windows_of(self.count_line, self.count_offsets[indices], layout.width)

    def need_counts(self) -> CountLayout:
        """The layout of the counts; StoreError where there are none."""
        if self.count_layout is None:
            raise StoreError(
                f"{self.path}: the store has labels but no counts of reads; expected a bigWig of the 5' ends of reads "
                "for each track, or one for each strand. Name them in the run file (data.counts.tracks)."
            )
        return self.count_layout

    def positives(self, split: str) -> NDArray[np.int64]:
        """(n_tracks,): positive windows of a split."""
        code_of(split)
        return np.array(self.manifest["counts"][split]["positives"], dtype=np.int64)

    def windows(self, indices: NDArray[np.int64]) -> Intervals:
        """Where the windows lie.

        Returns
        -------
        Intervals
            A window may begin before its contig (start below 0) or end after it. For tables the contig is the file and
            line of the row.
        """
        offsets = self.offsets[indices]
        if "rows" in self.manifest:
            start = np.zeros(len(offsets), dtype=np.int64)
            return Intervals(self._row_names(offsets), start, start + self.length)
        first = np.array([contig["offset"] for contig in self.manifest["contigs"]], dtype=np.int64)
        names = np.array([contig["name"] for contig in self.manifest["contigs"]], dtype=object)
        # The middle of a window is always on its contig
        contig = np.searchsorted(first, offsets + self.length // 2, side="right") - 1
        start = offsets - first[contig]
        return Intervals(names[contig], start, start + self.length)

    def _row_names(self, offsets: NDArray[np.int64]) -> NDArray:
        gap = int(self.manifest["gap"])
        rows = (offsets - gap) // (self.length + gap)
        first = np.array([part["first"] for part in self.manifest["rows"]])
        part = np.searchsorted(first, rows, side="right") - 1
        names = [
            f"{self.manifest['rows'][p]['file']}, line {self.manifest['rows'][p]['line'] + row - first[p]}"
            for p, row in zip(part, rows, strict=True)
        ]
        return np.array(names, dtype=object)


def _read_manifest(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise StoreError(f"{folder}: there is no store here; expected a folder with {MANIFEST}. {_REBUILD}.") from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise StoreError(f"{path}: this is not JSON ({error}); the store is damaged. {_REBUILD}.") from error
    except OSError as error:
        raise StoreError(f"{path}: the file cannot be read ({error.strerror}). Check its permissions.") from error
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise StoreError(f"{path}: this is not the manifest of a store; expected format '{FORMAT}'. {_REBUILD}.")
    if manifest.get("version") != VERSION:
        raise StoreError(
            f"{path}: the store has version {manifest.get('version')}, this ambergen reads {VERSION}. {_REBUILD}."
        )
    absent = {
        "length",
        "bin",
        "tracks",
        "reverse_partner",
        "alphabet",
        "checksum",
        "counts",
        "files",
        "max_shift",
    } - set(manifest)
    if "reads" in manifest:
        absent |= {"tracks", "track_of_column", "strands", "width", "shift", "mean_reads"} - set(manifest["reads"])
        absent |= {COUNTS, COUNT_OFFSETS} - set(manifest["files"])
    if absent:
        raise StoreError(f"{path}: '{min(absent)}' is not in it; the store is damaged. {_REBUILD}.")
    return manifest


def _check_file(path: Path, size: int) -> None:
    if not path.is_file():
        raise StoreError(f"{path}: the file is gone; the store is damaged. {_REBUILD}.")
    if path.stat().st_size != size:
        raise StoreError(
            f"{path}: the file has {path.stat().st_size:,} bytes, its manifest says {size:,}; the store is damaged. "
            f"{_REBUILD}."
        )
