from __future__ import annotations

from math import log

import numpy as np
import pytest

from ambergen.seeds import generator
from ambergen.spaces.presets import compact
from ambergen.strategies.frequencies import frequencies


def test_frequencies__count_operations_and_skip_connections() -> None:
    space = compact()
    drawn = [space.sample(generator(0, k)) for k in range(9)]
    found = frequencies(space, drawn)
    for layer, row in enumerate(found["operation_probability"]):
        assert row == pytest.approx([np.mean([a.operations[layer] == o for a in drawn]) for o in space.operations])
    pairs = [(i, j) for i, sources in enumerate(space.skip_sources) for j in sources]
    assert found["skip_probability"] == pytest.approx([np.mean([j in a.skips[i] for a in drawn]) for i, j in pairs])
    assert found["skip_density"] == pytest.approx(np.mean([a.n_skips for a in drawn]) / space.n_skips)


def test_frequencies__entropy_is_none_at_one_candidate_and_log_two_a_gene_that_differs_between_two() -> None:
    space = compact()
    one = space.sample(generator(0, "one"))
    assert frequencies(space, [one])["entropy"] == 0
    other = space.mutate(one, generator(0, "other"))
    assert frequencies(space, [one, other])["entropy"] == pytest.approx(log(2))


def test_frequencies__of_nothing_are_not_made_up() -> None:
    found = frequencies(compact(), [])
    assert found["entropy"] is None
    assert found["skip_density"] is None
    assert found["operation_probability"] == found["skip_probability"] == []
