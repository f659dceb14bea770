"""Elements of a saturation mutagenesis: short sequences whose headers say where in the genome they lie."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from ambergen.errors import FileFormatError, InputError
from ambergen.io.compression import open_by_content
from ambergen.io.fasta import read_contigs
from ambergen.io.genome import Genome
from ambergen.sequence.alphabets import DNA

_HEADER = re.compile(r">\s*(\S+).*?\s(\S+):([0-9,]+)-([0-9,]+)")


@dataclass(frozen=True)
class Elements:
    """Sequences and their places.

    genome : each element is a contig of its own
    contig : by element, where it lies
    start : by element, position of its first base there, from 1
    """

    genome: Genome
    contig: dict[str, str]
    start: dict[str, int]


def read_elements(path: Path) -> Elements:
    """Elements of a FASTA file with headers such as ``>SORT1 GRCh38 chr1:109274652-109275251``, forward strand.

    Positions in the headers count from 1, both ends included.

    Raises
    ------
    FileFormatError
        If it is no FASTA file, a header has no place, or the place is not as long as the sequence.
    """
    contig, start, length = {}, {}, {}
    with open_by_content(path) as stream:
        for number, raw in enumerate(stream, start=1):
            if not raw.startswith(b">"):
                continue
            line = raw.decode("utf-8", errors="replace").rstrip()
            found = _HEADER.match(line)
            if found is None:
                raise FileFormatError(
                    f"{path}, line {number}: the header {line[:60]!r} does not say where the element lies; expected "
                    "'>NAME CONTIG:START-END', counted from 1 with both ends included. Add the place."
                )
            name, first, last = found[1], *(int(text.replace(",", "")) for text in (found[3], found[4]))
            contig[name], start[name], length[name] = found[2], first, last - first + 1
    sequences = {one.name: one.tokens for one in read_contigs(path)}
    for name, tokens in sequences.items():
        if len(tokens) != length[name]:
            raise FileFormatError(
                f"{path}: {name} has {len(tokens)} bases, its header says {length[name]}; expected the same. Correct "
                "the place (from 1, both ends included) or the sequence."
            )
    return Elements(Genome.of(sequences), contig, start)


def on_elements(measured: pd.DataFrame, elements: Elements, source: str) -> pd.DataFrame:
    """Measurements with positions within their elements, which become the contigs.

    Parameters
    ----------
    measured : see `ambergen.effects.measured.read_measured`; `group` names the element
    source : what messages call the measurements

    Raises
    ------
    InputError
        If a group is no element, or a reference base is not that of the element: positions are of another assembly.
    """
    names = elements.genome.names
    absent = [name for name in dict.fromkeys(measured["group"]) if name not in names]
    if absent:
        raise InputError(
            f"{source}: {absent[0]} is no element; the elements are {', '.join(names)}. Name the column that holds "
            "them with --by, or give their sequences."
        )
    found = measured.assign(
        chrom=measured["group"], pos=measured["pos"] - measured["group"].map(elements.start).astype(np.int64) + 1
    )
    first = dict(zip(names, elements.genome.first.tolist(), strict=False))
    inside = (found["pos"] >= 1) & (found["pos"] <= found["group"].map(elements.genome.lengths))
    wrong = ~inside
    place = found["group"].map(first) + found["pos"] - 1
    letters = np.array([*DNA.symbols, DNA.unknown])[elements.genome.tokens[place[inside].to_numpy(np.int64)]]
    wrong[inside] = letters != found["ref"][inside].to_numpy(str)
    if wrong.any():
        row = measured[wrong].iloc[0]
        name = row["group"]
        raise InputError(
            f"{source}: {int(wrong.sum()):,} of {len(measured):,} measurements do not fit the sequences, first {name} "
            f"{row['chrom']}:{row['pos']} {row['ref']}>{row['alt']}; {name} begins at {elements.contig[name]}:"
            f"{elements.start[name]}. Expected the reference base there: take rows of one assembly with --where, for "
            "example --where Release=GRCh38."
        )
    return found
