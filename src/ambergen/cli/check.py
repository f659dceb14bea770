"""`ambergen check`: finds in seconds what would fail later."""

from __future__ import annotations

import json
from dataclasses import asdict

import typer

from ambergen.cli.arguments import AsJson, Overrides, RunFile

MARKS = {"fine": "ok", "note": "note", "problem": "PROBLEM"}


def check(run_file: RunFile, overrides: Overrides = None, as_json: AsJson = False) -> None:
    """Find in seconds what would fail later: files, contig names, labels, splits, device, disk.

    Nothing is built or trained. A problem ends with status 2; a note is worth
    knowing and stops nothing. Files need not be sorted.

    Examples:

      ambergen check study/run.yaml
      ambergen check study/run.yaml --set data.windows.label=any --json
    """
    from ambergen.checks import check_run
    from ambergen.cli.failures import WRONG_INPUT
    from ambergen.cli.progress_bars import progress_for_terminal
    from ambergen.config import load_run

    findings = check_run(load_run(run_file, overrides or ()), progress_for_terminal())
    if as_json:
        print(json.dumps([asdict(f) for f in findings], indent=2))
    else:
        for finding in findings:
            print(f"{MARKS[finding.level]:8}{finding.subject}: {finding.message}")
    problems = sum(f.level == "problem" for f in findings)
    if problems:
        raise typer.Exit(WRONG_INPUT)
    if not as_json:
        print(f"\nAll is well. Next: ambergen run {run_file}")
