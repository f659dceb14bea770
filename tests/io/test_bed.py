from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ambergen.errors import FileFormatError
from ambergen.io import bed
from ambergen.io.bed import read_intervals
from ambergen.sequence.intervals import Intervals

# Three binding events of Reb1 in yeast (ChIP-exo, Rossi et al., Nature 591, 309-314 (2021)), one base each
REB1 = "chr1\t10218\t10219\t1\nchr1\t29271\t29272\t2\nchr2\t7655\t7656\t3\n"
NARROW_PEAK = "chr1\t100\t200\tp1\t0\t.\t8.5\t-1\t3.25\t40\nchr2\t0\t50\tp2\t0\t.\t2\t-1\t1e-3\t-1\n"


def write(tmp_path: Path, text: str | bytes, name: str = "peaks.bed") -> Path:
    path = tmp_path / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def rows(intervals: Intervals) -> list[tuple[object, ...]]:
    n = len(intervals)
    strand = intervals.strand if intervals.strand is not None else [None] * n
    summit = intervals.summit if intervals.summit is not None else [None] * n
    return list(zip(intervals.contig, intervals.start.tolist(), intervals.end.tolist(), strand, summit, strict=True))


def test_read_intervals__reads_plain_gzip_and_bgzip(tmp_path: Path, bgzip: Callable[[bytes], bytes]) -> None:
    for packed in (REB1.encode(), gzip.compress(REB1.encode()), bgzip(REB1.encode())):
        intervals = read_intervals(write(tmp_path, packed))
        assert rows(intervals) == [
            ("chr1", 10218, 10219, None, None),
            ("chr1", 29271, 29272, None, None),
            ("chr2", 7655, 7656, None, None),
        ]
        assert (intervals.start.dtype, intervals.end.dtype) == (np.int64, np.int64)


@pytest.mark.parametrize("n_columns", [3, 4, 5, 6, 7, 8, 9, 11, 12])
def test_read_intervals__has_strands_from_six_columns_on(tmp_path: Path, n_columns: int) -> None:
    full = "chr7 127471196 127472363 Pos1 0 - 127471196 127472363 255,0,0 1 1167 0"
    intervals = read_intervals(write(tmp_path, "\t".join(full.split()[:n_columns]) + "\n"))
    assert rows(intervals) == [("chr7", 127471196, 127472363, "-" if n_columns >= 6 else None, None)]


def test_read_intervals__summit_is_a_position_on_the_contig(tmp_path: Path) -> None:
    expected = [("chr1", 100, 200, ".", 140), ("chr2", 0, 50, ".", -1)]
    for name in ("a.narrowPeak", "a.bed"):
        assert rows(read_intervals(write(tmp_path, NARROW_PEAK, name))) == expected


@pytest.mark.parametrize(
    "text",
    [
        "chr1\t5\t9\nchr2\t0\t1",
        "chr1\t5\t9\r\nchr2\t0\t1\r\n",
        "chr1\t5\t9\rchr2\t0\t1\r",
        "chr1 5 9\nchr2 0 1\n",
        "chr1   5  9\n  chr2 0 1\n",
        "chr1\t5 9\nchr2 0\t1\n",
        "chr1 5 9 \nchr2 0 1 \n",
        "track name=peaks\nbrowser position chr1\n#contig\tstart\tend\n\nchr1\t5\t9\n\n# more\n \nchr2\t0\t1\n\n",
        "track\nchr1\t5\t9\ntrack\tname=x\nchr2\t0\t1\n",
    ],
)
def test_read_intervals__takes_every_line_end_blank_and_header(tmp_path: Path, text: str) -> None:
    assert rows(read_intervals(write(tmp_path, text))) == [("chr1", 5, 9, None, None), ("chr2", 0, 1, None, None)]


def test_read_intervals__a_contig_may_be_called_track_1_or_na(tmp_path: Path) -> None:
    assert rows(read_intervals(write(tmp_path, "track_1\t0\t1\nNA\t0\t1\n007\t0\t1\n"))) == [
        ("track_1", 0, 1, None, None),
        ("NA", 0, 1, None, None),
        ("007", 0, 1, None, None),
    ]


def test_read_intervals__a_name_may_have_spaces_where_tabs_separate(tmp_path: Path) -> None:
    assert rows(read_intervals(write(tmp_path, "chr1\t0\t1\ta peak 1\nchr1\t2\t3\t\n"))) == [
        ("chr1", 0, 1, None, None),
        ("chr1", 2, 3, None, None),
    ]


CELLS = st.sampled_from(["chr1", "chr2", "0", "5", "7", "12", "-1", "-3", "+4", "1.5", "x", "", " ", "9 9", ".", "+"])
LINES = st.lists(CELLS, min_size=1, max_size=11).map("\t".join) | st.sampled_from(
    ["chr1\t5\t9", "chr1 5 9", "#x", "", "track a", "chr1\t5\t9\tn\t0\t+", "chr1\t5\t9\tn\t0\t.\t1\t2\t3\t2"]
)


@settings(max_examples=300)
@given(st.lists(LINES, min_size=1, max_size=4), st.sampled_from(["a.bed", "a.narrowPeak"]))
def test_read_intervals__the_fast_way_never_takes_what_the_exact_way_refuses(lines: list[str], name: str) -> None:
    text, path = "\n".join(lines).encode(), Path(name)
    fast = bed._parse_fast(path, text)
    if fast is not None:
        assert rows(fast) == rows(bed._parse_exactly(path, text))


@given(
    st.lists(
        st.tuples(st.sampled_from(["chr1", "X"]), st.integers(0, 10**9), st.integers(1, 999), st.sampled_from("+-.")),
        min_size=1,
    )
)
def test_read_intervals__the_fast_way_takes_what_is_well_formed(records: list[tuple[str, int, int, str]]) -> None:
    text = "".join(f"{c}\t{s}\t{s + w}\tn\t0\t{d}\n" for c, s, w, d in records).encode()
    fast = bed._parse_fast(Path("a.bed"), text)
    assert fast is not None
    assert rows(fast) == [(c, s, s + w, d, None) for c, s, w, d in records]


MALFORMED = [
    ("chr1\t20\t20", "end 20 is not after start 20. Intervals are 0-based and half-open.*use end 21 to mean this one"),
    ("chr1\t20\t10", "end 10 is not after start 20.*exchange the two numbers"),
    ("chr1\t-5\t10", "start is -5; expected 0 or more.*Cut the interval"),
    ("chr1\tstart\tend", "start is 'start'; expected a whole number.*must begin with '#'"),
    ("chr1\t1\t2.5", "end is '2.5'; expected a whole number"),
    ("chr1\t1e3\t2000", "start is '1e3'; expected a whole number"),
    ("chr1\t1\t", "end is ''; expected a whole number"),
    ("chr1\t1\t99999999999999999999", "end is 99999999999999999999; expected a position on a contig"),
    ("chr1\t+1\t20", "start is '.1'; expected a whole number"),
    ("chr1\t1.0\t20", "start is '1.0'; expected a whole number"),
    ("chr1\t1_0\t20", "start is '1_0'; expected a whole number"),
    ("\t1\t2", "the contig's name is ''; expected a word"),
    ("chr 1\t1\t2", "the contig's name is 'chr 1'; expected a word"),
    ("chr1\t1", "the record has 2 columns, the ones before have 3; expected the same number.*Complete the line"),
    ("chr1\t1\t2\tname", "the record has 4 columns, the ones before have 3"),
    ("chr1", "the record has 1 column, the ones before have 3"),
]


@pytest.mark.parametrize(("line", "message"), MALFORMED)
def test_read_intervals__malformed_line_is_an_error_with_its_number(tmp_path: Path, line: str, message: str) -> None:
    path = write(tmp_path, f"#header\nchr1\t1\t2\n\n{line}\nchr1\t3\t4\n")
    with pytest.raises(FileFormatError, match=rf"peaks\.bed, line 4: {message}"):
        read_intervals(path)


@pytest.mark.parametrize("line", ["chr1\t1", "chr1", "chr1\t1\t2" + "\t0" * 10])
def test_read_intervals__wrong_number_of_columns_is_an_error(tmp_path: Path, line: str) -> None:
    n_columns = line.count("\t") + 1
    message = rf"peaks\.bed, line 1: the record has {n_columns} columns?; expected 3 to 12.*separated by tabs"
    with pytest.raises(FileFormatError, match=message):
        read_intervals(write(tmp_path, line))


def test_read_intervals__strand_that_is_none_is_an_error(tmp_path: Path) -> None:
    path = write(tmp_path, "chr1\t1\t2\tn\t0\t+\nchr1\t1\t2\tn\t0\t1\n")
    with pytest.raises(FileFormatError, match=r"line 2: the strand \(column 6\) is '1'; expected '\+', '-' or '\.'"):
        read_intervals(path)


@pytest.mark.parametrize("summit", ["100", "140", "-2"])
def test_read_intervals__summit_outside_its_peak_is_an_error(tmp_path: Path, summit: str) -> None:
    path = write(tmp_path, NARROW_PEAK.replace("\t40\n", f"\t{summit}\n"), "a.narrowPeak.gz")
    message = rf"line 1: the summit \(column 10\) is {summit}, but the peak 100-200 has 100 bases; expected.* 0 to 99"
    with pytest.raises(FileFormatError, match=message):
        read_intervals(path)


def test_read_intervals__narrow_peak_has_ten_columns(tmp_path: Path) -> None:
    with pytest.raises(
        FileFormatError, match=r"line 1: the record has 4 columns, narrowPeak has 10.*name the file \.bed"
    ):
        read_intervals(write(tmp_path, REB1, "reb1.narrowPeak"))


@pytest.mark.parametrize("text", ["", "\n\n", "track name=x\n#contig\tstart\tend\n"])
def test_read_intervals__file_without_intervals_is_an_error(tmp_path: Path, text: str) -> None:
    message = r"peaks\.bed: there is no interval in the file; expected at least one line.*Leave the file out"
    with pytest.raises(FileFormatError, match=message):
        read_intervals(write(tmp_path, text))


def test_read_intervals__binary_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match=r"peaks\.bed, line 1: this is not text; expected BED.*`bigBedToBed`"):
        read_intervals(write(tmp_path, b"\xeb\xf2\x89\x87\x04\x00\x0a\x00"))


def test_read_intervals__reads_the_yeast_peaks(shared_data: Path) -> None:
    paths = sorted((shared_data / "yeast" / "peaks").glob("*.bed.gz"))
    assert len(paths) == 24
    for path in paths:
        intervals = read_intervals(path)
        lines = gzip.decompress(path.read_bytes()).decode().splitlines()
        assert len(intervals) == len(lines)
        for row in (0, len(lines) // 2, -1):
            contig, start, end, *_ = lines[row].split("\t")
            assert (intervals.contig[row], intervals.start[row], intervals.end[row]) == (contig, int(start), int(end))
