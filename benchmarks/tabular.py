"""The tabular benchmark: every architecture of three layers and seven operations, trained on the bundled data.

    python benchmarks/tabular.py                    # what the bundled table is worth
    python benchmarks/tabular.py --make             # all 343 x 3 trainings anew, then the table in the package
    python benchmarks/tabular.py --pilot 12         # an even choice of 12 architectures: what a table would be worth
    python benchmarks/tabular.py --make --layers 4 --table four_layers.npz

Every training is a line of `trainings3.jsonl` in the folder --out; the same command goes on where it was stopped. One
thread trains one network, and seconds are processor seconds of that thread, so that other work on the machine counts
little. After every epoch the network is scored on the search and on the selection split, outside of its seconds.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import torch
from scipy import stats

from ambergen import __version__, seeds
from ambergen.datasets.batches import DeviceStore
from ambergen.datasets.building import build
from ambergen.datasets.config import DataConfig, GenomeSource, SplitConfig, TrackSource, WindowConfig
from ambergen.datasets.demo import demo_paths
from ambergen.datasets.store import Store
from ambergen.evaluators import tabular
from ambergen.evaluators.tabular import CURVES, Table, three_layers
from ambergen.executors.base import cores
from ambergen.executors.processes import ProcessExecutor
from ambergen.metrics.comparison import variance_components
from ambergen.metrics.ranking import defined, mean_defined, ranking
from ambergen.models.factory import make_network
from ambergen.models.summary import child_parameters, multiply_adds
from ambergen.progress import Task
from ambergen.provenance import processor
from ambergen.runs.events import EventLog
from ambergen.settings import differences, plain_data
from ambergen.spaces.space import Space
from ambergen.training.config import TrainConfig
from ambergen.training.loop import fit
from ambergen.training.precision import DTYPES, default_device
from ambergen.training.predict import predict_logits

SEEDS = 3
TRACKS = ("coding", "gene_start", "gene_end")
"""Kinds of tracks: those that have enough positives for a score with little noise."""
WINDOWS = WindowConfig(length=300, bin=200, step=2000, label="any", unlabelled="all")
SPLIT = SplitConfig(test=("II", "VIII", "XIV"), selection=("V", "IX", "XVI"), search=("IV", "X"))
TRAIN = TrainConfig(epochs=9, patience=9, batch=64, learning_rate=0.01, precision="float32")


def space_of(layers: int) -> Space:
    return Space(
        layers=layers,
        width=8,
        reduce=tuple(range(layers - 1)[:2]),
        skips="none",
        pool_first=True,
        head="gap",
        hidden=32,
        dropout=0.0,
        head_dropout=0.0,
    )


def demo_store(folder: Path) -> Store:
    data = demo_paths()
    tracks = [
        TrackSource(name, path, reverse_partner=data.reverse_partners.get(name))
        for name, path in data.tracks.items()
        if name.startswith(TRACKS)
    ]
    config = DataConfig(GenomeSource(data.genome, tuple(tracks)), WINDOWS, SPLIT, on_leak="drop")
    return build(config, folder, seed=0)


# ---- one training, in a worker


@dataclass(frozen=True)
class Job:
    store: Path
    space: dict[str, Any]
    architecture: dict[str, Any]
    train: TrainConfig
    seed: int


class _AfterEveryEpoch:
    """The progress of a training, as a watcher: after every epoch the clock is read and the splits are scored."""

    def __init__(self, network: torch.nn.Module, data: DeviceStore) -> None:
        self.network, self.data = network, data
        self.curves: dict[str, list[float]] = {name: [] for name in CURVES}
        self._begin = 0.0

    def task(self, description: str, total: float | None = None) -> Task:
        return self

    def advance(self, amount: float = 1) -> None:
        if amount:
            self.curves["seconds"].append(self._clock() - self._begin)
            for split, prefix in (("search", ""), ("selection", "selection_")):
                for name, value in self._scores(split).items():
                    self.curves[prefix + name].append(value)
        self._begin = self._clock()

    def _clock(self) -> float:
        if self.data.device.type == "cpu":
            return time.process_time()
        torch.cuda.synchronize()
        return time.perf_counter()

    def _scores(self, split: str) -> dict[str, float]:
        rows = self.data.store.indices(split)
        logits = predict_logits(self.network, self.data, rows, "forward", DTYPES["float32"])
        result = ranking(logits, self.data.store.labels(rows), self.data.store.mask(rows))
        used = defined(result.positives, result.negatives)
        return {name: mean_defined(getattr(result, name), used) for name in ("auroc", "average_precision")}

    def note(self, text: str) -> None:
        pass

    def say(self, text: str) -> None:
        pass

    def __enter__(self) -> _AfterEveryEpoch:
        return self

    def __exit__(self, *error: object) -> None:
        pass


def learn(job: Job) -> dict[str, list[float]]:
    """The curves of one training from scratch."""
    torch.set_num_threads(1)
    store = Store.open(job.store)
    data = DeviceStore(store, default_device())
    network = make_network(
        "child",
        {"space": job.space, "architecture": job.architecture},
        store.n_tracks,
        store.length,
        store.alphabet.n_symbols,
        seed=seeds.derive(job.seed, "initial weights"),
    )
    watcher = _AfterEveryEpoch(network, data)
    fit(network, data, job.train, job.seed, progress=watcher, dtype=DTYPES["float32"], watch=None)
    return watcher.curves


# ---- all of them


def facts(store: Store) -> dict[str, Any]:
    """How the trainings are made, without the machine's paths."""
    return {
        "data": "bundled demo data (datasets/demo_data/README.md)",
        "tracks": list(store.tracks),
        "windows": {split: len(store.indices(split)) for split in ("train", "search", "selection")},
        "settings": plain_data(WINDOWS) | {"split": plain_data(SPLIT)},
        "store": store.checksum,
        "train": plain_data(TRAIN),
        "dtype": "float32",
        "seeds": SEEDS,
        "versions": {
            "ambergen": __version__,
            "torch": torch.__version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
        },
    }


def begin(log: EventLog, store: Store, space: Space) -> None:
    """Note how the trainings are made; those of other settings are not mixed with them."""
    now = {"event": "search_started", "search": 0, "space": space.to_dict(), **facts(store)}
    known = log.append(now)
    for key, before, after in differences(known, now | {"versions": known.get("versions")}):
        raise SystemExit(f"{log.path}: begun with {key} {before!r}, which is {after!r} now. Name another --out.")


def trainings(log: EventLog, store: Store, space: Space, tokens: np.ndarray, chosen: Iterable[int]) -> None:
    """Train what the log lacks."""
    done = {e["trial"] for e in log.find(event="trial")}
    missing = [(a, k) for k in range(SEEDS) for a in chosen if a * SEEDS + k not in done]
    start, n = time.perf_counter(), 0
    with ProcessExecutor(cores() if default_device().type == "cpu" else 1, threads=1) as executor:
        jobs = {}
        for a, k in missing:
            architecture = space.decode(tokens[a].tolist()).to_dict()
            jobs[executor.submit(learn, Job(store.path, space.to_dict(), architecture, TRAIN, k))] = (a, k)
        for job in executor.as_completed(jobs):
            (a, k), result = jobs[job], job.result()
            if result.status == "failed":
                raise SystemExit(f"architecture {a}, seed {k}: {result.reason}")
            log.append({"event": "trial", "search": 0, "trial": a * SEEDS + k, **result.value})
            n += 1
            if n % 20 == 0 or n == len(missing):
                left = (time.perf_counter() - start) / n * (len(missing) - n)
                print(f"{n} of {len(missing)} trainings, {left / 60:.0f} min left", flush=True)


def all_tokens(space: Space) -> np.ndarray:
    """(n_architectures, layers): every choice of operations."""
    return np.indices((len(space.operations),) * space.layers).reshape(space.layers, -1).T.astype(np.uint8)


def curves(log: EventLog, chosen: list[int]) -> dict[str, np.ndarray]:
    """(n_chosen, seeds, epochs) of every name in CURVES."""
    events = {e["trial"]: e for e in log.find(event="trial")}
    return {
        name: np.array([[events[a * SEEDS + k][name] for k in range(SEEDS)] for a in chosen], np.float32)
        for name in CURVES
    }


def table(log: EventLog, store: Store, space: Space, tokens: np.ndarray) -> Table:
    """The trainings of all architectures as one table."""
    architectures = [space.decode(t) for t in tokens.tolist()]
    size = store.n_tracks, store.length, store.alphabet.n_symbols

    def count(what: Any) -> np.ndarray:
        return np.array([what(space, a, *size) for a in architectures], np.int64)

    on_cpu = default_device().type == "cpu"
    arrays = curves(log, list(range(len(tokens))))
    begun = log.find(event="search_started")[0]
    record = {key: value for key, value in begun.items() if key not in ("event", "search", "space")}
    record["machine"] = f"{processor()}, one thread a training" if on_cpu else torch.cuda.get_device_name()
    record["device_seconds"] = round(float(arrays["seconds"].sum(dtype=np.float64)))
    parameters, adds = count(child_parameters), count(multiply_adds)
    return Table(space, tokens, **arrays, parameters=parameters, multiply_adds=adds, facts=record)


def worth(found: dict[str, np.ndarray]) -> None:
    """What tells architectures apart, against what seeds do."""
    seconds = found["seconds"].sum(axis=2)
    n, n_seeds, n_epochs = found["seconds"].shape
    print(
        f"{n} architectures x {n_seeds} seeds x {n_epochs} epochs; seconds a training {seconds.min():.1f} to "
        f"{seconds.max():.1f}, mean {seconds.mean():.2f}"
    )
    names = [str(a) for a in range(n) for _ in range(n_seeds)]
    for name in CURVES[:-1]:
        last = found[name][:, :, -1].astype(np.float64)
        parts = variance_components(last.ravel(), names)
        between = np.triu_indices(n_seeds, 1)
        rho = np.asarray(stats.spearmanr(last).statistic)[between].mean()
        tau = np.mean([stats.kendalltau(last[:, i], last[:, j]).statistic for i, j in zip(*between, strict=True)])
        early = [stats.spearmanr(found[name][:, 0, e], last[:, 1]).statistic for e in (0, 2, 5)]
        print(
            f"{name}: {last.min():.4f} to {last.max():.4f}; s.d. between architectures {parts.architecture_sd:.4f}, "
            f"between seeds {parts.seed_sd:.4f}; between two seeds Spearman {rho:.2f}, Kendall {tau:.2f}; Spearman of "
            f"epochs 1, 3, 6 with another seed's last {' '.join(f'{r:.2f}' for r in early)}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--make", action="store_true", help="train all architectures and write the table")
    parser.add_argument("--pilot", type=int, metavar="N", help="train N architectures, and write no table")
    parser.add_argument("--layers", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("runs/tabular"), help="folder of the store and the trainings")
    parser.add_argument("--table", type=Path, help="where the table goes; default: into the package")
    options = parser.parse_args()
    if not options.make and options.pilot is None:
        bundled = three_layers()
        worth({name: getattr(bundled, name) for name in CURVES})
        return
    space = space_of(options.layers)
    tokens = all_tokens(space)
    store = demo_store(options.out / "store")
    log = EventLog(options.out / f"trainings{options.layers}.jsonl")
    begin(log, store, space)
    # an odd stride visits every operation of every layer about as often
    n = len(tokens) if options.make else options.pilot
    chosen = sorted({(k * 149) % len(tokens) for k in range(n)})
    trainings(log, store, space, tokens, chosen)
    worth(curves(log, chosen))
    if options.make:
        path = options.table or Path(tabular.__file__).parent / "tabular_data" / "three_layers.npz"
        table(log, store, space, tokens).save(path)
        print(f"{path}: {path.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
