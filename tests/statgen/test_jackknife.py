from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ambergen.errors import InputError
from ambergen.seeds import generator
from ambergen.statgen.jackknife import (
    block_borders,
    jackknife_covariance,
    jackknife_error,
    weighted_least_squares,
)


@dataclass(frozen=True)
class Matrix:
    """A design that is there as a whole."""

    values: np.ndarray

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(f"column {k}" for k in range(self.values.shape[1]))

    def rows(self, part: slice) -> np.ndarray:
        return self.values[part]


@given(st.integers(2, 60), st.integers(0, 500))
def test_block_borders__blocks_cover_all_rows_and_differ_by_one_at_most(n_blocks: int, spare: int) -> None:
    borders = block_borders(n_blocks + spare, n_blocks)
    sizes = np.diff(borders)
    assert len(sizes) == n_blocks
    assert borders[0] == 0
    assert borders[-1] == n_blocks + spare
    assert sizes.max() - sizes.min() <= 1


def test_jackknife__covariance_is_that_of_the_pseudo_values() -> None:
    rng = generator(1, "jackknife")
    delete, estimate, n_blocks = rng.normal(size=(20, 3)), rng.normal(size=3), 20
    pseudo = n_blocks * estimate - (n_blocks - 1) * delete
    assert jackknife_covariance(delete) == pytest.approx(np.cov(pseudo.T) / n_blocks, rel=1e-12)
    assert jackknife_error(delete) == pytest.approx(pseudo.std(axis=0, ddof=1) / np.sqrt(n_blocks), rel=1e-12)


def test_jackknife__of_a_mean_is_the_standard_error_of_the_mean() -> None:
    values = generator(2, "mean").normal(size=40)
    delete = (values.sum() - values) / 39
    assert jackknife_error(delete[:, None])[0] == pytest.approx(values.std(ddof=1) / np.sqrt(40), rel=1e-12)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6))
def test_weighted_least_squares__is_the_fit_made_again_without_each_block(seed: int) -> None:
    rng = generator(seed, "least squares")
    # Scales as far apart as those of LD scores
    scale = np.array([1.0, 1e-4, 300.0])
    x = rng.normal(1, 1, size=(60, 3))
    y, weights = rng.normal(size=60), rng.uniform(0.1, 2, 60)
    borders = block_borders(60, 7)
    fitted = weighted_least_squares(Matrix(x * scale), y, weights, borders)

    def again(rows: np.ndarray) -> np.ndarray:
        root = np.sqrt(weights[rows])
        return np.linalg.lstsq(x[rows] * root[:, None], y[rows] * root, rcond=None)[0]

    everything = np.arange(60)
    assert fitted.estimate * scale == pytest.approx(again(everything), abs=1e-10)
    for block, (first, last) in enumerate(pairwise(borders)):
        rows = np.delete(everything, np.arange(first, last))
        assert fitted.delete[block] * scale == pytest.approx(again(rows), abs=1e-10)


def test_weighted_least_squares__nearly_collinear_columns_keep_their_digits() -> None:
    rng = generator(3, "collinear")
    base = rng.normal(50, 20, 400)
    x = np.column_stack([base, base + 1e-4 * rng.normal(size=400)])
    truth = np.array([2.0, -1.0])
    fitted = weighted_least_squares(Matrix(x), x @ truth, np.ones(400), block_borders(400, 10))
    assert fitted.estimate == pytest.approx(truth, rel=1e-6)


def test_block_borders__too_few_rows_or_blocks() -> None:
    with pytest.raises(InputError, match=r"n_blocks: is 200, but there are 150 variants.*Take fewer blocks"):
        block_borders(150, 200)
    with pytest.raises(InputError, match="at least 2 blocks"):
        block_borders(150, 1)


def test_weighted_least_squares__names_columns_that_are_empty_or_combinations() -> None:
    x = generator(4, "bad").normal(size=(50, 3))
    zero, twice = x.copy(), x.copy()
    zero[:, 1] = 0
    twice[:, 2] = x[:, 0] * 2
    for values, words in ((zero, "column 1: the column is 0"), (twice, "column 0, column 2 are collinear")):
        with pytest.raises(InputError, match=words):
            weighted_least_squares(Matrix(values), np.ones(50), np.ones(50), block_borders(50, 5))


def test_weighted_least_squares__a_column_that_lives_in_one_block_only() -> None:
    x = generator(4, "lonely").normal(size=(50, 2))
    x[10:, 1] = 0
    with pytest.raises(InputError, match=r"column 1 cannot be told .* without block 1, variants 0 to 9"):
        weighted_least_squares(Matrix(x), np.ones(50), np.ones(50), block_borders(50, 5))
