"""One row an allele and group of tracks: effects taken together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import pandas as pd

from ambergen.effects.results import Effects
from ambergen.effects.statistics import aggregate
from ambergen.errors import FileFormatError
from ambergen.io.compression import open_by_content

ALL = "all"
_OF_ALLELES = ("record_index", "alt_index", "chrom", "pos", "id", "ref", "alt", "status")


def read_groups(path: Path, tracks: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Groups of tracks from a table of two columns without a header, track and group, separated by tabs.

    Raises
    ------
    FileFormatError
        If a line has another form, or names a track that the model lacks.
    """
    groups: dict[str, list[str]] = {}
    with open_by_content(path) as stream:
        lines = stream.read().decode("utf-8", errors="replace").splitlines()
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.startswith("#"):
            continue
        cells = [cell.strip() for cell in line.split("\t")]
        if len(cells) != 2 or not all(cells):
            raise FileFormatError(
                f"{path}, line {number}: found {len(cells)} column{'s' * (len(cells) != 1)}; expected a track and its "
                "group, separated by a tab. Correct the line."
            )
        if cells[0] not in tracks:
            raise FileFormatError(
                f"{path}, line {number}: the model has no track {cells[0]!r}; it has {', '.join(tracks[:3])}"
                f"{', …' if len(tracks) > 3 else ''}. Correct the name, or remove the line."
            )
        groups.setdefault(cells[1], []).append(cells[0])
    return {group: tuple(dict.fromkeys(names)) for group, names in groups.items()}


def summarise(effects: Effects, score: str, groups: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """Aggregates of one score over all tracks and over groups of them.

    Parameters
    ----------
    score : the matrix that is taken
    groups : tracks by the name of their group; the group `all` is added

    Returns
    -------
    DataFrame
        Rows in the order of the alleles, the groups within each: what names the allele, ``group``, ``n_tracks``,
        ``mean`` (with sign), ``max_abs`` and the track that has it, ``l2``, ``sum_abs``; and where there is a
        background ``mean_log10_e``, the mean over tracks of -log10 of the p-value.
    """
    parts = []
    for group, tracks in {ALL: effects.tracks, **groups}.items():
        chosen = effects.select_tracks(tracks)
        found = aggregate(getattr(chosen, score))
        names = np.array([*tracks, ""], dtype=object)
        columns: dict[str, Any] = {
            "group": group,
            "n_tracks": len(tracks),
            "mean": found.mean,
            "max_abs": found.max_abs,
            "max_abs_track": names[found.max_track],  # -1 is the last one, which is empty
            "l2": found.l2,
            "sum_abs": found.sum_abs,
        }
        if "p_value" in chosen.matrices:
            columns["mean_log10_e"] = -np.log10(chosen.p_value.astype(np.float64)).mean(axis=1)
        parts.append(effects.variants[list(_OF_ALLELES)].reset_index(drop=True).assign(**columns))
    return pd.concat(parts).sort_index(kind="stable").reset_index(drop=True)


class SummaryOutput:
    """The aggregates as tab-separated text."""

    def __init__(self, stream: TextIO, score: str, groups: Mapping[str, Sequence[str]]) -> None:
        self._stream, self._score, self._groups, self._first = stream, score, groups, True

    def write(self, effects: Effects) -> None:
        rows = summarise(effects, self._score, self._groups)
        rows.to_csv(self._stream, sep="\t", index=False, header=self._first, float_format="%.7g", lineterminator="\n")
        self._first = False

    def close(self) -> None:
        self._stream.close()
