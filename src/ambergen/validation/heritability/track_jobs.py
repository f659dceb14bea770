"""One job a trait and track: its regression beside the baseline, kept in one file that is there whole or not at all."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ambergen.atomic import write_json
from ambergen.errors import InputError
from ambergen.io.summary_statistics import read_summary_statistics
from ambergen.validation.heritability.tables import CONSTANT, FAILED, OK
from ambergen.validation.heritability.track_reference import (
    BaselineReference,
    TrackReference,
    read_baseline,
    read_tracks,
)
from ambergen.validation.heritability.traits import (
    RegressionConfig,
    RegressionRows,
    SharedVariants,
    TraitResult,
    regress_rows,
    shared_variants,
)
from ambergen.validation.json_values import number

Array = NDArray[np.float64]


@dataclass(frozen=True)
class TrackJob:
    """A regression.

    path : of its result
    key : of all that the result depends on
    trait, statistics : its name, and its file of summary statistics
    baseline, tracks : folders of the references
    track : its name
    """

    path: Path
    key: str
    trait: str
    statistics: Path
    baseline: Path
    tracks: Path
    track: str
    config: RegressionConfig


@dataclass(frozen=True)
class TrackOutcome:
    """What is kept of a regression.

    values : columns of the table of tracks from `n_snps` on; empty where nothing was fitted
    quintiles : rows of the table of quintiles
    delete_enrichment, delete_tau_star : (n_blocks,), without each block
    """

    status: str
    reason: str
    values: dict[str, float | None]
    quintiles: list[dict[str, Any]]
    delete_enrichment: list[float]
    delete_tau_star: list[float]


def read_outcome(path: Path, key: str | None = None) -> TrackOutcome | None:
    """A result that is there, whole, and of this key, if one is given."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        if key is not None and record["key"] != key:
            return None
        return TrackOutcome(**record["outcome"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def run_job(job: TrackJob) -> None:
    """Make the result of a job and write it; input that cannot be fitted is a result with its reason."""
    try:
        outcome = _outcome(job)
    except InputError as error:
        outcome = TrackOutcome(FAILED, str(error), {}, [], [], [])
    write_json(job.path, {"key": job.key, "trait": job.trait, "track": job.track, "outcome": asdict(outcome)})


@dataclass(frozen=True, eq=False)
class _Study:
    """One trait beside the baseline.

    ld_scores : (n_variants, n_baseline + 1), the last column for the track
    varying : of the baseline, whose LD scores vary among the variants
    """

    shared: SharedVariants
    ld_scores: Array
    weight_ld: Array
    varying: NDArray[np.int64]


# A worker does the tracks of a trait one after another.
@lru_cache(maxsize=1)
def _baseline(folder: Path, made: float) -> BaselineReference:
    return read_baseline(folder)


@lru_cache(maxsize=2)
def _tracks(folder: Path, made: float) -> TrackReference:
    return read_tracks(folder)


@lru_cache(maxsize=1)
def _study(statistics: Path, folder: Path, made: tuple[float, float], config: RegressionConfig) -> _Study:
    baseline = _baseline(folder, made[1])
    read, _ = read_summary_statistics(statistics)
    shared = shared_variants(baseline.id.astype(object), len(baseline.names) + 1, read, config)
    own = np.asarray(baseline.ld_scores[shared.rows])
    varying = np.flatnonzero(np.ptp(own, axis=0) > 0)
    ld_scores = np.empty((len(own), len(varying) + 1))
    ld_scores[:, :-1] = own[:, varying]
    return _Study(shared, ld_scores, baseline.weight_ld[shared.rows], varying)


def _age(path: Path) -> float:
    return path.stat().st_mtime


def _outcome(job: TrackJob) -> TrackOutcome:
    ages = (_age(job.statistics), _age(job.baseline))
    baseline, tracks = _baseline(job.baseline, ages[1]), _tracks(job.tracks, _age(job.tracks))
    study = _study(job.statistics, job.baseline, ages, job.config)
    if job.track in tracks.constant:
        return TrackOutcome(CONSTANT, tracks.constant[job.track], {}, [], [], [])
    row = tracks.row_of[job.track]
    own = tracks.ld_scores[row][study.shared.rows]
    if np.ptp(own) == 0:
        reason = f"its LD score is {own[0]:g} for all {len(own):,} variants of the regression"
        return TrackOutcome(CONSTANT, reason, {}, [], [], [])
    study.ld_scores[:, -1] = own
    name = job.track if job.track not in baseline.names else f"{job.track} (track)"
    rows = RegressionRows(
        study.shared.chi2,
        study.shared.n,
        study.ld_scores,
        study.weight_ld,
        (*(baseline.names[column] for column in study.varying), name),
        np.append(baseline.m[study.varying], tracks.sums[row]),
        study.shared.dropped,
        study.shared.largest_chi2,
        (),
    )
    sums = tracks.annotation_sums(baseline, row, name)
    trait = regress_rows(job.trait, rows, job.config, sums)
    scale = float(sums.standard_deviation[-1]) * sums.n_variants / trait.result.h2
    inside = sums.of(rows.names).overlap[-1]
    result, shares = trait.result, trait.enrichment
    assert shares is not None
    proportions = (result.delete_tau @ inside) / (result.delete_tau @ rows.m)
    return TrackOutcome(
        OK,
        "",
        _values(trait),
        _quintiles(trait, name),
        (proportions / shares.proportion_variants[-1]).tolist(),
        (result.delete_tau[:, -1] * scale).tolist(),
    )


def _values(trait: TraitResult) -> dict[str, float | None]:
    result, shares, star = trait.result, trait.enrichment, trait.tau_star
    assert shares is not None
    assert star is not None
    found: dict[str, Any] = {
        "n_snps": trait.n_variants,
        "prop_snps": shares.proportion_variants[-1],
        "h2": result.h2,
        "h2_se": result.h2_error,
        "prop_h2": shares.proportion[-1],
        "prop_h2_se": shares.proportion_error[-1],
        "enrichment": shares.enrichment[-1],
        "enrichment_se": shares.enrichment_error[-1],
        "enrichment_p": shares.enrichment_p[-1],
        "coefficient": result.tau[-1],
        "coefficient_se": result.tau_error[-1],
        "coefficient_z": trait.coefficient.z[-1],
        "coefficient_p": trait.coefficient.p[-1],
        "tau_star": star.estimate[-1],
        "tau_star_se": star.error[-1],
        "tau_star_p": star.p[-1],
        "intercept": result.intercept,
        "intercept_se": result.intercept_error,
    }
    return {name: number(value) for name, value in found.items()}


def _quintiles(trait: TraitResult, name: str) -> list[dict[str, Any]]:
    if name not in trait.quantiles:
        return []
    bins = trait.quantiles[name]
    columns = {
        "prop_h2": bins.proportion,
        "prop_h2_se": bins.proportion_error,
        "enrichment": bins.enrichment,
        "enrichment_se": bins.enrichment_error,
        "prop_snps": bins.proportion_variants,
        "enrichment_p": bins.p,
    }
    return [
        {"quintile": label, **{column: number(values[k]) for column, values in columns.items()}}
        for k, label in enumerate(trait.quantile_labels[name])
    ]
