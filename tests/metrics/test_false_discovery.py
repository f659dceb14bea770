from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import false_discovery_control

from ambergen.errors import InputError
from ambergen.metrics.false_discovery import benjamini_hochberg


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_benjamini_hochberg__is_scipys(p: list[float]) -> None:
    np.testing.assert_allclose(benjamini_hochberg(p), false_discovery_control(p), rtol=1e-12)


def test_benjamini_hochberg__what_was_not_tested_does_not_count() -> None:
    np.testing.assert_allclose(benjamini_hochberg([0.01, np.nan, 0.04]), [0.02, np.nan, 0.04])
    assert np.isnan(benjamini_hochberg([np.nan])).all()


def test_benjamini_hochberg__refuses_what_is_no_probability() -> None:
    with pytest.raises(InputError, match=r"between -0\.1 and 0\.2; expected one dimension and values from 0 to 1"):
        benjamini_hochberg([-0.1, 0.2])
