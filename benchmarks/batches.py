"""Windows per second of the batch iterator, with 1000-bp windows and 919 tracks.

    python benchmarks/batches.py [--batch 256] [--rounds 9] [--device cpu]

Simulates a genome of 30 Mb, builds its store and goes through windows drawn at random: in this process, on one thread,
in processor time, the variants by turns, medians of rounds. On another device than the processor it is wall time.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter, process_time

import numpy as np
import torch

from ambergen.datasets.batches import DeviceStore, epoch
from ambergen.datasets.building import build
from ambergen.datasets.config import DataConfig, GenomeSource, SplitConfig, TrackSource, WindowConfig
from ambergen.datasets.store import Store

N_TRACKS, N_PEAKS, LENGTHS = 919, 400, (18_000_000, 4_000_000, 4_000_000, 4_000_000)
N_WINDOWS = 100_000
AIM = 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--device", default="cpu")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        measure(simulated_store(Path(folder)), arguments.batch, arguments.rounds, arguments.device)


def simulated_store(folder: Path) -> Store:
    rng = np.random.default_rng(0)
    with open(folder / "genome.fa", "w") as stream:
        for number, length in enumerate(LENGTHS, start=1):
            letters = np.frombuffer(b"ACGT", dtype=np.uint8)[rng.integers(0, 4, length)].tobytes().decode()
            stream.write(f">chr{number}\n{letters}\n")
    tracks = []
    for track in range(N_TRACKS):
        contig = np.concatenate([[0, 1, 2, 3], rng.integers(0, 4, N_PEAKS)])
        start = (rng.random(len(contig)) * (np.array(LENGTHS)[contig] - 500)).astype(int)
        path = folder / f"{track}.bed"
        path.write_text("".join(f"chr{c + 1}\t{s}\t{s + 300}\n" for c, s in zip(contig, start, strict=True)))
        tracks.append(TrackSource(str(track), path))
    source = GenomeSource(folder / "genome.fa", tuple(tracks))
    windows = WindowConfig(label="any", unlabelled="all")
    return build(DataConfig(source, windows, SplitConfig(("chr2",), ("chr3",), ("chr4",))), folder / "store")


def measure(store: Store, batch: int, rounds: int, device: str) -> None:
    data = DeviceStore(store, device)
    rng = np.random.default_rng(1)
    indices = rng.choice(store.n_windows, N_WINDOWS)

    def go(labels: bool = False, **how: object) -> Callable[[], None]:
        def through() -> None:
            for one in epoch(data, indices, batch, rng, **how):  # type: ignore[arg-type]
                if labels:
                    _ = one.labels

        return through

    variants = {
        "tokens, packed labels": go(),
        "… half of them turned": go(reverse_complement=True),
        "… turned and shifted": go(reverse_complement=True, shift=200),
        "… turned, shifted, labels unpacked": go(labels=True, reverse_complement=True, shift=200),
    }
    clock = process_time if device == "cpu" else perf_counter
    seconds: dict[str, list[float]] = {name: [] for name in variants}
    for _ in range(rounds):
        for name, variant in variants.items():
            begin = clock()
            variant()
            if device != "cpu":
                torch.cuda.synchronize()
            seconds[name].append(clock() - begin)
    print(f"{store.n_windows:,} windows of {store.length} bases, {store.n_tracks} tracks, batches of {batch}, {device}")
    for name, values in seconds.items():
        print(f"{name:<36} {N_WINDOWS / median(values) / 1e6:6.2f} M windows/s (aim: {AIM / 1e6:.0f})")


if __name__ == "__main__":
    main()
