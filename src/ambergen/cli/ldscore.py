"""`ambergen ldscore`: LD scores of annotations, in the files of LDSC."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from ambergen.validation.ld_scoring import ChromosomeSummary, LDScoreConfig, Panel

ReachInCM = Annotated[float | None, typer.Option(metavar="CM", help="Reach in centimorgans (usual: 1).")]
ReachInKB = Annotated[float | None, typer.Option(metavar="KB", help="Reach in thousands of base pairs.")]
ReachInVariants = Annotated[int | None, typer.Option(metavar="N", help="Reach in variants.")]
GeneticMap = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Genetic map instead of the .bim file's; @ allowed.")
]
ZeroCM = Annotated[bool, typer.Option("--zero-cm", help="Take positions of 0 cM as they are.")]


def ldscore(
    bfile: Annotated[
        Path, typer.Argument(metavar="BFILE", help="PLINK files BFILE.bed, .bim and .fam; @ is the chromosome.")
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="PREFIX", help="Prefix of the files; with @, some a chromosome.")
    ],
    annot: Annotated[
        list[Path] | None,
        typer.Option("--annot", "-a", metavar="FILE", help="Annotations, @ allowed; may be repeated. None: all ones."),
    ] = None,
    ld_wind_cm: ReachInCM = None,
    ld_wind_kb: ReachInKB = None,
    ld_wind_snps: ReachInVariants = None,
    cm_map: GeneticMap = None,
    zero_cm: ZeroCM = False,
    maf: Annotated[
        float, typer.Option(metavar="F", help="Leave out variants whose minor allele is not more frequent.")
    ] = 0.0,
    print_snps: Annotated[
        Path | None, typer.Option(metavar="FILE", help="List scores of these ids only; all count as neighbours.")
    ] = None,
    score: Annotated[
        str, typer.Option(metavar="NAME", help="Of variant effects: abs_diff, abs_logit_diff or deepsea_effect.")
    ] = "abs_diff",
    track: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Of variant effects: this track; may be repeated.")
    ] = None,
    unscored: Annotated[
        float, typer.Option(metavar="SHARE", help="Of variant effects: variants that may lack one, and get 0.")
    ] = 0.005,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """LD scores of annotations from the genotypes of a reference panel.

    Writes PREFIX.l2.ldscore.gz, PREFIX.l2.M and PREFIX.l2.M_5_50 as LDSC reads
    them, with nine digits, and PREFIX.l2.json that tells how they were made.

    An annotation is an .annot(.gz) file, full or thin; intervals (BED), which
    give 1 to the variants inside; or the table of `ambergen effects` in long
    form, which gives one annotation a track. Windows are exact: every variant
    at most as far as the reach, no more. Variants that do not vary in the panel
    are left out and counted.

    Examples:

      ambergen ldscore 1000G.EUR.@ -a baseline.@ --ld-wind-cm 1 -o scores/baseline.@
      ambergen ldscore 1000G.EUR.@ -a enhancers.bed -a effects.tsv.gz \\
          --print-snps hapmap3.txt -o scores/mine.@
    """
    from ambergen.cli.progress_bars import progress_for_terminal
    from ambergen.io.annotations import open_annotation
    from ambergen.io.ld_score_files import LDScoreOutput
    from ambergen.validation.ld_scoring import Panel, panel_ld_scores, read_listed

    config = ld_score_config((ld_wind_cm, ld_wind_kb, ld_wind_snps), maf, zero_cm, unscored)
    chosen = _score(score)
    annotations = [open_annotation(path, chosen, track or ()) for path in annot or ()]
    panel = Panel(bfile, annotations, cm_map, None if print_snps is None else read_listed(print_snps))
    parts: list[ChromosomeSummary] = []
    progress = progress_for_terminal()
    with LDScoreOutput(out) as output:
        for part in panel_ld_scores(panel, config, progress):
            output.add(part.summary.chromosome, part.scores)
            parts.append(part.summary)
        summary = _summary(panel, config, parts)
        output.add_text(_json_name(out), _record(summary))
    for note in _notes(panel, parts):
        progress.say(note)
    _print(summary, output.paths, as_json)


def _score(name: str) -> Any:
    from typing import get_args

    from ambergen.errors import InputError
    from ambergen.io.annotations import Score

    if name not in get_args(Score):
        raise InputError(f"--score {name}: there is no such score; expected {', '.join(get_args(Score))}.")
    return name


def ld_score_config(
    reaches: tuple[float | None, float | None, int | None], maf: float, zero_cm: bool, unscored: float
) -> LDScoreConfig:
    """What the options ask for; `reaches` in cM, kb and variants."""
    from ambergen.errors import InputError
    from ambergen.validation.ld_scoring import LDScoreConfig

    given = [(reach, unit) for reach, unit in zip(reaches, ("cM", "kb", "SNPs"), strict=True) if reach is not None]
    if len(given) > 1:
        raise InputError(
            "the reach is given twice; expected one of --ld-wind-cm, --ld-wind-kb and --ld-wind-snps. Leave one out."
        )
    reach, unit = given[0] if given else (1.0, "cM")
    return LDScoreConfig(reach, unit, maf, zero_cm, unscored)  # type: ignore[arg-type]


def _json_name(out: Path) -> str:
    from ambergen.io.chromosome_files import of_chromosome

    return f"{of_chromosome(out, '').name.strip('.') or 'ld_scores'}.l2.json"


def _summary(panel: Panel, config: LDScoreConfig, parts: list[ChromosomeSummary]) -> dict[str, Any]:
    from dataclasses import asdict

    m = [sum(sizes) for sizes in zip(*(part.m for part in parts), strict=True)]
    common = [sum(sizes) for sizes in zip(*(part.m_5_50 for part in parts), strict=True)]
    return {
        "settings": {
            "genotypes": str(panel.prefix),
            "annotations": [str(annotation.path) for annotation in panel.annotations],
            "genetic_map": None if panel.genetic_map is None else str(panel.genetic_map),
            **asdict(config),
        },
        "chromosomes": {part.chromosome: asdict(part.counts) for part in parts},
        "annotations": [
            {"name": name, "M": float(size), "M_5_50": float(common_size)}
            for name, size, common_size in zip(panel.names, m, common, strict=True)
        ],
    }


def _record(summary: dict[str, Any]) -> str:
    import json
    import os

    from ambergen.provenance import provenance

    threads = int(os.environ.get("OMP_NUM_THREADS", "0") or 0) or os.cpu_count() or 1
    made = provenance(seed=0, device="cpu", dtype="float64", threads=threads)
    return json.dumps({**summary, "provenance": made}, indent=2, ensure_ascii=False) + "\n"


def _notes(panel: Panel, parts: list[ChromosomeSummary]) -> list[str]:
    """What the user should know beside the table."""
    counts = [part.counts for part in parts]
    notes = []
    for name, *constant in zip(panel.names, *(part.is_constant for part in parts), strict=True):
        if panel.annotations and all(constant):
            notes.append(
                f"{name.removesuffix('L2')} has one value for all variants of each chromosome: right for a base "
                "annotation, and no more than one of a model may be such."
            )
    if n := sum(c.unnamed for c in counts):
        notes.append(
            f"{n:,} variants share their id or have none: they count as neighbours and have no line of scores."
        )
    if n := sum(c.unscored for c in counts):
        notes.append(f"{n:,} variants are absent from a table of effects and have 0 there.")
    return notes


def _print(summary: dict[str, Any], paths: list[Path], as_json: bool) -> None:
    import json

    from ambergen.cli.tables import table

    if as_json:
        print(json.dumps({**summary, "files": [str(path) for path in paths]}, indent=2, ensure_ascii=False))
        return
    header = ("chromosome", "variants", "constant", "rare", "common", "unscored", "unnamed", "listed")
    rows = [
        (chromosome, *(f"{counts[column]:,}" for column in header[1:]))
        for chromosome, counts in summary["chromosomes"].items()
    ]
    print(table(header, rows))
    print()
    sizes = [(one["name"], f"{one['M']:.6g}", f"{one['M_5_50']:.6g}") for one in summary["annotations"]]
    print(table(("annotation", "M", "M_5_50"), sizes))
    print()
    print(f"{len(paths)} files, the first of them {paths[0]}")
