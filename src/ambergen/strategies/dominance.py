"""Several objectives at once: which points are beaten by none, how crowded they lie, how much they cover together."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def dominates(values: Array) -> Array:
    """Which points dominate which: at least as good in every objective, and better in one.

    Parameters
    ----------
    values : (n, n_objectives), higher is better
        What is better small enters with its sign changed.

    Returns
    -------
    (n, n) bool
        ``[a, b]``: a dominates b. Equal points do not dominate each other.
    """
    values = np.asarray(values, float)
    # objective by objective, as (n, n, n_objectives) would be large
    better = np.zeros((len(values), len(values)), bool)
    worse = np.zeros_like(better)
    for column in values.T:
        better |= column[:, None] > column
        worse |= column[:, None] < column
    return better & ~worse


def non_dominated_ranks(values: Array) -> Array:
    """(n,) int: 0 for points that none dominates, 1 for those that only points of rank 0 dominate, and so on.

    Parameters
    ----------
    values : (n, n_objectives), higher is better

    References
    ----------
    Deb et al., IEEE Transactions on Evolutionary Computation 6, 182-197 (2002), section III A.
    """
    over = dominates(values)
    ranks = np.full(len(over), -1)
    rank = 0
    while (ranks < 0).any():
        left = ranks < 0
        ranks[left & ~over[left].any(0)] = rank
        rank += 1
    return ranks


def pareto_front(values: Array) -> Array:
    """Indices of the points that none dominates, the first objective falling; of equal points the first alone.

    Parameters
    ----------
    values : (n, n_objectives), higher is better
    """
    values = np.asarray(values, float)
    front = np.flatnonzero(~dominates(values).any(0))
    _, first = np.unique(values[front], axis=0, return_index=True)
    front = front[np.sort(first)]
    return front[np.argsort(-values[front, 0], kind="stable")]


def crowding_distances(values: Array, ranks: Array) -> Array:
    """(n,) how far the neighbours of each point of its rank lie apart, summed over objectives; inf at the ends.

    Parameters
    ----------
    values : (n, n_objectives)
    ranks : (n,) as `non_dominated_ranks` gives

    Notes
    -----
    Distances are in units of the range of an objective among the points of the rank; one without a range adds nothing.

    References
    ----------
    Deb et al., IEEE Transactions on Evolutionary Computation 6, 182-197 (2002), section III B.
    """
    values, ranks = np.asarray(values, float), np.asarray(ranks)
    distances = np.zeros(len(values))
    for rank in np.unique(ranks):
        members = np.flatnonzero(ranks == rank)
        for column in values[members].T:
            order = np.argsort(column, kind="stable")
            ordered = column[order]
            reach = ordered[-1] - ordered[0]
            if reach > 0:
                distances[members[order[1:-1]]] += (ordered[2:] - ordered[:-2]) / reach
                distances[members[order[[0, -1]]]] = np.inf
    return distances


def best_first(values: Array) -> Array:
    """(n,) indices by rank, within a rank by falling crowding distance, then in the order given.

    Parameters
    ----------
    values : (n, n_objectives), higher is better
        With one objective this is the order of its values.
    """
    values = np.asarray(values, float)
    if values.shape[1] == 1:
        return np.argsort(-values[:, 0], kind="stable")
    ranks = non_dominated_ranks(values)
    return np.lexsort((-crowding_distances(values, ranks), ranks))


def hypervolume(values: Array, reference: Array) -> float:
    """Area that points of two objectives dominate, as far as the reference point.

    Parameters
    ----------
    values : (n, 2), higher is better
        Points that are not better than the reference in both objectives add nothing.
    reference : (2,)
        Fixed before points are seen, as areas to different references cannot be compared.

    Returns
    -------
    float
        In the product of the two units.

    References
    ----------
    Zitzler and Thiele, IEEE Transactions on Evolutionary Computation 3, 257-271 (1999).
    """
    values, reference = np.asarray(values, float).reshape(-1, 2), np.asarray(reference, float)
    values = values[(values > reference).all(1)]
    area, height = 0.0, float(reference[1])
    for x, y in values[np.lexsort((-values[:, 1], -values[:, 0]))]:
        if y > height:
            area += float((x - reference[0]) * (y - height))
            height = float(y)
    return area
