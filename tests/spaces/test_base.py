from __future__ import annotations

import numpy as np
import pytest

from ambergen.spaces.base import another


@pytest.mark.parametrize("value", [0, 2, 4])
def test_another__is_each_other_value_as_often(value: int) -> None:
    rng = np.random.default_rng(0)
    counts = np.bincount([another(value, 5, rng) for _ in range(4000)], minlength=5)
    assert counts[value] == 0
    assert np.abs(np.delete(counts, value) - 1000).max() < 140  # five standard errors
