"""What every executor does; each implementation's tests inherit the class and give the fixture `executor`.

The functions are of the standard library: a worker process can import them, whatever the tests' own modules are called.
"""

from __future__ import annotations

import math
import operator
import sys
import time
from collections.abc import Callable

import pytest

from ambergen.errors import JobError
from ambergen.executors.base import Executor

MakeExecutor = Callable[[], Executor]


class ExecutorContract:
    """A subclass gives the fixture `make`, which opens a new executor."""

    @pytest.fixture
    def make(self) -> MakeExecutor:
        raise NotImplementedError

    def test_submit__gives_the_value(self, make: MakeExecutor) -> None:
        with make() as executor:
            result = executor.submit(math.hypot, 3.0, 4.0).result()
        assert (result.status, result.value, result.reason, result.trace) == ("done", 5.0, "", "")
        assert result.seconds >= 0

    def test_result__measures_the_functions_time(self, make: MakeExecutor) -> None:
        with make() as executor:
            assert executor.submit(time.sleep, 0.05).result().seconds >= 0.05

    def test_result__is_the_same_every_time(self, make: MakeExecutor) -> None:
        with make() as executor:
            job = executor.submit(time.perf_counter)
            assert job.result() == job.result()

    def test_submit__takes_large_arguments_and_values(self, make: MakeExecutor) -> None:
        with make() as executor:
            assert len(executor.submit(operator.mul, b"ACGT", 1_000_000).result().value) == 4_000_000
            assert executor.submit(len, b"ACGT" * 1_000_000).result().value == 4_000_000

    def test_exception__fails_its_job_with_type_and_message(self, make: MakeExecutor) -> None:
        with make() as executor:
            failed, fine = executor.submit(operator.truediv, 1, 0), executor.submit(operator.truediv, 1, 2)
            assert failed.result().status == "failed"
            assert failed.result().value is None
            assert failed.result().reason == "ZeroDivisionError: division by zero"
            assert "Traceback" in failed.result().trace
            assert fine.result().value == 0.5

    def test_exit__of_a_function_fails_its_job_only(self, make: MakeExecutor) -> None:
        with make() as executor:
            assert executor.submit(sys.exit, "enough").result().reason == "SystemExit: enough"
            assert executor.submit(abs, -1).result().value == 1

    def test_reason__is_one_short_line(self, make: MakeExecutor) -> None:
        with make() as executor:
            result = executor.submit(int, "x" * 1000 + "\nsecond line").result()
        assert result.reason.startswith("ValueError: invalid literal")
        assert len(result.reason) <= 300
        assert "\n" not in result.reason

    def test_as_completed__gives_every_job_once(self, make: MakeExecutor) -> None:
        with make() as executor:
            jobs = [executor.submit(math.sqrt, float(n * n)) for n in range(10)]
            ended = list(executor.as_completed(jobs))
        assert len(ended) == 10
        assert {id(job) for job in ended} == {id(job) for job in jobs}
        assert [job.result().value for job in jobs] == list(range(10))

    def test_as_completed__of_no_jobs_ends(self, make: MakeExecutor) -> None:
        with make() as executor:
            assert list(executor.as_completed([])) == []

    def test_workers_and_threads__are_stated(self, make: MakeExecutor) -> None:
        with make() as executor:
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
            waiting = [executor.submit(time.sleep, 60) for _ in range(4)]
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
                executor.submit(time.sleep, 60)
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            interrupted()
        with pytest.raises(JobError):
            executor.submit(abs, -1)
