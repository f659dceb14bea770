"""`ambergen heritability annotate`: effects of a panel's variants as annotations."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ambergen.cli.arguments import AsJson

if TYPE_CHECKING:
    from ambergen.io.annotations import EffectAnnotation
    from ambergen.io.genotypes import PanelVariants
    from ambergen.progress import Progress
    from ambergen.validation.heritability.effect_annotations import AnnotationConfig

EffectsOrModel = Annotated[
    Path, typer.Argument(metavar="EFFECTS_OR_MODEL", help="A file of `ambergen effects`, or the folder of a model.")
]
Bfile = Annotated[
    Path, typer.Option(metavar="PREFIX", help="The panel's PLINK files; @ is the chromosome. Here .bim is enough.")
]
GenomeFile = Annotated[Path | None, typer.Option(metavar="FASTA", help="Of the panel's assembly; for a model.")]
ScoreChoice = Annotated[
    Literal["abs_diff", "abs_logit_diff", "deepsea_effect"], typer.Option(help="What the size of an effect is.")
]
MaxOverTracks = Annotated[
    bool, typer.Option("--max-over-tracks", help="One annotation: the largest size over all tracks.")
]
Rank = Annotated[bool, typer.Option("--rank", help="Ranks over all variants, in (0, 1], instead of sizes.")]
Top = Annotated[
    float | None, typer.Option(metavar="SHARE", help="1 for this share of variants with the largest sizes, else 0.")
]
MatchChoice = Annotated[
    Literal["alleles", "position"],
    typer.Option(help="A scored allele is the variant's by position and alleles, or (as AMBER) by position alone."),
]
Unscored = Annotated[float, typer.Option(metavar="SHARE", help="Variants that may lack an effect, and get 0.")]
Track = Annotated[list[str] | None, typer.Option(metavar="NAME", help="Only this track; may be repeated.")]


def annotate(
    effects: EffectsOrModel,
    bfile: Bfile,
    out: Annotated[
        Path,
        typer.Option("--out", "-o", metavar="PREFIX", help="Prefix of .annot.gz files, with @ as in BFILE."),
    ],
    genome: GenomeFile = None,
    score: ScoreChoice = "abs_diff",
    max_over_tracks: MaxOverTracks = False,
    rank: Rank = False,
    top: Top = None,
    match: MatchChoice = "alleles",
    unscored: Unscored = 0.005,
    track: Track = None,
    as_json: AsJson = False,
) -> None:
    """Annotations of a panel's variants from their effects on the tracks of a model.

    Takes a file of `ambergen effects`, or a model, whose effects on the panel's
    own variants are then scored first (kept in PREFIX.effects.parquet; a run
    that was killed goes on). Writes .annot.gz files as LDSC reads them, one
    column a track. Several scored alleles of a variant count with their mean;
    variants without an effect are counted and have 0.

    Examples:

      ambergen heritability annotate effects.parquet --bfile 1000G.EUR.@ -o annot/mine.@
      ambergen heritability annotate model/ --genome hg19.fa --bfile 1000G.EUR.@ --top 0.01 -o annot/top.@
    """
    from ambergen.cli.progress_bars import progress_for_terminal
    from ambergen.errors import InputError
    from ambergen.io.annotation_output import annotation_path, write_annotations
    from ambergen.io.chromosome_files import is_pattern
    from ambergen.validation.heritability.effect_annotations import panel_annotations, read_panel

    config = annotation_config(score, max_over_tracks, rank, top, match, unscored)
    if is_pattern(bfile) and not is_pattern(out):
        raise InputError(f"--out {out}: --bfile has a file for each chromosome; expected @ in the name too. Add it.")
    progress = progress_for_terminal()
    panel = read_panel(bfile)
    kept = out.with_name(out.name.replace("@", "").strip(".") + ".effects.parquet")
    found = find_effects(effects, genome, bfile, panel, kept, config, track or [], progress)
    made = panel_annotations(found, panel, config)
    paths = []
    for chromosome, variants, values in made.chromosomes():
        paths.append(annotation_path(out, chromosome))
        write_annotations(paths[-1], variants, made.names, values)
    summary = {
        "annotations": list(made.names),
        "variants": len(made.values),
        "unscored": sum(made.unscored.values()),
        "unscored_by_chromosome": made.unscored,
        "settings": vars(config),
        "files": [str(path) for path in paths],
    }
    if as_json:
        print(json.dumps(summary, indent=2, ensure_ascii=False))
        return
    print(f"{len(made.names):,} annotations of {len(made.values):,} variants in {len(paths)} files, {paths[0]} first")
    print(f"{summary['unscored']:,} variants have no effect and got 0")


def annotation_config(
    score: Literal["abs_diff", "abs_logit_diff", "deepsea_effect"],
    max_over_tracks: bool,
    rank: bool,
    top: float | None,
    match: Literal["alleles", "position"],
    unscored: float,
) -> AnnotationConfig:
    """What the options ask for."""
    from ambergen.errors import InputError
    from ambergen.validation.heritability.effect_annotations import AnnotationConfig

    if rank and top is not None:
        raise InputError("--rank and --top: an annotation has one form; expected one of them. Leave one out.")
    form: Literal["size", "rank", "top"] = "rank" if rank else "size" if top is None else "top"
    each: Literal["each", "max"] = "max" if max_over_tracks else "each"
    return AnnotationConfig(score, each, form, 0.01 if top is None else top, match, unscored)


def find_effects(
    effects: Path,
    genome: Path | None,
    bfile: Path,
    panel: dict[str, PanelVariants],
    kept: Path,
    config: AnnotationConfig,
    tracks: list[str],
    progress: Progress,
) -> EffectAnnotation:
    """Effects of a file, or of a model, which are scored into the file `kept` unless they are there."""
    from ambergen.errors import InputError
    from ambergen.validation.heritability.effect_annotations import read_effect_annotation

    if effects.is_dir():
        if genome is None:
            raise InputError(f"{effects}: a model scores windows of a genome; expected --genome FASTA. Give it.")
        _score(effects, genome, bfile, panel, kept, progress)
        return read_effect_annotation(kept, config, tracks)
    if genome is not None:
        raise InputError(f"--genome: is for a model, and {effects} is a file of effects. Leave it out.")
    return read_effect_annotation(effects, config, tracks)


def _score(
    model: Path, genome: Path, bfile: Path, panel: dict[str, PanelVariants], kept: Path, progress: Progress
) -> None:
    import hashlib

    from ambergen.io.chromosome_files import of_chromosome
    from ambergen.io.genome import Genome
    from ambergen.validation.heritability.panel_effects import check_genome, load_for_panel, score_panel

    ensemble = load_for_panel(model)
    kept.parent.mkdir(parents=True, exist_ok=True)
    line = Genome.read(genome, kept.parent)
    check_genome(line, bfile, panel, max(model.length for model in ensemble.models))
    digest = hashlib.sha256()
    for chromosome in panel:
        prefix = of_chromosome(bfile, chromosome)
        digest.update(prefix.with_name(prefix.name + ".bim").read_bytes())
    score_panel(ensemble, line, bfile, panel, digest.hexdigest(), kept, progress)
