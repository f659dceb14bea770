"""AUROC and average precision against scikit-learn, and what is true of them whatever the scores."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import average_precision_score, roc_auc_score

from ambergen.errors import InputError
from ambergen.metrics import ranking as module
from ambergen.metrics.ranking import auroc, average_precision, defined, mean_defined, ranking

LOGITS = st.sampled_from([-2.5, -1.0, -0.0, 0.0, 0.125, 1.0, 7.25]) | st.floats(-20, 20, width=32)
SHAPES = st.tuples(st.integers(1, 30), st.integers(1, 4))


@st.composite
def scored(draw: st.DrawFn, elements: st.SearchStrategy[float] = LOGITS) -> tuple[np.ndarray, np.ndarray]:
    """float32 scores, by default with many ties, and labels."""
    shape = draw(SHAPES)
    scores = draw(arrays(np.float32, shape, elements=elements))
    return scores, draw(arrays(np.uint8, shape, elements=st.integers(0, 1)))


def expected(scores: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """scikit-learn, track by track; nan where there is a single class."""
    figures = np.full((2, scores.shape[1]), np.nan)
    for track in range(scores.shape[1]):
        # scikit-learn refuses infinite scores; ranks have the same order.
        _, ranks = np.unique(scores[:, track], return_inverse=True)
        if len(np.unique(labels[:, track])) == 2:
            figures[:, track] = (
                roc_auc_score(labels[:, track], ranks),
                average_precision_score(labels[:, track], ranks),
            )
    return figures[0], figures[1]


def assert_equals_scikit_learn(scores: np.ndarray, labels: np.ndarray) -> None:
    result = ranking(scores, labels)
    for got, wanted in zip((result.auroc, result.average_precision), expected(scores, labels), strict=True):
        np.testing.assert_allclose(got, wanted, rtol=0, atol=1e-12)


@given(scored())
def test_ranking__equals_scikit_learn_with_ties(case: tuple[np.ndarray, np.ndarray]) -> None:
    assert_equals_scikit_learn(*case)


@given(scored(st.floats(width=32, allow_nan=False)))
def test_ranking__is_exact_for_any_float32(case: tuple[np.ndarray, np.ndarray]) -> None:
    assert_equals_scikit_learn(*case)


@given(scored(), st.sampled_from([1e-300, 1e-30, 1.0, 1e40, 1e300]))
def test_ranking__is_exact_for_float64(case: tuple[np.ndarray, np.ndarray], scale: float) -> None:
    scores, labels = case
    assert_equals_scikit_learn(scores * np.float64(scale) + np.float64(1e-12) * np.arange(len(scores))[:, None], labels)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int8, np.int64])
def test_ranking__takes_numbers_of_any_type(dtype: type) -> None:
    rng = np.random.default_rng(0)
    scores = rng.integers(-50, 50, (200, 3)).astype(dtype)
    assert_equals_scikit_learn(scores, rng.random((200, 3)) < 0.3)


@pytest.mark.parametrize("prevalence", [0.002, 0.05, 0.5, 0.97])
@pytest.mark.parametrize("rounding", [1, 8])
def test_ranking__equals_scikit_learn_at_every_prevalence(prevalence: float, rounding: int) -> None:
    rng = np.random.default_rng(1)
    labels = rng.random((3000, 7)) < prevalence
    labels[0], labels[1] = True, False
    assert_equals_scikit_learn((rng.normal(size=labels.shape) * 2 + labels).round(rounding).astype(np.float32), labels)


def test_ranking__does_not_depend_on_how_the_work_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(2)
    scores, labels = rng.normal(size=(50, 9)).round(1), rng.random((50, 9)) < 0.4
    whole = ranking(scores, labels)
    for name in ("_GROUP_VALUES", "_TILE_VALUES", "_BLOCK_VALUES"):
        monkeypatch.setattr(module, name, 70)
    parts = ranking(scores, labels)
    for field in ("auroc", "average_precision", "positives", "negatives"):
        np.testing.assert_array_equal(getattr(whole, field), getattr(parts, field))


@given(scored())
def test_auroc__ignores_any_strictly_rising_transform(case: tuple[np.ndarray, np.ndarray]) -> None:
    scores, labels = case
    _, ranks = np.unique(scores, return_inverse=True)
    transformed = np.exp2(ranks.reshape(scores.shape)) - 40
    result = ranking(scores, labels)
    np.testing.assert_array_equal(auroc(transformed, labels), result.auroc)
    np.testing.assert_array_equal(average_precision(transformed, labels), result.average_precision)


@given(scored())
def test_auroc__of_turned_scores_is_the_rest_to_one(case: tuple[np.ndarray, np.ndarray]) -> None:
    scores, labels = case
    np.testing.assert_allclose(auroc(-scores, labels), 1 - auroc(scores, labels), rtol=0, atol=1e-12)


@given(scored(st.just(0.25)))
def test_ranking__of_constant_scores_is_chance(case: tuple[np.ndarray, np.ndarray]) -> None:
    scores, labels = case
    result = ranking(scores, labels)
    both = (result.positives > 0) & (result.negatives > 0)
    assert (result.auroc[both] == 0.5).all()
    np.testing.assert_allclose(result.average_precision[both], labels.mean(axis=0)[both], rtol=1e-15)


def test_auroc__takes_minus_zero_for_zero() -> None:
    assert auroc(np.array([[0.0], [-0.0]], np.float32), [[0], [1]]).tolist() == [0.5]


@given(scored(), st.data())
def test_ranking__with_unknown_labels_is_the_ranking_of_the_known_rows(
    case: tuple[np.ndarray, np.ndarray], data: st.DataObject
) -> None:
    scores, labels = case
    known = data.draw(arrays(np.bool_, scores.shape))
    hidden = np.where(known, scores, np.float32(np.nan)), np.where(known, labels, 7)
    result = ranking(*hidden, known)
    for track in range(scores.shape[1]):
        rows = known[:, track]
        alone = ranking(scores[rows][:, [track]], labels[rows][:, [track]])
        for field in ("auroc", "average_precision", "positives", "negatives"):
            np.testing.assert_array_equal(getattr(result, field)[track], getattr(alone, field)[0])


def test_ranking__with_unknown_labels_ranks_extreme_scores_too() -> None:
    scores = np.array([[np.inf], [1e-38], [-np.inf], [5.0]], np.float32)
    assert auroc(scores, [[1], [1], [0], [0]], [[True], [True], [True], [False]]).tolist() == [1.0]


def test_ranking__is_nan_only_where_a_track_has_a_single_class() -> None:
    labels = np.array([[0, 1, 0], [0, 1, 1]])
    result = ranking(np.array([[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]]), labels)
    assert np.isnan(result.auroc).tolist() == [True, True, False]
    assert np.isnan(result.average_precision).tolist() == [True, True, False]
    assert result.positives.tolist() == [0, 2, 1]
    assert result.negatives.tolist() == [2, 0, 1]


def test_ranking__leaves_its_arguments_as_they_were() -> None:
    scores, labels = np.array([[0.5], [-0.5]], np.float32), np.array([[1], [0]], np.uint8)
    ranking(scores, labels, np.array([[True], [False]]))
    assert scores.tolist() == [[0.5], [-0.5]]
    assert labels.tolist() == [[1], [0]]


def test_ranking__of_no_rows_or_no_tracks_has_no_figures() -> None:
    assert np.isnan(auroc(np.empty((0, 2)), np.empty((0, 2)))).all()
    assert auroc(np.empty((3, 0)), np.empty((3, 0))).shape == (0,)


def test_ranking__names_the_nan() -> None:
    scores = np.zeros((5, 4), np.float32)
    scores[3, 2] = np.nan
    with pytest.raises(InputError, match=r"the score of row 3, track 2 is nan; expected a number\. A network whose"):
        ranking(scores, np.zeros((5, 4)))


def test_ranking__names_the_label_that_is_none() -> None:
    with pytest.raises(InputError, match=r"label of row 1, track 0 is 2; expected 0 or 1\. Mark unknown labels"):
        ranking([[0.5], [0.6]], [[0], [2]])
    with pytest.raises(InputError, match=r"label of row 0, track 0 is -1"):
        ranking([[0.5], [0.6]], [[-1], [1]])


def test_ranking__names_the_shapes() -> None:
    with pytest.raises(InputError, match=r"scores have the shape \(2, 1\), labels \(2,\); expected \(n_windows, n_tr"):
        ranking([[0.5], [0.6]], [0, 1])
    with pytest.raises(InputError, match=r"Give a single track as a column: scores\[:, None\]"):
        auroc([0.5, 0.6], [0, 1])


def test_defined__asks_for_enough_of_both_classes() -> None:
    assert defined([9, 10, 500], [500, 10, 9]).tolist() == [False, True, False]
    assert defined([1, 0], [1, 5], minimum=1).tolist() == [True, False]


def test_mean_defined__leaves_the_rest_out() -> None:
    assert mean_defined([0.5, np.nan, 0.75], [True, False, True]) == 0.625


def test_mean_defined__of_no_track_is_an_error() -> None:
    with pytest.raises(InputError, match=r"none of the 2 tracks has enough positives and negatives.*Give this split"):
        mean_defined([0.5, np.nan], [False, False])
