from __future__ import annotations

import json
from pathlib import Path

import pytest

from ambergen.evaluators import tabular
from ambergen.evaluators.tabular import Table
from tests.cli.conftest import Command, Refused
from tests.tables import made_up_table


@pytest.fixture
def bundled(monkeypatch: pytest.MonkeyPatch) -> Table:
    """A made-up table in the place of the bundled one."""
    table = made_up_table(noise=0.003)
    monkeypatch.setattr(tabular, "three_layers", lambda: table)
    return table


QUICK = ("compare-methods", "--tabular", "--methods", "random,evolution,tournament", "--seeds", "4")


def test_tabular__prints_which_method_for_a_budget(
    bundled: Table, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(*QUICK, "--budget", "40") == 0
    text = capsys.readouterr().out
    assert "343 architectures, 4 searches a method, a budget of 40 trials each" in text
    assert "regret after 10" in text
    assert "With a budget of 40 trials, " in text
    assert "Shared weights have no place in a table" in text


def test_tabular__gives_json_and_a_figure(
    bundled: Table, command: Command, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert command(*QUICK, "--budget", "60s device", "--workers", "2", "--json", "--plot", tmp_path / "p.svg") == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary["budget"] == "1min device"
    assert [m["method"] for m in summary["methods"]] != []
    for method in summary["methods"]:
        assert method["device_seconds"] <= 60
        assert method["clock_seconds"] < method["device_seconds"]
    assert (tmp_path / "p.svg").read_text().startswith("<svg")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--tabular", "--methods", "enas,random"), "'enas' cannot be run on a table"),
        (("--tabular", "--methods", "evolutio"), "Did you mean 'evolution'"),
        (("--tabular", "--budget", "400"), "more than the 343 architectures"),
        (("--tabular", "--budget", "3 epochs"), "counts epochs of shared weights"),
        (("--tabular", "--seeds", "1"), "expected at least 2"),
        (("--tabular", "run.yaml"), "needs no run file"),
        (("--tabular", "--methods", ","), "--methods ',' names no method; expected names with commas"),
        (("--tabular", "--set", "search.seed=1"), "--set changes a run file, and --tabular has none"),
        (("--tabular", "--workers", "0"), "should be greater than or equal to 1"),
        (("run.yaml", "--workers", "2"), "with a run file say --set execute.workers=N"),
        ((), "name a run file"),
    ],
)
def test_compare_methods__explains_wrong_usage(
    bundled: Table, command: Command, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], words: str
) -> None:
    assert command("compare-methods", *arguments) == 2
    assert words in " ".join(capsys.readouterr().err.replace("│", " ").split())


def test_compare_methods__on_a_run_file_writes_table_and_page(
    project: Path, command: Command, refused: Refused, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = ("--set", "search.finalists=1", "--set", "train.epochs=1", "--set", "train.seeds=1")
    call = ("compare-methods", project / "run.yaml", "--methods", "random", "--seeds", "1", *settings)
    assert command(*call, "--budget", "5s") == 0
    text = capsys.readouterr().out
    assert "At 5s of device time a search" in text
    assert f"Page: {project / 'out' / 'methods.html'}" in text
    assert (project / "out" / "methods.html").is_file()
    assert command("status", project / "out") == 0
    told = capsys.readouterr().out
    assert "build    done" in told
    assert "random, seed 0  random" in told
    assert command(*call, "--budget", "5s device", "--json") == 0
    assert {m["method"] for m in json.loads(capsys.readouterr().out)["methods"]} == {"random"}
    assert "begun with other settings: budget was '5s device' and is now '9s device'" in refused(
        *call, "--budget", "9s"
    )
