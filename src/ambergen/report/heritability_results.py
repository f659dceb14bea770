"""What the page of partitioned heritability shows, from the folder of a study or from plain regressions."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from ambergen.metrics.false_discovery import benjamini_hochberg
from ambergen.validation.heritability.study_folder import read_record
from ambergen.validation.heritability.tables import frame_of, read_table
from ambergen.validation.heritability.traits import TraitResult, annotation_table, quantile_table

TRAITS: dict[str, type] = {
    "trait": str,
    "n_variants": float,  # in the regression
    "n_blocks": float,
    "h2": float,
    "h2_se": float,
    "intercept": float,
    "intercept_se": float,  # nan where the intercept was given
    "mean_chi2": float,
    "lambda_gc": float,
}
"""Columns of a table of traits."""


@dataclass(frozen=True)
class HeritabilityResults:
    """What the page shows; tables may be empty, and columns that are absent are taken as unknown.

    tracks, quintiles, comparison : as of `ambergen.validation.heritability.tables`
    traits : one row a trait, with TRAITS; what is absent is the median over the regressions of `tracks`
    filters : trait -> reason -> variants of the study that were dropped
    sentences : what was found, in words; empty: the page's own
    compared : the arms of `comparison`, of which the first stands as searched and the second as sampled
    """

    tracks: pd.DataFrame
    quintiles: pd.DataFrame = field(default_factory=pd.DataFrame)
    comparison: pd.DataFrame = field(default_factory=pd.DataFrame)
    traits: pd.DataFrame = field(default_factory=pd.DataFrame)
    filters: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    sentences: tuple[str, ...] = ()
    compared: tuple[str, str] = ("searched", "sampled")


def study_results(folder: Path) -> tuple[HeritabilityResults, str]:
    """Results of `ambergen heritability tracks` and `compare`, and how they were made.

    Raises
    ------
    FileFormatError
        If the folder is none of a finished study.
    """
    record = read_record(folder)
    compared = record.get("comparison")
    counts = record["traits"]
    traits = [
        {
            "trait": trait,
            "n_variants": one["variants"],
            "n_blocks": record["settings"]["regression"]["n_blocks"],
            "mean_chi2": one["mean_chi2"],
        }
        for trait, one in counts.items()
    ]
    dropped = {f"no reference: {reason}": n for reason, n in record["baseline"]["dropped"].items()}
    results = HeritabilityResults(
        tracks=read_table(folder, "tracks"),
        quintiles=read_table(folder, "quintiles"),
        comparison=read_table(folder, "comparison") if compared else pd.DataFrame(),
        traits=pd.DataFrame(traits),
        filters={trait: {**_dropped(one), **dropped} for trait, one in counts.items()},
        sentences=(*record["sentences"], *(compared["sentences"] if compared else ())),
        compared=(compared["searched"], compared["sampled"]) if compared else ("searched", "sampled"),
    )
    told = {name: record[name] for name in ("provenance", "settings", "baseline", "panel", "arms", "inputs")}
    return results, json.dumps(told, indent=1, ensure_ascii=False)


def _dropped(counts: Mapping[str, Any]) -> dict[str, int]:
    """Of one file of summary statistics, by reason."""
    found = {
        "incomplete": counts["incomplete"],
        "of an id that came before": counts["duplicates"],
        **counts["dropped"],
    }
    return {f"dropped: {reason}": n for reason, n in found.items() if n}


def plain_results(
    traits: Sequence[TraitResult], filters: Mapping[str, Mapping[str, int]] | None = None
) -> HeritabilityResults:
    """Results of `ambergen heritability run`; false discovery rates are over all annotations and traits.

    Parameters
    ----------
    filters : trait -> reason -> variants of the study that were dropped
    """
    tracks = pd.concat([_annotations(trait) for trait in traits], ignore_index=True)
    for q, p in (("q", "tau_star_p"), ("enrichment_q", "enrichment_p")):
        tracks[q] = benjamini_hochberg(tracks[p].to_numpy(float))
    bins = [_bins(trait) for trait in traits if trait.quantiles]
    return HeritabilityResults(
        tracks=tracks,
        quintiles=pd.concat(bins, ignore_index=True) if bins else frame_of("quintiles", []),
        traits=pd.DataFrame([_trait(trait) for trait in traits]),
        filters=filters or {},
    )


def _trait(trait: TraitResult) -> dict[str, Any]:
    result = trait.result
    return {
        "trait": trait.trait, "n_variants": trait.n_variants, "n_blocks": trait.n_blocks, "h2": result.h2,
        "h2_se": result.h2_error, "intercept": result.intercept, "intercept_se": result.intercept_error,
        "mean_chi2": trait.mean_chi2, "lambda_gc": trait.inflation,
    }  # fmt: skip


def _annotations(trait: TraitResult) -> pd.DataFrame:
    found = annotation_table(trait)
    columns = {
        "Category": "track", "Prop._SNPs": "prop_snps", "Prop._h2": "prop_h2", "Prop._h2_std_error": "prop_h2_se",
        "Enrichment": "enrichment", "Enrichment_std_error": "enrichment_se", "Enrichment_p": "enrichment_p",
        "Coefficient": "coefficient", "Coefficient_std_error": "coefficient_se", "Coefficient_z-score": "coefficient_z",
        "Coefficient_p": "coefficient_p", "tau_star": "tau_star", "tau_star_std_error": "tau_star_se",
    }  # fmt: skip
    rows = found.rename(columns=columns).assign(trait=trait.trait, status="ok", n_snps=trait.n_variants)
    return frame_of("tracks", rows.assign(tau_star_p=rows["coefficient_p"]).to_dict("records"))  # type: ignore[arg-type]


def _bins(trait: TraitResult) -> pd.DataFrame:
    columns = {
        "Category": "track", "Quantile": "quintile", "Prop._SNPs": "prop_snps", "Prop._h2": "prop_h2",
        "Prop._h2_std_error": "prop_h2_se", "Enrichment": "enrichment", "Enrichment_std_error": "enrichment_se",
        "Enrichment_p": "enrichment_p",
    }  # fmt: skip
    rows = quantile_table(trait).rename(columns=columns).assign(trait=trait.trait)
    return frame_of("quintiles", rows.to_dict("records"))  # type: ignore[arg-type]
