"""One trait: which variants count, the regression, and what follows from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ambergen.errors import ConfigError, InputError
from ambergen.io.gwas_tables import MEDIAN_CHI2
from ambergen.io.summary_statistics import SummaryStatistics
from ambergen.statgen.enrichment import (
    Enrichment,
    JointTest,
    QuantileEnrichment,
    Test,
    contrast,
    joint_test,
    normal_test,
    overlap_enrichment,
    quantile_enrichment,
    tau_star,
)
from ambergen.statgen.liability import liability_factor
from ambergen.statgen.meta import MetaAnalysis, inverse_variance, random_effects
from ambergen.statgen.regression import LARGEST_CONDITION, HeritabilityResult, partitioned_heritability
from ambergen.validation.heritability.annotation_sums import AnnotationSums, QuantileSums
from ambergen.validation.heritability.reference import Reference

# Of several annotations: one strong locus must not decide. LDSC's rule.
_LARGEST_CHI2, _LARGEST_CHI2_OVER_N = 80.0, 0.001
# Fewer variants than this do not bear the error of a block.
SMALLEST_BLOCK = 10


@dataclass(frozen=True)
class RegressionConfig:
    """Settings of LDSC, with its values.

    n_blocks, intercept, two_step : as of `partitioned_heritability`
    largest_chi2 : variants from it on are dropped; None: with several annotations the larger of 80 and N / 1000
    cases, prevalence : shares of cases in the study and in the population, for the scale of liability
    force : fit annotations that are nearly collinear
    """

    n_blocks: int = 200
    intercept: float | None = None
    two_step: float | None = 30.0
    largest_chi2: float | None = None
    cases: float | None = None
    prevalence: float | None = None
    force: bool = False

    def __post_init__(self) -> None:
        if (self.cases is None) != (self.prevalence is None):
            raise ConfigError(
                "the scale of liability needs the share of cases in the study and the prevalence; one of --samp-prev "
                "and --pop-prev is absent. Give both or none."
            )


@dataclass(frozen=True)
class RegressionRows:
    """The variants of one regression, in genomic order, and what was left out.

    dropped : reason -> variants of the study
    largest_chi2 : the limit, None if there was none
    constant : annotations left out, as their LD score is the same for all variants
    """

    chi2: NDArray[np.float64]
    n: NDArray[np.float64]
    ld_scores: NDArray[np.float64]
    weight_ld: NDArray[np.float64]
    names: tuple[str, ...]
    m: NDArray[np.float64]
    dropped: dict[str, int]
    largest_chi2: float | None
    constant: tuple[str, ...]


@dataclass(frozen=True)
class TraitResult:
    """Everything about one trait.

    names : of the annotations in the regression
    enrichment, tau_star : None without the annotations' values
    quantiles : of the continuous annotations asked for
    liability : factor to the scale of liability, 1 for a quantitative trait
    ratio : share of the inflation of chi-square that is not polygenic, (intercept - 1) / (mean chi2 - 1); nan where the
        intercept was given or there is no inflation
    """

    trait: str
    names: tuple[str, ...]
    m: NDArray[np.float64]
    n_variants: int
    n_blocks: int
    mean_chi2: float
    inflation: float
    ratio: float
    ratio_error: float
    dropped: dict[str, int]
    largest_chi2: float | None
    constant: tuple[str, ...]
    liability: float
    result: HeritabilityResult
    coefficient: Test
    enrichment: Enrichment | None
    tau_star: Test | None
    quantiles: dict[str, QuantileEnrichment]
    quantile_labels: dict[str, tuple[str, ...]]


@dataclass(frozen=True)
class SharedVariants:
    """The variants of a study that count in a regression.

    rows : (n_variants,) of the reference
    chi2, n : (n_variants,)
    dropped : reason -> variants of the study
    largest_chi2 : the limit, None if there was none
    """

    rows: NDArray[np.int64]
    chi2: NDArray[np.float64]
    n: NDArray[np.float64]
    dropped: dict[str, int]
    largest_chi2: float | None


def shared_variants(
    ids: NDArray, n_annotations: int, statistics: SummaryStatistics, config: RegressionConfig
) -> SharedVariants:
    """The variants that the study shares with the reference, without those of too large a chi-square.

    Parameters
    ----------
    ids : (n_variants,), of the reference
    n_annotations : of the regression, by which the usual limit of chi-square goes

    Raises
    ------
    InputError
        If none is left.
    """
    found = pd.Index(statistics.id).get_indexer(pd.Index(ids))
    rows = np.flatnonzero(found >= 0)
    if not len(rows):
        raise InputError(
            f"no variant of the study has LD scores: its ids begin with {', '.join(map(str, statistics.id[:2]))}, the "
            f"LD scores' with {', '.join(map(str, ids[:2]))}. Expected ids of one kind, usually rs numbers; "
            "rename those of the study."
        )
    chi2, n = statistics.chi2[found[rows]], statistics.n[found[rows]]
    dropped = {"without LD score or weight": len(statistics) - len(rows)}
    limit = config.largest_chi2
    if limit is None and n_annotations > 1:
        limit = max(_LARGEST_CHI2_OVER_N * float(n.max()), _LARGEST_CHI2)
    if limit is not None:
        below = chi2 < limit
        dropped[f"chi-square of {limit:g} or more"] = int((~below).sum())
        rows, chi2, n = rows[below], chi2[below], n[below]
        if not len(rows):
            raise InputError(
                f"no variant of the study has a chi-square below {limit:g}; expected nearly all. Look at the study's "
                "statistics, or give a larger --chisq-max."
            )
    return SharedVariants(rows, chi2, n, {reason: count for reason, count in dropped.items() if count}, limit)


def regression_rows(reference: Reference, statistics: SummaryStatistics, config: RegressionConfig) -> RegressionRows:
    """The variants of `shared_variants` with their LD scores, without annotations whose score does not vary.

    Raises
    ------
    InputError
        If no variant or no annotation is left.
    """
    shared = shared_variants(reference.id, len(reference.names), statistics, config)
    rows = shared.rows
    ld_scores = reference.ld_scores[rows]
    varies = np.ptp(ld_scores, axis=0) > 0
    if not varies.any():
        raise InputError(
            f"the LD scores of {', '.join(reference.names[:4])} are the same for all {len(rows):,} variants; expected "
            "scores that vary. Look at the annotations and at how many variants are left."
        )
    return RegressionRows(
        shared.chi2,
        shared.n,
        ld_scores if varies.all() else ld_scores[:, varies],
        reference.weight_ld[rows],
        tuple(name for name, keep in zip(reference.names, varies, strict=True) if keep),
        reference.m[varies],
        shared.dropped,
        shared.largest_chi2,
        tuple(name for name, keep in zip(reference.names, varies, strict=True) if not keep),
    )


def regress_trait(
    trait: str,
    reference: Reference,
    statistics: SummaryStatistics,
    config: RegressionConfig = RegressionConfig(),
    sums: AnnotationSums | None = None,
) -> TraitResult:
    """The regression of one trait, with enrichment where the annotations' values are known.

    Raises
    ------
    InputError
        With the trait's name, if there are too few variants, or annotations are collinear or absent.
    """
    try:
        return regress_rows(trait, regression_rows(reference, statistics, config), config, sums)
    except InputError as error:
        raise InputError(f"{trait}: {error}") from error


def regress_rows(
    trait: str, rows: RegressionRows, config: RegressionConfig, sums: AnnotationSums | None
) -> TraitResult:
    """The regression of one trait on these rows; see `regress_trait`."""
    if len(rows.chi2) < SMALLEST_BLOCK * config.n_blocks:
        raise InputError(
            f"{len(rows.chi2):,} variants are left for {config.n_blocks} blocks; expected at least {SMALLEST_BLOCK} "
            "in each. Take fewer blocks (--n-blocks), at most one for each region of the genome that the study covers."
        )
    result = partitioned_heritability(
        rows.chi2,
        rows.n,
        rows.ld_scores,
        rows.weight_ld,
        rows.m,
        config.n_blocks,
        config.intercept,
        config.two_step,
        names=rows.names,
        largest_condition=None if config.force else LARGEST_CONDITION,
    )
    liability = 1.0
    if config.cases is not None and config.prevalence is not None:
        liability = liability_factor(config.cases, config.prevalence)
    own = None if sums is None else sums.of(rows.names)
    mean = float(rows.chi2.mean())
    is_inflated = mean > 1 and config.intercept is None
    return TraitResult(
        trait=trait,
        names=rows.names,
        m=rows.m,
        n_variants=len(rows.chi2),
        n_blocks=config.n_blocks,
        mean_chi2=mean,
        inflation=float(np.median(rows.chi2)) / MEDIAN_CHI2,
        ratio=(result.intercept - 1) / (mean - 1) if is_inflated else float("nan"),
        ratio_error=result.intercept_error / (mean - 1) if is_inflated else float("nan"),
        dropped=rows.dropped,
        largest_chi2=rows.largest_chi2,
        constant=rows.constant,
        liability=liability,
        result=result,
        coefficient=normal_test(result.tau, result.tau_error),
        enrichment=None if own is None else overlap_enrichment(result, own.overlap, rows.m, own.n_variants),
        tau_star=None if own is None else tau_star(result, own.standard_deviation, own.n_variants),
        quantiles={} if own is None else {name: _quantile(result, one) for name, one in own.quantiles.items()},
        quantile_labels={} if own is None else {name: one.labels for name, one in own.quantiles.items()},
    )


def _quantile(result: HeritabilityResult, sums: QuantileSums) -> QuantileEnrichment:
    return quantile_enrichment(result, sums.sums, sums.counts)


# ---- several annotations or traits


def difference_in_tau_star(trait: TraitResult, first: str, second: str, sums: AnnotationSums) -> Test:
    """tau* of one annotation minus that of another in the same regression, with their covariance.

    Raises
    ------
    InputError
        If one of them is not in the regression.
    """
    columns = columns_of(trait, [first, second])
    own = sums.of(trait.names)
    scale = own.standard_deviation * own.n_variants / trait.result.h2
    weights = np.zeros(len(trait.names))
    weights[columns] = scale[columns] * [1, -1]
    return contrast(trait.result, weights)


def added_by(trait: TraitResult, names: Sequence[str]) -> JointTest:
    """Whether these annotations together add to all others of the regression."""
    return joint_test(trait.result, columns_of(trait, names))


def columns_of(trait: TraitResult, names: Sequence[str]) -> list[int]:
    """Numbers of the annotations in the regression.

    Raises
    ------
    InputError
        If one is not there.
    """
    absent = [name for name in names if name not in trait.names]
    if absent:
        dropped = " It was dropped, as its LD score does not vary." if absent[0] in trait.constant else ""
        raise InputError(
            f"{absent[0]}: there is no such annotation in the regression of {trait.trait}, which has "
            f"{', '.join(trait.names[:8])}.{dropped} Name one of these."
        )
    return [trait.names.index(name) for name in names]


def meta_analyses(traits: Sequence[TraitResult]) -> pd.DataFrame:
    """Enrichment and tau* of each annotation over the traits, for a common value and for random effects.

    Returns
    -------
    One row an annotation, quantity and model; traits without a value are left out and the rest is counted in `n`.
    """
    records = []
    for name in dict.fromkeys(name for trait in traits for name in trait.names):
        for quantity in ("enrichment", "tau_star"):
            pairs = [pair for trait in traits if (pair := _estimate(trait, name, quantity)) is not None]
            usable = [(value, error) for value, error in pairs if np.isfinite([value, error]).all() and error > 0]
            if len(usable) < 2:
                continue
            values, errors = zip(*usable, strict=True)
            for model, pooled in (
                ("common", inverse_variance(values, errors)),
                ("random", random_effects(values, errors)),
            ):
                records.append({"annotation": name, "quantity": quantity, "model": model, **_record(pooled)})
    return pd.DataFrame(records)


def _record(pooled: MetaAnalysis) -> dict[str, float]:
    return dict(vars(pooled))


def _estimate(trait: TraitResult, name: str, quantity: str) -> tuple[float, float] | None:
    if name not in trait.names or trait.enrichment is None or trait.tau_star is None:
        return None
    column = trait.names.index(name)
    if quantity == "enrichment":
        return float(trait.enrichment.enrichment[column]), float(trait.enrichment.enrichment_error[column])
    return float(trait.tau_star.estimate[column]), float(trait.tau_star.error[column])


# ---- tables


def annotation_table(trait: TraitResult) -> pd.DataFrame:
    """One row an annotation, with the columns of LDSC's `.results` and what is ours after them."""
    enrichment = trait.enrichment
    share = trait.m / trait.m.sum() if enrichment is None else enrichment.proportion_variants
    if enrichment is None:
        # Without the annotations' values as if they did not overlap, like LDSC without --overlap-annot
        proportion, error = trait.result.proportion, trait.result.proportion_error
        ratio, ratio_error = proportion / share, error / share
        p = np.full(len(share), np.nan)
    else:
        proportion, error = enrichment.proportion, enrichment.proportion_error
        ratio, ratio_error, p = enrichment.enrichment, enrichment.enrichment_error, enrichment.enrichment_p
    columns = {
        "Category": trait.names,
        "Prop._SNPs": share,
        "Prop._h2": proportion,
        "Prop._h2_std_error": error,
        "Enrichment": ratio,
        "Enrichment_std_error": ratio_error,
        "Enrichment_p": p,
        "Coefficient": trait.result.tau,
        "Coefficient_std_error": trait.result.tau_error,
        "Coefficient_z-score": trait.coefficient.z,
        "Coefficient_p": trait.coefficient.p,
    }
    if trait.tau_star is not None:
        columns |= {"tau_star": trait.tau_star.estimate, "tau_star_std_error": trait.tau_star.error}
    return pd.DataFrame(columns)


def quantile_table(trait: TraitResult) -> pd.DataFrame:
    """One row a bin of each continuous annotation."""
    parts = [
        pd.DataFrame(
            {
                "Category": name,
                "Quantile": trait.quantile_labels[name],
                "Prop._SNPs": found.proportion_variants,
                "Prop._h2": found.proportion,
                "Prop._h2_std_error": found.proportion_error,
                "Enrichment": found.enrichment,
                "Enrichment_std_error": found.enrichment_error,
                "Enrichment_p": found.p,
            }
        )
        for name, found in trait.quantiles.items()
    ]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
