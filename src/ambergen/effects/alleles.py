"""From records to alleles: one row for every alternate allele, each with a status."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ambergen.effects.config import EffectConfig
from ambergen.errors import FileFormatError
from ambergen.io.aliases import ContigAliases
from ambergen.io.genome import Genome
from ambergen.sequence.alphabets import DNA
from ambergen.sequence.edits import check_index, fits
from ambergen.sequence.variants import EMPTY, NO_ALLELE, Record, is_sequence

STATUSES: dict[str, str] = {
    "ok": "scored",
    "duplicate": "scored, but the same allele stood at this position before",
    "no_alternate": "the record has no alternate allele",
    "unsupported": "an allele is symbolic, a breakend, *, blank or has letters other than A, C, G, T",
    "unknown_contig": "the genome has no such contig",
    "outside_contig": "the reference allele reaches beyond the contig, or the position is 0",
    "too_long": "an allele does not fit into the window",
    "ref_mismatch": "the reference allele is not what the genome has",
    "edge": "the window reaches beyond the contig",
}
"""Every status and what it means; alleles have scores where it is ok or duplicate, and nan elsewhere."""


class Edit(NamedTuple):
    """What one allele changes, on the genome's line of tokens.

    Attributes
    ----------
    row : of the allele in the table
    contig : number of the contig
    start : on the line
    """

    row: int
    contig: int
    start: int
    ref: NDArray[np.uint8]
    alt: NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Alleles:
    """Some alleles in the order of their source.

    Attributes
    ----------
    table : (n_alleles,) rows record_index alt_index chrom pos id ref alt strand ref_match swapped n_unknown n_pad
        status
    edits : of those that can be scored
    """

    table: pd.DataFrame
    edits: list[Edit]

    def __len__(self) -> int:
        return len(self.table)


@dataclass(eq=False)
class AlleleReader:
    """Judges records one after another; remembers the alleles of the position it is at, to know duplicates."""

    genome: Genome
    config: EffectConfig
    length: int
    strand: str
    aliases: ContigAliases
    source: str = "variants"
    _contigs: dict[str, int | None] = field(default_factory=dict)
    _site: tuple[int, int] = (-1, -1)
    _seen: set[tuple[str, str]] = field(default_factory=set)

    def chunks(self, records: Iterable[Record], size: int) -> Iterator[Alleles]:
        """Alleles in chunks of at least `size` that end with a record.

        Raises
        ------
        FileFormatError
            At a reference allele that is not the genome's, where the config says error.
        """
        rows: list[tuple[Any, ...]] = []
        edits: list[Edit] = []
        for number, record in enumerate(records):
            for alt_index, alt in enumerate(record.alts):
                found = self._judge(number, record, alt)
                pos = record.start + 1  # written as files count, from 1
                cells = (number, alt_index, record.contig, pos, record.name, _text(record.ref), _text(alt))
                rows.append((*cells, self.strand, found.ref_match, found.swapped, 0, 0, found.status))
                if found.edit is not None:
                    edits.append(found.edit._replace(row=len(rows) - 1))
            if len(rows) >= size:
                yield Alleles(_table(rows), edits)
                rows, edits = [], []
        if rows:
            yield Alleles(_table(rows), edits)

    def _judge(self, number: int, record: Record, alt: str) -> _Judgement:
        status = self._status_of_text(record, alt)
        if status is not None:
            return _Judgement(status)
        contig = self._contig(record.contig)
        if contig is None:
            return _Judgement("unknown_contig")
        first, last = int(self.genome.first[contig]), int(self.genome.first[contig + 1])
        if not 0 <= record.start < last - first or record.start + len(record.ref) > last - first:
            return _Judgement("outside_contig")
        if self._too_long(record.ref) or self._too_long(alt):
            return _Judgement("too_long")
        start = first + record.start
        ref, altered = _tokens(record.ref), _tokens(alt)
        ref_match = np.array_equal(self.genome.tokens[start : start + len(ref)], ref)
        swapped = False
        if not ref_match:
            swapped = len(altered) > 0 and np.array_equal(self.genome.tokens[start:last][: len(altered)], altered)
            if self.config.mismatch == "error":
                raise self._mismatch(number, record, alt, start, swapped)
            if self.config.mismatch == "skip":
                return _Judgement("ref_mismatch", ref_match, swapped)
        status = "duplicate" if self._is_duplicate(contig, record, alt) else "ok"
        return _Judgement(status, ref_match, swapped, Edit(-1, contig, start, ref, altered))

    def _status_of_text(self, record: Record, alt: str) -> str | None:
        if alt == NO_ALLELE:
            return "no_alternate"
        known = is_sequence(record.ref) and is_sequence(alt) and (record.ref or alt)
        return None if known else "unsupported"

    def _contig(self, name: str) -> int | None:
        if name not in self._contigs:
            resolved = self.aliases.resolve(name)
            self._contigs[name] = None if resolved is None else self.genome.number[resolved]
        return self._contigs[name]

    def _too_long(self, allele: str) -> bool:
        index, shift = check_index(self.length, self.config.index), self.config.shift
        ends = (index - shift, index + shift) if shift else (index,)
        return not all(fits(len(allele), self.length, at, self.config.anchor) for at in ends)

    def _is_duplicate(self, contig: int, record: Record, alt: str) -> bool:
        site, alleles = (contig, record.start), (record.ref.upper(), alt.upper())
        if site != self._site:
            self._site, self._seen = site, set()
        known = alleles in self._seen
        self._seen.add(alleles)
        return known

    def _mismatch(self, number: int, record: Record, alt: str, start: int, swapped: bool) -> FileFormatError:
        has = DNA.decode(self.genome.tokens[start : start + max(1, len(record.ref))])
        why = (
            "The genome has the alternate allele there, so the two alleles were probably exchanged; exchange them back"
            if swapped
            else "The file was probably called on another assembly; pass the genome that it was called on"
        )
        return FileFormatError(
            f"{self.source}, record {number + 1} ({record.contig}:{record.start + 1} "
            f"{_text(record.ref)}>{_text(alt)}): reference allele is {_text(record.ref)}, the genome has {has} there. "
            f"{why}, or score such records with mismatch flag or skip."
        )


class _Judgement(NamedTuple):
    status: str
    ref_match: bool = False
    swapped: bool = False
    edit: Edit | None = None


def _text(allele: str) -> str:
    """As it is written in a table: '-' without bases, '' where it was blank."""
    return EMPTY if not allele else allele.strip()


def _tokens(allele: str) -> NDArray[np.uint8]:
    return DNA.encode(allele, "allele")


def _table(rows: list[tuple[Any, ...]]) -> pd.DataFrame:
    columns: dict[str, Any] = dict(zip(COLUMNS, zip(*rows, strict=True), strict=True))
    return pd.DataFrame({name: np.array(columns[name], dtype=dtype) for name, dtype in COLUMNS.items()})


COLUMNS: Mapping[str, Any] = {
    "record_index": np.int64,
    "alt_index": np.int32,
    "chrom": object,
    "pos": np.int64,
    "id": object,
    "ref": object,
    "alt": object,
    "strand": object,
    "ref_match": np.bool_,
    "swapped": np.bool_,
    "n_unknown": np.int32,
    "n_pad": np.int32,
    "status": object,
}
"""Columns of the table of alleles; both indices count from 0."""
