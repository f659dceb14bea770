from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambergen.errors import ConfigError
from ambergen.statgen.effect_transforms import largest, rank_normalised

SIZES = st.lists(st.integers(0, 6) | st.just(np.nan), min_size=1, max_size=30)


@given(SIZES)
def test_rank_normalised__equals_the_count_of_smaller_and_half_the_ties(sizes: list[float]) -> None:
    known = [size for size in sizes if size == size]
    expected = [
        (sum(other < size for other in known) + (sum(other == size for other in known) + 1) / 2) / max(1, len(known))
        if size == size
        else np.nan
        for size in sizes
    ]
    assert rank_normalised(sizes) == pytest.approx(expected, nan_ok=True)


@given(SIZES, st.floats(0.05, 0.95))
def test_largest__no_variant_outside_is_larger_than_one_inside(sizes: list[float], share: float) -> None:
    found, values = largest(sizes, share), np.array(sizes, float)
    assert (np.isnan(found) == np.isnan(values)).all()
    inside, outside = values[found == 1], values[found == 0]
    assert not len(inside) or not len(outside) or inside.min() > outside.max()
    assert (inside > 0).all()
    n_wanted = min(int(np.ceil(share * (~np.isnan(values)).sum())), int((values > 0).sum()))
    assert len(inside) >= n_wanted


def test_largest__a_hundredth_of_distinct_sizes() -> None:
    found = largest(np.arange(200.0), 0.01)
    assert np.flatnonzero(found).tolist() == [198, 199]
    with pytest.raises(ConfigError, match="is 2; expected between 0 and 1"):
        largest([1.0], 2)
