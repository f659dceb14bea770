"""Arguments and options that several commands share."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

RunFile = Annotated[Path, typer.Argument(metavar="RUN.yaml", help="The run file; `ambergen init DIR` writes one.")]
RunFolder = Annotated[Path, typer.Argument(metavar="RUN_DIR", help="The folder that the run file names as `out`.")]
Overrides = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Replace one key of the run file, for example search.budget=2h. May be given several times.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


def refuse_overwriting(written: Sequence[Path | None], read: Sequence[Path | None]) -> None:
    """InputError if two results would go into one file, or one into a file that the command reads."""
    from ambergen.errors import InputError

    taken = {path.resolve(): "the command reads it" for path in read if path is not None}
    for path in written:
        if path is None:
            continue
        if why := taken.get(path.resolve()):
            raise InputError(f"{path}: {why}, and it would be overwritten. Name another file for the result.")
        taken[path.resolve()] = "another result goes there, too"
