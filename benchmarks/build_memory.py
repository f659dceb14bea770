"""Memory and time of building a store of a human-sized genome with 919 tracks, measured on a part and extrapolated.

    python benchmarks/build_memory.py [--scale 0.1] [--folder DIR]

Simulates a genome with the proportions of the human chromosomes (3.1 Gb times the scale) and 919 peak files of 30,000
peaks times the scale, four fifths of them on shared sites, builds the store in a process of its own and prints that
process's peak memory by step. Every part of it but the interpreter grows with the scale, so
    full = at the start + (peak - at the start) / scale.
DIR needs about 8 bytes for each simulated base.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import shutil
import tempfile
import threading
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter, process_time
from typing import Self

import numpy as np

from ambergen.datasets.building import build
from ambergen.datasets.config import DataConfig, GenomeSource, SplitConfig, TrackSource, WindowConfig
from ambergen.datasets.store import Store

N_TRACKS, N_PEAKS, N_SITES = 919, 30_000, 1_500_000
# Megabases of chromosomes 1 … 22, X and Y of the human genome.
MEGABASES = (248, 242, 198, 190, 182, 171, 159, 145, 138, 134, 135, 133, 114, 107, 102, 90, 83, 80, 59, 64, 47, 51, 156)
MEGABASES += (57,)
LIMIT = 16e9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scale", type=float, default=0.1, help="part of the human genome, 0.1 unless given")
    parser.add_argument("--folder", type=Path, default=None, help="where the simulated files go for a while")
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="ambergen-build-memory-", dir=arguments.folder))
    try:
        run(folder, arguments.scale)
    finally:
        shutil.rmtree(folder)


def run(folder: Path, scale: float) -> None:
    begin = perf_counter()
    config = simulate(folder, scale)
    print(f"simulated {scale:g} of a human genome and {N_TRACKS} tracks in {perf_counter() - begin:.0f} s")
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    worker = context.Process(target=measured_build, args=(config, folder / "store", sender))
    worker.start()
    measured: Measured = receiver.recv()
    worker.join()
    report(measured, Store.open(folder / "store"), scale)


def simulate(folder: Path, scale: float) -> DataConfig:
    """The genome, and peak files that share most of their sites, as those of real cells do."""
    rng = np.random.default_rng(0)
    lengths = [int(1e6 * scale * megabases) for megabases in MEGABASES]
    with open(folder / "genome.fa", "wb") as stream:
        for number, length in enumerate(lengths, start=1):
            stream.write(f">chr{number}\n".encode())
            letters = np.frombuffer(b"ACGT", dtype=np.uint8)[rng.integers(0, 4, length, dtype=np.uint8)]
            n_lines = length // 100
            lines = np.full((n_lines, 101), ord("\n"), dtype=np.uint8)
            lines[:, :100] = letters[: 100 * n_lines].reshape(n_lines, 100)
            stream.write(lines.tobytes() + letters[100 * n_lines :].tobytes() + b"\n")
    share = np.array(lengths) / sum(lengths)
    site_contig = rng.choice(len(lengths), int(N_SITES * scale), p=share)
    site = (rng.random(len(site_contig)) * (np.array(lengths)[site_contig] - 1000)).astype(int)
    tracks = []
    for track in range(N_TRACKS):
        n_peaks = int(N_PEAKS * scale)
        chosen = rng.integers(0, len(site), n_peaks)
        contig, start = site_contig[chosen], site[chosen] + rng.integers(0, 50, n_peaks)
        alone = rng.random(n_peaks) < 0.2
        start[alone] = (rng.random(alone.sum()) * (np.array(lengths)[contig[alone]] - 1000)).astype(int)
        end = start + rng.integers(150, 500, n_peaks)
        path = folder / f"track{track}.bed"
        path.write_text("".join(f"chr{c + 1}\t{s}\t{e}\n" for c, s, e in zip(contig, start, end, strict=True)))
        tracks.append(TrackSource(f"track{track}", path))
    split = SplitConfig(test=("chr8", "chr9"), selection=("chr6", "chr7"))
    return DataConfig(GenomeSource(folder / "genome.fa", tuple(tracks)), WindowConfig(), split, on_leak="drop")


@dataclass
class Measured:
    """Bytes; `steps` has the highest total and the highest part that no file backs of each step, and its seconds."""

    at_start: int = 0
    peak: int = 0
    steps: dict[str, tuple[int, int, float]] = field(default_factory=dict)
    seconds: float = 0.0
    processor_seconds: float = 0.0


class Meter:
    """A progress that looks at this process's memory every few milliseconds and notes it under the current step."""

    def __init__(self) -> None:
        self.measured = Measured(at_start=resident()[0])
        self._step = "hashing the inputs"
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def say(self, text: str) -> None:
        pass

    def task(self, description: str, total: float | None = None) -> Self:
        self._step = description
        return self

    def advance(self, amount: float = 1) -> None:
        pass

    def note(self, text: str) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        # "labelling" is followed by the choice of windows, which is no bar of its own
        self._step = f"after {self._step}"

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        before = perf_counter()
        while not self._stop.wait(0.01):
            total, anonymous = resident()
            now = perf_counter()
            highest, highest_anonymous, seconds = self.measured.steps.get(self._step, (0, 0, 0.0))
            self.measured.steps[self._step] = (
                max(highest, total),
                max(highest_anonymous, anonymous),
                seconds + now - before,
            )
            before = now


def resident() -> tuple[int, int]:
    """Bytes of this process in memory: all, and those that no file backs."""
    lines = Path("/proc/self/status").read_text().splitlines()
    found = {line.split(":")[0]: int(line.split()[1]) << 10 for line in lines if line.endswith("kB")}
    return found["VmRSS"], found["RssAnon"]


def measured_build(config: DataConfig, out: Path, sender: object) -> None:
    meter = Meter()
    begin, processor = perf_counter(), process_time()
    build(config, out, progress=meter)
    meter.stop()
    meter.measured.seconds = perf_counter() - begin
    meter.measured.processor_seconds = process_time() - processor
    meter.measured.peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
    sender.send(meter.measured)  # type: ignore[attr-defined]


def report(measured: Measured, store: Store, scale: float) -> None:
    n_bases = sum(contig["length"] for contig in store.manifest["contigs"])
    print(
        f"built {n_bases / 1e6:.0f} Mb, {store.n_tracks} tracks, {store.n_windows:,} windows in "
        f"{measured.seconds:.0f} s ({measured.processor_seconds:.0f} s of processor time)"
    )
    print(f"memory at the start: {measured.at_start / 1e6:.0f} MB")
    print(f"{'step':<32} {'seconds':>8} {'peak, MB':>9} {'without files, MB':>18}")
    for step, (total, anonymous, seconds) in measured.steps.items():
        print(f"{step:<32} {seconds:>8.1f} {total / 1e6:>9.0f} {anonymous / 1e6:>18.0f}")
    n_bins = sum(max(0, (contig["length"] - 200) // 200 + 1) for contig in store.manifest["contigs"])
    n_hits = sum(entry["bins"] for entry in store.manifest["peaks"])
    longest = max(contig["length"] for contig in store.manifest["contigs"])
    print(
        "what grows with the genome: the longest contig's tokens, 1 byte a base, "
        f"{longest / 1e6:.0f} MB here, {longest / scale / 1e6:.0f} MB in full"
    )
    print(
        "                            flags of bins, about 4 bytes for each 200 bases, "
        f"{4 * n_bins / 1e6:.1f} MB here, {4 * n_bins / scale / 1e6:.0f} MB in full"
    )
    print(
        "what grows with the peaks:  positive bins, 4 bytes for each bin and track (at most an eighth of a byte for "
        f"every bin), {4 * n_hits / 1e6:.0f} MB here, {4 * n_hits / scale / 1e6:.0f} MB in full"
    )
    print(
        "what grows with windows:    offsets, bins, hashes, about 60 bytes a window, "
        f"{60 * store.n_windows / 1e6:.0f} MB here, {60 * store.n_windows / scale / 1e6:.0f} MB in full"
    )
    full = measured.at_start + (measured.peak - measured.at_start) / scale
    verdict = "below" if full < LIMIT else "NOT below"
    print(
        f"peak memory {measured.peak / 1e6:.0f} MB; extrapolated to the full size {full / 1e9:.1f} GB, "
        f"{verdict} {LIMIT / 1e9:.0f} GB"
    )


if __name__ == "__main__":
    main()
