"""Weights of all words of l letters, as the prediction program of LS-GKM writes them for deltaSVM."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ambergen.atomic import write_text
from ambergen.errors import FileFormatError
from ambergen.io.compression import open_by_content
from ambergen.sequence.alphabets import DNA
from ambergen.sequence.words import canonical_words, complement_codes, spelled, word_codes

_LONGEST = 12
_AGREEMENT = 1e-3
"""A word and its reverse complement weigh the same, but for the digits that were written."""


def read_word_weights(path: Path) -> NDArray[np.float64]:
    """The weights in a file with a word and a number on each line; plain, gzip or bgzip.

    The first line may be the offset of the machine or a header. One word of each pair of reverse complements is
    enough, and all pairs must be there: 2,097,152 for words of 11 letters, 524,800 for 10.

    Returns
    -------
    (4^l,), by `ambergen.sequence.words.word_codes`

    Raises
    ------
    FileFormatError
        At a line without a word and a finite number, for words of several lengths, or if a word is missing or has two
        weights. A file that lost its first line to a program that took it for a header lacks the word AAAA….
    """
    with open_by_content(path) as stream:
        lines = stream.read().decode("utf-8", errors="replace").splitlines()
    cells = [line.split() for line in lines]
    numbers = [number for number, cell in enumerate(cells, start=1) if cell and not cell[0].startswith("#")]
    if numbers and not _is_word(cells[numbers[0] - 1]):
        del numbers[0]
    if not numbers:
        raise FileFormatError(
            f"{path}: there is no word in the file; expected lines with a word and its weight, as `gkmpredict` writes "
            "them. Give another file."
        )
    values = np.empty(len(numbers))
    words = []
    for row, number in enumerate(numbers):
        cell = cells[number - 1]
        try:
            word, values[row] = cell
        except ValueError:
            raise _wrong_line(path, number, lines[number - 1]) from None
        words.append(word)
    for row in np.flatnonzero(~np.isfinite(values))[:1].tolist():
        raise _wrong_line(path, numbers[row], lines[numbers[row] - 1])
    return _complete(path, _codes(path, words, numbers), values, numbers, len(words[0]))


def write_word_weights(path: Path, weights: NDArray) -> None:
    """One word of each pair of reverse complements and its weight a line, AAAA… first, without a header.

    Parameters
    ----------
    weights : (4^l,)
    """
    l = (len(weights).bit_length() - 1) // 2
    codes = canonical_words(l)[0]
    rows = zip(spelled(codes, l), weights[codes].tolist(), strict=True)
    write_text(path, "".join(f"{word}\t{weight:.8g}\n" for word, weight in rows))


def _is_word(cells: list[str]) -> bool:
    return len(cells) == 2 and bool(cells[0]) and not cells[0].upper().strip(DNA.symbols)


def _wrong_line(path: Path, number: int, line: str) -> FileFormatError:
    return FileFormatError(
        f"{path}, line {number}: {line[:60]!r} is not a word and its weight; expected two columns such as "
        "'ACGTACGTACG  -0.25'. Correct the line, or make the file again."
    )


def _codes(path: Path, words: list[str], numbers: list[int]) -> NDArray[np.int32]:
    l = len(words[0])
    if l > _LONGEST:
        raise FileFormatError(
            f"{path}, line {numbers[0]}: the word has {l} letters; expected at most {_LONGEST}, as every word of that "
            "length has a weight."
        )
    for word, number in zip(words, numbers, strict=True):
        if len(word) != l:
            raise FileFormatError(
                f"{path}, line {number}: the word {word[:30]!r} has {len(word)} letters, those before it {l}; expected "
                "one length. Remove the line, or make the file again."
            )
    letters = np.frombuffer("".join(words).encode("ascii", errors="replace"), np.uint8).reshape(-1, l)
    tokens = DNA.token_of_byte[letters]
    for row in np.flatnonzero((tokens >= DNA.n_symbols).any(axis=1))[:1].tolist():
        raise FileFormatError(
            f"{path}, line {numbers[row]}: {words[row]!r} is not a word of A, C, G and T. Correct the line, or make "
            "the file again."
        )
    return word_codes(tokens, l)[0][:, 0]


def _complete(
    path: Path, codes: NDArray[np.int32], values: NDArray[np.float64], numbers: list[int], l: int
) -> NDArray[np.float64]:
    """The weights of all words, each pair of reverse complements with one weight."""
    canonical, place = canonical_words(l)
    found = place[codes]
    weights = np.full(len(canonical), np.nan)
    weights[found] = values
    missing = np.flatnonzero(np.isnan(weights))
    if len(missing):
        first = spelled(canonical[missing[:1]], l)[0]
        hint = ""
        if missing[0] == 0:
            hint = " The first line of the file seems to be lost, which some programs take for a header."
        raise FileFormatError(
            f"{path}: {len(missing):,} of {len(canonical):,} words of {l} letters are missing, the first is {first}."
            f"{hint} Expected every word, or its reverse complement. Score all of them again."
        )
    for row in np.flatnonzero(np.abs(weights[found] - values) > _AGREEMENT * (1 + np.abs(values)))[:1].tolist():
        word, other = (
            spelled(turn(codes[row : row + 1]), l)[0] for turn in (np.copy, lambda c: complement_codes(c, l))
        )
        raise FileFormatError(
            f"{path}, line {numbers[row]}: {word} weighs {values[row]:g}, but elsewhere it, or its reverse complement "
            f"{other}, weighs {weights[found[row]]:g}; expected one weight. Make the file again."
        )
    return weights[place]
