"""The tables of many tracks and traits: their columns, and the files of a folder that hold them.

This file is what makes such a folder readable for figures and pages. A folder has `tracks`, `quintiles` and, where
there are two arms, `comparison`, each as `.tsv` for people (nine digits, NA) and as `.parquet` with all digits; and
`heritability.json` with the inputs, settings, counts and sentences.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ambergen.atomic import write_bytes, write_text
from ambergen.errors import FileFormatError

TRACKS = {
    "arm": str,  # a group of models: searched, sampled, or `model` where no arms were named
    "model": str,  # one architecture
    "trait": str,
    "track": str,
    "status": str,  # ok, constant (the annotation does not vary: nothing was fitted) or failed
    "reason": str,  # empty where the status is ok
    "n_snps": np.int64,  # variants in the regression; 0 where there was none
    "prop_snps": np.float64,  # the annotation's sum over the number of common variants
    "h2": np.float64,  # of the trait on the observed scale, in this regression
    "h2_se": np.float64,
    "prop_h2": np.float64,  # with regard to overlap, as all that follows
    "prop_h2_se": np.float64,
    "enrichment": np.float64,
    "enrichment_se": np.float64,
    "enrichment_p": np.float64,
    "coefficient": np.float64,
    "coefficient_se": np.float64,
    "coefficient_z": np.float64,
    "coefficient_p": np.float64,
    "tau_star": np.float64,
    "tau_star_se": np.float64,
    "tau_star_p": np.float64,  # that of the coefficient
    "q": np.float64,  # of tau_star_p: Benjamini and Hochberg over all traits, models and tracks of the arm
    "enrichment_q": np.float64,  # of enrichment_p, in the same family
    "intercept": np.float64,
    "intercept_se": np.float64,
}
"""`tracks`: one row an arm, model, trait and track."""

QUINTILES = {
    "arm": str,
    "model": str,
    "trait": str,
    "track": str,
    "quintile": str,  # `zero` (variants that the model left at 0, where there are any), then 1 (lowest) to 5
    "prop_h2": np.float64,
    "prop_h2_se": np.float64,
    "enrichment": np.float64,
    "enrichment_se": np.float64,
    "prop_snps": np.float64,
    "enrichment_p": np.float64,  # of a variant in the bin against all others
}
"""`quintiles`: one row a bin of the common variants by a continuous annotation; none for annotations with ties."""

COMPARISON = {
    "trait": str,  # `all`: over the traits
    "measure": str,  # log_enrichment, enrichment or tau_star
    "n_tracks": np.int64,  # pairs that count
    "n_searched": np.int64,  # architectures
    "n_sampled": np.int64,
    "searched": np.float64,  # mean over tracks; each track the mean of the arm's architectures
    "sampled": np.float64,
    "difference": np.float64,  # searched minus sampled: as the test takes it, see `test`
    "low": np.float64,  # 95 %; nan where the test gives no interval
    "high": np.float64,
    "p": np.float64,
    "q": np.float64,  # Benjamini and Hochberg over the traits; nan for `all`
    "test": str,
    "view": str,  # `all` tracks, or `selected`: those in which an arm is significantly above
    "n_dropped": np.int64,  # tracks without a value in both arms, as where an enrichment is not above 0
}
"""`comparison`: one row a trait, measure, view and test.

test is ``jackknife`` (mean difference over tracks, error from paired delete values: the trait's own noise),
``wilcoxon_tracks`` (median difference over tracks; descriptive, tracks are correlated), ``mann_whitney_architectures``
(Hodges-Lehmann difference of the architectures' means: what a claim about searching needs; absent with one architecture
in an arm), and for the trait `all` ``random_effects`` (of the differences with jackknife errors) and
``mann_whitney_architectures``.
"""

TABLES: dict[str, Mapping[str, type]] = {"tracks": TRACKS, "quintiles": QUINTILES, "comparison": COMPARISON}
SUMMARY = "heritability.json"
OK, CONSTANT, FAILED = "ok", "constant", "failed"
ALL_TRAITS = "all"


def frame_of(name: str, rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Rows as the table `name`: its columns in their order and kinds; a number that is absent or None is nan."""
    columns = TABLES[name]
    frame = pd.DataFrame(list(rows), columns=list(columns))
    for column, kind in columns.items():
        if kind is str:
            frame[column] = frame[column].astype(object).fillna("")
        else:
            frame[column] = pd.to_numeric(frame[column])
    return _typed(name, frame)


def _typed(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    kinds = {column: object if kind is str else kind for column, kind in TABLES[name].items()}
    return frame[list(kinds)].astype(kinds)


def write_table(folder: Path, name: str, frame: pd.DataFrame) -> None:
    """`name.tsv` and `name.parquet`, each whole or not at all."""
    write_text(folder / f"{name}.tsv", frame.to_csv(sep="\t", index=False, float_format="%.9g", na_rep="NA"))
    content = BytesIO()
    frame.to_parquet(content, index=False)
    write_bytes(folder / f"{name}.parquet", content.getvalue())


def remove_table(folder: Path, name: str) -> None:
    """Both files of the table, if they are there."""
    for ending in ("tsv", "parquet"):
        (folder / f"{name}.{ending}").unlink(missing_ok=True)


def read_table(folder: Path, name: str) -> pd.DataFrame:
    """The table `name` of a folder, with all digits.

    Raises
    ------
    FileFormatError
        If it is absent or no such table.
    """
    path = folder / f"{name}.parquet"
    if not path.is_file():
        raise FileFormatError(
            f"{path}: there is no such file; expected a folder that `ambergen heritability tracks` has written. Give "
            "that folder, or run the command to its end."
        )
    try:
        frame = pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise FileFormatError(f"{path}: is no Parquet file ({error}). Make the folder's tables again.") from error
    absent = [column for column in TABLES[name] if column not in frame]
    if absent:
        raise FileFormatError(
            f"{path}: has no column {absent[0]}; expected {', '.join(TABLES[name])}. Make the tables again with this "
            "version."
        )
    return _typed(name, frame)
