"""`ambergen heritability tracks` and `compare`: from models to enrichment of all their tracks."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ambergen.cli.arguments import AsJson
from ambergen.cli.heritability_annotate import (
    MatchChoice,
    MaxOverTracks,
    Rank,
    ScoreChoice,
    Top,
    Track,
    Unscored,
    annotation_config,
)
from ambergen.cli.ldscore import GeneticMap, ReachInCM, ReachInKB, ReachInVariants, ZeroCM, ld_score_config
from ambergen.cli.tables import table

if TYPE_CHECKING:
    import pandas as pd


def tracks(
    sumstats: Annotated[
        list[Path], typer.Argument(metavar="SUMSTATS...", help="Summary statistics, one file a trait (.sumstats.gz).")
    ],
    bfile: Annotated[
        Path, typer.Option(metavar="PREFIX", help="The reference panel's PLINK files; @ is the chromosome.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="A folder for all results; see above.")],
    model: Annotated[
        list[str] | None,
        typer.Option("--model", "-m", metavar="PATH", help="A model, effects, or .annot files; repeatable."),
    ] = None,
    arm: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=PATH", help="The same, of a group of models; repeatable, * and commas allowed."),
    ] = None,
    genome: Annotated[Path | None, typer.Option(metavar="FASTA", help="Of the panel's assembly; for models.")] = None,
    baseline: Annotated[
        str | None, typer.Option(metavar="PREFIX", help="LD scores of the baseline model (commas join); else computed.")
    ] = None,
    annot: Annotated[
        list[Path] | None,
        typer.Option("--annot", "-a", metavar="FILE", help="Annotations of the baseline; else beside --baseline."),
    ] = None,
    w_ld: Annotated[
        str | None, typer.Option(metavar="PREFIX", help="LD scores with the regression's variants; else computed.")
    ] = None,
    print_snps: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Variants of the regression, such as those of HapMap 3.")
    ] = None,
    score: ScoreChoice = "abs_diff",
    max_over_tracks: MaxOverTracks = False,
    rank: Rank = False,
    top: Top = None,
    match: MatchChoice = "alleles",
    unscored: Unscored = 0.005,
    track: Track = None,
    ld_wind_cm: ReachInCM = None,
    ld_wind_kb: ReachInKB = None,
    ld_wind_snps: ReachInVariants = None,
    cm_map: GeneticMap = None,
    zero_cm: ZeroCM = False,
    n_blocks: Annotated[int, typer.Option(min=2, help="Blocks of the jackknife.")] = 200,
    intercept_h2: Annotated[
        float | None, typer.Option(metavar="VALUE", help="A known intercept; 1: no confounding.")
    ] = None,
    chisq_max: Annotated[
        float | None, typer.Option(metavar="CHISQ", help="Drop larger ones (max of 80 and N/1000).")
    ] = None,
    keep_mhc: Annotated[bool, typer.Option("--keep-mhc", help="Keep chr6:25-34 Mb.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Fit annotations that are nearly collinear.")] = False,
    searched: Annotated[str, typer.Option(metavar="ARM", help="The arm that is compared …")] = "searched",
    sampled: Annotated[str, typer.Option(metavar="ARM", help="… with this one, where both are there.")] = "sampled",
    workers: Annotated[int, typer.Option(min=1, metavar="N", help="Jobs at a time.")] = 1,
    as_json: AsJson = False,
) -> None:
    """Heritability of many traits in the tracks of one or many models.

    Scores the effects of the panel's variants on every track, takes each track
    as an annotation, computes LD scores of all of them in one pass over the
    genotypes, and fits each track beside the baseline for each trait. Killed at
    any instant, the same command goes on; a further trait or model adds only
    its own work. What cannot be fitted is a row with its reason.

    Writes tracks, quintiles and, with two arms, comparison (.tsv and .parquet),
    heritability.json and a page with figures, heritability.html, into DIR.

    Examples:

      ambergen heritability tracks height.sumstats.gz ibd.sumstats.gz -m runs/x/models/best \\
          --genome hg19.fa --bfile 1000G.EUR.@ --baseline baselineLD.@ --w-ld weights.@ --workers 8 -o study/
      ambergen heritability tracks *.sumstats.gz --arm 'searched=searched/*' --arm 'sampled=sampled/*' \\
          --genome hg19.fa --bfile 1000G.EUR.@ --baseline baselineLD.@ --w-ld weights.@ -o study/
    """
    from ambergen.cli.progress_bars import progress_for_terminal
    from ambergen.executors.engines import make_executor
    from ambergen.report.heritability_page import write_study_page
    from ambergen.validation.heritability.study_run import run_study
    from ambergen.validation.heritability.track_sources import find_sources
    from ambergen.validation.heritability.track_study import Study, StudyConfig, StudyInputs, named_traits
    from ambergen.validation.heritability.traits import RegressionConfig

    progress = progress_for_terminal()
    config = StudyConfig(
        annotation_config(score, max_over_tracks, rank, top, match, unscored),
        ld_score_config((ld_wind_cm, ld_wind_kb, ld_wind_snps), 0.0, zero_cm, unscored),
        RegressionConfig(n_blocks, intercept_h2, None, chisq_max, force=force),
        keep_mhc,
    )
    sources = tuple(find_sources(model or [], arm or []))
    inputs = StudyInputs(
        sources, bfile, named_traits(sumstats), genome, baseline, tuple(annot or ()), w_ld, print_snps, cm_map,
        tuple(track or ()),
    )  # fmt: skip
    with make_executor("inline" if workers == 1 else "processes", workers) as executor:
        run_study(Study(inputs, config, out), executor, progress, (searched, sampled))
    write_study_page(out)
    _tell(out, as_json)


def compare(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="The folder that `ambergen heritability tracks` has written.")
    ],
    searched: Annotated[str, typer.Option(metavar="ARM", help="The arm that is compared …")] = "searched",
    sampled: Annotated[str, typer.Option(metavar="ARM", help="… with this one.")] = "sampled",
    as_json: AsJson = False,
) -> None:
    """Do searched models carry more heritability than sampled ones?

    Pairs the tracks of two arms of a study, the architectures of an arm
    averaged, and compares log-enrichment and tau* for each trait: the mean
    difference with the error of paired delete values, Wilcoxon's test over
    tracks (descriptive), and over architectures where an arm has several; over
    all traits with random effects. q is over the traits. All tracks count; a
    second view has those in which an arm is significantly above.

    Writes comparison.tsv and comparison.parquet into DIR, and the page anew.

    Examples:

      ambergen heritability compare study/
      ambergen heritability compare study/ --searched amber --sampled random --json
    """
    from ambergen.report.heritability_page import write_study_page
    from ambergen.validation.heritability.study_run import compare_folder

    compare_folder(folder, searched, sampled)
    write_study_page(folder)
    _tell(folder, as_json, tracks_too=False)


def _tell(folder: Path, as_json: bool, tracks_too: bool = True) -> None:
    from ambergen.validation.heritability.study_folder import read_record
    from ambergen.validation.heritability.tables import read_table
    from ambergen.validation.json_values import plain

    record = read_record(folder)
    comparison = read_table(folder, "comparison") if "comparison" in record else None
    if as_json:
        told = {"comparison": None if comparison is None else plain(comparison.to_dict("records"))}
        if tracks_too:
            told = {**record, "tracks": plain(read_table(folder, "tracks").to_dict("records")), **told}
        print(json.dumps(told, indent=2, ensure_ascii=False))
        return
    if tracks_too:
        print(_tracks_text(read_table(folder, "tracks")) + "\n")
        print("\n".join(record["sentences"]))
    if comparison is not None:
        print(("\n" if tracks_too else "") + _comparison_text(comparison) + "\n")
        print("\n".join(record["comparison"]["sentences"]))
    if tracks_too:
        print(f"\nTables and settings: {folder}; figures: {folder / 'heritability.html'}")


_SHOWN = 20
_TRACKS = ("arm", "model", "trait", "track", "enrichment", "enrichment_se", "tau_star", "tau_star_se", "q", "status")
_PAIRED = (
    "trait",
    "measure",
    "view",
    "test",
    "n_tracks",
    "searched",
    "sampled",
    "difference",
    "low",
    "high",
    "p",
    "q",
)


def _tracks_text(frame: pd.DataFrame) -> str:
    """The rows with the smallest p, and what could not be fitted."""
    ordered = frame.sort_values(["tau_star_p"], kind="stable")
    more = len(frame) - _SHOWN
    return _text(ordered.head(_SHOWN), _TRACKS) + (f"\n… and {more:,} more in tracks.tsv" if more > 0 else "")


def _comparison_text(frame: pd.DataFrame) -> str:
    return _text(frame, _PAIRED) if len(frame) else "no pair of tracks has values in both arms"


def _text(frame: pd.DataFrame, columns: Sequence[str]) -> str:
    return table(columns, [[_short(row[name]) for name in columns] for _, row in frame.iterrows()], left=range(4))


def _short(value: Any) -> str:
    """Three digits; NA where there is no value."""
    if value != value:
        return "NA"
    return f"{value:.3g}" if isinstance(value, float) else str(value)
