"""How predicted effects agree with measured ones, such as those of a saturation mutagenesis."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import pearsonr, spearmanr

from ambergen.effects.results import Effects
from ambergen.errors import FileFormatError
from ambergen.io.aliases import ContigAliases
from ambergen.io.variant_table import find_column, missing_columns

FEWEST = 3
_KEY = ["chrom", "pos", "ref", "alt"]


def read_measured(path: Path, column: str, by: str | None = None) -> pd.DataFrame:
    """Measured effects from a table with a header, columns separated by tabs.

    Parameters
    ----------
    column : the measured effect, alternate minus reference
    by : a column whose values are looked at one by one, such as the element or the experiment

    Returns
    -------
    DataFrame
        chrom, pos (from 1), ref, alt, measured and group; rows without a number are left out.

    Raises
    ------
    FileFormatError
        If the file cannot be read, lacks a column, or has something else than numbers in one.
    """
    try:
        table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
    except (OSError, ValueError, EOFError) as error:
        raise FileFormatError(
            f"{path}: cannot be read as a table ({str(error)[:100]}). Expected columns separated by tabs, with a "
            "header."
        ) from error
    names = [str(name) for name in table.columns]
    missing = [*missing_columns(names), *(name for name in (column, by) if name is not None and name not in names)]
    if missing:
        raise FileFormatError(
            f"{path}: has the columns {', '.join(names)}; {missing[0]} is missing. Expected chrom, pos, ref, alt and "
            "the measured effect; name its column with --measured-column."
        )
    places = [find_column(names, name) for name in _KEY]
    found = table.iloc[:, [place for place in places if place is not None]].set_axis(_KEY, axis=1)
    found["ref"], found["alt"] = found["ref"].str.upper(), found["alt"].str.upper()
    found["group"] = table[by] if by is not None else "all"
    for name, values in (("pos", found["pos"]), ("measured", table[column])):
        blank = values.str.strip().str.lower().isin(["", "na", "nan", "."])
        numbers = pd.to_numeric(values.where(~blank), errors="coerce")
        wrong = np.flatnonzero(numbers.isna() & ~blank)
        if len(wrong):
            raise FileFormatError(
                f"{path}, row {wrong[0] + 1}: {name} is {values.iloc[wrong[0]]!r}; expected a number, or NA. "
                "Correct it."
            )
        found[name] = numbers
    return found.dropna(subset=["pos", "measured"]).astype({"pos": np.int64}).reset_index(drop=True)


def agreement(effects: Effects, measured: pd.DataFrame, score: str, aliases: ContigAliases) -> pd.DataFrame:
    """Correlations of predicted with measured effects, with their signs and of their sizes.

    Parameters
    ----------
    measured : as `read_measured` gives it
    score : the predicted one
    aliases : of the genome, as both may name contigs otherwise

    Returns
    -------
    DataFrame
        A row a group and track: n, the variants that have both; pearson, spearman; pearson_abs, spearman_abs of the
        absolute values. nan where fewer than three variants have both, or all have the same effect.
    """
    chosen = (effects.variants["status"] == "ok").to_numpy()
    own = effects.variants.loc[chosen, _KEY].reset_index(drop=True)
    own["ref"], own["alt"] = own["ref"].str.upper(), own["alt"].str.upper()
    own["row"] = np.flatnonzero(chosen)
    for table in (own, measured := measured.copy()):
        table["chrom"] = [aliases.resolve(str(name)) or str(name) for name in table["chrom"]]
    both = measured.merge(own, on=_KEY, how="inner")
    rows = []
    for group, part in measured.groupby("group", sort=False):
        of_group = both[both["group"] == group]
        predicted = getattr(effects, score)[of_group["row"].to_numpy()].astype(np.float64)
        values = of_group["measured"].to_numpy(np.float64)
        for column, track in enumerate(effects.tracks):
            found = _correlations(predicted[:, column], values)
            rows.append({"group": group, "track": track, "measured": len(part), "n": len(values), **found})
    return pd.DataFrame(rows)


def _correlations(predicted: np.ndarray, measured: np.ndarray) -> dict[str, float]:
    found = {}
    for suffix, x, y in (("", predicted, measured), ("_abs", np.abs(predicted), np.abs(measured))):
        varies = len(x) >= FEWEST and np.ptp(x) > 0 and np.ptp(y) > 0
        found[f"pearson{suffix}"] = float(pearsonr(x, y).statistic) if varies else np.nan
        found[f"spearman{suffix}"] = float(spearmanr(x, y).statistic) if varies else np.nan
    return found
