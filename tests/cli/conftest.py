"""A project folder of a user: a genome, peaks of two tracks, a run file; and the run that it gave."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from ambergen.cli.main import main
from tests.simulated import build_store

RUN = """\
data:
  genome: genome.fa
  tracks:
    - palindrome.bed
    - {name: forward, peaks: forward.bed, reverse_partner: reverse}
    - reverse.bed
  windows: {length: 64, bin: 32, step: 32, label: any, unlabelled: all}
  split: {test: test, selection: selection, search: search}
space: {layers: 3, operations: [conv8, max_pool4, identity], width: 8, reduce: 0, head: gap, hidden: 16}
search:
  method: enas
  budget: 6 steps
  updates: 1
  finalists: 2
  rescored: 2
  fresh: 1
  controller: {architectures: 3, hidden: 8, passes: 2}
  supernet: {steps: 3, warm_up: 0, rows: 120, rescored_rows: 120, score_batch: 60, train: {batch: 64}}
  short_training: {train: {epochs: 1, batch: 64}}
train: {seeds: 2, epochs: 2, batch: 64, learning_rate: 5e-3}
compare: {sampled: 2, scorers: [deepsea, kmer]}
execute: {engine: inline}
out: out
"""

Command = Callable[..., int]
Refused = Callable[..., str]


@pytest.fixture(scope="session")
def command() -> Command:
    """Run the program in this process; the exit status comes back."""

    def run(*arguments: object) -> int:
        with pytest.raises(SystemExit) as caught:
            main([str(argument) for argument in arguments])
        return int(caught.value.code or 0)

    return run


@pytest.fixture
def refused(command: Command, capsys: pytest.CaptureFixture[str]) -> Refused:
    """Run the program on wrong input; what it says of that comes back."""

    def run(*arguments: object) -> str:
        assert command(*arguments) == 2
        return capsys.readouterr().err

    return run


@pytest.fixture(scope="session")
def _first_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    build_store(folder)
    shutil.rmtree(folder / "store")
    (folder / "run.yaml").write_text(RUN)
    return folder


@pytest.fixture(scope="session")
def _first_run(_first_project: Path, command: Command) -> Path:
    assert command("train", _first_project / "run.yaml") == 0
    return _first_project


@pytest.fixture
def project(_first_project: Path, tmp_path: Path) -> Path:
    """A fresh copy of the folder without results; its run file is run.yaml."""
    return Path(shutil.copytree(_first_project, tmp_path / "project", ignore=shutil.ignore_patterns("out")))


@pytest.fixture
def trained(_first_run: Path, tmp_path: Path) -> Path:
    """A copy of the folder in which `ambergen train` has been done, into out/."""
    return Path(shutil.copytree(_first_run, tmp_path / "project"))
