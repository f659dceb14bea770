"""`ambergen effects`: what variants do to the tracks of a trained model."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ambergen.cli.arguments import AsJson, refuse_overwriting

if TYPE_CHECKING:
    import pandas as pd

    from ambergen.effects.background import Ranked
    from ambergen.effects.job import Job, Source
    from ambergen.io.genome import Genome
    from ambergen.progress import Progress

N_RANDOM = 100_000
ScoreName = Literal["diff", "logit_diff", "log2_odds", "deepsea_effect"]
RankedName = Literal["deepsea_effect", "diff", "logit_diff"]


def effects(
    model: Annotated[
        Path,
        typer.Argument(
            metavar="MODEL",
            help="A trained model's folder, or the folder above seed0, seed1, …, whose mean is scored and spread told.",
        ),
    ],
    genome: Annotated[Path, typer.Option(metavar="FASTA", help="The genome that the variants were called on.")],
    variants: Annotated[
        Path | None,
        typer.Argument(
            metavar="VARIANTS", help="VCF (plain, gzip, bgzip), or a table with the columns chrom, pos, ref and alt."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            metavar="FILE",
            help="A .tsv, .tsv.gz, .parquet, .h5, .vcf or .vcf.gz file; else TSV to stdout.",
        ),
    ] = None,
    strands: Annotated[
        Literal["mean_logits", "mean_probabilities", "forward"], typer.Option(help="What an allele's score is.")
    ] = "mean_logits",
    anchor: Annotated[
        Literal["left", "center"], typer.Option(help="What of an allele stands at the variant's index.")
    ] = "left",
    index: Annotated[
        int | None, typer.Option(help="Where the variant stands in the window, from 0 (default: (length - 1) // 2).")
    ] = None,
    mismatch: Annotated[
        Literal["flag", "skip", "error"],
        typer.Option(help="A reference allele that is not the genome's: score it as stated, leave it out, or stop."),
    ] = "flag",
    drop_edge: Annotated[
        bool, typer.Option("--drop-edge", help="Leave out windows that reach beyond a contig instead of padding them.")
    ] = False,
    shift: Annotated[int, typer.Option(min=0, metavar="BASES", help="Average over windows shifted so far.")] = 0,
    track: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only this track. May be given several times.")
    ] = None,
    aliases: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A table of the names of contigs, a naming a column.")
    ] = None,
    background: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Rank effects among those that --build-background found.")
    ] = None,
    build_background: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Make a background (.npz) of VARIANTS, or of random variants without them."),
    ] = None,
    random: Annotated[
        int, typer.Option(min=1, metavar="N", help="Random single-base variants of a background.")
    ] = N_RANDOM,
    seed: Annotated[int, typer.Option(help="Of the random variants.")] = 0,
    background_score: Annotated[
        RankedName | None, typer.Option(help="What a background ranks (default: deepsea_effect; diff without logits).")
    ] = None,
    summary: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A .tsv file with a row an allele: effects over all tracks and over groups."),
    ] = None,
    summary_score: Annotated[ScoreName, typer.Option(help="The score that is summarised.")] = "diff",
    groups: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Groups for the summary: lines of track, tab, group.")
    ] = None,
    saturation: Annotated[
        str | None,
        typer.Option(metavar="REGION", help="All single-base variants of CONTIG:START-END, from 1, ends included."),
    ] = None,
    measured: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A table of measured effects; prints how predictions agree with them."),
    ] = None,
    measured_column: Annotated[
        str, typer.Option(metavar="NAME", help="The column of the measured effect, alternate minus reference.")
    ] = "Coefficient",
    measured_by: Annotated[
        str | None, typer.Option(metavar="NAME", help="A column of that table whose values are looked at one by one.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Effects of variants, a row for every alternate allele and track.

    Each allele is scored in a window of the model's length with the variant at
    index (length - 1) // 2: the sequence before it, the allele, and what follows
    the reference allele. An effect is always alternate minus reference. Every
    allele of the file has its row and a status; one that cannot be scored
    (symbolic, beyond the contig, …) has none but the status.

    A run that was killed goes on where it stopped: the same command finds what
    it had scored in the folder FILE.parts.

    Examples:

      ambergen effects model/ cohort.vcf.gz --genome genome.fa.gz -o effects.parquet
      ambergen effects model/ --genome genome.fa.gz --build-background background.npz
      ambergen effects model/ cohort.vcf.gz --genome genome.fa.gz --background background.npz > effects.tsv
      ambergen effects model/ --genome genome.fa.gz --saturation chr7:5530601-5530900 -o region.tsv
      ambergen effects model/ mpra.tsv --genome genome.fa.gz -o e.tsv --measured mpra.tsv --measured-by Element
    """
    from ambergen.cli.progress_bars import progress_for_terminal
    from ambergen.effects.background import Background
    from ambergen.effects.config import EffectConfig
    from ambergen.effects.engine import Engine
    from ambergen.effects.job import Job, check_tracks
    from ambergen.effects.models import load_ensemble
    from ambergen.io.genome import Genome
    from ambergen.training.precision import default_device

    _check_choice(variants, saturation, build_background, background)
    refuse_overwriting((out, summary, build_background), (variants, genome, aliases, background, groups, measured))
    progress = progress_for_terminal()
    ensemble = load_ensemble(model, default_device())
    config = EffectConfig(strands, anchor, index, mismatch, drop_edge, shift)
    ranks = None if background is None else Background.load(background)
    engine = Engine(ensemble.models, config, ranks)
    if ranks is not None:
        ranks.check(engine.tracks, engine.strand, ensemble.checksum)
    tracks = check_tracks(track or (), engine.tracks)
    place = out or build_background
    line = Genome.read(genome, None if place is None else _folder(place))
    source = _source(variants, saturation, line, aliases, random, seed, progress)
    job = Job(engine, ensemble.checksum, line, source, aliases, tracks)
    if build_background is not None:
        _background(job, build_background, background_score, progress)
    else:
        known = None if measured is None else _measured(measured, measured_column, measured_by, out)
        _effects(job, out, summary, summary_score, groups, progress)
        if known is not None and out is not None:
            _print_agreement(job, out, known, as_json)


def _check_choice(
    variants: Path | None, saturation: str | None, build_background: Path | None, background: Path | None
) -> None:
    from ambergen.errors import InputError

    if variants is not None and saturation is not None:
        raise InputError(f"{variants} and --saturation {saturation}: expected one source of variants. Leave one out.")
    if variants is None and saturation is None and build_background is None:
        raise InputError(
            "effects: there are no variants. Give a VCF or a table, or a region with --saturation; only a background "
            "(--build-background) can be made of random variants."
        )
    if background is not None and build_background is not None:
        raise InputError("effects: --background and --build-background exclude each other. Leave one out.")


def _folder(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.parent


def _source(
    variants: Path | None,
    saturation: str | None,
    genome: Genome,
    aliases: Path | None,
    n_random: int,
    seed: int,
    progress: Progress,
) -> Source:
    from ambergen.effects.background import random_variants
    from ambergen.effects.job import Source, check_assembly
    from ambergen.effects.saturation import saturate
    from ambergen.io.variant_table import open_variants

    names = genome.aliases(aliases)
    if variants is not None:
        file = open_variants(variants)
        check_assembly(file, genome, names)
        if not file.has_header:
            progress.say(f"{variants}: has no header; its columns are taken as CHROM, POS, ID, REF and ALT.")
        return Source.of_file(file)
    if saturation is not None:
        saturate(genome, saturation, names)  # refuses a wrong region now
        return Source(saturation, lambda: saturate(genome, saturation, names), {"region": saturation})
    drawn = random_variants(genome, n_random, seed)
    name = f"{n_random:,} random single-base variants of {genome.source}, seed {seed}"
    return Source(name, lambda: iter(drawn), {"random": n_random, "seed": seed})


def _background(job: Job, out: Path, score: Ranked | None, progress: Progress) -> None:
    from ambergen.effects.job import build_background
    from ambergen.errors import InputError

    if out.suffix != ".npz":
        raise InputError(f"{out}: a background is a .npz file. Give it that ending.")
    made = build_background(job, out, progress, score)
    progress.say(f"{out}: {made.score} of {made.n:,} alleles on {len(made.tracks)} tracks, of {made.about['origin']}")


def _effects(
    job: Job, out: Path | None, summary: Path | None, score: ScoreName, groups: Path | None, progress: Progress
) -> None:
    from ambergen.effects.job import score_to_files, score_to_stream, tell
    from ambergen.effects.summaries import read_groups
    from ambergen.errors import InputError

    tracks = job.tracks or job.engine.tracks
    known = {} if groups is None else read_groups(groups, tracks)
    if summary is None and groups is not None:
        raise InputError(f"{groups}: groups of tracks are for the summary. Name its file with --summary FILE.")
    if summary is not None and out is None:
        raise InputError(f"{summary}: a summary comes with a file of effects. Name that one with --out FILE.")
    if summary is not None and score not in job.engine.score_names():
        raise InputError(f"--summary-score {score}: the outputs of this model are no logits; expected diff.")
    if out is None:
        counts = score_to_stream(job, sys.stdout, progress)
    else:
        counts = score_to_files(job, out, progress, summary, score=score, groups=known)
    progress.say(f"{job.source.name}: {tell(counts)}")
    _warn(job, counts, progress)


def _measured(path: Path, column: str, by: str | None, out: Path | None) -> pd.DataFrame:
    from ambergen.effects.files import ENDINGS
    from ambergen.effects.measured import read_measured
    from ambergen.errors import InputError

    if out is None or not out.name.lower().endswith(ENDINGS):
        raise InputError(
            f"{path}: the effects that are compared with it go into a file. Name a .tsv or .parquet with --out."
        )
    return read_measured(path, column, by)


def _print_agreement(job: Job, out: Path, measured: pd.DataFrame, as_json: bool) -> None:
    from ambergen.cli.tables import score, table
    from ambergen.effects.files import read_effects
    from ambergen.effects.measured import agreement

    name = "logit_diff" if "logit_diff" in job.engine.score_names() else "diff"
    found = agreement(read_effects(out), measured, name, job.genome.aliases(job.aliases))
    if as_json:
        print(found.to_json(orient="records", indent=2))
        return
    print(f"Correlation of {name} with the measured effects (with sign, and of the sizes)")
    columns = ("pearson", "spearman", "pearson_abs", "spearman_abs")
    rows = [
        (row["group"], row["track"], row["measured"], row["n"], *(score(row[column]) for column in columns))
        for row in found.to_dict("records")
    ]
    print(
        table(
            ("group", "track", "measured", "n", "Pearson", "Spearman", "Pearson of sizes", "Spearman of sizes"),
            rows,
            left=(0, 1),
        )
    )


def _warn(job: Job, counts: Mapping[str, int], progress: Progress) -> None:
    from ambergen.errors import InputError

    n_scored, other = counts.get("ok", 0) + counts.get("duplicate", 0), counts.get("not ref_match", 0)
    if other:
        progress.say(
            f"{job.source.name}: at {other:,} of {n_scored:,} scored alleles the reference allele is not the genome's "
            "(ref_match False). Many of them mean another assembly; those with swapped True have the alleles exchanged."
        )
    n_unknown, n = counts.get("unknown_contig", 0), sum(counts.values()) - other
    if n and n_unknown == n:
        raise InputError(
            f"{job.source.name}: none of its contigs is in {job.genome.source}, which has "
            f"{', '.join(job.genome.names[:3])}, …. All {n:,} alleles have the status unknown_contig; pass the genome "
            "that they were called on, or a table of names with --aliases."
        )
