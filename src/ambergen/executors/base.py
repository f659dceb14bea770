"""The contract of everything that runs candidates: submit a function, get a job, get its result; nothing is raised.

A candidate that crashes is a failed job with its reason, never the end of the search.
"""

from __future__ import annotations

import errno
import os
import re
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal, Protocol, Self

_REASON_LENGTH = 300
# PyTorch has a class of its own only for accelerators; its allocator for the processor raises a plain RuntimeError.
_OUT_OF_MEMORY = re.compile(r"out of memory|(can't|cannot|could not|unable to) allocate|bad_alloc", re.IGNORECASE)

CLOSED = "the executor was closed before the job ended"


@dataclass(frozen=True)
class JobResult:
    """What became of a job.

    value : what the function returned; None where it failed
    reason : one line, see `reason`; empty where it is done
    seconds : wall time of the function
    trace : the traceback for a log; empty where it is done or where a process was killed
    """

    status: Literal["done", "failed"]
    value: Any
    reason: str
    seconds: float
    trace: str = ""


class Job(Protocol):
    """A function call under way."""

    def result(self) -> JobResult:
        """Wait for the end of the job; the same result every time. An interrupt of the user passes through."""


class Executor(Protocol):
    """Runs jobs; a context manager that ends everything it started.

    workers : jobs that run at a time
    threads : threads that each job has for its arithmetic
    """

    workers: int
    threads: int

    def submit(self, function: Callable[..., Any], *args: Any) -> Job:
        """Hand in ``function(*args)``: a function of an importable module, with arguments that can be pickled."""

    def as_completed(self, jobs: Iterable[Job]) -> Iterator[Job]:
        """Each of the jobs once, as they end."""

    def close(self) -> None:
        """End what still runs; jobs that have not ended fail. Closing twice is allowed."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def attempt(function: Callable[..., Any], *args: Any) -> JobResult:
    """Call the function here; what it raises becomes the reason. An interrupt passes through."""
    start = time.perf_counter()
    try:
        value = function(*args)
    except (Exception, SystemExit) as error:  # any fault of a candidate is that candidate's fault only
        return JobResult("failed", None, reason(error), time.perf_counter() - start, traceback.format_exc())
    return JobResult("done", value, "", time.perf_counter() - start)


def reason(error: BaseException) -> str:
    """``type: message`` in one short line; where memory was short, ``out of memory (type: message)``."""
    lines = str(error).strip().splitlines()
    text = f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
    if is_out_of_memory(error):
        return f"out of memory ({shortened(text, _REASON_LENGTH - len('out of memory ()'))})"
    return shortened(text)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether Python, NumPy, PyTorch or the system says that memory was short."""
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and _OUT_OF_MEMORY.search(str(error)) is not None
    )


def shortened(text: str, length: int = _REASON_LENGTH) -> str:
    """The text cut to the length of a reason."""
    return text if len(text) <= length else text[: length - 1] + "…"
