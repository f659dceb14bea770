"""Heritability of a disease on the scale of liability."""

from __future__ import annotations

from scipy import stats

from ambergen.errors import InputError


def liability_factor(cases: float, prevalence: float) -> float:
    """What heritability on the observed scale is multiplied by to stand on the scale of liability.

    Parameters
    ----------
    cases : share of cases in the study, between 0 and 1
    prevalence : share of cases in the population, between 0 and 1

    Returns
    -------
    K^2 (1 - K)^2 / (P (1 - P) f(t)^2), with f(t) the normal density at the threshold t that the share K exceeds.

    Raises
    ------
    InputError
        If a share is not between 0 and 1.

    References
    ----------
    Lee et al., American Journal of Human Genetics 88, 294-305 (2011), equation 23.
    """
    for name, share in (("the share of cases in the study", cases), ("the prevalence", prevalence)):
        if not 0 < share < 1:
            raise InputError(
                f"{name} is {share}; expected a number between 0 and 1, both excluded. Give shares, not per cent."
            )
    density = float(stats.norm.pdf(stats.norm.isf(prevalence)))
    return (prevalence * (1 - prevalence) / density) ** 2 / (cases * (1 - cases))
