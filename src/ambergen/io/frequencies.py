"""Allele frequencies of a reference panel: PLINK's `.frq`, which LDSC's users have beside their annotations."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ambergen.errors import FileFormatError
from ambergen.io.chromosome_files import chromosomes, of_chromosome
from ambergen.io.compression import open_by_content
from ambergen.io.summary_statistics import MISSING, number_column

ENDINGS = (".frq", ".frq.gz")
_COLUMNS = ("FRQ", "MAF")


@dataclass(frozen=True, eq=False)
class Frequencies:
    """Frequencies of one allele of each variant, in the order of the panel.

    path : of the file
    id : (n_variants,) object
    frequency : (n_variants,), nan where it is unknown
    """

    path: Path
    id: NDArray
    frequency: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.id)


def frequency_chromosomes(prefix: Path) -> list[str]:
    """The chromosomes for which there is a `.frq` file; `prefix` has `@`, or a dot at its end."""
    return chromosomes(prefix, ENDINGS)


def read_frequencies(prefix: Path, chromosome: str) -> Frequencies:
    """Frequencies from the file of one chromosome, or from one file for all.

    Parameters
    ----------
    prefix : path with or without the ending `.frq`

    Raises
    ------
    FileFormatError
        If a column is absent, or a value is no frequency.
    """
    path = of_chromosome(prefix, chromosome)
    if not path.is_file():
        path = next((one for ending in ENDINGS if (one := path.with_name(path.name + ending)).is_file()), path)
    with open_by_content(path) as stream:
        header = stream.readline().decode("utf-8", errors="replace").split()
    column = next((name for name in _COLUMNS if name in header), None)
    if column is None or "SNP" not in header:
        raise FileFormatError(
            f"{path}, line 1: the columns are {', '.join(header[:6]) or 'none'}; expected SNP, and MAF or FRQ. Make "
            "the file with `plink --freq`."
        )
    with open_by_content(path) as stream:
        table = pd.read_csv(
            stream,
            sep=r"\s+",
            usecols=["SNP", column],
            dtype=str,
            na_values={column: list(MISSING)},
            keep_default_na=False,
            quoting=csv.QUOTE_NONE,
        )
    frequency = number_column(path, table[column], column)
    wrong = np.flatnonzero((frequency < 0) | (frequency > 1))
    if len(wrong):
        raise FileFormatError(
            f"{path}, line {wrong[0] + 2}: {column} is {frequency[wrong[0]]:g}; a frequency lies between 0 and 1. "
            "Make the file again."
        )
    return Frequencies(path, table["SNP"].to_numpy(dtype=object), frequency)
