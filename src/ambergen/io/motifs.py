"""Motifs as matrices of counts, from JASPAR and MEME text files."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ambergen.errors import FileFormatError, InputError
from ambergen.io.compression import open_by_content
from ambergen.sequence.alphabets import DNA

_SITES = 20.0
"""MEME's own number of sites where a file states none."""
_ROUNDING = 0.05
"""How far the probabilities of a column may be from 1 in sum: some programs write two decimals."""
_JASPAR_ROW = re.compile(r"(?:([A-Za-z])\s*[|:]?\s*)?(\[?)\s*([^\[\]]*?)\s*(\]?)")
_MEME_MATRIX = re.compile(r"letter-probability matrix\s*:(.*)", re.IGNORECASE)
_MEME_KEY = re.compile(r"(\w+)\s*=\s*(\S+)")

Lines = list[tuple[int, str]]


@dataclass(frozen=True, eq=False)
class Motif:
    """One motif of a file.

    Attributes
    ----------
    id, name : as the file has them; the name is the identifier where there is none
    counts : (4, width), rows A, C, G, T; for MEME files probabilities times the number of sites
    """

    id: str
    name: str
    counts: NDArray[np.float64]


def read_motifs(path: Path) -> tuple[Motif, ...]:
    """The motifs of a file in JASPAR's or MEME's text format; plain, gzip or bgzip.

    JASPAR: a line ``>ID NAME`` and four rows of counts, either with their letters (``A [ 3 0 12 ]``) or bare, in the
    order A, C, G, T. MEME: what `MOTIF` and `letter-probability matrix` say; the file's background is not read.

    Raises
    ------
    FileFormatError
        If the file is in another format, has no motif, or a motif has no column, a column without counts, rows of
        several lengths, numbers below 0, or letters other than those of DNA; or if two motifs have one identifier.
    """
    with open_by_content(path) as stream:
        text = stream.read().decode("utf-8", errors="replace")
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), start=1)]
    lines = [(number, line) for number, line in lines if line and not line.startswith("#")]
    if not lines:
        raise FileFormatError(f"{path}: the file is empty; expected motifs in JASPAR's or MEME's format.")
    number, first = lines[0]
    if first.upper().startswith("MEME VERSION"):
        motifs = list(_read_meme(path, lines))
    elif first.startswith(">"):
        motifs = list(_read_jaspar(path, lines))
    else:
        raise FileFormatError(
            f"{path}, line {number}: {first[:40]!r} begins neither a JASPAR motif ('>ID NAME') nor a MEME file ('MEME "
            "version 4'). Convert the file to one of them (other formats: `transfac2meme`, `jaspar2meme` of MEME)."
        )
    if not motifs:
        raise FileFormatError(
            f"{path}: there is no motif in the file; expected lines with MOTIF and letter-probability matrix."
        )
    seen: set[str] = set()
    for motif in motifs:
        if motif.id in seen:
            raise FileFormatError(f"{path}: two motifs are called {motif.id}; identifiers must differ. Rename one.")
        seen.add(motif.id)
    return tuple(motifs)


def motifs_of(motifs: Sequence[Motif], name: str, source: str) -> tuple[Motif, ...]:
    """Those with a name or identifier, in either case of its letters; an identifier may lack its version.

    Raises
    ------
    InputError
        If there is none.
    """
    wanted = name.upper()
    found = [m for m in motifs if wanted in (m.name.upper(), m.id.upper(), m.id.upper().partition(".")[0])]
    if not found:
        near = sorted({m.name for m in motifs if wanted[:3] in m.name.upper()})[:8]
        hint = f"; the file has {', '.join(near)}" if near else ""
        raise InputError(f"{source}: no motif is called {name}{hint}. Use a name or identifier of the file.")
    return tuple(found)


# ---- JASPAR


def _read_jaspar(path: Path, lines: Lines) -> Iterator[Motif]:
    starts = [at for at, (_, line) in enumerate(lines) if line.startswith(">")]
    for start, stop in zip(starts, [*starts[1:], len(lines)], strict=True):
        number, header = lines[start]
        words = header[1:].split(maxsplit=1)
        if not words:
            raise FileFormatError(f"{path}, line {number}: the motif has no name; expected '>ID NAME'. Give it one.")
        yield _motif(path, number, words, _jaspar_counts(path, words[0], lines[start:stop]))


def _jaspar_counts(path: Path, name: str, lines: Lines) -> NDArray[np.float64]:
    rows: dict[str, list[float]] = {}
    for number, line in lines[1:]:
        parts = _JASPAR_ROW.fullmatch(line)
        letter = (parts[1] or (DNA.symbols + "?")[min(len(rows), 4)]).upper() if parts else "?"
        if parts is None or len(parts[2]) != len(parts[4]) or letter not in DNA.symbols or letter in rows:
            raise FileFormatError(
                f"{path}, line {number}: {line[:60]!r} is not a row of {name}; expected each of A, C, G and T once, as "
                "in 'A [ 3 0 12 ]'. Correct the line."
            )
        rows[letter] = _numbers(path, number, name, parts[3].split())
        if len(rows[letter]) != len(next(iter(rows.values()))):
            raise FileFormatError(
                f"{path}, line {number}: {name} has {len(rows[letter])} counts for {letter}, in the row before "
                f"{len(next(iter(rows.values())))}; expected one a column in each row. Complete the rows."
            )
    if len(rows) < 4:
        raise FileFormatError(
            f"{path}, line {lines[0][0]}: {name} has {len(rows)} rows; expected four, for A, C, G and T. Complete the "
            "motif, or remove it."
        )
    return np.array([rows[letter] for letter in DNA.symbols])


# ---- MEME


def _read_meme(path: Path, lines: Lines) -> Iterator[Motif]:
    motif: tuple[int, list[str]] | None = None
    at = 0
    while at < len(lines):
        number, line = lines[at]
        at += 1
        if line.upper().startswith("ALPHABET"):
            _check_meme_alphabet(path, number, line)
        elif line.split()[0] == "MOTIF":
            if motif is not None:
                raise _no_matrix(path, motif)
            motif = number, line.split(maxsplit=2)[1:]
            if not motif[1]:
                raise FileFormatError(f"{path}, line {number}: the motif has no name; expected 'MOTIF ID NAME'.")
        elif matrix := _MEME_MATRIX.fullmatch(line):
            if motif is None:
                raise FileFormatError(f"{path}, line {number}: a matrix stands before any 'MOTIF' line. Add the line.")
            rows = _meme_rows(lines[at:])
            yield _motif(path, number, motif[1], _meme_counts(path, number, motif[1][0], matrix[1], rows))
            at += len(rows)
            motif = None
    if motif is not None:
        raise _no_matrix(path, motif)


def _no_matrix(path: Path, motif: tuple[int, list[str]]) -> FileFormatError:
    return FileFormatError(
        f"{path}, line {motif[0]}: {motif[1][0]} has no letter-probability matrix; expected one after each MOTIF line. "
        "Complete the motif, or remove it."
    )


def _check_meme_alphabet(path: Path, number: int, line: str) -> None:
    letters = line[len("ALPHABET") :].lstrip("= ")
    if letters.replace(" ", "") != DNA.symbols and not letters.startswith(('"DNA"', "DNA")):
        raise FileFormatError(
            f"{path}, line {number}: the alphabet is {letters[:40]!r}; expected {DNA.symbols}, as only "
            "motifs of DNA scan DNA. Leave the file out."
        )


def _meme_rows(lines: Lines) -> Lines:
    rows = []
    for number, line in lines:
        if not re.match(r"[-+.0-9]", line) or set(line) <= {"-"}:
            break
        rows.append((number, line))
    return rows


def _meme_counts(path: Path, number: int, name: str, header: str, rows: Lines) -> NDArray[np.float64]:
    keys = dict(_MEME_KEY.findall(header))
    try:
        stated = {key: float(keys[key]) for key in ("alength", "w", "nsites") if key in keys}
    except ValueError:
        raise FileFormatError(
            f"{path}, line {number}: {header.strip()[:60]!r} of {name}; expected numbers, as in 'alength= 4 w= 8 "
            "nsites= 20'. Correct the line."
        ) from None
    for key, found in (("alength", 4), ("w", len(rows))):
        if stated.get(key, found) != found:
            raise FileFormatError(
                f"{path}, line {number}: {name} states {key}= {keys[key]}, but has {found}; expected rows of 4 "
                "probabilities, w of them. Correct the line, or complete the matrix."
            )
    columns = []
    for row_number, line in rows:
        column = _numbers(path, row_number, name, line.split())
        if len(column) != 4 or abs(sum(column) - 1) > _ROUNDING:
            raise FileFormatError(
                f"{path}, line {row_number}: {line[:60]!r} of {name}; expected 4 probabilities with the sum 1. Correct "
                "the line."
            )
        columns.append(column)
    probabilities = np.array(columns).reshape(-1, 4).T
    # A file may state 0 sites, or fewer than one, where it does not know them.
    sites = stated.get("nsites", _SITES)
    return probabilities / np.maximum(probabilities.sum(axis=0), 1e-9) * (sites if sites >= 1 else _SITES)


# ---- both


def _numbers(path: Path, number: int, name: str, cells: list[str]) -> list[float]:
    try:
        values = [float(cell) for cell in cells]
    except ValueError:
        values = [np.nan]
    if not all(np.isfinite(values)) or min(values, default=0) < 0:
        raise FileFormatError(
            f"{path}, line {number}: {' '.join(cells)[:60]!r} of {name}; expected numbers from 0 on. Correct the line."
        )
    return values


def _motif(path: Path, number: int, words: list[str], counts: NDArray[np.float64]) -> Motif:
    if counts.shape[1] == 0:
        raise FileFormatError(f"{path}, line {number}: {words[0]} has no columns; expected at least one. Remove it.")
    empty = np.flatnonzero(counts.sum(axis=0) == 0)
    if len(empty):
        raise FileFormatError(
            f"{path}, line {number}: column {empty[0] + 1} of {words[0]} has no counts; expected some for at least one "
            "letter. Remove the motif, or the column."
        )
    return Motif(words[0], words[-1].strip(), counts)
