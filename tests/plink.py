"""PLINK files written bit by bit from the format's description."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

# Bits of a genotype with so many copies of the first allele; -1 is missing
BITS = {2: 0b00, -1: 0b01, 1: 0b10, 0: 0b11}


def write_plink(
    prefix: Path,
    genotypes: NDArray,
    centimorgans: Sequence[float] | NDArray,
    positions: Sequence[int] | NDArray | None = None,
    contigs: Sequence[str] | None = None,
    ids: Sequence[str] | None = None,
    alleles: Sequence[tuple[str, str]] | None = None,
) -> Path:
    """Write `prefix`.bed, .bim and .fam; returns `prefix`.

    genotypes : (n_individuals, n_variants) copies of the first allele, nan or -1 where missing
    positions : 1-based
    """
    genotypes = np.nan_to_num(genotypes, nan=-1).astype(int)
    n, m = genotypes.shape
    packed = bytearray(b"\x6c\x1b\x01")
    for variant in genotypes.T:
        for first in range(0, n, 4):
            packed.append(sum(BITS[int(g)] << 2 * place for place, g in enumerate(variant[first : first + 4])))
    prefix.parent.mkdir(parents=True, exist_ok=True)
    prefix.with_name(prefix.name + ".bed").write_bytes(bytes(packed))
    positions = 1000 * np.arange(1, m + 1) if positions is None else positions
    contigs = ["1"] * m if contigs is None else contigs
    ids = [f"rs{contigs[j]}_{j}" for j in range(m)] if ids is None else ids
    alleles = [("A", "G")] * m if alleles is None else alleles
    rows = [
        f"{contigs[j]}\t{ids[j]}\t{centimorgans[j]}\t{positions[j]}\t{alleles[j][0]}\t{alleles[j][1]}\n"
        for j in range(m)
    ]
    prefix.with_name(prefix.name + ".bim").write_text("".join(rows))
    prefix.with_name(prefix.name + ".fam").write_text("".join(f"0 person{i} 0 0 0 -9\n" for i in range(n)))
    return prefix
