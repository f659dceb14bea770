"""How well the scores of one scorer foretell allelic imbalance. Scores are alternate minus reference throughout."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize
from scipy.special import betaln, digamma, expit, logit, xlog1py, xlogy
from scipy.stats import chi2, rankdata

from ambergen.metrics.ranking import ranking

# The published margins of the accuracy by margin, on differences of probabilities.
MARGINS = tuple(round(0.05 * step, 2) for step in range(9))
SHARES = tuple(range(1, 101))
# Below this an overdispersion is that of the binomial distribution, to the digits of its likelihood.
_BINOMIAL = 1e-6


@dataclass(frozen=True)
class Accuracy:
    """Signs that agree with the allele that the reads prefer.

    n : sites; right : scores with the right sign; ties : scores of exactly 0
    """

    n: int
    right: float
    ties: float

    @property
    def ties_wrong(self) -> float:
        """Share of right signs, a score of 0 being wrong; nan without sites."""
        return self.right / self.n if self.n else np.nan

    @property
    def ties_half(self) -> float:
        """Share of right signs, a score of 0 counting one half; nan without sites."""
        return (self.right + self.ties / 2) / self.n if self.n else np.nan


@dataclass(frozen=True)
class LikelihoodFit:
    """Beta-binomial regression of the reads on the score.

    slope : log odds of an alternate read that one unit of the score adds; positive where the scorer is right
    gain : log-likelihood over that of the best constant share, natural units a site
    p : of the likelihood-ratio test of slope 0, one degree of freedom, sites taken as independent
    """

    slope: float
    gain: float
    p: float


def area(scores: ArrayLike, positive: ArrayLike) -> tuple[float, float]:
    """AUROC (ties count half) and average precision; nan with a single class.

    Parameters
    ----------
    scores : (n,), the larger the more like a positive
    positive : (n,) of bool
    """
    found = ranking(np.asarray(scores, dtype=np.float64)[:, None], np.asarray(positive)[:, None])
    return float(found.auroc[0]), float(found.average_precision[0])


def accuracy(scores: ArrayLike, gain: ArrayLike) -> Accuracy:
    """Signs of scores against directions.

    Parameters
    ----------
    scores : (n,)
    gain : (n,) of bool, whether the alternate allele is preferred; False: the reference allele
    """
    s, up = np.asarray(scores, dtype=np.float64), np.asarray(gain, dtype=bool)
    return Accuracy(len(s), int((np.sign(s) == np.where(up, 1, -1)).sum()), int((s == 0).sum()))


def by_margin(differences: ArrayLike, gain: ArrayLike, margins: ArrayLike = MARGINS) -> list[Accuracy]:
    """Accuracy where the difference of probabilities is larger than each margin, of either sign."""
    d, up = np.asarray(differences, dtype=np.float64), np.asarray(gain, dtype=bool)
    return [accuracy(d[np.abs(d) > margin], up[np.abs(d) > margin]) for margin in np.asarray(margins).tolist()]


def by_coverage(scores: ArrayLike, gain: ArrayLike, shares: ArrayLike = SHARES) -> list[Accuracy]:
    """Accuracy on the sites of which a scorer is surest: scorers at the same coverage, whatever their units.

    Parameters
    ----------
    scores : (n,)
    gain : (n,) of bool
    shares : percent of the sites, taken by falling size of the score

    Notes
    -----
    Where the last place falls among equal sizes, all of them share it: the figures are means over their orders.
    """
    s, up = np.asarray(scores, dtype=np.float64), np.asarray(gain, dtype=bool)
    order = np.argsort(-np.abs(s), kind="stable")
    size = np.abs(s)[order]
    right = (np.sign(s) == np.where(up, 1, -1))[order].astype(np.float64)
    _, group = np.unique(-size, return_inverse=True)
    group_size = np.bincount(group)
    sums = np.concatenate([[0.0], np.cumsum((np.bincount(group, right) / group_size)[group])])
    ties = np.concatenate([[0.0], np.cumsum(size == 0)])
    taken = [max(1, round(len(s) * share / 100)) for share in np.asarray(shares).tolist()] if len(s) else []
    return [Accuracy(k, float(sums[k]), float(ties[k])) for k in taken]


def spearman(scores: ArrayLike, effects: ArrayLike) -> float:
    """Spearman's correlation of scores and allelic effects; nan where either does not vary."""
    s, e = rankdata(scores), rankdata(effects)
    if len(s) < 2 or np.ptp(s) == 0 or np.ptp(e) == 0:
        return np.nan
    return float(np.corrcoef(s, e)[0, 1])


def likelihood_fit(scores: ArrayLike, ref_reads: ArrayLike, alt_reads: ArrayLike, rho: float) -> LikelihoodFit:
    """Likelihood of the reads given the scores: a measure without labels or thresholds.

    Parameters
    ----------
    scores : (n,)
    ref_reads, alt_reads : (n,)
    rho : overdispersion

    Notes
    -----
    Reference reads are beta-binomial with the mean n / (1 + exp(a + b score)); a and b are the likeliest. With fewer
    than three sites or a constant score all fields are nan.
    """
    s = np.asarray(scores, dtype=np.float64)
    ref, alt = np.asarray(ref_reads, dtype=np.float64), np.asarray(alt_reads, dtype=np.float64)
    unit = float(np.sqrt(np.mean(s**2))) if len(s) else 0.0
    if len(s) < 3 or np.ptp(s) == 0 or unit == 0:
        return LikelihoodFit(np.nan, np.nan, np.nan)
    x = s / unit
    start = np.array([float(logit(np.clip(alt.sum() / (ref + alt).sum(), 1e-6, 1 - 1e-6))), 0.0])

    def loss(at: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        value, slope = _log_likelihood(expit(at[0] + at[1] * x), alt, ref, rho)
        return -value / len(x), -np.array([slope.sum(), (slope * x).sum()]) / len(x)

    def null_loss(at: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        value, slope = loss(np.array([at[0], 0.0]))
        return value, slope[:1]

    null = minimize(null_loss, start[:1], jac=True, method="L-BFGS-B", bounds=[(-15, 15)])
    best = minimize(loss, np.array([null.x[0], 0.0]), jac=True, method="L-BFGS-B", bounds=[(-15, 15), (-30, 30)])
    gain = max(0.0, float(null.fun - best.fun))
    return LikelihoodFit(float(best.x[1]) / unit, gain, float(chi2.sf(2 * gain * len(x), 1)))


def _log_likelihood(
    share: NDArray[np.float64], k: NDArray[np.float64], m: NDArray[np.float64], rho: float
) -> tuple[float, NDArray[np.float64]]:
    """Of k of k + m reads up to a constant, and its derivative by the log odds of each site's share."""
    share = np.clip(share, 1e-12, 1 - 1e-12)
    if rho < _BINOMIAL:
        return float((xlogy(k, share) + xlog1py(m, -share)).sum()), k - (k + m) * share
    scale = (1 - rho) / rho
    a, b = share * scale, (1 - share) * scale
    value = float((betaln(k + a, m + b) - betaln(a, b)).sum())
    slope = digamma(k + a) - digamma(a) - digamma(m + b) + digamma(b)
    return value, slope * scale * share * (1 - share)
