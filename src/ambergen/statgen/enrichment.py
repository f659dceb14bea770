"""What follows from the coefficients of a stratified LD-score regression: enrichment, tau*, contrasts, quantiles."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from ambergen.errors import InputError
from ambergen.statgen.jackknife import jackknife_error
from ambergen.statgen.regression import HeritabilityResult

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Enrichment:
    """Shares of annotations that may overlap; each (n_annotations,).

    proportion_variants : share of the reference variants (of the annotation's sum, where it is not 0 and 1)
    proportion, proportion_error : share of the heritability
    enrichment, enrichment_error : share of heritability over share of variants; nan where the latter is 0
    enrichment_p : two-sided, of heritability a variant inside against outside; nan where nothing is outside or inside
    """

    proportion_variants: Array
    proportion: Array
    proportion_error: Array
    enrichment: Array
    enrichment_error: Array
    enrichment_p: Array


@dataclass(frozen=True)
class Test:
    """An estimate with its error, z and two-sided p; each a number or an array."""

    __test__ = False  # no test case for pytest

    estimate: Array
    error: Array
    z: Array
    p: Array


@dataclass(frozen=True)
class JointTest:
    """Wald test that several coefficients are all 0."""

    chi2: float
    degrees: int
    p: float


@dataclass(frozen=True)
class QuantileEnrichment:
    """Shares of the variants of each bin of a continuous annotation; each (n_bins,).

    proportion_variants, proportion, proportion_error : share of variants and of heritability
    enrichment, enrichment_error : their ratio
    p : two-sided, of heritability a variant in the bin against all others; nan where there are no others
    """

    proportion_variants: Array
    proportion: Array
    proportion_error: Array
    enrichment: Array
    enrichment_error: Array
    p: Array


def overlap_enrichment(
    result: HeritabilityResult, overlap: ArrayLike, m: ArrayLike, n_variants: float | None = None
) -> Enrichment:
    """Proportion of heritability and enrichment of annotations that may overlap.

    Parameters
    ----------
    overlap : (n_annotations, n_annotations)
        Inner products of the annotations over the reference variants; for 0 and 1, how many variants two share.
    m : (n_annotations,)
        Sums of the annotations over the same variants, as given to the regression.
    n_variants : reference variants; None finds it from the base annotation, which is 1 for every variant

    Raises
    ------
    InputError
        If shapes disagree, or `n_variants` is None and no annotation is 1 everywhere.

    References
    ----------
    Finucane et al., Nature Genetics 47, 1228-1235 (2015), supplementary note.
    """
    overlap, m = _checked_overlap(result, overlap, m)
    total = _n_variants(overlap, m) if n_variants is None else float(n_variants)
    inside = overlap @ result.tau  # heritability of the variants that carry the annotation, from all annotations
    delete_inside = result.delete_tau @ overlap
    proportion = inside / result.h2
    error = jackknife_error(delete_inside / (result.delete_tau @ m)[:, None])
    share = m / total
    with np.errstate(divide="ignore", invalid="ignore"):
        enrichment, enrichment_error = proportion / share, error / np.abs(share)
        contrast = overlap / m[:, None] - (m - overlap) / (total - m)[:, None]
    defined = (m != 0) & (m != total)
    contrast = np.where(defined[:, None], contrast, 0)
    difference = contrast @ result.tau
    spread = np.sqrt(np.einsum("ck,kl,cl->c", contrast, result.tau_covariance, contrast))
    p = np.full(len(m), np.nan)
    p[defined] = 2 * stats.t.sf(np.abs(difference[defined] / spread[defined]), len(result.delete_tau))
    no_variant = m == 0
    return Enrichment(
        share,
        proportion,
        error,
        np.where(no_variant, np.nan, enrichment),
        np.where(no_variant, np.nan, enrichment_error),
        p,
    )


def _checked_overlap(result: HeritabilityResult, overlap: ArrayLike, m: ArrayLike) -> tuple[Array, Array]:
    overlap, m = np.asarray(overlap, np.float64), np.asarray(m, np.float64)
    k = len(result.tau)
    if overlap.shape != (k, k) or m.shape != (k,):
        raise InputError(
            f"overlap_enrichment: overlap has shape {overlap.shape} and m {m.shape}; expected {(k, k)} and {(k,)}, as "
            f"the regression had {k} annotations. Give both over the same annotations in the same order."
        )
    if not np.allclose(overlap, overlap.T):
        raise InputError(
            "overlap_enrichment: the overlap is not symmetric; expected A'A, the inner products of the annotations. "
            "Make it from the annotation values of all reference variants."
        )
    return overlap, m


def _n_variants(overlap: Array, m: Array) -> float:
    """Number of variants: that of the annotation whose inner product with each annotation is the annotation's sum."""
    is_base = np.isclose(overlap, m, rtol=1e-9, atol=1e-9).all(axis=1)
    if not is_base.any():
        raise InputError(
            "overlap_enrichment: no annotation is 1 for every variant, so the number of variants is unknown; expected "
            "a base annotation, or n_variants. Give the number of reference variants that m was summed over."
        )
    return float(m[is_base][0])


def tau_star(result: HeritabilityResult, standard_deviation: ArrayLike, n_variants: float) -> Test:
    """Change of a variant's share of h2, over the mean share, for one standard deviation of each annotation.

    Parameters
    ----------
    standard_deviation : (n_annotations,), over the common reference variants
    n_variants : common reference variants, 5,961,159 in the European panel of 1000 Genomes

    Returns
    -------
    Test, (n_annotations,)
        z and p are those of tau; where an annotation does not vary they are nan.

    References
    ----------
    Gazal et al., Nature Genetics 49, 1421-1427 (2017).
    """
    sd = np.asarray(standard_deviation, np.float64)
    if sd.shape != result.tau.shape:
        raise InputError(
            f"tau_star: standard_deviation has shape {sd.shape}; expected {result.tau.shape}, one for each annotation "
            "of the regression. Complete it."
        )
    scale = sd * n_variants / result.h2
    # + 0: where the annotation does not vary, 0 and not -0
    return normal_test(result.tau * scale + 0.0, result.tau_error * np.abs(scale))


def normal_test(estimate: ArrayLike, error: ArrayLike) -> Test:
    """z and two-sided normal p of estimates with these errors; nan where the error is 0."""
    estimate, error = np.asarray(estimate, np.float64), np.asarray(error, np.float64)
    z = np.divide(estimate, error, out=np.full(np.broadcast(estimate, error).shape, np.nan), where=error > 0)
    return Test(estimate, error, z, 2 * stats.norm.sf(np.abs(z)))


def contrast(result: HeritabilityResult, weights: ArrayLike) -> Test:
    """Test of a weighted sum of the coefficients, with their jackknife covariance.

    Does annotation A add to the baseline and to B, which stand in the same regression? That is A's own coefficient:
    weight 1 for A. Does A add more than B? Weights sd_A and -sd_B, so that both count in standard deviations.

    Parameters
    ----------
    weights : (n_annotations,)
    """
    weights = np.asarray(weights, np.float64)
    if weights.shape != result.tau.shape or not np.isfinite(weights).all():
        raise InputError(
            f"contrast: weights have shape {weights.shape}; expected {result.tau.shape} finite numbers, one for each "
            "annotation of the regression. Give 0 where an annotation does not matter."
        )
    variance = weights @ result.tau_covariance @ weights
    return normal_test(weights @ result.tau, np.sqrt(max(float(variance), 0.0)))


def joint_test(result: HeritabilityResult, columns: list[int]) -> JointTest:
    """Do these annotations together add to all the others? All their coefficients are 0 under the null.

    Parameters
    ----------
    columns : numbers of the annotations, from 0

    Raises
    ------
    InputError
        If there are no columns, or not clearly fewer than jackknife blocks, which leave no inverse of the covariance.
    """
    n_blocks = len(result.delete_tau)
    if not 0 < len(columns) < n_blocks / 2:
        raise InputError(
            f"joint_test: {len(columns)} annotations; expected at least 1 and fewer than half of the {n_blocks} blocks "
            "of the jackknife. Test fewer together, or use more blocks."
        )
    tau = result.tau[columns]
    scale = np.sqrt(np.diag(result.tau_covariance)[columns])  # tau differ by orders of magnitude
    correlation = result.tau_covariance[np.ix_(columns, columns)] / np.outer(scale, scale)
    chi2 = float((tau / scale) @ np.linalg.solve(correlation, tau / scale))
    return JointTest(chi2, len(columns), float(stats.chi2.sf(chi2, len(columns))))


def quantile_bins(values: ArrayLike, n_quantiles: int = 5, zeros_apart: bool = True) -> NDArray[np.int64]:
    """Bin of each variant by a continuous annotation: 1 to n_quantiles from the lowest, and 0 for zeros held apart.

    Parameters
    ----------
    values : (n_variants,), of common reference variants
    zeros_apart : variants with value 0, often those that a model did not score, get their own bin

    Raises
    ------
    InputError
        If ties leave a bin empty, as in an annotation of zeros and ones.
    """
    values = np.asarray(values, np.float64)
    ranked = values != 0 if zeros_apart else np.ones(len(values), bool)
    bins = bins_between(values, quantile_borders(values, n_quantiles, zeros_apart), zeros_apart)
    filled = np.bincount(bins, minlength=n_quantiles + 1)[1:]
    if (filled == 0).any():
        raise InputError(
            f"quantile_bins: {int((filled == 0).sum())} of {n_quantiles} quantiles are empty, as {int(ranked.sum())} "
            f"variants have {len(np.unique(values[ranked]))} distinct values; expected a continuous annotation. Ask "
            "for fewer quantiles, or look at its enrichment if it is 0 and 1."
        )
    return bins


def quantile_borders(values: ArrayLike, n_quantiles: int = 5, zeros_apart: bool = True) -> Array:
    """(n_quantiles - 1,) values between the quantiles; see `quantile_bins`. nan where no value is ranked."""
    values = np.asarray(values, np.float64)
    ranked = values[values != 0] if zeros_apart else values
    if not len(ranked):
        return np.full(n_quantiles - 1, np.nan)
    return np.quantile(ranked, np.arange(1, n_quantiles) / n_quantiles)


def bins_between(values: ArrayLike, borders: ArrayLike, zeros_apart: bool = True) -> NDArray[np.int64]:
    """Bin of each variant by the borders of `quantile_borders`, so that a panel can be cut part by part."""
    values = np.asarray(values, np.float64)
    bins = 1 + np.searchsorted(np.asarray(borders, np.float64), values, side="left")
    return np.where(values == 0, 0, bins) if zeros_apart else bins


def quantile_enrichment(result: HeritabilityResult, sums: ArrayLike, counts: ArrayLike) -> QuantileEnrichment:
    """Enrichment of the variants of each bin, from all annotations that they carry.

    Parameters
    ----------
    sums : (n_bins, n_annotations)
        Sum of each annotation over the bin's common reference variants.
    counts : (n_bins,), variants of each bin; together all common reference variants

    Notes
    -----
    The enrichment of a continuous annotation itself is only its sum of squares in other units, hence bins.
    """
    sums, counts = np.asarray(sums, np.float64), np.asarray(counts, np.float64)
    if sums.ndim != 2 or sums.shape[1] != len(result.tau) or counts.shape != (len(sums),) or (counts <= 0).any():
        raise InputError(
            f"quantile_enrichment: sums has shape {sums.shape} and counts {counts.shape}; expected (n_bins, "
            f"{len(result.tau)}) and (n_bins,), every bin with a variant. Leave empty bins out."
        )
    delete = result.delete_tau @ sums.T
    heritability = sums @ result.tau
    total, delete_total = float(heritability.sum()), delete.sum(axis=1)
    share = counts / counts.sum()
    proportion = heritability / total
    error = jackknife_error(delete / delete_total[:, None])
    others = counts.sum() - counts
    p = np.full(len(counts), np.nan)
    if (others > 0).all():
        difference = heritability / counts - (total - heritability) / others
        spread = jackknife_error(delete / counts - (delete_total[:, None] - delete) / others)
        p = 2 * stats.t.sf(np.abs(difference / spread), len(delete))
    return QuantileEnrichment(share, proportion, error, proportion / share, error / share, p)
