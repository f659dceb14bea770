"""Windows per second of child training and scoring on a GPU, with the store in its memory.

    python benchmarks/gpu.py [--batches 1000,4000,16000] [--modes eager,compiled,graph] [--rounds 20] [--json]

A child of the published space (12 layers, width 32, 26 skip connections, 919 tracks, 1000 bp, bfloat16). A training
step gathers tokens and labels by index in the GPU's memory, then forward, backward with the penalties, fused Adam.
Modes: eager; `torch.compile` of the network; the whole step captured once as a CUDA graph and replayed.

The floors are what the memory traffic of an H200 allows for a pass over 2.2 million windows: 1.8 s with fused kernels,
6.7 s eager with the published wiring of skip connections.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from batches import simulated_store
from timing import parser, report
from torch import Tensor

from ambergen.datasets.batches import DeviceStore
from ambergen.models.building import build
from ambergen.models.child import Child
from ambergen.models.layers import Conv, one_hot
from ambergen.spaces.presets import amber
from ambergen.training.config import TrainConfig
from ambergen.training.step import masked_bce

FLOORS = {"eager": 2.2e6 / 6.7, "compiled": 2.2e6 / 1.8, "graph": 2.2e6 / 6.7}
CONFIG = TrainConfig(optimizer="adam", learning_rate=1e-3, weight_decay=0.0, l1=1e-8, l2=5e-7)
Work = Callable[[], object]


class Step:
    """Training and scoring of one child on rows that are drawn anew on the device before each run."""

    def __init__(self, data: DeviceStore, batch: int, mode: str) -> None:
        self.data, self.dtype = data, torch.bfloat16
        architecture = amber().sample(np.random.default_rng(1))
        self.child: Child = build(architecture, data.n_tracks, data.length, amber(), seed=0).to(data.device)
        self.network = torch.compile(self.child) if mode == "compiled" else self.child
        self.kernels = [m.weight for m in self.child.modules() if isinstance(m, Conv)]
        is_cuda = data.device.type == "cuda"
        # A captured step has its counters on the device; otherwise this is the optimiser of every training.
        self.optimizer = torch.optim.Adam(self.child.parameters(), lr=1e-3, fused=True, capturable=is_cuda)
        self.rows = torch.zeros(batch, dtype=torch.int64, device=data.device)
        self.reverse = torch.zeros(batch, dtype=torch.bool, device=data.device)

    def draw(self) -> None:
        self.rows.random_(self.data.store.n_windows)
        self.reverse.random_(2)

    def train(self) -> None:
        self.optimizer.zero_grad(set_to_none=True)
        batch = self.data.gather(self.rows, reverse=self.reverse)
        loss = masked_bce(self.network(one_hot(batch.tokens, self.dtype)), batch.labels, batch.known)
        loss.backward()
        with torch.no_grad():
            for weight in self.kernels:
                weight.grad.add_(weight.sign(), alpha=CONFIG.l1).add_(weight, alpha=2 * CONFIG.l2)
        self.optimizer.step()

    @torch.no_grad()
    def score(self) -> Tensor:
        return self.network(one_hot(self.data.gather(self.rows).tokens, self.dtype))


def captured(step: Step, work: Work) -> Work:
    """`work` as a CUDA graph; a few runs on another stream come first, as capture asks for."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            work()
    torch.cuda.current_stream().wait_stream(stream)
    step.optimizer.zero_grad(set_to_none=True)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        work()
    return graph.replay


def seconds(step: Step, work: Work, rounds: int) -> float:
    """Median of wall seconds, the draw of the rows included."""
    measured = []
    for number in range(rounds + 3):
        _wait(step.data.device)
        start = time.perf_counter()
        step.draw()
        work()
        _wait(step.data.device)
        if number >= 3:
            measured.append(time.perf_counter() - start)
    return median(measured)


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def measure(data: DeviceStore, batch: int, mode: str, rounds: int) -> list[dict[str, Any]]:
    rows = []
    for name in ("training", "scoring"):
        row: dict[str, Any] = {"work": name, "mode": mode, "batch": batch}
        try:
            step = Step(data, batch, mode)
            step.draw()
            step.child.train(name == "training")
            work: Work = step.train if name == "training" else step.score
            start = time.perf_counter()
            work = captured(step, work) if mode == "graph" else work
            work()
            _wait(data.device)
            first = time.perf_counter() - start
            rate = batch / seconds(step, work, rounds)
            floor = FLOORS[mode] if name == "training" else None
            row |= {"windows/s": round(rate), "floor": floor, "of floor": rate / floor if floor else None}
            row |= {"preparation s": first, "peak GB": _peak(data.device), "note": ""}
        except torch.cuda.OutOfMemoryError:
            row |= {"windows/s": None, "floor": None, "of floor": None, "preparation s": None, "peak GB": None}
            row["note"] = "out of memory"
        rows.append(row)
        if data.device.type == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
    return rows


def _peak(device: torch.device) -> float | None:
    return torch.cuda.max_memory_allocated(device) / 1e9 if device.type == "cuda" else None


def main() -> None:
    options = parser(__doc__, rounds=20)
    options.add_argument("--batches", default="1000,4000,16000")
    options.add_argument("--modes", default="eager,compiled,graph")
    options.add_argument("--device", default="cuda", help="cpu tries the eager mode without a GPU")
    arguments = options.parse_args()
    if arguments.device == "cuda" and not torch.cuda.is_available():
        print("No GPU: torch sees no CUDA device here, so nothing was measured. Run this on a machine with one.")
        return
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        data = DeviceStore(simulated_store(Path(folder)), arguments.device)
        for mode in arguments.modes.split(","):
            for batch in map(int, arguments.batches.split(",")):
                rows += measure(data, batch, mode, arguments.rounds)
                torch.compiler.reset()
    report("child of the published space on a GPU", rows, arguments.json)


if __name__ == "__main__":
    main()
