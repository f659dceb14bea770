"""`ambergen init`: a commented run file for the user's paths."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where to write run.yaml; made where it is missing.")],
    genome: Annotated[
        str | None, typer.Option(metavar="FASTA", help="Your genome (plain, gzip or bgzip).", show_default=False)
    ] = None,
    tracks: Annotated[
        str | None,
        typer.Option(metavar="GLOB", help="Your peak files, one a track, for example 'peaks/*.bed.gz'."),
    ] = None,
    table: Annotated[
        str | None,
        typer.Option(metavar="CSV", help="Instead of a genome: a table with a sequence column and label columns."),
    ] = None,
) -> None:
    """Write a run file in which every key is explained and has its default.

    Paths that you give are stored relative to DIR where they lie beside it.

    Examples:

      ambergen init study --genome genome.fa.gz --tracks 'peaks/*.narrowPeak'
      ambergen init study --table sequences.csv.gz
      ambergen check study/run.yaml
    """
    from ambergen.atomic import write_text
    from ambergen.errors import ConfigError
    from ambergen.template import template

    target = folder / "run.yaml"
    if target.exists():
        raise ConfigError(f"{target}: exists already. Remove it, or name another folder.")
    if table is not None and (genome is not None or tracks is not None):
        raise ConfigError("--table stands for a data set of its own; give either --table, or --genome and --tracks.")
    text = template(
        genome=genome and _from_folder(genome, folder),
        tracks=tracks and _from_folder(tracks, folder),
        table=table and _from_folder(table, folder),
    )
    write_text(target, text)
    print(target)


def _from_folder(path: str, folder: Path) -> str:
    """`path` as it reads from `folder`; absolute paths and ${VARIABLES} stay."""
    import os

    if path.startswith(("/", "~", "${")):
        return path
    return Path(os.path.relpath(path, folder)).as_posix()
