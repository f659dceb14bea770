"""Jobs that run out of memory in earnest, for the suite of the executors: a module that a worker process can import."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

HEADROOM = 2**28
TOO_MUCH = 2**33


@contextmanager
def little_memory() -> Iterator[None]:
    """Let this process grow by no more than `HEADROOM` bytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + HEADROOM, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def fill_python() -> int:
    with little_memory():
        return len(bytearray(TOO_MUCH))


def fill_numpy() -> int:
    numpy = import_module("numpy")
    with little_memory():
        return numpy.zeros(TOO_MUCH, dtype="uint8").size


def fill_torch() -> int:
    torch = import_module("torch")
    with little_memory():
        return torch.zeros(TOO_MUCH, dtype=torch.uint8).numel()
