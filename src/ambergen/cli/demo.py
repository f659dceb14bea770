"""`ambergen demo`: the whole chain on the bundled data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ambergen.cli.arguments import Overrides


def demo(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="The run's folder.")] = Path("ambergen-demo"),
    overrides: Overrides = None,
) -> None:
    """The whole chain on the yeast genome that comes with the package: a few minutes on two cores.

    Its data are small, so that its figures show how things work, not how well.

    Examples:

      ambergen demo
      ambergen demo --out try --set search.budget=10min
    """
    from ambergen.cli.chain import do, print_comparison
    from ambergen.datasets.demo import demo_paths
    from ambergen.stages import STAGES

    run = do(demo_paths().run_file, [f"out={out}", *(overrides or ())], STAGES)
    print_comparison(run, as_json=False)
    print(f"Report: {run.out / 'report.html'}")
