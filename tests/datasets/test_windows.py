from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambergen.datasets.labels import Bins
from ambergen.datasets.splits import LEFT_OUT
from ambergen.datasets.windows import choose, known_bins, window_start


@given(start=st.integers(0, 1000), width=st.integers(1, 50), flanks=st.integers(0, 100))
def test_window_start__the_bin_is_in_the_middle(start: int, width: int, flanks: int) -> None:
    length = width + flanks
    first = int(window_start(np.array([start]), width, length)[0])
    before, after = start - first, first + length - (start + width)
    assert 0 <= after - before <= 1


@given(tokens=st.lists(st.sampled_from([0, 3, 4, 4, 4]), max_size=60), width=st.integers(1, 9), step=st.integers(1, 12))
def test_known_bins__are_those_with_a_known_base(tokens: list[int], width: int, step: int) -> None:
    array = np.array(tokens, dtype=np.uint8)
    expected = [any(t < 4 for t in tokens[s : s + width]) for s in range(0, len(tokens) - width + 1, step)]
    assert known_bins(array, width, step, 4).tolist() == expected


BINS = Bins(np.array([2000, 1000, 500]), 10, 10)


@st.composite
def labelled_and_split(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    labelled = rng.random(len(BINS)) < draw(st.sampled_from([0.0, 0.05, 0.3, 0.9]))
    split = rng.choice(np.array([0, 1, LEFT_OUT], dtype=np.uint8), len(BINS))
    return labelled, split


@given(data=labelled_and_split(), ratio=st.sampled_from([0.0, 0.5, 1.0, 3.0]))
def test_choose__keeps_the_ratio_within_every_contig_and_split(
    data: tuple[np.ndarray, np.ndarray], ratio: float
) -> None:
    labelled, split = data
    usable = np.arange(len(BINS)) % 7 > 0
    choice = choose(BINS, split, labelled, usable, ratio, seed=1)
    assert (np.diff(choice.bins) > 0).all()
    np.testing.assert_array_equal(choice.split, split[choice.bins])
    contig = BINS.contig_of(np.arange(len(BINS)))
    for number in range(3):
        for code in (0, 1):
            group = (contig == number) & (split == code)
            kept = choice.bins[group[choice.bins]]
            n_labelled = int((group & labelled).sum())
            available = int((group & ~labelled & usable).sum())
            assert labelled[kept].sum() == n_labelled
            assert (~labelled[kept]).sum() == min(round(ratio * n_labelled), available)
    assert usable[choice.bins[~labelled[choice.bins]]].all()
    assert len(choice.bins) + sum(choice.left_out.values()) == (split != LEFT_OUT).sum()


def test_choose__all_keeps_every_usable_window() -> None:
    labelled, split = np.zeros(len(BINS), dtype=bool), np.zeros(len(BINS), dtype=np.uint8)
    usable = np.arange(len(BINS)) > 4
    assert len(choose(BINS, split, labelled, usable, "all", seed=0).bins) == len(BINS) - 5


@pytest.mark.parametrize(("one", "two", "same"), [(3, 3, True), (3, 4, False)])
def test_choose__the_seed_decides(one: int, two: int, same: bool) -> None:
    labelled, split = np.arange(len(BINS)) % 9 == 0, np.zeros(len(BINS), dtype=np.uint8)
    draws = [choose(BINS, split, labelled, ~labelled, 1.0, seed).bins for seed in (one, two)]
    assert np.array_equal(*draws) == same
