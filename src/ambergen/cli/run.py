"""`ambergen run`: the whole chain."""

from __future__ import annotations

from ambergen.cli.arguments import AsJson, Overrides, RunFile


def run(run_file: RunFile, overrides: Overrides = None, as_json: AsJson = False) -> None:
    """Build, search, train, compare and report; each stage is skipped where its result is current.

    Ctrl-C, or a power cut, leaves a run that the same command continues. The
    comparison is printed at the end, then the path of the report.

    Examples:

      ambergen run study/run.yaml
      ambergen run study/run.yaml --set search.budget=2h --set out=runs/long
    """
    import sys

    from ambergen.cli.chain import do, print_comparison
    from ambergen.stages import STAGES

    done = do(run_file, overrides, STAGES)
    print_comparison(done, as_json)
    print(f"Report: {done.out / 'report.html'}", file=sys.stderr if as_json else sys.stdout)
