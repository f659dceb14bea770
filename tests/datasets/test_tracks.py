from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambergen.datasets.config import TrackSource
from ambergen.datasets.tracks import (
    GenomeContigs,
    check_tracks,
    place,
    read_peaks,
    reverse_partners,
    runs_above,
)
from ambergen.errors import ConfigError, FileFormatError
from ambergen.io.aliases import ContigAliases

NAMES = ("I", "II", "III")
GENOME = GenomeContigs(Path("genome.fa"), NAMES, np.array([1000, 500, 300]), ContigAliases(NAMES))


def test_place__finds_contigs_by_their_other_names(bed: Callable[..., Path]) -> None:
    placed = place(bed(("chr2", 10, 20), ("I", 0, 1000)), GENOME)
    assert placed.intervals.contig.tolist() == [1, 0]
    assert placed.intervals.end.tolist() == [20, 1000]


def test_place__counts_peaks_on_extra_contigs(bed: Callable[..., Path]) -> None:
    placed = place(bed(("chr2", 10, 20), ("chrUn_KI270302v1", 0, 9), ("GL000192.1", 0, 9), ("I_alt", 3, 4)), GENOME)
    assert placed.n_unplaced == 3
    assert placed.intervals.start.tolist() == [10]


def test_place__refuses_other_contigs_that_the_genome_lacks(bed: Callable[..., Path]) -> None:
    message = (
        r"peaks\.bed: 2 of 3 records lie on contigs that genome\.fa lacks \('scaffold7', 'chrZ'\); it has I, II, III\. "
        r"Give the genome .*aliases"
    )
    with pytest.raises(FileFormatError, match=message):
        place(bed(("I", 10, 20), ("scaffold7", 0, 9), ("chrZ", 0, 9)), GENOME)


def test_place__refuses_a_file_without_a_peak_on_the_genome(bed: Callable[..., Path]) -> None:
    with pytest.raises(FileFormatError, match=r"1 of 1 records lie on contigs that genome\.fa lacks \('chr1_alt'\)"):
        place(bed(("chr1_alt", 10, 20)), GENOME)


def test_place__counts_all_unknown_contigs_where_asked(bed: Callable[..., Path]) -> None:
    assert place(bed(("I", 10, 20), ("scaffold7", 0, 9)), GENOME, unknown_contigs="count").n_unplaced == 1


def test_place__a_peak_beyond_the_end_means_another_assembly(bed: Callable[..., Path]) -> None:
    message = (
        r"peaks\.bed, record 2 \(chrII:490-501\): the interval ends beyond contig II, which has 500 bases in "
        r"genome\.fa \(2 of 3 records do\)\. The file was probably made on another assembly; give the genome"
    )
    with pytest.raises(FileFormatError, match=message):
        place(bed(("I", 10, 20), ("chrII", 490, 501), ("III", 1, 999)), GENOME)


def test_check_tracks__refuses_two_tracks_of_one_name() -> None:
    tracks = [TrackSource("CTCF", Path("a/CTCF.bed")), TrackSource("CTCF", Path("b/CTCF.bed"))]
    with pytest.raises(ConfigError, match=r"2 tracks have the name 'CTCF' \(a/CTCF\.bed, b/CTCF\.bed\).*Rename"):
        check_tracks(tracks)


@pytest.mark.parametrize(
    ("track", "message"),
    [
        (TrackSource("CTCF"), "track 'CTCF': neither peaks nor bigwig is given"),
        (TrackSource("CTCF", Path("a.bed"), Path("a.bw"), 1.0), "track 'CTCF': both peaks and bigwig are given"),
        (TrackSource("CTCF", bigwig=Path("a.bw")), "threshold of a bigWig is None; expected a number above 0"),
        (TrackSource("CTCF", bigwig=Path("a.bw"), threshold=0.0), "threshold of a bigWig is 0.0; expected"),
    ],
)
def test_check_tracks__refuses_a_track_without_one_input(track: TrackSource, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        check_tracks([track])


def test_check_tracks__refuses_no_track() -> None:
    with pytest.raises(ConfigError, match="there is no track; expected at least one"):
        check_tracks([])


def track(name: str, partner: str | None = None) -> TrackSource:
    return TrackSource(name, Path(f"{name}.bed"), reverse_partner=partner)


def test_reverse_partners__one_side_is_enough() -> None:
    assert reverse_partners([track("plus", "minus"), track("dnase"), track("minus")]).tolist() == [2, 1, 0]
    assert reverse_partners([track("plus", "minus"), track("minus", "plus")]).tolist() == [1, 0]
    assert reverse_partners([track("palindrome", "palindrome")]).tolist() == [0]


@pytest.mark.parametrize(
    ("tracks", "message"),
    [
        ([track("plus", "minos"), track("minus")], r"reverse_partner 'minos' is not a track.*for example minus"),
        ([track("a", "b"), track("b", "c"), track("c")], r"track 'b': reverse_partner is 'c', but 'b' and 'a' are"),
        ([track("a", "c"), track("b", "c"), track("c")], r"track 'b': reverse_partner is 'c', but 'c' and 'a' are"),
    ],
)
def test_reverse_partners__refuses_what_is_no_pair(tracks: list[TrackSource], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        reverse_partners(tracks)


@given(
    values=st.lists(st.integers(0, 4), min_size=1, max_size=60), threshold=st.integers(1, 4), block=st.integers(1, 70)
)
def test_runs_above__are_those_of_a_walk_along_the_contig(values: list[int], threshold: int, block: int) -> None:
    array = np.array(values, dtype=np.float32)
    (start, end, summit), highest = runs_above(lambda a, b: array[a:b], len(array), threshold, block)
    expected, base = [], 0
    while base < len(values):
        run_end = base
        while run_end < len(values) and values[run_end] >= threshold:
            run_end += 1
        if run_end > base:
            expected.append((base, run_end, base + int(np.argmax(array[base:run_end]))))
        base = run_end + 1
    assert list(zip(start, end, summit, strict=True)) == expected
    assert highest == max(values)


def write_bigwig(path: Path, contigs: dict[str, int], runs: list[tuple[str, int, int, float]]) -> Path:
    pybigtools = pytest.importorskip("pybigtools", reason="pybigtools has no build for this Python")
    pybigtools.open(str(path), "w").write(contigs, runs)
    return path


def test_read_peaks__a_bigwig_gives_runs_at_or_above_the_threshold(tmp_path: Path) -> None:
    runs = [("chrI", 10, 20, 1.0), ("chrI", 20, 25, 3.0), ("chrI", 40, 50, 0.5), ("chrII", 495, 500, 2.0)]
    path = write_bigwig(tmp_path / "a.bw", {"chrI": 1000, "chrII": 500}, runs)
    peaks = read_peaks(TrackSource("a", bigwig=path, threshold=1.0), GENOME).intervals
    assert peaks.summit is not None
    found = zip(peaks.contig, peaks.start, peaks.end, peaks.summit, strict=True)
    assert list(found) == [(0, 10, 25, 20), (1, 495, 500, 495)]


@pytest.mark.parametrize(
    ("contigs", "threshold", "message"),
    [
        ({"chrI": 1001}, 1.0, r"a\.bw: contig chrI has 1,001 bases, in genome\.fa it has 1,000.*another assembly"),
        ({"scaffold7": 1000}, 1.0, r"a\.bw: none of its contigs \(scaffold7\) is in genome\.fa, which has I, II, III"),
        ({"chrI": 1000}, 5.0, r"no base reaches the threshold 5; the highest value is 2\. Lower the threshold"),
    ],
)
def test_read_peaks__refuses_a_bigwig_that_does_not_fit(
    tmp_path: Path, contigs: dict[str, int], threshold: float, message: str
) -> None:
    path = write_bigwig(tmp_path / "a.bw", contigs, [(next(iter(contigs)), 10, 20, 2.0)])
    with pytest.raises(FileFormatError, match=message):
        read_peaks(TrackSource("a", bigwig=path, threshold=threshold), GENOME)
