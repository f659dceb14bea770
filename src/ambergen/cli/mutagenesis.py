"""`ambergen mutagenesis`: scorers against the measured effects of all variants of an element."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from ambergen.cli.arguments import AsJson, check_folder

if TYPE_CHECKING:
    import pandas as pd

    from ambergen.io.genome import Genome
    from ambergen.sequence.scorer import Scorer
    from ambergen.validation.mutagenesis import Mutagenesis


def mutagenesis(
    measured: Annotated[
        Path, typer.Argument(metavar="MEASURED", help="A table with chrom, pos, ref, alt and the measured effect.")
    ],
    scorers: Annotated[
        list[str] | None,
        typer.Argument(metavar="SCORER", help="Folders of trained models, NAME=PATH to name one."),
    ] = None,
    genome: Annotated[Path | None, typer.Option(metavar="FASTA", help="The genome of the table's positions.")] = None,
    elements: Annotated[
        Path | None,
        typer.Option(
            metavar="FASTA",
            help="Instead of a genome the elements' own sequences, with headers '>NAME CONTIG:START-END' (from 1); the "
            "column --by holds their names.",
        ),
    ] = None,
    motifs: Annotated[Path | None, typer.Option(metavar="FILE", help="JASPAR or MEME: matrices for --motif.")] = None,
    motif: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A factor or identifier of that file as a further scorer. Several times."),
    ] = None,
    unit: Annotated[
        Literal["occupancy", "bits", "p"],
        typer.Option(
            help="Of a matrix: how far places exceed a match, log odds of the best place, or -log10 of its p."
        ),
    ] = "occupancy",
    column: Annotated[
        str,
        typer.Option(
            "--measured-column", metavar="NAME", help="The column of the measured effect, alternate minus reference."
        ),
    ] = "Coefficient",
    by: Annotated[
        str | None, typer.Option("--by", metavar="NAME", help="The column whose values are looked at one by one.")
    ] = None,
    where: Annotated[
        list[str] | None, typer.Option(metavar="COLUMN=VALUE", help="Only rows with this value. Several times.")
    ] = None,
    at_least: Annotated[
        list[str] | None, typer.Option(metavar="COLUMN=N", help="Only rows with this number or more. Several times.")
    ] = None,
    track: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only this track, of scorers with several.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="DIR", help="A folder for the page and the tables.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """How effects that scorers predict agree with those that a saturation mutagenesis measured.

    All single-base variants of the table are scored, as `ambergen effects` does
    it, by every model and matrix. The table gives the correlations with signs and
    of the absolute values, each with an interval from drawing blocks of 20 bases.

    Examples:

      ambergen mutagenesis mpra.tsv model/ --genome hg38.fa.gz --by Element
      ambergen mutagenesis mpra.tsv --elements elements.fa --by Element --where Release=GRCh38 --motifs JASPAR.txt \\
        --motif HNF4A --motif CEBPB pu1=runs/x/rivals/gkm -o mpra/
    """
    from ambergen.cli.progress_bars import progress_for_terminal
    from ambergen.effects.measured import read_measured
    from ambergen.errors import InputError
    from ambergen.validation.mutagenesis import mutagenesis as measure

    progress = progress_for_terminal()
    if (genome is None) == (elements is None):
        raise InputError(
            f"{measured}: {'no sequence is' if genome is None else 'a genome and elements are'} given; expected one of "
            "the two. Name the genome with --genome FASTA, or the elements with --elements FASTA."
        )
    if elements is not None and by is None:
        raise InputError(f"{elements}: expected the column that holds the names of the elements. Name it with --by.")
    check_folder(out)
    chosen = [*_models(scorers or ()), *_matrices(motifs, motif or (), unit)]
    if not chosen:
        raise InputError(
            "mutagenesis: there is no scorer. Name a model's folder, or a matrix with --motifs and --motif."
        )
    names = [name for name, _ in chosen]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise InputError(f"mutagenesis: two scorers are called {twice!r}; expected different names. Use NAME=PATH.")
    table = read_measured(measured, column, by, _pairs("--where", where), _numbers("--at-least", at_least))
    line, table = _sequence(genome, elements, table, str(measured))
    found = measure(chosen, line, table, track or (), progress)
    if out is not None:
        _write(out, found)
        progress.say(f"Wrote {out / 'mutagenesis.html'}")
    print(json.dumps(_record(found), indent=2, ensure_ascii=False) if as_json else _text(found))


def _models(scorers: Sequence[str]) -> list[tuple[str, Sequence[Scorer]]]:
    from ambergen.effects.models import load_ensemble
    from ambergen.training.precision import default_device

    found: list[tuple[str, Sequence[Scorer]]] = []
    for text in scorers:
        name, equals, path = text.partition("=")
        if not (equals and name) or Path(text).exists():
            name, path = Path(text).resolve().name, text
        found.append((name, load_ensemble(Path(path), default_device()).models))
    return found


def _matrices(
    path: Path | None, names: Sequence[str], unit: Literal["occupancy", "bits", "p"]
) -> list[tuple[str, Sequence[Scorer]]]:
    from ambergen.errors import InputError
    from ambergen.io.motifs import read_motifs
    from ambergen.validation.mutagenesis import named_motifs

    if (path is None) != (not names):
        lacking = "--motif NAME" if path is not None else "--motifs FILE"
        raise InputError(f"mutagenesis: a file of motifs and names of its motifs go together. Add {lacking}.")
    if path is None:
        return []
    return [(one.tracks[0], (one,)) for one in named_motifs(read_motifs(path), names, str(path), unit)]


def _pairs(option: str, texts: Sequence[str] | None) -> dict[str, str]:
    from ambergen.errors import InputError

    found = {}
    for text in texts or ():
        name, equals, value = text.partition("=")
        if not (name and equals):
            raise InputError(f"{option} {text}: expected a column, an equals sign and a value.")
        found[name] = value
    return found


def _numbers(option: str, texts: Sequence[str] | None) -> dict[str, float]:
    from ambergen.errors import InputError

    found = {}
    for name, value in _pairs(option, texts).items():
        try:
            found[name] = float(value)
        except ValueError:
            raise InputError(f"{option} {name}={value}: expected a number after the equals sign.") from None
    return found


def _sequence(
    genome: Path | None, elements: Path | None, table: pd.DataFrame, source: str
) -> tuple[Genome, pd.DataFrame]:
    from ambergen.effects.elements import on_elements, read_elements
    from ambergen.io.genome import Genome

    if elements is None:
        assert genome is not None
        return Genome.read(genome), table
    found = read_elements(elements)
    return found.genome, on_elements(table, found, source)


def _record(found: Mutagenesis) -> dict[str, Any]:
    from ambergen.report.mutagenesis_page import mutagenesis_sentences

    return {
        "sentences": mutagenesis_sentences(found),
        "left_out": found.left_out,
        "table": json.loads(found.table.to_json(orient="records")),
    }


def _write(out: Path, found: Mutagenesis) -> None:
    from ambergen import __version__
    from ambergen.atomic import write_json, write_text
    from ambergen.report.mutagenesis_page import write_mutagenesis_page

    out.mkdir(parents=True, exist_ok=True)
    command = shlex.join(["ambergen", *sys.argv[1:]])
    for name, rows in (("table", found.table), ("variants", found.variants)):
        write_text(out / f"{name}.tsv", rows.to_csv(sep="\t", index=False, float_format="%.7g", na_rep="nan"))
    write_json(out / "mutagenesis.json", {**_record(found), "command": command, "version": __version__})
    write_mutagenesis_page(out / "mutagenesis.html", out.resolve().name, found, f"{command}\nambergen {__version__}")


def _text(found: Mutagenesis) -> str:
    from ambergen.cli.tables import score, table
    from ambergen.report.mutagenesis_page import mutagenesis_sentences

    def cell(row: Mapping[Any, Any], name: str) -> str:
        low, high = row[f"{name}_low"], row[f"{name}_high"]
        return score(row[name]) + ("" if low != low else f" ({low:.2f} to {high:.2f})")

    shown = ("spearman", "pearson", "spearman_abs", "pearson_abs")
    rows = [
        (row["group"], row["scorer"], f"{row['n']:,}", *(cell(row, name) for name in shown))
        for row in found.table.to_dict("records")
    ]
    header = ("group", "scorer", "n", "Spearman", "Pearson", "Spearman of sizes", "Pearson of sizes")
    return f"{table(header, rows, left=(0, 1))}\n\n" + "\n".join(mutagenesis_sentences(found))
