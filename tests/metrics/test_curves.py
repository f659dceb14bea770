"""The curves that a report draws, against scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as oracle

from ambergen.errors import InputError
from ambergen.metrics.curves import precision_recall_curve, roc_curve
from ambergen.metrics.ranking import auroc


def track(n: int, decimals: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(n)
    labels = rng.random(n) < 0.2
    return (rng.normal(size=n) + labels).round(decimals), labels


@pytest.mark.parametrize("decimals", [0, 1, 6])
def test_roc_curve__is_scikit_learns_where_nothing_is_thinned(decimals: int) -> None:
    scores, labels = track(300, decimals)
    curve = roc_curve(scores, labels)
    false_positive_rate, true_positive_rate, _ = oracle.roc_curve(labels, scores, drop_intermediate=False)
    np.testing.assert_allclose(curve.false_positive_rate, false_positive_rate)
    np.testing.assert_allclose(curve.true_positive_rate, true_positive_rate)


@pytest.mark.parametrize("decimals", [0, 1, 6])
def test_precision_recall_curve__is_scikit_learns_up_to_full_recall(decimals: int) -> None:
    scores, labels = track(300, decimals)
    curve = precision_recall_curve(scores, labels)
    precision, recall, _ = oracle.precision_recall_curve(labels, scores)
    first_complete = np.flatnonzero(recall == 1)[-1]
    np.testing.assert_allclose(curve.recall, recall[first_complete:][::-1])
    np.testing.assert_allclose(curve.precision, precision[first_complete:][::-1])


def test_curves__are_thinned_to_points_of_the_full_curve() -> None:
    scores, labels = track(20_000, 9)
    thin, full = roc_curve(scores, labels), roc_curve(scores, labels, points=10**6)
    assert len(thin.true_positive_rate) <= 500
    points = set(zip(full.false_positive_rate.tolist(), full.true_positive_rate.tolist(), strict=True))
    assert points.issuperset(zip(thin.false_positive_rate.tolist(), thin.true_positive_rate.tolist(), strict=True))
    area = np.sum(np.diff(thin.false_positive_rate) * (thin.true_positive_rate[1:] + thin.true_positive_rate[:-1]) / 2)
    assert area == pytest.approx(auroc(scores[:, None], labels[:, None])[0], abs=1e-3)
    thinner = precision_recall_curve(scores, labels, points=100)
    assert 20 < len(thinner.recall) <= 100
    assert (thinner.recall[0], thinner.precision[0], thinner.recall[-1]) == (0, 1, 1)
    assert (np.diff(thinner.recall) >= 0).all()


def test_curves__of_a_single_class_are_an_error() -> None:
    with pytest.raises(InputError, match=r"all 3 labels are of one class; expected positives and negatives"):
        roc_curve([0.1, 0.2, 0.3], [1, 1, 1])


def test_curves__name_a_nan_and_a_wrong_shape() -> None:
    with pytest.raises(InputError, match=r"score of row 1 is nan"):
        precision_recall_curve([0.1, np.nan], [0, 1])
    with pytest.raises(InputError, match=r"shape \(2, 1\).*give one column"):
        roc_curve([[0.1], [0.2]], [[0], [1]])
