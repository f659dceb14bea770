"""`ambergen train --scorer`: a rival on the run's store, and what is wrong with a request."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ambergen.baselines.deepbind_scorer import DeepBindScorer
from ambergen.baselines.loading import load
from tests.cli.conftest import Command


def test_train__a_rival_needs_no_search(project: Path, command: Command, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("train", project / "run.yaml", "--set", "train.seeds=1", "--set", "train.epochs=1", "--recipe", "run")
    assert command(*arguments, "--scorer", "deepbind", "--settings", 0, "--json") == 0
    (record,) = json.loads(capsys.readouterr().out)
    assert record["epochs"] == 1
    folder = project / "out" / "rivals" / "deepbind" / "seed0"
    assert record["model"] == str(folder)
    assert isinstance(load(folder), DeepBindScorer)
    assert not (project / "out" / "events.jsonl").exists()
    # Another recipe is another model
    assert command(*arguments, "--scorer", "deepbind", "--settings", 1) == 2
    assert "trained with settings 0, not 1" in capsys.readouterr().err
    assert command("train", project / "run.yaml", "--scorer", "pwm") == 2
    assert "the scorer is pwm and no file of motifs is given" in capsys.readouterr().err
    assert command(*arguments[:-1], "deepse", "--scorer", "danq") == 2
    assert "Did you mean 'deepsea'?" in capsys.readouterr().err
