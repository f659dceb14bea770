"""Ray: the contract on a Ray of this machine, jobs whose worker is lost, and what stays as it was around it."""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambergen.errors import ConfigError, JobError
from ambergen.executors.base import Executor, cores
from ambergen.executors.ray import Node, RayConfig, RayExecutor, RayWorker, fair_threads, places
from tests.conformance.executors import MakeExecutor, WorkerContract, has_ended

pytestmark = [
    pytest.mark.skipif(find_spec("ray") is None, reason="needs Ray: pip install 'ambergen[ray]'"),
    pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's"),
]


def surroundings() -> tuple[object, ...]:
    """What a library that is only used should leave as it was."""
    root = logging.getLogger()
    log = (list(root.handlers), root.level, logging.getLogRecordFactory())
    return (*log, dict(os.environ), signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT))


def is_caught(number: signal.Signals) -> bool:
    """Whether the system has a handler of this process for a signal, which Python only remembers to have set."""
    status = Path("/proc/self/status")
    if not status.exists():
        return True
    caught = next(line for line in status.read_text().splitlines() if line.startswith("SigCgt:"))
    return bool(int(caught.split()[1], 16) >> (number - 1) & 1)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Executor]:
    """One Ray for all tests, with room for two executors: while one is open, others share what it joined."""
    handler = signal.signal(signal.SIGTERM, lambda *_: None)
    before = surroundings()
    with RayExecutor(workers=4, threads=1) as executor:
        assert surroundings() == before
        yield executor
    assert is_caught(signal.SIGTERM)
    signal.signal(signal.SIGTERM, handler)


@pytest.fixture(scope="module")
def make(cluster: Executor) -> MakeExecutor:
    return lambda: RayExecutor(workers=2, threads=1)


class TestRay(WorkerContract):
    pass


def runs_before(log: Path) -> int:
    """How often a job has left its mark in the file, which gets another one."""
    with log.open("a+") as file:
        file.seek(0)
        n = len(file.readlines())
        file.write("run\n")
    return n


def test_job__whose_worker_is_lost_is_done_by_another(
    executor: Executor, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    def dies_at_first(log: Path) -> int:
        n = runs_before(log)
        if n == 0:
            signal.raise_signal(signal.SIGKILL)
        return n

    logs = [tmp_path / "a", tmp_path / "b"]
    assert [executor.submit(dies_at_first, log).result().value for log in logs] == [1, 1]
    assert capfd.readouterr() == ("", "")


def test_job__that_is_lost_with_every_worker_fails_after_two(executor: Executor, tmp_path: Path) -> None:
    def dies(log: Path) -> None:
        runs_before(log)
        os._exit(1)

    result = executor.submit(dies, tmp_path / "log").result()
    assert result.reason.startswith("the Ray worker on ")
    assert result.reason.endswith(" was killed or crashed: as a rule, the system was out of memory (tried 2 times)")
    assert runs_before(tmp_path / "log") == 2


def test_job__that_raises_is_not_run_again(executor: Executor, tmp_path: Path) -> None:
    def raises(log: Path) -> None:
        runs_before(log)
        raise ValueError("once")

    assert executor.submit(raises, tmp_path / "log").result().reason == "ValueError: once"
    assert runs_before(tmp_path / "log") == 1


def test_workers__that_are_lost_as_they_start_are_asked_for_again(
    make: MakeExecutor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "log"

    class Frail(RayWorker):
        def __init__(self, threads: int) -> None:
            if runs_before(log) == 0:
                signal.raise_signal(signal.SIGKILL)
            super().__init__(threads)

    monkeypatch.setattr("ambergen.executors.ray.RayWorker", Frail)
    with make() as executor:
        assert executor.submit(abs, -1).result().value == 1
    assert runs_before(log) == 2


def test_workers__that_cannot_start_fail_every_job_with_the_remedy(
    make: MakeExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken(RayWorker):
        def __init__(self, threads: int) -> None:
            raise ModuleNotFoundError("No module named 'ambergen'")

    monkeypatch.setattr("ambergen.executors.ray.RayWorker", Broken)
    with make() as executor:
        reasons = {job.result().reason for job in [executor.submit(abs, -n) for n in range(4)]}
    assert reasons == {
        "no worker can start on the Ray cluster (ModuleNotFoundError: No module named 'ambergen'). "
        "Every machine needs the same Python, Ray and ambergen"
    }


def test_ray__sends_no_statistics_of_use(executor: Executor) -> None:
    assert executor.submit(os.getenv, "RAY_USAGE_STATS_ENABLED").result().value == "0"
    assert "RAY_USAGE_STATS_ENABLED" not in os.environ


def test_ray__of_another_address_than_the_one_joined_is_refused(cluster: Executor) -> None:
    with pytest.raises(
        ConfigError, match=r"address is '10\.0\.0\.1:6379', and this process is part of the Ray cluster"
    ):
        RayExecutor(RayConfig("10.0.0.1:6379"))


def test_workers__that_have_no_room_are_refused(cluster: Executor) -> None:
    with pytest.raises(JobError, match=r"a worker needs 1000 cores of one machine; .* has \d+ cores\. Take fewer"):
        RayExecutor(threads=1000)
    with pytest.raises(JobError, match="0 workers; expected at least 1"):
        RayExecutor(workers=0)


def test_threads__are_the_cores_of_the_cluster_shared_out(cluster: Executor) -> None:
    n_cores = max(4, cores())
    with RayExecutor() as one_a_core, RayExecutor(workers=1) as alone:
        assert (one_a_core.workers, one_a_core.threads) == (n_cores, 1)
        assert (alone.workers, alone.threads) == (1, n_cores)


@pytest.mark.skipif(sys.platform != "linux", reason="processes are counted in /proc")
def test_ray__ends_with_a_parent_that_is_killed_in_the_middle_of_a_job(tmp_path: Path) -> None:
    script = tmp_path / "search.py"
    script.write_text(
        "import os, time\n"
        "from ambergen.executors.ray import RayExecutor\n"
        "with RayExecutor(workers=1, threads=1) as executor:\n"
        "    print(executor.submit(os.getpid).result().value, flush=True)\n"
        "    executor.submit(time.sleep, 600).result()\n"
    )
    command = [sys.executable, str(script)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as parent:
        assert parent.stdout is not None
        worker = int(parent.stdout.readline())
        pids = [int(place.name) for place in Path("/proc").glob("[0-9]*") if in_session(place, parent.pid)]
        parent.kill()
    assert worker in pids
    assert len(pids) > 3  # the head of Ray and what belongs to it
    assert all(has_ended(pid) for pid in pids)


def in_session(place: Path, leader: int) -> bool:
    """Whether the process at its place in /proc is of the session; not Ray's agents, which notice after a minute."""
    try:
        session = int((place / "stat").read_text().rpartition(")")[2].split()[3])
        return session == leader and b"Agent" not in (place / "cmdline").read_bytes()
    except OSError:
        return False


# ---- without a cluster


def test_address__without_a_cluster_is_told() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    script = (
        "from ambergen.errors import ConfigError\n"
        "from ambergen.executors.ray import RayConfig, RayExecutor\n"
        "try:\n"
        f"    RayExecutor(RayConfig('127.0.0.1:{port}'))\n"
        "except ConfigError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.startswith(f"execute.ray: address is 127.0.0.1:{port}, and no Ray cluster can be joined there: ")
    assert "Start its head with `ray start --head`" in done.stdout


@pytest.mark.parametrize("address", ["", "head", "ray://head:10001", "10.0.0.1:", "a b:1"])
def test_address__that_is_none_is_refused(address: str) -> None:
    with pytest.raises(
        ConfigError, match=r"expected auto, or host:port of the cluster's head, for example 10\.0\.0\.1:6379"
    ):
        RayConfig(address)


@given(
    st.lists(st.builds(Node, st.integers(0, 6), st.integers(0, 3)), max_size=4),
    st.integers(1, 8),
    st.booleans(),
)
def test_threads__are_the_most_with_which_all_workers_have_room(nodes: list[Node], workers: int, gpus: bool) -> None:
    def room(threads: int) -> int:
        """Workers placed one after another, wherever one still fits."""
        left = [[node.cores, node.gpus] for node in nodes]
        n = 0
        while found := next((m for m in left if m[0] >= threads and (m[1] >= 1 or not gpus)), None):
            found[0] -= threads
            found[1] -= 1
            n += 1
        return n

    threads = fair_threads(nodes, workers, gpus)
    assert places(nodes, threads, gpus) == room(threads)
    assert threads == max((t for t in range(1, 7) if room(t) >= workers), default=1)
