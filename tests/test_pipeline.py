from __future__ import annotations

import json
from pathlib import Path

import pytest

from ambergen.atomic import write_json
from ambergen.config import Run, load_run
from ambergen.errors import ConfigError
from ambergen.pipeline import device_name, run_stages
from ambergen.stages import StageBook

TABLE = """\
data: {table: {train: a.csv, split_column: split}, on_leak: allow}
space: {layers: 2, operations: [conv4, identity], width: 4, reduce: [], hidden: 4}
execute: {engine: inline}
"""


@pytest.fixture
def run(tmp_path: Path) -> Run:
    sequences = [f"{n:06b}".replace("0", "AC").replace("1", "GT") for n in range(64)]
    splits = ["train", "train", "train", "search", "selection", "test"]
    rows = [f"{s},{n % 2},{splits[n // 2 % 6]}\n" for n, s in enumerate(sequences)]
    (tmp_path / "a.csv").write_text("sequence,label,split\n" + "".join(rows))
    (tmp_path / "run.yaml").write_text(TABLE)
    return load_run(tmp_path / "run.yaml")


def test_run_stages__build_writes_run_file_and_provenance(run: Run) -> None:
    run_stages(run, ("build",))
    assert load_run(run.out / "run.yaml") == run
    record = json.loads((run.out / "provenance.json").read_text())
    assert record["device"] == device_name()
    assert record["dtype"] in ("float32", "bfloat16")
    assert set(StageBook(run.out).done()) == {"build"}


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_run_stages__a_continued_run_keeps_its_dtype(run: Run, dtype: str) -> None:
    write_json(run.out / "provenance.json", {"device": device_name(), "dtype": dtype})
    run_stages(run, ("build",))
    assert json.loads((run.out / "provenance.json").read_text())["dtype"] == dtype


def test_run_stages__other_settings_leave_the_folder_as_it_was(run: Run) -> None:
    run_stages(run, ("build",))
    book = StageBook(run.out)
    book.begin("train", {"train": {"epochs": 3}})
    (run.out / "models").mkdir()
    before = {p: p.stat().st_mtime_ns for p in run.out.iterdir()}
    with pytest.raises(ConfigError, match=r"train\.epochs was 3 and is now 60"):
        run_stages(run, ("build",))
    assert {p: p.stat().st_mtime_ns for p in run.out.iterdir()} == before
