"""Files that come one a chromosome, named together by a pattern: `1000G.EUR.@` is `1000G.EUR.1`, `1000G.EUR.2` …."""

from __future__ import annotations

import glob
import re
from pathlib import Path

from ambergen.errors import FileFormatError

PLACEHOLDER = "@"
_NAME = re.compile("[0-9A-Za-z_]+")


def is_pattern(path: Path) -> bool:
    """Whether the path stands for one file a chromosome: its name has `@`, or ends with a dot as in LDSC."""
    return PLACEHOLDER in path.name or path.name.endswith(".")


def of_chromosome(pattern: Path, chromosome: str) -> Path:
    """The path of one chromosome's file; a path without placeholder is the same for all."""
    if not is_pattern(pattern):
        return pattern
    name = pattern.name if PLACEHOLDER in pattern.name else pattern.name + PLACEHOLDER
    return pattern.with_name(name.replace(PLACEHOLDER, chromosome))


def chromosomes(pattern: Path, endings: tuple[str, ...]) -> list[str]:
    """The chromosomes for which there is a file with one of the endings: numbers ascending, then names.

    Raises
    ------
    FileFormatError
        If there is none.
    """
    before, after = of_chromosome(pattern, PLACEHOLDER).name.split(PLACEHOLDER, maxsplit=1)
    found: set[str] = set()
    for ending in endings:
        for path in pattern.parent.glob(f"{glob.escape(before)}*{glob.escape(ending)}"):
            middle = path.name[len(before) : len(path.name) - len(ending)]
            chromosome = middle.removesuffix(after) if not after or middle.endswith(after) else ""
            if _NAME.fullmatch(chromosome) and of_chromosome(pattern, chromosome).name + ending == path.name:
                found.add(chromosome)
    if not found:
        example = f"{of_chromosome(pattern, '1')}{endings[0]}"
        raise FileFormatError(
            f"{pattern}: there is no such file for any chromosome (as {example}); '{PLACEHOLDER}', or a dot at the "
            "end, stands for the chromosome's name. Check the path."
        )
    return sorted(found, key=lambda name: (not name.isdigit(), int(name) if name.isdigit() else 0, name))
