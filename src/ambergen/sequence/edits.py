"""Windows of the sequence around a variant, with the reference and with the alternate allele in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ambergen.errors import ConfigError, InputError

Anchor = Literal["left", "center"]
Ints = NDArray[np.int64]


class WindowPair(NamedTuple):
    """The same stretch with either allele."""

    ref: str
    alt: str


class Cut(NamedTuple):
    """Windows as arrays.

    Attributes
    ----------
    tokens : (n, length) uint8
    n_pad : (n,), positions beyond the ends of the contig
    """

    tokens: NDArray[np.uint8]
    n_pad: Ints


def default_index(length: int) -> int:
    """Where the variant stands in a window, 0-based: 499 of 1,000 and 500 of 1,001, as DeepSEA has it."""
    return (length - 1) // 2


def bases_left(allele_length: int, index: int, anchor: Anchor) -> int:
    """Bases of the window before an allele.

    Parameters
    ----------
    anchor : ``left`` puts the allele's first base at `index`, so that both alleles have one left flank; ``center`` puts
        its middle base there, so that both flanks give way to an insertion. They agree for single bases.
    """
    return index if anchor == "left" else index - allele_length // 2


def fits(allele_length: int, length: int, index: int, anchor: Anchor) -> bool:
    """Whether the whole allele lies in its window."""
    left = bases_left(allele_length, index, anchor)
    return left >= 0 and left + allele_length <= length


def windows(
    contig: str, position: int, ref: str, alt: str, length: int, anchor: Anchor = "left", index: int | None = None
) -> WindowPair:
    """The window around a variant with each of its alleles.

    Left of the allele stands what stands left of it on the contig, right of it what follows the reference allele, as
    far as the window reaches: a deletion draws sequence in from the right, an insertion pushes some out.

    Parameters
    ----------
    contig : the whole sequence, in either case
    position : of the first reference base, counted from 1 as in VCF
    ref, alt : alleles; '' or '-' for none, and an insertion without a reference base goes before `position`
        `ref` is written into its window whether or not it is what the contig has.
    length : of a window
    anchor : see `bases_left`
    index : where the variant stands, 0-based; by default (length - 1) // 2

    Returns
    -------
    ref, alt
        In upper case, with N beyond the ends of the contig.

    Raises
    ------
    InputError
        If the variant lies outside the contig, or an allele does not fit into the window.
    """
    index = check_index(length, index)
    ref, alt = ("" if allele == "-" else allele.upper() for allele in (ref, alt))
    start = position - 1  # counted from 1 in files
    if not 0 <= start < len(contig) or start + len(ref) > len(contig):
        raise InputError(
            f"variant at {position} {ref or '-'}>{alt or '-'}: the contig has {len(contig):,} bases, so the reference "
            f"allele lies outside it. Positions count from 1; give one between 1 and {len(contig) - len(ref) + 1}."
        )
    for allele in (ref, alt):
        if not fits(len(allele), length, index, anchor):
            raise InputError(
                f"variant at {position}: an allele of {len(allele)} bases does not fit into a window of {length} whose "
                f"variant stands at index {index}. Use longer windows, or leave the variant out."
            )

    def window(allele: str) -> str:
        left = bases_left(len(allele), index, anchor)
        before = contig[max(0, start - left) : start].rjust(left, "N")
        right = length - left - len(allele)
        after = contig[start + len(ref) : start + len(ref) + right].ljust(right, "N")
        return before.upper() + allele + after.upper()

    return WindowPair(window(ref), window(alt))


def check_index(length: int, index: int | None) -> int:
    """The index of the variant in the window; ConfigError if the window has none such."""
    if length < 1:
        raise ConfigError(f"length: {length} is not the length of a window; expected at least 1.")
    if index is None:
        return default_index(length)
    if not 0 <= index < length:
        raise ConfigError(
            f"index: {index} lies outside a window of {length}; expected 0 to {length - 1}. "
            f"Leave it out for {default_index(length)}, the middle."
        )
    return index


class Edits(NamedTuple):
    """Stretches of a line of contigs that are replaced, one a row.

    Attributes
    ----------
    first, last : (n,), where the contig begins and ends (half-open) on the line
    start : (n,), on the line
    replaced : (n,), bases that are taken out
    alleles : n times (n_bases,) uint8, what is put in
    """

    first: Ints
    last: Ints
    start: Ints
    replaced: Ints
    alleles: Sequence[NDArray[np.uint8]]


def cut(line: NDArray[np.uint8], edits: Edits, left: Ints, length: int, unknown: int) -> Cut:
    """Windows of edited contigs.

    Parameters
    ----------
    line : (n_positions,) uint8, contigs one after another
    left : (n,), bases of each window before its allele
    unknown : token of what lies beyond the ends of a contig
    """
    n_bases = np.array([len(allele) for allele in edits.alleles], dtype=np.int64)
    offset = np.arange(length) - left[:, None]  # from the allele's first base
    after = offset >= n_bases[:, None]
    position = edits.start[:, None] + offset + np.where(after, (edits.replaced - n_bases)[:, None], 0)
    inside = (position >= edits.first[:, None]) & (position < edits.last[:, None])
    tokens = np.full(position.shape, unknown, np.uint8)
    tokens[inside] = line[position[inside]]

    in_allele = (offset >= 0) & ~after
    rows = np.repeat(np.arange(len(n_bases)), n_bases)
    within = np.arange(len(rows)) - np.repeat(np.cumsum(n_bases) - n_bases, n_bases)
    if len(rows):
        tokens[rows, left[rows] + within] = np.concatenate(edits.alleles)
    return Cut(tokens, (~inside & ~in_allele).sum(axis=1))
