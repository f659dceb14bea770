"""Sums of annotations over the common variants of a reference panel: overlap, spread, and quantiles.

Annotations of a panel may not fit into memory, so chromosomes are gone through one by one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ambergen.errors import InputError, PanelError
from ambergen.io.annotations import AlignedAnnotation, AnnotationFile
from ambergen.io.chromosome_files import is_pattern
from ambergen.io.frequencies import frequency_chromosomes, read_frequencies
from ambergen.progress import SILENT, Progress
from ambergen.statgen.enrichment import quantile_bins
from ambergen.validation.ld_scoring import COMMON, LDScoreConfig, Panel, annotation_values

Array = NDArray[np.float64]


class CommonVariants(Protocol):
    """The annotations of a panel's common variants."""

    @property
    def names(self) -> tuple[str, ...]: ...

    def chromosomes(self) -> Iterator[Array]:
        """(n_common_variants, n_annotations) of each chromosome."""


@dataclass(frozen=True)
class PanelWithGenotypes:
    """Frequencies counted from the genotypes; annotations of any kind."""

    panel: Panel
    config: LDScoreConfig

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for annotation in self.panel.annotations for name in annotation.names)

    def chromosomes(self) -> Iterator[Array]:
        for chromosome, files, rows in self.panel.chromosomes():
            variants = files.variants.select(rows)
            values, _ = annotation_values(self.panel, self.config, variants, rows, chromosome)
            found = files.count(rows)
            yield values[~found.is_constant & (np.nan_to_num(found.minor_frequency) > COMMON)]


@dataclass(frozen=True)
class PanelWithFrequencies:
    """Frequencies from `.frq` files; annotations in `.annot` files with the same rows."""

    frequencies: Path
    annotations: Sequence[AnnotationFile]

    def __post_init__(self) -> None:
        for annotation in self.annotations:
            if not isinstance(annotation, AlignedAnnotation):
                raise InputError(
                    f"{annotation.path}: with files of frequencies the annotations must be .annot files, a row for "
                    "each variant; this is another kind. Give the panel's genotypes instead (--bfile)."
                )

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for annotation in self.annotations for name in annotation.names)

    def chromosomes(self) -> Iterator[Array]:
        for chromosome in frequency_chromosomes(self.frequencies) if is_pattern(self.frequencies) else [""]:
            found = read_frequencies(self.frequencies, chromosome)
            columns = []
            for annotation in self.annotations:
                assert isinstance(annotation, AlignedAnnotation)
                table = annotation.table(chromosome)
                if len(table) != len(found) or ("SNP" in table and (table["SNP"].to_numpy() != found.id).any()):
                    raise PanelError(
                        f"{annotation.path}: the rows are not those of {found.path} ({len(table):,} and "
                        f"{len(found):,} variants); expected the same variants in the same order. Give the frequencies "
                        "of the panel that the annotation was made for."
                    )
                columns.append(table[list(annotation.names)].to_numpy(np.float64))
            # An unknown frequency compares as false
            yield np.hstack(columns)[(found.frequency > COMMON) & (found.frequency < 1 - COMMON)]


@dataclass(frozen=True)
class AnnotationSums:
    """What enrichment needs of the annotations, over the common variants.

    names : of the annotations
    n_variants : common variants
    overlap : (n_annotations, n_annotations), inner products
    sums : (n_annotations,)
    quantiles : of each annotation asked for
    """

    names: tuple[str, ...]
    n_variants: int
    overlap: Array
    sums: Array
    quantiles: dict[str, QuantileSums]

    @property
    def standard_deviation(self) -> Array:
        """(n_annotations,)"""
        mean = self.sums / self.n_variants
        return np.sqrt(np.maximum(np.diag(self.overlap) / self.n_variants - mean**2, 0))

    def of(self, names: Sequence[str]) -> AnnotationSums:
        """The same for these annotations, in this order.

        Raises
        ------
        InputError
            If one of them is not there.
        """
        absent = [name for name in names if name not in self.names]
        if absent:
            raise InputError(
                f"--annot: there is no annotation {absent[0]} among {', '.join(self.names[:6])}"
                f"{', …' if len(self.names) > 6 else ''}; expected one for each column of the LD scores, called as the "
                "column without L2 at its end. Give the annotations that the LD scores were computed from."
            )
        order = [self.names.index(name) for name in names]
        quantiles = {
            name: QuantileSums(found.labels, found.sums[:, order], found.counts)
            for name, found in self.quantiles.items()
        }
        overlap = self.overlap[np.ix_(order, order)]
        return AnnotationSums(tuple(names), self.n_variants, overlap, self.sums[order], quantiles)


@dataclass(frozen=True)
class QuantileSums:
    """Sums of all annotations over the bins of one.

    labels : of the bins: zeros, where they are held apart, then from the lowest
    sums : (n_bins, n_annotations)
    counts : (n_bins,)
    """

    labels: tuple[str, ...]
    sums: Array
    counts: Array


def annotation_sums(
    variants: CommonVariants, continuous: Sequence[str] = (), n_quantiles: int = 5, progress: Progress = SILENT
) -> AnnotationSums:
    """Overlap, sums and quantiles over the common variants of all chromosomes.

    Parameters
    ----------
    continuous : annotations to cut into quantiles, zeros apart; the files are then read twice

    Raises
    ------
    InputError
        If there is no common variant, an annotation is unknown, or has no quantiles.
    """
    names = variants.names
    unknown = [name for name in continuous if name not in names]
    if unknown:
        raise InputError(
            f"--quantiles-of {unknown[0]}: there is no such annotation; expected one of {', '.join(names[:8])}."
        )
    wanted = [names.index(name) for name in continuous]
    overlap, sums = np.zeros((len(names), len(names))), np.zeros(len(names))
    kept: list[Array] = []
    n_variants = 0
    with progress.task("Overlap of annotations") as task:
        for values in variants.chromosomes():
            overlap += values.T @ values
            sums += values.sum(axis=0)
            n_variants += len(values)
            kept.append(values[:, wanted])
            task.advance(len(values))
    if not n_variants:
        raise InputError(
            "--annot: no variant has a frequency above 5 %; expected some common ones. Look whether the frequencies "
            "belong to the panel."
        )
    quantiles = _quantiles(variants, continuous, np.concatenate(kept), n_quantiles) if continuous else {}
    return AnnotationSums(names, n_variants, overlap, sums, quantiles)


def _quantiles(
    variants: CommonVariants, continuous: Sequence[str], values: Array, n_quantiles: int
) -> dict[str, QuantileSums]:
    bins = {name: _bins(name, values[:, column], n_quantiles) for column, name in enumerate(continuous)}
    sums = {name: np.zeros((n_quantiles + 1, len(variants.names))) for name in continuous}
    first = 0
    for part in variants.chromosomes():
        for name in continuous:
            of_part = bins[name][first : first + len(part)]
            for number in range(n_quantiles + 1):
                sums[name][number] += part[of_part == number].sum(axis=0)
        first += len(part)
    found = {}
    for name in continuous:
        counts = np.bincount(bins[name], minlength=n_quantiles + 1).astype(np.float64)
        labels = ("zero", *(f"{number} of {n_quantiles}" for number in range(1, n_quantiles + 1)))
        begin = 0 if counts[0] else 1
        found[name] = QuantileSums(labels[begin:], sums[name][begin:], counts[begin:])
    return found


def _bins(name: str, values: Array, n_quantiles: int) -> NDArray[np.int64]:
    try:
        return quantile_bins(values, n_quantiles)
    except InputError as error:
        raise InputError(f"--quantiles-of {name}: {error}") from error
