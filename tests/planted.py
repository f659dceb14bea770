"""A simulated genome of 26 kb with planted motifs: real files, a real store, small enough for networks in seconds."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ambergen.datasets.building import build
from ambergen.datasets.config import DataConfig, GenomeSource, SplitConfig, TrackSource, WindowConfig
from ambergen.datasets.store import Store

MOTIFS = {"alpha": "TGACTCAT", "beta": "CCGGAAGT"}
LENGTHS = {"I": 12000, "II": 3000, "III": 5000, "IV": 6000}
SPACING = 80


def planted_config(folder: Path, stranded: bool = False) -> DataConfig:
    """Write the genome and its peaks: a motif of either track, or of none, every 80 bases.

    stranded : a motif is planted on the forward strand for its own track, and reversed for its partner's
    """
    rng = np.random.default_rng(11)
    names = list(MOTIFS)
    peaks: dict[str, list[str]] = {name: [] for name in names}
    sequence = {}
    for contig, length in LENGTHS.items():
        letters = rng.choice(list("ACGT"), length)
        for start in range(40, length - 60, SPACING):
            name = rng.choice([*names, "none"])
            if name == "none":
                continue
            motif = MOTIFS["alpha"] if stranded else MOTIFS[name]
            reverse = name == "beta" if stranded else rng.random() < 0.5
            planted = motif[::-1].translate(str.maketrans("ACGT", "TGCA")) if reverse else motif
            letters[start : start + len(motif)] = list(planted)
            peaks[name].append(f"{contig}\t{start}\t{start + len(motif)}\n")
        sequence[contig] = "".join(letters)
    genome = folder / "genome.fa"
    genome.write_text("".join(f">{name}\n{letters}\n" for name, letters in sequence.items()))
    tracks = []
    for name in names:
        path = folder / f"{name}.bed"
        path.write_text("".join(peaks[name]))
        partner = names[1 - names.index(name)] if stranded else None
        tracks.append(TrackSource(name, path, reverse_partner=partner))
    return DataConfig(
        GenomeSource(genome, tuple(tracks)),
        WindowConfig(length=80, bin=20, step=20, label="any", unlabelled=1.0),
        SplitConfig(test=("IV",), selection=("III",), search=("II",)),
    )


def planted_store(folder: Path, stranded: bool = False) -> Store:
    folder.mkdir(parents=True, exist_ok=True)
    return build(planted_config(folder, stranded), folder / "store")
