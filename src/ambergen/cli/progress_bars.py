"""Progress on stderr: bars on a terminal, a line now and then in a log file."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, ProgressColumn, SpinnerColumn, TextColumn
from rich.progress import Progress as RichProgress
from rich.progress import Task as RichTask
from rich.text import Text

from ambergen.progress import Progress, Task

SECONDS_BETWEEN_LINES = 30.0


def progress_for_terminal() -> Progress:
    """Bars where stderr is a terminal, lines where it is a file or a pipe."""
    return Bars(Console(stderr=True)) if sys.stderr.isatty() else Lines()


def duration(seconds: float) -> str:
    """``45 s``, ``3 min 20 s``, ``2 h 05 min``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def rate(per_second: float) -> str:
    """``12/s``, ``3.4 k/s``, or ``5.0 s each`` where one takes longer than a second."""
    if per_second <= 0:
        return ""
    if per_second < 1:
        return f"{duration(1 / per_second) if per_second < 0.1 else f'{1 / per_second:.1f} s'} each"
    for size, suffix in ((1e6, " M"), (1e3, " k")):
        if per_second >= size:
            return f"{per_second / size:.1f}{suffix}/s"
    return f"{per_second:.0f}/s" if per_second >= 10 else f"{per_second:.1f}/s"


def _count(done: float, total: float | None) -> str:
    # Budgets in epochs are spent in parts of an epoch.
    digits = 1 if total is not None and total < 100 and done != int(done) else 0
    return f"{done:,.{digits}f}" if total is None else f"{done:,.{digits}f}/{total:,.0f}"


# ---- a terminal


class _Figures(ProgressColumn):
    """Units done, throughput and time left."""

    def render(self, task: RichTask) -> Text:
        parts = [_count(task.completed, task.total)]
        per_second = task.speed or (task.completed / task.elapsed if task.elapsed else 0)
        if per_second:
            parts.append(rate(per_second))
        if task.time_remaining is not None and not task.finished:
            parts.append(f"{duration(task.time_remaining)} left")
        elif task.elapsed is not None:
            parts.append(duration(task.elapsed))
        return Text(" · ".join(parts))


class Bars:
    """Bars that are drawn while any task is open."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._open = 0
        self._drawn: RichProgress | None = None

    def task(self, description: str, total: float | None = None) -> Task:
        if self._drawn is None:
            self._drawn = RichProgress(
                SpinnerColumn(),
                TextColumn("{task.description}", markup=False),
                BarColumn(bar_width=24),
                _Figures(),
                TextColumn("{task.fields[note]}", markup=False),
                console=self._console,
                # Bars of inner tasks (epochs, batches) vanish when they are done, so that the screen stays readable.
                transient=True,
            )
            self._drawn.start()
        self._open += 1
        return _Bar(self, self._drawn, description, total)

    def say(self, text: str) -> None:
        if self._drawn is not None:
            self._drawn.refresh()
        self._console.print(text, markup=False, highlight=False)

    def close(self) -> None:
        """One task ended; with the last one the bars go."""
        self._open -= 1
        if self._open == 0 and self._drawn is not None:
            self._drawn.stop()
            self._drawn = None


class _Bar:
    def __init__(self, bars: Bars, drawn: RichProgress, description: str, total: float | None) -> None:
        self._bars, self._drawn, self._description = bars, drawn, description
        self._id = drawn.add_task(description, total=total, note="")
        self._note = ""

    def advance(self, amount: float = 1) -> None:
        self._drawn.advance(self._id, amount)

    def note(self, text: str) -> None:
        self._note = text
        self._drawn.update(self._id, note=text)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._drawn.remove_task(self._id)
        self._bars.close()


# ---- a log file


class Lines:
    """One line when a task begins, and while it goes on one at most every `SECONDS_BETWEEN_LINES`."""

    def __init__(self) -> None:
        self._open = 0

    def task(self, description: str, total: float | None = None) -> Task:
        if self._open == 0:
            self.say(f"{description} …")
        self._open += 1
        return _Line(self, description, total)

    def close(self) -> None:
        """One task ended."""
        self._open -= 1

    def say(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)


class _Line:
    def __init__(self, lines: Lines, description: str, total: float | None) -> None:
        self._lines, self._description, self._total = lines, description, total
        self._done, self._note = 0.0, ""
        self._start = self._told = time.monotonic()

    def advance(self, amount: float = 1) -> None:
        self._done += amount
        if time.monotonic() - self._told >= SECONDS_BETWEEN_LINES:
            self._tell()

    def note(self, text: str) -> None:
        self._note = text

    def _tell(self) -> None:
        self._told = time.monotonic()
        elapsed = self._told - self._start
        parts = [_count(self._done, self._total), rate(self._done / elapsed)]
        if self._total and self._done:
            parts.append(f"{duration(max(0.0, self._total - self._done) * elapsed / self._done)} left")
        parts.append(self._note)
        self._lines.say(f"{self._description}: {' · '.join(p for p in parts if p)}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lines.close()
