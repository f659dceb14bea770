from __future__ import annotations

import json
from pathlib import Path

import pytest

from ambergen.config import load_run
from tests.cli.conftest import Command, Refused


def test_train__makes_what_a_run_folder_promises(trained: Path) -> None:
    out = trained / "out"
    for name in ("run.yaml", "provenance.json", "events.jsonl", "stages.json", "store/manifest.json"):
        assert (out / name).is_file(), name
    models = sorted(p.parent.name for p in out.glob("models/*/seed*/model.json"))
    assert models == ["seed0", "seed0", "seed1", "seed1"]  # two contenders
    record = json.loads((out / "provenance.json").read_text())
    assert list(record)[:3] == ["seed", "versions", "device"]
    assert record["config"]["train"]["seeds"] == 2


def test_train__again_does_nothing_and_prints_the_same(
    trained: Path, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {p: p.stat().st_mtime_ns for p in trained.glob("out/models/*/*/*")}
    assert command("train", trained / "out" / "run.yaml", "--json") == 0
    records = json.loads(capsys.readouterr().out)
    assert len(records) == 2
    assert {p: p.stat().st_mtime_ns for p in trained.glob("out/models/*/*/*")} == before


def test_run_file_of_the_run__is_the_resolved_one(trained: Path) -> None:
    assert load_run(trained / "out" / "run.yaml").search == load_run(trained / "run.yaml").search


def test_search__prints_finalists(trained: Path, command: Command, capsys: pytest.CaptureFixture[str]) -> None:
    assert command("search", trained / "run.yaml", f"--set=out={trained / 'out'}", "--json") == 0
    finalists = json.loads(capsys.readouterr().out)["finalists"]
    assert [f["winner"] for f in finalists].count(True) == 1
    assert command("search", trained / "run.yaml") == 0
    assert "winner" in capsys.readouterr().out


def test_search__refuses_other_settings_in_the_same_folder(
    trained: Path, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (trained / "out" / "run.yaml").read_text()
    assert command("search", trained / "run.yaml", "--set", "space.width=16") == 2
    message = capsys.readouterr().err
    assert "the search stage was begun with other settings: space.width was 8 and is now 16" in message
    assert "another folder (--set out=…)" in message
    assert (trained / "out" / "run.yaml").read_text() == before


def test_train__refuses_other_settings_in_the_same_folder(trained: Path, refused: Refused) -> None:
    assert "the train stage was begun with other settings: train.epochs was 2 and is now 3" in refused(
        "train", trained / "run.yaml", "--set", "train.epochs=3"
    )


def test_build__prints_windows_and_positives(
    project: Path, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("build", project / "run.yaml", "--json") == 0
    record = json.loads(capsys.readouterr().out)
    assert set(record["windows"]) == {"train", "search", "selection", "test"}
    assert set(record["positives"]) == {"palindrome", "forward", "reverse"}
    assert command("build", project / "run.yaml") == 0
    output = capsys.readouterr()
    assert "is current" in output.err
    assert "all windows" in output.out


def test_report__is_made_of_an_unfinished_run(
    trained: Path, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("report", trained / "out") == 0
    assert capsys.readouterr().out.strip() == str(trained / "out" / "report.html")
    assert (trained / "out" / "report.html").is_file()


def test_build__says_that_the_folder_cannot_be_written(project: Path, refused: Refused) -> None:
    (project / "blocked").touch()
    assert "blocked: a file stands in the way of this folder" in refused(
        "build", project / "run.yaml", "--set", f"out={project / 'blocked'}"
    )


def test_build__names_a_missing_file(project: Path, command: Command, capsys: pytest.CaptureFixture[str]) -> None:
    assert command("build", project / "run.yaml", "--set", "data.genome=none.fa") == 2
    output = capsys.readouterr()
    assert "none.fa" in output.err
    assert "no such file" in output.err
    assert not (project / "out" / "store").exists()


def test_run__goes_on_to_the_table_and_the_report(
    trained: Path, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("run", trained / "run.yaml") == 0
    text = capsys.readouterr().out
    for model in ("searched", "sampled 1", "sampled 2", "DeepSEA", "k-mer regression"):
        assert model in text
    assert f"Report: {trained / 'out' / 'report.html'}" in text
    before = (trained / "out" / "compare.parquet").stat().st_mtime_ns
    assert command("compare", trained / "run.yaml", "--json") == 0
    assert json.loads(capsys.readouterr().out)["split"] == "test"
    assert (trained / "out" / "compare.parquet").stat().st_mtime_ns == before
