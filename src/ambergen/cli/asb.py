"""`ambergen asb`: how well scorers foretell allele-specific binding; and counts with a known truth."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from typer.core import TyperGroup

from ambergen.cli.arguments import AsJson, check_folder, refuse_overwriting
from ambergen.cli.asb_files import write_evaluation
from ambergen.cli.asb_rehearse import rehearse
from ambergen.cli.failures import reported
from ambergen.cli.tables import pairs, score, table

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from ambergen.progress import Progress
    from ambergen.validation.asb.scores import VariantScores

EVALUATE = "evaluate"
DEEPSEA = "deepsea"


class _EvaluatesFirst(TyperGroup):
    """`ambergen asb SCORES COUNTS` is `ambergen asb evaluate SCORES COUNTS`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not args or args[0] not in self.commands:
            args = [EVALUATE, *(args or ["--help"])]
        return super().parse_args(ctx, args)


asb = typer.Typer(cls=_EvaluatesFirst, help="Allele-specific binding: scorers against allelic read counts; simulation.")


def evaluate(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SCORES_OR_MODEL... COUNTS",
            help="Scores of variants (what `ambergen effects` wrote, or a table with chrom, pos, ref, alt and a score) "
            "or trained models' folders, NAME=PATH to name one; and last the allelic read counts, a table or a folder "
            "of tables. Without scores, the columns <name>_score of the counts are taken.",
        ),
    ],
    genome: Annotated[
        Path | None, typer.Option(metavar="FASTA", help="The genome of the counts; needed to score them by a model.")
    ] = None,
    track: Annotated[
        str | None, typer.Option(metavar="NAME", help="The track that is meant, where counts have no column `track`.")
    ] = None,
    kind: Annotated[
        str | None,
        typer.Option("--score", metavar="NAME", help="The score's column (default: logit_diff, else diff)."),
    ] = None,
    preset: Annotated[
        Literal["ambergen", "amber"],
        typer.Option(help="amber: p0 of one half and binomial tests, as published; ambergen: both are estimated."),
    ] = "ambergen",
    p0: Annotated[
        str | None, typer.Option(metavar="SHARE|pair", help="Expected share of reference reads; pair: by base pair.")
    ] = None,
    rho: Annotated[
        str | None, typer.Option(metavar="RHO|robust", help="Overdispersion; 0: binomial; robust: from medians.")
    ] = None,
    fdr: Annotated[float, typer.Option(min=0, max=1, help="Sites called have a smaller false discovery rate.")] = 0.01,
    rows_alone: Annotated[
        bool, typer.Option("--rows-alone", help="Do not add up rows of one variant; they become a cluster.")
    ] = False,
    store: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The models' store: sites on its training contigs are flagged.")
    ] = None,
    held_out: Annotated[
        list[str] | None,
        typer.Option(
            metavar="REGION",
            help="What no scorer was trained on: a contig or CONTIG:START-END, several times; or deepsea.",
        ),
    ] = None,
    card: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="Show this variant alone on the page. Several times.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the cluster bootstrap.")] = 0,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="DIR", help="A folder for tables and the page asb.html.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Which allele is bound more, and which scorers knew it.

    Reads of one variant in several individuals or cells are added up. A site is
    a gain where the alternate allele has more reads, a loss where the reference
    allele has; scores are alternate minus reference. All scorers are measured
    on the sites that all of them scored; the first is what the others are
    compared with.

    Counts are a table separated by tabs with chrom, pos, ref, alt, ref_reads
    and alt_reads (or the names of other programs, MixALime's among them), and
    track, tf, rsid, cell, individual where they are known.

    Examples:

      ambergen asb effects.tsv counts.tsv -o asb/
      ambergen asb searched=a.parquet deepsea=b.tsv jaspar.tsv counts.tsv --store runs/x/store
      ambergen asb runs/x/models/3f2a9c01b7/seed0 counts.tsv --genome genome.fa.gz --track SPI1
      ambergen asb simulate truth.tsv -o counts.tsv     (see ambergen asb simulate --help)
    """
    from dataclasses import replace

    from ambergen.cli.progress_bars import progress_for_terminal
    from ambergen.errors import InputError
    from ambergen.io.allele_counts import SCORE, read_allele_counts
    from ambergen.validation.asb.calls import LabelRule, call
    from ambergen.validation.asb.evaluation import evaluate as measure
    from ambergen.validation.asb.records import record

    progress = progress_for_terminal()
    *given, counts = sources
    named = [_named(source) for source in given]
    names = [name for name, _ in named]
    if len(set(names)) < len(names):
        raise InputError(
            f"asb: two scorers are called {next(n for n in names if names.count(n) > 1)!r}; expected different names. "
            "Name them: NAME=PATH."
        )
    if card and out is None:
        raise InputError(f"--card {card[0]}: a card stands on the page. Name its folder with --out DIR.")
    check_folder(out)
    amber = preset == "amber"
    calls = call(
        read_allele_counts(Path(counts)),
        _choice("--p0", p0, "pair", 0.5 if amber else None),
        _choice("--rho", rho, "robust", 0.0 if amber else None),
        replace(LabelRule(), fdr=fdr),
        not rows_alone,
    )
    sites = calls.table
    scores: dict[str, Any] = {}
    differences: dict[str, Any] = {}
    for column in [c for c in sites.columns if c.endswith(SCORE)]:
        scores[column.removesuffix(SCORE)] = sites[column].to_numpy()
    found = _aligned(named, sites, genome, track, kind, progress)
    scores = {**{name: one.score for name, one in found.items()}, **{n: s for n, s in scores.items() if n not in found}}
    differences = {name: one.difference for name, one in found.items() if one.difference is not None}
    if not scores:
        raise InputError(
            f"{counts}: the counts have no columns <name>_score, and no scores were given. Name a file of scores or a "
            "model before the counts."
        )
    evaluation = measure(calls, scores, differences, _outside(sites, store, held_out), seed)
    for note in [note for one in found.values() for note in one.notes] + list(evaluation.warnings):
        progress.say(note)
    if out is not None:
        write_evaluation(out, calls, evaluation, card or [], [n for one in found.values() for n in one.notes])
        progress.say(f"Wrote {out / 'asb.html'}")
    result = record(calls, evaluation)
    print(json.dumps(result, indent=2, ensure_ascii=False) if as_json else _text(result))


def _named(source: str) -> tuple[str, Path]:
    name, equals, path = source.partition("=")
    if equals and name and not Path(source).exists():
        return name, Path(path)
    stem = Path(source).name
    for end in (".gz", ".tsv", ".txt", ".parquet", ".h5", ".hdf5"):
        stem = stem.removesuffix(end)
    return stem or source, Path(source)


def _choice(option: str, text: str | None, word: str, default: float | None) -> Any:
    from ambergen.errors import ConfigError

    if text is None or text == word:
        return text or default
    try:
        return float(text)
    except ValueError:
        raise ConfigError(f"{option} {text}: expected a number, or the word {word}.") from None


def _aligned(
    named: list[tuple[str, Path]],
    sites: pd.DataFrame,
    genome: Path | None,
    track: str | None,
    kind: str | None,
    progress: Progress,
) -> dict[str, Any]:
    from ambergen.errors import InputError
    from ambergen.validation.asb.scores import align, read_scores

    found = {}
    for name, path in named:
        if not path.exists():
            raise InputError(f"{path}: there is no such file or folder. Check the path of the scorer {name}.")
        scores = (
            _of_model(name, path, sites, genome, kind, progress) if path.is_dir() else read_scores(path, name, kind)
        )
        found[name] = align(sites, scores, track)
    return found


def _of_model(
    name: str, folder: Path, sites: pd.DataFrame, genome: Path | None, kind: str | None, progress: Progress
) -> VariantScores:
    from ambergen.effects.engine import score as score_effects
    from ambergen.effects.models import load_ensemble
    from ambergen.errors import InputError
    from ambergen.training.precision import default_device
    from ambergen.validation.asb.scores import KEY, of_effects

    if genome is None:
        raise InputError(f"{folder}: a model scores windows of a genome. Name the genome with --genome FASTA.")
    models = load_ensemble(folder, default_device()).models
    tested = sites[sites["status"] == "ok"]
    variants = tested[list(KEY)].drop_duplicates()
    with progress.task(f"Scoring by {name}", len(variants)) as task:
        effects = score_effects(models, genome, variants)
        task.advance(len(variants))
    return of_effects(name, effects, kind)


def _outside(sites: pd.DataFrame, store: Path | None, held_out: list[str] | None) -> np.ndarray | None:
    """Which sites lie outside the training data; None where it is not known."""
    from ambergen.datasets.store import Store
    from ambergen.validation.asb.leaks import DEEPSEA_HELD_OUT, TRAINED, inside, leak_flags

    outside = None
    if held_out:
        regions = [r for region in held_out for r in (DEEPSEA_HELD_OUT if region == DEEPSEA else [region])]
        outside = inside(sites, regions)
    if store is not None:
        unseen = leak_flags(sites, Store.open(store)) != TRAINED
        outside = unseen if outside is None else outside & unseen
    return outside


def _text(result: dict[str, Any]) -> str:
    calls = result["calls"]
    head = pairs(
        [
            ("sites tested", f"{calls['n_tested']:,} of {calls['n_sites']:,}"),
            ("gain, loss, background", f"{calls['n_gain']:,}, {calls['n_loss']:,}, {calls['n_background']:,}"),
            ("p0, rho", f"{calls['p0']:.4f}, {calls['rho']:.4f}"),
        ]
    )
    parts = [head]
    for subset, kind, words in (
        ("all", "shared", "sites that all scorers scored"),
        ("all", "own", "sites that each scorer scored"),
        ("held_out", "shared", "sites outside the training data"),
    ):
        rows = [r for r in result["figures"] if r["subset"] == subset and r["rows"] == kind]
        if not rows or (
            kind == "own" and len({r["n_scored"] for r in result["figures"] if r["subset"] == subset}) == 1
        ):
            continue
        header = [
            "scorer",
            "gain+loss",
            "AUROC",
            "95% interval",
            "sign",
            "ties 1/2",
            "loss",
            "gain",
            "Spearman",
            "scored",
        ]
        parts.append(f"{words}\n" + table(header, [_line(row) for row in rows]))
    if result["pairs"]:
        header = ["difference in AUROC", "", "95% interval", "DeLong p", "bootstrap p", "McNemar p", "Wilcoxon p"]
        parts.append(table(header, [_pair(row) for row in result["pairs"]]))
    parts.append("\n".join(result["sentences"]))
    return "\n\n".join(parts)


def _line(row: dict[str, Any]) -> list[str]:
    interval = "-" if row["direction_low"] is None else f"{row['direction_low']:.3f}-{row['direction_high']:.3f}"
    return [
        row["scorer"],
        f"{row['n_gain']}+{row['n_loss']}",
        score(row["direction_auroc"]),
        interval,
        score(row["accuracy"]),
        score(row["accuracy_ties_half"]),
        score(row["loss_auroc"]),
        score(row["gain_auroc"]),
        score(row["spearman"]),
        f"{row['n_scored']:,}",
    ]


def _pair(row: dict[str, Any]) -> list[str]:
    def p(name: str) -> str:
        return "-" if row[name] is None else f"{row[name]:.2g}"

    interval = "-" if row["low"] is None else f"{row['low']:+.3f} to {row['high']:+.3f}"
    tested = ("delong_p_adjusted", "bootstrap_p_adjusted", "mcnemar_p_adjusted", "wilcoxon_p_adjusted")
    return [f"{row['b']} - {row['a']}", f"{row['difference']:+.4f}", interval, *map(p, tested)]


def simulate(
    truth: Annotated[
        Path,
        typer.Argument(
            metavar="TRUTH",
            help="Variants with their true effects: a table with chrom, pos, ref, alt and a column of numbers, or what "
            "`ambergen effects` wrote.",
        ),
    ],
    kind: Annotated[
        str | None, typer.Option("--score", metavar="NAME", help="The column of effects (default: as in ambergen asb).")
    ] = None,
    scale: Annotated[
        float, typer.Option(help="Log odds of an alternate read that one unit of the effect makes (natural logarithm).")
    ] = 1.0,
    affected: Annotated[
        float, typer.Option(min=0, max=1, help="Share of variants whose effect is real; the others have none.")
    ] = 1.0,
    depth: Annotated[float, typer.Option(help="Mean reads at a site in one individual.")] = 60.0,
    p0: Annotated[float, typer.Option(help="Share of reference reads where nothing is allele-specific.")] = 0.5,
    rho: Annotated[float, typer.Option(help="Overdispersion; 0: binomial.")] = 0.02,
    individuals: Annotated[int, typer.Option(min=1, help="Rows of each site.")] = 1,
    seed: Annotated[int, typer.Option(help="Counts are a function of it.")] = 0,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="A .tsv or .tsv.gz file; else stdout.")
    ] = None,
) -> None:
    """Allelic read counts of variants whose effects are known.

    The log odds of an alternate read are scale x effect, less those of the
    reference bias. Depths vary as a negative binomial, shares of reads as a
    beta distribution. The columns true_effect and true_ratio hold the truth.

    Examples:

      ambergen asb simulate effects.tsv --scale 2 --depth 80 --rho 0.02 -o counts.tsv
      ambergen asb simulate effects.parquet --p0 0.51 --individuals 3 > counts.tsv
    """
    from ambergen.validation.asb.scores import read_scores
    from ambergen.validation.asb.simulation import simulated_table

    refuse_overwriting((out,), (truth,))
    counts = simulated_table(read_scores(truth, truth.name, kind), scale, affected, depth, p0, rho, individuals, seed)
    _save(counts, out)


def _save(counts: pd.DataFrame, out: Path | None) -> None:
    from ambergen.errors import InputError

    if out is None:
        counts.to_csv(sys.stdout, sep="\t", index=False, float_format="%.7g")
        return
    if not out.name.endswith((".tsv", ".tsv.gz")):
        raise InputError(f"{out}: the ending tells the format; expected .tsv or .tsv.gz.")
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_name(f".part-{out.name}")  # the ending stays, since it says how to compress
    try:
        counts.to_csv(part, sep="\t", index=False, float_format="%.7g")
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)


asb.command(EVALUATE)(reported(evaluate))
asb.command("simulate")(reported(simulate))
asb.command("rehearse")(reported(rehearse))
