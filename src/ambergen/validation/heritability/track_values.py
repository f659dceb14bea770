"""Values of a model's tracks for all variants of a panel, on disk, one track after another."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ambergen.atomic import write_json
from ambergen.errors import InputError
from ambergen.io.annotations import AnnotationFile, EffectAnnotation
from ambergen.io.genotypes import PanelVariants
from ambergen.io.ld_score_files import rounded
from ambergen.progress import Progress
from ambergen.statgen.enrichment import bins_between, quantile_borders
from ambergen.validation.heritability.effect_annotations import AnnotationConfig, effect_sizes, in_form

MADE = "made.json"


@dataclass(frozen=True)
class PanelPart:
    """The variants of one chromosome of a panel, and what becomes of them.

    first : their place among all variants of the panel
    varies, common : (n_variants,), whether a variant counts, and whether its minor allele is more frequent than 5 %
    """

    chromosome: str
    variants: PanelVariants
    rows: slice
    first: int
    varies: NDArray[np.bool_]
    common: NDArray[np.bool_]

    @property
    def place(self) -> slice:
        """Among all variants of the panel."""
        return slice(self.first, self.first + len(self.variants))


@dataclass(frozen=True)
class PanelEffects:
    """Effects of a panel's variants, by chromosome, since those of all may not fit into memory.

    path : what errors call them
    names : of the tracks
    another_genome : variants with neither of their alleles in the genome
    """

    path: Path
    names: tuple[str, ...]
    of_chromosome: Callable[[str], EffectAnnotation]
    another_genome: int = 0


@dataclass(frozen=True, eq=False)
class TrackValues:
    """The annotations of one model.

    tracks : their names
    values : (n_tracks, n_variants) on disk; of effects as they were scored, in single precision
    constant : track -> why there is nothing to fit
    borders : (n_tracks, n_quantiles - 1), between quantiles of the common variants; nan where they have ties
    counts : what became of variants: unscored ones have 0, those of another genome neither allele in it
    """

    tracks: tuple[str, ...]
    values: NDArray
    constant: dict[str, str]
    borders: NDArray[np.float64]
    counts: dict[str, int]

    @property
    def varying(self) -> NDArray[np.int64]:
        """Numbers of the tracks that are fitted."""
        return np.array([k for k, track in enumerate(self.tracks) if track not in self.constant], dtype=np.int64)

    def of(self, numbers: NDArray[np.int64], place: slice) -> NDArray[np.float64]:
        """(n_variants, n_numbers) of a chromosome, as a reader of `.annot` files gets them."""
        return _as_written(self.values[numbers, place]).T


def _as_written(values: NDArray) -> NDArray[np.float64]:
    wide = np.asarray(values, np.float64)
    # Effects have nine digits in the files of `heritability annotate`; other annotations stay as they were read.
    return rounded(wide) if values.dtype == np.float32 else wide


def make_values(
    folder: Path,
    source: AnnotationFile | PanelEffects,
    parts: Sequence[PanelPart],
    config: AnnotationConfig,
    n_quantiles: int,
    key: str,
    progress: Progress,
) -> TrackValues:
    """Values of all tracks of a source, kept in `folder`; what is there already of the same `key` is not made again.

    Raises
    ------
    InputError
        If too many variants lack an effect, or two tracks have one name.
    """
    if not is_made(folder, key):
        aside = folder.with_name(f".{folder.name}.part")
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir(parents=True)
        _make(aside, source, parts, config, n_quantiles, progress)
        record = json.loads((aside / MADE).read_text())
        write_json(aside / MADE, {**record, "key": key})
        shutil.rmtree(folder, ignore_errors=True)
        aside.replace(folder)
    return read_values(folder)


def is_made(folder: Path, key: str) -> bool:
    """Whether a folder of results is there, whole, and of this key."""
    try:
        return bool(json.loads((folder / MADE).read_text())["key"] == key)
    except (OSError, ValueError, KeyError):
        return False


def read_values(folder: Path) -> TrackValues:
    """What `make_values` has written."""
    record = json.loads((folder / MADE).read_text())
    return TrackValues(
        tuple(record["tracks"]),
        np.load(folder / "values.npy", mmap_mode="r"),
        record["constant"],
        np.load(folder / "borders.npy"),
        record["counts"],
    )


def _make(
    folder: Path,
    source: AnnotationFile | PanelEffects,
    parts: Sequence[PanelPart],
    config: AnnotationConfig,
    n_quantiles: int,
    progress: Progress,
) -> None:
    is_effects = isinstance(source, PanelEffects)
    tracks = ("max_over_tracks",) if is_effects and config.over_tracks == "max" else source.names
    repeated = sorted({track for track in tracks if tracks.count(track) > 1})
    if repeated:
        raise InputError(
            f"{source.path}: two tracks are called {repeated[0]}; expected a name for each. Rename one, or leave it "
            "out with --track."
        )
    shape = (len(tracks), sum(len(part.variants) for part in parts))
    kind = np.float32 if is_effects else np.float64
    values = np.lib.format.open_memmap(folder / "values.npy", mode="w+", dtype=kind, shape=shape)
    unscored = 0
    with progress.task(f"Annotations of {source.path}", shape[1]) as task:
        for part in parts:
            found, lacking = _of_part(source, part, config)
            values[:, part.place] = found.T
            unscored += lacking
            task.advance(len(part.variants))
    varies = np.concatenate([part.varies for part in parts])
    common = np.concatenate([part.common for part in parts])
    constant: dict[str, str] = {}
    borders = np.full((len(tracks), n_quantiles - 1), np.nan)
    for number, track in enumerate(tracks):
        if is_effects:
            values[number] = in_form(values[number], config)
        own = _as_written(values[number])
        reason = _constant(own, varies, common)
        if reason:
            constant[track] = reason
        else:
            borders[number] = _borders(own[common], n_quantiles)
    values.flush()
    np.save(folder / "borders.npy", borders)
    counts = {"unscored": unscored}
    if isinstance(source, PanelEffects):
        counts["of another genome"] = source.another_genome
    record: dict[str, Any] = {"tracks": list(tracks), "constant": constant, "counts": counts}
    write_json(folder / MADE, record)


def _of_part(source: AnnotationFile | PanelEffects, part: PanelPart, config: AnnotationConfig) -> tuple[NDArray, int]:
    if isinstance(source, PanelEffects):
        return effect_sizes(source.of_chromosome(part.chromosome), part.variants, part.chromosome, config)
    return source.values(part.variants, part.rows, part.chromosome), 0


def _constant(values: NDArray[np.float64], varies: NDArray[np.bool_], common: NDArray[np.bool_]) -> str:
    """Why an annotation cannot be fitted; empty if it can."""
    for what, chosen in (("variants that vary in the panel", varies), ("common variants", common)):
        own = values[chosen]
        if np.ptp(own) == 0:
            return f"the annotation is {own[0]:g} for all {len(own):,} {what}"
    return ""


def _borders(values: NDArray[np.float64], n_quantiles: int) -> NDArray[np.float64]:
    borders = quantile_borders(values, n_quantiles)
    counts = np.bincount(bins_between(values, borders), minlength=n_quantiles + 1)[1:]
    return np.full(n_quantiles - 1, np.nan) if (counts == 0).any() else borders
