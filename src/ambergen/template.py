"""The run file that `ambergen init` writes: every key with its default, explained by the docstrings of the configs."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any

import yaml

from ambergen.config import PRESET_NAMES, PRESETS, SEEDS, ExecuteConfig
from ambergen.datasets.config import WindowConfig
from ambergen.datasets.splits import PRESETS as SPLITS
from ambergen.runs.config import SearchConfig
from ambergen.settings import plain_data
from ambergen.spaces.presets import amber
from ambergen.training.config import TrainConfig
from ambergen.validation.config import CompareConfig

WIDTH = 110

HEAD = """\
# A run of ambergen: from a genome and peaks to a searched, trained and compared network.
#
#   ambergen check {name}     finds in seconds what would fail later
#   ambergen run {name}       build -> search -> train -> compare -> report
#
# Every key but `data` has a default. A key behind a # has the value that stands there; to change it, remove the #
# before it, and before the key that it is part of.
# Paths start from the folder of this file; ${{VARIABLES}} of the environment are allowed.
"""

GENOME = """\
data:
  # The genome: FASTA, plain, gzip or bgzip.
  genome: {genome}
  # One track a file of peaks (BED or narrowPeak); the track is named after the file. Or a list:
  #   - {{name: CTCF, peaks: ctcf.bed.gz}}
  #   - {{name: gene_start_plus, peaks: plus.bed, reverse_partner: gene_start_minus}}
  #   - {{name: DNase, bigwig: dnase.bw, threshold: 2.0}}
  tracks: {tracks}
  # A table with the contig names that your files use (tab-separated); chr1, 1 and I are known without it.
  #aliases: chrom_alias.tsv
  # Counts of the 5' ends of reads, for `ambergen train --scorer bpnet`; windows are chosen by the tracks above.
  #counts:
  #  tracks:
  #    - {{name: CTCF, plus: ctcf.plus.bw, minus: ctcf.minus.bw}}
  #    - {{name: DNase, bigwig: dnase.bw}}
  #  # bases in the middle of a window that are counted; null: all
  #  width: null
  #  # how far a training may move windows
  #  shift: 200
"""

SPLIT = """\
  # Whole contigs, or regions like chr7:1000000-2000000, that are kept from training; all others train.
  #   test       touched once, by the comparison
  #   selection  stops training early and chooses among finalists
  #   search     rewards architectures; where none is named, a tenth of the training windows
  # Or the name of a published split: {presets}
  split: {{test: [chr8, chr9], selection: [chr7], search: []}}
"""

TABLE = """\
data:
  # A table (CSV or TSV, plain or gzip) with a column of sequences, all of one length, and label columns of 0 and 1.
  table:
    train: {table}
    # Further files for the splits; or one file with a column that says train, search, selection or test.
    #selection: selection.csv
    #test: test.csv
    #search: search.csv
    #split_column: split
    sequence: sequence
    # Empty: every column that holds nothing but 0, 1 and empty cells.
    labels: []
"""

LEAK = """\
  # What becomes of windows that overlap or equal one of another split: refuse the data, drop the window from the
  # split that matters less, or allow it.
  on_leak: refuse
  #alphabet: dna
"""


def template(
    genome: str | None = None, tracks: str | None = None, table: str | None = None, name: str = "run.yaml"
) -> str:
    """A commented run file.

    Parameters
    ----------
    genome, tracks, table : paths as they read from the file's folder; placeholders where None
    name : of the file, for the commands in its head
    """
    parts = [HEAD.format(name=name)]
    if table is not None:
        parts.append(TABLE.format(table=_inline(table)) + LEAK)
    else:
        data = GENOME.format(genome=_inline(genome or "genome.fa.gz"), tracks=_inline(tracks or "peaks/*.bed.gz"))
        windows = "  windows:\n" + "\n".join(_section(WindowConfig(), "    ", shown=("length", "bin", "step", "label")))
        parts.append(f"{data}{windows}\n{SPLIT.format(presets=', '.join(SPLITS))}{LEAK}")
    parts.append(_top("space", "The networks among which the search chooses.", amber(), shown=("preset",)))
    shown: tuple[str, ...] = ("method", "budget", "objective", "seed", "finalists")
    parts.append(_top("search", "How the architecture is searched.", SearchConfig(), shown))
    seeds = [*_comment("independent trainings of each network; their spread is reported", "  "), f"  seeds: {SEEDS}"]
    shown = ("epochs", "patience", "batch")
    parts.append(
        _top("train", "Training from scratch: winners, sampled networks and rivals.", TrainConfig(), shown, seeds)
    )
    shown = ("searches", "sampled", "scorers")
    parts.append(_top("compare", "What the winners are measured against, on the test split.", CompareConfig(), shown))
    parts.append(_top("execute", "Where jobs run.", ExecuteConfig(), ("engine",)))
    parts.append("# The run directory: everything is written there.\nout: out\n")
    return "\n".join(parts)


def _top(key: str, title: str, values: Any, shown: tuple[str, ...], first: list[str] | None = None) -> str:
    return "\n".join([f"# {title}", f"{key}:", *(first or []), *_section(values, "  ", shown)]) + "\n"


def _section(values: Any, indent: str, shown: tuple[str, ...] = ()) -> Iterator[str]:
    """A line a key, `shown` ones without #, each under its explanation."""
    said = explanations(type(values))
    names = PRESET_NAMES.get(type(values), ())
    if names and not _is_default(values):
        named = next((name for name in names if PRESETS[type(values)](name) == values), None)
        if named is not None:
            yield f"{indent}# the keys of the other section of this kind, with other values to start from"
            yield f"{indent}#preset: {named}"
            return
    if "preset" in shown or (names and _is_default(values)):
        yield from _comment(f"values to start from: {', '.join(names)}; the keys below replace single ones", indent)
        yield f"{indent}{'' if 'preset' in shown else '#'}preset: {names[0]}"
    told = None
    for f in fields(values):
        value, text = getattr(values, f.name), said.get(f.name, "")
        if text and text != told:
            yield from _comment(text, indent)
        told = text
        mark = "" if f.name in shown else "#"
        if is_dataclass(value) and not isinstance(plain_data(value), str):
            yield f"{indent}{mark}{f.name}:"
            yield from (
                _changes(value, indent + "  ") if isinstance(value, TrainConfig) else _section(value, indent + "  ")
            )
        else:
            yield f"{indent}{mark}{f.name}: {_inline(plain_data(value))}"


def _changes(values: TrainConfig, indent: str) -> Iterator[str]:
    """The keys in which a training differs from the section `train`, which explains them."""
    yield f"{indent}# the keys of `train` below; other defaults are:"
    for f in fields(values):
        value = getattr(values, f.name)
        if value != getattr(TrainConfig(), f.name):
            yield f"{indent}#{f.name}: {_inline(plain_data(value))}"


def _is_default(values: Any) -> bool:
    return bool(values == type(values)())


def _comment(text: str, indent: str) -> list[str]:
    return [f"{indent}# {line}" for line in textwrap.wrap(text, WIDTH - len(indent) - 2)]


def _inline(value: Any) -> str:
    text = yaml.safe_dump(value, default_flow_style=True, width=1000, allow_unicode=True)
    return text.removesuffix("\n").removesuffix("\n...")


def explanations(kind: type) -> dict[str, str]:
    """What a config's docstring says of its fields, in lines ``name, name : text`` with indented continuations."""
    found: dict[str, str] = {}
    names: list[str] = []
    for line in (inspect.getdoc(kind) or "").splitlines():
        head = re.fullmatch(r"(\w+(?:, \w+)*) : (.*)", line)
        if head:
            names = head[1].split(", ")
            found |= dict.fromkeys(names, head[2])
        elif line.startswith("    ") and names:
            found |= dict.fromkeys(names, f"{found[names[0]]} {line.strip()}")
        else:
            names = []
    return {name: text.replace("``", "").replace("`", "").replace("None", "null") for name, text in found.items()}
