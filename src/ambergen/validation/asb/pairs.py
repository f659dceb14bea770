"""Is one scorer better than another on the same sites? Paired statistics, corrected for the number of scorers."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import fisher_exact

from ambergen.metrics.auroc_difference import delong
from ambergen.metrics.comparison import holm, paired_wilcoxon
from ambergen.metrics.proportions import mcnemar
from ambergen.validation.asb.measures import Accuracy
from ambergen.validation.asb.resampling import Draws, difference_p, percentiles, resampled_auroc

# The tests whose p-values are corrected, each within its own family of scorers.
TESTED = ("delong_p", "bootstrap_p", "mcnemar_p", "wilcoxon_p", "wilcoxon_loss_p", "wilcoxon_gain_p")


@dataclass(frozen=True)
class Pair:
    """A scorer `b` against the scorer `a`, on sites that both scored and whose reads prefer an allele.

    difference, low, high : direction AUROC of b minus that of a, with the interval of the cluster bootstrap
    bootstrap_p : two-sided, of that bootstrap
    delong_p : nan where a variant has several rows, which the test takes for independent
    only_a, only_b, mcnemar_p : signs that one has right and the other wrong (a score of 0 is wrong); p likewise
    n_tracks, median_difference, wilcoxon_p : over tracks in which both have a direction AUROC, b minus a; descriptive
    wilcoxon_loss_p, wilcoxon_gain_p : likewise, of the AUROCs of loss and of gain against background
    """

    a: str
    b: str
    n: int
    difference: float
    low: float
    high: float
    bootstrap_p: float
    delong_p: float
    only_a: int
    only_b: int
    mcnemar_p: float
    n_tracks: int
    median_difference: float
    wilcoxon_p: float
    wilcoxon_loss_p: float
    wilcoxon_gain_p: float


@dataclass(frozen=True, eq=False)
class Sites:
    """Sites with a direction that every scorer scored.

    gain : (n,) of bool; draws : of their blocks; independent : whether every variant has one row
    """

    gain: NDArray[np.bool_]
    draws: Draws
    independent: bool

    @property
    def testable(self) -> bool:
        """Whether both classes have what DeLong's errors need."""
        return min(int(self.gain.sum()), int((~self.gain).sum())) > 1


def compare_pairs(scores: dict[str, NDArray[np.float64]], sites: Sites, tracks: pd.DataFrame) -> pd.DataFrame:
    """Every scorer against the first one.

    Parameters
    ----------
    scores : a scorer's (n,)
    tracks : rows scorer, track and the AUROCs; empty where there is a single track

    Returns
    -------
    One row a pair: the fields of `Pair`, and each p-value adjusted by Holm's method as ``…_adjusted``
    """
    names = list(scores)
    if len(names) < 2 or not sites.testable:
        return pd.DataFrame()
    resampled = {name: resampled_auroc(sites.draws, values, sites.gain) for name, values in scores.items()}
    rows = [_pair(names[0], b, scores, resampled, sites, tracks) for b in names[1:]]
    table = pd.DataFrame([asdict(row) for row in rows])
    for name in TESTED:
        adjusted = np.full(len(table), np.nan)
        known = table[name].notna().to_numpy()
        adjusted[known] = holm(table[name].to_numpy(np.float64)[known])
        table[f"{name}_adjusted"] = adjusted
    return table


def _pair(
    a: str,
    b: str,
    scores: dict[str, NDArray[np.float64]],
    resampled: dict[str, NDArray[np.float64]],
    sites: Sites,
    tracks: pd.DataFrame,
) -> Pair:
    test = delong(sites.gain, scores[b], scores[a])
    moved = resampled[b] - resampled[a]
    interval = percentiles(test.auroc_a - test.auroc_b, moved, sites.draws)
    right_a, right_b = (np.sign(scores[name]) == np.where(sites.gain, 1, -1) for name in (a, b))
    signs = mcnemar(right_a, right_b)
    over_tracks = {name: _over_tracks(tracks, a, b, name) for name in ("direction_auroc", "loss_auroc", "gain_auroc")}
    n_tracks, median, p = over_tracks["direction_auroc"]
    return Pair(
        a,
        b,
        len(sites.gain),
        interval.estimate,
        interval.low,
        interval.high,
        difference_p(moved, sites.draws),
        test.p if sites.independent else np.nan,
        signs.only_a,
        signs.only_b,
        signs.p if sites.independent else np.nan,
        n_tracks,
        median,
        p,
        over_tracks["loss_auroc"][2],
        over_tracks["gain_auroc"][2],
    )


def _over_tracks(tracks: pd.DataFrame, a: str, b: str, measure: str) -> tuple[int, float, float]:
    """Tracks in which both scorers have the measure, median of b - a, and p of the signed-rank test."""
    if tracks.empty:
        return 0, np.nan, np.nan
    wide = tracks.pivot(index="track", columns="scorer", values=measure)[[a, b]].dropna()
    if len(wide) < 2:
        return len(wide), np.nan, np.nan
    found = paired_wilcoxon(wide[b], wide[a])
    return found.n, found.median_difference, found.p


def fisher_p(a: Accuracy, b: Accuracy) -> float:
    """Fisher's exact test of two accuracies, of right and wrong against right and wrong; nan where either has no site.

    Two scorers whose differences pass one margin do so on different sites, so that their accuracies are compared as
    those of two groups; where the groups overlap the test is cautious.
    """
    if not a.n or not b.n:
        return np.nan
    cells = [[int(a.right), a.n - int(a.right)], [int(b.right), b.n - int(b.right)]]
    return float(fisher_exact(cells).pvalue)
