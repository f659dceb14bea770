"""What long work tells about itself. The command line draws it; in the library it is silent."""

from __future__ import annotations

from types import TracebackType
from typing import Protocol, Self


class Task(Protocol):
    """One bar: a context manager that closes itself."""

    def advance(self, amount: float = 1) -> None:
        """Count `amount` more units as done."""

    def note(self, text: str) -> None:
        """Show `text` beside the bar (throughput, best so far)."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Progress(Protocol):
    """Makes bars."""

    def task(self, description: str, total: float | None = None) -> Task:
        """A new bar of `total` units; None where the total is unknown."""

    def say(self, text: str) -> None:
        """One line for the user, between the bars."""


class _SilentTask:
    def advance(self, amount: float = 1) -> None:
        pass

    def note(self, text: str) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass


class _Silent:
    def task(self, description: str, total: float | None = None) -> Task:
        return _SilentTask()

    def say(self, text: str) -> None:
        pass


SILENT: Progress = _Silent()
