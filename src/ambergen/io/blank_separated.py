"""Tables with a header and columns separated by blanks or tabs, as in files of LDSC and PLINK."""

from __future__ import annotations

import csv
import warnings
from collections.abc import Mapping
from io import BytesIO

import pandas as pd


def read_table(text: bytes, kinds: Mapping[str, type], has_header: bool = True) -> pd.DataFrame:
    """All columns of a table; no word stands for a missing value.

    Parameters
    ----------
    kinds : name of each column, in order -> type of its cells

    Raises
    ------
    ValueError
        If a cell is not of its column's kind; for floats, words such as NA give that too.
    pandas.errors.ParserError, pandas.errors.ParserWarning
        If a line has more columns than there are names. A line with fewer has empty text there, or is a ValueError.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error", pd.errors.ParserWarning)
        return pd.read_csv(
            BytesIO(text),
            sep=r"\s+",
            header=0 if has_header else None,
            names=list(kinds),
            index_col=False,
            dtype=dict(kinds),
            keep_default_na=False,
            quoting=csv.QUOTE_NONE,
            skip_blank_lines=False,
            encoding_errors="replace",
        )
