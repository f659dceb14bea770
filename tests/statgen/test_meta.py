from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambergen.errors import InputError
from ambergen.seeds import generator
from ambergen.statgen.liability import liability_factor
from ambergen.statgen.meta import inverse_variance, random_effects

errors = st.lists(st.floats(0.1, 10), min_size=2, max_size=12)


@given(errors, st.floats(-5, 5))
def test_meta__agreeing_traits_have_no_heterogeneity_and_one_answer(spread: list[float], value: float) -> None:
    fixed, mixed = (pool(np.full(len(spread), value), spread) for pool in (inverse_variance, random_effects))
    assert fixed.estimate == pytest.approx(value, abs=1e-9)
    assert mixed.heterogeneity == 0
    assert mixed.error == fixed.error == pytest.approx(np.sum(np.array(spread) ** -2.0) ** -0.5)
    assert mixed.i2 == 0


@given(errors, st.integers(0, 1000))
def test_meta__random_effects_are_never_surer_than_a_common_value(spread: list[float], seed: int) -> None:
    estimates = generator(seed, "meta").normal(0, 3, len(spread))
    fixed, mixed = inverse_variance(estimates, spread), random_effects(estimates, spread)
    assert mixed.error >= fixed.error * (1 - 1e-12)
    assert min(estimates) - 1e-9 <= mixed.estimate <= max(estimates) + 1e-9


def test_meta__worked_example() -> None:
    # Weights 4, 1, 1: mean (4*1 + 3 + 5)/6 = 2; Q = 4*1 + 1 + 9 = 14; C = 6 - 18/6 = 3; tau squared = (14 - 2)/3 = 4
    estimates, spread = [1.0, 3.0, 5.0], [0.5, 1.0, 1.0]
    fixed = inverse_variance(estimates, spread)
    assert (fixed.estimate, fixed.q, fixed.n) == (pytest.approx(2), pytest.approx(14), 3)
    assert fixed.i2 == pytest.approx(12 / 14)
    mixed = random_effects(estimates, spread)
    weights = 1 / np.array([4.25, 5, 5])
    assert mixed.heterogeneity == pytest.approx(4)
    assert mixed.estimate == pytest.approx(weights @ np.array(estimates) / weights.sum())
    assert mixed.error == pytest.approx(weights.sum() ** -0.5)


def test_meta__one_trait_is_itself() -> None:
    alone = random_effects([2.0], [0.5])
    assert (alone.estimate, alone.error, alone.z, alone.heterogeneity) == (2.0, 0.5, 4.0, 0.0)
    assert np.isnan(alone.q)


def test_meta__refuses_what_has_no_error() -> None:
    with pytest.raises(InputError, match=r"trait 2 has the estimate 1.0 and the error 0.0.*Leave the trait out"):
        inverse_variance([1.0, 1.0], [1.0, 0.0])
    with pytest.raises(InputError, match="at least one trait"):
        random_effects([], [])


def test_liability_factor__published_value_and_refusal() -> None:
    assert liability_factor(0.5, 0.01) == pytest.approx(0.551907298, abs=1e-9)
    assert liability_factor(0.3, 0.1) == pytest.approx(liability_factor(0.7, 0.1))
    with pytest.raises(InputError, match=r"the prevalence is 1.0; expected a number between 0 and 1"):
        liability_factor(0.5, 1.0)
