from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambergen.datasets.leaks import Leaks, canonical_hashes, find_leaks, same_sequence
from ambergen.datasets.splits import SPLIT_NAMES
from ambergen.sequence.alphabets import DNA, Alphabet
from ambergen.sequence.onehot import reverse_complement

LETTERS = Alphabet(name="letters", symbols="ACGT", unknown="N")


def leaks_of(tokens: np.ndarray, split: np.ndarray, alphabet: Alphabet = DNA) -> Leaks:
    return find_leaks(lambda rows: tokens[rows], split, alphabet)


@st.composite
def windows_and_splits(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    n = draw(st.integers(1, 30))
    tokens = draw(st.lists(st.lists(st.sampled_from([0, 1, 3, 4]), min_size=3, max_size=3), min_size=n, max_size=n))
    split = draw(st.lists(st.integers(0, 3), min_size=n, max_size=n))
    return np.array(tokens, dtype=np.uint8), np.array(split, dtype=np.uint8)


def is_same(one: np.ndarray, other: np.ndarray) -> bool:
    return bool((one < 4).any()) and (np.array_equal(one, other) or np.array_equal(one, reverse_complement(other)))


@given(windows_and_splits())
def test_find_leaks__counts_what_a_loop_over_pairs_counts(data: tuple[np.ndarray, np.ndarray]) -> None:
    tokens, split = data
    found = {(p.first, p.second): (p.in_first, p.in_second) for p in leaks_of(tokens, split).identical}
    expected = {}
    for first in range(4):
        for second in range(first + 1, 4):
            ones, others = tokens[split == first], tokens[split == second]
            in_first = sum(any(is_same(one, other) for other in others) for one in ones)
            in_second = sum(any(is_same(one, other) for one in ones) for other in others)
            if in_first:
                expected[SPLIT_NAMES[first], SPLIT_NAMES[second]] = (in_first, in_second)
    assert found == expected


@given(windows_and_splits())
def test_find_leaks__without_the_rows_to_drop_nothing_leaks(data: tuple[np.ndarray, np.ndarray]) -> None:
    tokens, split = data
    leaks = leaks_of(tokens, split)
    assert not leaks.to_drop[split == 3].any()
    assert not leaks_of(tokens[~leaks.to_drop], split[~leaks.to_drop])
    for row in np.flatnonzero(leaks.to_drop):
        assert any(is_same(tokens[row], tokens[other]) for other in np.flatnonzero(split > split[row]))


@given(
    offsets=st.lists(st.integers(0, 200), min_size=1, max_size=25, unique=True),
    length=st.integers(1, 30),
    data=st.data(),
)
def test_find_leaks__finds_windows_that_overlap(offsets: list[int], length: int, data: st.DataObject) -> None:
    start = np.array(sorted(offsets))
    codes = data.draw(st.lists(st.integers(0, 3), min_size=len(start), max_size=len(start)))
    split = np.array(codes, dtype=np.uint8)
    unknown = np.full((len(start), 2), 4, dtype=np.uint8)
    leaks = find_leaks(lambda rows: unknown[rows], split, DNA, start, length)
    found = {(p.first, p.second): (p.in_first, p.in_second) for p in leaks.overlapping}
    near = np.abs(start[:, None] - start[None, :]) < length
    for first in range(4):
        for second in range(first + 1, 4):
            pair = near[split == first][:, split == second]
            counts = (int(pair.any(axis=1).sum()), int(pair.any(axis=0).sum()))
            assert found.get((SPLIT_NAMES[first], SPLIT_NAMES[second]), (0, 0)) == counts
    later = np.array([(near[row] & (split > split[row])).any() for row in range(len(start))])
    np.testing.assert_array_equal(leaks.to_drop, later)


def test_find_leaks__the_example_is_a_pair_that_leaks() -> None:
    tokens = np.random.default_rng(0).integers(0, 4, (20_000, 40)).astype(np.uint8)
    split = np.repeat(np.array([0, 3], dtype=np.uint8), 10_000)
    tokens[17_000] = reverse_complement(tokens[300])
    (pair,) = leaks_of(tokens, split).identical
    assert (pair.first, pair.second, pair.in_first, pair.in_second) == ("train", "test", 1, 1)
    assert pair.example == (300, 17_000)


def test_find_leaks__windows_without_a_known_base_do_not_count() -> None:
    assert not leaks_of(np.full((4, 9), 4, dtype=np.uint8), np.arange(4, dtype=np.uint8))


def test_find_leaks__an_alphabet_without_complement_has_one_strand() -> None:
    tokens = np.array([[0, 0, 1], [2, 3, 3]], dtype=np.uint8)
    split = np.array([0, 3], dtype=np.uint8)
    assert leaks_of(tokens, split, DNA)
    assert not leaks_of(tokens, split, LETTERS)


@pytest.mark.parametrize("length", [1, 7, 8, 9, 100])
def test_canonical_hashes__agree_for_both_strands_and_differ_otherwise(length: int) -> None:
    tokens = np.random.default_rng(length).integers(0, 5, (500, length)).astype(np.uint8)
    hashes, is_known = canonical_hashes(lambda rows: tokens[rows], 500, DNA)
    other, _ = canonical_hashes(lambda rows: reverse_complement(tokens)[rows], 500, DNA)
    np.testing.assert_array_equal(hashes, other)
    np.testing.assert_array_equal(is_known, (tokens < 4).any(axis=1))
    distinct = {min(row.tobytes(), reverse_complement(row).tobytes()) for row in tokens}
    assert len(set(hashes.tolist())) == len(distinct)


def test_same_sequence__numbers_sequences() -> None:
    tokens = np.array([[0, 0, 1], [1, 1, 1], [2, 3, 3], [0, 0, 1]], dtype=np.uint8)
    one, two, three, four = same_sequence(lambda rows: tokens[rows], 4, DNA)
    assert one == three == four != two
