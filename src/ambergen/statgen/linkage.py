"""LD scores: how much of each annotation every variant tags through linkage disequilibrium."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ambergen.errors import PanelError

# Sums of fewer than this many whole numbers are exact in float32.
_EXACT_IN_SINGLE = 1 << 24
# A tile of products and its squares stay in the processor's cache.
_TILE = 1 << 16
_SMALLEST_BLOCK, _LARGEST_BLOCK = 64, 256


def ld_scores(
    genotypes: ArrayLike, positions_cm: ArrayLike, annotations: ArrayLike, reach: float = 1.0
) -> NDArray[np.float64]:
    """Annotation-weighted sum of adjusted r-squared of each variant with the variants in reach, on one contig.

    Parameters
    ----------
    genotypes : (n_individuals, n_variants)
        Counts 0, 1, 2 of either allele, or dosages; nan where missing.
    positions_cm : (n_variants,), centimorgans, ascending
        Or positions in another unit, with `reach` in that unit.
    annotations : (n_variants, n_annotations), or (n_variants,) for a single one
    reach : centimorgans
        Variants further apart than this contribute nothing; those exactly as far apart do.

    Returns
    -------
    (n_variants, n_annotations), no unit
        The variant's own r-squared of 1 is included.

    Raises
    ------
    PanelError
        If shapes disagree, there are fewer than three individuals, `positions_cm` descend, a value is not finite, or a
        variant is constant in the panel.

    Notes
    -----
    r-squared is adjusted for its bias, r² - (1 - r²) / (n - 2). A missing genotype takes the variant's mean. Windows
    are exact, variant by variant; LDSC counts up to 50 variants more, as it moves windows in steps of 50.

    References
    ----------
    Bulik-Sullivan et al., Nature Genetics 47, 291-295 (2015), online methods.
    """
    genotypes, positions = np.asarray(genotypes), np.asarray(positions_cm, dtype=np.float64)
    annotations = np.asarray(annotations, dtype=np.float64)
    annotations = annotations[:, None] if annotations.ndim == 1 else annotations
    _check(genotypes, positions, annotations, reach)
    size = 4096
    blocks = (genotypes[:, first : first + size].T for first in range(0, genotypes.shape[1], size))
    return banded_ld_scores(blocks, reach_ends(positions, reach), annotations)


def _check(genotypes: NDArray, positions: NDArray, annotations: NDArray, reach: float) -> None:
    if genotypes.ndim != 2 or positions.ndim != 1 or annotations.ndim != 2:
        raise PanelError(
            f"genotypes, positions and annotations have {genotypes.ndim}, {positions.ndim} and {annotations.ndim} "
            "dimensions; expected (n_individuals, n_variants), (n_variants,) and (n_variants, n_annotations)."
        )
    if not genotypes.shape[1] == len(positions) == len(annotations):
        raise PanelError(
            f"genotypes are of {genotypes.shape[1]} variants, positions of {len(positions)} and annotations of "
            f"{len(annotations)}; expected one number of variants. Genotypes have a row for each individual and a "
            "column for each variant; transpose them if it is the other way round."
        )
    if not reach >= 0:
        raise PanelError(f"reach is {reach}; expected 0 or more, in the unit of the positions.")
    if not np.isfinite(annotations).all():
        row, column = np.argwhere(~np.isfinite(annotations))[0]
        raise PanelError(
            f"annotation {column} of variant {row} (both counted from 0) is {annotations[row, column]}; expected a "
            "number. Use 0 where a variant has no annotation."
        )


def reach_ends(positions: ArrayLike, reach: float) -> NDArray[np.int64]:
    """For each variant the number of variants up to the last one in its reach.

    Parameters
    ----------
    positions : (n_variants,), ascending
    reach : in the unit of the positions
        A variant is in reach if the difference of the two positions is at most this.

    Returns
    -------
    (n_variants,) int64, never descending
        Variant i has the variants i … ends[i] - 1 on its right in reach.

    Raises
    ------
    PanelError
        If positions descend or are not finite.
    """
    positions = np.asarray(positions, dtype=np.float64)
    if not np.isfinite(positions).all():
        first = int(np.flatnonzero(~np.isfinite(positions))[0])
        raise PanelError(f"the position of variant {first} (counted from 0) is {positions[first]}; expected a number.")
    falls = np.flatnonzero(np.diff(positions) < 0)
    if len(falls):
        first = int(falls[0])
        raise PanelError(
            f"position {positions[first + 1]:g} of variant {first + 1} (counted from 0) follows {positions[first]:g}; "
            "expected ascending positions of one contig. Sort the variants, and give contigs one by one."
        )
    distinct, first_of, n_of = np.unique(positions, return_index=True, return_counts=True)
    if not len(distinct):
        return np.zeros(0, dtype=np.int64)
    end = np.searchsorted(distinct, distinct + reach, side="right")
    # The sum above and the difference that counts may round to different sides of the reach.
    while True:
        further = (end < len(distinct)) & (distinct[np.minimum(end, len(distinct) - 1)] - distinct <= reach)
        nearer = distinct[end - 1] - distinct > reach
        if not (further | nearer).any():
            break
        end = end + further - nearer
    return np.repeat(np.append(first_of, len(positions))[end], n_of)


def banded_ld_scores(
    blocks: Iterable[NDArray],
    ends: NDArray[np.int64],
    annotations: NDArray,
    advance: Callable[[int], None] = lambda n_variants: None,
) -> NDArray[np.float64]:
    """LD scores of variants that come in blocks, so that the genotypes need not be in memory at once.

    Parameters
    ----------
    blocks : arrays (some variants, n_individuals)
        All variants in order. int8 counts 0, 1, 2 of an allele, negative where missing; or floats, nan where missing.
    ends : (n_variants,), from `reach_ends`
    annotations : (n_variants, n_annotations)
    advance : told the number of variants that were taken in

    Returns
    -------
    (n_variants, n_annotations)

    Raises
    ------
    PanelError
        If a variant is constant or has an infinite genotype, or there are fewer than three individuals.

    Notes
    -----
    In memory are the genotypes in reach of one block, 4 bytes each (8 with missing genotypes or dosages), one block
    as it comes, and the result.

    Products of whole genotypes are whole numbers, so they are computed in single precision without rounding, as long as
    no genotype is missing; all that follows is in double precision.
    """
    n_variants = len(ends)
    starts = np.searchsorted(ends, np.arange(n_variants), side="right")
    width = float((ends - np.arange(n_variants)).mean()) if n_variants else 0.0
    size = int(np.clip(2 ** round(np.log2(max(width, 1.0) / 4)), _SMALLEST_BLOCK, _LARGEST_BLOCK))
    window: _Window | None = None
    for block in blocks:
        if window is None:
            window = _Window(block.shape[1], starts, ends, annotations)
        for first in range(0, len(block), size):
            window.take(block[first : first + size])
        advance(len(block))
    return np.zeros(annotations.shape) if window is None else window.finish()


class _Window:
    """The variants that are in reach of the newest ones, and the sums of all variants so far.

    Complete genotypes are kept as counts in single precision, with which products are exact. While a variant with
    missing genotypes or dosages is among them, all are kept as deviations from their mean, in double precision.
    """

    def __init__(
        self, n_individuals: int, starts: NDArray[np.int64], ends: NDArray[np.int64], annotations: NDArray
    ) -> None:
        if n_individuals < 3:
            raise PanelError(
                f"the panel has {n_individuals} individuals; expected at least 3, since r-squared is adjusted by "
                "n - 2. LD scores need some hundred."
            )
        self._n = n_individuals
        self._starts, self._ends, self._annotations = starts, ends, annotations
        self._sums: NDArray[np.float64] = np.zeros(annotations.shape)
        self._squares = np.zeros(len(ends))  # of the deviations, summed over individuals
        self._means = np.zeros(len(ends))
        self._whole = np.zeros(len(ends), dtype=bool)  # complete, and made of whole counts
        self._held: NDArray = np.empty((0, n_individuals), dtype=np.float32)
        self._first = self._held_from = self._end = 0  # held variants in use begin at `_first`, the array before it
        self._products = np.empty(_TILE, dtype=np.float32)
        self._squared = np.empty(_TILE)

    def take(self, block: NDArray) -> None:
        """Add the next variants, (n_new, n_individuals), and their r-squared with all in reach."""
        new = slice(self._end, self._end + len(block))
        deviations = self._measure(block, new)
        self._first = int(self._starts[new.start])
        self._hold(block, deviations, new)
        n_rows = _TILE // len(block)
        for first in range(self._first, new.start, n_rows):
            self._add_products(slice(first, min(first + n_rows, new.start)), new)
        self._add_products(new, new)

    def finish(self) -> NDArray[np.float64]:
        """The scores, after the last block."""
        n, scores = self._n, self._sums
        for column in range(scores.shape[1]):
            cumulated = np.concatenate([[0.0], np.cumsum(self._annotations[:, column])])
            in_reach = cumulated[self._ends] - cumulated[self._starts]
            # The sum of a (r² - (1 - r²) / (n - 2)) over the variants in reach
            scores[:, column] = ((n - 1) * scores[:, column] / self._squares - in_reach) / (n - 2)
        return scores

    def _measure(self, block: NDArray, new: slice) -> NDArray[np.float64] | None:
        """Note what the new variants are like; returns their deviations unless all are whole."""
        deviations = None
        counts = _whole_counts(block, self._n)
        if counts is not None:
            ones = np.ones(self._n, dtype=np.float32)
            total = (counts @ ones).astype(np.float64)
            self._means[new] = total / self._n
            self._squares[new] = np.einsum("ji,ji->j", counts, counts).astype(np.float64) - total * total / self._n
            self._whole[new] = True
        else:
            known, values = _known(block)
            n_known = known.sum(axis=1)
            self._means[new] = values.sum(axis=1) / np.maximum(n_known, 1)
            deviations = np.where(known, values - self._means[new, None], 0.0)
            varies = np.where(known, values, -np.inf).max(axis=1) > np.where(known, values, np.inf).min(axis=1)
            self._squares[new] = np.where(varies, np.einsum("ji,ji->j", deviations, deviations), 0.0)
        constant = np.flatnonzero(self._squares[new] <= 0)
        if len(constant):
            raise PanelError(
                f"variant {new.start + constant[0]} (counted from 0): all individuals whose genotype is known have the "
                "same one, so it has no correlation with others. Leave such variants out before."
            )
        return deviations

    def _hold(self, block: NDArray, deviations: NDArray[np.float64] | None, new: slice) -> None:
        """Let go of what is out of reach and put the new variants behind the rest."""
        kept = self._held[self._first - self._held_from : self._end - self._held_from]
        whole = bool(self._whole[self._first : new.stop].all())
        kind = np.float32 if whole else np.float64
        n_needed = len(kept) + len(block)
        if self._held.dtype != kind or new.stop - self._held_from > len(self._held):
            # Room for as much again, so that what is kept moves seldom
            room = np.empty((max(2 * n_needed, 4 * len(block)), self._n), dtype=kind)
            means = self._means[self._first : self._end, None]
            if self._held.dtype == kind:
                room[: len(kept)] = kept
            elif whole:
                np.rint(kept + means, out=room[: len(kept)], casting="same_kind")
            else:
                np.subtract(kept, means, out=room[: len(kept)])
            self._held, self._held_from = room, self._first
        target = self._held[new.start - self._held_from : new.stop - self._held_from]
        if whole:
            target[:] = block
        else:
            target[:] = block - self._means[new, None] if deviations is None else deviations
        self._end = new.stop

    def _add_products(self, rows: slice, new: slice) -> None:
        """Add the squared products of held and new variants to the sums of both, or of the new ones with themselves."""
        shape = (rows.stop - rows.start, new.stop - new.start)
        left = self._held[rows.start - self._held_from : rows.stop - self._held_from]
        right = self._held[new.start - self._held_from : new.stop - self._held_from]
        squared = self._squared[: shape[0] * shape[1]].reshape(shape)
        if self._held.dtype == np.float32:
            products = self._products[: shape[0] * shape[1]].reshape(shape)
            np.matmul(left, right.T, out=products)
            np.multiply(self._n * self._means[rows, None], self._means[new], out=squared)
            np.subtract(products, squared, out=squared)
        else:
            np.matmul(left, right.T, out=squared)
        np.multiply(squared, squared, out=squared)
        self._clear_out_of_reach(squared, rows, new)
        self._sums[rows] += squared @ (self._annotations[new] / self._squares[new, None])
        if rows != new:
            self._sums[new] += squared.T @ (self._annotations[rows] / self._squares[rows, None])

    def _clear_out_of_reach(self, squared: NDArray, rows: slice, new: slice) -> None:
        # Ends never descend: the rows that do not reach the last of the new ones come first.
        short = int(np.searchsorted(self._ends[rows], new.stop))
        if not short:
            return
        beyond = np.arange(new.start, new.stop) >= self._ends[rows][:short, None]
        squared[:short][beyond] = 0
        if rows == new:
            squared[:, :short][beyond.T] = 0


def _whole_counts(block: NDArray, n_individuals: int) -> NDArray[np.float32] | None:
    """The block in single precision; None if a genotype is missing or products in single precision might round."""
    if 2 * 2 * n_individuals >= _EXACT_IN_SINGLE:
        return None
    if block.dtype == np.int8:
        return None if block.min() < 0 else block.astype(np.float32)
    counts = block.astype(np.float32)
    usual = (counts == 0) | (counts == 1) | (counts == 2)
    return counts if usual.all() and np.array_equal(counts, block) else None


def _known(block: NDArray) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Which genotypes are known, and the genotypes in double precision with 0 for the others."""
    values = block.astype(np.float64)
    known = values >= 0 if block.dtype == np.int8 else ~np.isnan(values)
    if np.isinf(values).any():
        raise PanelError("a genotype is infinite; expected counts 0, 1, 2 or dosages, and nan where missing.")
    return known, np.where(known, values, 0.0)
