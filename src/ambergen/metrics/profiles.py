"""How well profiles of reads are predicted: where in a window its reads begin, whatever their number."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln, rel_entr

Floats = NDArray[np.float64]


def multinomial_loss(counts: ArrayLike, log_probability: ArrayLike) -> Floats:
    """Negative logarithm of the multinomial probability of counts, given their sum.

    Parameters
    ----------
    counts : (..., width), 0 or more
    log_probability : (..., width), natural logarithms; may lack leading axes

    Returns
    -------
    (...), 0 where there is no read
    """
    counts, log_probability = np.asarray(counts, np.float64), np.asarray(log_probability, np.float64)
    coefficient = gammaln(counts.sum(axis=-1) + 1) - gammaln(counts + 1).sum(axis=-1)
    with np.errstate(invalid="ignore"):  # no read where none may be: 0 times minus infinity, which is left out
        logs = np.where(counts > 0, counts * log_probability, 0.0)
    return np.asarray(-coefficient - logs.sum(axis=-1))


def jensen_shannon(p: ArrayLike, q: ArrayLike) -> Floats:
    """Jensen-Shannon distance of profiles: the square root of the divergence, in natural logarithms.

    Parameters
    ----------
    p, q : (..., width), 0 or more; each is divided by its sum

    Returns
    -------
    (...), from 0 to sqrt(log 2); nan where a profile is 0 everywhere
    """
    one, other = _shares(p), _shares(q)
    middle = (one + other) / 2
    divergence = (rel_entr(one, middle) + rel_entr(other, middle)).sum(axis=-1) / 2
    return np.asarray(np.sqrt(np.maximum(divergence, 0.0)))


def _shares(profile: ArrayLike) -> Floats:
    values = np.asarray(profile, np.float64)
    with np.errstate(invalid="ignore"):
        return np.asarray(values / values.sum(axis=-1, keepdims=True))
