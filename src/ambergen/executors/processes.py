"""Runs jobs in worker processes of this machine, each job's fate its own.

Every worker is one fresh (spawned) process with one pipe and one thread here that feeds it. A worker that is killed, by
the system for memory for example, fails exactly the job that it had; the thread starts another worker for the next job.
"""

from __future__ import annotations

import os
import queue
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from multiprocessing import current_process, get_context, parent_process
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from types import TracebackType
from typing import Any, Self

from ambergen.errors import JobError
from ambergen.executors.base import CLOSED, Job, JobResult, cores, reason
from ambergen.executors.calls import PackedJob, completed, packed, perform, unpacked
from ambergen.executors.environment import environment, thread_variables

_STARTING = "AMBERGEN_WORKER_IS_STARTING"
"""Set while a worker imports the script that runs: should that open workers of its own, it lacks its guard."""

GUARD = 'A script that uses worker processes needs `if __name__ == "__main__":` around its work'


class ProcessExecutor:
    """The executor of several workers on this machine.

    Parameters
    ----------
    workers : processes; a worker starts with its first job
    threads : of each worker's arithmetic; None: the cores shared out among the workers

    Notes
    -----
    A script (not an imported module) that opens one needs ``if __name__ == "__main__":`` around its work, since every
    worker imports the script. A job cannot start processes of its own.
    """

    def __init__(self, workers: int, threads: int | None = None) -> None:
        if workers < 1:
            raise JobError(f"executor: {workers} workers; expected at least 1.")
        if _STARTING in os.environ or current_process().daemon:
            raise JobError(f"executor: worker processes cannot be started from a worker process. {GUARD}.")
        self.workers = workers
        self.threads = threads or max(1, cores() // workers)
        self._queue: queue.SimpleQueue[PackedJob | None] = queue.SimpleQueue()
        self._closed = threading.Event()
        self._slots = [_Slot(self._queue, self._closed, self.threads) for _ in range(workers)]

    def submit(self, function: Callable[..., Any], *args: Any) -> Job:
        if self._closed.is_set():
            raise JobError("executor: a job was submitted after the executor had been closed; open a new one.")
        job = packed(function, args)
        self._queue.put(job)
        return job

    def as_completed(self, jobs: Iterable[Job]) -> Iterator[Job]:
        return completed(jobs)

    def close(self) -> None:
        if self._closed.is_set():
            return
        self._closed.set()
        for slot in self._slots:
            self._queue.put(None)
            slot.kill()
        for slot in self._slots:
            slot.join()
        while not self._queue.empty():
            job = self._queue.get()
            if job is not None:
                job.future.set_result(JobResult("failed", None, CLOSED, 0.0))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Slot:
    """One worker process at a time, and the thread that feeds it from the common queue."""

    def __init__(self, jobs: queue.SimpleQueue[PackedJob | None], closed: threading.Event, threads: int) -> None:
        self._jobs = jobs
        self._closed = closed
        self._threads = threads
        self._lock = threading.Lock()
        self._process: SpawnProcess | None = None
        self._pipe: Connection | None = None
        self._thread = threading.Thread(target=self._feed, name="ambergen-executor", daemon=True)
        self._thread.start()

    def kill(self) -> None:
        """End the worker at once; its thread sees the end and goes on."""
        with self._lock:
            if self._process is not None:
                self._process.kill()

    def join(self) -> None:
        self._thread.join()

    def _feed(self) -> None:
        while (job := self._jobs.get()) is not None:
            job.future.set_result(self._run(job.call))
        self.kill()
        self._forget()

    def _run(self, call: bytes) -> JobResult:
        start = time.perf_counter()
        try:
            answer = self._hand_over(call).recv_bytes()
        except JobError as error:
            return JobResult("failed", None, str(error), time.perf_counter() - start)
        except (EOFError, OSError):
            # The pipe broke: the worker is gone, with the job that it had.
            return JobResult("failed", None, self._epitaph(), time.perf_counter() - start)
        return unpacked(answer, time.perf_counter() - start)

    def _hand_over(self, call: bytes) -> Connection:
        """The pipe of a worker that has taken the call.

        A worker may have died since its last job, which is no fault of this one: then another is started, once.
        """
        text = ""
        for _ in range(2):
            try:
                pipe = self._ready()
                pipe.send_bytes(call)
                pipe.recv_bytes()
                return pipe
            except (EOFError, OSError) as error:
                text = self._epitaph() if self._process is not None else reason(error)
        raise JobError(CLOSED if self._closed.is_set() else f"{text}, before it took the job. {GUARD}")

    def _ready(self) -> Connection:
        """The pipe of a living worker."""
        if self._process is not None and not self._process.is_alive():
            self._forget()
        with self._lock:
            if self._closed.is_set():
                raise JobError(CLOSED)
            if self._process is None or self._pipe is None:
                self._process, self._pipe = _start_worker(self._threads)
            return self._pipe

    def _epitaph(self) -> str:
        """Why the worker ended, in words; forgets it."""
        process = self._process
        if self._closed.is_set() or process is None:
            return CLOSED
        process.join()
        code = process.exitcode or 0
        self._forget()
        if code == -signal.SIGKILL:
            return "the worker process was killed by SIGKILL: as a rule, the system was out of memory"
        if code < 0:
            return f"the worker process was killed by {signal.Signals(-code).name}"
        return f"the worker process ended with exit code {code}"

    def _forget(self) -> None:
        """Reap the worker, if there is one, and close its pipe."""
        with self._lock:
            process, pipe, self._process, self._pipe = self._process, self._pipe, None, None
        if pipe is not None:
            pipe.close()
        if process is not None:
            process.join()
            process.close()


def _start_worker(threads: int) -> tuple[SpawnProcess, Connection]:
    context = get_context("spawn")
    here, there = context.Pipe()
    # Daemon: should this process end without closing the executor, the interpreter ends its workers.
    process = context.Process(target=_work, args=(there, threads), name="ambergen-worker", daemon=True)
    try:
        # Set here and not in _work: before that is called the worker imports the script that runs.
        with environment({_STARTING: "1", **thread_variables(threads)}):
            process.start()
    except BaseException:
        here.close()
        raise
    finally:
        there.close()
    return process, here


def _work(pipe: Connection, threads: int) -> None:
    """The worker's life: one call after another until the pipe ends."""
    # Ctrl-C goes to the whole terminal group; the parent decides what becomes of its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    del os.environ[_STARTING]
    threading.Thread(target=_end_with_parent, daemon=True).start()
    while True:
        try:
            call = pipe.recv_bytes()
        except (EOFError, OSError):
            return
        pipe.send_bytes(b"taken")
        pipe.send_bytes(perform(call, threads))


def _end_with_parent() -> None:
    """End this process when the one that started it is gone, even in the middle of a job."""
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
