"""The same command after `kill -9`, again and again: the log is the one of a search that was never stopped."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from ambergen.datasets.store import Store
from ambergen.runs.events import read_events

ROOT = Path(__file__).parents[2]

# Forks a fresh process for every search that it is told, so that PyTorch is imported once and not for every kill.
# Importing the compiler beforehand spares each of them what the first step of an optimiser would import. A search is
# killed from within, so that on a busy machine no kill comes too late: by a thread that counts the lines of the log,
# or in the place of a checkpoint's last step.
LAUNCHER = """
import json, os, signal, sys, threading, time
import torch, torch._dynamo
from pathlib import Path
from ambergen.datasets.store import Store
from ambergen.executors.inline import InlineExecutor
from ambergen.runs.loop import search
from tests.simulated import SPACE, search_config

store = Store.open(sys.argv[1])
replace = os.replace

def kill():
    os.kill(os.getpid(), signal.SIGKILL)

def kill_at_line(log, lines, pause):
    while not log.exists() or log.read_bytes().count(b"\\n") < lines:
        time.sleep(0.0005)
    time.sleep(pause)
    kill()

def kill_in_checkpoint(number, share):
    def stopped(source, target, **more):
        nonlocal number
        number -= str(target).endswith(".pt")
        if number == 0:
            os.truncate(source, int(share * os.path.getsize(source)))
            kill()
        return replace(source, target, **more)
    os.replace = stopped

print("ready", flush=True)
for line in sys.stdin:
    told = json.loads(line)
    process = os.fork()
    if process == 0:
        out, killer = Path(told["out"]), None
        if "lines" in told:
            arguments = (out / "events.jsonl", told["lines"], told["pause"])
            killer = threading.Thread(target=kill_at_line, args=arguments)
            killer.start()
        if "checkpoint" in told:
            kill_in_checkpoint(told["checkpoint"], told["share"])
        with InlineExecutor() as executor:
            search(SPACE, store, search_config(budget="15 steps"), out, executor)
        if killer is not None:
            killer.join()
        os._exit(0)
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

    def run(self, out: Path, **killed: float) -> int:
        """Exit code of a search, which is killed at so many `lines` of its log, or writing a `checkpoint`."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"out": str(out), **killed}) + "\n")
        self.process.stdin.flush()
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
    assert launcher.run(out) == 0
    return events(out)


def events(out: Path) -> list[dict[str, object]]:
    return [{k: v for k, v in e.items() if k != "cost"} for e in read_events(out / "events.jsonl")]


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
        assert launcher.run(tmp_path, lines=lines, pause=rng.uniform(0, 0.004)) == -signal.SIGKILL
    assert launcher.run(tmp_path) == 0
    assert events(tmp_path) == uninterrupted


def test_search__killed_while_it_writes_a_checkpoint_goes_on_from_the_one_before(
    launcher: Launcher, uninterrupted: list[dict[str, object]], tmp_path: Path
) -> None:
    for number, share in ((1, 0.5), (2, 1.0), (3, 0.0)):
        assert launcher.run(tmp_path, checkpoint=number, share=share) == -signal.SIGKILL
        assert (tmp_path / "checkpoints" / "search0.pt.partial").exists()
    assert launcher.run(tmp_path) == 0
    assert events(tmp_path) == uninterrupted
    assert not (tmp_path / "checkpoints" / "search0.pt.partial").exists()
