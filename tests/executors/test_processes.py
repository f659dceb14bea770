"""Worker processes: the contract, deaths of workers, and that nothing outlives its executor."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ambergen.errors import JobError
from ambergen.executors.base import cores
from ambergen.executors.processes import ProcessExecutor
from tests.conformance.executors import MakeExecutor, WorkerContract, has_ended

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")


@pytest.fixture(scope="module")
def make() -> MakeExecutor:
    return lambda: ProcessExecutor(2, threads=1)


class TestProcesses(WorkerContract):
    pass


def test_killed_worker__is_named_with_its_signal() -> None:
    with ProcessExecutor(1, threads=1) as executor:
        reason = executor.submit(signal.raise_signal, signal.SIGKILL).result().reason
    assert reason == "the worker process was killed by SIGKILL: as a rule, the system was out of memory"


def test_killed_worker__is_replaced_every_time() -> None:
    with ProcessExecutor(1, threads=1) as executor:
        reasons = [
            executor.submit(signal.raise_signal, signal.SIGTERM).result().reason,
            executor.submit(os._exit, 3).result().reason,
        ]
        assert executor.submit(abs, -1).result().value == 1
    assert reasons[0] == "the worker process was killed by SIGTERM"
    assert reasons[1] == "the worker process ended with exit code 3"


def test_workers__have_their_threads_set_before_anything_is_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MKL_NUM_THREADS", "11")
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    names = ["OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"]
    with ProcessExecutor(1, threads=3) as executor:
        assert [executor.submit(os.getenv, name).result().value for name in names] == ["3", "3", "3"]
    assert os.environ["MKL_NUM_THREADS"] == "11"
    assert "OPENBLAS_NUM_THREADS" not in os.environ


def test_threads__are_the_cores_shared_out() -> None:
    with ProcessExecutor(1) as alone, ProcessExecutor(64) as crowd:
        assert alone.threads == cores()
        assert crowd.threads == max(1, cores() // 64)


def test_submit__of_a_function_that_no_worker_can_import_says_so() -> None:
    with ProcessExecutor(1, threads=1) as executor, pytest.raises(JobError, match=r"Move the function to a module, or"):
        executor.submit(lambda: 1)


def test_close__has_ended_every_process_when_it_returns() -> None:
    with ProcessExecutor(2, threads=1) as executor:
        jobs = [executor.submit(os.getpid) for _ in range(2)]
        pids = [job.result().value for job in jobs]
        for _ in pids:
            executor.submit(time.sleep, 600)
    assert all(has_ended(pid, within=0.1) for pid in pids)


def test_workers__end_with_a_parent_that_is_killed_in_the_middle_of_a_job(tmp_path: Path) -> None:
    script = tmp_path / "search.py"
    script.write_text(
        "import os, time\n"
        "from ambergen.executors.processes import ProcessExecutor\n"
        'if __name__ == "__main__":\n'
        "    with ProcessExecutor(1, threads=1) as executor:\n"
        "        print(executor.submit(os.getpid).result().value, flush=True)\n"
        "        executor.submit(time.sleep, 600).result()\n"
    )
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.kill()
    assert has_ended(pid)


def test_script_without_a_guard__fails_its_jobs_with_the_remedy(tmp_path: Path) -> None:
    script = tmp_path / "unguarded.py"
    script.write_text(
        "from ambergen.executors.processes import ProcessExecutor\n"
        "with ProcessExecutor(1, threads=1) as executor:\n"
        "    print(executor.submit(abs, -1).result().reason)\n"
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=600, check=True)
    assert done.stdout.startswith("the worker process ended with exit code 1, before it took the job. A script that")
    assert 'needs `if __name__ == "__main__":` around its work' in done.stdout
    assert len(done.stdout.splitlines()) == 1
