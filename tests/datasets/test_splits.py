from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambergen.datasets.config import SplitConfig
from ambergen.datasets.labels import Bins
from ambergen.datasets.splits import (
    LEFT_OUT,
    PRESETS,
    SEARCH,
    SELECTION,
    TEST,
    TRAIN,
    check_positives,
    code_of,
    code_of_cell,
    cut_search_split,
    draw_rows,
    leave_gaps,
    preset,
    split_of_bins,
    split_regions,
)
from ambergen.errors import ConfigError, SplitError
from ambergen.io.aliases import ContigAliases

NAMES = ("I", "II", "III", "IV")
LENGTHS = np.array([10_000, 4_000, 3_000, 2_000])
BINS = Bins(LENGTHS, 20, 20)


def codes_of(split: SplitConfig, length: int = 100) -> np.ndarray:
    return split_of_bins(BINS, split_regions(split, NAMES, LENGTHS, ContigAliases(NAMES)), length)


def of_contig(codes: np.ndarray, contig: int) -> np.ndarray:
    return codes[BINS.first[contig] : BINS.first[contig + 1]]


def test_split_of_bins__whole_contigs_by_any_of_their_names() -> None:
    codes = codes_of(SplitConfig(test=("chr2",), selection=("3",), search=("IV",)))
    assert [set(of_contig(codes, contig).tolist()) for contig in range(4)] == [{TRAIN}, {TEST}, {SELECTION}, {SEARCH}]


def test_split_of_bins__a_region_is_kept_apart_by_a_gap() -> None:
    codes = of_contig(codes_of(SplitConfig(test=("II",), selection=("I:4000-6000",))), 0)
    start = 20 * np.arange(len(codes))
    assert set(start[codes == SELECTION]) == set(range(4000, 6000, 20))
    assert set(start[codes == LEFT_OUT]) == set(range(3920, 4000, 20)) | set(range(6000, 6080, 20))


@given(
    runs=st.lists(st.tuples(st.integers(0, 3), st.integers(1, 8)), min_size=1, max_size=8),
    step=st.integers(1, 12),
    length=st.integers(1, 40),
)
def test_leave_gaps__windows_of_different_splits_never_overlap(
    runs: list[tuple[int, int]], step: int, length: int
) -> None:
    codes = np.concatenate([np.full(count, code, dtype=np.uint8) for code, count in runs])
    after = leave_gaps(codes, step, length)
    kept = np.flatnonzero(after != LEFT_OUT)
    for one in kept:
        for other in kept:
            assert after[one] == after[other] or abs(one - other) * step >= length
    assert (after[codes == TEST] == TEST).all()
    assert ((after == codes) | (after == LEFT_OUT)).all()


def test_cut_search_split__is_the_last_tenth_of_the_labelled_windows_after_a_gap() -> None:
    codes = codes_of(SplitConfig(test=("II",), selection=("III", "IV")))
    counted = np.zeros(len(BINS), dtype=bool)
    counted[:400:4] = True
    part = of_contig(cut_search_split(BINS, codes, counted, 100), 0)
    assert (part[:356] == TRAIN).all()
    assert (part[356:360] == LEFT_OUT).all()
    assert (part[360:] == SEARCH).all()
    assert counted[360:].sum() == 10


def test_cut_search_split__says_so_where_contigs_are_too_short() -> None:
    codes = codes_of(SplitConfig(test=("I",), selection=("II",)))
    with pytest.raises(SplitError, match=r"no training contig is long enough.*at least 20,000 bases.*Name a contig"):
        cut_search_split(BINS, codes, np.ones(len(BINS), dtype=bool), 1000)


@pytest.mark.parametrize(
    ("split", "message"),
    [
        (SplitConfig(test=("chrXII",), selection=("I",)), r"split\.test: 'chrXII' is not a contig.*nearest names are"),
        (SplitConfig(test=("II",)), r"split\.selection: no contig is named; expected at least one of I, II, III, …"),
        (
            SplitConfig(test=("II",), selection=("chrII",)),
            r"contig II is in test \('II'\) and in selection \('chrII'\)",
        ),
        (SplitConfig(test=("II", "II"), selection=("I",)), r"split\.test: 'II' is named twice"),
        (SplitConfig(test=("II",), selection=("I:1-10001",)), r"region I:1-10001 is not on contig I, which has 10,000"),
        (
            SplitConfig(test=("I:0-500",), selection=("I:499-900",)),
            r"contig I is in test \('I:0-500'\) and in selection",
        ),
    ],
)
def test_split_regions__refuses_what_cannot_be(split: SplitConfig, message: str) -> None:
    with pytest.raises(SplitError, match=message):
        split_regions(split, NAMES, LENGTHS, ContigAliases(NAMES))


def test_split_regions__a_contig_may_have_a_colon_in_its_name() -> None:
    names = ("HLA-A*01:01", "chr1", "chr2")
    regions = split_regions(
        SplitConfig(test=("HLA-A*01:01",), selection=("chr1",)), names, np.array([9, 9, 9]), ContigAliases(names)
    )
    assert [region.contig for region in regions] == [0, 1]


def test_preset__deepsea_selects_on_a_part_of_chromosome_7() -> None:
    names, lengths = ("chr7", "chr8", "chr9"), np.array([159_138_663, 146_364_022, 141_213_431])
    regions = split_regions(preset("deepsea"), names, lengths, ContigAliases(names))
    assert [(r.contig, r.start, r.end) for r in regions if r.code == SELECTION] == [(0, 30_508_750, 35_296_850)]


def test_preset__names_the_nearest_one() -> None:
    with pytest.raises(ConfigError, match=r"no preset 'deepsee'.*Did you mean deepsea\?"):
        preset("deepsee")
    assert set(PRESETS) >= {"deepsea", "selene", "bpnet-fold0"}


@given(groups=st.lists(st.integers(0, 30), min_size=40, max_size=200), seed=st.integers(0, 9))
def test_draw_rows__rows_of_a_group_go_together(groups: list[int], seed: int) -> None:
    array = np.array(groups)
    drawn = draw_rows(array, 0.1, np.random.default_rng(seed))
    assert drawn.sum() <= round(0.1 * len(groups))
    for group in set(groups):
        assert len(set(drawn[array == group].tolist())) == 1


def test_draw_rows__draws_a_tenth_of_rows_that_stand_alone() -> None:
    assert draw_rows(np.arange(1000), 0.1, np.random.default_rng(0)).sum() == 100


def test_check_positives__names_track_split_and_counts() -> None:
    positives = np.array([[5, 7], [1, 0], [2, 3], [0, 2]])
    message = r"split\.test: track 'CTCF' has no positive window among the 30 .*train 5, search 1, selection 2, test 0"
    with pytest.raises(SplitError, match=message):
        check_positives(positives, np.array([50, 10, 20, 30]), ["CTCF", "PU.1"])


def test_check_positives__warns_where_some_tracks_have_none_in_search() -> None:
    positives = np.array([[5, 7], [1, 0], [2, 3], [4, 2]])
    (warning,) = check_positives(positives, np.array([50, 10, 20, 30]), ["CTCF", "PU.1"])
    assert warning == "1 of 2 tracks have no positive window in split search and do not count there: PU.1"


def test_check_positives__refuses_a_search_split_without_any() -> None:
    positives = np.array([[5, 7], [0, 0], [2, 3], [4, 2]])
    with pytest.raises(SplitError, match=r"split\.search: track 'CTCF' \(and 1 other tracks: PU\.1\)"):
        check_positives(positives, np.array([50, 10, 20, 30]), ["CTCF", "PU.1"])


def test_check_positives__refuses_an_empty_split() -> None:
    with pytest.raises(SplitError, match=r"split\.selection: the split has no windows"):
        check_positives(np.ones((4, 1), dtype=int), np.array([50, 10, 0, 30]), ["CTCF"])


def test_code_of__knows_the_splits() -> None:
    assert [code_of(name) for name in ("train", "search", "selection", "test")] == [0, 1, 2, 3]
    with pytest.raises(ConfigError, match="no split 'dev'; expected one of train, search, selection, test"):
        code_of("dev")


@pytest.mark.parametrize(
    ("cell", "code"), [("train", TRAIN), (" Dev ", SELECTION), ("validation", SELECTION), ("TEST", TEST), ("x", None)]
)
def test_code_of_cell__reads_the_usual_words(cell: str, code: int | None) -> None:
    assert code_of_cell(cell) == code
