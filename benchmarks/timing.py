"""Rival ways to do one thing, timed in turn within one process, and the table that says what came of it.

With one torch thread the clock is the processor time of this process, so that other work on the machine counts little;
in every round each way has its turn, so that what still counts strikes all alike.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch


@dataclass(frozen=True)
class Timings:
    """seconds : by way, one a round"""

    seconds: dict[str, list[float]]

    def median(self, way: str) -> float:
        return statistics.median(self.seconds[way])

    def ratio(self, way: str, base: str) -> float:
        """How many times faster `way` is than `base`: the median over rounds of the ratio within a round."""
        pairs = zip(self.seconds[base], self.seconds[way], strict=True)
        return statistics.median(slow / fast for slow, fast in pairs)


def interleave(ways: dict[str, Callable[[], object]], rounds: int, warm: int = 1) -> Timings:
    """Run each way once a round; the first `warm` rounds do not count."""
    clock = time.process_time if torch.get_num_threads() == 1 else time.perf_counter
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    for number in range(warm + rounds):
        for way, run in ways.items():
            start = clock()
            run()
            if number >= warm:
                seconds[way].append(clock() - start)
    return Timings(seconds)


def parser(description: str | None, rounds: int) -> argparse.ArgumentParser:
    """The options that every benchmark has."""
    options = argparse.ArgumentParser(description=(description or "").splitlines()[0])
    options.add_argument("--rounds", type=int, default=rounds, help=f"timed rounds (default {rounds})")
    options.add_argument("--json", action="store_true", help="print JSON instead of a table")
    return options


def machine() -> dict[str, Any]:
    """What the figures are of."""
    return {
        "processor": _processor(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
    }


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def report(title: str, rows: Sequence[dict[str, Any]], as_json: bool) -> None:
    """Print rows of equal keys as a table, or all as one JSON object."""
    if as_json:
        print(json.dumps({"benchmark": title, "machine": machine(), "rows": list(rows)}, indent=1))
        return
    about = machine()
    print(f"{title}\n{about['processor']}, {about['threads']} thread(s), torch {about['torch']}")
    cells = [[str(name) for name in rows[0]], *([_cell(v) for v in row.values()] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for line in cells:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.3g}" if isinstance(value, float) else str(value)
