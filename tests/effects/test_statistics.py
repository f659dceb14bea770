from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import logit

from ambergen.effects.statistics import aggregate, scores
from ambergen.errors import InputError

PROBABILITIES = arrays(np.float64, 5, elements=st.floats(0, 1))
LOGITS = arrays(np.float64, 5, elements=st.floats(-40, 40))


def test_scores__of_the_worked_example() -> None:
    found = scores(0.2, 0.35)
    assert found.diff == pytest.approx(0.15, abs=1e-12)
    assert found.logit_diff == pytest.approx(0.767255, abs=1e-6)
    assert found.log2_odds == pytest.approx(1.106915, abs=1e-6)
    assert found.deepsea_effect == pytest.approx(0.115088, abs=1e-6)
    of_logits = scores(logit(0.2), logit(0.35), logits=True)
    assert np.stack(of_logits) == pytest.approx(np.stack(found), abs=1e-12)


def test_scores__of_two_strands_are_those_of_the_spec() -> None:
    forward, reverse = np.array([0.2, 0.35]), np.array([0.3, 0.28])
    ref, alt = (logit(forward) + logit(reverse)) / 2
    averaged = scores(ref, alt, logits=True)
    assert averaged.logit_diff == pytest.approx(0.335046, abs=1e-6)
    assert averaged.deepsea_effect == pytest.approx(0.0225609, abs=1e-7)
    of_probabilities = scores(*((forward + reverse) / 2))
    assert of_probabilities.logit_diff == pytest.approx(0.321766, abs=1e-6)
    assert of_probabilities.deepsea_effect == pytest.approx(0.0209148, abs=1e-7)


@given(ref=PROBABILITIES, alt=PROBABILITIES)
def test_scores__of_exchanged_alleles_have_the_other_sign_exactly(ref: np.ndarray, alt: np.ndarray) -> None:
    one, other = scores(ref, alt), scores(alt, ref)
    for name in ("diff", "logit_diff", "log2_odds"):
        assert (getattr(one, name) == -getattr(other, name)).all()
    assert (one.deepsea_effect == other.deepsea_effect).all()


@given(ref=LOGITS, alt=LOGITS)
def test_scores__of_exchanged_logits_have_the_other_sign_exactly(ref: np.ndarray, alt: np.ndarray) -> None:
    one, other = scores(ref, alt, logits=True), scores(alt, ref, logits=True)
    for name in ("diff", "logit_diff", "log2_odds"):
        assert (getattr(one, name) == -getattr(other, name)).all()
    assert (np.stack(scores(ref, ref, logits=True)) == 0).all()


def test_scores__are_bounded_alike_at_both_ends_and_in_float64() -> None:
    found = scores(np.zeros((2, 3), np.float32), np.ones((2, 3), np.float32))
    assert found.logit_diff == pytest.approx(np.full((2, 3), 2 * 16.118096), abs=1e-5)
    assert all(part.dtype == np.float64 and part.shape == (2, 3) for part in found)
    assert np.isnan(np.stack(scores(np.nan, 0.5))).all()


def test_scores__refuse_what_is_no_probability() -> None:
    with pytest.raises(InputError, match=r"alt has the value 1.5; expected probabilities.*logits=True"):
        scores([0.5], [1.5])
    with pytest.raises(InputError, match=r"shape \(2,\), the alternate ones \(3,\)"):
        scores([0.5, 0.5], [0.5, 0.5, 0.5])


def test_aggregate__is_what_the_formulas_say() -> None:
    found = aggregate([[3.0, -4.0, 0.0], [0.0, 0.0, 0.0], [np.nan, np.nan, np.nan]])
    assert found.mean == pytest.approx([-1 / 3, 0, np.nan], nan_ok=True)
    assert found.max_abs == pytest.approx([4, 0, np.nan], nan_ok=True)
    assert found.max_track.tolist() == [1, 0, -1]
    assert found.l2 == pytest.approx([5, 0, np.nan], nan_ok=True)
    assert found.sum_abs == pytest.approx([7, 0, np.nan], nan_ok=True)
