"""`ambergen train`: final training of a run's winners, or of a rival."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ambergen.cli.arguments import AsJson, Overrides, RunFile

if TYPE_CHECKING:
    from ambergen.config import Run
    from ambergen.training.config import TrainConfig


SETTINGS = 30
COUNT_WEIGHT = "10"


class ScorerName(StrEnum):
    """Rivals that a run's store can train."""

    deepsea = "deepsea"
    danq = "danq"
    basset = "basset"
    deepbind = "deepbind"
    bpnet = "bpnet"
    gkm = "gkm"
    kmer = "kmer"
    pwm = "pwm"


def train(
    run_file: RunFile,
    overrides: Overrides = None,
    scorer: Annotated[
        ScorerName | None, typer.Option(help="Train this rival on the run's store, not the winners of its searches.")
    ] = None,
    recipe: Annotated[
        str,
        typer.Option(
            metavar="PRESET",
            help="How a rival network is trained: published, run (the section `train`), or a preset of `train`.",
        ),
    ] = "published",
    scale: Annotated[
        float, typer.Option(metavar="SHARE", help="Share of the published widths of deepsea, danq, basset and bpnet.")
    ] = 1.0,
    settings: Annotated[
        int,
        typer.Option(
            metavar="N",
            help="Drawn settings of deepbind that are tried first, as published; 0 takes one from the middle.",
        ),
    ] = SETTINGS,
    motifs: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="JASPAR or MEME; pwm takes of them the best for each track."),
    ] = None,
    motif: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Only the motifs of that file with this name or identifier. Several times."),
    ] = None,
    count_weight: Annotated[
        str,
        typer.Option(
            metavar="NUMBER",
            help="Of bpnet, what the error of the counts weighs beside that of the profile; balanced: half the mean "
            "reads of a window.",
        ),
    ] = COUNT_WEIGHT,
    as_json: AsJson = False,
) -> None:
    """Train the best finalists from scratch with several seeds; what comes before is done first where it is missing.

    The finalist with the best mean of search.objective on the selection split is the
    winner for good (search.contenders of them are trained).

    Each model goes to models/<architecture>/seed<k> in the run's folder. Training
    stops early by the selection split, and an interrupted one continues exactly.

    With --scorer a rival is trained instead, on the same splits and without a search:
    the networks deepsea, danq, basset and deepbind (one for each track) by the
    recipes of their publications, gkm (gkm-SVM), kmer (k-mer regression) and pwm
    (known motifs). It goes to rivals/<scorer>/seed<k>, a model like any other for
    predict, effects and asb. The published recipes are made for millions of windows;
    on fewer, --recipe run --scale 0.125 may do better.

    bpnet learns from counts of reads at each base (data.counts of the run file) how
    many reads a window has and where they begin; its score is the logarithm of their
    number, so that the effect of a variant is the logarithm of a fold change.

    Examples:

      ambergen train study/run.yaml
      ambergen train study/run.yaml --set train.seeds=5 --set train.epochs=100
      ambergen train study/run.yaml --scorer deepbind --settings 10
      ambergen train study/run.yaml --scorer pwm --motifs JASPAR2024_CORE.jaspar
      ambergen train study/run.yaml --scorer bpnet --count-weight balanced
    """
    if scorer is None:
        _refuse_without_scorer(
            {
                "--recipe": recipe != "published",
                "--scale": scale != 1.0,
                "--settings": settings != SETTINGS,
                "--motifs": motifs is not None,
                "--motif": bool(motif),
                "--count-weight": count_weight != COUNT_WEIGHT,
            }
        )
    records = _winners(run_file, overrides) if scorer is None else None
    if records is None:
        from ambergen.baselines.rivals import RivalConfig
        from ambergen.cli.progress_bars import progress_for_terminal
        from ambergen.config import load_run
        from ambergen.pipeline import rival_stage

        assert scorer is not None
        run = load_run(run_file, overrides or ())
        _check_motifs(motifs, motif or ())
        rival = RivalConfig(
            scorer.value,
            _recipe(recipe, run),
            scale,
            settings,
            motifs,
            tuple(motif or ()),
            count_weight=_weight(count_weight),
        )
        records = [
            {
                "model": str(one.folder),
                "epochs": one.epochs,
                "best_epoch": one.best_epoch,
                "selection_auroc": None if one.auroc != one.auroc else one.auroc,
                **({"coverage": list(one.coverage)} if one.coverage else {}),
            }
            for one in rival_stage(run, rival, progress_for_terminal())
        ]
    _show(records, as_json)


def _recipe(name: str, run: Run) -> TrainConfig | None:
    from ambergen.training.config import train_preset

    if name == "published":
        return None
    return run.train if name == "run" else train_preset(name)


def _refuse_without_scorer(given: Mapping[str, bool]) -> None:
    from ambergen.errors import ConfigError

    for option in [option for option, is_given in given.items() if is_given]:
        raise ConfigError(
            f"train: {option} says how a rival is trained, and there is none; expected it with --scorer. Add --scorer "
            "NAME, or leave the option out."
        )


def _check_motifs(path: Path | None, names: Sequence[str]) -> None:
    """Read the file before a store is built, which can take long."""
    from ambergen.io.motifs import motifs_of, read_motifs

    if path is not None:
        known = read_motifs(path)
        for name in names:
            motifs_of(known, name, str(path))


def _weight(text: str) -> float | None:
    from ambergen.errors import ConfigError

    if text == "balanced":
        return None
    try:
        return float(text)
    except ValueError as error:
        raise ConfigError(f"--count-weight: {text!r}; expected a number above 0, or balanced.") from error


def _winners(run_file: Path, overrides: Sequence[str] | None) -> list[dict[str, Any]]:
    from ambergen.cli.chain import do
    from ambergen.report.evidence import read_evidence

    run = do(run_file, overrides, ("train",))
    evidence = read_evidence(run.out)
    winners = {log.finished.get("winner") for log in evidence.searches}
    records: list[dict[str, Any]] = []
    for (name, seed), history in evidence.histories.items():
        if name in winners:
            best = max(history, key=lambda e: e.get("auroc") or 0.0)
            records.append(
                {
                    "model": str(run.out / "models" / name / seed),
                    "epochs": len(history),
                    "best_epoch": best.get("epoch"),
                    "selection_auroc": best.get("auroc"),
                }
            )
    return records


def _show(records: list[dict[str, Any]], as_json: bool) -> None:
    from ambergen.cli.tables import score, table

    if as_json:
        print(json.dumps(records, indent=2))
        return
    if any("coverage" in r for r in records):
        print(_coverage(records))
        return
    rows = [
        (
            r["model"],
            *("-" if r[key] is None else r[key] for key in ("epochs", "best_epoch")),
            score(r["selection_auroc"]),
        )
        for r in records
    ]
    print(table(("model", "epochs", "best epoch", "AUROC, selection split"), rows))


def _coverage(records: list[dict[str, Any]]) -> str:
    """How well reads are predicted, each split and track, beside profiles that know nothing of the sequence."""
    from ambergen.cli.tables import score, table

    rivals = ("mean", "uniform")
    head = ("model", "best epoch", "split", "track", "Pearson", "Spearman", "loss", *rivals, "JS", *rivals)
    of_profiles = [f"{name}_{kind}" for kind in ("loss", "distance") for name in ("profile", *rivals)]
    rows = [
        (
            r["model"],
            f"{r['best_epoch'] + 1} of {r['epochs']}",
            row["split"],
            row["track"],
            *(score(row[key]) for key in ("count_pearson", "count_spearman", *of_profiles)),
        )
        for r in records
        for row in r["coverage"]
    ]
    return (
        f"{table(head, rows, left=(0, 1, 2, 3))}\n\n"
        "Pearson, Spearman: predicted logarithm of the reads of a window against log(1 + reads).\n"
        "loss: multinomial loss of a window's profile; JS: Jensen-Shannon distance to it; lower is better. Beside\n"
        "them those of the mean profile of the training windows and of a uniform one. The test split was read once,\n"
        "after the training."
    )
