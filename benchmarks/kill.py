"""`kill -9` at random instants of a search on the bundled data, each followed by the same command.

    python benchmarks/kill.py [--kills 5] [--seed 0]

Runs `ambergen search` once without a break and once with kills: one each while shared weights warm up, while a
checkpoint is written and between finalists, the others anywhere. One worker, a budget in steps and a fixed dtype, so
that the two event logs have to be identical but for their cost fields; with them the sequence of sampled architectures.
Ends with 1 if they are not.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from ambergen.datasets.demo import demo_paths
from ambergen.runs.events import read_events

COMMAND = [sys.executable, "-c", "from ambergen.cli.main import main; main()", "search", str(demo_paths().run_file)]
SETTINGS = [
    "data.windows.step=3000",
    "space.width=8",
    "search.budget=60 steps",
    "search.finalists=3",
    "search.rescored=6",
    "search.fresh=3",
    "search.controller.architectures=5",
    "search.supernet.steps=10",
    "search.supernet.warm_up=0.2",
    "search.supernet.rows=400",
    "search.supernet.rescored_rows=800",
    "search.supernet.train.batch=64",
    "search.supernet.train.precision=float32",
    "search.short_training.train.epochs=1",
    "execute.workers=1",
    "execute.engine=inline",
]


def start(out: Path) -> subprocess.Popen[bytes]:
    settings = [part for text in [f"out={out}", *SETTINGS] for part in ("--set", text)]
    return subprocess.Popen(COMMAND + settings, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def finish(out: Path) -> None:
    process = start(out)
    _, errors = process.communicate()
    if process.returncode:
        raise SystemExit(f"the search failed:\n{errors.decode()}")


def events(out: Path) -> list[dict[str, Any]]:
    return [{k: v for k, v in e.items() if k != "cost"} for e in read_events(out / "events.jsonl")]


def n_lines(out: Path) -> int:
    log = out / "events.jsonl"
    return log.read_bytes().count(b"\n") if log.exists() else 0


def instants(whole: list[dict[str, Any]], n: int, random_: random.Random) -> list[int]:
    """Lengths of the log at which to kill, ascending."""
    kind = [e["event"] for e in whole]
    first_checkpoint = kind.index("step") + 1
    chosen = [1, first_checkpoint, kind.index("finalist") + 1][:n]
    return sorted(chosen + [random_.randrange(1, len(whole) - 1) for _ in range(n - len(chosen))])


def kill_at(out: Path, lines: int, pause: float) -> None:
    process = start(out)
    while n_lines(out) < lines and process.poll() is None:
        time.sleep(0.002)
    time.sleep(pause)
    process.send_signal(signal.SIGKILL)
    _, errors = process.communicate()
    if process.returncode != -signal.SIGKILL:
        raise SystemExit(f"the search ended by itself with {process.returncode}:\n{errors.decode()}")
    log = out / "events.jsonl"
    last = (events(out) or [{"event": "nothing"}])[-1]["event"]
    torn = log.exists() and not log.read_bytes().endswith(b"\n")
    print(f"killed {1000 * pause:4.0f} ms after line {lines}: {n_lines(out)} lines, the last a {last}{', torn' * torn}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    random_ = random.Random(options.seed)
    os.environ |= {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    folder = Path(tempfile.mkdtemp(prefix="ambergen-kill-"))
    try:
        begin = time.perf_counter()
        finish(folder / "whole")
        whole = events(folder / "whole")
        print(f"uninterrupted: {len(whole)} events in {time.perf_counter() - begin:.0f} s")
        for lines in instants(whole, options.kills, random_):
            kill_at(folder / "killed", lines, random_.uniform(0, 0.1))
        finish(folder / "killed")
        killed = events(folder / "killed")
    finally:
        shutil.rmtree(folder)
    sampled = [[e["id"] for e in log if e["event"] == "trial"] for log in (whole, killed)]
    print(f"sampled architectures: {len(sampled[0])}, {'identical' if sampled[0] == sampled[1] else 'DIFFERENT'}")
    print(f"event logs without costs: {'identical' if whole == killed else 'DIFFERENT'}")
    sys.exit(whole != killed)


if __name__ == "__main__":
    main()
