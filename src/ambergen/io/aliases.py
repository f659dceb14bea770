"""Contig names: `chr1`, `1` and `I` may be one contig."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from ambergen.errors import FileFormatError
from ambergen.io.compression import open_by_content

_PREFIX = re.compile("^chr(?=.)", re.IGNORECASE)
_MITOCHONDRION = frozenset({"M", "MT", "MITO", "MITOCHONDRION", "MTDNA"})
_NO_NAME = frozenset({"", "-", ".", "na", "NA"})
_ROMAN = {
    tens + ones: 10 * i + j
    for i, tens in enumerate(("", "X", "XX", "XXX"))
    for j, ones in enumerate(("", "I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX"))
    if tens + ones
}
_LARGEST_BELOW_X = 5


class ContigAliases:
    """Finds the genome's own name for a name in another file.

    A name is looked up as it stands, then in the table, then without regard to the prefix `chr`, then among the names
    of the mitochondrion (M, MT, Mito …) and by number. Roman numerals are numbers only if the genome or the table
    counts with them: X is ten where VI or XI is a contig too, and the sex chromosome elsewhere.

    Parameters
    ----------
    contigs : the genome's names
    table : a file with one contig a row and one naming a column, separated by tabs, with or without a header
        `-`, `.`, `NA` and empty cells mean that a naming lacks the contig. Rows without a contig of the genome are
        passed over (the header is such a row).

    Raises
    ------
    FileFormatError
        If a row has two contigs of the genome, two rows give one name to different contigs, or no row has a contig of
        the genome.
    """

    def __init__(self, contigs: Sequence[str], table: Path | None = None) -> None:
        self._known: dict[str, str] = {contig: contig for contig in contigs}
        if table is not None:
            self._add_table(table, contigs)
        names = list(self._known.items())
        self._by_stem = _unanimous((_stem(name), contig) for name, contig in names)
        self._roman = _roman_numerals_in_use({_stem(name) for name in self._known})
        self._by_identity = _unanimous((self._identity(_stem(name)), contig) for name, contig in names)

    def resolve(self, name: str) -> str | None:
        """The genome's name of the contig that is called `name` elsewhere; None if it has none, or several fit."""
        if name in self._known:
            return self._known[name]
        stem = _stem(name)
        return self._by_stem.get(stem) or self._by_identity.get(self._identity(stem))

    def _identity(self, stem: str) -> str:
        """One spelling for all spellings of a mitochondrion or of a number."""
        if stem.upper() in _MITOCHONDRION:
            return "M"
        return str(self._roman.get(stem, stem))

    def _add_table(self, table: Path, contigs: Sequence[str]) -> None:
        genome = ContigAliases(contigs)
        own_names = set(contigs)
        given_on: dict[str, int] = {}
        for line, names in _read_rows(table):
            # A name that is the genome's own outweighs one that only resembles it: `chrX` beside the yeast's `X`.
            owners = {name for name in names if name in own_names} or {
                owner for name in names if (owner := genome.resolve(name)) is not None
            }
            if not owners:
                continue
            if len(owners) > 1:
                raise FileFormatError(
                    f"{table}, line {line}: the row names {len(owners)} contigs of the genome, "
                    f"{' and '.join(sorted(owners))}; expected the names of a single contig. Split the row."
                )
            owner = owners.pop()
            for name in names:
                if self._known.get(name, owner) != owner:
                    before = f"line {given_on[name]}" if name in given_on else "the genome"
                    raise FileFormatError(
                        f"{table}, line {line}: '{name}' stands for {owner} here and for {self._known[name]} in "
                        f"{before}; expected one contig for each name. Correct the row, or remove a column that holds "
                        "something else than names."
                    )
                self._known[name] = owner
                given_on.setdefault(name, line)
        if not given_on:
            raise FileFormatError(
                f"{table}: no row has a contig of the genome ({_some(contigs)}); expected one column with the genome's "
                "own names. Add the column, or give the table that belongs to this genome."
            )


def _stem(name: str) -> str:
    return _PREFIX.sub("", name)


def _unanimous(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The keys that lead to a single contig."""
    found: dict[str, set[str]] = {}
    for key, contig in pairs:
        found.setdefault(key, set()).add(contig)
    return {key: next(iter(contigs)) for key, contigs in found.items() if len(contigs) == 1}


def _roman_numerals_in_use(stems: set[str]) -> dict[str, int]:
    """Numerals and their numbers, if names count with them; see `ContigAliases` for X."""
    # One letter alone proves nothing: X is a sex chromosome, V may be a contig's letter.
    if not any(len(stem) > 1 and stem in _ROMAN for stem in stems):
        return {}
    counts_past_x = any(_ROMAN.get(stem, 0) > _LARGEST_BELOW_X for stem in stems - {"X"})
    return {numeral: number for numeral, number in _ROMAN.items() if numeral != "X" or counts_past_x}


def _read_rows(table: Path) -> Iterator[tuple[int, list[str]]]:
    with open_by_content(table) as stream:
        text = stream.read()
    for number, line in enumerate(text.decode("utf-8", errors="replace").splitlines(), start=1):
        cells = [cell.strip() for cell in line.lstrip("#").split("\t")]
        yield number, [cell for cell in dict.fromkeys(cells) if cell not in _NO_NAME]


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:3])
    return f"{shown}, …" if len(names) > 3 else shown
