"""Arguments and options that several commands share."""

from __future__ import annotations

import os
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


def check_folder(out: Path | None) -> None:
    """InputError if no folder of this name can be made or written to; said before the work, not after it."""
    from ambergen.errors import InputError

    if out is None:
        return
    place = next((place for place in (out.absolute(), *out.absolute().parents) if place.exists()), Path("/"))
    if not place.is_dir():
        raise InputError(f"{out}: {place} is a file; expected a folder for the results. Name another one with --out.")
    if not os.access(place, os.W_OK):
        raise InputError(f"{out}: you may not write in {place}. Change its permissions, or name another with --out.")


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
