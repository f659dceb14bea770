"""A small panel with LD, a trait, and all files of a study as LDSC's users have them."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from ambergen.seeds import generator
from ambergen.statgen.simulation import SimulatedGenome, simulate_chi2, simulate_genome

N = 2000
N_BLOCKS, BLOCK_SIZE = 200, 10
# Common variants keep clear of 0.05, where files of frequencies and of sizes count differently.
RARE = 7


@cache
def genome() -> SimulatedGenome:
    return simulate_genome(generator(11, "panel"), N_BLOCKS, BLOCK_SIZE, enrichment=6.0)


@cache
def z_scores(trait: int = 0) -> np.ndarray:
    return np.sqrt(simulate_chi2(genome(), generator(11, "trait", trait), N))


def ids() -> np.ndarray:
    return np.array([f"rs{number}" for number in range(N_BLOCKS * BLOCK_SIZE)], dtype=object)


def is_common() -> np.ndarray:
    return np.arange(N_BLOCKS * BLOCK_SIZE) % RARE != 0


def halves() -> list[slice]:
    """Rows of the two chromosomes."""
    middle = N_BLOCKS * BLOCK_SIZE // 2
    return [slice(0, middle), slice(middle, None)]


@dataclass(frozen=True)
class Files:
    folder: Path

    @property
    def ld(self) -> str:
        return str(self.folder / "ld.@")

    @property
    def weights(self) -> str:
        return str(self.folder / "w.@")

    @property
    def frequencies(self) -> Path:
        return self.folder / "panel.@"

    def sumstats(self, trait: int = 0) -> Path:
        return self.folder / f"trait{trait}.sumstats.gz"


def write(folder: Path, n_traits: int = 1) -> Files:
    """LD scores, weights, annotations and frequencies of two chromosomes, and summary statistics."""
    made = genome()
    common = is_common()
    for number, rows in enumerate(halves(), start=1):
        places = [f"{number}\t{one}\t{1000 * (k + 1)}" for k, one in enumerate(ids()[rows])]
        _table(
            folder / f"ld.{number}.l2.ldscore.gz",
            "CHR\tSNP\tBP\tbaseL2\tactiveL2\tlevelL2",
            places,
            made.ld_scores[rows],
        )
        _table(folder / f"w.{number}.l2.ldscore.gz", "CHR\tSNP\tBP\tL2", places, made.weight_ld[rows, None])
        annotations = made.annotations[rows]
        (folder / f"ld.{number}.l2.M").write_text(_line(annotations.sum(axis=0)))
        (folder / f"ld.{number}.l2.M_5_50").write_text(_line(annotations[common[rows]].sum(axis=0)))
        as_annot = [f"{number}\t{1000 * (k + 1)}\t{one}\t0" for k, one in enumerate(ids()[rows])]
        _table(folder / f"ld.{number}.annot.gz", "CHR\tBP\tSNP\tCM\tbase\tactive\tlevel", as_annot, annotations)
        frequency = np.where(common[rows], 0.3, 0.02)
        (folder / f"panel.{number}.frq").write_text(
            " CHR SNP A1 A2 MAF NCHROBS\n"
            + "".join(f" {number} {one} A G {f} 978\n" for one, f in zip(ids()[rows], frequency, strict=True))
        )
    for trait in range(n_traits):
        rows_ = [f"{one}\tA\tG\t{N}\t{z:.9g}" for one, z in zip(ids(), z_scores(trait), strict=True)]
        with gzip.open(folder / f"trait{trait}.sumstats.gz", "wt") as stream:
            stream.write("SNP\tA1\tA2\tN\tZ\n" + "\n".join(rows_) + "\n")
    return Files(folder)


def _table(path: Path, header: str, places: list[str], values: np.ndarray) -> None:
    lines = ["\t".join([place, *(f"{v:.9g}" for v in row)]) for place, row in zip(places, values, strict=True)]
    with gzip.open(path, "wt") as stream:
        stream.write(header + "\n" + "\n".join(lines) + "\n")


def _line(sizes: np.ndarray) -> str:
    return "\t".join(f"{size:.12g}" for size in sizes) + "\n"
