"""What allelic counts look like where nothing is allele-specific: reference bias and overdispersion."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq, minimize, minimize_scalar
from scipy.special import expit, logit
from scipy.stats import chi2

from ambergen.errors import InputError
from ambergen.validation.asb.imbalance import Rising, check_share, checked_reads

# Depth from which the moments are taken: where callers ask for reads on both alleles, low counts look too even.
MIN_TOTAL = 30
# Below this an overdispersion is none: its likelihood is the binomial one to the last digit.
_LEAST_RHO, _MOST_RHO = 1e-9, 0.999


@dataclass(frozen=True)
class Likeliest:
    """The beta-binomial of highest likelihood; log_likelihood : natural logarithm, of all sites together."""

    p0: float
    rho: float
    log_likelihood: float


def reference_bias(ref_reads: ArrayLike, alt_reads: ArrayLike) -> float:
    """Expected share of reference reads: all reference reads over all reads.

    Parameters
    ----------
    ref_reads, alt_reads : (n_sites,)
        Sites without reads on one of the alleles are left out: most of them are no heterozygotes.

    Raises
    ------
    InputError
        If no site has reads on both alleles.
    """
    ref, alt = checked_reads(ref_reads, alt_reads)
    both = (ref > 0) & (alt > 0)
    if not both.any():
        raise InputError(
            f"reference bias: none of {ref.size} sites has reads on both alleles; expected some that have. Give counts "
            "of heterozygous sites, or state p0."
        )
    return float(ref[both].sum() / (ref[both] + alt[both]).sum())


def overdispersion(
    ref_reads: ArrayLike,
    alt_reads: ArrayLike,
    p0: ArrayLike = 0.5,
    min_total: int = MIN_TOTAL,
    robust: bool = False,
) -> float:
    """Overdispersion rho by the method of moments.

    Parameters
    ----------
    ref_reads, alt_reads : (n_sites,)
    p0 : expected share of reference reads, one or (n_sites,)
    min_total : reads at a site, 2 or more, for the site to count
    robust : use the median of squared deviations instead of their mean

    Returns
    -------
    float
        Mean over sites of ((k - n p0)^2 / (n p0 (1 - p0)) - 1) / (n - 1); 0 where that is negative. A site's variance
        is 1 + (n - 1) rho times that of the binomial distribution. Allele-specific sites among the others raise it, so
        that calls are cautious. Robust: the rho at which the median of (k - n p0)^2 / (n p0 (1 - p0) (1 + (n - 1) rho))
        is that of a squared normal deviate, which a minority of such sites hardly moves.

    Raises
    ------
    InputError
        If no site is deep enough.
    """
    ref, alt = checked_reads(ref_reads, alt_reads)
    p0 = np.broadcast_to(np.asarray(p0, dtype=np.float64), ref.shape)
    check_share(p0, 0.0)
    deep = ref + alt >= max(2, min_total)
    if not deep.any():
        raise InputError(
            f"overdispersion: none of {ref.size} sites has at least {min_total} reads. Lower min_total, knowing that "
            "shallow sites bias it, or state rho."
        )
    k, n, p = ref[deep], (ref + alt)[deep], p0[deep]
    squares = (k - n * p) ** 2 / (n * p * (1 - p))
    if not robust:
        return max(0.0, float(np.mean((squares - 1) / (n - 1))))

    def excess(rho: float) -> float:
        return float(np.median(squares / (1 + (n - 1) * rho)) - chi2.median(1))

    return 0.0 if excess(0.0) <= 0 else _MOST_RHO if excess(_MOST_RHO) >= 0 else float(brentq(excess, 0.0, _MOST_RHO))


def likeliest(
    ref_reads: ArrayLike, alt_reads: ArrayLike, p0: float | None = None, min_total: int = MIN_TOTAL
) -> Likeliest:
    """Overdispersion, and reference bias where it is not given, by maximum likelihood of the beta-binomial.

    Parameters
    ----------
    ref_reads, alt_reads : (n_sites,)
    p0 : expected share of reference reads; None: estimated as well
    min_total : reads at a site for the site to count

    Raises
    ------
    InputError
        If no site is deep enough.
    """
    ref, alt = checked_reads(ref_reads, alt_reads)
    deep = ref + alt >= max(1, min_total)
    if not deep.any():
        raise InputError(
            f"overdispersion: none of {ref.size} sites has at least {min_total} reads. Lower min_total, or state rho."
        )
    k, m = ref[deep].astype(np.int64), alt[deep].astype(np.int64)
    if p0 is not None:
        check_share(p0, 0.0)
        share = p0
        rho = _likeliest_rho(k, m, share)
        return Likeliest(share, rho, log_likelihood(k, m, share, rho))
    start = float(np.clip(k.sum() / (k + m).sum(), 1e-6, 1 - 1e-6))

    def loss(at: NDArray[np.float64]) -> float:
        return -log_likelihood(k, m, float(expit(at[0])), float(expit(at[1]))) / len(k)

    first = np.clip(_likeliest_rho(k, m, start), 1e-4, 0.9)
    bounds = [(-14.0, 14.0), (logit(_LEAST_RHO), logit(_MOST_RHO))]
    found = minimize(loss, np.array([logit(start), logit(first)]), method="Nelder-Mead", bounds=bounds, tol=1e-9)
    share = float(expit(found.x[0]))
    rho = _likeliest_rho(k, m, share)  # settles whether it is 0
    return Likeliest(share, rho, log_likelihood(k, m, share, rho))


def log_likelihood(ref: NDArray[np.int64], alt: NDArray[np.int64], p0: float, rho: float) -> float:
    """Logarithm of the probability of the reference reads of all sites, given the depths."""
    return float(Rising(int((ref + alt).max()), p0, rho).log_likelihood(ref, alt).sum())


def _likeliest_rho(ref: NDArray[np.int64], alt: NDArray[np.int64], p0: float) -> float:
    def loss(at: float) -> float:
        return -log_likelihood(ref, alt, p0, float(expit(at)))

    found = minimize_scalar(
        loss, bounds=(logit(_LEAST_RHO), logit(_MOST_RHO)), method="bounded", options={"xatol": 1e-7}
    )
    rho = float(expit(found.x))
    return rho if -found.fun > log_likelihood(ref, alt, p0, 0.0) else 0.0
