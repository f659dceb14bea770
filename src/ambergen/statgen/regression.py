"""Stratified LD-score regression: what share of a trait's heritability falls to each annotation.

The model: the expected chi-square of variant j is N sum_c tau_c l(j, c) + N a + 1, with l(j, c) the LD score of j to
annotation c, and tau_c the variance of effects that one unit of annotation c adds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ambergen.errors import InputError
from ambergen.statgen.jackknife import (
    BlockEstimates,
    block_borders,
    collinear,
    condition_number,
    jackknife_covariance,
    jackknife_error,
    weighted_least_squares,
)

Array = NDArray[np.float64]

REWEIGHTINGS = 2
LARGEST_CONDITION = 1e5


@dataclass(frozen=True)
class HeritabilityResult:
    """Estimates of one trait, on the observed scale.

    h2, h2_error : of all annotations together
    intercept, intercept_error : the error is nan where the intercept was given
    tau, tau_error : (n_annotations,), variance of effects a unit of the annotation
    proportion, proportion_error : (n_annotations,), m * tau / h2, without regard to overlap
    tau_covariance : (n_annotations, n_annotations)
    delete_tau : (n_blocks, n_annotations), tau without each block
    delete_intercept : (n_blocks,)
    """

    h2: float
    h2_error: float
    intercept: float
    intercept_error: float
    tau: Array
    tau_error: Array
    proportion: Array
    proportion_error: Array
    tau_covariance: Array
    delete_tau: Array
    delete_intercept: Array


@dataclass(frozen=True)
class _Rows:
    """Inputs of one regression.

    chi2, n, total, weight_ld : (n_variants,); total is the sum of the LD scores
    ld_scores : (n_variants, n_annotations)
    """

    chi2: Array
    n: Array
    ld_scores: Array
    total: Array
    weight_ld: Array
    m: Array
    names: tuple[str, ...]

    @property
    def mean_n(self) -> float:
        return float(self.n.mean())

    def weights(self, h2: float, intercept: float) -> Array:
        """Of each row, no unit: down for variants counted several times by LD, down for a large variance of chi2.

        A chi-square with mean e has variance 2 e^2; e follows from the heritability. Estimates outside of 0 to 1 are
        clipped, so that no weight is infinite.
        """
        h2 = min(max(h2, 0.0), 1.0)
        expected = intercept + self.n * h2 * np.maximum(self.total, 1) / self.m.sum()
        return 1 / (np.maximum(self.weight_ld, 1) * 2 * expected**2)

    def first_weights(self, intercept: float) -> Array:
        """Weights from a first guess of h2: the mean chi2 over the mean of N l / M."""
        h2 = self.m.sum() * (self.chi2.mean() - intercept) / (self.n * self.total).mean()
        return self.weights(h2, intercept)


@dataclass(frozen=True)
class _Columns:
    """N l / mean N of each annotation, and ones for a free intercept."""

    rows_: _Rows
    mean_n: float
    has_intercept: bool

    @property
    def names(self) -> tuple[str, ...]:
        return (*self.rows_.names, "the intercept") if self.has_intercept else self.rows_.names

    def rows(self, part: slice) -> Array:
        scaled = self.rows_.ld_scores[part] * (self.rows_.n[part] / self.mean_n)[:, None]
        return np.column_stack([scaled, np.ones(len(scaled))]) if self.has_intercept else scaled


def partitioned_heritability(
    chi2: ArrayLike,
    n: ArrayLike,
    ld_scores: ArrayLike,
    weight_ld: ArrayLike,
    m: ArrayLike,
    n_blocks: int = 200,
    intercept: float | None = None,
    two_step: float | None = 30,
    names: Sequence[str] | None = None,
    largest_condition: float | None = LARGEST_CONDITION,
) -> HeritabilityResult:
    """Heritability of each annotation by LD-score regression with block-jackknife errors.

    Parameters
    ----------
    chi2 : (n_variants,), rows in genomic order; no row is left out here
    n : (n_variants,) or one number, individuals
    ld_scores : (n_variants, n_annotations)
    weight_ld : (n_variants,)
        LD score of each variant with the variants of the regression.
    m : (n_annotations,)
        Sum of each annotation over the reference variants.
    n_blocks : of the jackknife
    intercept : a known intercept, 1 for a study without confounding; None estimates it
    two_step : chi-square
        With one annotation and a free intercept, the intercept comes from the variants below this chi-square, and the
        slope then from all. None: both from all.
    names : n_annotations names for messages
    largest_condition : of the columns at unit length; None never refuses

    Returns
    -------
    HeritabilityResult
        Point estimates are those of all rows.

    Raises
    ------
    InputError
        If shapes disagree, a value is not finite, n is not positive, chi2 is negative, an annotation is constant or a
        combination of others, or there are too few variants for the blocks.

    Notes
    -----
    One annotation: weights are updated twice from the current fit. Several: a single fit with the first weights, as in
    the published results of partitioned heritability. Weights use the sum of the LD scores, so estimates of several
    annotations change a little when one of them is rescaled. In the first of two steps the published program puts
    N l / mean N in the place of l when it updates the weights. So do we, for equal results; where all variants have
    one N it makes no difference.

    References
    ----------
    Bulik-Sullivan et al., Nature Genetics 47, 291-295 (2015); Finucane et al., Nature Genetics 47, 1228-1235 (2015).
    """
    rows = _checked(chi2, n, ld_scores, weight_ld, m, names)
    if intercept is not None and not np.isfinite(intercept):
        raise InputError(f"intercept: is {intercept}; expected a finite number, 1 without confounding, or None.")
    borders = block_borders(len(rows.chi2), n_blocks)
    _refuse_too_few(rows, borders)
    _refuse_constant(rows)
    if largest_condition is not None:
        _refuse_ill_conditioned(rows, intercept is None, largest_condition)
    if rows.ld_scores.shape[1] > 1:
        start = rows.first_weights(1.0 if intercept is None else intercept)
        fitted = _fit(rows, start, borders, intercept, rows.mean_n)
    elif intercept is None and two_step is not None:
        fitted = _two_step(rows, borders, two_step)
    else:
        fitted = _iterated(rows, borders, intercept, rows.mean_n)
    return _result(fitted, rows.m)


def _fit(
    rows: _Rows, weights: Array, borders: NDArray[np.int64], intercept: float | None, mean_n: float
) -> BlockEstimates:
    """tau of each annotation and the intercept, the last column, which has no spread where it is given."""
    columns = _Columns(rows, mean_n, intercept is None)
    response = rows.chi2 if intercept is None else rows.chi2 - intercept
    fitted = weighted_least_squares(columns, response, weights, borders)
    k = len(rows.m)
    if intercept is None:
        scale = np.append(np.full(k, mean_n), 1.0)
        return BlockEstimates(fitted.estimate / scale, fitted.delete / scale)
    delete = np.column_stack([fitted.delete / mean_n, np.full(len(fitted.delete), intercept)])
    return BlockEstimates(np.append(fitted.estimate / mean_n, intercept), delete)


def _iterated(
    rows: _Rows,
    borders: NDArray[np.int64],
    intercept: float | None,
    mean_n: float,
    weights: Array | None = None,
) -> BlockEstimates:
    """One annotation: the fit whose weights come from the fit before."""
    weights = rows.first_weights(1.0 if intercept is None else intercept) if weights is None else weights
    for _ in range(REWEIGHTINGS):
        tau, found = _fit(rows, weights, borders, intercept, mean_n).estimate
        weights = rows.weights(float(rows.m[0] * tau), float(found))
    return _fit(rows, weights, borders, intercept, mean_n)


def _two_step(rows: _Rows, borders: NDArray[np.int64], limit: float) -> BlockEstimates:
    """One annotation: the intercept from variants below `limit`, then the slope from all."""
    kept = np.flatnonzero(rows.chi2 < limit)
    n_blocks = len(borders) - 1
    if len(kept) < 2 * n_blocks:
        raise InputError(
            f"two_step: {len(kept)} variants have a chi-square below {limit:g}; expected at least {2 * n_blocks}, two "
            f"for each of the {n_blocks} blocks. Take fewer blocks, or two_step=None."
        )
    weights = rows.first_weights(1.0)
    below = replace(
        rows,
        # The weights of this step see N l / mean N for the LD score, as in the published results: see the Notes.
        total=rows.total[kept] * rows.n[kept] / rows.mean_n,
        **{name: getattr(rows, name)[kept] for name in ("chi2", "n", "ld_scores", "weight_ld")},
    )
    inner = block_borders(len(kept), n_blocks)
    first = _iterated(below, inner, None, rows.mean_n, weights[kept])
    intercept = float(first.estimate[1])
    # The blocks of the second step hold the same variants as those of the first, and what lies between.
    outer = np.concatenate([[0], kept[inner[1:-1]], [len(rows.chi2)]])
    second = _iterated(rows, outer, intercept, rows.mean_n, weights)
    x = rows.ld_scores[:, 0] * rows.n  # tau is a slope on N l, not on N l / mean N
    # How the slope moves with the intercept: an intercept higher by 1 lowers it by this.
    slope_per_intercept = (weights * x).sum() / (weights * x**2).sum()
    delete_intercept = first.delete[:, 1]
    delete_tau = second.delete[:, 0] - slope_per_intercept * (delete_intercept - intercept)
    return BlockEstimates(second.estimate, np.column_stack([delete_tau, delete_intercept]))


def _result(fitted: BlockEstimates, m: Array) -> HeritabilityResult:
    tau, intercept = fitted.estimate[:-1], float(fitted.estimate[-1])
    delete_tau, delete_intercept = fitted.delete[:, :-1], fitted.delete[:, -1]
    covariance = jackknife_covariance(delete_tau)
    h2 = float(m @ tau)
    is_free = bool((delete_intercept != intercept).any())
    return HeritabilityResult(
        h2=h2,
        h2_error=float(np.sqrt(m @ covariance @ m)),
        intercept=intercept,
        intercept_error=float(jackknife_error(delete_intercept)) if is_free else float("nan"),
        tau=tau,
        tau_error=np.sqrt(np.diag(covariance)),
        proportion=m * tau / h2,
        proportion_error=jackknife_error(delete_tau * m / (delete_tau @ m)[:, None]),
        tau_covariance=covariance,
        delete_tau=delete_tau,
        delete_intercept=delete_intercept,
    )


# ---- the border


def _checked(
    chi2: ArrayLike,
    n: ArrayLike,
    ld_scores: ArrayLike,
    weight_ld: ArrayLike,
    m: ArrayLike,
    names: Sequence[str] | None,
) -> _Rows:
    chi2 = np.asarray(chi2, np.float64)
    ld_scores = np.asarray(ld_scores, np.float64)
    if chi2.ndim != 1 or ld_scores.ndim != 2:
        raise InputError(
            f"partitioned_heritability: chi2 has shape {chi2.shape} and ld_scores {ld_scores.shape}; expected "
            "(n_variants,) and (n_variants, n_annotations). Give one annotation as a column."
        )
    n_variants, n_annotations = ld_scores.shape
    n = np.asarray(n, np.float64)
    n = np.full(n_variants, float(n)) if n.ndim == 0 else n
    weight_ld, m = np.asarray(weight_ld, np.float64), np.asarray(m, np.float64)
    for name, array, shape in (
        ("chi2", chi2, (n_variants,)),
        ("n", n, (n_variants,)),
        ("weight_ld", weight_ld, (n_variants,)),
        ("m", m, (n_annotations,)),
    ):
        if array.shape != shape:
            raise InputError(
                f"{name}: has shape {array.shape}; expected {shape}, as ld_scores has shape {ld_scores.shape}. Give "
                "one value for each variant (m: for each annotation), in the same order."
            )
    for name, array in (("chi2", chi2), ("n", n), ("ld_scores", ld_scores), ("weight_ld", weight_ld), ("m", m)):
        bad = ~np.isfinite(array)
        if bad.any():
            raise InputError(
                f"{name}: is {array[bad][0]} in row {int(np.argwhere(bad)[0][0])}; expected finite numbers. Leave "
                "variants with missing values out."
            )
    _refuse_below(n, "n", 0, "expected a positive number of individuals. Look which column N was read from.", True)
    _refuse_below(chi2, "chi2", 0, "a chi-square is never negative. Give squares of z-scores.", False)
    if m.sum() <= 0:
        raise InputError(
            f"m: sums to {m.sum():g}; expected a positive number, as the weights divide by it. Give the sums of the "
            "annotations over the reference variants, the base annotation among them."
        )
    labels = tuple(f"annotation {k + 1}" for k in range(n_annotations)) if names is None else tuple(names)
    if len(labels) != n_annotations:
        raise InputError(
            f"names: has {len(labels)} names; expected {n_annotations}, one for each column of ld_scores. Complete it."
        )
    return _Rows(chi2, n, ld_scores, ld_scores.sum(axis=1), weight_ld, m, labels)


def _refuse_below(array: Array, name: str, limit: float, remedy: str, strictly: bool) -> None:
    bad = array <= limit if strictly else array < limit
    if bad.any():
        row = int(np.argmax(bad))
        raise InputError(f"{name}: is {array[row]:g} in row {row}; {remedy}")


def _refuse_too_few(rows: _Rows, borders: NDArray[np.int64]) -> None:
    n_columns = rows.ld_scores.shape[1] + 1
    left = len(rows.chi2) - int(np.diff(borders).max())
    if left <= n_columns:
        raise InputError(
            f"chi2: {len(rows.chi2)} variants are too few for {n_columns - 1} annotations and {len(borders) - 1} "
            f"blocks, as {left} are left without the largest block; expected more than {n_columns}. Look why so few "
            "variants are left."
        )


def _refuse_constant(rows: _Rows) -> None:
    spread = np.ptp(rows.ld_scores, axis=0)
    # LD scores are sums of many terms: values equal up to rounding are equal.
    constant = np.flatnonzero(spread <= 1e-12 * np.abs(rows.ld_scores).max(axis=0, initial=0))
    if len(constant):
        column = constant[0]
        raise InputError(
            f"{rows.names[column]}: the LD score is {rows.ld_scores[0, column]:g} for every variant; expected values "
            "that differ. The annotation is zero everywhere, or constant where nothing is in LD: leave it out."
        )


def _refuse_ill_conditioned(rows: _Rows, has_intercept: bool, limit: float) -> None:
    columns = _Columns(rows, rows.mean_n, has_intercept)
    step = 50_000
    gram = np.zeros((len(columns.names), len(columns.names)))
    for first in range(0, len(rows.chi2), step):
        part = columns.rows(slice(first, first + step))
        gram += part.T @ part
    if condition_number(gram) > limit:
        raise collinear(gram, columns.names)
