"""The program `ambergen`: its verbs, and what they have in common.

Nothing heavy is imported here or at the head of a command's file, so that help appears at once.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated, Any

import typer

from ambergen import __version__
from ambergen.cli.asb import asb
from ambergen.cli.build import build
from ambergen.cli.check import check
from ambergen.cli.compare import compare
from ambergen.cli.compare_methods import compare_methods
from ambergen.cli.demo import demo
from ambergen.cli.describe import describe
from ambergen.cli.effects import effects
from ambergen.cli.failures import reported, show_tracebacks
from ambergen.cli.heritability import heritability
from ambergen.cli.init import init
from ambergen.cli.ldscore import ldscore
from ambergen.cli.mutagenesis import mutagenesis
from ambergen.cli.predict import predict
from ambergen.cli.ranks import on_ranks
from ambergen.cli.report import report
from ambergen.cli.run import run
from ambergen.cli.search import search
from ambergen.cli.status import status
from ambergen.cli.train import train
from ambergen.processor import prepare

COMMANDS: list[tuple[str, str, Callable[..., Any]]] = [
    ("Start here", "demo", demo),
    ("Start here", "init", init),
    ("Start here", "check", check),
    ("Start here", "run", run),
    ("One stage", "build", build),
    ("One stage", "search", search),
    ("One stage", "train", train),
    ("One stage", "compare", compare),
    ("One stage", "report", report),
    ("One stage", "compare-methods", compare_methods),
    ("Look and use", "status", status),
    ("Look and use", "describe", describe),
    ("Look and use", "predict", predict),
    ("Look and use", "effects", effects),
    ("Biology", "ldscore", ldscore),
    ("Biology", "mutagenesis", mutagenesis),
]

app = typer.Typer(
    name="ambergen",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit status: 0 done, 1 failed, 2 wrong usage or input, 130 interrupted.",
)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"ambergen {__version__}")
        raise typer.Exit


@app.callback()
def ambergen(
    debug: Annotated[bool, typer.Option("--debug", help="Show where in the code a failure arose.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Give it a genome and your peaks: it designs the neural network, proves the design and reports.

    Two commands make a whole study of your own files:

      ambergen init study --genome genome.fa.gz --tracks 'peaks/*.bed.gz'
      ambergen run study/run.yaml

    Every verb explains itself: ambergen VERB --help
    """
    show_tracebacks(debug)


for _panel, _name, _command in COMMANDS:
    app.command(_name, rich_help_panel=_panel)(reported(_command))
app.add_typer(asb, name="asb", rich_help_panel="Biology")
app.add_typer(heritability, name="heritability", rich_help_panel="Biology")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the program and leave the interpreter with its exit status."""
    prepare()
    given = list(sys.argv[1:] if arguments is None else arguments)
    # --debug works before and after the verb.
    if "--debug" in given:
        given = ["--debug", *(word for word in given if word != "--debug")]
    on_ranks(partial(app, args=given, prog_name="ambergen"))


if __name__ == "__main__":
    main()
