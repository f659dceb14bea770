"""A search with an operation of the user's, as the docs have it; and what is said where the file is faulty."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from ambergen.spaces import operations
from tests.cli.conftest import Command

METHODS = Path(__file__).parents[2] / "docs" / "methods.md"


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
