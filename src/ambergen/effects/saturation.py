"""Every single-base variant of a region, and how predicted effects agree with measured ones."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ambergen.errors import InputError
from ambergen.io.aliases import ContigAliases
from ambergen.io.genome import Genome
from ambergen.sequence.alphabets import DNA
from ambergen.sequence.variants import Record

_REGION = re.compile(r"(.+):([0-9,]+)-([0-9,]+)")


def saturate(genome: Genome, region: str, aliases: ContigAliases) -> Iterator[Record]:
    """The three other bases at every position of a region; positions without a known base have none.

    Parameters
    ----------
    region : CONTIG:START-END, counted from 1 with both ends included, as samtools and VCF have it

    Raises
    ------
    InputError
        If the region has another form, lies on no contig of the genome, or reaches beyond it.
    """
    parts = _REGION.fullmatch(region.strip())
    if parts is None:
        raise InputError(
            f"region {region!r}: expected CONTIG:START-END, for example chr7:5530601-5530900, counted from 1 with both "
            "ends included."
        )
    name, (start, end) = parts[1], (int(number.replace(",", "")) for number in parts.groups()[1:])
    contig = aliases.resolve(name)
    if contig is None:
        raise InputError(
            f"region {region!r}: {genome.source} has no contig {name}; it has {', '.join(genome.names[:3])}"
            f"{', …' if len(genome.names) > 3 else ''}. Correct the name."
        )
    length = genome.lengths[contig]
    if not 1 <= start <= end <= length:
        raise InputError(
            f"region {region!r}: expected START from 1 on, not after END, and END within the contig, which has "
            f"{length:,} bases. Correct the numbers."
        )
    first = int(genome.first[genome.number[contig]])
    return _records(genome, name, first, range(start - 1, end))


def _records(genome: Genome, name: str, first: int, positions: range) -> Iterator[Record]:
    for position in positions:
        token = int(genome.tokens[first + position])
        if token < DNA.n_symbols:
            others = tuple(letter for letter in DNA.symbols if letter != DNA.symbols[token])
            yield Record(name, position, ".", DNA.symbols[token], others)
