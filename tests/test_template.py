from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from ambergen.config import ExecuteConfig, Run, load_run
from ambergen.datasets.config import TableSource, WindowConfig
from ambergen.evaluators.shared_weights import SupernetConfig
from ambergen.evaluators.stand_alone import StandAloneConfig
from ambergen.runs.config import SearchConfig
from ambergen.spaces.space import Space
from ambergen.strategies.reinforce import ControllerConfig
from ambergen.template import explanations, template
from ambergen.training.config import TrainConfig
from ambergen.validation.config import CompareConfig

CONFIGS = [
    WindowConfig, Space, SearchConfig, ControllerConfig, SupernetConfig, StandAloneConfig, TrainConfig, CompareConfig,
    ExecuteConfig,
]  # fmt: skip


def load(folder: Path, text: str) -> Run:
    (folder / "peaks").mkdir(exist_ok=True)
    (folder / "peaks" / "Reb1.bed.gz").touch()
    (folder / "run.yaml").write_text(text)
    return load_run(folder / "run.yaml")


def bare(text: str) -> str:
    """The template with nothing but what the loader needs."""
    return text[: text.index("# The networks")]


@pytest.mark.parametrize("table", [None, "a.csv.gz"])
def test_template__has_the_defaults(tmp_path: Path, table: str | None) -> None:
    text = template(table=table)
    assert load(tmp_path, text) == load(tmp_path, bare(text))


def test_template__behind_every_mark_stands_the_default(tmp_path: Path) -> None:
    text = template().replace("  #aliases: chrom_alias.tsv\n", "")
    whole = re.sub(r"^( *)#(\w+:)", r"\1\2", text, flags=re.MULTILINE)
    assert whole.count("learning_rate: 0.0") >= 2
    assert load(tmp_path, whole) == load(tmp_path, bare(text))


def test_template__takes_the_users_paths(tmp_path: Path) -> None:
    run = load(tmp_path, template(genome="../my genome.fa", tracks="peaks/R*.bed.gz"))
    assert run.n_tracks == 1
    assert run.data.source.genome == tmp_path / "../my genome.fa"  # type: ignore[union-attr]
    assert load(tmp_path, template(table="a.csv")).data.source == TableSource(tmp_path / "a.csv")


@pytest.mark.parametrize("kind", CONFIGS)
def test_explanations__exist_for_every_key(kind: type) -> None:
    missing = {f.name for f in fields(kind)} - explanations(kind).keys()
    # Plain words that say all.
    assert missing <= {"layers", "operations"}
