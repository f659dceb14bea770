from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Command, Refused


def test_search_audit__trains_some_alone_prints_what_follows_and_shows_it_in_the_report(
    trained: Path, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    out = trained / "out"
    assert command("search", trained / "run.yaml", "--audit", 4) == 0
    output = capsys.readouterr()
    assert "winner" in output.out
    assert "Audit: 4 architectures trained alone, AUROC on the selection split" in output.out
    for name in ("shared weights", "parameters", "multiply adds", "synflow", "naswot", "jacob cov", "zico"):
        assert name in output.out
    assert "Of two networks, the score with shared weights names the one that is better" in output.out
    assert len((out / "audit.jsonl").read_text().splitlines()) == 5
    before = (out / "audit.json").stat().st_mtime_ns
    assert command("search", trained / "run.yaml", "--audit", 4, "--json") == 0
    record = json.loads(capsys.readouterr().out)
    assert set(record) == {"finalists", "fronts", "audit"}
    assert record["audit"] == json.loads((out / "audit.json").read_text())
    assert (out / "audit.json").stat().st_mtime_ns == before
    assert command("report", out) == 0
    assert "How well do its scores rank networks?" in (out / "report.html").read_text()


def test_search_audit__of_two_is_refused_before_the_search(project: Path, refused: Refused) -> None:
    assert "audit: 2 architectures; expected at least 3" in refused("search", project / "run.yaml", "--audit", 2)
    assert not (project / "out" / "events.jsonl").exists()


def test_search_audit_seeds__need_an_audit(project: Path, refused: Refused) -> None:
    assert "give --audit N as well" in refused("search", project / "run.yaml", "--audit-seeds", 2)
    assert "audit: 0 trainings of each architecture; expected at least 1" in refused(
        "search", project / "run.yaml", "--audit", 5, "--audit-seeds", 0
    )
