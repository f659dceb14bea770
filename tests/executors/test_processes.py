"""Worker processes: the contract, deaths of workers, and that nothing outlives its executor."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from ambergen.errors import JobError
from ambergen.executors.base import cores
from ambergen.executors.processes import ProcessExecutor
from tests.conformance.executors import ExecutorContract, MakeExecutor

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")


class TestProcesses(ExecutorContract):
    @pytest.fixture
    def make(self) -> MakeExecutor:
        return lambda: ProcessExecutor(2, threads=1)


def has_ended(pid: int, within: float = 20.0) -> bool:
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


def test_killed_worker__fails_its_job_and_the_others_go_on() -> None:
    with ProcessExecutor(2, threads=1) as executor:
        fine = [executor.submit(abs, -n) for n in range(4)]
        killed = executor.submit(signal.raise_signal, signal.SIGKILL)
        more = [executor.submit(abs, -n) for n in range(4)]
        assert killed.result().status == "failed"
        assert killed.result().reason.startswith("the worker process was killed by SIGKILL")
        assert "out of memory" in killed.result().reason
        assert [job.result().value for job in fine + more] == [0, 1, 2, 3] * 2


def test_killed_worker__is_replaced_every_time() -> None:
    with ProcessExecutor(1, threads=1) as executor:
        reasons = [
            executor.submit(signal.raise_signal, signal.SIGTERM).result().reason,
            executor.submit(os._exit, 3).result().reason,
        ]
        assert executor.submit(abs, -1).result().value == 1
    assert reasons[0] == "the worker process was killed by SIGTERM"
    assert reasons[1] == "the worker process ended with exit code 3"


def test_worker__that_dies_between_jobs_costs_no_job() -> None:
    with ProcessExecutor(1, threads=1) as executor:
        pid = executor.submit(os.getpid).result().value
        os.kill(pid, signal.SIGKILL)
        assert has_ended(pid)
        assert executor.submit(abs, -1).result().value == 1


def test_workers__are_other_processes_that_stay() -> None:
    with ProcessExecutor(1, threads=1) as executor:
        pids = {executor.submit(os.getpid).result().value for _ in range(3)}
    assert len(pids) == 1
    assert os.getpid() not in pids


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


def test_value__that_cannot_be_sent_back_fails_its_job() -> None:
    with ProcessExecutor(1, threads=1) as executor:
        result = executor.submit(threading.Lock).result()
        assert result.status == "failed"
        assert result.reason.startswith("the value cannot be sent back from the worker process (TypeError")
        assert executor.submit(abs, -1).result().value == 1


def test_submit__of_a_function_that_no_worker_can_import_says_so() -> None:
    with ProcessExecutor(1, threads=1) as executor, pytest.raises(JobError, match=r"Move the function to a module, or"):
        executor.submit(lambda: 1)


def test_close__leaves_no_process_not_even_a_busy_one() -> None:
    with ProcessExecutor(2, threads=1) as executor:
        jobs = [executor.submit(os.getpid) for _ in range(2)]
        pids = [job.result().value for job in jobs]
        for _ in pids:
            executor.submit(time.sleep, 60)
    assert all(has_ended(pid, within=0.1) for pid in pids)


@pytest.mark.usefixtures("interrupts")
def test_interrupt__leaves_no_process() -> None:
    pids: list[int] = []

    def search() -> None:
        with ProcessExecutor(1, threads=1) as executor:
            pids.append(executor.submit(os.getpid).result().value)
            threading.Timer(0.2, signal.pthread_kill, [threading.main_thread().ident, signal.SIGINT]).start()
            executor.submit(time.sleep, 60).result()

    with pytest.raises(KeyboardInterrupt):
        search()
    assert has_ended(pids[0], within=0.1)


def test_workers__end_with_a_parent_that_is_killed_in_the_middle_of_a_job(tmp_path: Path) -> None:
    script = tmp_path / "search.py"
    script.write_text(
        "import os, time\n"
        "from ambergen.executors.processes import ProcessExecutor\n"
        'if __name__ == "__main__":\n'
        "    with ProcessExecutor(1, threads=1) as executor:\n"
        "        print(executor.submit(os.getpid).result().value, flush=True)\n"
        "        executor.submit(time.sleep, 60).result()\n"
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
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.startswith("the worker process ended with exit code 1, before it took the job. A script that")
    assert 'needs `if __name__ == "__main__":` around its work' in done.stdout
    assert len(done.stdout.splitlines()) == 1
