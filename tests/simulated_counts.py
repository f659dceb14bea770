"""A small world with reads: motifs that are planted decide how many reads begin around them, and where.

Reads of `chip` begin left of its motif on the plus strand and right of it on the minus strand, and the other way round
where the motif lies on the minus strand; those of `atac`, whose strands are counted together, on both sides of another.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ambergen.datasets.building import build
from ambergen.datasets.config import (
    CountConfig,
    CountSource,
    DataConfig,
    GenomeSource,
    SplitConfig,
    TrackSource,
    WindowConfig,
)
from ambergen.datasets.store import Store
from ambergen.models.bpnet import BPNetShape
from ambergen.training.config import TrainConfig, train_preset

CONTIGS = {"train": 24_000, "search": 4_000, "selection": 6_000, "test": 6_000}
CHIP, CHIP_REVERSE, ATAC = "TGACGTGG", "CCACGTCA", "GATTAATC"
LENGTH, BIN, SHIFT = 64, 32, 8
SHAPE = BPNetShape(filters=24, first=9, layers=2, profile=9)
_READS, _NOISE = 12, 0.02


def recipe(**changes: object) -> TrainConfig:
    """The published recipe in small."""
    small = {"epochs": 10, "batch": 32, "micro_batch": 32, "learning_rate": 0.01, "shift": 4, "precision": "float32"}
    return train_preset("bpnet", **{**small, **changes})


def build_count_store(folder: Path, seed: int = 0) -> Store:
    """Write FASTA, BED and bigWig files into `folder` and build their store: about 1,250 windows of 64 bases."""
    import pybigtools

    rng = np.random.default_rng(seed)
    letters: dict[str, str] = {}
    reads = {
        name: {contig: rng.poisson(_NOISE, n) for contig, n in CONTIGS.items()} for name in ("plus", "minus", "atac")
    }
    peaks: list[str] = []
    for contig, length in CONTIGS.items():
        sequence = rng.choice(list("ACGT"), length)
        for start in range(BIN, length - 2 * BIN, BIN):
            if rng.random() < 0.25:
                motif, at = str(rng.choice([CHIP, CHIP_REVERSE, ATAC])), start + int(rng.integers(8, 16))
                sequence[at : at + 8] = list(motif)
                peaks.append(f"{contig}\t{at}\t{at + 8}\n")
                left, right = ("minus", "plus") if motif == CHIP_REVERSE else ("plus", "minus")
                for strand, place in ((left, at - 3), (right, at + 10)):
                    name = "atac" if motif == ATAC else strand
                    np.add.at(reads[name][contig], place + rng.integers(-1, 2, rng.poisson(_READS)), 1)
        letters[contig] = "".join(sequence)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "genome.fa").write_text("".join(f">{contig}\n{text}\n" for contig, text in letters.items()))
    (folder / "sites.bed").write_text("".join(peaks))
    for name, values in reads.items():
        runs = [(c, int(at), int(at) + 1, float(v[at])) for c, v in values.items() for at in v.nonzero()[0]]
        pybigtools.open(str(folder / f"{name}.bw"), "w").write(CONTIGS, runs)
    tracks = (
        CountSource("chip", plus=folder / "plus.bw", minus=folder / "minus.bw"),
        CountSource("atac", folder / "atac.bw"),
    )
    source = GenomeSource(
        folder / "genome.fa",
        (TrackSource("sites", folder / "sites.bed"),),
        counts=CountConfig(tracks, shift=SHIFT),
    )
    windows = WindowConfig(length=LENGTH, bin=BIN, step=BIN, label="any", unlabelled="all")
    split = SplitConfig(test=("test",), selection=("selection",), search=("search",))
    return build(DataConfig(source, windows, split), folder / "store", seed)
