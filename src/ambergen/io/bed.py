"""BED and narrowPeak files."""

from __future__ import annotations

import re
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd

from ambergen.errors import FileFormatError
from ambergen.io.compression import open_by_content
from ambergen.sequence.intervals import Intervals

_STRAND, _SUMMIT = 5, 9
_NARROW_PEAK_COLUMNS = 10
_LARGEST_POSITION = 1 << 40
_NO_RECORD = re.compile(rb"(?:#|(?:track|browser)(?:\s|$))|\s*$")
_HAS_NO_RECORD = re.compile(rb"^(?:#|(?:track|browser)(?:\s|$)|\s*$)", re.MULTILINE)
_INTEGER = re.compile(r"[+-]?[0-9]+")


def read_intervals(path: Path) -> Intervals:
    """The records of a BED file (three to twelve columns) or a narrowPeak file, plain, gzip or bgzip.

    Columns are separated by tabs, or by spaces. Empty lines and those that begin with `#`, `track` or `browser` are
    passed over. Ten columns are narrowPeak. Columns other than contig, start, end, strand and the summit of narrowPeak
    are not looked at; the blocks of BED12 are not cut out.

    Returns
    -------
    Intervals, in the order of the file
        With strands from six columns on, with summits (positions on the contig) for narrowPeak.

    Raises
    ------
    FileFormatError
        At the first malformed line, or if there is no record.
    """
    with open_by_content(path) as stream:
        text = stream.read()
    if b"\r" in text:
        text = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    intervals = _parse_fast(path, text)
    return _parse_exactly(path, text) if intervals is None else intervals


def _parse_fast(path: Path, text: bytes) -> Intervals | None:
    """All lines at once; None if anything is unusual, which `_parse_exactly` then judges."""
    if _HAS_NO_RECORD.search(text):
        text = b"\n".join(line for line in text.split(b"\n") if not _NO_RECORD.match(line))
    text = text.rstrip(b"\n")
    if not text:
        return None
    if b"\t" not in text:
        text = re.sub(rb" +", b"\t", text)
    n_columns = text.split(b"\n", 1)[0].count(b"\t") + 1
    letters = np.frombuffer(text + b"\n", dtype=np.uint8)
    tabs = np.searchsorted(np.flatnonzero(letters == ord("\t")), np.flatnonzero(letters == ord("\n")))
    layout = _Layout.of(path, n_columns)
    if layout is None or (np.diff(tabs, prepend=0) != n_columns - 1).any():
        return None
    columns: dict[int, type] = {0: str, 1: np.int64, 2: np.int64}
    if layout.has_strand:
        columns[_STRAND] = str
    if layout.has_summit:
        columns[_SUMMIT] = np.int64
    try:
        table = pd.read_csv(
            BytesIO(text), sep="\t", header=None, usecols=list(columns), dtype=columns, quoting=3, na_filter=False
        )
    except (ValueError, OverflowError):
        return None
    contig = table[0].to_numpy(dtype=object)
    start, end = table[1].to_numpy(), table[2].to_numpy()
    strand = table[_STRAND].to_numpy(dtype=object) if layout.has_strand else None
    offset = table[_SUMMIT].to_numpy() if layout.has_summit else None
    usual = (start >= 0) & (start < end) & (end < _LARGEST_POSITION) & _are_names(table[0])
    if strand is not None:
        usual &= table[_STRAND].isin(["+", "-", "."]).to_numpy()
    if offset is not None:
        usual &= (offset >= -1) & (offset < end - start)
    if not usual.all():
        return None
    summit = None if offset is None else np.where(offset < 0, -1, start + offset)
    return Intervals(contig, start, end, strand, summit)


def _are_names(column: pd.Series) -> np.ndarray:
    good = {name for name in column.unique() if name and not re.search(r"\s", name)}
    return column.isin(good).to_numpy()


@dataclass(frozen=True)
class _Layout:
    """What the number of columns says of a file."""

    n_columns: int
    has_strand: bool
    has_summit: bool

    @staticmethod
    def of(path: Path, n_columns: int) -> _Layout | None:
        """None where no layout has this number of columns."""
        is_narrow_peak = n_columns == _NARROW_PEAK_COLUMNS
        if not 3 <= n_columns <= 12 or (_is_called_narrow_peak(path) and not is_narrow_peak):
            return None
        return _Layout(n_columns, n_columns > _STRAND, is_narrow_peak)


def _is_called_narrow_peak(path: Path) -> bool:
    return path.name.lower().removesuffix(".gz").removesuffix(".bgz").endswith(".narrowpeak")


def _parse_exactly(path: Path, text: bytes) -> Intervals:
    """Line by line, with an error that names the line."""
    layout: _Layout | None = None
    records: list[_Record] = []
    for number, raw in enumerate(text.split(b"\n"), start=1):
        if _NO_RECORD.match(raw):
            continue
        where = f"{path}, line {number}"
        cells = _cells(where, raw)
        if layout is None:
            layout = _Layout.of(path, len(cells))
            if layout is None:
                raise _wrong_columns(where, path, len(cells))
        if len(cells) != layout.n_columns:
            raise FileFormatError(
                f"{where}: the record has {len(cells)} columns, the ones before have {layout.n_columns}; expected the "
                "same number in every line. Complete the line, or remove it."
            )
        records.append(_record(where, cells, layout))
    if layout is None:
        raise FileFormatError(
            f"{path}: there is no interval in the file; expected at least one line with contig, start and end. "
            "Leave the file out, or make it again."
        )
    return Intervals(
        contig=np.array([record.contig for record in records], dtype=object),
        start=np.array([record.start for record in records], dtype=np.int64),
        end=np.array([record.end for record in records], dtype=np.int64),
        strand=np.array([record.strand for record in records], dtype=object) if layout.has_strand else None,
        summit=np.array([record.summit for record in records], dtype=np.int64) if layout.has_summit else None,
    )


@dataclass(frozen=True)
class _Record:
    contig: str
    start: int
    end: int
    strand: str
    summit: int


def _cells(where: str, raw: bytes) -> list[str]:
    try:
        line = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise FileFormatError(
            f"{where}: this is not text; expected BED or narrowPeak. Convert binary formats first "
            "(bigBed: `bigBedToBed`)."
        ) from error
    cells = line.split("\t")
    # A name may have spaces where tabs separate the columns; a line of too few such columns is taken by its blanks.
    return cells if len(cells) >= 3 and " " not in "".join(cells[:3]) else line.split()


def _wrong_columns(where: str, path: Path, n_columns: int) -> FileFormatError:
    if n_columns >= 3 and _is_called_narrow_peak(path):
        return FileFormatError(
            f"{where}: the record has {n_columns} columns, narrowPeak has {_NARROW_PEAK_COLUMNS}. Complete the "
            "columns, or name the file .bed if it is BED."
        )
    return FileFormatError(
        f"{where}: the record has {n_columns} {'column' if n_columns == 1 else 'columns'}; expected 3 to 12, contig, "
        "start, end and what BED or narrowPeak adds, separated by tabs. Correct the line, or convert the file to BED."
    )


def _record(where: str, cells: list[str], layout: _Layout) -> _Record:
    contig = cells[0]
    if not contig or re.search(r"\s", contig):
        raise FileFormatError(f"{where}: the contig's name is {contig!r}; expected a word. Correct the first column.")
    start, end = _position(where, "start", cells[1]), _position(where, "end", cells[2])
    if end <= start:
        remedy = f"or use end {start + 1} to mean this one base" if end == start else "or exchange the two numbers"
        raise FileFormatError(
            f"{where}: end {end} is not after start {start}. Intervals are 0-based and half-open, so end is at least "
            f"start + 1. Remove the record, {remedy}."
        )
    strand, summit = ".", -1
    if layout.has_strand:
        strand = cells[_STRAND]
        if strand not in ("+", "-", "."):
            raise FileFormatError(
                f"{where}: the strand (column {_STRAND + 1}) is {strand!r}; expected '+', '-' or '.'. "
                "Correct the column; '.' means that there is no strand."
            )
    if layout.has_summit:
        summit = _summit(where, cells[_SUMMIT], start, end)
    return _Record(contig, start, end, strand, summit)


def _position(where: str, what: str, cell: str) -> int:
    position = _integer(where, what, cell)
    if position < 0:
        raise FileFormatError(
            f"{where}: {what} is {position}; expected 0 or more, as positions count from 0. "
            "Cut the interval at the contig's first base, or remove the record."
        )
    if position >= _LARGEST_POSITION:
        raise FileFormatError(
            f"{where}: {what} is {position}; expected a position on a contig, and none is so long. Correct the record."
        )
    return position


def _integer(where: str, what: str, cell: str) -> int:
    if not _INTEGER.fullmatch(cell.strip()):
        raise FileFormatError(
            f"{where}: {what} is {cell!r}; expected a whole number in plain digits. Correct the column; a line with "
            "the columns' names must begin with '#'."
        )
    return int(cell)


def _summit(where: str, cell: str, start: int, end: int) -> int:
    offset = _integer(where, f"the summit (column {_SUMMIT + 1})", cell)
    if offset == -1:
        return -1
    if not 0 <= offset < end - start:
        raise FileFormatError(
            f"{where}: the summit (column {_SUMMIT + 1}) is {offset}, but the peak {start}-{end} has {end - start} "
            f"bases; expected an offset from the start, 0 to {end - start - 1}, or -1 for none. "
            "Subtract the start if the column holds positions on the contig."
        )
    return start + offset
