"""FASTA files, contig by contig."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from ambergen.errors import FileFormatError
from ambergen.io.compression import open_by_content
from ambergen.sequence.alphabets import DNA, INVALID_TOKEN, Alphabet

_BLOCK = 1 << 20
_BLANKS = b" \t\r\n"


@dataclass(frozen=True, eq=False)
class Contig:
    """One record.

    Attributes
    ----------
    name : the header's first word
    tokens : (length,) uint8
    """

    name: str
    tokens: NDArray[np.uint8]


def read_contigs(path: Path, alphabet: Alphabet = DNA) -> Iterator[Contig]:
    """The contigs of a FASTA file (plain, gzip or bgzip) in its order, one in memory at a time.

    Letters may be in either case; N and the other letters for ambiguous bases become the unknown token.

    Raises
    ------
    FileFormatError
        If the file is empty, does not begin with a header, is cut off, or a contig has no name, no sequence or the
        name of an earlier one.
    AlphabetError
        If a letter is outside the alphabet; the message has line, contig and base.
    """
    seen: dict[str, int] = {}
    with open_by_content(path) as stream:
        reader = _Reader(path, alphabet)
        for piece, is_header in _pieces(path, stream):
            if not is_header:
                reader.add(piece)
                continue
            if reader.name is not None:
                yield reader.finish()
            name, line = reader.begin(piece)
            if name in seen:
                raise FileFormatError(
                    f"{path}, line {line}: the contig '{name}' was already given on line {seen[name]}; contig names "
                    "(the first word of a header) must differ. Rename or remove one of the two."
                )
            seen[name] = line
        if reader.name is None:
            raise FileFormatError(
                f"{path}: the file is empty; expected FASTA, a header that begins with '>' and lines of sequence. "
                "Fetch or make the file again."
            )
        yield reader.finish()


def contig_lengths(path: Path, alphabet: Alphabet = DNA) -> dict[str, int]:
    """Number of bases of every contig of a FASTA file, in its order; errors as in `read_contigs`."""
    return {contig.name: len(contig.tokens) for contig in read_contigs(path, alphabet)}


class _Reader:
    """The contig that is being read, and the number of the line."""

    def __init__(self, path: Path, alphabet: Alphabet) -> None:
        self.name: str | None = None
        self._path = path
        self._alphabet = alphabet
        self._table = alphabet.token_of_byte.tobytes()
        self._tokens = bytearray()
        self._header_line = 0
        self._lines = 0

    def begin(self, header: bytes) -> tuple[str, int]:
        """Take a header, with its line end; returns the name and the line."""
        self._header_line = self._lines + 1
        self._lines += header.count(b"\n")
        words = header[1:].decode("utf-8", errors="replace").split(maxsplit=1)
        if not words or header[1:2].isspace():
            raise FileFormatError(
                f"{self._path}, line {self._header_line}: the header has no name; expected '>' and the contig's name "
                "without a space between them. Give the contig a name."
            )
        self.name = words[0]
        self._tokens = bytearray()
        return self.name, self._header_line

    def add(self, text: bytes) -> None:
        """Take whole or broken lines of sequence."""
        if self.name is None:
            if text.strip(_BLANKS):
                self._lines += text[: len(text) - len(text.lstrip(_BLANKS))].count(b"\n")
                start = text.lstrip(_BLANKS)[:20].decode("utf-8", errors="replace").split("\n")[0]
                raise FileFormatError(
                    f"{self._path}, line {self._lines + 1}: the file begins with {start!r}; expected a FASTA header, a "
                    "line that begins with '>'. Give a FASTA file, or add the header."
                )
            self._lines += text.count(b"\n")
            return
        tokens = text.translate(self._table, _BLANKS)
        if tokens.find(INVALID_TOKEN) >= 0:
            self._raise_letter(text, tokens.find(INVALID_TOKEN))
        self._tokens += tokens
        self._lines += text.count(b"\n")

    def _raise_letter(self, text: bytes, index: int) -> None:
        """Raise the error for letter number `index` of `text`, blanks not counted."""
        letters = text.translate(None, _BLANKS)
        place = text.find(letters[index : index + 1])
        line = self._lines + 1 + text[:place].count(b"\n")
        base = len(self._tokens) + index + 1
        letter = bytes(letters[index : index + 1]).decode("latin-1")
        raise self._alphabet.letter_error(f"{self._path}, line {line} (contig {self.name}, base {base})", letter)

    def finish(self) -> Contig:
        """The contig that ends here."""
        assert self.name is not None
        if not self._tokens:
            raise FileFormatError(
                f"{self._path}, line {self._header_line}: the contig '{self.name}' has no sequence; expected at least "
                "one base. Remove the header, or fetch the file again if it was cut off."
            )
        return Contig(self.name, np.frombuffer(self._tokens, dtype=np.uint8))


def _pieces(path: Path, stream: BinaryIO) -> Iterator[tuple[bytes, bool]]:
    """Whole header lines (True) and what lies between them (False), in pieces of bounded size."""
    at_line_start = True
    while block := stream.read(_BLOCK):
        last_line = block.rfind(b"\n") + 1
        if block[last_line : last_line + 1] == b">" and (last_line > 0 or at_line_start):
            block += stream.readline()
        position = 0
        while position < len(block):
            is_header = at_line_start and block[position : position + 1] == b">"
            # A header ends with its line; sequence ends before the next line that begins with '>'.
            end = block.find(b"\n" if is_header else b"\n>", position) + 1
            end = end or len(block)
            yield block[position:end], is_header
            at_line_start = block[end - 1 : end] == b"\n"
            position = end
