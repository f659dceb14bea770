"""How well scorers foretell allele-specific binding: all figures of all scorers, on the same sites."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from ambergen.errors import InputError
from ambergen.io.allele_counts import SCORE
from ambergen.metrics.proportions import wilson
from ambergen.seeds import generator
from ambergen.validation.asb.calls import VARIANT, Calls
from ambergen.validation.asb.measures import (
    MARGINS,
    SHARES,
    accuracy,
    area,
    by_coverage,
    by_margin,
    likelihood_fit,
    spearman,
)
from ambergen.validation.asb.pairs import Sites, compare_pairs, fisher_p
from ambergen.validation.asb.resampling import Draws, draw_blocks, percentiles, resampled_auroc, resampled_mean

CONVENTION = (
    "Scores are alternate minus reference, so a positive score prefers the alternate allele. The allelic effect is "
    "log2((alternate reads + 1) / (reference reads + 1)). Loss: the reference allele is preferred (+1 in AMBER's "
    "labels); gain: the alternate allele (-1)."
)
SHARED, OWN = "shared", "own"


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What came of scorers on called sites.

    scorers : their names; the first is the one that the others are compared with
    figures : one row a scorer, subset ("all", "held_out") and set of rows ("shared": sites that all scorers scored;
        "own": all that this one did)
    tracks : one row a scorer and track, on shared rows; empty where calls have a single track
    pairs : one row a scorer against the first; see `ambergen.validation.asb.pairs.Pair`
    coverage : accuracy at the same share of sites, one row a scorer and share
    margins : accuracy by margin, one row a scorer and margin; empty without differences of probabilities
    sites : the calls' table with a column ``<name>_score`` a scorer, ``held_out`` where it is known, and ``block``
    warnings : what a reader must know
    """

    scorers: tuple[str, ...]
    figures: pd.DataFrame
    tracks: pd.DataFrame
    pairs: pd.DataFrame
    coverage: pd.DataFrame
    margins: pd.DataFrame
    sites: pd.DataFrame
    warnings: tuple[str, ...]


def evaluate(
    calls: Calls,
    scores: Mapping[str, ArrayLike] | None = None,
    differences: Mapping[str, ArrayLike] | None = None,
    held_out: ArrayLike | None = None,
    seed: int = 0,
    resamples: int = 2000,
    min_class: int = 20,
) -> Evaluation:
    """Measure scorers on called sites.

    Parameters
    ----------
    calls : see `ambergen.validation.asb.calls.call`
    scores : a scorer's (n_sites,) scores, alternate minus reference, in the order of ``calls.table``; nan where missing
        None: the columns ``<name>_score`` of the table. The first scorer is the one that others are compared with.
    differences : a scorer's (n_sites,) differences of probabilities, for the accuracy by margin
    held_out : (n_sites,) of bool, whether the site lies outside what the scorers were trained on; None: not known
    seed : of the cluster bootstrap
    resamples : of the cluster bootstrap
    min_class : sites of either class that a track needs to have an AUROC

    Returns
    -------
    Evaluation

    Raises
    ------
    InputError
        If there is no scorer, or a length differs.
    """
    table = calls.table
    given = _scores(table, scores)
    outside = _held_out(table, held_out)
    warnings = list(calls.warnings)
    shared = np.all([~np.isnan(values) for values in given.values()], axis=0) & (table["status"] == "ok").to_numpy()
    subsets = {"all": np.ones(len(table), dtype=bool)}
    if outside is not None:
        subsets["held_out"] = outside
        seen = int((~outside & shared).sum())
        if seen:
            warnings.append(
                f"{seen:,} of {int(shared.sum()):,} sites lie where a scorer was trained; the rows `held_out` leave "
                "them out."
            )
    if not shared.any():
        warnings.append("No site was scored by all scorers, so they cannot be compared.")
    elif (table["label"][shared] == "gain").sum() < min_class or (table["label"][shared] == "loss").sum() < min_class:
        warnings.append(
            f"Fewer than {min_class} sites that all scorers scored prefer one of the alleles: AUROCs are uncertain."
        )
    drawn = _Drawn(table, seed, resamples, not calls.repeated)
    figures = [
        _figures(name, subset, kind, table, values, rows & inside, calls.rho, drawn)
        for subset, inside in subsets.items()
        for kind in (SHARED, OWN)
        for name, values in given.items()
        for rows in [shared if kind == SHARED else ~np.isnan(values) & (table["status"] == "ok").to_numpy()]
    ]
    by_track = _by_track(table, given, shared, calls.fdr_within, min_class)
    directed = np.flatnonzero(shared & table["label"].isin(["gain", "loss"]).to_numpy())
    gain = (table["label"].to_numpy()[directed] == "gain").astype(bool)
    chosen = {name: values[directed] for name, values in given.items()}
    independent = not table.iloc[directed].duplicated(list(VARIANT)).any()
    draws = drawn.of(directed)
    if not independent:
        warnings.append(
            "Some variants have several rows, so tests that take rows as independent (DeLong, McNemar, Wilson) are "
            "left out; intervals come from drawing blocks of the genome, with all rows of a variant in one."
        )
    return Evaluation(
        tuple(given),
        pd.DataFrame(figures),
        by_track,
        compare_pairs(chosen, Sites(gain, draws, independent), by_track),
        _coverage(chosen, gain),
        _margins(table, given, differences, shared),
        _with_scores(table, given, outside, drawn.draws.block),
        tuple(warnings),
    )


def _scores(table: pd.DataFrame, scores: Mapping[str, ArrayLike] | None) -> dict[str, NDArray[np.float64]]:
    if scores is None:
        columns = [c for c in table.columns if c.endswith(SCORE)]
        scores = {c.removesuffix(SCORE): table[c] for c in columns}
    if not scores:
        raise InputError(
            "evaluate: there is no scorer; expected scores of the sites, or columns <name>_score in the table of "
            "counts. Give either."
        )
    found = {}
    for name, values in scores.items():
        array = np.array(values, dtype=np.float64)
        if array.shape != (len(table),):
            raise InputError(
                f"evaluate: the scores of {name} have the shape {array.shape}, the calls {len(table)} rows; expected "
                "one score a row, nan where there is none."
            )
        found[name] = np.where(np.isfinite(array), array, np.nan)
    return found


def _held_out(table: pd.DataFrame, held_out: ArrayLike | None) -> NDArray[np.bool_] | None:
    if held_out is None:
        return None
    array = np.asarray(held_out)
    if array.shape != (len(table),) or array.dtype != bool:
        raise InputError(
            f"evaluate: held_out is {array.dtype} of shape {array.shape}; expected bool, one for each of {len(table)} "
            "rows of the calls."
        )
    return array


class _Drawn:
    """Blocks of all sites, drawn once for subsets of the same sites."""

    def __init__(self, table: pd.DataFrame, seed: int, resamples: int, independent: bool) -> None:
        self._table, self._seed, self._resamples = table, seed, resamples
        self.independent = independent
        self.draws = draw_blocks(table["chrom"], table["pos"], generator(seed, "asb", "blocks"), 0)

    def of(self, rows: NDArray[np.int64]) -> Draws:
        """Draws of the blocks that `rows` lie in."""
        part = self._table.iloc[rows]
        return draw_blocks(part["chrom"], part["pos"], generator(self._seed, "asb", "bootstrap"), self._resamples)


def _figures(
    name: str,
    subset: str,
    kind: str,
    table: pd.DataFrame,
    scores: NDArray[np.float64],
    rows: NDArray[np.bool_],
    rho: float,
    drawn: _Drawn,
) -> dict[str, Any]:
    ok = (table["status"] == "ok").to_numpy()
    label = table["label"].to_numpy(object)
    directed = np.flatnonzero(rows & ((label == "gain") | (label == "loss")))
    gain, s = (label[directed] == "gain").astype(bool), scores[directed]
    draws = drawn.of(directed)
    direction, precision = area(s, gain)
    spread = percentiles(direction, resampled_auroc(draws, s, gain) if len(s) else np.empty(0), draws)
    signs = accuracy(s, gain)
    right = (np.sign(s) == np.where(gain, 1, -1)).astype(np.float64)
    unique = drawn.independent or not table.iloc[directed].duplicated(list(VARIANT)).any()
    if unique:
        share = wilson(signs.right, signs.n)
    else:
        share = percentiles(signs.ties_wrong, resampled_mean(draws, right), draws)
    fit = likelihood_fit(scores[rows], table["ref_reads"][rows], table["alt_reads"][rows], rho)
    return {
        "scorer": name,
        "subset": subset,
        "rows": kind,
        "n_scored": int(rows.sum()),
        "coverage": float(rows.sum() / ok.sum()) if ok.any() else np.nan,
        "n_gain": int(gain.sum()),
        "n_loss": int((~gain).sum()),
        "n_background": int((label[rows] == "background").sum()),
        "direction_auroc": direction,
        "direction_low": spread.low,
        "direction_high": spread.high,
        "direction_average_precision": precision,
        "loss_auroc": _against_background(scores, label, rows, "loss"),
        "gain_auroc": _against_background(scores, label, rows, "gain"),
        "accuracy": signs.ties_wrong,
        "accuracy_low": share.low,
        "accuracy_high": share.high,
        "accuracy_interval": "Wilson" if unique else "cluster bootstrap",
        "accuracy_ties_half": signs.ties_half,
        "n_ties": int(signs.ties),
        "spearman": spearman(scores[rows], table["effect"][rows]),
        "slope": fit.slope,
        "log_likelihood_gain": fit.gain,
        "likelihood_p": fit.p if unique else np.nan,
    }


def _against_background(
    scores: NDArray[np.float64], label: NDArray, rows: NDArray[np.bool_], wanted: str, min_class: int = 1
) -> float:
    """AUROC of losses against background by the negative score, or of gains by the score."""
    chosen = rows & ((label == wanted) | (label == "background"))
    positive = (label[chosen] == wanted).astype(bool)
    if min(int(positive.sum()), int((~positive).sum())) < min_class:
        return np.nan
    return area(scores[chosen] if wanted == "gain" else -scores[chosen], positive)[0]


def _by_track(
    table: pd.DataFrame, scores: dict[str, NDArray[np.float64]], shared: NDArray[np.bool_], family: str, min_class: int
) -> pd.DataFrame:
    if not family or table[family].nunique() < 2:
        return pd.DataFrame()
    label = table["label"].to_numpy(object)
    rows = []
    for track in dict.fromkeys(table[family]):
        inside = shared & (table[family] == track).to_numpy()
        directed = inside & ((label == "gain") | (label == "loss"))
        gain = (label[directed] == "gain").astype(bool)
        enough = min(int(gain.sum()), int((~gain).sum())) >= min_class
        for name, values in scores.items():
            signs = accuracy(values[directed], gain)
            rows.append(
                {
                    "scorer": name,
                    "track": track,
                    "n_gain": int(gain.sum()),
                    "n_loss": int((~gain).sum()),
                    "n_background": int((label[inside] == "background").sum()),
                    "direction_auroc": area(values[directed], gain)[0] if enough else np.nan,
                    "loss_auroc": _against_background(values, label, inside, "loss", min_class),
                    "gain_auroc": _against_background(values, label, inside, "gain", min_class),
                    "accuracy": signs.ties_wrong,
                    "accuracy_ties_half": signs.ties_half,
                }
            )
    return pd.DataFrame(rows)


def _coverage(scores: dict[str, NDArray[np.float64]], gain: NDArray[np.bool_]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "scorer": name,
                "percent": percent,
                "n": found.n,
                "accuracy": found.ties_wrong,
                "accuracy_ties_half": found.ties_half,
            }
            for name, values in scores.items()
            for percent, found in zip(SHARES, by_coverage(values, gain), strict=False)
        ]
    )


def _margins(
    table: pd.DataFrame,
    scores: dict[str, NDArray[np.float64]],
    differences: Mapping[str, ArrayLike] | None,
    shared: NDArray[np.bool_],
) -> pd.DataFrame:
    """Only scorers with probabilities: margins in other units mean something else."""
    given = {
        name: np.asarray(values, dtype=np.float64) for name, values in (differences or {}).items() if name in scores
    }
    chosen = shared & table["direction"].isin(["gain", "loss"]).to_numpy()
    for values in given.values():
        chosen = chosen & ~np.isnan(values)
    gain = (table["direction"].to_numpy(object)[chosen] == "gain").astype(bool)
    found = {name: by_margin(values[chosen], gain) for name, values in given.items()}
    rows = []
    for name, accuracies in found.items():
        for at, (margin, one) in enumerate(zip(MARGINS, accuracies, strict=True)):
            share = wilson(one.right, one.n)
            first = next(iter(found.values()))[at]
            rows.append(
                {
                    "scorer": name,
                    "margin": margin,
                    "n": one.n,
                    "right": int(one.right),
                    "accuracy": share.estimate,
                    "low": share.low,
                    "high": share.high,
                    "fisher_p": np.nan if name == next(iter(found)) else fisher_p(first, one),
                }
            )
    return pd.DataFrame(rows)


def _with_scores(
    table: pd.DataFrame,
    scores: dict[str, NDArray[np.float64]],
    held_out: NDArray[np.bool_] | None,
    block: NDArray[np.int64],
) -> pd.DataFrame:
    added: dict[str, Any] = {f"{name}{SCORE}": values for name, values in scores.items()}
    if held_out is not None:
        added["held_out"] = held_out
    return table.assign(**added, block=block)
