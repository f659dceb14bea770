"""How predicted effects agree with measured ones, such as those of a saturation mutagenesis."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import pearsonr, rankdata, spearmanr

from ambergen.effects.results import Effects
from ambergen.errors import FileFormatError
from ambergen.io.aliases import ContigAliases
from ambergen.io.compression import open_by_content
from ambergen.io.variant_table import find_column, missing_columns
from ambergen.seeds import generator

FEWEST = 3
BLOCK = 20
"""Bases that are drawn together: a motif is about as long, and its bases have effects in common."""
FEWEST_BLOCKS = 10
_KEY = ["chrom", "pos", "ref", "alt"]


def read_measured(
    path: Path,
    column: str,
    by: str | None = None,
    where: Mapping[str, str] | None = None,
    at_least: Mapping[str, float] | None = None,
) -> pd.DataFrame:
    """Measured effects from a table with a header, columns separated by tabs.

    Parameters
    ----------
    column : the measured effect, alternate minus reference
    by : a column whose values are looked at one by one, such as the element or the experiment
    where : by column the value that rows must have
    at_least : by column the least number that rows must have, such as barcodes

    Returns
    -------
    DataFrame
        chrom, pos (from 1), ref, alt, measured and group; rows without a number are left out.

    Raises
    ------
    FileFormatError
        If the file cannot be read, lacks a column, or has something else than numbers in one.
    """
    with open_by_content(path) as stream:
        try:
            table = pd.read_csv(stream, sep="\t", dtype=str, keep_default_na=False)
        except ValueError as error:  # pandas' own errors, and letters that are not UTF-8
            raise FileFormatError(
                f"{path}: cannot be read as a table ({str(error)[:100].strip()}). Expected text in UTF-8, columns "
                "separated by tabs under a header; export it as such."
            ) from error
    names = [str(name) for name in table.columns]
    asked = (column, by, *(where or {}), *(at_least or {}))
    missing = [*missing_columns(names), *(name for name in asked if name is not None and name not in names)]
    if missing:
        raise FileFormatError(
            f"{path}: has the columns {', '.join(names)}; {missing[0]} is missing. Expected chrom, pos, ref, alt and "
            "the measured effect; name its column with --measured-column."
        )
    table = _chosen(path, table, where or {}, at_least or {})
    places = [find_column(names, name) for name in _KEY]
    found = table.iloc[:, [place for place in places if place is not None]].set_axis(_KEY, axis=1)
    found["ref"], found["alt"] = found["ref"].str.upper(), found["alt"].str.upper()
    found["group"] = table[by] if by is not None else "all"
    for name, values in (("pos", found["pos"]), ("measured", table[column])):
        blank = values.str.strip().str.lower().isin(["", "na", "nan", "."])
        numbers = pd.to_numeric(values.where(~blank), errors="coerce")
        unread = numbers.isna() if name == "measured" else numbers.isna() | (numbers % 1 != 0)
        wrong = np.flatnonzero(unread & ~blank)
        if len(wrong):
            kind = "number" if name == "measured" else "whole number"
            raise FileFormatError(
                f"{path}, row {values.index[wrong[0]] + 1}: {name} is {values.iloc[wrong[0]]!r}; expected a {kind}, or "
                "NA. Correct it."
            )
        found[name] = numbers
    return found.dropna(subset=["pos", "measured"]).astype({"pos": np.int64}).reset_index(drop=True)


def _chosen(path: Path, table: pd.DataFrame, where: Mapping[str, str], at_least: Mapping[str, float]) -> pd.DataFrame:
    kept = np.ones(len(table), dtype=bool)
    for name, value in where.items():
        kept &= (table[name].str.strip() == value).to_numpy()
    for name, least in at_least.items():
        kept &= (pd.to_numeric(table[name], errors="coerce") >= least).to_numpy()
    if not kept.any():
        asked = [f"{name} = {value}" for name, value in where.items()] + [f"{n} >= {x:g}" for n, x in at_least.items()]
        raise FileFormatError(
            f"{path}: no row has {' and '.join(asked) or 'anything'}; expected some. Name values that the columns hold."
        )
    return table[kept]


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
        absolute values; of each ``_low`` and ``_high``, see `correlation_intervals`. nan where fewer than three
        variants have both, or all have the same effect.
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
            one = predicted[:, column]
            found = _correlations(one, values)
            found |= correlation_intervals(one, values, of_group["chrom"].to_numpy(str), of_group["pos"].to_numpy())
            rows.append({"group": group, "track": track, "measured": len(part), "n": len(values), **found})
    return pd.DataFrame(rows)


def _correlations(predicted: np.ndarray, measured: np.ndarray) -> dict[str, float]:
    found = {}
    for suffix, x, y in (("", predicted, measured), ("_abs", np.abs(predicted), np.abs(measured))):
        varies = len(x) >= FEWEST and np.ptp(x) > 0 and np.ptp(y) > 0
        found[f"pearson{suffix}"] = float(pearsonr(x, y).statistic) if varies else np.nan
        found[f"spearman{suffix}"] = float(spearmanr(x, y).statistic) if varies else np.nan
    return found


def correlation_intervals(
    predicted: NDArray[np.float64],
    measured: NDArray[np.float64],
    chrom: NDArray[np.str_],
    pos: NDArray[np.int64],
    resamples: int = 1000,
    seed: int = 0,
) -> dict[str, float]:
    """95 % intervals of the correlations, by drawing blocks of `BLOCK` bases with replacement.

    The alleles of a base, and the bases of a motif, are not independent measurements. Ranks are those of all variants.

    Parameters
    ----------
    predicted, measured, chrom, pos : (n_variants,)

    Returns
    -------
    dict
        ``pearson_low``, ``pearson_high``, ``spearman_abs_low`` …; nan with fewer than ten blocks, or where one of the
        two does not vary.
    """
    keys = np.char.add(np.char.add(chrom.astype(str), ":"), (np.asarray(pos) // BLOCK).astype(str))
    names, block = np.unique(keys, return_inverse=True) if len(keys) else (keys, np.empty(0, np.int64))
    enough = len(names) >= FEWEST_BLOCKS and np.ptp(predicted) > 0 and np.ptp(measured) > 0
    rng = generator(seed, "measured", "blocks")
    drawn = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), resamples) if enough else None
    found: dict[str, float] = {}
    for suffix, x, y in (("", predicted, measured), ("_abs", np.abs(predicted), np.abs(measured))):
        for name, a, b in ((f"pearson{suffix}", x, y), (f"spearman{suffix}", rankdata(x), rankdata(y))):
            low, high = np.nan, np.nan
            if drawn is not None:
                values = _weighted_correlations(drawn[:, block].astype(np.float64), a, b)
                low, high = np.nanquantile(values, [0.025, 0.975])
            found |= {f"{name}_low": float(low), f"{name}_high": float(high)}
    return found


def _weighted_correlations(
    weights: NDArray[np.float64], x: NDArray[np.float64], y: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Pearson's correlation under each row of weights, (n_resamples,); nan where one of the two does not vary."""
    x, y, total = x - x.mean(), y - y.mean(), weights.sum(axis=1)
    mean_x, mean_y = weights @ x / total, weights @ y / total
    covariance = weights @ (x * y) / total - mean_x * mean_y
    variances = (weights @ (x * x) / total - mean_x**2) * (weights @ (y * y) / total - mean_y**2)
    return np.divide(covariance, np.sqrt(variances), out=np.full(len(total), np.nan), where=variances > 1e-18)
