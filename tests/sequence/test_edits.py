from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambergen.errors import ConfigError, InputError
from ambergen.sequence.alphabets import DNA
from ambergen.sequence.edits import Anchor, Edits, bases_left, cut, fits, windows

CONTIG = "ACGTTGCATC"
BASES = st.text("ACGT", min_size=0, max_size=4)


@pytest.mark.parametrize(
    ("position", "ref", "alt", "length", "expected"),
    [
        (1, "A", "T", 5, ("NNACG", "NNTCG")),
        (10, "C", "G", 5, ("ATCNN", "ATGNN")),
        (5, "T", "A", 4, ("TTGC", "TAGC")),
        (1, "A", "AGG", 5, ("NNACG", "NNAGG")),
        (1, "ACG", "A", 5, ("NNACG", "NNATT")),
        (10, "C", "CAA", 5, ("ATCNN", "ATCAA")),
        (9, "TC", "T", 5, ("CATCN", "CATNN")),
        (4, "TTG", "CA", 7, ("ACGTTGC", "ACGCACA")),
        (3, "-", "TT", 5, ("ACGTT", "ACTTG")),
        (3, "G", "-", 5, ("ACGTT", "ACTTG")),
    ],
)
def test_windows__equal_those_written_by_hand(
    position: int, ref: str, alt: str, length: int, expected: tuple[str, str]
) -> None:
    assert windows(CONTIG, position, ref, alt, length) == expected
    assert windows(CONTIG.lower(), position, ref.lower(), alt.lower(), length) == expected


def test_windows__centred_ones_give_way_on_both_sides() -> None:
    # the middle base of either allele stands at index 3 of 7
    assert windows(CONTIG, 5, "T", "TAACC", 7, anchor="center") == ("CGTTGCA", "TTAACCG")
    assert windows(CONTIG, 4, "TTGCA", "T", 7, anchor="center") == ("GTTGCAT", "ACGTTCN")


def test_windows__the_variant_stands_where_one_says() -> None:
    assert windows(CONTIG, 5, "T", "A", 4, index=0) == ("TGCA", "AGCA")
    with pytest.raises(ConfigError, match="index: 4 lies outside a window of 4; expected 0 to 3"):
        windows(CONTIG, 5, "T", "A", 4, index=4)
    with pytest.raises(ConfigError, match="length: 0"):
        windows(CONTIG, 5, "T", "A", 0)


@pytest.mark.parametrize(("position", "ref"), [(0, "A"), (-3, "A"), (11, "A"), (10, "CA")])
def test_windows__refuse_a_position_outside(position: int, ref: str) -> None:
    with pytest.raises(InputError, match=r"the contig has 10 bases.*Positions count from 1"):
        windows(CONTIG, position, ref, "G", 5)


def test_windows__refuse_an_allele_that_does_not_fit() -> None:
    assert windows(CONTIG, 5, "T", "AAA", 5).alt == "GTAAA"
    with pytest.raises(InputError, match=r"an allele of 4 bases does not fit into a window of 5.*index 2"):
        windows(CONTIG, 5, "T", "AAAA", 5)


@given(
    contig=st.text("ACGT", min_size=6, max_size=30),
    at=st.integers(0, 100),
    n_ref=st.integers(0, 4),
    alt=BASES,
    length=st.integers(9, 16),
    anchor=st.sampled_from(["left", "center"]),
)
def test_windows__are_stretches_of_the_two_sequences(
    contig: str, at: int, n_ref: int, alt: str, length: int, anchor: Anchor
) -> None:
    start = at % len(contig)
    ref = contig[start : start + n_ref]
    index = (length - 1) // 2
    pair = windows(contig, start + 1, ref, alt, length, anchor)
    for window, allele in ((pair.ref, ref), (pair.alt, alt)):
        whole = "N" * length + contig[:start] + allele + contig[start + len(ref) :] + "N" * length
        first = length + start - (index if anchor == "left" else index - len(allele) // 2)
        assert window == whole[first : first + length]


@given(
    contigs=st.lists(st.text("ACGTN", min_size=5, max_size=25), min_size=1, max_size=3),
    draws=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 99), st.integers(0, 4), BASES), min_size=1, max_size=6),
    length=st.integers(9, 14),
    anchor=st.sampled_from(["left", "center"]),
)
def test_cut__agrees_with_the_text(
    contigs: list[str], draws: list[tuple[int, int, int, str]], length: int, anchor: Anchor
) -> None:
    borders = np.cumsum([0, *map(len, contigs)])
    line = DNA.encode("".join(contigs), "test")
    index = (length - 1) // 2
    first, start, replaced, alleles, expected = [], [], [], [], []
    for which, at, n_ref, alt in draws:
        which, at = which % len(contigs), at % len(contigs[which % len(contigs)])
        ref = contigs[which][at : at + n_ref]
        first.append(which)
        start.append(borders[which] + at)
        replaced.append(len(ref))
        alleles.append(DNA.encode(alt, "test"))
        expected.append(windows(contigs[which], at + 1, ref, alt, length, anchor).alt)
    left = np.array([bases_left(len(allele), index, anchor) for allele in alleles])
    edits = Edits(borders[first], borders[np.array(first) + 1], np.array(start), np.array(replaced), alleles)
    found = cut(line, edits, left, length, DNA.unknown_token)
    assert [DNA.decode(row) for row in found.tokens] == expected
    n_known_n = [text.count("N") for text in expected]
    assert (found.n_pad <= n_known_n).all()


def test_cut__counts_the_positions_beyond_the_contig() -> None:
    line = DNA.encode("ACGTTGCATC" + "GGGGG", "test")
    edits = Edits(
        np.array([0, 0, 10]),
        np.array([10, 10, 15]),
        np.array([0, 9, 12]),
        np.array([1, 1, 1]),
        [DNA.encode("T", "t")] * 3,
    )
    found = cut(line, edits, np.array([2, 2, 2]), 5, 4)
    assert [DNA.decode(row) for row in found.tokens] == ["NNTCG", "ATTNN", "GGTGG"]
    assert found.n_pad.tolist() == [2, 2, 0]


@pytest.mark.parametrize("length", [5, 6, 21])
def test_fits__is_what_the_spec_says(length: int) -> None:
    index = (length - 1) // 2
    assert [fits(n, length, index, "left") for n in range(length + 2)] == [
        n <= length - index for n in range(length + 2)
    ]
