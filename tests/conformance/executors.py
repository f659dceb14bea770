"""What every executor does; each implementation's tests inherit a class, and their module gives the fixture `make`.

The functions are of the standard library, or of `jobs` beside this file: a worker process can import them, whatever the
tests' own modules are called.
"""

from __future__ import annotations

import math
import operator
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ambergen.errors import JobError
from ambergen.executors.base import Executor
from tests.conformance import jobs as toys

MakeExecutor = Callable[[], Executor]


class ExecutorContract:
    """For a subclass whose module has the fixture `make`, which opens a new executor."""

    def test_submit__gives_the_value(self, executor: Executor) -> None:
        result = executor.submit(math.hypot, 3.0, 4.0).result()
        assert (result.status, result.value, result.reason, result.trace) == ("done", 5.0, "", "")
        assert result.seconds >= 0

    def test_result__measures_the_functions_time(self, executor: Executor) -> None:
        assert executor.submit(time.sleep, 0.05).result().seconds >= 0.05

    def test_result__is_the_same_every_time(self, executor: Executor) -> None:
        job = executor.submit(time.perf_counter)
        assert job.result() == job.result()

    def test_submit__takes_large_arguments_and_values(self, executor: Executor) -> None:
        assert len(executor.submit(operator.mul, b"ACGT", 1_000_000).result().value) == 4_000_000
        assert executor.submit(len, b"ACGT" * 1_000_000).result().value == 4_000_000

    def test_exception__fails_its_job_with_type_and_message(self, executor: Executor) -> None:
        failed, fine = executor.submit(operator.truediv, 1, 0), executor.submit(operator.truediv, 1, 2)
        assert failed.result().status == "failed"
        assert failed.result().value is None
        assert failed.result().reason == "ZeroDivisionError: division by zero"
        assert "Traceback" in failed.result().trace
        assert fine.result().value == 0.5

    def test_exit__of_a_function_fails_its_job_only(self, executor: Executor) -> None:
        assert executor.submit(sys.exit, "enough").result().reason == "SystemExit: enough"
        assert executor.submit(abs, -1).result().value == 1

    @pytest.mark.skipif(sys.platform != "linux", reason="the limit of memory is Linux's")
    @pytest.mark.parametrize(
        ("fill", "words"),
        [
            (toys.fill_python, "out of memory (MemoryError)"),
            (toys.fill_numpy, "out of memory (MemoryError: Unable to allocate 8.00 GiB"),
            (toys.fill_torch, "out of memory (RuntimeError: "),
        ],
    )
    def test_memory__that_runs_out_fails_its_job_in_words(
        self, executor: Executor, fill: Callable[[], int], words: str
    ) -> None:
        before, failed, after = executor.submit(abs, -1), executor.submit(fill), executor.submit(abs, -2)
        assert failed.result().status == "failed"
        assert failed.result().reason.startswith(words)
        assert (before.result().value, after.result().value) == (1, 2)

    def test_reason__is_one_short_line(self, executor: Executor) -> None:
        result = executor.submit(int, "x" * 1000 + "\nsecond line").result()
        assert result.reason.startswith("ValueError: invalid literal")
        assert len(result.reason) <= 300
        assert "\n" not in result.reason

    def test_as_completed__gives_every_job_once(self, executor: Executor) -> None:
        jobs = [executor.submit(math.sqrt, float(n * n)) for n in range(10)]
        ended = list(executor.as_completed(jobs))
        assert len(ended) == 10
        assert {id(job) for job in ended} == {id(job) for job in jobs}
        assert [job.result().value for job in jobs] == list(range(10))

    def test_as_completed__of_no_jobs_ends(self, executor: Executor) -> None:
        assert list(executor.as_completed([])) == []

    def test_workers_and_threads__are_stated(self, executor: Executor) -> None:
        assert executor.workers >= 1
        assert executor.threads >= 1

    def test_close__may_come_twice_and_refuses_more_jobs(self, make: MakeExecutor) -> None:
        executor = make()
        executor.close()
        executor.close()
        with pytest.raises(JobError, match="submitted after the executor had been closed; open a new one"):
            executor.submit(abs, -1)

    def test_close__fails_the_jobs_that_have_not_ended(self, make: MakeExecutor) -> None:
        with make() as executor:
            done = executor.submit(abs, -1)
            done.result()
            waiting = [executor.submit(time.sleep, 600) for _ in range(4)]
        assert done.result().value == 1
        for job in waiting:
            assert (job.result().status, job.result().reason) == (
                "failed",
                "the executor was closed before the job ended",
            )

    def test_interrupt__passes_through_and_closes(self, make: MakeExecutor) -> None:
        executor = make()

        def interrupted() -> None:
            with executor:
                executor.submit(time.sleep, 600)
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            interrupted()
        with pytest.raises(JobError):
            executor.submit(abs, -1)


class WorkerContract(ExecutorContract):
    """What holds in addition where other processes of this machine are the workers."""

    def test_workers__are_other_processes_that_stay(self, executor: Executor) -> None:
        pids = {executor.submit(os.getpid).result().value for _ in range(6)}
        assert len(pids) <= executor.workers
        assert os.getpid() not in pids

    def test_killed_worker__fails_its_job_with_a_reason_and_the_others_go_on(self, executor: Executor) -> None:
        fine = [executor.submit(abs, -n) for n in range(4)]
        killed = executor.submit(signal.raise_signal, signal.SIGKILL)
        more = [executor.submit(abs, -n) for n in range(4)]
        assert killed.result().status == "failed"
        assert " was killed " in killed.result().reason
        assert "as a rule, the system was out of memory" in killed.result().reason
        assert [job.result().value for job in fine + more] == [0, 1, 2, 3] * 2

    def test_worker__that_dies_between_jobs_costs_no_job(self, executor: Executor) -> None:
        pid = executor.submit(os.getpid).result().value
        os.kill(pid, signal.SIGKILL)
        assert has_ended(pid)
        assert [executor.submit(abs, -n).result().value for n in range(4)] == [0, 1, 2, 3]

    def test_threads__of_a_worker_are_set_before_anything_is_imported(self, executor: Executor) -> None:
        for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
            assert executor.submit(os.getenv, name).result().value == str(executor.threads)

    def test_value__that_cannot_be_sent_back_fails_its_job(self, executor: Executor) -> None:
        result = executor.submit(threading.Lock).result()
        assert result.status == "failed"
        assert result.reason.startswith("the value cannot be sent back from the worker process (TypeError")
        assert executor.submit(abs, -1).result().value == 1

    def test_submit__of_what_cannot_be_sent_says_so(self, executor: Executor) -> None:
        with pytest.raises(JobError, match=r"acquire or its arguments cannot be sent .* or use the engine `inline`"):
            executor.submit(threading.Lock().acquire)

    def test_close__leaves_no_process_not_even_a_busy_one(self, make: MakeExecutor) -> None:
        with make() as executor:
            jobs = [executor.submit(os.getpid) for _ in range(2)]
            pids = [job.result().value for job in jobs]
            for _ in pids:
                executor.submit(time.sleep, 600)
        assert all(has_ended(pid) for pid in pids)

    @pytest.mark.usefixtures("interrupts")
    def test_interrupt__of_a_waiting_user_leaves_no_process(self, make: MakeExecutor) -> None:
        pids: list[int] = []

        def search() -> None:
            with make() as executor:
                pids.append(executor.submit(os.getpid).result().value)
                threading.Timer(0.2, signal.pthread_kill, [threading.main_thread().ident, signal.SIGINT]).start()
                executor.submit(time.sleep, 600).result()

        with pytest.raises(KeyboardInterrupt):
            search()
        assert has_ended(pids[0])


def has_ended(pid: int, within: float = 300.0) -> bool:
    """Whether the process is gone, or is a zombie that its parent has not collected, before the time is over."""
    limit = time.monotonic() + within
    while time.monotonic() < limit:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        state = Path(f"/proc/{pid}/stat")
        if state.exists() and state.read_text().rpartition(")")[2].split()[0] == "Z":
            return True
        time.sleep(0.02)
    return False
