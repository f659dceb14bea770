"""Association statistics of a trait whose heritability per annotation is known.

The genome is many independent blocks in which correlation falls with distance; statistics come straight from their
distribution, without genotypes, so that a hundred traits take seconds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

# The published checks of this project: 400 blocks of 50 variants, a tenth of them with five times the mean variance.
N_BLOCKS, BLOCK_SIZE, CORRELATION = 400, 50, 0.9
SHARE, ENRICHMENT, H2, N = 0.1, 5.0, 0.5, 5000


@dataclass(frozen=True)
class SimulatedGenome:
    """Variants, their annotations (base, enriched, null) and what follows from them.

    annotations, ld_scores : (n_variants, 3)
    variance : (n_variants,), of effects
    correlation, root : (block_size, block_size), of the variants in a block, and its symmetric root
    """

    annotations: Array
    ld_scores: Array
    variance: Array
    correlation: Array
    root: Array

    @property
    def m(self) -> Array:
        """Sums of the annotations."""
        return self.annotations.sum(axis=0)

    @property
    def tau(self) -> Array:
        """True coefficients."""
        inside = self.annotations[:, 1] == 1
        outside_value = self.variance[~inside][0]
        return np.array([outside_value, self.variance[inside][0] - outside_value, 0.0])

    @property
    def weight_ld(self) -> Array:
        """All variants take part in the regression, so that their LD score to the base counts them."""
        return np.maximum(self.ld_scores[:, 0], 1)


def simulate_genome(
    rng: np.random.Generator, n_blocks: int = N_BLOCKS, block_size: int = BLOCK_SIZE, enrichment: float = ENRICHMENT
) -> SimulatedGenome:
    """A genome with a base annotation, one that is enriched, and one of absolute normal values without effect."""
    n_variants = n_blocks * block_size
    annotations = np.column_stack(
        [np.ones(n_variants), rng.random(n_variants) < SHARE, np.abs(rng.standard_normal(n_variants))]
    )
    distance = np.abs(np.subtract.outer(np.arange(block_size), np.arange(block_size)))
    correlation = CORRELATION**distance
    values, vectors = np.linalg.eigh(correlation)
    inside, share = annotations[:, 1] == 1, annotations[:, 1].mean()
    mean = H2 / n_variants
    variance = np.where(inside, enrichment * mean, mean * (1 - enrichment * share) / (1 - share))
    return SimulatedGenome(
        annotations,
        ld_scores=_in_blocks(correlation**2, annotations),
        variance=variance,
        correlation=correlation,
        root=(vectors * np.sqrt(values)) @ vectors.T,
    )


def simulate_chi2(genome: SimulatedGenome, rng: np.random.Generator, n: int = N) -> Array:
    """(n_variants,) chi-squares of one trait in a study of `n` individuals without confounding."""
    effects = rng.standard_normal(len(genome.variance)) * np.sqrt(genome.variance)
    noise = rng.standard_normal(len(genome.variance))
    z = np.sqrt(n) * _in_blocks(genome.correlation, effects) + _in_blocks(genome.root, noise)
    return z**2


def permuted_ld_scores(genome: SimulatedGenome, rng: np.random.Generator) -> Array:
    """LD scores (n_variants, 3) with the enriched annotation given to other variants at random."""
    annotations = genome.annotations.copy()
    annotations[:, 1] = rng.permutation(annotations[:, 1])
    return _in_blocks(genome.correlation**2, annotations)


def _in_blocks(matrix: Array, values: Array) -> Array:
    """`matrix` times the values of each block: (n_variants, …) -> (n_variants, …)."""
    size = len(matrix)
    return np.einsum("ij,bj...->bi...", matrix, values.reshape(-1, size, *values.shape[1:])).reshape(values.shape)
