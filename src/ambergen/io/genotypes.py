"""Genotypes of a reference panel: PLINK's bed, bim and fam files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from ambergen.errors import FileFormatError
from ambergen.io.blank_separated import read_table
from ambergen.io.compression import open_by_content

MISSING = -1
_MAGIC = b"\x6c\x1b"
_VARIANT_MAJOR = 1
_BIM_COLUMNS = ("chromosome", "id", "centimorgan", "position", "first allele", "second allele")
_FAM_COLUMNS = 6
_LARGEST_POSITION = 10**9

# A byte has four genotypes, lowest bits first: 00 two copies of the first allele, 10 one, 11 none, 01 missing.
_COUNT_OF_BITS = np.array([2, MISSING, 1, 0], dtype=np.int8)
_COUNTS_OF_BYTE = _COUNT_OF_BITS[(np.arange(256)[:, None] >> np.array([0, 2, 4, 6])) & 3]
# One look-up gives four genotypes.
_PACKED_COUNTS_OF_BYTE = np.ascontiguousarray(_COUNTS_OF_BYTE).view(np.int32)[:, 0]


@dataclass(frozen=True, eq=False)
class PanelVariants:
    """The variants of a reference panel, in the order of its files.

    Attributes
    ----------
    contig, id, first_allele, second_allele : (n,) object
    position : (n,) int64
        0-based position of the variant's first base.
    centimorgan : (n,) float64
    """

    contig: NDArray
    id: NDArray
    centimorgan: NDArray[np.float64]
    position: NDArray[np.int64]
    first_allele: NDArray
    second_allele: NDArray

    def __len__(self) -> int:
        return len(self.position)

    def select(self, chosen: ArrayLike | slice) -> PanelVariants:
        """The rows of a boolean mask (n,), of row numbers or of a slice."""
        rows = chosen if isinstance(chosen, slice) else np.asarray(chosen)
        return PanelVariants(
            self.contig[rows],
            self.id[rows],
            self.centimorgan[rows],
            self.position[rows],
            self.first_allele[rows],
            self.second_allele[rows],
        )

    def contig_rows(self) -> list[tuple[str, slice]]:
        """Name and rows of each contig, in their order."""
        if not len(self):
            return []
        borders = np.flatnonzero(self.contig[1:] != self.contig[:-1]) + 1
        bounds = [0, *borders.tolist(), len(self)]
        return [(str(self.contig[first]), slice(first, last)) for first, last in pairwise(bounds)]


@dataclass(frozen=True)
class GenotypeCounts:
    """How often each genotype of a variant occurs, (n_variants,) each.

    two, one, none : individuals with so many copies of the first allele
    missing : individuals whose genotype is not known
    """

    two: NDArray[np.int64]
    one: NDArray[np.int64]
    none: NDArray[np.int64]
    missing: NDArray[np.int64]

    @property
    def minor_frequency(self) -> NDArray[np.float64]:
        """Of the rarer allele among known genotypes; nan where none is known."""
        # From whole numbers, so that it does not depend on which of the alleles was counted
        rarer = np.minimum(2 * self.two + self.one, 2 * self.none + self.one)
        with np.errstate(invalid="ignore"):
            return rarer / (2 * (self.two + self.one + self.none))

    @property
    def is_constant(self) -> NDArray[np.bool_]:
        """Whether all known genotypes are the same, or none is known."""
        present = (self.two > 0).astype(int) + (self.one > 0) + (self.none > 0)
        return present < 2


@dataclass(frozen=True, eq=False)
class PlinkFiles:
    """A bed file with the bim and fam files beside it; genotypes are read when asked for.

    Attributes
    ----------
    path : of the bed file
    variants : the rows of the bim file
    n_individuals : rows of the fam file
    """

    path: Path
    variants: PanelVariants
    n_individuals: int

    @property
    def _bytes_a_variant(self) -> int:
        return -(-self.n_individuals // 4)

    def blocks(self, rows: slice, size: int = 4096) -> Iterator[NDArray[np.int8]]:
        """Genotypes of consecutive variants, in pieces.

        Parameters
        ----------
        rows : of the variants, with start and stop
        size : variants in a piece, but for the last one

        Yields
        ------
        (at most size, n_individuals) int8
            Copies of the first allele, 0, 1 or 2; -1 where missing.
        """
        with open(self.path, "rb") as stream:
            stream.seek(len(_MAGIC) + 1 + rows.start * self._bytes_a_variant)
            for first in range(rows.start, rows.stop, size):
                n_variants = min(size, rows.stop - first)
                packed = np.frombuffer(stream.read(n_variants * self._bytes_a_variant), dtype=np.uint8)
                if len(packed) < n_variants * self._bytes_a_variant:
                    raise FileFormatError(f"{self.path}: the file became shorter while it was read. Start again.")
                counts = _PACKED_COUNTS_OF_BYTE.take(packed).view(np.int8)
                yield counts.reshape(n_variants, 4 * self._bytes_a_variant)[:, : self.n_individuals]

    def count(self, rows: slice) -> GenotypeCounts:
        """How often each genotype occurs among the individuals, for consecutive variants."""
        found = [
            np.stack([np.count_nonzero(block == kind, axis=1) for kind in (2, 1, 0, MISSING)])
            for block in self.blocks(rows)
        ]
        return GenotypeCounts(*np.concatenate([np.zeros((4, 0), dtype=np.int64), *found], axis=1))


def open_plink(prefix: Path) -> PlinkFiles:
    """Read `prefix`.bim and `prefix`.fam, and see that `prefix`.bed belongs to them.

    Raises
    ------
    FileFormatError
        If a file is absent or malformed, the bed file has another magic number, another order or another size than the
        number of variants and individuals calls for, or the variants are not sorted.
    """
    prefix = prefix.with_name(prefix.name.removesuffix(".bed"))
    bim, fam, bed = (prefix.with_name(f"{prefix.name}.{ending}") for ending in ("bim", "fam", "bed"))
    variants = read_bim(bim)
    n_individuals = _count_individuals(fam)
    _check_bed(bed, len(variants), n_individuals)
    return PlinkFiles(bed, variants, n_individuals)


def _check_bed(path: Path, n_variants: int, n_individuals: int) -> None:
    with open_by_content(path) as stream:
        head = stream.read(3)
    if head[:2] != _MAGIC:
        raise FileFormatError(
            f"{path}: the first bytes are {head[:2].hex(' ') or 'absent'}; expected the magic number 6c 1b of a PLINK "
            "1 bed file (not the BED file of intervals, nor PLINK 2's pgen). Make one with `plink --make-bed`."
        )
    if head[2:] != bytes([_VARIANT_MAJOR]):
        raise FileFormatError(
            f"{path}: the third byte is {head[2:].hex() or 'absent'}; expected 01, genotypes variant by variant. Files "
            "individual by individual are of the first version of PLINK; rewrite it with `plink --make-bed`."
        )
    size, expected = path.stat().st_size, 3 + n_variants * -(-n_individuals // 4)
    if size != expected:
        what = "cut short" if size < expected else "too long"
        raise FileFormatError(
            f"{path}: the file is {what}: {size:,} bytes; {n_variants:,} variants (.bim) of {n_individuals:,} "
            f"individuals (.fam) take {expected:,}. Fetch the three files again; they must belong together, and be "
            "unpacked."
        )


def _count_individuals(path: Path) -> int:
    with open_by_content(path) as stream:
        lines = stream.read().decode("utf-8", errors="replace").splitlines()
    for number, line in enumerate(lines, start=1):
        if len(line.split()) != _FAM_COLUMNS:
            raise FileFormatError(
                f"{path}, line {number}: the line has {len(line.split())} columns; expected {_FAM_COLUMNS}, family, "
                "individual, father, mother, sex and phenotype. Give the .fam file that belongs to the .bed file."
            )
    if not lines:
        raise FileFormatError(f"{path}: the file is empty; expected a line for each individual. Fetch it again.")
    return len(lines)


def read_bim(path: Path) -> PanelVariants:
    """The variants of a PLINK bim file.

    Raises
    ------
    FileFormatError
        If a line is malformed, there is none, or variants are not sorted by contig and position.
    """
    with open_by_content(path) as stream:
        text = stream.read()
    if not text.strip():
        raise _no_variant(path)
    try:
        table = read_table(text, dict.fromkeys(_BIM_COLUMNS, str), has_header=False)
    except (pd.errors.ParserError, pd.errors.ParserWarning):
        table = None
    n_lines = text.count(b"\n") + (not text.endswith(b"\n"))
    if table is None or len(table) != n_lines or table["second allele"].isna().any() or (table == "").to_numpy().any():
        raise _wrong_line(path, text)
    centimorgan = _numbers(path, table["centimorgan"], "centimorgan (column 3)", "a number; 0 means that it is unknown")
    position = _numbers(path, table["position"], "position (column 4)", "a position in base pairs")
    wrong = np.flatnonzero((position < 1) | (position >= _LARGEST_POSITION) | (position != np.floor(position)))
    if len(wrong):
        raise FileFormatError(
            f"{path}, line {wrong[0] + 1}: the position (column 4) is {table['position'][wrong[0]]}; expected a "
            "position in base pairs, counted from 1. PLINK takes variants with negative positions as removed; rewrite "
            "the files with `plink --make-bed`."
        )
    variants = PanelVariants(
        _shared(table["chromosome"]),
        table["id"].to_numpy(dtype=object),
        centimorgan,
        position.astype(np.int64) - 1,  # a bim file counts from 1
        _shared(table["first allele"]),
        _shared(table["second allele"]),
    )
    _check_order(path, variants)
    return variants


def _shared(column: pd.Series) -> NDArray:
    """The cells with one object for each distinct text."""
    codes, distinct = pd.factorize(column)
    return np.asarray(distinct, dtype=object)[codes]


def _no_variant(path: Path) -> FileFormatError:
    return FileFormatError(f"{path}: the file is empty; expected a line for each variant. Fetch it again.")


def _wrong_line(path: Path, text: bytes) -> FileFormatError:
    for number, line in enumerate(text.splitlines(), start=1):
        if len(line.split()) != len(_BIM_COLUMNS):
            return FileFormatError(
                f"{path}, line {number}: the line has {len(line.split())} columns; expected {len(_BIM_COLUMNS)}: "
                f"{', '.join(_BIM_COLUMNS)}. Give the .bim file that belongs to the .bed file."
            )
    return FileFormatError(f"{path}: this is not the text of a .bim file. Fetch or make it again.")


def _numbers(path: Path, column: pd.Series, what: str, expected: str) -> NDArray[np.float64]:
    numbers = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64)
    wrong = np.flatnonzero(~np.isfinite(numbers))
    if len(wrong):
        raise FileFormatError(
            f"{path}, line {wrong[0] + 1}: the {what} is {column.iloc[wrong[0]]!r}; expected {expected}. "
            "Correct the line, or make the file again."
        )
    return numbers


def _check_order(path: Path, variants: PanelVariants) -> None:
    first_line: dict[str, int] = {}
    for contig, rows in variants.contig_rows():
        if contig in first_line:
            raise FileFormatError(
                f"{path}, line {rows.start + 1}: chromosome {contig} comes again (first on line "
                f"{first_line[contig]}); expected its variants together. Sort the files with `plink --make-bed`."
            )
        first_line[contig] = rows.start + 1
        falls = np.flatnonzero(np.diff(variants.position[rows]) < 0)
        if len(falls):
            row = rows.start + int(falls[0]) + 1
            raise FileFormatError(
                f"{path}, line {row + 1}: position {variants.position[row] + 1} follows "
                f"{variants.position[row - 1] + 1}; expected ascending positions on chromosome {contig}. Sort the "
                "files with `plink --make-bed`."
            )
