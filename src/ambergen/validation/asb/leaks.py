"""Sites that scorers may have seen while they were trained."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ambergen.datasets.store import Store
from ambergen.errors import InputError
from ambergen.io.aliases import ContigAliases

# What DeepSEA, and models trained on its split, did not learn from: positions from 1, ends included.
DEEPSEA_HELD_OUT = ("chr8", "chr9", "chr7:30508751-35296850")
TRAINED, OUTSIDE = "train", ""


def leak_flags(sites: pd.DataFrame, store: Store) -> NDArray:
    """Which part of a store's data each site lies in.

    Parameters
    ----------
    sites : (n_sites,) rows chrom, pos, ref

    Returns
    -------
    (n_sites,) of str
        "train" where a window of the splits train or search covers the variant or its contig has such windows (models
        learn from both once a search is over), "selection" or "test" where a window of that split does, else "". The
        first that holds counts.

    Raises
    ------
    InputError
        If the store was made of a table of sequences, which have no place.
    """
    if "rows" in store.manifest:
        raise InputError(
            f"{store.path}: the store holds sequences without positions, so it cannot tell which sites were trained "
            "on. Leave --store out, or name what is held out with --held-out."
        )
    learned = np.concatenate([store.indices("train"), store.indices("search")])
    flags = np.full(len(sites), OUTSIDE, dtype=object)
    for split, windows in (("test", store.indices("test")), ("selection", store.indices("selection"))):
        flags[_covered(sites, store, windows)] = split
    trained_contigs = set(store.windows(learned).contig)
    flags[_contigs(sites, store).isin(trained_contigs).to_numpy()] = TRAINED
    return flags


def _contigs(sites: pd.DataFrame, store: Store) -> pd.Series:
    aliases = ContigAliases([contig["name"] for contig in store.manifest["contigs"]])
    return sites["chrom"].map({name: aliases.resolve(name) for name in dict.fromkeys(sites["chrom"])})


def _covered(sites: pd.DataFrame, store: Store, windows: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether a window covers any base of the reference allele."""
    covered = np.zeros(len(sites), dtype=bool)
    intervals, contigs = store.windows(windows), _contigs(sites, store)
    first = sites["pos"].to_numpy() - 1
    last = first + np.maximum(1, sites["ref"].str.len().to_numpy())
    for contig, part in intervals.by_contig():
        here = np.flatnonzero((contigs == contig).to_numpy())
        # Windows are of one length, so those that begin soonest also end soonest.
        starts = np.sort(part.start)
        near = np.searchsorted(starts, last[here]) - 1
        covered[here] = (near >= 0) & (starts[np.maximum(near, 0)] + store.length > first[here])
    return covered


def inside(sites: pd.DataFrame, regions: Sequence[str]) -> NDArray[np.bool_]:
    """Whether sites lie in any of some contigs or regions.

    Parameters
    ----------
    regions : ``chr8`` or ``chr7:30508751-35296850``, positions from 1, ends included

    Raises
    ------
    InputError
        If a region is malformed. One without a site is no error.
    """
    names = list(dict.fromkeys(sites["chrom"]))
    aliases = ContigAliases(names)
    found = np.zeros(len(sites), dtype=bool)
    for region in regions:
        name, _, span = region.partition(":")
        bounds = span.replace(",", "").split("-") if span else []
        if span and (len(bounds) != 2 or not all(b.isdigit() for b in bounds) or int(bounds[1]) < int(bounds[0])):
            raise InputError(
                f"held out {region!r}: is no region; expected a contig, or CONTIG:START-END with positions from 1. "
                "Correct it."
            )
        contig = aliases.resolve(name)
        if contig is None:
            continue
        here = (sites["chrom"] == contig).to_numpy()
        if bounds:
            here = here & sites["pos"].between(int(bounds[0]), int(bounds[1])).to_numpy()
        found |= here
    return found
