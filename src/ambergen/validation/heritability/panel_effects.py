"""Effects of a panel's variants on the tracks of a model, in files that a killed run goes on with."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ambergen.atomic import write_json
from ambergen.effects.engine import Engine
from ambergen.effects.job import Job, Source, score_to_files, tell
from ambergen.effects.models import Ensemble, load_ensemble
from ambergen.errors import InputError
from ambergen.io.genome import Genome
from ambergen.io.genotypes import PanelVariants
from ambergen.progress import Progress
from ambergen.sequence.alphabets import DNA
from ambergen.sequence.variants import Record
from ambergen.training.precision import default_device

# A panel of the genome's own assembly has nearly no such variant; of another one, about every second.
_MOST_OF_ANOTHER_GENOME = 0.1


def score_panel(
    ensemble: Ensemble,
    genome: Genome,
    called: Path,
    panel: dict[str, PanelVariants],
    checksum: str,
    kept: Path,
    progress: Progress,
) -> None:
    """Score the variants of a panel into the file `kept`, unless it has the effects of this model already.

    Parameters
    ----------
    called : what messages call the panel, without the ending of its files
    checksum : of the panel's variants
    kept : a .parquet file; beside it stands what it was made of
    """
    kept.parent.mkdir(parents=True, exist_ok=True)
    job = Job(Engine(ensemble.models), ensemble.checksum, genome, panel_source(called, panel, genome, checksum))
    identity = json.loads(json.dumps(job.identity()))
    record = kept.with_name(kept.name + ".json")
    if kept.is_file() and record.is_file() and json.loads(record.read_text()) == identity:
        progress.say(f"{kept}: has the effects of this model already.")
        return
    # Away first: a record beside the effects of another model would be a wrong one.
    record.unlink(missing_ok=True)
    progress.say(f"{called}: {tell(score_to_files(job, kept, progress))}")
    write_json(record, identity)


def load_for_panel(folder: Path) -> Ensemble:
    """The models of a folder, on the device that scores fastest."""
    return load_ensemble(folder, default_device())


@dataclass(frozen=True)
class GenomeMatch:
    """How a panel fits a genome.

    variants : whose alleles are single bases
    other : of these, how many have neither of their alleles in the genome
    """

    variants: int
    other: int


def check_genome(genome: Genome, called: Path, panel: dict[str, PanelVariants], length: int) -> GenomeMatch:
    """Refuse a panel of another assembly, and contigs that are shorter than the windows of the models.

    Parameters
    ----------
    length : of the longest windows

    Raises
    ------
    InputError
        With the first contig or variant that does not fit.
    """
    names, lengths = genome.aliases(), genome.lengths
    n, n_other, example = 0, 0, ""
    for variants in panel.values():
        for contig, rows in variants.contig_rows():
            known = names.resolve(contig)
            if known is None:
                raise InputError(
                    f"{called}.bim: chromosome {contig} is not in {genome.source}, which has "
                    f"{', '.join(genome.names[:5])}. Pass the genome of the panel's assembly."
                )
            if lengths[known] < length:
                raise InputError(
                    f"{genome.source}: contig {known} has {lengths[known]:,} bases, the model's windows have "
                    f"{length:,}; expected contigs of at least one window. Pass the whole genome, or a panel without "
                    f"chromosome {contig}."
                )
            part = variants.select(rows)
            if int(part.position[-1]) >= lengths[known]:
                raise InputError(
                    f"{called}.bim: {part.id[-1]} stands at {contig}:{part.position[-1] + 1}, and {genome.source} has "
                    f"{lengths[known]:,} bases there. Pass the genome of the panel's assembly."
                )
            single, fits = _fits(genome, known, part)
            n += int(single.sum())
            wrong = np.flatnonzero(single & ~fits)
            n_other += len(wrong)
            if len(wrong) and not example:
                row = int(wrong[0])
                example = f"{part.id[row]} ({contig}:{part.position[row] + 1} " + (
                    f"{part.first_allele[row]}/{part.second_allele[row]})"
                )
    if n and n_other > _MOST_OF_ANOTHER_GENOME * n:
        raise InputError(
            f"{called}.bim: {n_other:,} of {n:,} variants have neither of their alleles in {genome.source}, as "
            f"{example}; expected nearly none. The panel is probably of another assembly: pass the genome that it "
            "belongs to."
        )
    return GenomeMatch(n, n_other)


def _fits(genome: Genome, contig: str, variants: PanelVariants) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which variants have alleles of one base, and which have one of them in the genome; both (n_variants,)."""
    first = int(genome.first[genome.number[contig]])
    stands = np.asarray(genome.tokens[first + variants.position])
    codes = [_codes(alleles) for alleles in (variants.first_allele, variants.second_allele)]
    single = (codes[0] >= 0) & (codes[1] >= 0)
    return single, (codes[0] == stands) | (codes[1] == stands)


def _codes(alleles: NDArray) -> NDArray[np.int64]:
    """Token of each allele of one base, -1 for others."""
    code_of = dict(_letters())
    return np.fromiter((code_of.get(str(allele).upper(), -1) for allele in alleles), np.int64, len(alleles))


def _letters() -> Iterator[tuple[str, int]]:
    for letter in "ACGT":
        yield letter, int(DNA.encode(letter, "alleles")[0])


def panel_source(prefix: Path, panel: dict[str, PanelVariants], genome: Genome, checksum: str) -> Source:
    """The panel's variants for the engine of effects; of the two alleles that of the genome is the reference.

    Parameters
    ----------
    checksum : of the bim files
    """

    def records() -> Iterator[Record]:
        names = genome.aliases()
        for variants in panel.values():
            columns = (variants.contig, variants.position, variants.id, variants.first_allele, variants.second_allele)
            for contig, position, name, first, second in zip(*(column.tolist() for column in columns), strict=True):
                known = names.resolve(str(contig))
                # A bim file does not say which of its alleles is the genome's; mostly it is the second.
                is_first = known is not None and _stands(genome, known, position, first)
                is_second = known is not None and _stands(genome, known, position, second)
                # Of an indel both may: the longer one then is the genome's.
                swap = is_first and (not is_second or len(first) > len(second))
                ref, alt = (first, second) if swap else (second, first)
                yield Record(str(contig), position, str(name), ref, (alt,))

    return Source(f"{prefix}.bim", records, {"panel": prefix.name, "sha256": checksum})


def _stands(genome: Genome, contig: str, position: int, allele: str) -> bool:
    number = genome.number[contig]
    begin = int(genome.first[number]) + position
    end = begin + len(allele)
    return end <= genome.first[number + 1] and DNA.decode(np.asarray(genome.tokens[begin:end])) == allele.upper()
