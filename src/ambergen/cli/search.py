"""`ambergen search`: the architecture search of a run."""

from __future__ import annotations

import json

from ambergen.cli.arguments import AsJson, Overrides, RunFile


def search(run_file: RunFile, overrides: Overrides = None, as_json: AsJson = False) -> None:
    """Search the space for good architectures; the store is built first where it is missing.

    A budget is a time (90s, 30min, 2h) or a count (20 epochs, 500 steps, 40 trials).
    Rewards come from the search split; the few best are trained alone for a short
    time, and the selection split names the winner. Ctrl-C leaves a search that the
    same command continues.

    Examples:

      ambergen search study/run.yaml
      ambergen search study/run.yaml --set search.budget=2h --set compare.searches=3
    """
    from ambergen.cli.chain import do
    from ambergen.cli.tables import score, table
    from ambergen.report.evidence import read_evidence

    run = do(run_file, overrides, ("search",))
    records = [
        {
            "search": log.number,
            "id": finalist["id"],
            "shared": finalist["shared_score"],
            "stand_alone": finalist["stand_alone_score"],
            "winner": finalist["id"] == log.finished.get("winner"),
            "architecture": finalist["architecture"],
        }
        for log in read_evidence(run.out).searches
        for finalist in log.finalists
    ]
    if as_json:
        print(json.dumps(records, indent=2))
        return
    header = ("search", "finalist", "", "search split, shared weights", "selection split, trained alone")
    rows = [
        (r["search"], r["id"], "winner" if r["winner"] else "", score(r["shared"]), score(r["stand_alone"]))
        for r in records
    ]
    print(f"{run.out}: {run.search.objective} of the finalists\n\n{table(header, rows, left=(0, 1, 2))}")
