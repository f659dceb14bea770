from __future__ import annotations

import pytest

from ambergen.errors import SpaceError
from ambergen.spaces.presets import amber, compact, preset


def test_amber__has_the_published_sizes() -> None:
    space = amber()
    assert space.size == 7**12 * 2**66
    assert f"{space.size:.4e}" == "1.0213e+30"
    assert space.n_tokens == 78
    assert space.n_skips == 66
    assert space.lengths(1000) == (1000, 250, 63, 16)
    assert space.widths == (32, 64, 128, 256)
    assert [space.stage(layer) for layer in range(12)] == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]


def test_compact__is_smaller_and_skips_within_a_stage() -> None:
    space = compact()
    assert space.size < amber().size
    for layer, sources in enumerate(space.skip_sources):
        assert all(space.stage(j) == space.stage(layer) for j in sources)


def test_preset__takes_other_values() -> None:
    assert preset("amber", width=16) == amber(width=16)
    assert preset("compact", layers=4, reduce=[0]).reduce == (0,)


def test_preset__names_the_nearest_known_one() -> None:
    with pytest.raises(
        SpaceError, match=r"'ambre' is not a preset; expected one of amber, compact, hierarchical.*Did you mean 'amber'"
    ):
        preset("ambre")
    with pytest.raises(SpaceError, match=r"unknown key 'widht'\. Did you mean 'width'"):
        preset("amber", widht=3)
