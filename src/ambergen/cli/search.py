"""`ambergen search`: the architecture search of a run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ambergen.cli.arguments import AsJson, Overrides, RunFile

if TYPE_CHECKING:
    from ambergen.config import Run
    from ambergen.report.fronts import Front
    from ambergen.runs.audit import AuditConfig

Audit = Annotated[
    int | None,
    typer.Option(
        "--audit",
        metavar="N",
        help="Then train N architectures of all sizes alone and say how well the search's scores rank them.",
    ),
]

AuditSeeds = Annotated[
    int | None,
    typer.Option(
        "--audit-seeds",
        metavar="K",
        help="Train each of them K times; two or more tell how far the trainings agree among themselves.",
        show_default="1",
    ),
]


def search(
    run_file: RunFile,
    overrides: Overrides = None,
    audit: Audit = None,
    audit_seeds: AuditSeeds = None,
    as_json: AsJson = False,
) -> None:
    """Search the space for good architectures; the store is built first where it is missing.

    search.method is evolution, random, nas or hierarchical, which train every
    candidate alone, or enas or oneshot, whose candidates share weights. A budget
    is a time (90s, 2h; '30min device' sums over all workers) or a count (40
    trials; of training shared weights 20 epochs, 500 steps). Rewards come from
    the search split; the few best are trained alone for a short time, and the
    selection split names the winner. Ctrl-C leaves a search that the same
    command continues.

    search.objective is what is made large: auroc, average_precision,
    log_likelihood, brier, mcc, accuracy, or a function of scores (logits) and
    labels in a file of yours, my_metrics.py:name. The front of score against size
    is told with its hypervolume.

    With --audit N the search is put to the test: N architectures of all sizes
    are trained alone, as finalists are, and measured on the selection split.
    Kendall's tau says how well shared weights, and scores of untrained networks,
    rank them. An interrupted audit is continued by the same command, and one with
    more architectures or --audit-seeds keeps what was trained.

    Examples:

      ambergen search study/run.yaml
      ambergen search study/run.yaml --set search.method=nas --set 'search.budget=100 trials'
      ambergen search study/run.yaml --set search.objective=mcc --json
      ambergen search study/run.yaml --audit 50 --audit-seeds 2
    """
    from ambergen.cli.chain import do
    from ambergen.cli.tables import score, table
    from ambergen.errors import ConfigError
    from ambergen.metrics.objectives import scale
    from ambergen.report.evidence import read_evidence
    from ambergen.report.fronts import SIZES, fronts
    from ambergen.runs.audit import AuditConfig
    from ambergen.runs.config import SHARED

    if audit is None and audit_seeds is not None:
        raise ConfigError("--audit-seeds trains architectures of an audit, and there is none; give --audit N as well.")
    how = (
        None if audit is None else AuditConfig(audit, 1 if audit_seeds is None else audit_seeds)
    )  # refuses what is impossible before the work
    if how is not None:
        _refuse_beyond_the_space(run_file, overrides, how)
    run = do(run_file, overrides, ("search",))
    logs = read_evidence(run.out).searches
    records = [
        {
            "search": log.number,
            "id": finalist["id"],
            "shared": finalist["shared_score"],
            "stand_alone": finalist["stand_alone_score"],
            "winner": finalist["id"] == log.finished.get("winner"),
            "architecture": finalist["architecture"],
        }
        for log in logs
        for finalist in log.finalists
    ]
    on_front = [(log.number, front) for log in logs for front in fronts(log)]
    audited = None if how is None else _audit(run, how)
    if as_json:
        told = {"finalists": records, "fronts": [{"search": n, **front.to_dict()} for n, front in on_front]}
        print(json.dumps(told if audited is None else {**told, "audit": audited}, indent=2))
        return
    rated = "shared weights" if run.search.method in SHARED else "trained alone"
    header = ("search", "finalist", "", f"search split, {rated}", "selection split, trained alone")
    rows = [
        (r["search"], r["id"], "winner" if r["winner"] else "", score(r["shared"]), score(r["stand_alone"]))
        for r in records
    ]
    print(f"{run.out}: {scale(run.search.objective).label} of the finalists\n\n{table(header, rows, left=(0, 1, 2))}")
    for number, front in on_front:
        print(f"\nSearch {number}, score against {SIZES[front.size]}: {front_text(front)}")
    if audited is not None:
        print("\n" + audit_text(audited))


def front_text(front: Front) -> str:
    """A front in a line."""
    n, told = len(front.networks), front.told()
    return f"{n} network{'' if n == 1 else 's'} on the front" + (f"; {told}" if told else "")


def _refuse_beyond_the_space(run_file: Path, overrides: list[str] | None, how: AuditConfig) -> None:
    """What the audit would refuse when the search is over."""
    from ambergen.config import load_run
    from ambergen.runs.audit import refuse_too_many
    from ambergen.runs.methods import searched_space

    run = load_run(run_file, overrides or ())
    refuse_too_many(searched_space(run.space, run.search), how.n)


def _audit(run: Run, how: AuditConfig) -> dict[str, Any]:
    from ambergen.cli.progress_bars import progress_for_terminal
    from ambergen.pipeline import audit_stage

    return audit_stage(run, how, progress_for_terminal())


def audit_text(record: dict[str, Any]) -> str:
    """The audit as a table and in words."""
    from ambergen.cli.tables import score, table
    from ambergen.metrics.objectives import scale

    def interval(values: dict[str, Any]) -> str:
        return "" if values["low"] is None else f"{values['low']:.2f} to {values['high']:.2f}"

    header = ("score", "tau-b", f"{record['level']:.0%} interval", "at equal size", "p", "best found", "regret")
    rows = [
        (
            found["score"].replace("_", " "),
            score(found["tau"]["estimate"]),
            interval(found["tau"]),
            score(found["partial_tau"]["estimate"]),
            score(found["p"]),
            "-" if found["precision"]["estimate"] is None else f"{found['precision']['estimate']:.0%}",
            score(found["regret"]["estimate"]),
        )
        for found in record["agreements"]
    ]
    times = "" if record["seeds"] == 1 else f", {record['seeds']} times each"
    measure = f"{scale(record['objective']).label} on the {record['split']} split"
    heading = f"Audit: {record['n']} architectures trained alone{times}, {measure}"
    return "\n\n".join([heading, table(header, rows), *record["sentences"]])
