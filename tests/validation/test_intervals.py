"""Intervals against plain t intervals, and against how often they hold the truth in simulations."""

from __future__ import annotations

import numpy as np
import pytest

from ambergen.metrics.comparison import mean_interval
from ambergen.validation.intervals import Arm, Noise, arm_interval, difference_interval, pooled_noise


def arm(*figures: list[float], blocks: int = 10) -> Arm:
    """Trainings that no window moves."""
    values = [np.array(f) for f in figures]
    return Arm(values, [np.zeros((len(f), blocks)) for f in values], pooled_noise(values))


def test_pooled_noise__of_two_networks() -> None:
    found = pooled_noise([np.array([0.8, 0.82]), np.array([0.5, 0.6, 0.7]), np.array([0.9])])
    assert found is not None
    assert found.freedom == 3
    assert found.variance == pytest.approx((0.0002 + 0.02) / 3)
    assert pooled_noise([np.array([0.9])]) is None


def test_arm_interval__of_seeds_alone_is_students() -> None:
    found, expected = arm_interval(arm([0.8, 0.82, 0.85])), mean_interval([0.8, 0.82, 0.85])
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


def test_arm_interval__of_several_architectures_is_over_their_means() -> None:
    found, expected = arm_interval(arm([0.8, 0.9], [0.7], [0.75])), mean_interval([0.85, 0.7, 0.75])
    assert (found.estimate, found.low) == pytest.approx((expected.estimate, expected.low))


def test_arm_interval__of_blocks_alone_is_students() -> None:
    values = np.random.default_rng(0).normal(size=30)
    one = Arm([np.array([values.mean()])], [((values - values.mean()) / 30)[None]])
    assert arm_interval(one).low == pytest.approx(mean_interval(values).low)


def test_arm_interval__without_any_spread_is_none() -> None:
    found = arm_interval(arm([1.0]))
    assert found.estimate == 1.0
    assert np.isnan([found.low, found.high]).all()


def test_difference_interval__shared_windows_cancel_out() -> None:
    rng = np.random.default_rng(1)
    shared = rng.normal(size=(1, 40)) * 0.01
    a = Arm([np.array([0.9])], [shared + 1e-5 * rng.normal(size=(1, 40))])
    b = Arm([np.array([0.8])], [shared])
    found = difference_interval(a, b)
    assert found.estimate == pytest.approx(0.1)
    assert found.high - found.low < 1e-3 < arm_interval(a).high - arm_interval(a).low


def test_arm_interval__holds_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(2)
    held = 0
    for _ in range(400):
        blocks = rng.normal(0, 1, 25)
        seeds = rng.normal(0, 0.15, 3)
        figures = blocks.mean() + seeds
        influence = np.tile((blocks - blocks.mean()) / 25, (3, 1))
        found = arm_interval(Arm([figures], [influence], Noise(0.15**2, 30)))
        held += found.low <= 0 <= found.high
    assert 0.91 <= held / 400 <= 0.985
