"""Block jackknife: errors of estimates from rows whose neighbours are correlated.

Rows in genomic order are cut into contiguous blocks; the estimate is made again without each block in turn, and the
spread of these delete values is the error. Nothing is assumed about the correlation but that it ends within a block.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ambergen.errors import InputError

Array = NDArray[np.float64]

# A block whose removal leaves less than this share of a direction's information makes its delete value meaningless.
_SMALLEST_SHARE = 1e-10


class Design(Protocol):
    """The columns of a regression, made for some rows at a time, since all of them may not fit into memory."""

    @property
    def names(self) -> tuple[str, ...]:
        """One name a column, for messages."""

    def rows(self, part: slice) -> Array:
        """(n_rows, n_columns) of these rows."""


@dataclass(frozen=True)
class BlockEstimates:
    """An estimate and what it is without each block.

    estimate : (n_columns,)
    delete : (n_blocks, n_columns)
    """

    estimate: Array
    delete: Array


def block_borders(n_rows: int, n_blocks: int) -> NDArray[np.int64]:
    """First row of each block, and the number of rows: blocks differ by one row at most.

    Raises
    ------
    InputError
        If there are fewer than two blocks, or fewer rows than blocks.
    """
    if n_blocks < 2:
        raise InputError(f"n_blocks: is {n_blocks}; a jackknife needs at least 2 blocks. 200 are usual.")
    if n_rows < n_blocks:
        raise InputError(
            f"n_blocks: is {n_blocks}, but there are {n_rows} variants; expected at least one variant a block. Take "
            "fewer blocks, or look why so few variants are left."
        )
    return np.floor(np.linspace(0, n_rows, n_blocks + 1)).astype(np.int64)


def jackknife_covariance(delete: Array) -> Array:
    """Covariance of an estimate from its delete values.

    Parameters
    ----------
    delete : (n_blocks, n_estimates)

    Returns
    -------
    (n_estimates, n_estimates)
        The sample covariance of the pseudo-values, over the number of blocks. Pseudo-values are the estimate taken
        n_blocks times minus the delete value taken n_blocks - 1 times, so that the estimate itself falls out.
    """
    n_blocks = len(delete)
    centred = delete - delete.mean(axis=0)
    return (n_blocks - 1) / n_blocks * (centred.T @ centred)


def jackknife_error(delete: Array) -> Array:
    """Standard errors, the roots of the diagonal of `jackknife_covariance`: (n_blocks, …) -> (…)."""
    n_blocks = len(delete)
    return np.sqrt((n_blocks - 1) / n_blocks * ((delete - delete.mean(axis=0)) ** 2).sum(axis=0))


def weighted_least_squares(
    design: Design, response: Array, weights: Array, borders: NDArray[np.int64]
) -> BlockEstimates:
    """Weighted least squares, with all rows and without each block.

    Parameters
    ----------
    design : n_rows rows, n_columns columns
    response, weights : (n_rows,)
    borders : (n_blocks + 1,), as of `block_borders`

    Raises
    ------
    InputError
        If a column is a combination of the others, over all rows or without one of the blocks.

    Notes
    -----
    LD scores of annotations have scales that differ by orders of magnitude. The rows are read twice: the first pass
    finds the columns' inner products, whose Cholesky factor turns the columns into nearly orthonormal ones in the
    second, so that the normal equations lose nothing where annotations resemble each other.
    """
    parts = [slice(first, last) for first, last in pairwise(borders)]
    root = np.sqrt(weights / weights.sum())
    gram = sum(_inner(design.rows(part) * root[part, None]) for part in parts)
    turn = _orthonormalising(np.asarray(gram), design.names)
    n_columns = len(turn)
    grams, products = np.empty((len(parts), n_columns, n_columns)), np.empty((len(parts), n_columns))
    for number, part in enumerate(parts):
        rows = (design.rows(part) * root[part, None]) @ turn
        grams[number] = _inner(rows)
        products[number] = rows.T @ (response[part] * root[part])
    gram, product = grams.sum(axis=0), products.sum(axis=0)
    left = gram - grams
    _refuse_lonely_blocks(left, turn, design.names, borders)
    estimate = turn @ np.linalg.solve(gram, product)
    delete = np.linalg.solve(left, (product - products)[:, :, None])[:, :, 0] @ turn.T
    return BlockEstimates(estimate, delete)


def _inner(rows: Array) -> Array:
    return rows.T @ rows


def _orthonormalising(gram: Array, names: tuple[str, ...]) -> Array:
    """(n_columns, n_columns) by which columns with these inner products become orthonormal."""
    scale = np.sqrt(np.diag(gram))
    empty = np.flatnonzero(scale == 0)
    if len(empty):
        raise InputError(
            f"{names[empty[0]]}: the column is 0 in every row; expected values that differ. Leave the annotation out."
        )
    try:
        lower = np.linalg.cholesky(gram / np.outer(scale, scale))
    except np.linalg.LinAlgError as error:
        raise collinear(gram, names) from error
    return np.linalg.inv(lower).T / scale[:, None]


def condition_number(gram: Array) -> float:
    """Condition number of the columns with inner products `gram` (n_columns, n_columns), each of unit length."""
    values = np.linalg.eigvalsh(_unit(gram))
    return float(np.sqrt(values[-1] / values[0])) if values[0] > 0 else float("inf")


def _unit(gram: Array) -> Array:
    scale = np.sqrt(np.diag(gram))
    return gram / np.outer(scale, scale)


def collinear(gram: Array, names: tuple[str, ...]) -> InputError:
    """The error that names the columns which together are nearly 0."""
    combination = np.abs(np.linalg.eigh(_unit(gram))[1][:, 0])
    guilty = [names[column] for column in np.flatnonzero(combination > 0.1 * combination.max())]
    shown = ", ".join(guilty[:6]) + (f" and {len(guilty) - 6} more" if len(guilty) > 6 else "")
    return InputError(
        f"annotations: the LD scores of {shown} are collinear (condition number {condition_number(gram):.3g}); "
        "expected columns none of which is a combination of the others. Leave one of them out; two copies of one "
        "annotation, or categories that add up to the base annotation, are the usual reason."
    )


def _refuse_lonely_blocks(left: Array, turn: Array, names: tuple[str, ...], borders: NDArray[np.int64]) -> None:
    """Raise if without some block a column is a combination of the others.

    Parameters
    ----------
    left : (n_blocks, n_columns, n_columns), inner products of the orthonormal columns without each block
    """
    values, vectors = np.linalg.eigh(left)
    lonely = np.flatnonzero(values[:, 0] < _SMALLEST_SHARE)
    if len(lonely):
        block = int(lonely[0])
        # Contribution of each column, on its own scale, to the direction about which the other blocks say nothing.
        direction = np.abs(turn @ vectors[block, :, 0]) / np.linalg.norm(turn, axis=1)
        raise InputError(
            f"n_blocks: {names[int(np.argmax(direction))]} cannot be told from the other columns without block "
            f"{block + 1}, variants {borders[block]} to {borders[block + 1] - 1}; expected an annotation that varies "
            "outside each block. It probably lies in one region only: leave it out, or use fewer blocks."
        )
