from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from ambergen.datasets.labels import Bins, PlacedIntervals, TrackHits, labelled_bins, pack, packed_labels, unpack

LENGTHS = np.array([97, 8, 60, 41])


@st.composite
def peaks(draw: st.DrawFn) -> PlacedIntervals:
    rows = []
    for _ in range(draw(st.integers(0, 12))):
        contig = draw(st.integers(0, len(LENGTHS) - 1))
        start = draw(st.integers(0, int(LENGTHS[contig]) - 1))
        end = draw(st.integers(start + 1, int(LENGTHS[contig])))
        rows.append((contig, start, end, draw(st.one_of(st.just(-1), st.integers(start, end - 1)))))
    contig, start, end, summit = np.array(rows, dtype=np.int64).reshape(-1, 4).T
    return PlacedIntervals(contig, start, end, summit if draw(st.booleans()) else None)


def slow_labelled_bins(bins: Bins, peaks: PlacedIntervals, rule: str) -> list[int]:
    """Base by base."""
    found, number = [], 0
    for contig, length in enumerate(bins.lengths):
        covered, summits = np.zeros(length, dtype=int), np.zeros(length, dtype=int)
        for row in np.flatnonzero(peaks.contig == contig):
            start, end = int(peaks.start[row]), int(peaks.end[row])
            covered[start:end] = 1
            called = -1 if peaks.summit is None else int(peaks.summit[row])
            summits[(start + end) // 2 if called < 0 else called] = 1
        for start in range(0, length - bins.width + 1, bins.step):
            share = covered[start : start + bins.width].mean()
            has_summit = summits[start : start + bins.width].any()
            if {"half": share > 0.5, "any": share > 0, "summit": has_summit}[rule]:
                found.append(number)
            number += 1
    assert number == len(bins)
    return found


@given(
    peaks=peaks(),
    width=st.integers(1, 20),
    step=st.integers(1, 25),
    rule=st.sampled_from(["half", "any", "summit"]),
)
def test_labelled_bins__are_those_of_a_loop_over_bases(
    peaks: PlacedIntervals, width: int, step: int, rule: str
) -> None:
    bins = Bins(LENGTHS, width, step)
    assert labelled_bins(bins, peaks, rule).tolist() == slow_labelled_bins(bins, peaks, rule)  # type: ignore[arg-type]


@pytest.mark.parametrize(("covered", "labelled"), [(100, []), (101, [1])])
def test_labelled_bins__half_means_more_than_half(covered: int, labelled: list[int]) -> None:
    bins = Bins(np.array([1000]), 200, 200)
    peak = PlacedIntervals(np.array([0]), np.array([200]), np.array([200 + covered]))
    assert labelled_bins(bins, peak, "half").tolist() == labelled


def test_labelled_bins__overlapping_peaks_count_a_base_once() -> None:
    bins = Bins(np.array([1000]), 200, 200)
    start = np.array([0, 10, 20])
    assert len(labelled_bins(bins, PlacedIntervals(np.zeros(3, dtype=int), start, start + 70), "half")) == 0


def test_labelled_bins__a_peak_at_the_end_of_a_contig_does_not_label_the_next_one() -> None:
    bins = Bins(np.array([40, 40]), 20, 20)
    peak = PlacedIntervals(np.array([0]), np.array([30]), np.array([40]))
    assert labelled_bins(bins, peak, "any").tolist() == [1]


def test_bins__lie_wholly_on_their_contig() -> None:
    bins = Bins(LENGTHS, 20, 20)
    number = np.arange(len(bins))
    assert (bins.start_of(number) + bins.width <= LENGTHS[bins.contig_of(number)]).all()
    assert bins.contig_of(number).tolist() == [0] * 4 + [2] * 3 + [3] * 2


hit_sets = st.lists(st.sets(st.integers(0, 99)), min_size=1, max_size=19)


@given(hit_sets=hit_sets, kept=st.sets(st.integers(0, 99)))
def test_packed_labels__is_the_label_matrix(hit_sets: list[set[int]], kept: set[int]) -> None:
    number = np.array(sorted(kept), dtype=np.int64)
    hits = [TrackHits(as_array(hit), 100) for hit in hit_sets]
    expected = [[int(bin_ in hit) for hit in hit_sets] for bin_ in sorted(kept)]
    labels = unpack(packed_labels(hits, number), len(hit_sets))
    np.testing.assert_array_equal(labels, np.array(expected, dtype=np.uint8).reshape(len(kept), len(hit_sets)))


@given(hit=st.sets(st.integers(0, 199)), edges=st.tuples(st.integers(0, 200), st.integers(0, 200)))
def test_track_hits__a_range_holds_the_same_bins_as_list_and_as_bits(hit: set[int], edges: tuple[int, int]) -> None:
    first, last = min(edges), max(edges)
    expected = [number for number in sorted(hit) if first <= number < last]
    for n_bins in (200, 200 * 64):  # dense enough for bits, and sparse enough for a list
        assert TrackHits(as_array(hit), n_bins).between(first, last).tolist() == expected


@given(labels=st.lists(st.lists(st.integers(0, 1), min_size=11, max_size=11), min_size=1, max_size=5))
def test_unpack__undoes_pack(labels: list[list[int]]) -> None:
    array = np.array(labels, dtype=np.uint8)
    assert pack(array).shape == (len(labels), 2)
    np.testing.assert_array_equal(unpack(pack(array), 11), array)


def as_array(numbers: set[int]) -> NDArray[np.int64]:
    return np.array(sorted(numbers), dtype=np.int64)
