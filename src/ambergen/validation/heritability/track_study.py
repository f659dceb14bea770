"""From models to enrichment: the chain of effects, annotations, LD scores and one regression a trait and track.

Every step leaves what it has made in the folder of the study, with a key of all that it depends on. A study that was
killed goes on; one with a further trait or model does only what is new.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ambergen import __version__
from ambergen.atomic import write_text
from ambergen.errors import FileFormatError, InputError, RunError
from ambergen.executors.base import Executor
from ambergen.io.annotations import AnnotationFile, EffectAnnotation, open_annotation
from ambergen.io.chromosome_files import chromosomes, is_pattern, of_chromosome
from ambergen.io.genome import Genome
from ambergen.io.genotypes import PanelVariants
from ambergen.io.ld_score_files import read_ld_scores
from ambergen.io.summary_statistics import read_summary_statistics
from ambergen.metrics.false_discovery import benjamini_hochberg
from ambergen.progress import Progress
from ambergen.validation.heritability.effect_annotations import AnnotationConfig, read_effect_annotation
from ambergen.validation.heritability.panel_effects import check_genome, load_for_panel, score_panel
from ambergen.validation.heritability.tables import (
    ALL_TRAITS,
    FAILED,
    frame_of,
)
from ambergen.validation.heritability.track_jobs import TrackJob, TrackOutcome, read_outcome, run_job
from ambergen.validation.heritability.track_reference import (
    make_baseline,
    make_tracks,
    read_baseline,
    read_tracks,
)
from ambergen.validation.heritability.track_scores import ScoreJob, read_part, score_chromosome
from ambergen.validation.heritability.track_sources import TrackSource
from ambergen.validation.heritability.track_values import PanelEffects, PanelPart, is_made, make_values, read_values
from ambergen.validation.heritability.traits import SMALLEST_BLOCK, RegressionConfig, shared_variants
from ambergen.validation.ld_scoring import COMMON, LDScoreConfig, Panel, check_panel, read_listed


@dataclass(frozen=True)
class StudyConfig:
    """Settings of all steps.

    keep_mhc : keep chr6:25-34 Mb
    n_quantiles : of a continuous annotation
    """

    annotation: AnnotationConfig = field(default_factory=AnnotationConfig)
    ld: LDScoreConfig = field(default_factory=LDScoreConfig)
    regression: RegressionConfig = field(default_factory=RegressionConfig)
    keep_mhc: bool = False
    n_quantiles: int = 5


@dataclass(frozen=True)
class StudyInputs:
    """What a study is made of.

    sources : of tracks
    bfile : prefix of the panel's PLINK files, `@` for the chromosome
    statistics : trait -> file of summary statistics
    ld_scores : prefixes of the baseline's LD scores, joined by commas; None computes them from `annotations`
    annotations : of the baseline; none means those beside `ld_scores`, or one that is 1 for every variant
    weights : prefix of LD scores with the variants of the regression; None computes them
    listed : a file of the ids of the regression's variants
    genome, genetic_map : of the panel's assembly; the first for models, the second instead of the .bim files' positions
    tracks : to take; all if none is named
    """

    sources: tuple[TrackSource, ...]
    bfile: Path
    statistics: dict[str, Path]
    genome: Path | None = None
    ld_scores: str | None = None
    annotations: tuple[Path, ...] = ()
    weights: str | None = None
    listed: Path | None = None
    genetic_map: Path | None = None
    tracks: tuple[str, ...] = ()


def named_traits(paths: Iterable[Path]) -> dict[str, Path]:
    """Traits by the names of their files.

    Raises
    ------
    InputError
        If there is none, two have one name, or one is called as the mean over all.
    """
    found: dict[str, Path] = {}
    for path in paths:
        name = path.name.removesuffix(".gz").removesuffix(".sumstats")
        if name in found:
            raise InputError(
                f"{path} and {found[name]}: two files give the name {name} of a trait; expected different ones. "
                "Rename one."
            )
        if name == ALL_TRAITS:
            raise InputError(f"{path}: a trait cannot be called {name}, which stands for the mean. Rename the file.")
        found[name] = path
    if not found:
        raise InputError("tracks: there is no file of summary statistics; expected one for each trait.")
    return found


@dataclass(frozen=True, eq=False)
class Study:
    """A study and its folder."""

    inputs: StudyInputs
    config: StudyConfig
    folder: Path
    _checksums: dict[Path, str] = field(default_factory=dict, repr=False)
    _weights: dict[TrackSource, str] = field(default_factory=dict, repr=False)

    @property
    def work(self) -> Path:
        """What later steps read, and a further run need not make again."""
        return self.folder / "work"

    # ---- checks and keys

    def check(self, progress: Progress) -> None:
        """Find in seconds what would fail after hours."""
        inputs = self.inputs
        if inputs.genome is None and any(source.kind == "model" for source in inputs.sources):
            one = next(source for source in inputs.sources if source.kind == "model")
            raise InputError(f"{one.path}: a model scores windows of a genome; expected --genome FASTA. Give it.")
        if inputs.genome is not None and not any(source.kind == "model" for source in inputs.sources):
            raise InputError("--genome: is for models, and there is none among the sources. Leave it out.")
        panel = Panel(inputs.bfile, [open_annotation(path) for path in self.baseline], inputs.genetic_map)
        check_panel(panel, self.config.ld)
        ids = np.concatenate([part.variants.id for part in self.parts])
        if self.listed is not None:
            ids = ids[np.isin(ids.astype(str), np.array(sorted(self.listed)))]
            if not len(ids):
                raise InputError(
                    f"{inputs.bfile}: none of the variants of the regression is in the panel; expected ids as in the "
                    f".bim file, not {', '.join(sorted(self.listed)[:2])}. Give the panel of the baseline."
                )
        least = SMALLEST_BLOCK * self.config.regression.n_blocks
        with progress.task("Checking traits", len(inputs.statistics)) as task:
            for trait, path in inputs.statistics.items():
                read, _ = read_summary_statistics(path)
                try:
                    # Two annotations: the baseline and the track
                    shared = shared_variants(ids, 2, read, self.config.regression)
                except InputError as error:
                    raise InputError(f"{path}: {error}") from error
                if len(shared.rows) < least:
                    dropped = "".join(f", {count:,} {reason}" for reason, count in shared.dropped.items())
                    raise InputError(
                        f"{path}: {len(shared.rows):,} of {len(read):,} variants are left for the regression, whose "
                        f"reference has {len(ids):,}{dropped}; expected at least {least:,}, {SMALLEST_BLOCK} for each "
                        f"of {self.config.regression.n_blocks} blocks. Look at the kind of ids ({trait} begins with "
                        f"{read.id[0]}, the panel with {ids[0]}), or take fewer blocks (--n-blocks), at most one for "
                        "each region that the study covers."
                    )
                task.advance()

    @cached_property
    def baseline(self) -> tuple[Path, ...]:
        """Files of the baseline's annotations; LDSC has them beside the LD scores, under the same prefixes.

        None for LD scores with the one column `L2`, whose annotation is 1 everywhere.
        """
        if self.inputs.annotations or not self.inputs.ld_scores:
            return self.inputs.annotations
        prefixes = _prefixes(self.inputs.ld_scores)
        try:
            for prefix in prefixes:
                open_annotation(prefix)
        except FileFormatError as error:
            if read_ld_scores(self.inputs.ld_scores).names == ("L2",):
                return ()
            raise InputError(
                f"--baseline {self.inputs.ld_scores}: enrichment and tau* need the annotations too, and they are not "
                f"beside the LD scores ({error}) Give them with --annot."
            ) from error
        return tuple(prefixes)

    @cached_property
    def listed(self) -> frozenset[str] | None:
        """Ids of the regression's variants; None for all of the panel."""
        found = None if self.inputs.listed is None else read_listed(self.inputs.listed)
        for prefix in (self.inputs.ld_scores, self.inputs.weights):
            if prefix is not None:
                own = frozenset(map(str, read_ld_scores(prefix).id))
                found = own if found is None else found & own
        return found

    @cached_property
    def parts(self) -> list[PanelPart]:
        """The chromosomes of the panel."""
        found, first = [], 0
        for chromosome, files, rows in Panel(self.inputs.bfile).chromosomes():
            counts, variants = files.count(rows), files.variants.select(rows)
            frequency = np.nan_to_num(counts.minor_frequency)
            varies = ~counts.is_constant & (frequency > self.config.ld.above_frequency)
            common = ~counts.is_constant & (frequency > COMMON)
            found.append(PanelPart(chromosome, variants, rows, first, varies, common))
            first += len(variants)
        if not any(part.common.any() for part in found):
            raise InputError(
                f"{self.inputs.bfile}: no variant has a minor allele more frequent than {COMMON:.0%}; expected some "
                "common ones. Look at the panel's genotypes."
            )
        return found

    def checksum(self, path: Path) -> str:
        """SHA-256 of a file."""
        if path not in self._checksums:
            with path.open("rb") as stream:
                self._checksums[path] = hashlib.file_digest(stream, "sha256").hexdigest()
        return self._checksums[path]

    def files(self, prefix: Path, endings: tuple[str, ...]) -> list[Path]:
        """The files that a prefix, or a pattern of chromosomes, stands for."""
        names = [prefix]
        if is_pattern(prefix):
            names = [of_chromosome(prefix, chromosome) for chromosome in chromosomes(prefix, endings)]
        found = [name.with_name(name.name + ending) for name in names for ending in endings]
        return [path for path in found if path.is_file()]

    @cached_property
    def input_files(self) -> dict[str, list[Path]]:
        """All that the study reads beside models, by what it is for."""
        inputs = self.inputs
        scores = (".l2.ldscore.gz", ".l2.ldscore", ".l2.M_5_50")
        found = {
            "panel": self.files(inputs.bfile, (".bed", ".bim", ".fam")),
            "baseline": [path for one in self.baseline for path in self.files(one, ("", ".annot.gz", ".annot"))],
            "ld_scores": [path for one in _prefixes(inputs.ld_scores) for path in self.files(one, scores)],
            "weights": [path for one in _prefixes(inputs.weights) for path in self.files(one, scores)],
        }
        single = {"listed": inputs.listed, "genome": inputs.genome}
        found |= {name: [path] for name, path in single.items() if path is not None}
        if inputs.genetic_map is not None:
            found["genetic_map"] = self.files(inputs.genetic_map, ("",))
        return {name: paths for name, paths in found.items() if paths}

    def sums_of(self, *names: str) -> dict[str, list[str]]:
        """Checksums of the input files of these names."""
        return {name: [self.checksum(path) for path in self.input_files.get(name, [])] for name in names}

    @cached_property
    def panel_key(self) -> str:
        """Of the panel and everything that decides which variants count."""
        known = self.sums_of("panel", "ld_scores", "weights", "listed", "genetic_map", "baseline")
        return _key(known, asdict(self.config.ld), self.config.keep_mhc, self.config.n_quantiles)

    # ---- the steps

    def values_key(self, source: TrackSource) -> str:
        """Of a source's annotations."""
        config = asdict(self.config.annotation)
        known = self.sums_of("panel", "genome") if source.kind == "model" else self.sums_of("panel")
        own, chosen = self.source_checksum(source), list(self.inputs.tracks)
        return _key(known, own, config, chosen, self.config.n_quantiles, self.config.ld.above_frequency)

    def source_checksum(self, source: TrackSource) -> str:
        """Of the weights of a model, or of a source's files."""
        if source.kind == "model":
            if source not in self._weights:
                self._weights[source] = load_for_panel(source.path).checksum
            return self._weights[source]
        files = self.files(source.path, ("", ".annot.gz", ".annot"))
        return self.checksum(files[0]) if len(files) == 1 else _key([self.checksum(path) for path in files])

    def annotate(self, progress: Progress) -> None:
        """Annotations of every source that has no LD scores yet."""
        read = _Once(lambda: Genome.read(self.inputs.genome, self.work))  # type: ignore[arg-type]
        self.work.mkdir(parents=True, exist_ok=True)
        for source in self.pending:
            opened: AnnotationFile | PanelEffects
            if source.kind == "model":
                opened = self._effects_of_model(source, read, progress)
            elif source.kind == "effects":
                effects = read_effect_annotation(source.path, self.config.annotation, self.inputs.tracks)
                opened = PanelEffects(source.path, effects.names, _same(effects))
            else:
                opened = self._annotation(source)
            make_values(
                self.values_folder(source), opened, self.parts, self.config.annotation, self.config.n_quantiles,
                self.values_key(source), progress,
            )  # fmt: skip

    @property
    def pending(self) -> list[TrackSource]:
        """Sources without LD scores."""
        return [
            source
            for source in self.inputs.sources
            if not is_made(self.reference_folder(source), self.reference_key(source))
        ]

    def _annotation(self, source: TrackSource) -> AnnotationFile:
        opened = open_annotation(source.path)
        absent = [track for track in self.inputs.tracks if track not in opened.names]
        if absent:
            raise InputError(
                f"{source.path}: there is no annotation {absent[0]}; the file has {', '.join(opened.names[:5])}. "
                "Correct --track."
            )
        return _Chosen(opened, self.inputs.tracks) if self.inputs.tracks else opened

    def _effects_of_model(self, source: TrackSource, genome: _Once, progress: Progress) -> PanelEffects:
        ensemble, bfile = load_for_panel(source.path), self.inputs.bfile
        panel = {part.chromosome: part.variants for part in self.parts}
        match = check_genome(genome.get(), bfile, panel, max(model.length for model in ensemble.models))
        checksum = _key(self.sums_of("panel"))

        def effects_of(chromosome: str) -> EffectAnnotation:
            kept = self.folder / "effects" / source.arm / f"{source.model}.{chromosome}.parquet"
            own = {chromosome: panel[chromosome]}
            score_panel(ensemble, genome.get(), bfile, own, f"{checksum} {chromosome}", kept, progress)
            return read_effect_annotation(kept, self.config.annotation, self.inputs.tracks)

        tracks = self.inputs.tracks or tuple(ensemble.models[0].tracks)
        absent = [track for track in tracks if track not in ensemble.models[0].tracks]
        if absent:
            raise InputError(f"{source.path}: the model has no track {absent[0]}. Correct --track.")
        return PanelEffects(source.path, tracks, effects_of, match.other)

    def values_folder(self, source: TrackSource) -> Path:
        """Of a source's annotations."""
        return self.work / "values" / source.arm / source.model

    def reference_folder(self, source: TrackSource) -> Path:
        """Of the LD scores of a source's tracks."""
        return self.work / "tracks" / source.arm / source.model

    @property
    def baseline_folder(self) -> Path:
        """Of the baseline's LD scores."""
        return self.work / "baseline"

    def reference_key(self, source: TrackSource) -> str:
        """Of the LD scores of a source's tracks."""
        return _key(self.panel_key, self.values_key(source))

    def score(self, executor: Executor, progress: Progress) -> None:
        """LD scores and sums of the baseline and of all tracks, one job a chromosome."""
        pending, is_new = self.pending, not is_made(self.baseline_folder, self.panel_key)
        if not pending and not is_new:
            return
        values = [self.values_folder(source) for source in pending]
        key = _key(is_new, self.panel_key, *(self.reference_key(source) for source in pending))
        job = self._score_job(values, key, is_new)
        jobs = []
        for part in self.parts:
            write_text(job.folder / f"{part.chromosome}.first", str(part.first))
            jobs.append(executor.submit(score_chromosome, job, part.chromosome))
        with progress.task("LD scores, chromosomes", len(jobs)) as task:
            for one in executor.as_completed(jobs):
                result = one.result()
                if result.status == "failed":
                    raise RunError(f"LD scores: a chromosome failed: {result.reason}. Run the command again.")
                if result.value:
                    raise InputError(result.value)
                task.advance()
        parts = []
        for part in self.parts:
            found = read_part(job.part(part.chromosome), key)
            if found is None:
                raise RunError(f"{job.part(part.chromosome)}: is not as it was written. Run the command again.")
            parts.append(found)
        make_baseline(
            self.baseline_folder, self.panel_key, job, parts, self.inputs.ld_scores, self.inputs.weights,
            self.config.keep_mhc,
        )  # fmt: skip
        baseline, names = read_baseline(self.baseline_folder), job.baseline_names()
        for number, source in enumerate(pending):
            own = read_values(values[number])
            make_tracks(self.reference_folder(source), self.reference_key(source), own, number, baseline, names, parts)
        # Nothing reads these any more
        shutil.rmtree(job.folder)
        for folder in values:
            shutil.rmtree(folder)

    def _score_job(self, values: Sequence[Path], key: str, is_new: bool) -> ScoreJob:
        inputs = self.inputs
        listed = None
        if self.listed is not None:
            listed = self.work / "listed.txt"
            write_text(listed, "\n".join(sorted(self.listed)))
        return ScoreJob(
            self.work / "scores", key, inputs.bfile, inputs.genetic_map, self.config.ld, listed, self.baseline,
            is_new and inputs.ld_scores is None, is_new and inputs.weights is None, tuple(values),
            self.config.n_quantiles,
        )  # fmt: skip

    def jobs(self) -> list[TrackJob]:
        """One a trait and track, the tracks of a trait one after another."""
        tracks = {source: read_tracks(self.reference_folder(source)).tracks for source in self.inputs.sources}
        keys = {source: self.reference_key(source) for source in self.inputs.sources}
        config = asdict(self.config.regression)
        found = []
        for trait, path in self.inputs.statistics.items():
            statistics = self.checksum(path)
            for source, names in tracks.items():
                key = _key(keys[source], statistics, config)
                for number, track in enumerate(names):
                    place = result_path(self.folder, trait, source.arm, source.model, number)
                    found.append(
                        TrackJob(
                            place, key, trait, path, self.baseline_folder, self.reference_folder(source), track,
                            self.config.regression,
                        )
                    )  # fmt: skip
        return found

    def regress(self, executor: Executor, progress: Progress) -> dict[Path, str]:
        """Run the jobs that have no result yet; reasons of those that were lost, by the path of their result."""
        pending = [job for job in self.jobs() if read_outcome(job.path, job.key) is None]
        lost = {}
        with progress.task("Regressions", len(pending)) as task:
            submitted = [executor.submit(run_job, job) for job in pending]
            path_of = {id(one): job.path for one, job in zip(submitted, pending, strict=True)}
            for one in executor.as_completed(submitted):
                result = one.result()
                if result.status == "failed":
                    lost[path_of[id(one)]] = result.reason
                task.advance()
        return lost

    # ---- what comes out

    def tables(self, lost: Mapping[Path, str]) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Of tracks and of quintiles."""
        arm_of = {self.reference_folder(source): source for source in self.inputs.sources}
        rows, quintiles = [], []
        for job in self.jobs():
            source = arm_of[job.tracks]
            head = {"arm": source.arm, "model": source.model, "trait": job.trait, "track": job.track}
            outcome = read_outcome(job.path, job.key)
            if outcome is None:
                reason = f"{lost.get(job.path, 'the job left no result')}. The same command tries it again."
                outcome = TrackOutcome(FAILED, reason, {}, [], [], [])
            rows.append({**head, "status": outcome.status, "reason": outcome.reason, "n_snps": 0, **outcome.values})
            quintiles += [{**head, **row} for row in outcome.quintiles]
        frame = frame_of("tracks", rows)
        # The family of tests is everything that was asked of the models of an arm
        for _, own in frame.groupby("arm", sort=False):
            frame.loc[own.index, "q"] = benjamini_hochberg(own["tau_star_p"])
            frame.loc[own.index, "enrichment_q"] = benjamini_hochberg(own["enrichment_p"])
        return frame, frame_of("quintiles", quintiles)


def result_path(folder: Path, trait: str, arm: str, model: str, number: int) -> Path:
    """Of one regression in the folder of a study."""
    return folder / "results" / trait / arm / model / f"{number:04d}.json"


# ---- small things


def _prefixes(text: str | None) -> list[Path]:
    return [Path(one) for one in text.split(",")] if text else []


def _key(*facts: Any) -> str:
    text = json.dumps([__version__, *facts], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _same(effects: EffectAnnotation) -> Callable[[str], EffectAnnotation]:
    return lambda chromosome: effects


class _Once:
    """A value that is made when first asked for."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make, self._made = make, None

    def get(self) -> Any:
        if self._made is None:
            self._made = self._make()
        return self._made


@dataclass(frozen=True, eq=False)
class _Chosen:
    """Some of the annotations of a file."""

    whole: AnnotationFile
    names: tuple[str, ...]

    @property
    def path(self) -> Path:
        return self.whole.path

    def values(self, variants: PanelVariants, rows: slice, chromosome: str) -> NDArray[np.float64]:
        order = [self.whole.names.index(name) for name in self.names]
        return self.whole.values(variants, rows, chromosome)[:, order]
