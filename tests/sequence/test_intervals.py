from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ambergen.sequence.intervals import Intervals, merge, merge_on_contig, overlap, tile

ROWS = st.lists(
    st.tuples(st.sampled_from(["chr1", "chr2", "chr10"]), st.integers(0, 60), st.integers(1, 15)), max_size=12
)
Row = tuple[str, int, int]


def table(rows: list[Row]) -> Intervals:
    return Intervals(
        contig=np.array([contig for contig, _, _ in rows], dtype=object),
        start=np.array([start for _, start, _ in rows], dtype=np.int64),
        end=np.array([start + width for _, start, width in rows], dtype=np.int64),
    )


def bases(intervals: Intervals) -> set[tuple[str, int]]:
    return {
        (contig, base)
        for contig, start, end in zip(intervals.contig, intervals.start, intervals.end, strict=True)
        for base in range(start, end)
    }


@given(ROWS)
def test_merge__has_the_same_bases_sorted_and_apart(rows: list[Row]) -> None:
    merged = merge(table(rows))
    assert bases(merged) == bases(table(rows))
    assert sum(merged.end - merged.start) == len(bases(merged))
    order = list(zip(merged.contig, merged.start, strict=True))
    assert order == sorted(order)
    for _, part in merged.by_contig():
        assert (part.start[1:] > part.end[:-1]).all()


@given(ROWS)
def test_merge__twice_is_once(rows: list[Row]) -> None:
    once = merge(table(rows))
    twice = merge(once)
    for name in ("contig", "start", "end"):
        np.testing.assert_array_equal(getattr(twice, name), getattr(once, name))


@given(ROWS)
def test_by_contig__keeps_every_row_and_the_order(rows: list[Row]) -> None:
    parts = list(table(rows).by_contig())
    assert [name for name, _ in parts] == list(dict.fromkeys(contig for contig, _, _ in rows))
    for name, part in parts:
        expected = [(start, start + width) for contig, start, width in rows if contig == name]
        assert list(zip(part.start.tolist(), part.end.tolist(), strict=True)) == expected
        assert set(part.contig) == {name}


@given(ROWS, ROWS)
def test_overlap__counts_covered_bases(rows: list[Row], windows: list[Row]) -> None:
    one_contig = table([("chr1", start, width) for _, start, width in rows])
    asked = table([("chr1", start, width) for _, start, width in windows])
    counted = overlap(asked.start, asked.end, *merge_on_contig(one_contig.start, one_contig.end))
    covered = bases(one_contig)
    expected = [
        sum(("chr1", base) in covered for base in range(start, end))
        for start, end in zip(asked.start, asked.end, strict=True)
    ]
    assert counted.tolist() == expected


def test_select__takes_strand_and_summit_along() -> None:
    intervals = Intervals(
        contig=np.array(["a", "b"], dtype=object),
        start=np.array([1, 5]),
        end=np.array([3, 9]),
        strand=np.array(["+", "-"], dtype=object),
        summit=np.array([2, -1]),
    )
    for chosen in (np.array([False, True]), [1]):
        row = intervals.select(chosen)
        assert len(row) == 1
        assert row.strand is not None
        assert row.summit is not None
        assert (row.contig[0], row.start[0], row.end[0], row.strand[0], row.summit[0]) == ("b", 5, 9, "-", -1)


@given(st.integers(0, 100), st.integers(1, 30), st.integers(1, 30))
def test_tile__tiles_lie_on_the_contig_and_no_further_one_does(contig_length: int, width: int, step: int) -> None:
    starts = tile(contig_length, width, step)
    assert starts.tolist() == [s for s in range(0, contig_length, step) if s + width <= contig_length]
