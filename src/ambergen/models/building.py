"""Candidate of any search space -> network."""

from __future__ import annotations

import torch

from ambergen.errors import SpaceError
from ambergen.models.child import Child
from ambergen.models.hierarchical import HierarchicalNetwork
from ambergen.spaces.architecture import Architecture
from ambergen.spaces.base import Candidate, SearchSpace
from ambergen.spaces.genotype import Genotype
from ambergen.spaces.hierarchical_space import HierarchicalSpace
from ambergen.spaces.space import Space


def make_child(
    space: SearchSpace, candidate: Candidate, n_tracks: int, length: int, n_symbols: int = 4
) -> Child | HierarchicalNetwork:
    """The untrained network of a candidate.

    Raises
    ------
    SpaceError
        If the candidate lies outside the space.
    """
    space.check(candidate)
    if isinstance(space, Space) and isinstance(candidate, Architecture):
        return Child(space, candidate, n_tracks, length, n_symbols)
    if isinstance(space, HierarchicalSpace) and isinstance(candidate, Genotype):
        return HierarchicalNetwork(space, candidate, n_tracks, length, n_symbols)
    raise SpaceError(
        f"model: no network is known for {type(candidate).__name__} of {type(space).__name__}; expected an "
        "architecture of Space or a genotype of HierarchicalSpace."
    )


def build(
    architecture: Candidate,
    n_tracks: int,
    length: int,
    space: SearchSpace | None = None,
    n_symbols: int = 4,
    seed: int | None = None,
) -> Child | HierarchicalNetwork:
    """The untrained child model of an architecture or a genotype.

    Parameters
    ----------
    n_tracks : outputs
    length : positions of the input window
    space : default: the published space of AMBER-Seq, of a genotype the hierarchical one
    seed : of the initial weights; default: torch's global generator

    Raises
    ------
    SpaceError
        If the architecture lies outside the space.
    """
    if space is None:
        space = HierarchicalSpace() if isinstance(architecture, Genotype) else Space()
    if seed is None:
        return make_child(space, architecture, n_tracks, length, n_symbols)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return make_child(space, architecture, n_tracks, length, n_symbols)
