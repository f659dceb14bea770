"""The cluster bootstrap against resampling written out, and against how often its intervals hold the truth."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ambergen.metrics.auroc_difference import delong
from ambergen.validation.asb.measures import area
from ambergen.validation.asb.resampling import (
    difference_p,
    draw_blocks,
    percentiles,
    resampled_auroc,
    resampled_mean,
)


def places(blocks: np.ndarray) -> tuple[pd.Series, pd.Series]:
    return pd.Series(["chr1"] * len(blocks)), pd.Series(blocks * 1_000_000 + 1)


def test_resampled__are_the_figures_of_rows_written_out_again() -> None:
    rng = np.random.default_rng(0)
    blocks = rng.integers(0, 12, 60)
    scores, positive = rng.integers(0, 6, 60).astype(float), rng.random(60) < 0.4
    draws = draw_blocks(*places(blocks), rng, 20)
    areas, means = resampled_auroc(draws, scores, positive), resampled_mean(draws, scores)
    for row, times in enumerate(draws.times):
        again = np.concatenate([np.flatnonzero(draws.block == b) for b in np.repeat(np.arange(len(times)), times)])
        assert areas[row] == pytest.approx(area(scores[again], positive[again])[0])
        assert means[row] == pytest.approx(scores[again].mean())
        assert times.sum() == draws.n_blocks


def test_draw_blocks__hold_a_megabase_of_one_contig() -> None:
    chrom = pd.Series(["chr1", "chr1", "chr1", "chr2"])
    draws = draw_blocks(chrom, pd.Series([1, 1_000_000, 1_000_001, 5]), np.random.default_rng(0), 3)
    assert draws.block.tolist() == [0, 0, 1, 2]


def test_percentiles__of_independent_sites_agree_with_delong() -> None:
    rng = np.random.default_rng(1)
    positive = rng.random(800) < 0.5
    a, b = positive + rng.normal(size=(2, 800)) * [[1.0], [2.5]]
    draws = draw_blocks(*places(np.arange(800)), rng, 1000)
    moved = resampled_auroc(draws, a, positive) - resampled_auroc(draws, b, positive)
    test = delong(positive, a, b)
    error = np.sqrt(test.covariance[0, 0] + test.covariance[1, 1] - 2 * test.covariance[0, 1])
    interval = percentiles(test.auroc_a - test.auroc_b, moved, draws)
    assert (interval.high - interval.low) / (2 * 1.96) == pytest.approx(error, rel=0.1)
    assert difference_p(moved, draws) < 0.01


def test_percentiles__of_copied_sites_are_as_wide_as_without_copies() -> None:
    """Rows of one variant add nothing: taken as independent they would halve the interval."""
    rng = np.random.default_rng(2)
    positive = rng.random(200) < 0.5
    scores = positive + 2 * rng.normal(size=200)
    once = draw_blocks(*places(np.arange(200)), np.random.default_rng(5), 1500)
    four = draw_blocks(*places(np.repeat(np.arange(200), 4)), np.random.default_rng(6), 1500)
    width = [np.ptp(np.quantile(resampled_auroc(once, scores, positive), [0.025, 0.975]))]
    width.append(
        np.ptp(np.quantile(resampled_auroc(four, np.repeat(scores, 4), np.repeat(positive, 4)), [0.025, 0.975]))
    )
    assert width[1] == pytest.approx(width[0], rel=0.1)


def test_percentiles__of_few_blocks_or_no_spread_are_unknown() -> None:
    rng = np.random.default_rng(3)
    few = draw_blocks(*places(np.arange(9)), rng, 50)
    scores, positive = rng.normal(size=9), np.arange(9) % 2 == 0
    values = resampled_auroc(few, scores, positive)
    assert np.isnan([percentiles(0.5, values, few).low, difference_p(values, few)]).all()
    many = draw_blocks(*places(np.arange(40)), rng, 200)
    perfect = resampled_auroc(many, np.arange(40.0), np.arange(40) >= 20)
    assert np.isnan(percentiles(1.0, perfect, many).low)


def test_resampled_auroc__of_a_resample_without_a_class_is_unknown() -> None:
    draws = draw_blocks(*places(np.arange(2)), np.random.default_rng(4), 50)
    found = resampled_auroc(draws, np.array([0.0, 1.0]), np.array([False, True]))
    assert set(found[~np.isnan(found)]) == {1.0}
    assert np.isnan(found).any()
