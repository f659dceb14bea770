"""Variants from a file of any kind: VCF, or a table with a header."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from ambergen.errors import FileFormatError
from ambergen.io.compression import open_by_content
from ambergen.io.vcf import HEADER, contig_lengths, looks_like_record, read_header, read_vcf
from ambergen.sequence.variants import EMPTY, Record

COLUMNS = {
    "chrom": ("chrom", "chr", "chromosome", "contig", "seqnames", "#chrom"),
    "pos": ("pos", "position", "bp"),
    "id": ("id", "rsid", "snp", "name", "variant_id"),
    "ref": ("ref", "reference", "ref_allele", "reference_allele"),
    "alt": ("alt", "alternate", "alternative", "alt_allele", "alternate_allele"),
}
"""What each column of a table may be called, in either case."""
_NEEDED = ("chrom", "pos", "ref", "alt")
_POSITION = re.compile(r"-?[0-9]{1,13}", re.ASCII)


@dataclass(frozen=True)
class VariantFile:
    """A file of variants that can be read as often as one likes.

    Attributes
    ----------
    kind : ``vcf`` or ``table``
    contigs : lengths of contigs as the file tells them; none in a table
    has_header : a VCF may lack it
    """

    path: Path
    kind: Literal["vcf", "table"]
    contigs: dict[str, int] = field(default_factory=dict)
    has_header: bool = True

    def records(self) -> Iterator[Record]:
        """The records in the order of the file."""
        return read_vcf(self.path) if self.kind == "vcf" else read_table(self.path)


def open_variants(path: Path) -> VariantFile:
    """Tell from its first lines what a file is.

    Raises
    ------
    FileFormatError
        If it is neither VCF nor a table whose header names contig, position and both alleles; or is empty.
    """
    header = read_header(path)
    if any(line.startswith("##fileformat=VCF") for line in header) or _is_vcf_header(header):
        return VariantFile(path, "vcf", contig_lengths(header))
    first = _first_line(path)
    if first is None:
        raise FileFormatError(f"{path}: the file is empty; expected VCF, or a table of variants with a header.")
    names = _names(first)
    if not missing_columns(names):
        return VariantFile(path, "table")
    if looks_like_record(first):
        return VariantFile(path, "vcf", has_header=False)
    raise FileFormatError(
        f"{path}: neither VCF nor a table of variants: the first line begins with "
        f"{first[:60].decode('utf-8', errors='replace')!r}. Expected a VCF header (#CHROM POS ID REF ALT), or columns "
        "separated by tabs that are named chrom, pos, ref and alt (and id, if there is one). Add the header."
    )


def _is_vcf_header(header: Sequence[str]) -> bool:
    return bool(header) and tuple(header[-1].removeprefix("#").split("\t")[: len(HEADER)]) == HEADER


def _first_line(path: Path) -> bytes | None:
    """The first line that is neither empty nor a comment with two hashes."""
    with open_by_content(path) as stream:
        for raw in stream:
            text = raw.rstrip(b"\r\n")
            if text.strip() and not text.startswith(b"##"):
                return text
    return None


def _names(line: bytes) -> list[str]:
    return [cell.strip().lower() for cell in line.decode("utf-8", errors="replace").removeprefix("#").split("\t")]


def missing_columns(names: Sequence[str]) -> list[str]:
    """The columns that a table of variants needs and this header lacks."""
    return [column for column in _NEEDED if find_column(names, column) is None]


def find_column(names: Sequence[str], column: str) -> int | None:
    """Where a column stands in a header, by any of its names; None if it does not."""
    lower = [name.lower() for name in names]
    return next((lower.index(name) for name in COLUMNS[column] if name in lower), None)


def read_table(path: Path) -> Iterator[Record]:
    """The records of a table with a header, columns separated by tabs, in its order.

    Positions count from 1; an allele '-' has no base, and an insertion then goes before `pos`. Several alternate
    alleles may stand in one cell, separated by commas.

    Raises
    ------
    FileFormatError
        At a line with fewer columns than the header, or with a position that is not a number.
    """
    pick: Callable[[list[str]], tuple[str, ...]] | None = None
    width = 0
    with open_by_content(path) as stream:
        for number, raw in enumerate(stream, start=1):
            text = raw.rstrip(b"\r\n")
            if not text.strip() or text.startswith(b"##"):
                continue
            if pick is None:
                names = _names(text)
                pick, width = _picker(names), len(names)
                continue
            cells = text.decode("utf-8", errors="replace").split("\t")
            if len(cells) < width:
                raise FileFormatError(
                    f"{path}, line {number}: the line has {len(cells)} columns, the header {width}; expected the same "
                    "number. Complete the line, or remove it."
                )
            contig, position, name, ref, alt = pick(cells)
            yield record(f"{path}, line {number}", contig, position, name, ref, alt)


def _picker(names: Sequence[str]) -> Callable[[list[str]], tuple[str, ...]]:
    places = [find_column(names, column) for column in COLUMNS]
    return lambda cells: tuple("." if place is None else cells[place].strip() for place in places)


def record(where: str, contig: str, position: str | int, name: str, ref: str, alt: str) -> Record:
    """A record from the cells of a row.

    Raises
    ------
    FileFormatError
        If the position is no number.
    """
    # A data frame with a missing cell has positions with a point; one that is no whole number is none.
    text = str(position).strip().removesuffix(".0")
    if not _POSITION.fullmatch(text):
        raise FileFormatError(
            f"{where}: the position is {str(position)!r}; expected a whole number, counted from 1. Correct the column."
        )
    start = int(text) - 1  # tables count from 1, as VCF does
    return Record(contig, start, name or ".", _allele(ref), tuple(_allele(one) for one in alt.split(",")))


def _allele(text: str) -> str:
    # a blank cell says that the allele is not known, which is something else than an allele without a base
    return "" if text == EMPTY else text or " "
