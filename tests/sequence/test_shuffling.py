from __future__ import annotations

from collections import Counter
from itertools import permutations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from ambergen.sequence.alphabets import DNA
from ambergen.sequence.shuffling import dinucleotide_shuffle


def pairs(tokens: np.ndarray) -> Counter[tuple[int, int]]:
    return Counter(zip(tokens[:-1].tolist(), tokens[1:].tolist(), strict=True))


@given(st.lists(st.integers(0, 4), max_size=60), st.integers(0, 2**32))
def test_dinucleotide_shuffle__keeps_neighbours_and_ends(letters: list[int], seed: int) -> None:
    tokens = np.array(letters, np.uint8)
    shuffled = dinucleotide_shuffle(tokens, np.random.default_rng(seed))
    assert pairs(shuffled) == pairs(tokens)
    assert (shuffled[:1].tolist(), shuffled[-1:].tolist()) == (tokens[:1].tolist(), tokens[-1:].tolist())
    np.testing.assert_array_equal(shuffled, dinucleotide_shuffle(tokens, np.random.default_rng(seed)))


def test_dinucleotide_shuffle__draws_all_sequences_evenly() -> None:
    tokens = DNA.encode("ACAGACTA", "here")
    wanted = pairs(tokens)
    possible = {inner for inner in permutations(tokens[1:-1].tolist()) if pairs(np.array([0, *inner, 0])) == wanted}
    assert len(possible) == 6
    rng = np.random.default_rng(1)
    drawn = Counter(tuple(dinucleotide_shuffle(tokens, rng)[1:-1].tolist()) for _ in range(1200))
    assert set(drawn) == possible
    assert chisquare(list(drawn.values())).pvalue > 0.001
