"""`ambergen report`: the page of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ambergen.cli.arguments import Overrides


def report(
    source: Annotated[
        Path, typer.Argument(metavar="RUN", help="The run file, or the folder of a run, whole or unfinished.")
    ],
    overrides: Overrides = None,
) -> None:
    """Write report.html: one page that explains the run, with figures, tables and provenance.

    It needs nothing outside itself and shows what there is; it may be made while
    a run goes on.

    Examples:

      ambergen report study/run.yaml
      ambergen report runs/yeast
    """
    from ambergen.config import load_run
    from ambergen.report.page import write_report

    print(write_report(source if source.is_dir() else load_run(source, overrides or ()).out))
