"""BED and narrowPeak files."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ambergen.errors import FileFormatError
from ambergen.io.compression import open_by_content
from ambergen.sequence.intervals import Intervals

_STRAND, _SUMMIT = 5, 9
_NARROW_PEAK_COLUMNS = 10
_LARGEST_POSITION = 10**12
_MOST_DIGITS = 13
_NO_RECORD = re.compile(rb"(?:#|(?:track|browser)(?:\s|$))|\s*$")
_HAS_NO_RECORD = re.compile(rb"^(?:#|(?:track|browser)(?:\s|$)|\s*$)", re.MULTILINE)
_BLANK = re.compile(r"\s")
_INTEGER = re.compile(r"-?[0-9]+")


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
    text = text.rstrip(b"\n") + b"\n"
    if b"\t" not in text:
        text = re.sub(rb" +", b"\t", text)
    n_columns = text[: text.index(b"\n")].count(b"\t") + 1
    layout = _Layout.of(path, n_columns)
    letters = np.frombuffer(text, dtype=np.uint8)
    cell_ends = np.flatnonzero((letters == ord("\t")) | (letters == ord("\n")))
    if layout is None or not text.isascii() or len(cell_ends) % n_columns:
        return None
    first = np.concatenate([[0], cell_ends[:-1] + 1]).reshape(-1, n_columns)
    last = cell_ends.reshape(-1, n_columns)
    if (letters[last[:, -1]] != ord("\n")).any() or (letters[last[:, :-1]] != ord("\t")).any():
        return None

    contig = _names(text, first[:, 0], last[:, 0])
    start, is_start = _numbers(letters, first[:, 1], last[:, 1])
    end, is_end = _numbers(letters, first[:, 2], last[:, 2])
    usual = is_start & is_end & (start < end) & (end < _LARGEST_POSITION)
    strand, summit = None, None
    if layout.has_strand:
        signs = letters[first[:, _STRAND]]
        usual &= (last[:, _STRAND] - first[:, _STRAND] == 1) & np.isin(signs, [ord(sign) for sign in "+-."])
        strand = signs.view("S1").astype("U1").astype(object)
    if layout.has_summit:
        has_none = letters[first[:, _SUMMIT]] == ord("-")
        offset, is_offset = _numbers(letters, first[:, _SUMMIT] + has_none, last[:, _SUMMIT])
        usual &= is_offset & (offset < end - start) & (~has_none | (offset == 1))
        summit = np.where(has_none, -1, start + offset)
    if contig is None or not usual.all():
        return None
    return Intervals(contig, start, end, strand, summit)


def _names(text: bytes, first: NDArray[np.int64], last: NDArray[np.int64]) -> NDArray | None:
    """The cells `first` … `last` - 1 as one object for each distinct name; None unless each is a word."""
    names: dict[bytes, str] = {}
    cells = [text[begin:end] for begin, end in zip(first.tolist(), last.tolist(), strict=True)]
    for cell in set(cells):
        names[cell] = cell.decode("ascii")
        if not cell or _BLANK.search(names[cell]):
            return None
    return np.array([names[cell] for cell in cells], dtype=object)


def _numbers(
    letters: NDArray[np.uint8], first: NDArray[np.int64], last: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """The numbers in the cells `first` … `last` - 1, and whether the cell is nothing but digits, and few of them."""
    width = last - first
    number = np.zeros(len(first), dtype=np.int64)
    is_number = (width > 0) & (width <= _MOST_DIGITS)
    for place in range(min(int(width.max()), _MOST_DIGITS)):
        inside = place < width
        # Beyond the cell, any letter of the file will do: `inside` leaves it out
        digit = letters[np.minimum(first + place, last)].astype(np.int64) - ord("0")
        number = np.where(inside, 10 * number + digit, number)
        is_number &= ~inside | ((digit >= 0) & (digit <= 9))
    return number, is_number


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
                f"{where}: the record has {_columns(len(cells))}, the ones before have {layout.n_columns}; expected "
                "the same number in every line. Complete the line, or remove it."
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
    by_tabs = [cell.strip() for cell in line.split("\t")]
    by_blanks = line.split()
    # A name may have spaces where tabs separate the columns, so blanks separate only where tabs give no interval.
    if "\t" not in line or (not _are_positions(by_tabs[1:3]) and _are_positions(by_blanks[1:3])):
        return by_blanks
    return by_tabs


def _are_positions(cells: list[str]) -> bool:
    return len(cells) == 2 and all(_INTEGER.fullmatch(cell) for cell in cells)


def _wrong_columns(where: str, path: Path, n_columns: int) -> FileFormatError:
    if n_columns >= 3 and _is_called_narrow_peak(path):
        return FileFormatError(
            f"{where}: the record has {n_columns} columns, narrowPeak has {_NARROW_PEAK_COLUMNS}. Complete the "
            "columns, or name the file .bed if it is BED."
        )
    return FileFormatError(
        f"{where}: the record has {_columns(n_columns)}; expected 3 to 12, contig, "
        "start, end and what BED or narrowPeak adds, separated by tabs. Correct the line, or convert the file to BED."
    )


def _columns(n_columns: int) -> str:
    return "1 column" if n_columns == 1 else f"{n_columns} columns"


def _record(where: str, cells: list[str], layout: _Layout) -> _Record:
    contig = cells[0]
    if not contig or _BLANK.search(contig):
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
    if not _INTEGER.fullmatch(cell):
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
