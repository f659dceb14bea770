"""Runs jobs in worker processes of a Ray cluster: this machine alone, or many.

Every worker is one Ray actor, a process that holds its share of the cluster, and one thread here that feeds it. A
worker takes a job only once it lives, so a job never waits for a machine that is gone; the job of a worker that is
lost, alone or with its whole machine, goes to the next free one.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import math
import os
import queue
import re
import secrets
import shutil
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from ambergen.errors import ConfigError, JobError
from ambergen.executors.base import CLOSED, Job, JobResult, cores, shortened
from ambergen.executors.calls import PackedJob, completed, packed, perform, unpacked
from ambergen.executors.environment import environment, thread_variables

_TRIES = 2
"""Workers that a job may be lost with."""
_PAUSES = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
"""Seconds before a worker that was lost as it started is asked for again: a lost machine may still count as there."""
_CAUSE_SECONDS = 30
"""How long Ray may take to find out what became of a worker, before a job is told that it is lost for good."""
_ANSWER_SECONDS = 10.0
"""How long the head of a cluster may take to accept a connection."""
_LOOK_SECONDS = 1.0
"""How often a thread that waits for the cluster looks whether the executor was closed."""
_OBJECT_STORE = 256 * 2**20
"""Bytes of shared memory for a Ray of our own: calls and results are kilobytes."""


@dataclass(frozen=True)
class RayConfig:
    """Which Ray cluster runs the jobs.

    address : ``auto`` (the cluster that this machine is part of), ``host:port`` of a cluster's head, or None for a Ray
        on this machine that begins and ends with the run
    """

    address: str | None = None

    def __post_init__(self) -> None:
        if self.address not in (None, "auto") and not re.fullmatch(r"[^\s/:]+:\d{1,5}", self.address or ""):
            raise ConfigError(
                f"execute.ray: address is {self.address!r}; expected auto, or host:port of the cluster's head, for "
                "example 10.0.0.1:6379. The machine that runs ambergen has to be part of the cluster."
            )


class RayExecutor:
    """The executor of a Ray cluster.

    Parameters
    ----------
    workers : jobs at a time; None: one a GPU of the cluster, or one a core where it has none. More than fit now start
        as machines join the cluster. A worker starts with its first job
    threads : of each worker's arithmetic, and cores of the cluster that it holds; None: the cores of the cluster shared
        out among the workers

    Raises
    ------
    ConfigError
        If Ray is not installed, or there is no cluster at the address.
    JobError
        If no machine of the cluster has room for a worker.

    Notes
    -----
    A job whose worker or machine is lost is run again, once. A job that raises is not. Where the cluster has GPUs, a
    worker holds one. A Ray that this process has joined before is used as it is and left running.
    """

    def __init__(self, config: RayConfig | None = None, workers: int | None = None, threads: int | None = None) -> None:
        if workers is not None and workers < 1:
            raise JobError(f"executor: {workers} workers; expected at least 1.")
        self._ray = _import_ray()
        _connection.join(self._ray, config or RayConfig(), (workers or 1) * (threads or 1))
        try:
            nodes = _nodes(self._ray)
            gpus = any(node.gpus for node in nodes)
            self.workers = workers or max(1, places(nodes, threads or 1, gpus))
            self.threads = threads or fair_threads(nodes, self.workers, gpus)
            if not places(nodes, self.threads, gpus):
                most = max((node.cores for node in nodes), default=0)
                raise JobError(
                    f"executor: a worker needs {self.threads} cores{' and a GPU' * gpus} of one machine; the largest "
                    f"of the Ray cluster's {len(nodes)} machines has {most} cores. Take fewer threads, or start its "
                    "machines with more cores (`ray start --num-cpus`)."
                )
        except BaseException:
            _connection.leave(self._ray)
            raise
        variables = {"env_vars": thread_variables(self.threads)}
        actor = self._ray.remote(RayWorker).options(
            num_cpus=self.threads, num_gpus=1 if gpus else None, scheduling_strategy="SPREAD", runtime_env=variables
        )
        self._start_worker = functools.partial(actor.remote, self.threads)
        # Lowest number first: a job that is given back goes before those that were submitted after it.
        self._queue: queue.PriorityQueue[tuple[int, PackedJob | None]] = queue.PriorityQueue()
        self._closed = threading.Event()
        self._lock = threading.Lock()
        self._n_submitted = 0
        self._slots: list[_Slot] = []

    def submit(self, function: Callable[..., Any], *args: Any) -> Job:
        job = packed(function, args, self._ray.cloudpickle.dumps)
        with self._lock:
            if self._closed.is_set():
                raise JobError("executor: a job was submitted after the executor had been closed; open a new one.")
            self._queue.put((self._n_submitted, job))
            self._n_submitted += 1
            if len(self._slots) < self.workers:
                self._slots.append(_Slot(self._ray, self._start_worker, self._queue, self._closed, self._retire))
        return job

    def as_completed(self, jobs: Iterable[Job]) -> Iterator[Job]:
        return completed(jobs)

    def close(self) -> None:
        with self._lock:
            if self._closed.is_set():
                return
            self._closed.set()
            slots = list(self._slots)
        for n, slot in enumerate(slots):
            self._queue.put((-1 - n, None))
            slot.kill()
        for slot in slots:
            slot.join()
        self._fail_waiting(CLOSED)
        _connection.leave(self._ray)

    def _retire(self, slot: _Slot, fault: str) -> None:
        """Go on without a slot that gets no worker; without any, no job is left to wait for one."""
        with self._lock:
            self._slots.remove(slot)
            if not self._slots:
                self._fail_waiting(fault)

    def _fail_waiting(self, fault: str) -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                _, job = self._queue.get_nowait()
                if job is not None:
                    job.future.set_result(JobResult("failed", None, fault, 0.0))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class RayWorker:
    """The process of one worker, somewhere in the cluster."""

    def __init__(self, threads: int) -> None:
        # Ctrl-C goes to the whole terminal group; the executor decides what becomes of its workers.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        self._threads = threads
        self._ray = import_module("ray")

    def address(self) -> str:
        """Of the machine; an answer means that the worker lives."""
        return self._ray.util.get_node_ip_address()

    def take(self, call: bytes) -> None:
        """Keep the call for `run`: what is lost after this was lost with the call, not before it came."""
        self._call = call

    def run(self) -> bytes:
        return perform(self._call, self._threads, self._ray.cloudpickle.dumps)


class _Slot:
    """One worker at a time, and the thread that feeds it from the common queue.

    start_worker : asks the cluster for a worker
    retire : called with this slot and the reason when it gets no worker
    """

    def __init__(
        self,
        ray: Any,
        start_worker: Callable[[], Any],
        jobs: queue.PriorityQueue[tuple[int, PackedJob | None]],
        closed: threading.Event,
        retire: Callable[[_Slot, str], None],
    ) -> None:
        self._ray, self._start_worker, self._jobs = ray, start_worker, jobs
        self._closed, self._retire = closed, retire
        self._lock = threading.Lock()
        self._worker: Any = None
        self._machine = ""
        self._thread = threading.Thread(target=self._feed, name="ambergen-executor", daemon=True)
        self._thread.start()

    def kill(self) -> None:
        """End the worker at once, wherever it is; its thread sees the end and goes on."""
        with self._lock:
            worker, self._worker = self._worker, None
        if worker is not None:
            with contextlib.suppress(Exception):  # of a cluster that is gone there is nothing left to end
                self._ray.kill(worker)

    def join(self) -> None:
        self._thread.join()

    def _feed(self) -> None:
        while not self._closed.is_set():
            fault = self._get_worker()
            if fault:
                self._retire(self, fault)
                break
            number, job = self._jobs.get()
            if job is None:
                break
            self._run(number, job)
        self.kill()

    def _get_worker(self) -> str:
        """Wait until there is a living worker; else why there is none."""
        for pause in (*_PAUSES, 0.0):
            try:
                with self._lock:
                    if self._closed.is_set():
                        return CLOSED
                    if self._worker is not None:
                        return ""
                    self._worker = self._start_worker()
                self._machine = self._answer(self._worker.address.remote())
                return ""
            except Exception as error:  # Ray raises the errors of the worker's start as they are
                self.kill()
                fault = self._fault(error)
                if self._is_lasting(error) or self._closed.wait(pause):
                    break
        return fault

    def _run(self, number: int, job: PackedJob) -> None:
        start = time.perf_counter()
        try:
            self._answer(self._worker.take.remote(job.call))
        except Exception:  # the worker died since its last job, which is no fault of this one
            self.kill()
            self._jobs.put((number, job))
            return
        try:
            answer = self._answer(self._worker.run.remote())
        except Exception as error:  # a worker catches what a job raises: this is the cluster's
            seconds = time.perf_counter() - start
            job.losses += 1
            lost = job.losses >= _TRIES and not self._closed.is_set()
            text = f"{self._epitaph(self._cause(error))} (tried {_TRIES} times)" if lost else ""
            self.kill()
            if lost:
                job.future.set_result(JobResult("failed", None, text, seconds))
            else:
                self._jobs.put((number, job))
        else:
            job.future.set_result(unpacked(answer, time.perf_counter() - start))

    def _answer(self, reference: Any) -> Any:
        """What a call of the worker returns."""
        while not self._closed.is_set():
            ready, _ = self._ray.wait([reference], timeout=_LOOK_SECONDS)
            if ready:
                return self._ray.get(reference)
        raise JobError(CLOSED)

    def _is_lasting(self, error: Exception) -> bool:
        """Whether a worker will not start the next time either: it raised, rather than being lost."""
        known = (self._ray.exceptions.RayTaskError, self._ray.exceptions.RuntimeEnvSetupError)
        return isinstance(error, known) or getattr(error, "actor_init_failed", False)

    def _fault(self, error: Exception) -> str:
        """Why no worker starts, in words. Of a traceback the last line says what was raised."""
        last = str(error).strip().rpartition("\n")[2].strip()
        return (
            f"no worker can start on the Ray cluster ({shortened(last or type(error).__name__, 150)}). "
            "Every machine needs the same Python, Ray and ambergen"
        )

    def _cause(self, error: Exception) -> Exception:
        """At first Ray may know only that a worker does not answer; a later call tells what became of it."""
        for _ in range(_CAUSE_SECONDS):
            if not isinstance(error, self._ray.exceptions.ActorUnavailableError) or self._closed.wait(1.0):
                break
            try:
                self._answer(self._worker.address.remote())
            except Exception as cause:
                error = cause
        return error

    def _epitaph(self, error: Exception) -> str:
        """Why the worker is lost, in words."""
        where = f"the Ray worker on {self._machine}"
        if isinstance(error, self._ray.exceptions.OutOfMemoryError):
            return f"out of memory: {where} was ended by Ray, because its machine ran short"
        if re.search(r"node (has )?died|node .*(marked|is) dead", str(error)):
            return f"{where} was lost with its machine"
        return f"{where} was killed or crashed: as a rule, the system was out of memory"


# ---- room in the cluster


class Node(NamedTuple):
    """What a machine of the cluster lends."""

    cores: int
    gpus: int


def places(nodes: Sequence[Node], threads: int, gpus: bool) -> int:
    """Workers that the nodes have room for, with `threads` cores each and, if so, a GPU."""
    return sum(min(node.cores // threads, node.gpus if gpus else node.cores) for node in nodes)


def fair_threads(nodes: Sequence[Node], workers: int, gpus: bool) -> int:
    """The most threads with which all the workers have room; 1 where they have none."""
    most = max((node.cores for node in nodes), default=1)
    return next((t for t in range(most, 0, -1) if places(nodes, t, gpus) >= workers), 1)


def _nodes(ray: Any) -> list[Node]:
    found = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    return [Node(math.floor(r.get("CPU", 0)), math.floor(r.get("GPU", 0))) for r in found]


# ---- joining a cluster


def _import_ray() -> Any:
    factory = logging.getLogRecordFactory()
    try:
        with environment({}, restored=_SET_BY_RAY):
            return import_module("ray")
    except ImportError as error:
        raise ConfigError(
            f"execute.engine is ray, and Ray is not installed ({error}). Install it with pip install 'ambergen[ray]', "
            "on every machine of the cluster, or take the engine `processes`."
        ) from error
    finally:
        logging.setLogRecordFactory(factory)  # Ray puts its own there


class _Connection:
    """What this process has joined. Executors that are open at the same time share it; the last one leaves."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._ours = False
        self._folder: str | None = None

    def join(self, ray: Any, config: RayConfig, n_cores: int) -> None:
        with self._lock:
            if not ray.is_initialized():
                self._start(ray, config, n_cores)
            elif config.address not in (None, "auto", ray.get_runtime_context().gcs_address):
                raise ConfigError(
                    f"execute.ray: address is {config.address!r}, and this process is part of the Ray cluster at "
                    f"{ray.get_runtime_context().gcs_address}. Leave that one first (ray.shutdown())."
                )
            self._users += 1

    def leave(self, ray: Any) -> None:
        with self._lock:
            self._users -= 1
            if not self._users and self._ours:
                self._end(ray)

    def _start(self, ray: Any, config: RayConfig, n_cores: int) -> None:
        address = config.address
        _refuse_silence(address)
        # What Ray puts out of our control: its messages go to standard output, where results stand, its notes to
        # standard error, where the progress stands, and a SIGTERM to a handler of its own.
        ray._private.worker._worker_logs_enabled = False
        logger = logging.getLogger("ray")
        level = logger.level
        logger.setLevel(logging.ERROR)
        options: dict[str, Any] = {"address": address, "log_to_driver": False, "configure_logging": False}
        if address is None:
            # In /tmp where there is one: the path of a socket must not be longer than 107 bytes.
            self._folder = tempfile.mkdtemp(prefix="ambergen-", dir="/tmp" if Path("/tmp").is_dir() else None)
            options |= {"address": "local", "num_cpus": max(cores(), n_cores), "include_dashboard": False}
            options |= {"object_store_memory": _OBJECT_STORE, "_temp_dir": self._folder}
        self._ours = True
        try:
            # A Ray of our own takes calls only with a token, as any user of the machine could send them; without this
            # one Ray writes one to the user's home, where it changes how clusters are joined.
            token = {} if address else {"RAY_AUTH_TOKEN": os.environ.get("RAY_AUTH_TOKEN", _TOKEN)}
            with _same_terminate_handler(), environment(_QUIET | token, restored=_SET_BY_RAY):
                ray.init(**options)
        except (ConnectionError, RuntimeError, ValueError, OSError) as error:
            self._end(ray)
            raise ConfigError(_no_cluster(address, error)) from error
        except BaseException:
            self._end(ray)
            raise
        finally:
            logger.setLevel(level)

    def _end(self, ray: Any) -> None:
        with _same_terminate_handler():  # Ray leaves the system's own in place of it
            ray.shutdown()
        ray._private.worker._worker_logs_enabled = True
        self._ours = False
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None


_connection = _Connection()

_TOKEN = secrets.token_hex(32)
_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    # Its workers begin with the threads' variables, so those that Ray would start ahead, without them, are not used.
    "RAY_prestart_worker_first_driver": "0",
    # Without it some versions warn that this is the default of the next.
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}
_SET_BY_RAY = ("RAY_AUTH_MODE", "RAY_CLIENT_MODE", "PYTHONBREAKPOINT")


@contextlib.contextmanager
def _same_terminate_handler() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handler = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, handler)


def _refuse_silence(address: str | None) -> None:
    """Ray itself asks a head that does not answer for a minute and then ends the process."""
    if address in (None, "auto"):
        return
    host, _, port = address.partition(":")
    try:
        socket.create_connection((host, int(port)), timeout=_ANSWER_SECONDS).close()
    except OSError as error:
        raise ConfigError(_no_cluster(address, error)) from error


def _no_cluster(address: str | None, error: Exception) -> str:
    text = shortened(" ".join(str(error).split()))
    if address is None:
        return f"execute.ray: Ray cannot start on this machine: {text}. Take the engine `processes` instead."
    return (
        f"execute.ray: address is {address}, and no Ray cluster can be joined there: {text}. Start its head with "
        "`ray start --head` and run ambergen on a machine of the cluster; where the cluster was started with a token, "
        "set RAY_AUTH_MODE=token. Or leave the address out, for a Ray on this machine alone."
    )
