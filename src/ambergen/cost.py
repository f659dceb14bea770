"""What an evaluation cost: the ledger that makes comparisons fair."""

from __future__ import annotations

import resource
import sys
import time
from dataclasses import asdict, dataclass
from types import TracebackType
from typing import Self


@dataclass(frozen=True)
class Cost:
    """Cost of a piece of work; costs add up, but for peak memory, of which the larger counts.

    device_seconds : wall seconds during which a device (a CPU worker or a GPU) was held
    windows : windows passed forward, training and scoring together
    peak_memory : bytes
    """

    device_seconds: float = 0.0
    windows: int = 0
    peak_memory: int = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            self.device_seconds + other.device_seconds,
            self.windows + other.windows,
            max(self.peak_memory, other.peak_memory),
        )

    def to_dict(self) -> dict[str, float]:
        return asdict(self)


class Stopwatch:
    """Measures the cost of a `with` block: ``with Stopwatch() as watch: ...; watch.cost(windows=n)``.

    It runs from when it is made, and anew from where the block begins.
    """

    def __init__(self) -> None:
        self._start = time.perf_counter()

    def __enter__(self) -> Self:
        self._start = time.perf_counter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def cost(self, windows: int = 0) -> Cost:
        return Cost(time.perf_counter() - self._start, windows, peak_memory())

    def lap(self, windows: int = 0) -> Cost:
        """The cost since the start, which is now from here on: laps leave nothing out and count nothing twice."""
        now = time.perf_counter()
        cost = Cost(now - self._start, windows, peak_memory())
        self._start = now
        return cost


def peak_memory() -> int:
    """Largest resident set of this process so far, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
