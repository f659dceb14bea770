"""float32 or bfloat16: decided by a short probe, never by assumption."""

from __future__ import annotations

import time
from functools import lru_cache

import torch
from torch import Tensor, nn

from ambergen.models.layers import BatchNorm, Conv
from ambergen.provenance import processor

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
_FASTER_BY = 1.15  # bfloat16 has to earn its lost digits


def default_device() -> torch.device:
    """The accelerator if there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def device_name() -> str:
    """What trains here, in words."""
    device = default_device()
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else processor()
    return f"{device.type}: {name}"


def resolve(precision: str, device: torch.device) -> torch.dtype:
    """The dtype that `precision` (auto, float32, bfloat16) means on `device`."""
    return probe(str(device)) if precision == "auto" else DTYPES[precision]


@lru_cache
def probe(device: str) -> torch.dtype:
    """bfloat16 where a training step of a small convolution block is at least 1.15 times faster in it."""
    with torch.random.fork_rng(devices=[]):
        block = nn.Sequential(Conv(32, 32, 8), BatchNorm(32), nn.ReLU(), Conv(32, 32, 8)).to(device)
        x = torch.randn(16, 32, 1, 512).contiguous(memory_format=torch.channels_last).to(device)

    # Processor time: on a busy machine the wall clock would time the others' work.
    clock = time.process_time if device == "cpu" else time.perf_counter

    def step(values: Tensor) -> float:
        start = clock()
        block(values).float().sum().backward()
        if values.is_cuda:
            torch.cuda.synchronize()
        return clock() - start

    seconds: dict[torch.dtype, list[float]] = {dtype: [] for dtype in DTYPES.values()}
    with torch.random.fork_rng(devices=[]):
        for _ in range(9):
            for dtype, times in seconds.items():
                times.append(step(x.to(dtype)))
    ratio = min(seconds[torch.float32][2:]) / min(seconds[torch.bfloat16][2:])
    return torch.bfloat16 if ratio >= _FASTER_BY else torch.float32
