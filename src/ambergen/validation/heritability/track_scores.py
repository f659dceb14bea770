"""LD scores and sums of many tracks, chromosome by chromosome: one pass over the genotypes for all of them.

Each chromosome is one job, whose result is one file, so that chromosomes run side by side and a killed run goes on.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ambergen.errors import InputError
from ambergen.io.annotations import AnnotationFile, open_annotation
from ambergen.io.genotypes import PanelVariants
from ambergen.io.ld_score_files import LDScores, concatenated, rounded
from ambergen.statgen.enrichment import bins_between
from ambergen.validation.heritability.track_values import TrackValues, read_values
from ambergen.validation.ld_scoring import COMMON, LDScoreConfig, Panel, annotation_values, chromosome_ld_scores

Array = NDArray[np.float64]

_VALUES_AT_ONCE = 1 << 27
"""Of annotations of a chromosome, besides which there are their LD scores: together 2 GB."""


@dataclass(frozen=True)
class ScoreJob:
    """What the LD scores of a chromosome are computed from; everything in files, so that a worker can be anywhere.

    folder : of the parts, a file a chromosome
    key : of all that the numbers depend on
    listed : a file with the ids to list scores of, or None for all
    baseline : files of annotations; none means one that is 1 for every variant
    with_baseline, with_weights : whether their LD scores are wanted too
    values : folders of `TrackValues`
    """

    folder: Path
    key: str
    prefix: Path
    genetic_map: Path | None
    config: LDScoreConfig
    listed: Path | None
    baseline: tuple[Path, ...]
    with_baseline: bool
    with_weights: bool
    values: tuple[Path, ...]
    n_quantiles: int = 5

    def part(self, chromosome: str) -> Path:
        """The file of one chromosome."""
        return self.folder / f"{chromosome}.npz"

    def open_baseline(self) -> list[AnnotationFile]:
        """Its annotations."""
        return [open_annotation(path) for path in self.baseline]

    def baseline_names(self) -> tuple[str, ...]:
        """Of the annotations."""
        return tuple(name for one in self.open_baseline() for name in one.names) or ("base",)


@dataclass(frozen=True, eq=False)
class GivenValues:
    """Annotations of one chromosome that are in memory."""

    path: Path
    names: tuple[str, ...]
    matrix: Array = field(repr=False)

    def values(self, variants: PanelVariants, rows: slice, chromosome: str) -> Array:
        """As `AnnotationFile`."""
        return self.matrix


@dataclass(frozen=True, eq=False)
class ScorePart:
    """What is known of one chromosome.

    contig, id, position : (n_listed,)
    weights : (n_listed,), LD scores with the listed variants; empty if not asked for
    baseline_scores : (n_baseline, n_listed), empty if not asked for
    scores : a model -> (n_tracks, n_listed)
    n_common : variants that are common
    baseline_overlap, baseline_sums : (n_baseline, n_baseline) and (n_baseline,), over the common variants
    cross, squares, sums : a model -> (n_tracks, n_baseline), (n_tracks,), (n_tracks,) likewise
    quantile_sums, quantile_counts : a model -> (n_tracks, n_quantiles + 1, n_baseline + 1) and (n_tracks,
        n_quantiles + 1); zeros first, the track itself last
    """

    arrays: dict[str, NDArray]

    def __getitem__(self, name: str) -> NDArray:
        return self.arrays[name]

    @cached_property
    def n_listed(self) -> int:
        return len(self.arrays["id"])

    def ld_scores(self, names: Sequence[str], scores: Array, sums: Array | None) -> LDScores:
        """Some of the scores (n_columns, n_listed) as what a file of them would hold."""
        a = self.arrays
        columns = tuple(f"{name}L2" for name in names)
        ids, contig = a["id"].astype(object), a["contig"].astype(object)
        return LDScores(contig, ids, a["position"], columns, scores.T, None, sums)


def score_chromosome(job: ScoreJob, chromosome: str) -> str:
    """Write the part of one chromosome, unless it is there.

    Returns
    -------
    What is wrong with the input, whole, since the reason of a failed job is cut; empty where nothing is.
    """
    path = job.part(chromosome)
    if read_part(path, job.key) is not None:
        return ""
    try:
        found = _score(job, chromosome)
    except InputError as error:
        return str(error)
    _write(path, {"key": np.array(job.key), **found})
    return ""


def read_part(path: Path, key: str) -> ScorePart | None:
    """A part that is there, whole, and of this key."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            if str(stored["key"]) != key:
                return None
            return ScorePart({name: stored[name] for name in stored.files if name != "key"})
    except (OSError, ValueError, KeyError, EOFError):
        return None


def _write(path: Path, arrays: dict[str, NDArray]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    with part.open("wb") as stream:
        np.savez(stream, allow_pickle=False, **arrays)  # type: ignore[arg-type]
        stream.flush()
        os.fsync(stream.fileno())
    part.replace(path)


def _score(job: ScoreJob, chromosome: str) -> dict[str, NDArray]:
    panel = Panel(job.prefix, job.open_baseline(), job.genetic_map)
    files, rows = panel.of(chromosome)
    variants = files.variants.select(rows)
    baseline, _ = annotation_values(panel, job.config, variants, rows, chromosome)
    counts = files.count(rows)
    common = ~counts.is_constant & (np.nan_to_num(counts.minor_frequency) > COMMON)
    listed = None if job.listed is None else frozenset(job.listed.read_text(encoding="utf-8").split("\n"))
    models = [read_values(folder) for folder in job.values]
    place = _place(job, chromosome, len(variants))

    def column(kind: str, number: int) -> Array:
        return _column(kind, number, baseline, models, place, variants, listed)

    def scores_of(names: tuple[str, ...], matrix: Array) -> LDScores:
        panel = Panel(job.prefix, [GivenValues(job.prefix, names, matrix)], job.genetic_map, listed)
        return chromosome_ld_scores(panel, job.config, chromosome, files, rows).scores

    plan = _plan(job, baseline.shape[1], models)
    # Where nothing but sums is wanted the list of variants is still needed
    names = scores_of(("none",), np.zeros((len(variants), 1))) if not plan else None
    found: dict[str, list[Array]] = {}
    at_once = max(1, _VALUES_AT_ONCE // len(variants))
    for first in range(0, len(plan), at_once):
        batch = plan[first : first + at_once]
        matrix = np.hstack([column(kind, number) for kind, number in batch])
        names = scores_of(tuple(f"{kind}{number}" for kind, number in batch), matrix)
        for (kind, _), scores in zip(batch, rounded(names.scores).T, strict=True):
            found.setdefault(kind, []).append(scores)
    assert names is not None
    empty = np.empty((0, len(names)))
    arrays: dict[str, NDArray] = {
        "contig": names.contig.astype(str),
        "id": names.id.astype(str),
        "position": names.position,
        "weights": found["weights"][0] if "weights" in found else empty,
        "baseline_scores": np.array(found["baseline"]) if "baseline" in found else empty,
        "n_common": np.array(int(common.sum())),
        "baseline_overlap": baseline[common].T @ baseline[common],
        "baseline_sums": baseline[common].sum(axis=0),
    }
    for number, model in enumerate(models):
        kind = f"model{number}"
        arrays[f"{kind}_scores"] = np.array(found[kind]) if kind in found else empty
        arrays |= {f"{kind}_{name}": array for name, array in _sums(job, model, place, baseline, common).items()}
    return arrays


def _place(job: ScoreJob, chromosome: str, n_variants: int) -> slice:
    """Of the chromosome's variants among all of the panel."""
    first = int((job.folder / f"{chromosome}.first").read_text())
    return slice(first, first + n_variants)


def _plan(job: ScoreJob, n_baseline: int, models: Sequence[TrackValues]) -> list[tuple[str, int]]:
    """The columns whose LD scores are wanted: what they belong to, and their number in it."""
    plan = [("weights", 0)] if job.with_weights else []
    plan += [("baseline", number) for number in range(n_baseline)] if job.with_baseline else []
    return plan + [(f"model{k}", int(number)) for k, model in enumerate(models) for number in model.varying]


def _column(
    kind: str,
    number: int,
    baseline: Array,
    models: Sequence[TrackValues],
    place: slice,
    variants: PanelVariants,
    listed: frozenset[str] | None,
) -> Array:
    if kind == "baseline":
        return baseline[:, [number]]
    if kind == "weights":
        # LD of a variant with the variants of the regression only
        inside = np.ones(len(variants)) if listed is None else [float(one in listed) for one in variants.id]
        return np.asarray(inside, np.float64)[:, None]
    return models[int(kind.removeprefix("model"))].of(np.array([number]), place)


def _sums(job: ScoreJob, model: TrackValues, place: slice, baseline: Array, common: NDArray) -> dict[str, Array]:
    """What `AnnotationSums` needs of each track beside the baseline, over the common variants of the chromosome."""
    base, varying = baseline[common], model.varying
    n_bins, k = job.n_quantiles + 1, base.shape[1]
    sums = {
        "cross": np.empty((len(varying), k)), "squares": np.empty(len(varying)), "sums": np.empty(len(varying)),
        "quantile_sums": np.zeros((len(varying), n_bins, k + 1)), "quantile_counts": np.zeros((len(varying), n_bins)),
    }  # fmt: skip
    for row, number in enumerate(varying):
        own = model.of(np.array([number]), place)[common, 0]
        sums["cross"][row], sums["squares"][row], sums["sums"][row] = own @ base, own @ own, own.sum()
        borders = model.borders[number]
        if np.isnan(borders).any():
            continue
        bins = bins_between(own, borders)
        inside = (bins == np.arange(n_bins)[:, None]).astype(np.float64)
        sums["quantile_sums"][row] = inside @ np.column_stack([base, own])
        sums["quantile_counts"][row] = inside.sum(axis=1)
    return sums


def joined_scores(parts: Sequence[ScorePart], names: Sequence[str], scores: str, sums: Array | None) -> LDScores:
    """Scores of all chromosomes one after another, with the sizes of the annotations."""
    joined = concatenated([part.ld_scores(names, part[scores], None) for part in parts])
    return LDScores(joined.contig, joined.id, joined.position, joined.names, joined.scores, None, sums)
