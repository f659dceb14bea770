"""Where two windows around a variant differ, found from the windows alone."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


class ChangedSpans(NamedTuple):
    """The changed bases of each pair of windows: start to stop (half-open) of either, (n,) each.

    Both begin at one place. A deletion has an empty span in the alternate window: the place between two bases.
    """

    start: Ints
    ref_stop: Ints
    alt_stop: Ints

    def touched(self, width: int, places: int, alt: bool) -> NDArray[np.bool_]:
        """Which stretches of `width` bases overlap the changed ones, or cross the place where bases are missing.

        Returns
        -------
        (n, places), for stretches that begin at 0 to places - 1
        """
        first = np.arange(places)
        stop = self.alt_stop if alt else self.ref_stop
        return (first < stop[:, None]) & (first + width > self.start[:, None])


def changed_spans(ref: NDArray[np.uint8], alt: NDArray[np.uint8], index: int) -> ChangedSpans:
    """The shortest replacement that turns each window of the reference allele into that of the alternate one.

    Parameters
    ----------
    ref, alt : (n, length)
        Beyond the alleles they agree, shifted against each other by the difference of the alleles' lengths.
    index : position of the variant, which stands for the span where the windows do not differ
    """
    length = ref.shape[1]
    differ = ref != alt
    some = differ.any(axis=1)
    start = np.where(some, differ.argmax(axis=1), index)
    stop = np.where(some, length - differ[:, ::-1].argmax(axis=1), index + 1)
    ref_stop, alt_stop = stop.copy(), stop.copy()
    for row in np.flatnonzero(stop - start > 1):
        ref_size, alt_size = _sizes(ref[row, start[row] :], alt[row, start[row] :], int(stop[row] - start[row]))
        ref_stop[row], alt_stop[row] = start[row] + ref_size, start[row] + alt_size
    return ChangedSpans(start, ref_stop, alt_stop)


def _sizes(ref: NDArray[np.uint8], alt: NDArray[np.uint8], size: int) -> tuple[int, int]:
    """Bases that are replaced, and by how many, such that the rest agrees and least is replaced in all.

    size : what is replaced if nothing is shifted
    """
    best, sizes = 2 * size, (size, size)
    for shift in range(1, len(ref)):
        if shift >= best:
            break  # a shift replaces at least as many bases as it moves
        for longer, shorter, is_insertion in ((alt, ref, True), (ref, alt, False)):
            different = np.flatnonzero(shorter[: len(ref) - shift] != longer[shift:])
            kept = int(different[-1]) + 1 if len(different) else 0
            if 2 * kept + shift < best:
                best = 2 * kept + shift
                sizes = (kept, kept + shift) if is_insertion else (kept + shift, kept)
    return sizes
