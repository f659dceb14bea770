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

    def less(self, part: Cost) -> Cost:
        """What is left without a part of it that is counted elsewhere."""
        return Cost(
            max(0.0, self.device_seconds - part.device_seconds), max(0, self.windows - part.windows), self.peak_memory
        )

    def to_dict(self) -> dict[str, float]:
        return asdict(self)


class Stopwatch:
    """Measures the cost of a `with` block: ``with Stopwatch() as watch: ...; watch.cost(windows=n)``."""

    def __enter__(self) -> Self:
        self._start = time.perf_counter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def cost(self, windows: int = 0) -> Cost:
        return Cost(time.perf_counter() - self._start, windows, peak_memory())


def peak_memory() -> int:
    """Largest resident set of this process so far, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
