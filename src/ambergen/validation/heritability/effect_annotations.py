"""Annotations of a panel made from effects of its variants on the tracks of a model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ambergen.effects.files import ending
from ambergen.effects.files import read_effects as read_effect_file
from ambergen.errors import ConfigError, InputError
from ambergen.io.annotation_output import column_names
from ambergen.io.annotations import COLUMN_OF_SCORE, EffectAnnotation, Match, Score, effects_of_alleles
from ambergen.io.chromosome_files import chromosomes, is_pattern, of_chromosome
from ambergen.io.genotypes import PanelVariants, read_bim
from ambergen.statgen.effect_transforms import largest, rank_normalised
from ambergen.validation.ld_scoring import lacking_effect

Form = Literal["size", "rank", "top"]


@dataclass(frozen=True)
class AnnotationConfig:
    """How effects become annotations.

    score : whose absolute value is the size of an effect; AMBER took that of the difference
    over_tracks : ``max`` makes one annotation, each variant's largest size
    form : the ``size`` itself, its ``rank`` over all variants in (0, 1], or 1 for the ``top`` share of the variants
    share : of the variants, for ``top``
    match : what a variant and a scored allele must share; AMBER joined by position and took the mean of several alleles
    most_unscored : largest share of the panel's variants that may lack an effect; they have 0 (AMBER: less than 0.5 %)
    """

    score: Score = "abs_diff"
    over_tracks: Literal["each", "max"] = "each"
    form: Form = "size"
    share: float = 0.01
    match: Match = "alleles"
    most_unscored: float = 0.005

    def __post_init__(self) -> None:
        if not 0 < self.share < 1:
            raise ConfigError(f"the share of the top variants is {self.share:g}; expected between 0 and 1 (--top).")
        if not 0 <= self.most_unscored <= 1:
            raise ConfigError(
                f"the share of unscored variants is {self.most_unscored:g}; expected 0 to 1 (--unscored)."
            )


@dataclass(frozen=True, eq=False)
class PanelAnnotations:
    """Annotations of all variants of a panel.

    names : of the annotations, fit to be names of columns
    parts : what stands in place of `@` -> variants, in the order of the files
    values : (n_variants, n_annotations), of all parts one after another
    unscored : part -> variants without an effect on some track, which have 0
    """

    names: tuple[str, ...]
    parts: dict[str, PanelVariants]
    values: NDArray[np.float32]
    unscored: dict[str, int]

    def chromosomes(self) -> Iterator[tuple[str, PanelVariants, NDArray[np.float64]]]:
        """Each part with its values."""
        first = 0
        for chromosome, variants in self.parts.items():
            last = first + len(variants)
            yield chromosome, variants, self.values[first:last].astype(np.float64)
            first = last


def read_panel(prefix: Path) -> dict[str, PanelVariants]:
    """The variants of the bim files, by what stands in place of `@`; one part where there is no `@`.

    Raises
    ------
    FileFormatError
        If a file is absent or malformed.
    """
    found = chromosomes(prefix, (".bim",)) if is_pattern(prefix) else [""]
    paths = {name: of_chromosome(prefix, name) for name in found}
    return {name: read_bim(path.with_name(path.name + ".bim")) for name, path in paths.items()}


def read_effect_annotation(path: Path, config: AnnotationConfig, tracks: Sequence[str] = ()) -> EffectAnnotation:
    """Sizes of the effects in a file of `ambergen effects`: TSV, Parquet or HDF5.

    Raises
    ------
    FileFormatError
        If it is no such file.
    InputError
        If it lacks the score or a track.
    """
    if ending(path) not in (".tsv", ".tsv.gz", ".parquet", ".h5", ".hdf5"):
        raise InputError(
            f"{path}: neither a file of effects (.tsv, .tsv.gz, .parquet, .h5) nor the folder of a model. Give one."
        )
    column = COLUMN_OF_SCORE[config.score]
    effects = read_effect_file(path, (column,))
    absent = [track for track in tracks if track not in effects.tracks]
    if absent:
        raise InputError(
            f"{path}: there is no track {absent[0]}; the file has {', '.join(effects.tracks[:5])}"
            f"{', …' if len(effects.tracks) > 5 else ''}. Correct the name."
        )
    chosen = effects.select_tracks(tracks) if tracks else effects
    if column not in chosen.matrices:
        raise InputError(
            f"{path}: has no {column}, which the score {config.score} needs, as the model's outputs are no logits. "
            "Take --score abs_diff."
        )
    return effects_of_alleles(path, chosen.tracks, chosen.variants, chosen.matrices[column], config.match)


def panel_annotations(
    effects: EffectAnnotation, panel: dict[str, PanelVariants], config: AnnotationConfig
) -> PanelAnnotations:
    """Annotations of a panel's variants; ranks and the top share are over all of its chromosomes.

    Raises
    ------
    InputError
        If more variants lack an effect than allowed, or an annotation is 0 for all.
    """
    blocks, unscored = [], {}
    for chromosome, variants in panel.items():
        sizes, unscored[chromosome] = effect_sizes(effects, variants, chromosome, config)
        blocks.append(sizes)
    values = np.concatenate(blocks)
    names = ("max_over_tracks",) if config.over_tracks == "max" else column_names(effects.names)
    for column in range(values.shape[1]):
        values[:, column] = in_form(values[:, column], config)
        if not values[:, column].any():
            raise InputError(
                f"{effects.path}: the annotation {names[column]} is 0 for every variant of the panel; expected effects "
                "that are not all 0. Leave the track out, or look at the model."
            )
    return PanelAnnotations(names, panel, values, unscored)


def effect_sizes(
    effects: EffectAnnotation, variants: PanelVariants, chromosome: str, config: AnnotationConfig
) -> tuple[NDArray[np.float32], int]:
    """Sizes of the effects of a chromosome's variants, and how many lack one.

    Returns
    -------
    (n_variants, n_annotations), nan where there is none; and a number

    Raises
    ------
    PanelError
        If more variants lack an effect than allowed.
    """
    rows = [effects.values(variants.select(part), part, chromosome) for _, part in variants.contig_rows()]
    sizes = np.concatenate(rows).astype(np.float32)
    lacking = lacking_effect(effects.path, sizes, variants, chromosome, config.most_unscored)
    if config.over_tracks == "max":
        # fmax: a track without a score does not hide the others
        sizes = np.fmax.reduce(sizes, axis=1, keepdims=True)
    return sizes, int(lacking.sum())


def in_form(sizes: NDArray[np.float32], config: AnnotationConfig) -> NDArray:
    """(n_variants,) sizes of all variants of a panel in the form that is asked for; 0 where there is none."""
    formed: NDArray = sizes
    if config.form == "rank":
        formed = rank_normalised(sizes)
    elif config.form == "top":
        formed = largest(sizes, config.share)
    return np.nan_to_num(formed, nan=0.0)
