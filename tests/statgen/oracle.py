"""Inputs on which the regression is held against pyldsc, and what pyldsc 0.1.0 said of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ambergen.seeds import generator


@dataclass(frozen=True)
class Study:
    chi2: np.ndarray
    n: np.ndarray
    ld_scores: np.ndarray
    weight_ld: np.ndarray
    annotations: np.ndarray

    @property
    def m(self) -> np.ndarray:
        return self.annotations.sum(axis=0)

    @property
    def overlap(self) -> np.ndarray:
        return self.annotations.T @ self.annotations


def study(n_annotations: int, n_variants: int = 1200) -> Study:
    """A study whose N differs between variants, with chi-squares above 30, LD scores below 1 and overlap."""
    rng = generator(5, "oracle", n_annotations)
    annotations = np.ones((20_000, n_annotations))
    for k in range(1, n_annotations):
        annotations[:, k] = rng.random(20_000) < 0.1 * k if k % 2 else np.abs(rng.normal(size=20_000))
    base = rng.gamma(1.2, 20.0, n_variants) + 0.2
    ld_scores = np.column_stack([base, *(base * rng.uniform(0, 0.3, n_variants) for _ in range(n_annotations - 1))])
    chi2 = rng.chisquare(1, n_variants) * (1.05 + ld_scores @ np.linspace(0.04, 0.4, n_annotations))
    chi2[::100] *= 12
    n = rng.integers(40_000, 60_000, n_variants).astype(float)
    return Study(chi2, n, ld_scores, rng.gamma(1.2, 8.0, n_variants), annotations)
