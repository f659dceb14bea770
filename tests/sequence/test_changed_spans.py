from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambergen.sequence.alphabets import DNA
from ambergen.sequence.changed_spans import ChangedSpans, changed_spans

LEFT, RIGHT = "GATTACAGGT", "CTGCAACGTTAGCATTGGCCA"
INDEX = len(LEFT)


def spans_of(ref: str, alt: str, length: int = 24) -> ChangedSpans:
    windows = [DNA.encode((LEFT + allele + RIGHT)[:length], "here")[None] for allele in (ref, alt)]
    return changed_spans(*windows, INDEX)


@pytest.mark.parametrize(
    ("ref", "alt", "start", "ref_stop", "alt_stop"),
    [
        ("A", "G", 0, 1, 1),
        ("AC", "GT", 0, 2, 2),
        ("ACG", "GCT", 0, 3, 3),
        ("A", "ATG", 1, 1, 3),
        ("ATG", "A", 1, 3, 1),
        ("A", "A", 0, 1, 1),
        ("ATG", "CC", 0, 3, 2),
        ("A", "AGGGGGGG", 1, 1, 8),
    ],
)
def test_spans__of_known_alleles(ref: str, alt: str, start: int, ref_stop: int, alt_stop: int) -> None:
    spans = spans_of(ref, alt)
    found = (spans.start[0] - INDEX, spans.ref_stop[0] - INDEX, spans.alt_stop[0] - INDEX)
    assert found == (start, ref_stop, alt_stop)


def test_spans__in_a_repeat_are_as_long_as_what_is_inserted() -> None:
    spans = spans_of("AA", "AAAA")
    assert (spans.ref_stop - spans.start, spans.alt_stop - spans.start) == (0, 2)


ALLELE = st.text("ACGT", min_size=1, max_size=5)


@given(ALLELE, ALLELE, st.integers(0, 2**32))
def test_spans__replaced_give_the_other_window(ref: str, alt: str, seed: int) -> None:
    length = 40
    line = np.random.default_rng(seed).integers(0, 4, 80).astype(np.uint8)
    refs, alts = (
        np.concatenate([line[:15], DNA.encode(allele, "here"), line[15:]])[None, :length] for allele in (ref, alt)
    )
    spans = changed_spans(refs, alts, 15)
    start, ref_stop, alt_stop = (int(values[0]) for values in spans)
    edited = np.concatenate([refs[0, :start], alts[0, start:alt_stop], refs[0, ref_stop:]])
    shared = min(length, len(edited))
    np.testing.assert_array_equal(edited[:shared], alts[0, :shared])
    assert ref_stop - start + alt_stop - start <= max(2, len(ref) + len(alt))
    swapped = changed_spans(alts, refs, 15)
    assert [values.tolist() for values in swapped] == [[start], [alt_stop], [ref_stop]]


def test_touched__is_what_overlaps_or_crosses() -> None:
    spans = ChangedSpans(np.array([5, 5]), np.array([6, 7]), np.array([6, 5]))
    starts = [np.flatnonzero(row).tolist() for row in spans.touched(3, 10, alt=False)]
    assert starts == [[3, 4, 5], [3, 4, 5, 6]]
    # A deletion between 4 and 5 is in the stretches that have both
    assert np.flatnonzero(spans.touched(3, 10, alt=True)[1]).tolist() == [3, 4]
