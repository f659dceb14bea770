"""Influence of windows against finite differences of weighted metrics, and variances against DeLong and simulation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from ambergen.metrics.auroc_difference import delong
from ambergen.metrics.influence import (
    auroc_influence,
    average_precision_influence,
    clustered_variance,
    mean_influence,
)

PAIRS = (
    (auroc_influence, roc_auc_score),
    (average_precision_influence, average_precision_score),
)


@st.composite
def ranked(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Scores with ties, and labels of both classes."""
    n = draw(st.integers(4, 12))
    scores = draw(st.lists(st.integers(0, 6), min_size=n, max_size=n))
    labels = draw(st.lists(st.booleans(), min_size=n - 2, max_size=n - 2))
    return np.array(scores, np.float32), np.array([True, False, *labels])


@settings(max_examples=8)
@given(ranked(), st.sampled_from(PAIRS))
def test_influence__is_the_derivative_by_a_windows_weight(case: tuple[np.ndarray, np.ndarray], pair: tuple) -> None:
    influence, metric = pair
    scores, labels = case
    step = 1e-5
    slopes = []
    for window in range(len(scores)):
        up, down = np.ones(len(scores)), np.ones(len(scores))
        up[window] += step
        down[window] -= step
        higher = metric(labels, scores, sample_weight=up)
        slopes.append((higher - metric(labels, scores, sample_weight=down)) / (2 * step))
    np.testing.assert_allclose(influence(scores, labels), slopes, atol=1e-7)


@given(ranked(), st.sampled_from(PAIRS))
def test_influence__sums_to_zero(case: tuple[np.ndarray, np.ndarray], pair: tuple) -> None:
    assert pair[0](*case).sum() == pytest.approx(0, abs=1e-12)


def test_clustered_variance__of_single_windows_is_delongs() -> None:
    rng = np.random.default_rng(0)
    labels = rng.random(4000) < 0.3
    scores = rng.normal(size=4000) + labels
    expected = delong(labels, scores, rng.normal(size=4000)).covariance[0, 0]
    assert clustered_variance(auroc_influence(scores, labels)) == pytest.approx(expected, rel=2e-3)


def test_clustered_variance__of_a_mean_is_the_usual_one() -> None:
    values = np.random.default_rng(1).normal(size=50)
    influence = (values - values.mean()) / len(values)
    assert clustered_variance(influence) == pytest.approx(values.var(ddof=1) / len(values))
    assert np.isnan(clustered_variance([0.3]))


def test_clustered_variance__sees_that_copies_of_windows_are_no_new_evidence() -> None:
    rng = np.random.default_rng(2)
    labels = rng.random(500) < 0.3
    scores = rng.normal(size=500) + labels
    block = np.repeat(np.arange(500), 4)
    copied = auroc_influence(np.repeat(scores, 4), np.repeat(labels, 4))
    by_block = clustered_variance(np.bincount(block, copied))
    assert by_block == pytest.approx(clustered_variance(auroc_influence(scores, labels)), rel=1e-9)
    assert clustered_variance(copied) == pytest.approx(by_block / 4, rel=0.01)


def test_mean_influence__leaves_unknown_labels_and_other_tracks_out() -> None:
    rng = np.random.default_rng(3)
    scores, labels = rng.normal(size=(60, 3)).astype(np.float32), rng.integers(0, 2, (60, 3))
    known = rng.random((60, 3)) < 0.7
    found = mean_influence(scores, labels, known, [True, False, True])
    expected = np.zeros((2, 60))
    for track in (0, 2):
        rows = np.flatnonzero(known[:, track])
        for row, (influence, _) in zip(expected, PAIRS, strict=True):
            row[rows] += influence(scores[rows, track], labels[rows, track].astype(bool)) / 2
    np.testing.assert_allclose(found.auroc, expected[0])
    np.testing.assert_allclose(found.average_precision, expected[1])
