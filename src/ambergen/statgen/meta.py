"""Estimates of several traits put together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from ambergen.errors import InputError


@dataclass(frozen=True)
class MetaAnalysis:
    """One estimate from several.

    z, p : of the estimate, two-sided, normal
    heterogeneity : variance of the true values between traits (tau squared; 0 where a common value was assumed)
    q, q_p : Cochran's statistic and its p; nan with one trait
    i2 : share of the spread that is not chance, 0 to 1
    n : traits
    """

    estimate: float
    error: float
    z: float
    p: float
    heterogeneity: float
    q: float
    q_p: float
    i2: float
    n: int


def inverse_variance(estimates: ArrayLike, errors: ArrayLike) -> MetaAnalysis:
    """One common value, each trait weighted by the inverse of its squared error.

    Parameters
    ----------
    estimates, errors : (n_traits,), of traits whose samples do not overlap

    Raises
    ------
    InputError
        If there is no trait, a value is not finite or an error not positive.

    Notes
    -----
    Traits of the same individuals have correlated estimates. The error is then too small; take traits with little
    correlation, as the literature does.
    """
    estimates, errors = _checked(estimates, errors)
    return _pooled(estimates, errors, 0.0)


def random_effects(estimates: ArrayLike, errors: ArrayLike) -> MetaAnalysis:
    """The mean of values that differ between traits, the method of DerSimonian and Laird.

    Parameters and errors as of `inverse_variance`. The estimate is for traits like these, not only for these.

    References
    ----------
    DerSimonian and Laird, Controlled Clinical Trials 7, 177-188 (1986).
    """
    estimates, errors = _checked(estimates, errors)
    weights = errors**-2.0
    q = _pooled(estimates, errors, 0.0).q
    spare = weights.sum() - (weights**2).sum() / weights.sum()
    between = max(0.0, (q - (len(estimates) - 1)) / spare) if len(estimates) > 1 else 0.0
    return _pooled(estimates, errors, float(between))


def _pooled(estimates: np.ndarray, errors: np.ndarray, between: float) -> MetaAnalysis:
    n = len(estimates)
    common = errors**-2.0
    centre = (common * estimates).sum() / common.sum()
    q = float((common * (estimates - centre) ** 2).sum()) if n > 1 else float("nan")
    weights = 1 / (errors**2 + between)
    estimate, error = float((weights * estimates).sum() / weights.sum()), float(weights.sum() ** -0.5)
    z = estimate / error
    return MetaAnalysis(
        estimate=estimate,
        error=error,
        z=z,
        p=float(2 * stats.norm.sf(abs(z))),
        heterogeneity=between,
        q=q,
        q_p=float(stats.chi2.sf(q, n - 1)) if n > 1 else float("nan"),
        i2=max(0.0, 1 - (n - 1) / q) if n > 1 and q > 0 else 0.0,
        n=n,
    )


def _checked(estimates: ArrayLike, errors: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    estimates, errors = np.asarray(estimates, np.float64), np.asarray(errors, np.float64)
    if estimates.ndim != 1 or estimates.shape != errors.shape or not len(estimates):
        raise InputError(
            f"meta-analysis: estimates have shape {estimates.shape} and errors {errors.shape}; expected one estimate "
            "and one error for each trait, at least one trait. Complete them."
        )
    wrong = ~(np.isfinite(estimates) & np.isfinite(errors) & (errors > 0))
    if wrong.any():
        trait = int(np.argmax(wrong))
        raise InputError(
            f"meta-analysis: trait {trait + 1} has the estimate {estimates[trait]} and the error {errors[trait]}; "
            "expected finite numbers and a positive error. Leave the trait out."
        )
    return estimates, errors
