"""Effects of a source of variants, in files; or the background that they make."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from ambergen import __version__
from ambergen.atomic import only_writer
from ambergen.effects.background import Background, Ranked, summarise
from ambergen.effects.engine import Engine
from ambergen.effects.files import ENDINGS as FILE_ENDINGS
from ambergen.effects.files import Output, TextOutput, h5py, open_output, written_aside
from ambergen.effects.info import ENDINGS as VCF_ENDINGS
from ambergen.effects.info import VcfOutput, check_number_of_tracks
from ambergen.effects.shards import SHARD, Shards, assemble, count, score_shards
from ambergen.effects.summaries import SummaryOutput
from ambergen.errors import AmbergenError, FileFormatError, InputError
from ambergen.io.aliases import ContigAliases
from ambergen.io.genome import Genome
from ambergen.io.variant_table import VariantFile
from ambergen.progress import Progress
from ambergen.sequence.variants import Record

_VALUES_AT_ONCE = 1 << 26
"""Of a background, while its quantiles are made: 256 MB."""


@dataclass(frozen=True)
class Source:
    """Where variants come from.

    Attributes
    ----------
    name : for messages
    records : gives them, the same every time
    identity : all that says which variants they are
    file : where they stand, if they do
    """

    name: str
    records: Callable[[], Iterator[Record]]
    identity: Mapping[str, Any]
    file: VariantFile | None = None

    @classmethod
    def of_file(cls, file: VariantFile) -> Source:
        """The variants of a file."""
        with file.path.open("rb") as stream:
            checksum = hashlib.file_digest(stream, "sha256").hexdigest()
        return cls(str(file.path), file.records, {"file": file.path.name, "sha256": checksum}, file)


@dataclass(frozen=True)
class Job:
    """Scoring of a source.

    Attributes
    ----------
    model : checksum of the models
    """

    engine: Engine
    model: str
    genome: Genome
    source: Source
    aliases: Path | None = None
    tracks: tuple[str, ...] = ()
    shard: int = field(default=SHARD)

    def identity(self) -> dict[str, Any]:
        """All that the numbers depend on."""
        background = self.engine.background
        return {
            "ambergen": __version__,
            "model": self.model,
            "genome": self.genome.checksum,
            "variants": dict(self.source.identity),
            "settings": self.engine.about(),
            "aliases": None if self.aliases is None else self.aliases.read_text(errors="replace"),
            "background": None if background is None else [background.n, float(background.rms.sum())],
            "tracks": list(self.tracks or self.engine.tracks),
            "shard": self.shard,
        }

    def facts(self) -> dict[str, Any]:
        """What stands beside the numbers in a file: what they are effects of."""
        background = self.engine.background
        facts = {"model": self.model, "genome": self.genome.checksum, "variants": dict(self.source.identity)}
        return facts if background is None else {**facts, "background": dict(background.about)}


def check_assembly(file: VariantFile, genome: Genome, aliases: ContigAliases) -> None:
    """Refuse a VCF whose header tells other lengths of contigs than the genome has.

    Raises
    ------
    FileFormatError
        With the first of them.
    """
    lengths = genome.lengths
    for name, length in file.contigs.items():
        contig = aliases.resolve(name)
        if contig is not None and lengths[contig] != length:
            raise FileFormatError(
                f"{file.path}, header: contig {name} has {length:,} bases; {genome.source} has {lengths[contig]:,}. "
                "The variants were called on another assembly, so that their positions mean something else. Pass "
                "the genome that they were called on, or lift them over; if only the header is wrong, remove them."
            )


def score_to_files(job: Job, out: Path, progress: Progress, summary: Path | None = None, **how: Any) -> Counter[str]:
    """Score a source shard by shard and write the file `out`, and a summary if one is wanted.

    What a killed run has scored lies in the folder ``OUT.parts`` and is not scored again.

    Parameters
    ----------
    out : .tsv, .tsv.gz, .parquet, .h5, .hdf5; .vcf or .vcf.gz where the source is a VCF
    how : ``score`` and ``groups`` of the summary; see `SummaryOutput`

    Returns
    -------
    Counter
        Alleles of each status; see `score_shards`.

    Raises
    ------
    InputError
        If an ending is unknown, or the input is wrong.
    RunError
        If another process writes the same file.
    """
    check_output(out, job)
    with only_writer(out):
        return _score_to_files(job, out, progress, summary, how)


def _score_to_files(
    job: Job, out: Path, progress: Progress, summary: Path | None, how: Mapping[str, Any]
) -> Counter[str]:
    shards = Shards(out.with_name(f"{out.name}.parts"), job.identity())
    counts = _score(job, shards, progress)
    with ExitStack() as stack:
        outputs: list[Output] = [_open(out, stack.enter_context(written_aside(out)), job)]
        if summary is not None:
            stream = stack.enter_context(written_aside(summary)).open("w", encoding="utf-8", newline="")
            outputs.append(SummaryOutput(stream, **how))
        if shards.n == 0:
            outputs[0].write(job.engine.none().with_facts(job.facts()))
        assemble(shards, outputs, job.facts())
    shards.remove()
    return counts


def score_to_stream(job: Job, stream: TextIO, progress: Progress) -> Counter[str]:
    """Score a source and write each part as text as soon as it is scored; nothing is kept to go on from."""
    reader = job.engine.reader(job.genome, job.aliases, job.source.name)
    output, counts = TextOutput(stream), Counter[str]()
    with progress.task("Scoring alleles") as task:
        for alleles in reader.chunks(job.source.records(), job.shard):
            effects = job.engine.effects(job.genome, alleles, task.advance)
            effects = effects.select_tracks(job.tracks) if job.tracks else effects
            counts += count(effects)
            output.write(effects)
    if not counts:
        output.write(job.engine.none())
    return counts


def check_output(out: Path, job: Job) -> None:
    """Refuse a file before anything is scored; see `score_to_files`."""
    known, name, file = (*FILE_ENDINGS, *VCF_ENDINGS), out.name.lower(), job.source.file
    if not name.endswith(known):
        raise InputError(f"{out}: the ending tells the format; expected one of {', '.join(known)}.")
    if file is not None and out.resolve() == file.path.resolve():
        raise InputError(f"{out}: is the file of the variants itself. Give the effects another name.")
    if name.endswith((".h5", ".hdf5")):
        h5py()
    if name.endswith(VCF_ENDINGS):
        if file is None or file.kind != "vcf":
            raise InputError(
                f"{out}: effects go into the INFO column of the VCF that they are of, and {job.source.name} is no VCF. "
                "Write .tsv, .parquet or .h5."
            )
        check_number_of_tracks(out.name, job.tracks or job.engine.tracks)


def _score(job: Job, shards: Shards, progress: Progress) -> Counter[str]:
    reader = job.engine.reader(job.genome, job.aliases, job.source.name)
    chunks = reader.chunks(job.source.records(), job.shard)
    try:
        return score_shards(job.engine, job.genome, chunks, shards, progress, job.tracks)
    except AmbergenError:
        if shards.n == 0:  # nothing that another run could go on from
            shards.remove()
        raise


def _open(out: Path, part: Path, job: Job) -> Output:
    if out.name.lower().endswith(VCF_ENDINGS):
        assert job.source.file is not None
        return VcfOutput(part, out.name, job.source.file.path, job.tracks or job.engine.tracks)
    return open_output(part, out.name)


def build_background(
    job: Job, out: Path, progress: Progress, score: Ranked | None = None, origin: str = ""
) -> Background:
    """Score a source and keep how large effects are on each track.

    Parameters
    ----------
    out : a .npz file
    score : whose absolute value is ranked; default deepsea_effect, or diff for a model without logits
    origin : of the variants, in words

    Raises
    ------
    InputError
        If no allele can be scored, or the models have no such score.
    RunError
        If another process writes the same file.
    """
    with only_writer(out):
        return _build_background(job, out, progress, score, origin)


def _build_background(job: Job, out: Path, progress: Progress, score: Ranked | None, origin: str) -> Background:
    engine = job.engine
    name: Ranked = score or ("deepsea_effect" if engine.output == "logit" else "diff")
    if name not in engine.score_names():
        raise InputError(f"background: this model has no {name}, as its outputs are no logits. Rank diff.")
    shards = Shards(out.with_name(f"{out.name}.parts"), job.identity())
    counts = _score(job, shards, progress)
    n = counts["ok"]
    if n == 0:
        shards.remove()
        raise InputError(f"{job.source.name}: no allele can be scored ({tell(counts)}), so there is no background.")
    at_once = max(1, _VALUES_AT_ONCE // n)
    quantiles, top, rms = [], [], []
    for first in range(0, len(engine.tracks), at_once):
        columns = slice(first, first + at_once)
        sizes, diff = _column_block(shards, name, columns), _column_block(shards, "diff", columns)
        found = summarise(np.abs(sizes))
        quantiles.append(found[0])
        top.append(found[1])
        rms.append(np.sqrt((diff.astype(np.float64) ** 2).mean(axis=0)))
    about = {
        "origin": origin or job.source.name,
        "model": job.model,
        "settings": engine.windows(),
        "genome": job.genome.checksum,
        "variants": dict(job.source.identity),
        "alleles": dict(counts),
    }
    background = Background(
        engine.tracks,
        name,
        np.concatenate(quantiles, axis=1),
        np.concatenate(top, axis=1),
        n,
        np.concatenate(rms),
        engine.strand,
        about,
    )
    background.save(out)
    shards.remove()
    return background


def _column_block(shards: Shards, name: str, columns: slice) -> np.ndarray:
    """(n, n_columns) of the alleles that were scored once."""
    parts = []
    for effects in shards:
        chosen = (effects.variants["status"] == "ok").to_numpy()
        parts.append(effects.matrices[name][chosen, columns])
    return np.concatenate(parts)


def tell(counts: Mapping[str, int]) -> str:
    """Alleles of each status in a line."""
    return ", ".join(f"{n:,} {name}" for name, n in counts.items() if n and name != "not ref_match") or "no allele"


def check_tracks(tracks: Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
    """Tracks that were asked for; InputError if the model lacks one."""
    for track in tracks:
        if track not in known:
            raise InputError(
                f"track {track!r}: the model has {', '.join(known[:5])}{', …' if len(known) > 5 else ''}. Correct the "
                "name."
            )
    return tuple(dict.fromkeys(tracks))
