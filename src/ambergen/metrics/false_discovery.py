"""False discovery rates of a family of tests."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ambergen.errors import InputError


def benjamini_hochberg(p_values: ArrayLike) -> NDArray[np.float64]:
    """Benjamini and Hochberg's adjusted p-values: reject below q, and a share of at most q is expected to be false.

    Parameters
    ----------
    p_values : (n,), in [0, 1]; nan where nothing was tested

    Returns
    -------
    (n,)
        In the order given; nan stays nan and does not count in the family.

    References
    ----------
    Benjamini and Hochberg, Journal of the Royal Statistical Society B 57, 289-300 (1995).
    """
    p = np.asarray(p_values, dtype=np.float64)
    if p.ndim != 1 or ((p < 0) | (p > 1)).any():
        raise InputError(
            f"false discovery rate: p-values have the shape {p.shape} and lie between {np.nanmin(p, initial=np.inf)} "
            f"and {np.nanmax(p, initial=-np.inf)}; expected one dimension and values from 0 to 1."
        )
    adjusted = np.full(len(p), np.nan)
    tested = np.flatnonzero(~np.isnan(p))
    order = tested[np.argsort(p[tested], kind="stable")]
    raw = p[order] * len(order) / np.arange(1, len(order) + 1)
    # The largest p first: what is rejected at some level stays rejected at every higher one.
    adjusted[order] = np.minimum(np.minimum.accumulate(raw[::-1])[::-1], 1)
    return adjusted
