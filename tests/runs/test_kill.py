"""The same command after `kill -9`, again and again: the log is the one of a search that was never stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from ambergen.datasets.store import Store
from ambergen.runs.events import read_events

ROOT = Path(__file__).parents[2]

# Forks a fresh process for every folder that it is told, so that PyTorch is imported once and not for every kill.
# Importing the compiler beforehand spares each of them what the first step of an optimiser would import.
LAUNCHER = """
import os, sys
import torch, torch._dynamo
from pathlib import Path
from ambergen.datasets.store import Store
from ambergen.executors.inline import InlineExecutor
from ambergen.runs.loop import search
from tests.simulated import SPACE, search_config

store = Store.open(sys.argv[1])
print("ready", flush=True)
for line in sys.stdin:
    process = os.fork()
    if process == 0:
        with InlineExecutor() as executor:
            search(SPACE, store, search_config(budget="15 steps"), Path(line.strip()), executor)
        os._exit(0)
    print(process, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), flush=True)
"""


class Launcher:
    """Starts searches, each in a process of its own."""

    def __init__(self, store: Store) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", LAUNCHER, str(store.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": str(ROOT)},
        )
        assert self._line() == "ready"

    def start(self, out: Path) -> int:
        """Begin a search; its process."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{out}\n")
        self.process.stdin.flush()
        return int(self._line())

    def exit_code(self) -> int:
        """Of the search that was begun last, once it is over."""
        return int(self._line())

    def close(self) -> None:
        self.process.communicate()

    def _line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()


@pytest.fixture(scope="module")
def launcher(small_store: Store) -> Iterator[Launcher]:
    one = Launcher(small_store)
    yield one
    one.close()


@pytest.fixture(scope="module")
def uninterrupted(launcher: Launcher, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, object]]:
    out = tmp_path_factory.mktemp("uninterrupted")
    launcher.start(out)
    assert launcher.exit_code() == 0
    return events(out)


def events(out: Path) -> list[dict[str, object]]:
    return [{k: v for k, v in e.items() if k != "cost"} for e in read_events(out / "events.jsonl")]


def n_lines(out: Path) -> int:
    log = out / "events.jsonl"
    return log.read_bytes().count(b"\n") if log.exists() else 0


def kill_at(launcher: Launcher, out: Path, lines: int, pause: float) -> None:
    """Start the search, kill it `pause` seconds after its log has so many lines."""
    process = launcher.start(out)
    while n_lines(out) < lines:
        time.sleep(0.001)
    time.sleep(pause)
    os.kill(process, signal.SIGKILL)
    assert launcher.exit_code() == -signal.SIGKILL, "the search ended before it could be killed"


def written(path: Path) -> int | None:
    """When a file was last written to; None where there is none."""
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return None


@pytest.mark.parametrize("seed", range(2))
def test_search__killed_five_times_writes_what_an_uninterrupted_one_writes(
    launcher: Launcher, uninterrupted: list[dict[str, object]], tmp_path: Path, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    kind = [e["event"] for e in uninterrupted]
    rounds = [n for n, event in enumerate(kind, start=1) if event == "step"]
    moments = [
        1,  # the warm-up
        int(rng.integers(2, rounds[0])),  # the first ratings, before there is a checkpoint
        int(rng.choice(rounds[:-1])),  # the writing of a checkpoint
        int(rng.integers(rounds[1], rounds[-1])),  # training or rating
        kind.index("finalist") + 1,  # between two finalists
    ]
    for lines in sorted(moments):
        kill_at(launcher, tmp_path, lines, pause=rng.uniform(0, 0.004))
    launcher.start(tmp_path)
    assert launcher.exit_code() == 0
    assert events(tmp_path) == uninterrupted


def test_search__killed_while_it_writes_a_checkpoint_goes_on_from_the_one_before(
    launcher: Launcher, uninterrupted: list[dict[str, object]], tmp_path: Path
) -> None:
    partial = tmp_path / "checkpoints" / "search0.pt.partial"
    for _ in range(3):
        left_over = written(partial)
        process = launcher.start(tmp_path)
        while written(partial) in (None, left_over):
            time.sleep(0.0002)
        os.kill(process, signal.SIGKILL)
        assert launcher.exit_code() == -signal.SIGKILL
    launcher.start(tmp_path)
    assert launcher.exit_code() == 0
    assert events(tmp_path) == uninterrupted
    assert not partial.exists()
