"""Runs jobs in this process, one after another, each when its result is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Any, Self
from weakref import WeakSet

from ambergen.errors import JobError
from ambergen.executors.base import CLOSED, Job, JobResult, attempt, cores


class InlineJob:
    """A call that is made at the first `result`, so that each result can be stored before the next job begins."""

    def __init__(self, function: Callable[..., Any], args: tuple[Any, ...]) -> None:
        self._call: tuple[Callable[..., Any], tuple[Any, ...]] | None = (function, args)
        self._result = JobResult("failed", None, CLOSED, 0.0)

    def result(self) -> JobResult:
        if self._call is not None:
            function, args = self._call
            self._result = attempt(function, *args)
            self._call = None
        return self._result

    def cancel(self) -> None:
        """Never run, if it has not run yet."""
        self._call = None


class InlineExecutor:
    """The executor of one worker: this process, with all its threads."""

    def __init__(self) -> None:
        self.workers = 1
        self.threads = cores()
        # Weak: what became of a job is kept by whoever submitted it.
        self._jobs: WeakSet[InlineJob] | None = WeakSet()

    def submit(self, function: Callable[..., Any], *args: Any) -> Job:
        if self._jobs is None:
            raise JobError("executor: a job was submitted after the executor had been closed; open a new one.")
        job = InlineJob(function, args)
        self._jobs.add(job)
        return job

    def as_completed(self, jobs: Iterable[Job]) -> Iterator[Job]:
        for job in list(jobs):
            job.result()
            yield job

    def close(self) -> None:
        for job in self._jobs or ():
            job.cancel()
        self._jobs = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
