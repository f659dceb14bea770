"""LD scores of a reference panel, chromosome by chromosome: from files to scores and sizes of annotations."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ambergen.errors import ConfigError, FileFormatError, PanelError
from ambergen.io.annotations import AlignedAnnotation, AnnotationFile
from ambergen.io.chromosome_files import chromosomes, is_pattern, of_chromosome
from ambergen.io.compression import open_by_content
from ambergen.io.genetic_map import read_genetic_map
from ambergen.io.genotypes import PanelVariants, PlinkFiles, open_plink
from ambergen.io.ld_score_files import LDScores
from ambergen.progress import SILENT, Progress
from ambergen.statgen.linkage import banded_ld_scores, reach_ends

COMMON = 0.05
_NO_ID = frozenset({".", "0", "NA"})
# A centimorgan is about a megabase; centimorgans read from a column of morgans are a hundred times as much.
_WIDEST_REACH = 20_000_000


@dataclass(frozen=True)
class LDScoreConfig:
    """What counts as a neighbour, and which variants count.

    reach, unit : variants at most so far apart count; LDSC's users take 1 centimorgan
    above_frequency : variants whose minor allele is not more frequent than this are left out, as in LDSC
    zero_centimorgans : whether a position of 0 cM may occur more than once, and is then taken as it stands
    most_unscored : largest share of a chromosome's variants that a table of effects may lack; they have 0 (AMBER found
        less than 0.5 % missing)
    """

    reach: float = 1.0
    unit: Literal["cM", "kb", "SNPs"] = "cM"
    above_frequency: float = 0.0
    zero_centimorgans: bool = False
    most_unscored: float = 0.005

    def __post_init__(self) -> None:
        if not self.reach > 0:
            raise ConfigError(f"the reach is {self.reach:g} {self.unit}; expected more than 0. Give another one.")
        if not 0 <= self.above_frequency < 0.5:
            raise ConfigError(
                f"the frequency is {self.above_frequency:g}; expected 0 or more and less than 0.5, since it is that of "
                "the minor allele."
            )
        if not 0 <= self.most_unscored <= 1:
            raise ConfigError(f"the share of unscored variants is {self.most_unscored:g}; expected 0 to 1.")


@dataclass(frozen=True)
class Counts:
    """What became of the variants of one chromosome.

    variants : in the panel
    constant, rare : left out, since all individuals have one genotype, or for their frequency
    common : of those that count, with a minor allele more frequent than 5 %
    unscored : of those that count, taken as 0 in at least one annotation because a table of effects lacks them
    unnamed : left out of the list of scores for an id that several variants share or for having none
    listed : in the list of scores
    """

    variants: int
    constant: int
    rare: int
    common: int
    unscored: int
    unnamed: int
    listed: int


@dataclass(frozen=True)
class ChromosomeSummary:
    """What is known of one chromosome beside the scores.

    chromosome : what stands in place of `@`
    m, m_5_50 : sums of each annotation over the variants that count, and over the common ones of them
    is_constant, is_zero : of each annotation, whether it has one value for all variants that count, and whether it is 0
    """

    chromosome: str
    counts: Counts
    m: tuple[float, ...]
    m_5_50: tuple[float, ...]
    is_constant: tuple[bool, ...]
    is_zero: tuple[bool, ...]


@dataclass(frozen=True, eq=False)
class ChromosomeScores:
    """Scores of the variants of one chromosome that are listed, and its summary."""

    scores: LDScores
    summary: ChromosomeSummary


@dataclass(frozen=True, eq=False)
class Panel:
    """Genotype files and what they are scored with.

    Attributes
    ----------
    prefix : of the bed, bim and fam files; `@` for the chromosome
    annotations : none means one annotation that is 1 for every variant
    genetic_map : takes the place of the centimorgans of the bim files
    listed : ids of the variants to list scores of; None for all
    """

    prefix: Path
    annotations: Sequence[AnnotationFile] = ()
    genetic_map: Path | None = None
    listed: frozenset[str] | None = None

    def __post_init__(self) -> None:
        names = [name for annotation in self.annotations for name in annotation.names]
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            files = [str(a.path) for a in self.annotations if repeated[0] in a.names]
            raise PanelError(
                f"{' and '.join(dict.fromkeys(files))}: two annotations are called {repeated[0]}; expected a name for "
                "each. Rename a file (intervals are called as their file), a column or a track."
            )

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns of scores."""
        return tuple(f"{name}L2" for annotation in self.annotations for name in annotation.names) or ("L2",)

    def chromosomes(self) -> Iterator[tuple[str, PlinkFiles, slice]]:
        """Each chromosome's name, files and rows in them."""
        if not is_pattern(self.prefix):
            files = open_plink(self.prefix)
            for contig, rows in files.variants.contig_rows():
                yield contig, files, rows
            return
        for chromosome in chromosomes(self.prefix, (".bed",)):
            files = open_plink(of_chromosome(self.prefix, chromosome))
            contigs = [contig for contig, _ in files.variants.contig_rows()]
            if len(contigs) > 1:
                raise FileFormatError(
                    f"{files.path.with_suffix('.bim')}: the file of chromosome {chromosome} has variants of "
                    f"{', '.join(contigs)}; expected one chromosome in each file. Split it, or name it without @."
                )
            yield chromosome, files, slice(0, len(files.variants))

    def of(self, chromosome: str) -> tuple[PlinkFiles, slice]:
        """The files and rows of one of the chromosomes that `chromosomes` names."""
        if is_pattern(self.prefix):
            files = open_plink(of_chromosome(self.prefix, chromosome))
            return files, slice(0, len(files.variants))
        files = open_plink(self.prefix)
        return files, dict(files.variants.contig_rows())[chromosome]


def read_listed(path: Path) -> frozenset[str]:
    """Ids of variants, the first column of a text file; a first line that says SNP is a header.

    Raises
    ------
    FileFormatError
        If there is none.
    """
    with open_by_content(path) as stream:
        lines = stream.read().decode("utf-8", errors="replace").splitlines()
    ids = [line.split(maxsplit=1)[0] for line in lines if line.strip()]
    if ids and ids[0] in ("SNP", "ID", "rsid"):
        ids = ids[1:]
    if not ids:
        raise FileFormatError(f"{path}: there is no id of a variant; expected one a line. Give a list of variants.")
    return frozenset(ids)


def panel_ld_scores(
    panel: Panel, config: LDScoreConfig | None = None, progress: Progress = SILENT
) -> Iterator[ChromosomeScores]:
    """LD scores of a panel, one chromosome at a time.

    Raises
    ------
    FileFormatError
        If a file is malformed.
    PanelError
        If files disagree, centimorgans are unknown, a table of effects lacks too many variants, or, after the last
        chromosome, if an annotation is 0 for all variants or no variant was listed.
    """
    config = config or LDScoreConfig()
    n_variants = check_panel(panel, config)
    done: list[ChromosomeSummary] = []
    n_rows = 0
    with progress.task("LD scores", n_variants) as task:
        for chromosome, files, rows in panel.chromosomes():
            task.note(f"chromosome {chromosome}")
            result = chromosome_ld_scores(panel, config, chromosome, files, rows, task.advance)
            done.append(result.summary)
            n_rows = rows.stop
            yield result
    for annotation in panel.annotations:
        if isinstance(annotation, AlignedAnnotation) and not is_pattern(panel.prefix):
            annotation.check_length(n_rows)
    zero = zip(panel.names, *(summary.is_zero for summary in done), strict=True)
    empty = [name.removesuffix("L2") for name, *parts in zero if all(parts)]
    if empty:
        raise PanelError(
            f"the annotation {empty[0]} is 0 for every variant of {panel.prefix} that counts; expected some that have "
            "it. Names of chromosomes may differ, or the assemblies; else leave the annotation out."
        )
    if not any(summary.counts.listed for summary in done):
        raise PanelError(
            f"{panel.prefix}: none of the variants of the list is in the panel; expected ids as in the .bim file "
            f"(not {', '.join(sorted(panel.listed or ())[:2])}). Give a list of this panel's variants."
        )


def check_panel(panel: Panel, config: LDScoreConfig) -> int:
    """Find in seconds what would fail after hours; returns the number of variants.

    Raises
    ------
    FileFormatError
        If a file is malformed.
    PanelError
        If centimorgans are unknown.
    """
    n_variants = 0
    for chromosome, files, rows in panel.chromosomes():
        n_variants += rows.stop - rows.start
        if config.unit != "cM":
            continue
        if panel.genetic_map is None:
            _check_centimorgans(config, files.path.with_suffix(".bim"), files.variants.select(rows), chromosome)
        else:
            read_genetic_map(panel.genetic_map, chromosome)
    return n_variants


def chromosome_ld_scores(
    panel: Panel,
    config: LDScoreConfig,
    chromosome: str,
    files: PlinkFiles,
    rows: slice,
    advance: Callable[[int], None] = lambda n_variants: None,
) -> ChromosomeScores:
    """LD scores of one chromosome; see `panel_ld_scores`.

    Parameters
    ----------
    files, rows : of the chromosome, as `Panel.of` gives them
    advance : told the number of variants that were taken in
    """
    variants = files.variants.select(rows)
    values, unscored = annotation_values(panel, config, variants, rows, chromosome)
    found = files.count(rows)
    frequency = np.nan_to_num(found.minor_frequency)
    rare = ~found.is_constant & (frequency <= config.above_frequency)
    kept = ~found.is_constant & ~rare
    if not kept.any():
        raise PanelError(
            f"{files.path}: no variant of chromosome {chromosome} is left of {len(variants):,}: "
            f"{found.is_constant.sum():,} are constant, {rare.sum():,} have a rarer minor allele than asked for. Lower "
            "the frequency."
        )
    ends = reach_ends(_places(panel, config, variants.select(kept), chromosome), _reach(config))
    _check_unit(config, files, variants.position[kept], ends)
    used = values[kept]
    scores = banded_ld_scores(_kept_blocks(files, rows, kept, advance), ends, used)
    common = frequency[kept] > COMMON
    listed = _named(variants.id)[kept]
    n_unnamed = int((~listed).sum())
    if panel.listed is not None:
        listed &= np.fromiter((one in panel.listed for one in variants.id[kept]), bool, len(used))
    names = variants.select(np.flatnonzero(kept)[listed])
    m, m_5_50 = used.sum(axis=0), used[common].sum(axis=0)
    counts = Counts(
        variants=len(variants),
        constant=int(found.is_constant.sum()),
        rare=int(rare.sum()),
        common=int(common.sum()),
        unscored=int(unscored[kept].sum()),
        unnamed=n_unnamed,
        listed=len(names),
    )
    return ChromosomeScores(
        LDScores(names.contig, names.id, names.position, panel.names, scores[listed], m, m_5_50),
        ChromosomeSummary(
            chromosome,
            counts,
            tuple(m.tolist()),
            tuple(m_5_50.tolist()),
            tuple((np.ptp(used, axis=0) == 0).tolist()),
            tuple((used == 0).all(axis=0).tolist()),
        ),
    )


def annotation_values(
    panel: Panel, config: LDScoreConfig, variants: PanelVariants, rows: slice, chromosome: str
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Values of all annotations, and which variants had to take 0 for want of a score."""
    if not panel.annotations:
        return np.ones((len(variants), 1)), np.zeros(len(variants), dtype=bool)
    columns = []
    unscored = np.zeros(len(variants), dtype=bool)
    for annotation in panel.annotations:
        values = annotation.values(variants, rows, chromosome)
        unscored |= lacking_effect(annotation.path, values, variants, chromosome, config.most_unscored)
        columns.append(np.nan_to_num(values, nan=0.0))
    return np.hstack(columns), unscored


def lacking_effect(
    path: Path, values: NDArray[np.floating], variants: PanelVariants, chromosome: str, most: float
) -> NDArray[np.bool_]:
    """Which variants lack an effect on any track.

    Parameters
    ----------
    values : (n_variants, n_tracks), nan where there is no effect
    chromosome : empty where the panel is in one file
    most : share of the variants that may lack one

    Raises
    ------
    PanelError
        If more do.
    """
    lacking: NDArray[np.bool_] = np.isnan(values).any(axis=1)
    if lacking.mean() > most:
        row = int(np.flatnonzero(lacking)[0])
        raise PanelError(
            f"{path}: {lacking.sum():,} of {len(variants):,} variants"
            f"{f' of chromosome {chromosome}' if chromosome else ''} have no effect, as {variants.id[row]} "
            f"({variants.contig[row]}:{variants.position[row] + 1} "
            f"{variants.first_allele[row]}/{variants.second_allele[row]}); expected at most {most:.1%}. Score the "
            "panel's own variants on its assembly, or allow a larger share (--unscored), whose variants then have 0."
        )
    return lacking


def _places(panel: Panel, config: LDScoreConfig, variants: PanelVariants, chromosome: str) -> NDArray[np.float64]:
    """Positions of the variants that count, in the unit of the reach."""
    if config.unit == "kb":
        return variants.position.astype(np.float64)
    if config.unit == "SNPs":
        return np.arange(len(variants), dtype=np.float64)
    if panel.genetic_map is not None:
        return read_genetic_map(panel.genetic_map, chromosome).at(variants.position)
    return variants.centimorgan


def _reach(config: LDScoreConfig) -> float:
    return config.reach * 1000 if config.unit == "kb" else config.reach


def _check_centimorgans(config: LDScoreConfig, bim: Path, variants: PanelVariants, chromosome: str) -> None:
    zero = variants.centimorgan == 0
    n_places = len(np.unique(variants.position[zero]))
    if n_places > 1 and not config.zero_centimorgans:
        raise PanelError(
            f"{bim}: {zero.sum():,} of {len(variants):,} variants of chromosome {chromosome} are at 0 cM, which means "
            "that their genetic position is unknown; expected one for each. Give a genetic map (--cm-map), a reach in "
            "base pairs (--ld-wind-kb) or, where only the chromosome's first variants are concerned and lie before the "
            "map's first point, take them as they are (--zero-cm)."
        )
    falls = np.flatnonzero(np.diff(variants.centimorgan) < 0)
    if len(falls):
        row = int(falls[0])
        raise PanelError(
            f"{bim}: {variants.id[row + 1]} on chromosome {chromosome} is at {variants.centimorgan[row + 1]:g} cM, "
            f"after {variants.id[row]} at {variants.centimorgan[row]:g} cM; expected ascending centimorgans. Give a "
            "genetic map (--cm-map), or a reach in base pairs (--ld-wind-kb)."
        )


def _check_unit(config: LDScoreConfig, files: PlinkFiles, position: NDArray[np.int64], ends: NDArray[np.int64]) -> None:
    # The median, since a few windows span a centromere of twenty megabases.
    usual = float(np.median(position[ends - 1] - position))
    if config.unit == "cM" and usual > _WIDEST_REACH:
        raise PanelError(
            f"{files.path.with_suffix('.bim')}: variants {usual / 1e6:.0f} Mb apart are within {config.reach:g} cM; "
            "expected about one megabase for each centimorgan. The column is probably in morgans: multiply it by 100, "
            "give a genetic map (--cm-map), or a reach in base pairs (--ld-wind-kb)."
        )


def _kept_blocks(
    files: PlinkFiles, rows: slice, kept: NDArray[np.bool_], advance: Callable[[int], None]
) -> Iterator[NDArray[np.int8]]:
    first = 0
    for block in files.blocks(rows):
        yield block[kept[first : first + len(block)]]
        first += len(block)
        advance(len(block))


def _named(ids: NDArray) -> NDArray[np.bool_]:
    """Whether a variant has an id, and no other variant the same."""
    named: NDArray[np.bool_] = ~pd.Series(ids).duplicated(keep=False).to_numpy()
    return named & ~np.isin(ids.astype(str), list(_NO_ID))
