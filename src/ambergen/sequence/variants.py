"""Variants as they stand in files: one record a site, with one or several alternate alleles."""

from __future__ import annotations

import re
from typing import NamedTuple

_BASES = re.compile(r"[ACGTacgt]+")

NO_ALLELE = "."
"""What stands in the place of an alternate allele where a record has none."""
EMPTY = "-"
"""How a table writes an allele without a base; VCF has no such thing."""


class Record(NamedTuple):
    """One site.

    Attributes
    ----------
    contig : as the source names it
    start : 0-based; -1 where the source says 0, which VCF uses for a telomere
    name : identifier, '.' where there is none
    ref, alts : alleles as they stand in the source, '' for one without a base
        One alternate allele '.' where the record has none.
    """

    contig: str
    start: int
    name: str
    ref: str
    alts: tuple[str, ...]


def is_sequence(allele: str) -> bool:
    """Whether an allele is made of known bases, or of none at all.

    Symbols (``<DEL>``), breakends, ``*``, ``.`` and letters for ambiguous bases are not.
    """
    return not allele or _BASES.fullmatch(allele) is not None
