"""What a strategy without a policy says of itself: how often the candidates that it holds take each choice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ambergen.spaces.base import Candidate, SearchSpace
from ambergen.spaces.space import Space


def frequencies(space: SearchSpace, candidates: Sequence[Candidate]) -> dict[str, Any]:
    """Shares of the values of every gene among `candidates`, as `Strategy.summary` gives them.

    Without candidates, and for what the space does not have, entropy and density are None and the lists are empty.
    The entropy is that of genes taken one by one, nats; it bounds the one of the candidates from above.
    """
    shares = _shares(space, candidates)
    found: dict[str, Any] = {
        "entropy": sum(map(_entropy, shares)) if shares else None,
        "kl": 0.0,
        "skip_density": None,
        "reward_baseline": None,
        "operation_probability": [],
        "skip_probability": [],
    }
    return found | _layers(space, shares) if shares and isinstance(space, Space) else found


def _shares(space: SearchSpace, candidates: Sequence[Candidate]) -> list[np.ndarray]:
    """For every gene (n_values,), summing to one; nothing where there are no candidates."""
    if not candidates:
        return []
    columns = np.array([space.genes(c) for c in candidates]).T
    return [np.bincount(c, minlength=n) / len(c) for c, n in zip(columns, space.gene_sizes, strict=True)]


def _layers(space: Space, shares: Sequence[np.ndarray]) -> dict[str, Any]:
    """Genes of the macro space sorted into operations and skip connections."""
    remaining = iter(shares)
    operations, skips = [], []
    for names, sources in zip(space.choices, space.skip_sources, strict=True):
        among = dict(zip(names, next(remaining).tolist(), strict=True))
        operations.append([among.get(name, 0.0) for name in space.operations])
        skips += [float(next(remaining)[1]) for _ in sources]
    return {
        "operation_probability": operations,
        "skip_probability": skips,
        "skip_density": float(np.mean(skips)) if skips else 0.0,
    }


def _entropy(shares: np.ndarray) -> float:
    positive = shares[shares > 0]
    return float(-(positive * np.log(positive)).sum())
