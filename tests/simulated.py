"""A small world that is real: a simulated genome with planted motifs, its store, and the smallest search over it.

Used by the tests of training, evaluators, runs and the public names; `small_store` in `tests/conftest.py` builds the
store once.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ambergen.budgets import Budget
from ambergen.datasets.building import build
from ambergen.datasets.config import DataConfig, GenomeSource, SplitConfig, TrackSource, WindowConfig
from ambergen.datasets.store import Store
from ambergen.evaluators.shared_weights import SupernetConfig
from ambergen.evaluators.stand_alone import StandAloneConfig
from ambergen.runs.config import SearchConfig
from ambergen.spaces.space import Space
from ambergen.strategies.reinforce import ControllerConfig
from ambergen.training.config import TrainConfig

CONTIGS = {"train": 24_000, "search": 6_000, "selection": 6_000, "test": 4_000}
"""Bases of each contig; each is the split of its name."""
MOTIFS = {"palindrome": "GATTAATC", "forward": "TGACGTGG", "reverse": "CCACGTCA"}
"""A track marks the places of its motif; `reverse` has the one of `forward` on the other strand."""
LENGTH, BIN = 64, 32

SPACE = Space(
    layers=3, operations=("conv8", "max_pool4", "identity"), width=8, reduce=(0,), head="gap", hidden=16, dropout=0.1
)
TRAIN = TrainConfig(epochs=1, batch=64, learning_rate=5e-3, precision="float32")


def build_store(folder: Path, seed: int = 0, share: float = 0.12) -> Store:
    """Write FASTA and BED files into `folder` and build their store: 1,250 windows of 64 bases, 3 tracks.

    Parameters
    ----------
    share : of the bins that carry the motif of a track
    """
    rng = np.random.default_rng(seed)
    letters, peaks = {}, {name: [] for name in MOTIFS}
    for contig, length in CONTIGS.items():
        sequence = rng.choice(list("ACGT"), length)
        for start in range(0, length - BIN, BIN):
            for name in rng.permutation(list(MOTIFS))[:1]:
                if rng.random() < share * len(MOTIFS):
                    at = start + int(rng.integers(8, 16))
                    sequence[at : at + 8] = list(MOTIFS[name])
                    peaks[name].append(f"{contig}\t{at}\t{at + 8}\n")
        letters[contig] = "".join(sequence)
    folder.mkdir(parents=True, exist_ok=True)
    genome = folder / "genome.fa"
    genome.write_text("".join(f">{contig}\n{text}\n" for contig, text in letters.items()))
    partner = {"forward": "reverse", "reverse": "forward"}
    tracks = []
    for name, lines in peaks.items():
        bed = folder / f"{name}.bed"
        bed.write_text("".join(lines))
        tracks.append(TrackSource(name, bed, reverse_partner=partner.get(name)))
    config = DataConfig(
        GenomeSource(genome, tuple(tracks)),
        WindowConfig(length=LENGTH, bin=BIN, step=BIN, label="any", unlabelled="all"),
        SplitConfig(test=("test",), selection=("selection",), search=("search",)),
    )
    return build(config, folder / "store", seed)


def search_config(method: str = "enas", budget: str = "12 steps", **changes: Any) -> SearchConfig:
    """A search of three rounds that takes about a second; float32, so that two of them are the same."""
    shared = TrainConfig(batch=64, optimizer="adam", schedule="constant", learning_rate=5e-3, precision="float32")
    config = SearchConfig(
        method="enas",
        budget=Budget.parse(budget),
        updates=2,
        finalists=2,
        contenders=2,
        rescored=3,
        fresh=2,
        controller=ControllerConfig(architectures=3, hidden=8, passes=2),
        supernet=SupernetConfig(steps=3, warm_up=0.25, rows=120, rescored_rows=180, score_batch=60, train=shared),
        short_training=StandAloneConfig(TRAIN),
    )
    return replace(config, **{"method": method, **changes})
