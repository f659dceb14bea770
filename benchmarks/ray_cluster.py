"""A worker and a whole machine are killed under the jobs of a search on a Ray cluster, and nothing is lost.

    python benchmarks/ray_cluster.py [--jobs 8] [--seconds 4]

Starts the head of a cluster and two nodes of one core each, as processes of their own on this machine (`ray start`),
and hands in trainings of a small network. In the first part the process of a worker is killed in the middle of a
training, in the second a whole node with all its processes. Every training leaves a mark when it begins and when it
ends, and gives a loss that depends on its seed alone, so that one here tells which it should have been. Ends with 1 if
a result is missing or wrong, or if more was trained again than was lost. Linux only.
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
from importlib.util import find_spec
from pathlib import Path

if find_spec("ray") is None:
    print("Not run: Ray is not installed (pip install 'ambergen[ray]').")
    sys.exit()

# Read when Ray is imported, and by every process of the cluster: it takes no calls from others.
os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}

import ray

from ambergen.errors import ConfigError, JobError
from ambergen.executors.ray import RayConfig, RayExecutor

START = [sys.executable, "-m", "ray.scripts.scripts", "start", "--block", "--disable-usage-stats"]
START += ["--object-store-memory", "100000000"]


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
    nodes = [start("--head", "--port", str(port), "--num-cpus", "0", "--temp-dir", str(folder))]
    try:
        wait_for(lambda: n_workers(address) == 0, "the head")
        for n in (1, 2):
            nodes.append(start("--address", address, "--num-cpus", "1"))
            wait_for(lambda n=n: n_workers(address) == n, f"node {n}")
        yield address, nodes[1:]
    finally:
        for node in nodes:
            end(node)


def start(*arguments: str) -> subprocess.Popen[bytes]:
    silent = subprocess.DEVNULL
    return subprocess.Popen([*START, *arguments], stdout=silent, stderr=silent, start_new_session=True)


def end(node: subprocess.Popen[bytes]) -> None:
    """End a node at once: what was started with it, and its workers, which are process groups of their own."""
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(ProcessLookupError):
            if os.getsid(int(place.name)) == node.pid:
                os.kill(int(place.name), signal.SIGKILL)
    node.wait()


def n_workers(address: str) -> int | None:
    """Workers that the cluster has room for; None where it does not answer."""
    try:
        with RayExecutor(RayConfig(address), threads=1) as executor:
            return executor.workers
    except JobError:
        return 0
    except ConfigError:
        return None


def wait_for(condition: Callable[[], object], what: str, seconds: float = 600.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            sys.exit(f"gave up waiting for {what}")
        time.sleep(0.2)


# ---- the two parts


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


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--jobs", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=4.0)
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # ends the cluster
    folder = Path(tempfile.mkdtemp(prefix="ray-", dir="/tmp"))  # paths of sockets must be short
    with cluster(folder) as (address, nodes), RayExecutor(RayConfig(address), threads=1) as executor:
        print("| killed in the middle of a training | trainings | begun | ended | right results | s |")
        print("|---|---|---|---|---|---|", flush=True)
        seeds = range(arguments.jobs)
        fine = part("one worker", executor, seeds, arguments.seconds, folder, lambda pid: os.kill(pid, signal.SIGKILL))

        def kill_node(pid: int) -> None:
            end(next(node for node in nodes if node.pid == os.getsid(pid)))

        fine &= part("one node", executor, seeds, arguments.seconds, folder, kill_node)
    shutil.rmtree(folder, ignore_errors=True)
    sys.exit(not fine)


if __name__ == "__main__":
    main()
