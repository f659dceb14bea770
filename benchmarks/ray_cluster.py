"""Workers and whole machines are killed under a search on a Ray cluster, and nothing is lost.

    python benchmarks/ray_cluster.py [--part jobs | search] [--jobs 8] [--seconds 4] [--trials 12]
        [--epochs 5]

Starts the head of a cluster and two nodes of one core each, as processes of their own on this machine (`ray start`).

"jobs" hands in trainings of a small network. First the process of a worker is killed in the middle of a training, then
a whole node with all its processes. Every training leaves a mark when it begins and when it ends, and gives a loss that
depends on its seed alone, so that one here tells which it should have been.

"search" runs `ambergen search` on the bundled data: random search undisturbed, random search of which a worker is
killed in the middle of a trial, and evolution that loses a node. Every trial has to have one result in the event log,
the two random searches the same architectures with the same scores, and no worker may outlive its search.

Ends with 1 if a result is missing, double or wrong, or if more was trained again than was lost. Linux only.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

if find_spec("ray") is None:
    print("Not run: Ray is not installed (pip install 'ambergen[ray]').")
    sys.exit()

# Read when Ray is imported, and by every process of the cluster: it takes no calls from others.
os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
# A node gives up where its parts need longer than half a minute to start, which three of them on a busy machine do.
os.environ |= {"RAY_agent_register_timeout_ms": "300000", "RAY_raylet_start_wait_time_s": "300"}
os.environ |= {"RAY_gcs_server_request_timeout_seconds": "300"}
# Its workers would stand back behind everything else on the machine.
os.environ |= {"RAY_worker_niceness": "0"}

import ray

from ambergen.datasets.demo import demo_paths
from ambergen.errors import ConfigError, JobError
from ambergen.executors.ray import RayConfig, RayExecutor
from ambergen.runs.events import read_events

START = [sys.executable, "-m", "ray.scripts.scripts", "start", "--block", "--disable-usage-stats"]
START += ["--object-store-memory", "100000000"]

DEMO = demo_paths()
SEARCH = [sys.executable, "-m", "ambergen", "search", str(DEMO.run_file)]
TRACKS = ("coding_forward", "coding_reverse")  # even few windows have all of the labels
SETTINGS = [
    f"data.tracks=[{', '.join(str(DEMO.tracks[name]) for name in TRACKS)}]",
    "data.windows.step=12000",
    "search.finalists=2",
    "search.evolution.population=4",
    "search.rungs.epochs=[]",
    "search.short_training.train.batch=32",
    "search.short_training.train.precision=float32",
    "execute.engine=ray",
    "execute.workers=2",
]


def train(seed: int, marks: Path | None = None, seconds: float = 0.0) -> float:
    """Loss of a small network that learns a planted motif; marks its begin and end, and takes its time between."""
    import torch

    if marks is not None:
        mark(marks / f"{seed}.began", os.getpid())
    generator = torch.Generator().manual_seed(seed)
    windows = torch.randint(4, (256, 60), generator=generator)
    labels = torch.arange(256) % 2
    windows[labels == 1, 20:26] = torch.tensor([3, 2, 0, 1, 2, 0])
    onehot = torch.nn.functional.one_hot(windows, 4).transpose(1, 2).float()
    torch.manual_seed(seed)
    network = torch.nn.Sequential(
        torch.nn.Conv1d(4, 8, 8),
        torch.nn.ReLU(),
        torch.nn.AdaptiveMaxPool1d(1),
        torch.nn.Flatten(),
        torch.nn.Linear(8, 1),
    )
    optimizer = torch.optim.Adam(network.parameters(), 0.01)
    loss = torch.zeros(())
    for _ in range(20):
        loss = torch.nn.functional.binary_cross_entropy_with_logits(network(onehot)[:, 0], labels.float())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        time.sleep(seconds / 20)
    if marks is not None:
        mark(marks / f"{seed}.ended", os.getpid())
    return loss.item()


def mark(path: Path, pid: int) -> None:
    with path.open("a") as file:
        file.write(f"{pid}\n")


def marked(path: Path) -> list[int]:
    return [int(line) for line in path.read_text().split()] if path.exists() else []


# ---- the cluster


def free_port(host: str) -> int:
    with socket.socket() as listener:
        listener.bind((host, 0))
        return listener.getsockname()[1]


@contextlib.contextmanager
def cluster(folder: Path) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """Address and the two nodes of a cluster; every node, head included, is a session of processes of its own."""
    host = ray.util.get_node_ip_address()
    port = free_port(host)
    address = f"{host}:{port}"
    head = ("--head", "--port", str(port), "--num-cpus", "0", "--include-dashboard", "false")
    nodes = [start(folder / "head.txt", *head, "--temp-dir", str(folder / "ray"))]
    try:
        wait_for_node(nodes[0], lambda: n_workers(address) == 0, folder / "head.txt")
        for n in (1, 2):
            nodes.append(start(folder / f"node{n}.txt", "--address", address, "--num-cpus", "1"))
            wait_for_node(nodes[n], lambda n=n: n_workers(address) == n, folder / f"node{n}.txt")
        yield address, nodes[1:]
    finally:
        for node in nodes:
            end(node)


def start(output: Path, *arguments: str) -> subprocess.Popen[bytes]:
    with output.open("wb") as file:
        return subprocess.Popen([*START, *arguments], stdout=file, stderr=file, start_new_session=True)


def end(node: subprocess.Popen[bytes]) -> None:
    """End a node at once: what was started with it, and its workers, which are process groups of their own."""
    for pid in processes(node):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    node.wait()


def processes(node: subprocess.Popen[bytes]) -> Iterator[int]:
    """Of a node, while they live."""
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(ProcessLookupError):
            if os.getsid(int(place.name)) == node.pid:
                yield int(place.name)


def n_workers(address: str) -> int | None:
    """Workers that the cluster has room for; None where it does not answer."""
    try:
        with RayExecutor(RayConfig(address), threads=1) as executor:
            return executor.workers
    except JobError:
        return 0
    except ConfigError:
        return None


def wait_for_node(node: subprocess.Popen[bytes], condition: Callable[[], object], output: Path) -> None:
    wait_for(lambda: node.poll() is not None or condition(), f"the node of {output.name}")
    if node.returncode is not None:
        sys.exit(f"`ray start` ended with {node.returncode}; is the machine very busy?\n{output.read_text()}")


def wait_for(condition: Callable[[], object], what: str, seconds: float = 600.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            sys.exit(f"gave up waiting for {what}")
        time.sleep(0.2)


# ---- jobs


def part(
    name: str, executor: RayExecutor, seeds: range, seconds: float, folder: Path, kill: Callable[[int], None]
) -> bool:
    """Train with every seed, and kill in the middle of one training; prints the row of the table."""
    marks = folder / name
    marks.mkdir(parents=True)
    begin = time.perf_counter()
    jobs = {executor.submit(train, seed, marks, seconds): seed for seed in seeds}

    def running() -> list[int]:
        begun = {seed: marked(marks / f"{seed}.began") for seed in seeds}
        return [pids[-1] for seed, pids in begun.items() if pids and not (marks / f"{seed}.ended").exists()]

    # Not the first trainings: the workers have proved themselves by then.
    wait_for(lambda: len(list(marks.glob("*.ended"))) >= 2 and running(), "a training that can be killed")
    time.sleep(seconds / 4)
    victim = running()[0]
    kill(victim)
    results = {jobs[job]: job.result() for job in executor.as_completed(jobs)}  # type: ignore[index]
    took = time.perf_counter() - begin
    began = sum(len(marked(marks / f"{seed}.began")) for seed in seeds)
    ended = sum(len(marked(marks / f"{seed}.ended")) for seed in seeds)
    right = sum(r.status == "done" and abs(r.value - train(seed)) < 1e-5 for seed, r in results.items())
    for seed, result in results.items():
        if result.status == "failed":
            print(f"seed {seed} failed: {result.reason}", file=sys.stderr)
    print(f"| {name} | {len(seeds)} | {began} | {ended} | {right} | {took:.0f} |", flush=True)
    return right == len(results) == len(seeds) and began - ended <= 1 and ended == len(seeds)


def jobs(n: int, seconds: float, folder: Path) -> bool:
    print("| killed in the middle of a training | trainings | begun | ended | right results | s |")
    print("|---|---|---|---|---|---|", flush=True)
    with cluster(folder) as (address, nodes), RayExecutor(RayConfig(address), threads=1) as executor:

        def kill_node(pid: int) -> None:
            end(node_of(pid, nodes))

        fine = part("one worker", executor, range(n), seconds, folder, lambda pid: os.kill(pid, signal.SIGKILL))
        return part("one node", executor, range(n), seconds, folder, kill_node) and fine


def node_of(pid: int, nodes: list[subprocess.Popen[bytes]]) -> subprocess.Popen[bytes]:
    return next(node for node in nodes if node.pid == os.getsid(pid))


# ---- a search


@dataclass(frozen=True)
class Searched:
    """What a search on the cluster has left.

    log : its events
    workers : processes that were its workers at one time or another
    left : workers that still lived half a minute after its end
    """

    log: list[dict[str, Any]]
    workers: int
    left: int

    @property
    def trials(self) -> list[dict[str, Any]]:
        """In the order in which they were proposed."""
        return sorted((event for event in self.log if event["event"] == "trial"), key=lambda trial: trial["trial"])

    def is_whole(self, n_trials: int) -> bool:
        """Whether every trial that was proposed has one result, and the search went through to a winner."""
        numbers = [trial["trial"] for trial in self.trials]
        return numbers == list(range(n_trials)) and bool(self.log[-1].get("winner"))


def search(
    method: str,
    n_trials: int,
    epochs: int,
    address: str,
    nodes: list[subprocess.Popen[bytes]],
    out: Path,
    kill: Callable[[int], None] | None,
) -> Searched:
    """Search with two workers, and kill one in the middle of a trial when a quarter of the results is there."""
    settings = [f"out={out}", f"execute.ray.address={address}", f"search.method={method}"]
    settings += [f"search.budget={n_trials} trials", f"search.short_training.train.epochs={epochs}", *SETTINGS]
    command = [*SEARCH, *(part for text in settings for part in ("--set", text))]
    progress = out.with_suffix(".txt")
    with progress.open("wb") as file:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=file)
    seen: set[int] = set()
    try:
        while process.poll() is None:
            alive = workers(nodes)
            seen |= alive.keys()
            training = [pid for pid, title in alive.items() if title == "ray::RayWorker.run"]
            if kill is not None and training and n_trials / 4 <= n_results(out) < n_trials / 2:
                kill(training[0])
                kill = None
            time.sleep(0.1)
    finally:
        process.kill()
    if process.returncode:
        sys.exit(f"the search failed:\n{progress.read_text()}")
    if kill is not None:
        sys.exit("the search was over before a worker could be killed: take more --trials")
    patience = time.monotonic() + 30
    while workers(nodes) and time.monotonic() < patience:
        time.sleep(0.2)
    return Searched(list(read_events(out / "events.jsonl")), len(seen), len(workers(nodes)))


def workers(nodes: list[subprocess.Popen[bytes]]) -> dict[int, str]:
    """Processes of workers on the nodes, each with the title that Ray gives it: what it is doing."""
    titles = {}
    for pid in (pid for node in nodes for pid in processes(node)):
        with contextlib.suppress(OSError):
            if os.getpgid(pid) == pid:  # a program that a worker calls has its title for a moment, not its group
                titles[pid] = Path(f"/proc/{pid}/cmdline").read_text().strip(" \0")
    return {pid: title for pid, title in titles.items() if title.startswith("ray::RayWorker")}


def n_results(out: Path) -> int:
    log = out / "events.jsonl"
    return log.read_text().count('"event":"trial"') if log.exists() else 0


def searches(n_trials: int, epochs: int, folder: Path) -> bool:
    print("| search | killed in the middle of a trial | trials | results | failed | workers | left behind | s |")
    print("|---|---|---|---|---|---|---|---|", flush=True)
    found: dict[str, Searched] = {}
    with cluster(folder) as (address, nodes):

        def kill_worker(pid: int) -> None:
            os.kill(pid, signal.SIGKILL)

        def kill_node(pid: int) -> None:
            end(node_of(pid, nodes))

        for method, killed, kill in (
            ("random", "nothing", None),
            ("random", "one worker", kill_worker),
            ("evolution", "one node", kill_node),
        ):
            begin = time.perf_counter()
            one = found[killed] = search(method, n_trials, epochs, address, nodes, folder / killed, kill)
            failed = [trial for trial in one.trials if trial["score"] is None]
            for trial in failed:
                print(f"trial {trial['trial']} failed: {trial['reason']}", file=sys.stderr)
            row = (n_trials, len(one.trials), len(failed), one.workers, one.left)
            took = time.perf_counter() - begin
            print(f"| {method} | {killed} | {' | '.join(map(str, row))} | {took:.0f} |", flush=True)
    fine = all(one.is_whole(n_trials) and not one.left for one in found.values())
    for what in ("id", "score"):
        whole, killed = ([trial[what] for trial in found[name].trials] for name in ("nothing", "one worker"))
        verdict = "identical" if whole == killed else "DIFFERENT"
        print(f"{what}s of the two random searches: {verdict}")
        fine &= whole == killed
    return fine


# ---- the command


PARTS = ("jobs", "search")


def stop(*_: object) -> None:
    """End the cluster, and do not let a second signal interrupt that."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit(1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", choices=PARTS, help="default: both")
    parser.add_argument("--jobs", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--trials", type=int, default=12)
    parser.add_argument("--epochs", type=int, default=5, help="of a trial")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, stop)
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    fine = True
    for name in (arguments.part,) if arguments.part else PARTS:
        folder = Path(tempfile.mkdtemp(prefix="ray-", dir="/tmp"))  # paths of sockets must be short
        try:
            if name == "jobs":
                fine &= jobs(arguments.jobs, arguments.seconds, folder)
            else:
                fine &= searches(arguments.trials, arguments.epochs, folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    sys.exit(not fine)


if __name__ == "__main__":
    main()
