"""Annotations of a panel's variants in LDSC's `.annot.gz` files."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
from numpy.typing import NDArray

from ambergen.atomic import write_bytes
from ambergen.errors import InputError
from ambergen.io.chromosome_files import of_chromosome
from ambergen.io.genotypes import PanelVariants

PLACES = ("CHR", "BP", "SNP", "CM")
ENDING = ".annot.gz"
_SIGNIFICANT_DIGITS = 9


def packed_annotations(variants: PanelVariants, names: Sequence[str], values: NDArray[np.float64]) -> bytes:
    """The content of an `.annot.gz` file with nine significant digits; the same for the same values.

    Parameters
    ----------
    values : (n_variants, n_annotations)
    """
    digits = f"%.{_SIGNIFICANT_DIGITS}g"
    places = (variants.contig, variants.position + 1, variants.id, variants.centimorgan)
    columns = [pa.array(column) for column in places]
    columns += [pa.array([digits % value for value in column.tolist()]) for column in values.T]
    head = [*PLACES, *names]
    text = BytesIO()
    text.write(("\t".join(head) + "\n").encode())
    options = pa.csv.WriteOptions(include_header=False, delimiter="\t", quoting_style="none")
    pa.csv.write_csv(pa.table(columns, names=[str(k) for k in range(len(head))]), text, options)
    return gzip.compress(text.getvalue(), compresslevel=1, mtime=0)


def annotation_path(prefix: Path, chromosome: str) -> Path:
    """The file of one chromosome; the ending is added where it is absent."""
    path = of_chromosome(prefix, chromosome)
    return path if path.name.endswith((".annot", ENDING)) else path.with_name(path.name + ENDING)


def write_annotations(path: Path, variants: PanelVariants, names: Sequence[str], values: NDArray[np.float64]) -> None:
    """An `.annot.gz` file, whole or not at all."""
    write_bytes(path, packed_annotations(variants, names, values))


def column_names(tracks: Sequence[str]) -> tuple[str, ...]:
    """Names that can head a column of a file whose columns are separated by blanks.

    Raises
    ------
    InputError
        If two become the same, or one is that of a column of places.
    """
    names = tuple("_".join(track.split()) or "_" for track in tracks)
    for track, name in zip(tracks, names, strict=True):
        if names.count(name) > 1 or name in PLACES:
            raise InputError(
                f"track {track!r}: its column {name} has the name of another one; expected a name for each, blanks "
                "written as _. Rename the track, or leave it out with --track."
            )
    return names
