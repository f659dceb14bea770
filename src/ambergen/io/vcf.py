"""VCF files, line by line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ambergen.errors import FileFormatError
from ambergen.io.compression import open_by_content
from ambergen.sequence.variants import Record, is_sequence

HEADER = ("CHROM", "POS", "ID", "REF", "ALT")
INFO = 7
"""The column (counted from 0) of INFO."""

_POSITION = re.compile(rb"-?[0-9]{1,13}")
_CONTIG = re.compile(r"##contig=<(.*)>")
_ID, _LENGTH = re.compile(r"(?:^|,)ID=([^,]+)"), re.compile(r"(?:^|,)length=([0-9]+)")
_BCF = b"BCF"


class Line(NamedTuple):
    """A line of the body.

    Attributes
    ----------
    number : in the file, from 1
    text : without its end
    """

    number: int
    text: bytes


def read_header(path: Path) -> list[str]:
    """The lines before the first record, without their ends; none where a file has no header.

    Raises
    ------
    FileFormatError
        If the file is BCF.
    """
    header: list[str] = []
    with open_by_content(path) as stream:
        for raw in stream:
            if not header and raw.startswith(_BCF):
                raise FileFormatError(
                    f"{path}: this is BCF, the binary form; expected VCF as text. Convert it: `bcftools view -Oz`."
                )
            if not raw.startswith(b"#"):
                break
            header.append(raw.decode("utf-8", errors="replace").rstrip("\r\n"))
    return header


def contig_lengths(header: list[str]) -> dict[str, int]:
    """Contigs whose length the header tells."""
    lengths = {}
    for line in header:
        if entry := _CONTIG.match(line):
            name, length = _ID.search(entry[1]), _LENGTH.search(entry[1])
            if name and length:
                lengths[name[1]] = int(length[1])
    return lengths


def body(path: Path) -> Iterator[Line]:
    """The lines that are neither header nor empty, one in memory at a time."""
    with open_by_content(path) as stream:
        for number, raw in enumerate(stream, start=1):
            text = raw.rstrip(b"\r\n")
            if text and not text.startswith(b"#"):
                yield Line(number, text)


def read_vcf(path: Path) -> Iterator[Record]:
    """The records of a VCF file (plain, gzip or bgzip) in its order.

    Only the first five columns are looked at, so that a file without INFO or genotypes, or without a header, serves.

    Raises
    ------
    FileFormatError
        At a line with fewer columns, or with a position that is not a number.
    """
    for line in body(path):
        yield parse(path, line)


def parse(path: Path, line: Line) -> Record:
    """The record on a line; errors as in `read_vcf`."""
    cells = line.text.split(b"\t", len(HEADER))
    if len(cells) < len(HEADER):
        raise FileFormatError(
            f"{path}, line {line.number}: the record has {len(cells)} column{'s' * (len(cells) > 1)}; expected CHROM, "
            "POS, ID, REF and ALT at least, separated by tabs. Complete the line, or remove it."
        )
    contig, position, name, ref, alt = (cell.decode("utf-8", errors="replace") for cell in cells[: len(HEADER)])
    if not contig:
        raise FileFormatError(
            f"{path}, line {line.number}: CHROM is empty; expected a contig's name. Correct the line."
        )
    if not _POSITION.fullmatch(cells[1]):
        raise FileFormatError(
            f"{path}, line {line.number}: POS is {position!r}; expected a whole number in plain digits, counted from "
            "1. Correct the column."
        )
    # VCF has no allele without a base: '-' and '' stay what they are and are no sequence
    return Record(contig, int(position) - 1, name or ".", ref or " ", tuple(allele or " " for allele in alt.split(",")))


def looks_like_record(text: bytes) -> bool:
    """Whether a line without a header before it is a record of a VCF."""
    cells = text.split(b"\t", len(HEADER))
    if len(cells) < len(HEADER) or not _POSITION.fullmatch(cells[1]):
        return False
    ref, alt = cells[3].decode("latin-1"), cells[4].decode("latin-1")
    return bool(ref) and is_sequence(ref) and bool(alt) and all(map(is_sequence, alt.replace(".", "").split(",")))
