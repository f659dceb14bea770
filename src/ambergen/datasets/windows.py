"""Which windows of a genome are kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ambergen.datasets.labels import Bins
from ambergen.datasets.splits import LEFT_OUT, SPLIT_NAMES
from ambergen.seeds import generator


@dataclass(frozen=True, eq=False)
class WindowChoice:
    """The bins whose windows are kept, ascending, and the split of each; `left_out` counts the others by reason."""

    bins: NDArray[np.int64]
    split: NDArray[np.uint8]
    left_out: dict[str, int]


def window_start(bin_start: NDArray[np.int64], width: int, length: int) -> NDArray[np.int64]:
    """(n,): the first base of the window of `length` bases in the middle of which a bin of `width` bases lies.

    Before the contig's first base it is negative.
    """
    return bin_start - (length - width) // 2


def known_bins(tokens: NDArray[np.uint8], width: int, step: int, unknown: int) -> NDArray[np.bool_]:
    """Which bins of a contig have a base that is known.

    Parameters
    ----------
    tokens : (contig_length,)
    width, step : of the bins
    unknown : the token of a base that is not known

    Returns
    -------
    (n_bins,) bool
    """
    n_bins = max((len(tokens) - width) // step + 1, 0)
    start = step * np.arange(n_bins)
    edges = np.stack([start, start + width], axis=1).reshape(-1)
    # Every second section is a bin; a last edge at the contig's end is no index of it
    sections = np.minimum.reduceat(tokens, edges[edges < len(tokens)]) if n_bins else tokens[:0]
    return sections[::2] < unknown


def choose(
    bins: Bins,
    split: NDArray[np.uint8],
    labelled: NDArray[np.bool_],
    usable: NDArray[np.bool_],
    unlabelled: float | Literal["all"],
    seed: int,
) -> WindowChoice:
    """Keep the windows with a label and a share of the others, contig by contig and split by split.

    Parameters
    ----------
    split : (n_bins,) codes, `LEFT_OUT` for windows that no split takes
    labelled : (n_bins,) whether a track is positive
    usable : (n_bins,) whether an unlabelled window may be kept
    unlabelled : unlabelled windows for each labelled one, or all
    """
    taken = split != LEFT_OUT
    kept = taken & labelled
    candidates = taken & ~labelled & usable
    if unlabelled == "all":
        kept |= candidates
    else:
        for contig in range(len(bins.lengths)):
            part = slice(int(bins.first[contig]), int(bins.first[contig + 1]))
            for code, name in enumerate(SPLIT_NAMES):
                of_split = split[part] == code
                wanted = round(unlabelled * int((kept[part] & of_split).sum()))
                if wanted == 0:
                    continue
                pool = np.flatnonzero(candidates[part] & of_split)
                rng = generator(seed, "unlabelled", contig, name)
                kept[part][rng.choice(pool, min(wanted, len(pool)), replace=False)] = True
    number = np.flatnonzero(kept)
    left_out = {
        "unlabelled, unknown bases only": int((taken & ~labelled & ~usable).sum()),
        "unlabelled, not drawn": int((candidates & ~kept).sum()),
    }
    return WindowChoice(number, split[number], left_out)
