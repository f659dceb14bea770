"""Effects of many alleles on many tracks: one table of alleles, and one matrix a score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

SCORES = ("ref_pred", "alt_pred", "diff", "logit_diff", "log2_odds", "deepsea_effect", "percentile")
"""Scores that every long table has, in its order; nan where a model has no such score."""
MORE_SCORES = ("e_value", "p_value", "z", "diff_spread", "logit_diff_spread")
"""Scores that stand at the end of a long table where there are any: of a background, and of an ensemble."""
_BEFORE, _AFTER = (
    ("record_index", "alt_index", "chrom", "pos", "id", "ref", "alt"),
    ("strand", "ref_match", "swapped", "n_unknown", "n_pad", "status"),
)

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Effects:
    """What variants do.

    A matrix of the name is also an attribute: ``effects.diff`` is ``effects.matrices["diff"]``, or nan where the model
    has no such score.

    Attributes
    ----------
    variants : (n_alleles,) rows with the columns record_index alt_index chrom pos id ref alt strand ref_match swapped
        n_unknown n_pad status; `pos` counts from 1
    tracks : names of the columns of the matrices
    matrices : (n_alleles, n_tracks) float32 by name of the score
        nan where the status is neither ok nor duplicate.
    about : how they were made
    """

    variants: pd.DataFrame
    tracks: tuple[str, ...]
    matrices: Mapping[str, Floats]
    about: Mapping[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.variants)

    def __getattr__(self, name: str) -> Floats:
        if name not in SCORES + MORE_SCORES:
            raise AttributeError(name)
        if name in self.matrices:
            return self.matrices[name]
        return np.full((len(self), len(self.tracks)), np.nan, np.float32)

    def to_long(self) -> pd.DataFrame:
        """One row an allele and track, alleles in their order and the tracks within each."""
        n_tracks = len(self.tracks)
        repeated = {name: self.variants[name].repeat(n_tracks).to_numpy() for name in (*_BEFORE, *_AFTER)}
        names = np.array(self.tracks, dtype=object)
        columns: dict[str, Any] = {name: repeated[name] for name in _BEFORE}
        columns["track"] = np.tile(names, len(self))
        columns |= {name: getattr(self, name).ravel() for name in SCORES}
        columns |= {name: repeated[name] for name in _AFTER}
        columns |= {name: self.matrices[name].ravel() for name in MORE_SCORES if name in self.matrices}
        return pd.DataFrame(columns)

    def rows(self, start: int, stop: int) -> Effects:
        """Some of the alleles."""
        matrices = {name: values[start:stop] for name, values in self.matrices.items()}
        return Effects(self.variants.iloc[start:stop], self.tracks, matrices, self.about)

    def with_facts(self, facts: Mapping[str, Any]) -> Effects:
        """The same, with more said of how they were made."""
        return replace(self, about={**self.about, **facts})

    def select_tracks(self, tracks: Sequence[str]) -> Effects:
        """The same alleles on some of the tracks, in the order that is given."""
        columns = [self.tracks.index(track) for track in tracks]
        matrices = {name: values[:, columns] for name, values in self.matrices.items()}
        return Effects(self.variants, tuple(tracks), matrices, self.about)


def concatenate(parts: Sequence[Effects]) -> Effects:
    """The alleles of all parts, one after another; at least one part, all of the same tracks and scores."""
    return Effects(
        pd.concat([part.variants for part in parts], ignore_index=True),
        parts[0].tracks,
        {name: np.concatenate([part.matrices[name] for part in parts]) for name in parts[0].matrices},
        parts[0].about,
    )
