"""Benchmarks of what the package computes still run: at a size that measures nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.mark.parametrize(
    "words", [("child_training", "--networks", "1"), ("supernet_step",)], ids=lambda words: words[0]
)
def test_a_table_comes_out(words: tuple[str, ...]) -> None:
    name, *more = words
    command = [sys.executable, str(BENCHMARKS / f"{name}.py"), "--rounds", "1", "--batch", "2", "--json", *more]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)["rows"]
    assert rows
    assert all(row.get("ratio", row.get("supernet / child")) > 0 for row in rows)


@pytest.mark.parametrize(
    ("name", "sizes"),
    [
        ("batches", ("--batch", "8", "--rounds", "1")),
        ("metrics", ("--windows", "50", "--tracks", "2", "--rounds", "1")),
    ],
)
def test_lines_of_figures_come_out(name: str, sizes: tuple[str, ...]) -> None:
    command = [sys.executable, str(BENCHMARKS / f"{name}.py"), *sizes]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "times as fast" in done.stdout or "windows/s" in done.stdout
