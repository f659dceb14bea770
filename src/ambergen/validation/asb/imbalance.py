"""How unlikely an allelic imbalance is by chance: two-sided binomial and beta-binomial p-values."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ambergen.errors import InputError

# Outcomes count as no more likely within this relative slack: those of equal probability differ by rounding.
SLACK = 1e-7
# Reads at one site. The probabilities of all outcomes of a site are held at once.
MOST_READS = 10**8


def imbalance_p(ref_reads: ArrayLike, alt_reads: ArrayLike, p0: ArrayLike = 0.5, rho: float = 0.0) -> NDArray:
    """Two-sided p-value of each site's reference and alternate reads.

    Parameters
    ----------
    ref_reads, alt_reads : (n_sites,), whole numbers of reads
    p0 : in (0, 1), expected share of reference reads; 0.5 without reference bias. One for all sites, or (n_sites,)
    rho : in [0, 1), overdispersion
        0 is the binomial distribution; above it the beta-binomial with alpha = p0 (1 - rho) / rho and
        beta = (1 - p0) (1 - rho) / rho, whose variance is 1 + (n - 1) rho times as large.

    Returns
    -------
    (n_sites,)
        Sum of the probabilities of all outcomes that are no more likely than the one seen (relative slack 1e-7, as in
        other programs); nan where a site has no reads. Below 1e-308 it is 0.

    Raises
    ------
    InputError
        If a count is negative, missing or no whole number, or p0 or rho is out of range.
    """
    ref, alt = checked_reads(ref_reads, alt_reads)
    expected = np.broadcast_to(np.asarray(p0, dtype=np.float64), ref.shape)
    check_share(expected, rho)
    p = np.full(ref.size, np.nan)
    for share in np.unique(expected):
        rows = np.flatnonzero((expected == share).ravel() & ((ref + alt).ravel() > 0))
        if len(rows):
            p[rows] = _p_values(ref.ravel()[rows].astype(np.int64), alt.ravel()[rows].astype(np.int64), share, rho)
    return p.reshape(ref.shape)[()]


def _p_values(ref: NDArray[np.int64], alt: NDArray[np.int64], p0: float, rho: float) -> NDArray[np.float64]:
    totals = ref + alt
    order = np.argsort(totals, kind="stable")
    depths, first = np.unique(totals[order], return_index=True)
    up_to = Rising(int(depths[-1]), p0, rho)
    p = np.empty(len(ref))
    for depth, rows in zip(depths.tolist(), np.split(order, first[1:]), strict=True):
        p[rows] = _two_sided(up_to.log_probabilities(depth))[ref[rows]]
    return p


def _two_sided(logs: NDArray[np.float64]) -> NDArray[np.float64]:
    """P-value of every outcome of a distribution, (n_outcomes,), from the logarithms of their probabilities."""
    ascending = np.sort(logs)
    # From the smallest: sums of tiny probabilities keep their digits.
    sums = np.cumsum(np.exp(ascending))
    no_more_likely = np.searchsorted(ascending, logs + np.log1p(SLACK), side="right")
    return np.minimum(sums[no_more_likely - 1], 1.0)


def checked_reads(ref_reads: ArrayLike, alt_reads: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Both counts as float64 of one shape.

    Raises
    ------
    InputError
        Unless every count is a whole number from 0.
    """
    ref, alt = np.asarray(ref_reads, dtype=np.float64), np.asarray(alt_reads, dtype=np.float64)
    if ref.shape != alt.shape:
        raise InputError(
            f"allelic counts: {ref.shape} reference and {alt.shape} alternate counts; expected one of either a site."
        )
    for name, reads in (("reference", ref), ("alternate", alt)):
        with np.errstate(invalid="ignore"):
            wrong = np.flatnonzero(~((reads >= 0) & (reads == np.floor(reads)) & (reads <= MOST_READS)).ravel())
        if len(wrong):
            raise InputError(
                f"allelic counts, site {wrong[0]}: {reads.ravel()[wrong[0]]} {name} reads; expected a whole number "
                f"from 0 to {MOST_READS:,}. Leave out sites whose reads were not counted."
            )
    return ref, alt


def check_share(p0: NDArray[np.float64] | float, rho: float) -> None:
    """Raise InputError unless the expected shares lie in (0, 1) and the overdispersion in [0, 1)."""
    outside = ~((np.asarray(p0) > 0) & (np.asarray(p0) < 1))
    if outside.any():
        raise InputError(
            f"allelic imbalance: p0 is {np.asarray(p0)[outside].flat[0]}; expected a share of reference reads between "
            "0 and 1, such as 0.5 without reference bias."
        )
    if not 0 <= rho < 1:
        raise InputError(
            f"allelic imbalance: rho is {rho}; expected at least 0 (binomial) and less than 1. Typical are 0.005 to "
            "0.05."
        )


class Rising:
    """The beta-binomial distribution of all depths up to one, from sums of logarithms that need no limit at rho = 0.

    ref, alt, both, factorial : (most + 1,)
        Sums over i < k of log(p0 (1 - rho) + i rho), log((1 - p0)(1 - rho) + i rho), log(1 - rho + i rho) and
        log(i + 1). The probability of k of n is C(n, k) exp(ref[k] + alt[n - k] - both[n]).
    """

    def __init__(self, most: int, p0: float, rho: float) -> None:
        steps = np.arange(most) * rho
        self.ref, self.alt, self.both = (_sums(np.log(share * (1 - rho) + steps)) for share in (p0, 1 - p0, 1.0))
        self.factorial = _sums(np.log(np.arange(1, most + 1)))

    def log_probabilities(self, total: int) -> NDArray[np.float64]:
        """Of 0 to `total` reference reads, (total + 1,)."""
        k = slice(0, total + 1)
        splits = self.ref[k] - self.factorial[k]
        return splits + (self.alt[k] - self.factorial[k])[::-1] + (self.factorial[total] - self.both[total])

    def log_likelihood(self, ref: NDArray[np.int64], alt: NDArray[np.int64]) -> NDArray[np.float64]:
        """Of each site's reads, (n_sites,)."""
        n = ref + alt
        ways = self.factorial[n] - self.factorial[ref] - self.factorial[alt]
        return np.asarray(ways + self.ref[ref] + self.alt[alt] - self.both[n])


def _sums(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.concatenate([[0.0], np.cumsum(values)])
