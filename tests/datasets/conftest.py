"""A simulated genome of 20 kb with two tracks, small enough for slow loops to judge the store that is built from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from ambergen.datasets.config import DataConfig, GenomeSource, SplitConfig, TrackSource, WindowConfig

LENGTHS = {"A": 9000, "B": 5003, "C": 3500, "D": 2497}


@dataclass(frozen=True)
class SmallGenome:
    """The files, the letters, and a config that splits by contig: A trains, B searches, C selects, D tests."""

    folder: Path
    sequence: dict[str, str]
    config: DataConfig

    def with_windows(self, **changes: object) -> DataConfig:
        return replace(self.config, windows=replace(self.config.windows, **changes))

    def with_tracks(self, *tracks: TrackSource) -> DataConfig:
        return replace(self.config, source=replace(self.config.source, tracks=tracks))


def write_genome(path: Path, sequence: dict[str, str]) -> Path:
    path.write_text("".join(f">{name}\n{letters}\n" for name, letters in sequence.items()))
    return path


def write_bed(path: Path, rows: list[tuple[str, int, int]]) -> Path:
    path.write_text("".join(f"{contig}\t{start}\t{end}\n" for contig, start, end in rows))
    return path


@pytest.fixture
def small_genome(tmp_path: Path) -> SmallGenome:
    rng = np.random.default_rng(5)
    sequence = {name: "".join(rng.choice(list("ACGT"), length)) for name, length in LENGTHS.items()}
    sequence["A"] = sequence["A"][:4000] + "N" * 300 + sequence["A"][4300:]
    genome = write_genome(tmp_path / "genome.fa", sequence)
    tracks = []
    for name, n_peaks, width in (("wide", 12, 90), ("narrow", 25, 7)):
        rows = []
        for contig, length in LENGTHS.items():
            for start in rng.integers(0, length - width, n_peaks):
                rows.append((contig, int(start), int(start + rng.integers(1, width))))
        tracks.append(TrackSource(name, write_bed(tmp_path / f"{name}.bed", rows)))
    config = DataConfig(
        GenomeSource(genome, tuple(tracks)),
        WindowConfig(length=100, bin=20, step=20, label="any", unlabelled=1.0),
        SplitConfig(test=("D",), selection=("C",), search=("B",)),
    )
    return SmallGenome(tmp_path, sequence, config)


@pytest.fixture
def bed(tmp_path: Path) -> Callable[..., Path]:
    """Writes a BED file of rows (contig, start, end) and returns its path."""
    return lambda *rows, name="peaks.bed": write_bed(tmp_path / name, list(rows))
