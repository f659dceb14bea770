"""What the docs say of a search: the keys that they name, and an operation of the user's; and faults of its file."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from ambergen.config import load_run
from ambergen.errors import ConfigError
from ambergen.metrics import objectives
from ambergen.spaces import operations
from tests.cli.conftest import Command

ROOT = Path(__file__).parents[2]
METHODS = ROOT / "docs" / "methods.md"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
_KEY = r"(?:data|search|space|train|compare|execute)(?:\.[a-z_]+)+"


def keys_named(text: str) -> Iterator[tuple[str, str]]:
    """Keys of the run file that a page names, each with its value; an empty one where there is none."""
    yield from re.findall(rf"--set '?({_KEY})=([^\s'\"`]*)", text)
    prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    for code in re.findall(r"`([^`]+)`", prose):
        found = re.fullmatch(rf"({_KEY})(?:: (.+))?", " ".join(code.split()))
        if found and not found[1].endswith((".json", ".parquet")):
            yield found[1], found[2] or ""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_docs__name_keys_that_a_run_file_has_with_values_that_it_takes(project: Path, page: Path) -> None:
    for key, value in keys_named(page.read_text(encoding="utf-8")):
        overrides = ["search.budget=3 trials", f"{key}={value or '[]'}"]
        try:
            load_run(project / "run.yaml", overrides)
        except ConfigError as error:
            if value or "is unknown" in str(error):
                pytest.fail(f"{page.name} names {key}: {error}")


def test_docs__of_methods_name_many_keys() -> None:
    named = dict(keys_named(METHODS.read_text(encoding="utf-8")))
    assert named["search.rungs"].startswith("{epochs: [")
    assert {"search.method", "search.against", "search.max_parameters", "space.operations"} <= named.keys()


@pytest.fixture
def example(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a user who follows the docs: their file, and their section `space` in the run file."""
    monkeypatch.setattr(operations, "_OWN", {})
    blocks = re.findall(r"```(python|yaml)\n(.*?)```", METHODS.read_text(encoding="utf-8"), flags=re.DOTALL)
    code = next(text for kind, text in blocks if kind == "python" and "register_operation" in text)
    space = next(text for kind, text in blocks if kind == "yaml" and "plugins:" in text)
    (project / "mine.py").write_text(code, encoding="utf-8")
    run = (project / "run.yaml").read_text(encoding="utf-8")
    without = "".join(line for line in run.splitlines(keepends=True) if not line.startswith("space:"))
    (project / "run.yaml").write_text(without + space + "  width: 4\n  hidden: 8\n  head: gap\n", encoding="utf-8")
    return project


def test_search__takes_the_operation_of_the_docs(
    example: Path, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    run_file = example / "run.yaml"
    assert command("check", run_file) == 0
    settings = ("search.method=random", "search.budget=3 trials", "search.finalists=1")
    assert command("search", run_file, *(word for s in settings for word in ("--set", s))) == 0
    assert "winner" in capsys.readouterr().out
    events = [json.loads(line) for line in (example / "out" / "events.jsonl").read_text().splitlines()]
    trials = [e for e in events if e["event"] == "trial"]
    assert all(t["status"] == "done" for t in trials)
    assert any("conv4_twice" in t["architecture"]["operations"] for t in trials)


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ('"conv4_twice", conv4', '"conv4_thrice", conv4', "'conv4_twice' is not an operation; expected convK"),
        ('"conv4_twice", conv4', '"conv4_thrice", conv4', "Did you mean 'conv4_thrice'?"),
        ("(channels, length):", "(channels, length:", r"mine.py fails when it is imported: SyntaxError: "),
        (
            "ag.spaces",
            "gs.spaces",
            "mine.py fails when it is imported, in line 13: NameError: name 'gs' is not",
        ),
        ("(*first, *second)", "(*first, Conv(channels, 2, 4))", "its layer makes (1, 2, 1, 64) of (1, 4, 1, 64)"),
        ("return ", "", "its constructor gives a NoneType; expected a torch.nn.Module."),
        ("(channels, length):", "(channels):", "its constructor fails for 4 channels and 64 positions: TypeError"),
    ],
)
def test_check__says_what_is_wrong_with_an_operation(
    example: Path, command: Command, capsys: pytest.CaptureFixture[str], before: str, after: str, words: str
) -> None:
    path = example / "mine.py"
    code = path.read_text()
    assert code.count(before) == 1
    path.write_text(code.replace(before, after))
    assert command("check", example / "run.yaml") == 2
    output = capsys.readouterr()
    assert words in output.out + output.err
    assert "Traceback" not in output.err


@pytest.fixture
def objective(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a user who follows the docs with an objective of their own, searched at random."""
    monkeypatch.setattr(objectives, "_LOADED", {})
    blocks = re.findall(r"```(python|yaml)\n(.*?)```", METHODS.read_text(encoding="utf-8"), flags=re.DOTALL)
    code = next(text for kind, text in blocks if kind == "python" and "def f1(" in text)
    said = next(text for kind, text in blocks if kind == "yaml" and "objective:" in text)
    (project / "my_metrics.py").write_text(code, encoding="utf-8")
    run = (project / "run.yaml").read_text(encoding="utf-8")
    run = run.replace("search:\n", said, 1).replace("method: enas", "method: random")
    run = run.replace("6 steps", "3 trials\n  against: parameters")
    (project / "run.yaml").write_text(run, encoding="utf-8")
    return project


def test_search__takes_the_objective_of_the_docs(
    objective: Path, command: Command, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run_file, out = objective / "run.yaml", objective / "out"
    monkeypatch.chdir(objective.parent)  # the path starts from the folder of the run file
    assert command("check", run_file) == 0
    told = capsys.readouterr().out
    assert f"ok      search: the objective {objective / 'my_metrics.py'}:f1 gives a number a track" in told
    unused = "search.against is for hierarchical, evolution, oneshot; the method random does not look at it"
    assert f"note    search: {unused}" in told
    assert command("search", run_file) == 0
    output = capsys.readouterr()
    assert output.err.count(f"search: {unused}") == 1
    assert "out: f1 of the finalists" in output.out
    assert "on the front; hypervolume" in output.out
    assert "as far as the fixed reference point of f1 0.000 and 100 M parameters" in output.out
    assert command("search", run_file, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert set(told) == {"finalists", "fronts"}
    assert [f["size"] for f in told["fronts"]] == ["parameters", "multiply_adds"]
    assert all(0 <= network["score"] <= 1 for f in told["fronts"] for network in f["networks"])
    assert command("report", out) == 0
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "reward: f1" in page
    assert "The front covers a hypervolume " in page
    assert command("status", out) == 0
    status = capsys.readouterr().out
    assert re.search(r"front +score against +networks +hypervolume +reference: score +size\n", status)
    assert re.search(r"\n0 +multiply-adds +\d +\d\.\d{4} +0\.0000 +1e\+10\n", status)
    assert re.search(r"best +f1 +cost", status)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("my_metrics.py:f2", "my_metrics.py has no 'f2'; expected a function of scores and labels. It has f1."),
        ("her_metrics.py:f1", "there is no file"),
        ("auprc", "'auprc'; expected auroc, average_precision, log_likelihood, brier, mcc, accuracy, or a function"),
    ],
)
def test_check__says_where_an_objective_is_wrong(
    objective: Path, command: Command, capsys: pytest.CaptureFixture[str], name: str, words: str
) -> None:
    run_file = objective / "run.yaml"
    lines = run_file.read_text(encoding="utf-8").replace("my_metrics.py:f1", name)
    run_file.write_text(lines, encoding="utf-8")
    number = next(k for k, line in enumerate(lines.splitlines(), 1) if "objective:" in line)
    assert command("check", run_file) == 2
    error = capsys.readouterr().err
    assert f"run.yaml, line {number}, search.objective: search: objective" in error
    assert words in " ".join(error.split())
    assert "Traceback" not in error


def test_search__with_an_audit_of_more_than_the_space_has_is_refused_before_the_work(
    project: Path, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("search", project / "run.yaml", "--audit", 1000) == 2
    words = "audit: 1,000 architectures were asked for, and the space has 216. Ask for fewer"
    assert words in capsys.readouterr().err
    assert not (project / "out").exists()
