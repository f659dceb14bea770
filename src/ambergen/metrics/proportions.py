"""Shares of right answers: their intervals, and whether two scorers differ in theirs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from ambergen.errors import InputError
from ambergen.metrics.comparison import Interval


@dataclass(frozen=True)
class McNemar:
    """Two scorers on the same rows.

    only_a, only_b : rows that one has right and the other wrong; the others say nothing of a difference
    p : exact and two-sided; 1 where no row tells them apart
    """

    only_a: int
    only_b: int
    p: float


def wilson(successes: float, n: int, level: float = 0.95) -> Interval:
    """A share with Wilson's score interval; nan throughout where n is 0.

    Parameters
    ----------
    successes : 0 to n; half of one where a tie counts half
    n : independent rows
    level : of confidence

    References
    ----------
    Wilson, Journal of the American Statistical Association 22, 209-212 (1927).
    """
    if not 0 <= successes <= n:
        raise InputError(f"Wilson's interval: {successes} of {n}; expected from 0 to n successes.")
    if n == 0:
        return Interval(np.nan, np.nan, np.nan)
    z = float(stats.norm.ppf(0.5 + level / 2))
    share = successes / n
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    reach = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    # At 0 and at n of n one end is the share itself, which rounding would miss.
    return Interval(share, min(share, float(centre - reach)), max(share, float(centre + reach)))


def mcnemar(right_a: ArrayLike, right_b: ArrayLike) -> McNemar:
    """Exact McNemar test: does one of two scorers have more of the same rows right?

    Parameters
    ----------
    right_a, right_b : (n,) of bool, one row an independent variant

    References
    ----------
    McNemar, Psychometrika 12, 153-157 (1947); the exact form is a sign test on the rows in which they differ.
    """
    a, b = np.asarray(right_a), np.asarray(right_b)
    if a.ndim != 1 or a.shape != b.shape or a.dtype != bool or b.dtype != bool:
        raise InputError(
            f"McNemar: found {a.dtype} of shape {a.shape} and {b.dtype} of shape {b.shape}; expected bool, one "
            "dimension and one length. Compare the scorers on the same rows."
        )
    only_a, only_b = int((a & ~b).sum()), int((~a & b).sum())
    p = min(1.0, 2 * float(stats.binom.cdf(min(only_a, only_b), only_a + only_b, 0.5)))
    return McNemar(only_a, only_b, p)
