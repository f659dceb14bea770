"""Windows that a trained network scores at a time on a processor: how their number changes the time.

    OMP_NUM_THREADS=1 python benchmarks/scoring_size.py [--rounds 5] [--networks 3] [--length 200 1000] [--json]

Children of both presets, drawn at random, score the same windows of a genome of random bases in the batches given, and
in those that `ambergen.training.predict` chooses ("own"). Scores of all ways are compared before.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from timing import interleave, parser, report

from ambergen.datasets.batches import DeviceStore
from ambergen.datasets.building import build
from ambergen.datasets.config import DataConfig, GenomeSource, SplitConfig, TrackSource, WindowConfig
from ambergen.datasets.store import Store
from ambergen.models.building import make_child
from ambergen.models.layers import TrackNetwork
from ambergen.spaces.presets import amber, compact
from ambergen.spaces.space import Space
from ambergen.training.predict import predict_logits

SIZES = (512, 128, 64, 32)
N_TRACKS = 16


def random_store(folder: Path, length: int, n_windows: int) -> Store:
    rng = np.random.default_rng(0)
    contigs = ("train", "search", "selection", "test")
    genome = folder / "genome.fa"
    bases = max(2 * length, (n_windows + 2) * 50 + length)
    genome.write_text("".join(f">{name}\n{''.join(rng.choice(list('ACGT'), bases))}\n" for name in contigs))
    tracks = []
    for number in range(N_TRACKS):
        bed = folder / f"{number}.bed"
        starts = rng.integers(length, bases - length, 5)
        bed.write_text("".join(f"{name}\t{start}\t{start + 50}\n" for name in contigs for start in starts))
        tracks.append(TrackSource(str(number), bed))
    windows = WindowConfig(length=length, bin=50, step=50, label="any", unlabelled="all")
    splits = SplitConfig(test=("test",), selection=("selection",), search=("search",))
    return build(DataConfig(GenomeSource(genome, tuple(tracks)), windows, splits), folder / "store", 0)


def children(space: Space, number: int, length: int) -> list[TrackNetwork]:
    rng = np.random.default_rng(1)
    return [make_child(space, space.sample(rng), N_TRACKS, length, 4).eval() for _ in range(number)]


def scored(
    networks: list[TrackNetwork], data: DeviceStore, rows: np.ndarray, dtype: torch.dtype, size: int | None
) -> Callable[[], list[np.ndarray]]:
    def run() -> list[np.ndarray]:
        return [predict_logits(network, data, rows, "forward", dtype, size) for network in networks]

    return run


def main() -> None:
    options = parser(__doc__, rounds=5)
    options.add_argument("--networks", type=int, default=3, help="random networks of each space")
    options.add_argument("--batch", type=int, default=512, help="windows that are scored in all, and the largest batch")
    options.add_argument("--length", type=int, nargs="+", default=[200, 1000], help="bases of a window")
    arguments = options.parse_args()
    torch.set_num_threads(1)
    rows: list[dict[str, Any]] = []
    for length in arguments.length:
        with tempfile.TemporaryDirectory() as name:
            data = DeviceStore(random_store(Path(name), length, arguments.batch))
            chosen = data.store.indices("train")[: arguments.batch]
            for label, space in (("compact", compact()), ("amber", amber())):
                networks = children(space, arguments.networks, length)
                for dtype in (torch.float32, torch.bfloat16):
                    ways = {str(n): scored(networks, data, chosen, dtype, n) for n in SIZES if n <= arguments.batch}
                    ways["own"] = scored(networks, data, chosen, dtype, None)
                    expected, near = ways["own"](), 1e-4 if dtype is torch.float32 else 0.1
                    for way in ways.values():
                        for one, other in zip(way(), expected, strict=True):
                            np.testing.assert_allclose(one, other, rtol=1e-3, atol=near)
                    timings = interleave(ways, arguments.rounds, warm=0)  # they ran above
                    base = next(iter(ways))
                    rows.append({"network": label, "length": length, "dtype": str(dtype).removeprefix("torch.")})
                    rows[-1] |= {f"{n} to {base}": timings.ratio(n, base) for n in ways if n != base}
    report("times as fast as in batches of the largest size", rows, arguments.json)


if __name__ == "__main__":
    main()
