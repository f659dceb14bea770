"""What the commands of the chain share: read the run file, do stages with progress on stderr."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ambergen.config import Run
    from ambergen.stages import Stage


def do(path: Path, overrides: Sequence[str] | None, stages: Sequence[Stage]) -> Run:
    """Do the stages of a run file; the resolved run comes back."""
    from ambergen.cli.progress_bars import progress_for_terminal
    from ambergen.config import load_run
    from ambergen.pipeline import run_stages

    run = load_run(path, overrides or ())
    run_stages(run, stages, progress_for_terminal())
    return run


def print_comparison(run: Run, as_json: bool) -> None:
    """The comparison of a run on stdout."""
    from ambergen.report.tables import comparison_json, comparison_table

    print(comparison_json(run.out) if as_json else comparison_table(run.out))
