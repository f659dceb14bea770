"""Strict fairness: the paths of one update, which together take every operation of every layer equally often."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr

from ambergen.spaces.architecture import Architecture
from ambergen.spaces.space import Space


def fair_paths(space: Space, rng: np.random.Generator) -> list[Architecture]:
    """As many paths as the longest list of operations of a layer has members.

    Every layer deals its operations to the paths in an order of its own. A layer with the longest list uses each
    operation once; one with a shorter list deals it anew until every path has its operation, so that uses differ by
    one at most.

    Parameters
    ----------
    space : its `skip_density` is the mean share of skip connections of a path

    References
    ----------
    Chu et al., FairNAS: Rethinking evaluation fairness of weight sharing neural architecture search, ICCV 2021.

    Notes
    -----
    The paper has no skip connections to choose. Here a path's number of them is drawn from its own stratum of the
    binomial distribution with the space's density, so that each update has sparse and dense paths. Which ones is dealt
    in turn from one shuffled ring of all: neighbouring paths have no skip connection in common while the ring lasts
    (at a density of one half, a path and its complement), and uses of skip connections differ by one at most.
    """
    sizes, n_paths = _list_lengths(space), n_fair_paths(space)
    choices = np.stack([_dealt(size, n_paths, rng) for size in sizes], axis=1)
    skips = _skip_masks(space.n_skips, space.skip_density, n_paths, rng).astype(int)
    ends = np.cumsum([len(sources) for sources in space.skip_sources])[:-1]
    paths = []
    for operations, chosen in zip(choices, skips, strict=True):
        tokens: list[int] = []
        for operation, bits in zip(operations, np.split(chosen, ends), strict=True):
            tokens += [int(operation), *bits.tolist()]
        paths.append(space.decode(tokens))
    return paths


def n_fair_paths(space: Space) -> int:
    """Paths of an update: operations of the layer that has the most."""
    return max(_list_lengths(space))


def _list_lengths(space: Space) -> list[int]:
    """Operations by layer: the genes that stand before the bits of the layer's skip connections."""
    places = np.cumsum([0, *(1 + len(sources) for sources in space.skip_sources)])[:-1]
    return [space.gene_sizes[place] for place in places]


def _dealt(n: int, n_paths: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """(n_paths,): shuffled 0 to n - 1, over and over."""
    rounds = -(-n_paths // n)
    return np.concatenate([rng.permutation(n) for _ in range(rounds)])[:n_paths]


def _skip_masks(n: int, density: float, n_paths: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """(n_paths, n): which skip connections each path has."""
    strata = (rng.permutation(n_paths) + rng.random(n_paths)) / n_paths
    counts = _binomial_quantiles(n, density, strata)
    ring, first = rng.permutation(n), 0
    masks = np.zeros((n_paths, n), bool)
    for mask, count in zip(masks, counts.tolist(), strict=True):
        mask[ring[(first + np.arange(count)) % max(n, 1)]] = True
        first += count
    return masks


def _binomial_quantiles(n: int, p: float, shares: NDArray[np.float64]) -> NDArray[np.int64]:
    """The numbers of successes among `n` that a share of draws does not exceed."""
    return np.minimum(np.searchsorted(bdtr(np.arange(n + 1), n, p), shares), n)
