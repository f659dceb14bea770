"""The executor of this process: the contract, and that a job begins when its result is asked for."""

from __future__ import annotations

import os
import signal

import pytest

from ambergen.executors.inline import InlineExecutor
from tests.conformance.executors import ExecutorContract, MakeExecutor


@pytest.fixture(scope="module")
def make() -> MakeExecutor:
    return InlineExecutor


class TestInline(ExecutorContract):
    pass


def test_inline__runs_each_job_when_its_result_is_asked_for() -> None:
    order: list[str] = []
    with InlineExecutor() as executor:
        first, second = executor.submit(order.append, "first"), executor.submit(order.append, "second")
        assert order == []
        second.result()
        first.result()
        second.result()
    assert order == ["second", "first"]


def test_inline__gives_jobs_in_order_and_stops_where_the_caller_stops() -> None:
    order: list[int] = []
    with InlineExecutor() as executor:
        jobs = [executor.submit(order.append, n) for n in range(5)]
        for job in executor.as_completed(jobs):
            if job is jobs[1]:
                break
    assert order == [0, 1]


def test_inline__runs_here() -> None:
    with InlineExecutor() as executor:
        assert executor.submit(os.getpid).result().value == os.getpid()


@pytest.mark.usefixtures("interrupts")
def test_inline__lets_an_interrupt_through() -> None:
    with InlineExecutor() as executor, pytest.raises(KeyboardInterrupt):
        executor.submit(signal.raise_signal, signal.SIGINT).result()
