"""Log likelihood, Brier skill, Matthews' correlation and accuracy against scikit-learn, and what is true of them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import expit
from sklearn.metrics import accuracy_score, brier_score_loss, log_loss, matthews_corrcoef

from ambergen.errors import InputError
from ambergen.metrics import probabilistic as module
from ambergen.metrics.probabilistic import accuracy, brier, log_likelihood, mcc
from ambergen.metrics.ranking import auroc

ALL = (log_likelihood, brier, mcc, accuracy)
LOGITS = st.sampled_from([-2.5, -1.0, -0.0, 0.0, 0.125, 7.25]) | st.floats(-25, 25, width=32)
SHAPES = st.tuples(st.integers(1, 30), st.integers(1, 4))

Metric = Callable[..., np.ndarray]
Case = tuple[np.ndarray, np.ndarray]


@st.composite
def scored(draw: st.DrawFn) -> Case:
    """float32 logits and labels."""
    shape = draw(SHAPES)
    return draw(arrays(np.float32, shape, elements=LOGITS)), draw(arrays(np.uint8, shape, elements=st.integers(0, 1)))


def brier_skill(labels: np.ndarray, scores: np.ndarray) -> float:
    prevalence = np.full(len(labels), labels.mean())
    return 1 - brier_score_loss(labels, expit(scores)) / brier_score_loss(labels, prevalence)


ORACLES: list[tuple[Metric, Callable[[np.ndarray, np.ndarray], float]]] = [
    (log_likelihood, lambda labels, scores: -log_loss(labels, expit(scores))),
    (brier, brier_skill),
    (mcc, lambda labels, scores: matthews_corrcoef(labels, scores > 0)),
    (accuracy, lambda labels, scores: accuracy_score(labels, scores > 0)),
]


@pytest.mark.parametrize(("metric", "oracle"), ORACLES, ids=[metric.__name__ for metric, _ in ORACLES])
@given(case=scored())
def test_metrics__equal_scikit_learn_where_a_track_has_both_classes(
    metric: Metric, oracle: Callable[[np.ndarray, np.ndarray], float], case: Case
) -> None:
    scores, labels = case
    found = metric(scores, labels)
    for track in range(scores.shape[1]):
        if len(np.unique(labels[:, track])) == 2:
            assert found[track] == pytest.approx(
                oracle(labels[:, track], scores[:, track].astype(float)),
                rel=1e-6,
                abs=1e-10,  # of a probability that is rounded near 1
            )
        else:
            assert np.isnan(found[track])


@pytest.mark.parametrize("metric", ALL)
@given(case=scored(), seed=st.integers(0, 99))
def test_metrics__leave_unknown_labels_out_whatever_stands_there(metric: Metric, case: Case, seed: int) -> None:
    scores, labels = case
    known = np.random.default_rng(seed).random(scores.shape) < 0.6
    found = metric(np.where(known, scores, np.nan), np.where(known, labels, 7), known)
    for track in range(scores.shape[1]):
        rows = known[:, track]
        alone = metric(scores[rows, track, None], labels[rows, track, None])
        np.testing.assert_allclose(found[track], alone[0], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("metric", ALL)
@given(case=scored(), seed=st.integers(0, 99))
def test_metrics__ignore_the_order_of_windows_and_other_tracks(metric: Metric, case: Case, seed: int) -> None:
    scores, labels = case
    order = np.random.default_rng(seed).permutation(len(scores))
    np.testing.assert_allclose(metric(scores[order], labels[order]), metric(scores, labels), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(metric(scores[:, :1], labels[:, :1]), metric(scores, labels)[:1], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("metric", ALL)
@given(case=scored())
def test_metrics__are_undefined_where_auroc_is(metric: Metric, case: Case) -> None:
    np.testing.assert_array_equal(np.isnan(metric(*case)), np.isnan(auroc(*case)))


@pytest.mark.parametrize("metric", ALL)
@given(case=scored())
def test_metrics__rise_with_a_score_that_becomes_more_right(metric: Metric, case: Case) -> None:
    scores, labels = case
    better = scores + np.where(labels == 1, 1, -1).astype(np.float32)
    before, after = metric(scores, labels), metric(better, labels)
    assert (np.isnan(before) | (after >= before - 1e-12)).all()
    sure = metric(np.where(labels == 1, np.inf, -np.inf), labels)
    assert np.isnan(sure).all() or np.nanmin(sure) == pytest.approx(0.0 if metric is log_likelihood else 1.0)


@given(case=scored())
def test_mcc__changes_its_sign_with_the_calls(case: Case) -> None:
    scores, labels = case
    scores = np.where(scores == 0, np.float32(1), scores)
    np.testing.assert_allclose(mcc(-scores, labels), -mcc(scores, labels), atol=1e-12)


def test_mcc__of_equal_calls_is_zero() -> None:
    labels = np.array([[0], [1], [1]], np.uint8)
    assert mcc(np.ones((3, 1)), labels).tolist() == [0.0]
    assert mcc(-np.ones((3, 1)), labels).tolist() == [0.0]


def test_brier__of_the_prevalence_is_zero_and_of_worse_negative() -> None:
    labels = np.array([[0], [1], [1], [1]], np.uint8)
    assert brier(np.full((4, 1), np.log(3.0)), labels) == pytest.approx(0.0, abs=1e-12)
    assert brier(np.full((4, 1), -np.log(3.0)), labels)[0] < -1


def test_log_likelihood__stays_exact_where_probabilities_round_to_one() -> None:
    labels = np.array([[1], [0]], np.uint8)
    assert log_likelihood(np.array([[-800.0], [800.0]]), labels).tolist() == [-800.0]
    assert log_likelihood(np.array([[50.0], [-50.0]]), labels)[0] == pytest.approx(-np.exp(-50), rel=1e-12)


def test_metrics__do_not_depend_on_the_size_of_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    scores, labels = rng.normal(size=(50, 3)), rng.integers(0, 2, (50, 3))
    whole = [metric(scores, labels) for metric in ALL]
    monkeypatch.setattr(module, "_TILE_VALUES", 12)
    np.testing.assert_allclose([metric(scores, labels) for metric in ALL], whole, rtol=1e-13)
    scores[41, 2] = np.nan
    with pytest.raises(InputError, match="the score of row 41, track 2 is nan; expected a number"):
        mcc(scores, labels)


@pytest.mark.parametrize("metric", ALL)
def test_metrics__refuse_what_is_no_matrix_of_scores_and_labels(metric: Metric) -> None:
    with pytest.raises(InputError, match=r"shape \(3,\), labels \(3,\); expected \(n_windows, n_tracks\)"):
        metric(np.zeros(3), np.zeros(3))
    with pytest.raises(InputError, match="the label of row 0, track 0 is 2; expected 0 or 1"):
        metric(np.zeros((1, 1)), np.full((1, 1), 2))
