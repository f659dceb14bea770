"""Genetic maps: where a position lies in centimorgans."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ambergen.errors import FileFormatError
from ambergen.io.aliases import ContigAliases
from ambergen.io.chromosome_files import is_pattern, of_chromosome
from ambergen.io.compression import open_by_content

_LAYOUTS = (
    "position, rate, centimorgan (one chromosome a file), chromosome, position, rate, centimorgan (HapMap), or "
    "chromosome, name, centimorgan, position (PLINK)"
)


@dataclass(frozen=True, eq=False)
class GeneticMap:
    """The map of one chromosome.

    position : (n,) int64, 0-based, ascending
    centimorgan : (n,) float64, ascending
    """

    position: NDArray[np.int64]
    centimorgan: NDArray[np.float64]

    def at(self, position: NDArray[np.int64]) -> NDArray[np.float64]:
        """Centimorgans of 0-based positions: straight lines between the map's points, the mean rate beyond its ends."""
        rate = (self.centimorgan[-1] - self.centimorgan[0]) / (self.position[-1] - self.position[0])
        before = np.minimum(position - self.position[0], 0) * rate
        after = np.maximum(position - self.position[-1], 0) * rate
        return np.interp(position, self.position, self.centimorgan) + before + after


def read_genetic_map(path: Path, chromosome: str) -> GeneticMap:
    """The map of one chromosome.

    Parameters
    ----------
    path : with `@` in place of the chromosome, or a dot at the end, there is a file for each
    chromosome : as the panel names it

    Raises
    ------
    FileFormatError
        If the file is absent or malformed, descends, or has fewer than two points on the chromosome.
    """
    found = of_chromosome(path, chromosome)
    aliases = ContigAliases([chromosome])
    points: list[tuple[int, float]] = []
    with open_by_content(found) as stream:
        lines = stream.read().decode("utf-8", errors="replace").splitlines()
    for number, line in enumerate(lines, start=1):
        cells = line.split()
        if not cells or line.startswith("#") or (number == 1 and not _is_number(cells[-1])):
            continue
        contig, position, centimorgan = _point(f"{found}, line {number}", cells)
        if contig is None and not is_pattern(path):
            raise FileFormatError(
                f"{found}, line {number}: the map does not tell the chromosome; expected a file for each chromosome, "
                "with @ in place of its name, or a column with it."
            )
        if contig is not None and aliases.resolve(contig) != chromosome:
            continue
        if points and (position < points[-1][0] or centimorgan < points[-1][1]):
            raise FileFormatError(
                f"{found}, line {number}: {position + 1} bp, {centimorgan:g} cM follows {points[-1][0] + 1} bp, "
                f"{points[-1][1]:g} cM; expected both to ascend. Sort the map."
            )
        points.append((position, centimorgan))
    if len({position for position, _ in points}) < 2:
        raise FileFormatError(
            f"{found}: the map has {len(points)} points on chromosome {chromosome}; expected at least two. Give a map "
            "of the panel's assembly whose chromosomes have the same names."
        )
    return GeneticMap(np.array([p for p, _ in points], dtype=np.int64), np.array([cm for _, cm in points]))


def _point(where: str, cells: Sequence[str]) -> tuple[str | None, int, float]:
    """Chromosome (None where it is not told), 0-based position and centimorgans of one line."""
    layout: tuple[int | None, int, int]
    if len(cells) == 3:
        layout = (None, 0, 2)
    elif len(cells) == 4 and _is_number(cells[1]):
        layout = (0, 1, 3)
    elif len(cells) == 4:
        layout = (0, 3, 2)
    else:
        raise FileFormatError(f"{where}: the line has {len(cells)} columns; expected {_LAYOUTS}. Convert the map.")
    contig, position, centimorgan = layout
    if not cells[position].isdigit() or not _is_number(cells[centimorgan]):
        raise FileFormatError(
            f"{where}: {cells[position]!r} and {cells[centimorgan]!r} are no position and centimorgans; expected "
            f"{_LAYOUTS}. Correct the line."
        )
    return None if contig is None else cells[contig], int(cells[position]) - 1, float(cells[centimorgan])


def _is_number(text: str) -> bool:
    try:
        return bool(np.isfinite(float(text)))
    except ValueError:
        return False
