"""A store from tables of sequences and labels."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from difflib import get_close_matches
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ambergen.datasets.arrays import ArrayWriter
from ambergen.datasets.config import DataConfig, SplitConfig, TableSource
from ambergen.datasets.labels import pack
from ambergen.datasets.leaks import find_leaks, same_sequence
from ambergen.datasets.parts import StoreParts, kept_despite_leaks, leak_report, window_reader
from ambergen.datasets.splits import (
    LEFT_OUT,
    SEARCH,
    SEARCH_SHARE,
    SELECTION,
    SPLIT_NAMES,
    TEST,
    TRAIN,
    check_positives,
    code_of_cell,
    draw_rows,
)
from ambergen.datasets.store import KNOWN, LABELS, OFFSETS, SPLIT, TOKENS
from ambergen.errors import AlphabetError, ConfigError, FileFormatError, SplitError
from ambergen.io.compression import open_by_content
from ambergen.progress import Progress
from ambergen.seeds import generator
from ambergen.sequence.alphabets import Alphabet, by_name
from ambergen.sequence.shuffling import dinucleotide_shuffle

_GAP = 32
_CHUNK = 20_000
_LABEL_OF_CELL = {"0": 0, "1": 1, "0.0": 0, "1.0": 1, "": -1}
_SELECTION_SHARE = 0.1


@dataclass(frozen=True)
class _Columns:
    """Where a file has what is needed."""

    sequence: int
    labels: tuple[int, ...]
    split: int | None
    contig: int | None
    chosen: tuple[int, str] | None
    n_columns: int


@dataclass(frozen=True, eq=False)
class _Rows:
    """Some rows of a file.

    Attributes
    ----------
    tokens : (n, length) uint8
    labels : (n, n_tracks) int8, -1 where not known
    split : (n,) uint8, `LEFT_OUT` where the row is not taken
    """

    tokens: NDArray[np.uint8]
    labels: NDArray[np.int8]
    split: NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class _Table:
    """All rows, their shuffled sequences after them; the tokens are on disk.

    Attributes
    ----------
    labels, split : as of `_Rows`, (n_rows, n_tracks) and (n_rows,)
    row_of : (n_rows,), the row that each is a shuffle of, or its own number
    parts : which rows came from which file, from which line on
    """

    labels: NDArray[np.int8]
    split: NDArray[np.uint8]
    row_of: NDArray[np.int64]
    parts: list[dict[str, Any]]
    length: int


def build_table(
    config: DataConfig, source: TableSource, parts: StoreParts, seed: int, progress: Progress
) -> dict[str, Any]:
    """Write the arrays of a store.

    Returns
    -------
    dict
        The part of the manifest that says what the arrays hold.
    """
    alphabet = by_name(config.alphabet)
    files = _files(config, source)
    tracks = _tracks(source)
    table = _write_tokens(files, source, config.split, tracks, alphabet, parts, seed, progress)
    taken = np.flatnonzero(table.split != LEFT_OUT)
    labels, split, length = table.labels[taken], table.split[taken], table.length
    if not (split == TEST).any():
        raise SplitError(
            f"{source.train}: there are no test rows; expected a file for them (data.table.test), a column that "
            "names the split of each row (data.table.split_column), or one that names its contig (data.table.contig, "
            "with contigs in data.split)."
        )
    offsets = (_GAP + np.arange(len(table.split), dtype=np.int64) * (length + _GAP))[taken]
    reader = window_reader(parts.folder / TOKENS, offsets, length)
    split = _draw_splits(split, np.searchsorted(taken, table.row_of[taken]), reader, alphabet, seed)
    _check_positives(labels, split, tracks)

    with progress.task("comparing the splits", total=len(split)) as task:
        leaks = find_leaks(window_reader(parts.folder / TOKENS, offsets, length, task), split, alphabet)
    stays = kept_despite_leaks(leaks, config.on_leak, lambda row: _row_name(table.parts, int(taken[row])))
    report = leak_report(leaks, config.on_leak, SPLIT_NAMES, split)
    labels, split, offsets = labels[stays], split[stays], offsets[stays]
    positives, n_windows, warnings = _check_positives(labels, split, tracks)

    parts.write(OFFSETS, offsets)
    parts.write(SPLIT, split)
    parts.write(LABELS, pack(labels == 1))
    if (labels < 0).any():
        parts.write(KNOWN, pack(labels >= 0))
    return {
        "kind": "table",
        "length": length,
        "bin": length,
        "tracks": list(tracks),
        "reverse_partner": list(range(len(tracks))),
        "n_windows": len(offsets),
        "gap": _GAP,
        "max_shift": _GAP,
        "rows": table.parts,
        "counts": {
            name: {"windows": int(n_windows[code]), "positives": positives[code].tolist()}
            for code, name in enumerate(SPLIT_NAMES)
        },
        "leaks": report,
        "warnings": warnings,
    }


def _files(config: DataConfig, source: TableSource) -> list[tuple[Path, int]]:
    """The files and the split of each; `TRAIN` for one of which a column names the split, or the contig."""
    if source.contig is None and (config.split.test or config.split.selection or config.split.search):
        raise ConfigError(
            "data.split: contigs are named, but the data come from a table; expected a file for each split "
            "(data.table.test …), data.table.split_column, or the column with the contigs (data.table.contig). Leave "
            "data.split out, or name the column."
        )
    if source.shuffles < 0 or (source.sites is not None and source.shuffles == 0):
        raise ConfigError(
            f"data.table.shuffles: {source.shuffles}"
            f"{'' if source.sites is None else f', and all rows are positive for {source.sites} (data.table.sites)'}; "
            "expected at least 1 shuffled sequence a row where there are no other negatives. Set it to 1."
        )
    given = [(source.train, TRAIN), (source.search, SEARCH), (source.selection, SELECTION), (source.test, TEST)]
    files = [(path, code) for path, code in given if path is not None]
    if source.split_column is not None and len(files) > 1:
        raise ConfigError(
            f"data.table: split_column '{source.split_column}' and a file for {SPLIT_NAMES[files[1][1]]} are given; "
            "expected one of the two. Leave one out."
        )
    if source.contig is not None and (source.split_column is not None or len(files) > 1):
        raise ConfigError(
            f"data.table: contig '{source.contig}' stands beside other files or a split_column; expected one way to "
            "divide the rows. Leave the others out."
        )
    return files


def _tracks(source: TableSource) -> tuple[str, ...]:
    """Names of the tracks, that of the sites first."""
    if source.sites is None:
        return source.labels or _find_label_columns(source)
    if source.sites in source.labels:
        raise ConfigError(
            f"data.table.sites: '{source.sites}' is a label column, too; expected a name of its own. Rename the track."
        )
    return (source.sites, *source.labels)


def _draw_splits(
    split: NDArray[np.uint8],
    row_of: NDArray[np.int64],
    reader: Callable[[NDArray[np.int64]], NDArray[np.uint8]],
    alphabet: Alphabet,
    seed: int,
) -> NDArray[np.uint8]:
    """Selection and search, where they are not given, are a tenth of the training rows each."""
    shares = {SELECTION: _SELECTION_SHARE, SEARCH: SEARCH_SHARE}
    absent = [code for code in shares if not (split == code).any()]
    if not absent:
        return split
    split = split.copy()
    # Copies of a sequence go together, and shuffles with their row: a draw of ours must not make a leak
    groups = same_sequence(reader, len(split), alphabet)[row_of]
    for code in absent:
        train = np.flatnonzero(split == TRAIN)
        drawn = draw_rows(groups[train], shares[code], generator(seed, "rows", SPLIT_NAMES[code]))
        split[train[drawn]] = code
    return split


def _check_positives(
    labels: NDArray[np.int8], split: NDArray[np.uint8], tracks: Sequence[str]
) -> tuple[NDArray[np.int64], NDArray[np.int64], list[str]]:
    """Positives (4, n_tracks), windows (4,) and warnings."""
    positives = np.stack([(labels[split == code] == 1).sum(axis=0) for code in range(len(SPLIT_NAMES))])
    n_windows = np.bincount(split, minlength=len(SPLIT_NAMES))
    return positives, n_windows, check_positives(positives, n_windows, tracks, "data.table")


def _row_name(rows: list[dict[str, Any]], row: int) -> str:
    part = [part for part in rows if part["first"] <= row][-1]
    return f"{part['file']}, line {part['line'] + row - part['first']}"


def _write_tokens(
    files: list[tuple[Path, int]],
    source: TableSource,
    division: SplitConfig,
    tracks: Sequence[str],
    alphabet: Alphabet,
    parts: StoreParts,
    seed: int,
    progress: Progress,
) -> _Table:
    """Write the tokens of all rows, and after them those of their shuffles."""
    rows: list[_Rows] = []
    names: list[dict[str, Any]] = []
    length: int | None = None
    choice = _Choice(source, division)
    with parts.writer(TOKENS, np.uint8) as writer:
        writer.write(np.full(_GAP, alphabet.unknown_token, dtype=np.uint8))
        with progress.task("reading the tables") as task:
            for path, code in files:
                names.append({"file": path.name, "first": sum(len(chunk.split) for chunk in rows), "line": 2})
                for chunk in _read(path, code, source, choice, tracks, alphabet, length):
                    length = chunk.tokens.shape[1]
                    _append(writer, chunk.tokens, alphabet)
                    rows.append(chunk if source.shuffles else replace(chunk, tokens=chunk.tokens[:0]))
                    task.advance(len(chunk.split))
        choice.check(source.train)
        first = np.cumsum([0, *(len(chunk.split) for chunk in rows)])
        written, of_file = list(rows), list(names)
        with progress.task("shuffling", total=int(first[-1]) * source.shuffles) as task:
            for number in range(source.shuffles):
                for part in of_file:
                    name = f"dinucleotide shuffle {number + 1} of {part['file']}"
                    names.append({**part, "file": name, "first": int(first[-1]) * (number + 1) + part["first"]})
                for at, chunk in zip(first.tolist(), rows, strict=False):
                    written.append(_shuffled(chunk, at, number, seed, alphabet))
                    _append(writer, written[-1].tokens, alphabet)
                    task.advance(len(chunk.split))
    assert length is not None
    return _Table(
        np.concatenate([chunk.labels for chunk in written]),
        np.concatenate([chunk.split for chunk in written]),
        np.tile(np.arange(first[-1]), 1 + source.shuffles),
        names,
        length,
    )


def _shuffled(rows: _Rows, first: int, number: int, seed: int, alphabet: Alphabet) -> _Rows:
    """Shuffles of rows, of which the first has the number `first`; a sequence whose shuffle is itself has none."""
    tokens = np.full_like(rows.tokens, alphabet.unknown_token)
    for row in np.flatnonzero(rows.split != LEFT_OUT).tolist():
        tokens[row] = dinucleotide_shuffle(rows.tokens[row], generator(seed, "shuffle", number, first + row))
    same = (tokens == rows.tokens).all(axis=1)
    split = np.where(same, LEFT_OUT, rows.split).astype(np.uint8)
    return _Rows(tokens, np.zeros_like(rows.labels), split)


class _Choice:
    """Which rows are taken, and the split of each by its contig; remembers what it saw for errors."""

    def __init__(self, source: TableSource, split: SplitConfig) -> None:
        self.contig, self.value = source.contig, source.rows
        self.code_of = {
            name: code
            for code, names in ((TEST, split.test), (SELECTION, split.selection), (SEARCH, split.search))
            for name in names
        }
        n_named = len(split.test) + len(split.selection) + len(split.search)
        if len(self.code_of) < n_named:
            raise ConfigError("data.split: a contig is named twice; expected each in one split. Remove one of the two.")
        self.contigs: set[str] = set()
        self.values: set[str] = set()

    def codes(self, columns: _Columns, cells: list[list[str]], code: int) -> NDArray[np.uint8]:
        """(n,) uint8, `LEFT_OUT` where a row is not taken."""
        codes = np.full(len(cells), code, dtype=np.uint8)
        if columns.contig is not None:
            names = [row[columns.contig].strip() for row in cells]
            self.contigs.update(names)
            codes = np.array([self.code_of.get(name, code) for name in names], dtype=np.uint8)
        if columns.chosen is not None:
            column, value = columns.chosen
            found = [row[column].strip() for row in cells]
            self.values.update(found)
            codes[np.array([cell != value for cell in found])] = LEFT_OUT
        return codes

    def check(self, path: Path) -> None:
        """Raise where a contig that is named, or the value of the rows, never came."""
        absent = [name for name in self.code_of if name not in self.contigs] if self.contig is not None else []
        if absent:
            near = get_close_matches(absent[0], sorted(self.contigs), n=3, cutoff=0.3) or sorted(self.contigs)[:3]
            raise SplitError(
                f"{path}: data.split names {absent[0]}, and the column '{self.contig}' has it in no row; it has "
                f"{', '.join(near)}, among others. Name contigs of the table."
            )
        value = self.value.partition("=")[2].strip() if self.value is not None else None
        if value is not None and value not in self.values:
            raise FileFormatError(
                f"{path}: no row has {self.value} (data.table.rows); the column holds "
                f"{', '.join(sorted(self.values)[:5])}{', …' if len(self.values) > 5 else ''}. Name one of its values."
            )


def _append(writer: ArrayWriter, tokens: NDArray[np.uint8], alphabet: Alphabet) -> None:
    """Rows, each with the gap that follows it."""
    writer.write(np.pad(tokens, ((0, 0), (0, _GAP)), constant_values=alphabet.unknown_token).reshape(-1))


def _read(
    path: Path,
    code: int,
    source: TableSource,
    choice: _Choice,
    tracks: Sequence[str],
    alphabet: Alphabet,
    length: int | None,
) -> Iterator[_Rows]:
    """The rows of a file, some at a time."""
    with _open(path) as reader:
        columns = _find_columns(path, _header(path, reader), source, tracks)
        first_line = 2
        length_from = "the rows of the file before"
        while cells := list(islice(reader, _CHUNK)):
            for number, row in enumerate(cells):
                if len(row) != columns.n_columns:
                    raise FileFormatError(
                        f"{path}, line {first_line + number}: the row has {len(row)} columns, the header has "
                        f"{columns.n_columns}; expected the same number. Complete the row, or remove it."
                    )
            where = _Place(path, first_line)
            texts = [row[columns.sequence].strip() for row in cells]
            if length is None:
                length, length_from = len(texts[0]), f"line {first_line}"
            codes = choice.codes(columns, cells, code)
            if columns.split is not None:
                named = _splits(where, [row[columns.split] for row in cells], str(source.split_column))
                codes = np.where(codes == LEFT_OUT, codes, named)
            yield _Rows(
                _tokens(where, texts, length, length_from, alphabet),
                _labels(where, [[row[column] for column in columns.labels] for row in cells], tracks),
                codes,
            )
            first_line += len(cells)
        if first_line == 2:
            raise FileFormatError(f"{path}: there are no rows below the header; expected sequences. Give another file.")


@dataclass(frozen=True)
class _Place:
    """Names the lines of some rows for errors."""

    path: Path
    first_line: int

    def line(self, row: int) -> str:
        return f"{self.path}, line {self.first_line + row}"


def _tokens(where: _Place, texts: list[str], length: int, length_from: str, alphabet: Alphabet) -> NDArray[np.uint8]:
    for row, text in enumerate(texts):
        if not text:
            raise FileFormatError(f"{where.line(row)}: there is no sequence. Remove the row.")
        if len(text) != length:
            raise FileFormatError(
                f"{where.line(row)}: the sequence has {len(text)} letters, {length_from} has {length}; expected one "
                f"length. Cut the sequences to one length, or fill them up with {alphabet.unknown}."
            )
    try:
        return alphabet.encode("".join(texts), str(where.path)).reshape(-1, length)
    except AlphabetError:
        for row, text in enumerate(texts):
            alphabet.encode(text, where.line(row))
        raise


def _labels(where: _Place, cells: list[list[str]], tracks: Sequence[str]) -> NDArray[np.int8]:
    """(n, n_tracks); a track without a column, that of the sites, is the first and 1 in every row."""
    seen = {cell for row in cells for cell in row}
    value_of = {cell: _LABEL_OF_CELL[cell.strip()] for cell in seen if cell.strip() in _LABEL_OF_CELL}
    columns = tracks[len(tracks) - len(cells[0]) :]
    if wrong := seen - value_of.keys():
        row = next(row for row, values in enumerate(cells) if wrong.intersection(values))
        column = next(column for column, cell in enumerate(cells[row]) if cell in wrong)
        raise FileFormatError(
            f"{where.line(row)}, column '{columns[column]}': the label is {cells[row][column]!r}; expected 0, 1, or "
            "nothing where it is not known. Correct the cell, or name the label columns (data.table.labels)."
        )
    found = np.array([[value_of[cell] for cell in row] for row in cells], dtype=np.int8).reshape(len(cells), -1)
    return np.concatenate([np.ones((len(cells), len(tracks) - len(columns)), np.int8), found], axis=1)


def _splits(where: _Place, cells: list[str], column: str) -> NDArray[np.uint8]:
    codes = [code_of_cell(cell) for cell in cells]
    if None in codes:
        row = codes.index(None)
        raise FileFormatError(
            f"{where.line(row)}, column '{column}': the split is {cells[row]!r}; expected train, search, selection "
            "(or valid, validation, val, dev) or test. Correct the cell."
        )
    return np.array(codes, dtype=np.uint8)


@contextmanager
def _open(path: Path) -> Iterator[Iterator[list[str]]]:
    """The rows; columns are separated by tabs where the header has one, else by commas."""
    with open_by_content(path) as stream, io.TextIOWrapper(stream, encoding="utf-8-sig", newline="") as text:
        try:
            header = text.readline()
            delimiter = "\t" if "\t" in header else ","
            reader = csv.reader(_lines(header, text), delimiter=delimiter, strict=True)
            yield _without_last_blanks(reader)
        except UnicodeDecodeError as error:
            raise FileFormatError(
                f"{path}: this is not text; expected a table with columns separated by commas or tabs, plain or gzip."
            ) from error
        except csv.Error as error:
            raise FileFormatError(f"{path}, line {reader.line_num}: {error}. Correct the line.") from error


def _without_last_blanks(rows: Iterator[list[str]]) -> Iterator[list[str]]:
    """Rows up to the last that is not blank; blank ones before it are left for the caller to refuse."""
    n_blank = 0
    for row in rows:
        if not row:
            n_blank += 1
            continue
        if n_blank:
            yield from [[] for _ in range(n_blank)]
            n_blank = 0
        yield row


def _lines(header: str, text: io.TextIOWrapper) -> Iterator[str]:
    yield header
    yield from text


def _header(path: Path, reader: Iterator[list[str]]) -> list[str]:
    names = [name.strip() for name in next(reader, [])]
    if not any(names):
        raise FileFormatError(f"{path}: the file is empty; expected a header and rows. Give another file.")
    for name in names:
        if names.count(name) > 1:
            raise FileFormatError(f"{path}, line 1: two columns have the name '{name}'. Rename one of them.")
    return names


def _find_columns(path: Path, header: list[str], source: TableSource, tracks: Sequence[str]) -> _Columns:
    return _Columns(
        _column(path, header, source.sequence, "sequence"),
        tuple(_column(path, header, track, "labels") for track in tracks if track != source.sites),
        None if source.split_column is None else _column(path, header, source.split_column, "split_column"),
        None if source.contig is None else _column(path, header, source.contig, "contig"),
        None if source.rows is None else _chosen(path, header, source.rows),
        len(header),
    )


def _chosen(path: Path, header: list[str], rows: str) -> tuple[int, str]:
    name, equals, value = (part.strip() for part in rows.partition("="))
    if not (name and equals and value):
        raise ConfigError(f"data.table.rows: {rows!r}; expected column=value, for example set=pu1. Correct it.")
    return _column(path, header, name, "rows"), value


def _column(path: Path, header: list[str], name: str, key: str) -> int:
    if name not in header:
        near = get_close_matches(name, header, n=1, cutoff=0.3)
        hint = f"; the nearest is '{near[0]}'" if near else ""
        raise FileFormatError(
            f"{path}, line 1: there is no column '{name}' (data.table.{key}); the columns are "
            f"{', '.join(header[:10])}{', …' if len(header) > 10 else ''}{hint}. Name the column as the file does."
        )
    return header.index(name)


def _find_label_columns(source: TableSource) -> tuple[str, ...]:
    """The columns of the training file that hold nothing but 0, 1 and empty cells, and not only the latter."""
    path = source.train
    with _open(path) as reader:
        header = _header(path, reader)
        sequence = _column(path, header, source.sequence, "sequence")
        others = {sequence} | ({header.index(source.split_column)} if source.split_column in header else set())
        candidates = {column: False for column in range(len(header)) if column not in others}
        reasons: dict[int, str] = {}
        while chunk := list(islice(reader, _CHUNK)):
            rows = [row for row in chunk if len(row) == len(header)]
            for column in list(candidates):
                values = {cell.strip() for cell in {row[column] for row in rows}}
                if wrong := values - _LABEL_OF_CELL.keys():
                    reasons[column] = min(wrong)
                    del candidates[column]
                else:
                    candidates[column] |= bool(values - {""})
    found = tuple(header[column] for column, has_values in candidates.items() if has_values)
    if not found:
        seen = "; ".join(f"'{header[column]}' holds {value!r}" for column, value in list(reasons.items())[:3])
        raise FileFormatError(
            f"{path}: no column holds labels{f' ({seen})' if seen else ''}; expected at least one column of 0 and 1 "
            f"beside '{source.sequence}'. Name the label columns (data.table.labels)."
        )
    return found
