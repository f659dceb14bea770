from __future__ import annotations

import json
from pathlib import Path

import pytest

from ambergen.cli.status import _seconds_left
from tests.cli.conftest import Command, Refused


def test_status__tells_stages_searches_and_models(
    trained: Path, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("status", trained / "out", "--json") == 0
    record = json.loads(capsys.readouterr().out)
    assert record["stages"] == {
        "build": "done",
        "search": "done",
        "train": "done",
        "compare": "not begun",
        "report": "not begun",
    }
    search = record["searches"][0]
    assert search["steps"] == 6
    assert search["trials"] == 6
    assert search["winner"] is not None
    assert search["seconds_left"] is None
    assert len(record["models"]) == 4  # two finalists, with two seeds each


def test_status__of_a_page_made_by_hand_does_not_call_it_the_last_word(
    trained: Path, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("report", trained / "out") == 0
    assert "`ambergen run` with the run file goes on from here." in (trained / "out" / "report.html").read_text()
    capsys.readouterr()
    assert command("status", trained / "out", "--json") == 0
    assert json.loads(capsys.readouterr().out)["stages"]["report"] == "written"


def test_status__is_a_table_for_people(trained: Path, command: Command, capsys: pytest.CaptureFixture[str]) -> None:
    assert command("status", trained / "out") == 0
    text = capsys.readouterr().out
    assert "6 steps" in text
    assert "Trained models:" in text


def test_status__counts_a_trial_of_several_rungs_once(
    project: Path, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = ("search.method=random", "search.budget=4 trials", "search.rungs={epochs: [1, 2], eta: 2}")
    assert command("search", project / "run.yaml", *(word for s in settings for word in ("--set", s))) == 0
    assert "search split, trained alone" in capsys.readouterr().out
    log = (project / "out" / "events.jsonl").read_text()
    assert log.count('"event":"trial"') > 4
    assert command("status", project / "out") == 0
    row = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("0 ")).split("  ")
    assert [word.strip() for word in row if word.strip()][:5] == ["0", "random", "4 trials", "-", "4"]


def test_status__of_a_search_under_way_has_best_and_time_left(
    trained: Path, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    log = trained / "out" / "events.jsonl"
    lines = log.read_text().splitlines(keepends=True)
    first_round = next(n for n, line in enumerate(lines) if '"event":"step"' in line)
    log.write_text("".join(lines[: first_round + 1]) + '{"event":"tri')
    assert command("status", trained / "out", "--json") == 0
    search = json.loads(capsys.readouterr().out)["searches"][0]
    assert search["trials"] == 3
    assert search["best"]["split"] == "search"
    assert search["seconds_left"] == pytest.approx(search["device_seconds"], rel=0.2, abs=0.1)


def test_status__needs_a_run_folder(tmp_path: Path, refused: Refused) -> None:
    assert "not a folder" in refused("status", tmp_path / "none")


@pytest.mark.parametrize(
    ("budget", "expected"), [("100s", 60.0), ("20 epochs", 120.0), ("40 trials", None), (None, None)]
)
def test_seconds_left__follows_the_pace(budget: str | None, expected: float | None) -> None:
    assert _seconds_left(budget, 40.0, {"epochs": 5.0, "steps": 10, "trials": 0}) == expected
