"""Summary statistics of an association study in the form of LDSC: `.sumstats` with SNP, A1, A2, N and Z."""

from __future__ import annotations

import csv
import gzip
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ambergen.errors import FileFormatError
from ambergen.io.compression import open_by_content

MISSING = ("", "NA", "N/A", "nan", "NaN", "NAN", "None", "NULL", ".")
_COLUMNS = ("SNP", "Z", "N")


@dataclass(frozen=True, eq=False)
class SummaryStatistics:
    """Statistics of the variants of one study, each id once.

    id : (n_variants,) object
    z : (n_variants,), of the first allele; only its square counts where heritability is asked for
    n : (n_variants,), individuals
    first_allele, second_allele : (n_variants,) object, or None in a table without alleles
    """

    id: NDArray
    z: NDArray[np.float64]
    n: NDArray[np.float64]
    first_allele: NDArray | None
    second_allele: NDArray | None

    def __len__(self) -> int:
        return len(self.id)

    @property
    def chi2(self) -> NDArray[np.float64]:
        """(n_variants,)"""
        return self.z**2


@dataclass(frozen=True)
class ReadSummary:
    """What reading left out: rows without Z or N (LDSC writes them for variants of a list), and later copies."""

    n_rows: int
    n_incomplete: int
    n_duplicates: int


def read_summary_statistics(path: Path) -> tuple[SummaryStatistics, ReadSummary]:
    """A `.sumstats` file, plain or gzip, as LDSC or `ambergen heritability munge` writes it.

    Raises
    ------
    FileFormatError
        If a column is absent, a value is no number, or N is not positive.
    """
    with open_by_content(path) as stream:
        text = stream.read()
    header = text.split(b"\n", 1)[0].decode("utf-8", errors="replace").split()
    absent = [name for name in _COLUMNS if name not in header]
    if absent or len(set(header)) < len(header):
        raise FileFormatError(
            f"{path}, line 1: the columns are {', '.join(header[:8]) or 'none'}; expected SNP, Z and N, each once, and "
            "perhaps A1 and A2. Make such a file from a table of results with `ambergen heritability munge`."
        )
    wanted = [name for name in (*_COLUMNS, "A1", "A2") if name in header]
    try:
        table = pd.read_csv(
            BytesIO(text),
            # LDSC leaves cells empty, which only tabs keep apart.
            sep="\t" if b"\t" in text[: text.find(b"\n")] else r"\s+",
            usecols=wanted,
            dtype=str,
            na_values=list(MISSING),
            keep_default_na=False,
            quoting=csv.QUOTE_NONE,
        )
    except (ValueError, pd.errors.ParserError) as error:
        raise FileFormatError(
            f"{path}: a line is no row of statistics ({str(error).strip()}); expected {len(header)} columns. Make the "
            "file again."
        ) from error
    z, n = (number_column(path, table[name], name) for name in ("Z", "N"))
    complete = np.isfinite(z) & np.isfinite(n) & table["SNP"].notna().to_numpy()
    wrong = np.flatnonzero(n <= 0)
    if len(wrong):
        raise not_positive(path, int(wrong[0]) + 2, float(n[wrong[0]]))
    if not complete.any():
        raise FileFormatError(f"{path}: no row has SNP, Z and N; expected at least one. Make the file again.")
    kept = np.flatnonzero(complete)
    ids = table["SNP"].to_numpy(dtype=object)
    kept = kept[~pd.Series(ids[kept]).duplicated().to_numpy()]
    alleles = [table[name].to_numpy(dtype=object)[kept] if name in table else None for name in ("A1", "A2")]
    statistics = SummaryStatistics(ids[kept], z[kept], n[kept], alleles[0], alleles[1])
    n_complete = int(complete.sum())
    return statistics, ReadSummary(len(table), len(table) - n_complete, n_complete - len(kept))


def number_column(path: Path, cells: pd.Series, name: str, first_line: int = 2) -> NDArray[np.float64]:
    """Numbers of a column of text, nan where a cell is missing.

    Raises
    ------
    FileFormatError
        At the first cell that is neither a number nor missing.
    """
    numbers = pd.to_numeric(cells, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    wrong = np.flatnonzero(np.isnan(numbers) & cells.notna().to_numpy())
    if len(wrong):
        raise FileFormatError(
            f"{path}, line {first_line + wrong[0]}: {name} is {cells.iloc[wrong[0]]!r}; expected a number, or NA. "
            "Correct the cell, or look whether the columns are separated as in the header."
        )
    infinite = np.flatnonzero(np.isinf(numbers))
    if len(infinite):
        raise FileFormatError(
            f"{path}, line {first_line + infinite[0]}: {name} is {cells.iloc[infinite[0]]!r}; expected a finite "
            "number, or NA. Correct the cell."
        )
    return numbers


def not_positive(path: Path, line: int, n: float) -> FileFormatError:
    """The error of a sample size that is none."""
    return FileFormatError(
        f"{path}, line {line}: N is {n:g}; expected a positive number of individuals, or NA. Correct the column, or "
        "give one N for all variants to `ambergen heritability munge` with --n."
    )


def packed_statistics(statistics: SummaryStatistics) -> bytes:
    """The content of a `.sumstats.gz` file; the same for the same statistics."""
    columns = {"SNP": statistics.id}
    if statistics.first_allele is not None and statistics.second_allele is not None:
        columns |= {"A1": statistics.first_allele, "A2": statistics.second_allele}
    table = pd.DataFrame({**columns, "N": statistics.n, "Z": statistics.z})
    text = BytesIO()
    table.to_csv(text, sep="\t", index=False, float_format="%.9g")
    return gzip.compress(text.getvalue(), compresslevel=6, mtime=0)
