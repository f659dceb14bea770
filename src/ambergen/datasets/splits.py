"""Train, search, selection and test: which contigs, or rows of a table, belong to which."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np
from numpy.typing import NDArray

from ambergen.datasets.config import SplitConfig
from ambergen.datasets.labels import Bins
from ambergen.errors import ConfigError, SplitError
from ambergen.io.aliases import ContigAliases

TRAIN, SEARCH, SELECTION, TEST = 0, 1, 2, 3
SPLIT_NAMES = ("train", "search", "selection", "test")
"""In the order of the codes; what stands later is kept cleaner: a leak costs the earlier split its window."""
LEFT_OUT = 255
"""The code of a window that lies in the gap between two splits, or is not kept."""

SEARCH_SHARE = 0.1
"""The part of the training windows that becomes the search split where none is named."""

PRESETS = {
    # Zhou & Troyanskaya, Nature Methods 12, 931-934 (2015), methods: validation is 30,508,751-35,296,850 of chr7.
    "deepsea": SplitConfig(test=("chr8", "chr9"), selection=("chr7:30508750-35296850",)),
    # The holdouts of Selene's example configurations: Chen et al., Nature Methods 16, 315-318 (2019).
    "selene": SplitConfig(test=("chr8", "chr9"), selection=("chr6", "chr7")),
    # Fold 0 of the five chromosome folds of BPNet and ChromBPNet.
    "bpnet-fold0": SplitConfig(test=("chr1", "chr3", "chr6"), selection=("chr8", "chr20")),
}

_REGION = re.compile(r"(?P<contig>.+):(?P<start>[0-9,]+)-(?P<end>[0-9,]+)")
_COLUMN_VALUES = {
    **{name: code for code, name in enumerate(SPLIT_NAMES)},
    **dict.fromkeys(("training",), TRAIN),
    **dict.fromkeys(("dev", "valid", "validation", "val"), SELECTION),
    **dict.fromkeys(("testing",), TEST),
}


def preset(name: str) -> SplitConfig:
    """The published splits that the run file calls `name`.

    Raises
    ------
    ConfigError
        If there are none.
    """
    if name not in PRESETS:
        near = get_close_matches(name, PRESETS, n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise ConfigError(f"data.split: there is no preset '{name}'; expected one of {', '.join(PRESETS)}.{hint}")
    return PRESETS[name]


def code_of(name: str) -> int:
    """The code of a split's name; `ConfigError` for another name."""
    if name not in SPLIT_NAMES:
        raise ConfigError(f"there is no split '{name}'; expected one of {', '.join(SPLIT_NAMES)}.")
    return SPLIT_NAMES.index(name)


def code_of_cell(cell: str) -> int | None:
    """The code of a cell of a table's split column; None for an unknown word."""
    return _COLUMN_VALUES.get(cell.strip().lower())


@dataclass(frozen=True)
class SplitRegion:
    """The part of a contig that belongs to a split; bins belong to it that begin in `start` … `end` - 1."""

    contig: int
    start: int
    end: int
    code: int
    text: str


def split_regions(
    split: SplitConfig, contigs: Sequence[str], lengths: NDArray[np.int64], aliases: ContigAliases
) -> list[SplitRegion]:
    """The regions that a config names, on the genome's contigs.

    Parameters
    ----------
    contigs : the genome's names
    lengths : (n_contigs,) bases

    Raises
    ------
    SplitError
        If test or selection are empty, a name is no contig of the genome, a region is not on its contig, or two splits
        share bases.
    """
    regions: list[SplitRegion] = []
    for code, texts in ((TEST, split.test), (SELECTION, split.selection), (SEARCH, split.search)):
        if not texts and code != SEARCH:
            raise SplitError(
                f"data.split.{SPLIT_NAMES[code]}: no contig is named; expected at least one of {_some(contigs)}. "
                "Name contigs that are kept from training, or give a region as contig:start-end."
            )
        for text in texts:
            region = _region(code, text, contigs, lengths, aliases)
            for other in regions:
                _refuse_overlap(region, other, contigs)
            regions.append(region)
    return regions


def _region(
    code: int, text: str, contigs: Sequence[str], lengths: NDArray[np.int64], aliases: ContigAliases
) -> SplitRegion:
    where = f"data.split.{SPLIT_NAMES[code]}"
    # A contig's own name may hold a colon (HLA alleles), so the whole text is tried first
    name, start, end = aliases.resolve(text), 0, None
    if name is None and (match := _REGION.fullmatch(text)):
        name = aliases.resolve(match["contig"])
        start, end = (int(match[part].replace(",", "")) for part in ("start", "end"))
    if name is None:
        near = get_close_matches(text, contigs, n=3, cutoff=0.3) or contigs[:3]
        raise SplitError(
            f"{where}: '{text}' is not a contig of the genome; the nearest names are {', '.join(near)}. "
            "Use one of the genome's names, or give a table of contig aliases."
        )
    contig = list(contigs).index(name)
    length = int(lengths[contig])
    end = length if end is None else end
    if not 0 <= start < end <= length:
        raise SplitError(
            f"{where}: the region {text} is not on contig {name}, which has {length:,} bases; expected "
            "contig:start-end, 0-based and half-open. Correct the region."
        )
    return SplitRegion(contig, start, end, code, text)


def _refuse_overlap(region: SplitRegion, other: SplitRegion, contigs: Sequence[str]) -> None:
    if region.contig != other.contig or region.start >= other.end or other.start >= region.end:
        return
    first, second = SPLIT_NAMES[other.code], SPLIT_NAMES[region.code]
    if first == second and region.text == other.text:
        raise SplitError(
            f"data.split.{first}: '{region.text}' is named twice; expected each contig once. Remove one of the two."
        )
    raise SplitError(
        f"data.split: contig {contigs[region.contig]} is in {first} ('{other.text}') and in {second} "
        f"('{region.text}'); expected every contig, or region of one, in a single split. Remove one of the two."
    )


def split_of_bins(bins: Bins, regions: Sequence[SplitRegion], length: int) -> NDArray[np.uint8]:
    """The split of every bin, `LEFT_OUT` where its window would overlap one of a split that matters more.

    Parameters
    ----------
    length : of a window

    Returns
    -------
    (n_bins,) uint8
    """
    codes = np.full(len(bins), TRAIN, dtype=np.uint8)
    for region in regions:
        origin = bins.first[region.contig]
        count = bins.first[region.contig + 1] - origin
        lower, upper = (min(-(-edge // bins.step), count) for edge in (region.start, region.end))
        codes[origin + lower : origin + upper] = region.code
    for contig in {region.contig for region in regions}:
        part = codes[bins.first[contig] : bins.first[contig + 1]]
        part[:] = leave_gaps(part, bins.step, length)
    return codes


def leave_gaps(codes: NDArray[np.uint8], step: int, length: int) -> NDArray[np.uint8]:
    """One contig's codes with `LEFT_OUT` where a window overlaps one of a later split.

    Parameters
    ----------
    codes : (n_bins,) of one contig
    step, length : bases from bin to bin, and of a window

    Returns
    -------
    (n_bins,) uint8
    """
    codes = codes.copy()
    reach = -(-length // step) - 1  # bins at this distance have windows that share bases
    position = np.arange(len(codes))
    for code in (TEST, SELECTION, SEARCH):
        of_code = np.flatnonzero(codes == code)
        if len(of_code) == 0:
            continue
        following = np.searchsorted(of_code, position)
        ahead = of_code[np.minimum(following, len(of_code) - 1)] - position
        behind = position - of_code[np.maximum(following - 1, 0)]
        near = ((ahead >= 0) & (ahead <= reach)) | ((behind >= 0) & (behind <= reach))
        codes[near & (codes < code)] = LEFT_OUT
    return codes


def cut_search_split(
    bins: Bins, codes: NDArray[np.uint8], counted: NDArray[np.bool_], length: int
) -> NDArray[np.uint8]:
    """Codes in which the last tenth of the training windows of each contig is the search split, after a gap.

    Parameters
    ----------
    codes : (n_bins,) uint8
    counted : (n_bins,)
        The bins of which the search split takes a tenth: those with a label, or all.
    length : of a window; contigs are left whole if the tenth of their training part is shorter than two windows

    Returns
    -------
    (n_bins,) uint8

    Raises
    ------
    SplitError
        If no contig is long enough.
    """
    codes = codes.copy()
    for contig in range(len(bins.lengths)):
        part = codes[bins.first[contig] : bins.first[contig + 1]]
        of_train = part == TRAIN
        candidates = np.flatnonzero(of_train & counted[bins.first[contig] : bins.first[contig + 1]])
        n_search = round(SEARCH_SHARE * len(candidates))
        if n_search == 0 or SEARCH_SHARE * of_train.sum() * bins.step < 2 * length:
            continue
        cut = candidates[-n_search]
        part[cut:][of_train[cut:]] = SEARCH
        part[:] = leave_gaps(part, bins.step, length)
    if not (codes == SEARCH).any():
        raise SplitError(
            "data.split.search: no search split is named, and no training contig is long enough to cut a tenth off "
            f"its end with a gap of {length} bases; expected training contigs of at least {20 * length:,} bases with "
            "peaks. Name a contig for search, or a region as contig:start-end."
        )
    return codes


def draw_rows(groups: NDArray[np.int64], share: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    """A random part of rows; rows of one group go together.

    Parameters
    ----------
    groups : (n,)
        Number of the group of each row, for example of all rows with one sequence.
    share : of the rows, about

    Returns
    -------
    (n,) bool
    """
    _, group, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    order = rng.permutation(len(sizes))
    wanted = round(share * len(groups))
    drawn = np.zeros(len(sizes), dtype=bool)
    drawn[order[np.cumsum(sizes[order]) <= wanted]] = True
    return drawn[group]


def check_positives(
    positives: NDArray[np.int64], n_windows: NDArray[np.int64], tracks: Sequence[str], where: str = "data.split"
) -> list[str]:
    """Warnings about tracks without positives in search or selection.

    Parameters
    ----------
    positives : (4, n_tracks), by split
    n_windows : (4,), by split
    where : the key of the run file that decides

    Raises
    ------
    SplitError
        If a split has no windows, a track has no positives in train or test, or no track has any in search or
        selection.
    """
    warnings: list[str] = []
    for code, name in enumerate(SPLIT_NAMES):
        if n_windows[code] == 0:
            raise SplitError(
                f"{where}.{name}: the split has no windows; expected some with a label. Name contigs that have "
                "peaks, or give more rows."
            )
        empty = np.flatnonzero(positives[code] == 0)
        if len(empty) == 0:
            continue
        if name in ("train", "test") or len(empty) == len(tracks):
            raise SplitError(f"{where}.{name}: {_no_positives(code, empty, positives, n_windows, tracks)}")
        named = ", ".join(tracks[track] for track in empty[:10]) + (", …" if len(empty) > 10 else "")
        warnings.append(
            f"{len(empty)} of {len(tracks)} tracks have no positive window in split {name} and do not count there: "
            f"{named}"
        )
    return warnings


def _no_positives(
    code: int,
    empty: NDArray[np.int64],
    positives: NDArray[np.int64],
    n_windows: NDArray[np.int64],
    tracks: Sequence[str],
) -> str:
    track = int(empty[0])
    elsewhere = ", ".join(f"{name} {positives[other, track]:,}" for other, name in enumerate(SPLIT_NAMES))
    others = f" (and {len(empty) - 1} other tracks: {_some([tracks[i] for i in empty[1:]])})" if len(empty) > 1 else ""
    return (
        f"track '{tracks[track]}'{others} has no positive window among the "
        f"{n_windows[code]:,} of the split; expected at least one (its positives: {elsewhere}). Give the split "
        "windows with peaks of the track (another contig, or more rows), or leave the track out."
    )


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
