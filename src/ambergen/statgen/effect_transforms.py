"""From sizes of variant effects to values of annotations: ranks, and the variants of largest effect."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata

from ambergen.errors import ConfigError


def rank_normalised(sizes: ArrayLike) -> NDArray[np.float64]:
    """Rank of each variant over the number of variants that have one, in (0, 1]; ties share their mean rank.

    Parameters
    ----------
    sizes : (n_variants,), nan where unknown; nan stays nan
    """
    sizes = np.asarray(sizes, np.float64)
    known = ~np.isnan(sizes)
    ranks = np.full(len(sizes), np.nan)
    ranks[known] = rankdata(sizes[known]) / max(1, int(known.sum()))
    return ranks


def largest(sizes: ArrayLike, share: float) -> NDArray[np.float64]:
    """1 for the share of the known variants with the largest sizes, 0 for the others; nan stays nan.

    Variants as large as the smallest one that belongs to them have 1 too; a size of 0 never has.

    Raises
    ------
    ConfigError
        If the share is not between 0 and 1.
    """
    if not 0 < share < 1:
        raise ConfigError(f"the share of variants with the largest effects is {share:g}; expected between 0 and 1.")
    sizes = np.asarray(sizes, np.float64)
    known = ~np.isnan(sizes)
    found = np.where(known, 0.0, np.nan)
    n = int(np.ceil(share * known.sum()))
    if n:
        limit = np.partition(sizes[known], -n)[-n]
        found[known & (sizes >= limit) & (sizes > 0)] = 1
    return found
