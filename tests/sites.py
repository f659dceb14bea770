"""Bound sites of a factor that is made up, with contigs, for tests of what is trained on tables of sites."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ambergen.datasets.building import build
from ambergen.datasets.config import DataConfig, SplitConfig, TableSource
from ambergen.datasets.store import Store

MOTIF = "GAGGAAGTG"
LENGTH = 48
SPLIT = SplitConfig(test=("chr4",), selection=("chr3",), search=("chr2",))


def write_sites(path: Path, n: int = 240, seed: int = 0, motif: str = MOTIF) -> Path:
    """Rows chrom, sequence: windows with the motif somewhere, one base of which differs at random, half on either
    strand."""
    rng = np.random.default_rng(seed)
    rows = ["chrom\tsequence\n"]
    for number in range(n):
        bases = rng.choice(list("ACGT"), LENGTH)
        word = list(motif)
        word[rng.integers(len(word))] = str(rng.choice(list("ACGT")))
        at = rng.integers(4, LENGTH - len(word) - 4)
        bases[at : at + len(word)] = word
        text = "".join(bases)
        if number % 2:
            text = text[::-1].translate(str.maketrans("ACGT", "TGCA"))
        rows.append(f"chr{1 + number % 5 % 4}\t{text}\n")
    path.write_text("".join(rows))
    return path


def sites_store(folder: Path, n: int = 240, seed: int = 0) -> Store:
    """The store of such sites and of shuffles of them, one track `bound`."""
    source = TableSource(write_sites(folder / "sites.tsv", n, seed), contig="chrom", sites="bound", shuffles=1)
    return build(DataConfig(source, split=SPLIT, on_leak="drop"), folder / "store", seed)


def motif_counts() -> np.ndarray:
    """(4, width) counts of the motif, one base of a site in nine being another one."""
    counts = np.full((4, len(MOTIF)), 1.0)
    for column, letter in enumerate(MOTIF):
        counts["ACGT".index(letter), column] = 30.0
    return counts
