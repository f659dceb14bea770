"""The whole store of a small genome, judged by slow loops."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ambergen.datasets.building import build
from ambergen.datasets.config import DataConfig, GenomeSource, SplitConfig, TrackSource
from ambergen.datasets.store import Store
from ambergen.errors import ConfigError, FileFormatError, LeakError, SplitError
from ambergen.io.bed import read_intervals
from ambergen.sequence.alphabets import DNA
from ambergen.sequence.intervals import merge
from tests.datasets.conftest import LENGTHS, SmallGenome, write_genome

SPLIT_OF_CONTIG = {"A": "train", "B": "search", "C": "selection", "D": "test"}


def slow_label(path: Path, contig: str, bin_start: int, width: int, rule: str) -> int:
    covered, summit_inside = set(), False
    peaks = read_intervals(path)
    for name, start, end in zip(peaks.contig, peaks.start, peaks.end, strict=True):
        if name == contig:
            covered |= set(range(max(start, bin_start), min(end, bin_start + width)))
            summit_inside |= bin_start <= (start + end) // 2 < bin_start + width
    return int({"any": len(covered) > 0, "half": len(covered) > width / 2, "summit": summit_inside}[rule])


@pytest.mark.parametrize(
    ("rule", "length", "width", "step"), [("any", 100, 20, 20), ("half", 60, 10, 8), ("summit", 41, 16, 30)]
)
def test_build__every_window_has_the_genomes_letters_and_the_loops_labels(
    small_genome: SmallGenome, rule: str, length: int, width: int, step: int
) -> None:
    config = small_genome.with_windows(length=length, bin=width, step=step, label=rule, unlabelled="all")
    store = build(config, small_genome.folder / "store")
    source = store.manifest
    assert (store.length, store.bin, store.tracks) == (length, width, ("wide", "narrow"))
    windows = store.windows(np.arange(store.n_windows))
    letters = [DNA.decode(tokens) for tokens in store.tokens(np.arange(store.n_windows))]
    labels = store.labels(np.arange(store.n_windows))
    assert isinstance(config.source, GenomeSource)
    paths = [track.peaks for track in config.source.tracks]
    split_of = {name: set(store.indices(name).tolist()) for name in SPLIT_OF_CONTIG.values()}
    expected_rows = []
    for contig, sequence in small_genome.sequence.items():
        for bin_start in range(0, len(sequence) - width + 1, step):
            label = [slow_label(path, contig, bin_start, width, rule) for path in paths if path]
            if any(label) or set(sequence[bin_start : bin_start + width]) != {"N"}:
                first = bin_start - (length - width) // 2
                inside = sequence[max(first, 0) : first + length]
                text = "N" * max(0, -first) + inside
                expected_rows.append((contig, first, text.ljust(length, "N"), label))
    assert len(expected_rows) == store.n_windows
    for row, (contig, first, text, label) in enumerate(expected_rows):
        assert (windows.contig[row], windows.start[row], windows.end[row]) == (contig, first, first + length)
        assert letters[row] == text
        assert labels[row].tolist() == label
        assert row in split_of[SPLIT_OF_CONTIG[contig]]
    for name in SPLIT_OF_CONTIG.values():
        assert store.positives(name).tolist() == labels[store.indices(name)].sum(axis=0).tolist()
    assert source["counts"]["test"]["windows"] == len(split_of["test"])


def test_build__keeps_as_many_unlabelled_windows_as_labelled_ones(small_genome: SmallGenome) -> None:
    store = build(small_genome.config, small_genome.folder / "store")
    for name in SPLIT_OF_CONTIG.values():
        labelled = store.labels(store.indices(name)).any(axis=1)
        assert labelled.sum() == (~labelled).sum() > 0


def test_build__a_packed_genome_in_lower_case_gives_the_same_store(small_genome: SmallGenome) -> None:
    one = build(small_genome.config, small_genome.folder / "one")
    path = small_genome.folder / "lower.fa.gz"
    path.write_bytes(gzip.compress("".join(f">{n}\n{s.lower()}\n" for n, s in small_genome.sequence.items()).encode()))
    config = replace(small_genome.config, source=replace(small_genome.config.source, genome=path))
    assert build(config, small_genome.folder / "two").checksum == one.checksum


def test_build__windows_in_excluded_regions_are_left_out(small_genome: SmallGenome, bed: Callable[..., Path]) -> None:
    blacklist = bed(("A", 100, 1000), ("elsewhere", 5, 9), name="blacklist.bed")
    whole = build(small_genome.with_windows(unlabelled="all"), small_genome.folder / "whole")
    store = build(small_genome.with_windows(unlabelled="all", exclude=blacklist), small_genome.folder / "store")
    assert store.manifest["left_out"]["excluded"] == 45 == whole.n_windows - store.n_windows
    windows = store.windows(store.indices("train"))
    middle = (windows.start + windows.end) // 2
    assert not ((middle >= 100) & (middle < 1000)).any()


def test_build__cuts_the_search_split_off_training_contigs(small_genome: SmallGenome) -> None:
    split = SplitConfig(test=("D",), selection=("C",))
    config = replace(small_genome.with_windows(unlabelled="all"), split=split)
    store = build(config, small_genome.folder / "store")
    train, search = (store.windows(store.indices(name)) for name in ("train", "search"))
    for contig in ("A", "B"):
        end_of_train = train.end[train.contig == contig].max()
        begin_of_search = search.start[search.contig == contig].min()
        assert 0 <= begin_of_search - end_of_train < 20
    assert 0.06 < len(search) / (len(search) + len(train)) < 0.14
    assert store.manifest["left_out"]["gap between splits"] > 0
    assert not store.manifest["leaks"]["overlapping"]


def test_build__partners_are_stored(small_genome: SmallGenome) -> None:
    assert isinstance(small_genome.config.source, GenomeSource)
    plus, minus = small_genome.config.source.tracks
    config = small_genome.with_tracks(plus, replace(minus, reverse_partner="wide"))
    assert build(config, small_genome.folder / "store").reverse_partner.tolist() == [1, 0]


def test_build__a_bigwig_labels_as_the_peaks_of_its_runs(small_genome: SmallGenome) -> None:
    pybigtools = pytest.importorskip("pybigtools", reason="pybigtools has no build for this Python")
    assert isinstance(small_genome.config.source, GenomeSource)
    peaks = small_genome.config.source.tracks[0]
    assert peaks.peaks is not None
    merged = merge(read_intervals(peaks.peaks))
    runs = [(c, int(s), int(e), 2.5) for c, s, e in zip(merged.contig, merged.start, merged.end, strict=True)]
    path = small_genome.folder / "wide.bw"
    pybigtools.open(str(path), "w").write(LENGTHS, runs)
    stores = [
        build(small_genome.with_tracks(track), small_genome.folder / str(number))
        for number, track in enumerate([peaks, TrackSource("wide", bigwig=path, threshold=2.0)])
    ]
    assert stores[0].checksum == stores[1].checksum


def copy_window(small_genome: SmallGenome, strand: str) -> DataConfig:
    """Put the sequence of the first labelled window of the test contig into the training contig."""
    store = build(small_genome.config, small_genome.folder / "before")
    first = store.indices("test")[3:4]
    letters = DNA.decode(store.tokens(first)[0])
    if strand == "-":
        letters = letters[::-1].translate(str.maketrans("ACGT", "TGCA"))
    target = int(store.windows(store.indices("train")[7:8]).start[0])
    sequence = dict(small_genome.sequence)
    sequence["A"] = sequence["A"][:target] + letters + sequence["A"][target + len(letters) :]
    write_genome(small_genome.folder / "genome.fa", sequence)
    return small_genome.config


@pytest.mark.parametrize("strand", ["+", "-"])
def test_build__a_repeat_in_two_splits_is_found(small_genome: SmallGenome, strand: str) -> None:
    config = copy_window(small_genome, strand)
    message = r"1 window of train has the sequence of 1 window of test \(for example A:\d+-\d+ and D:\d+-\d+\)"
    with pytest.raises(LeakError, match=message):
        build(config, small_genome.folder / "store")
    dropped = build(replace(config, on_leak="drop"), small_genome.folder / "store")
    allowed = build(replace(config, on_leak="allow"), small_genome.folder / "allowed")
    assert allowed.n_windows - dropped.n_windows == 1
    assert len(allowed.indices("test")) == len(dropped.indices("test"))


@pytest.mark.parametrize(
    ("rows", "error", "message"),
    [
        ([], FileFormatError, r"peaks\.bed: there is no interval in the file"),
        ([("Z", 1, 2)], FileFormatError, r"contigs that .*genome\.fa lacks \('Z'\); it has A, B, C, D\."),
        ([("D", 2400, 2498)], FileFormatError, r"record 1 \(D:2400-2498\): the interval ends beyond contig D, which"),
        ([("A", 1, 9), ("B", 1, 9), ("C", 1, 9)], SplitError, r"split\.test: track 'new' has no positive window"),
        ([("D", 1, 9), ("B", 1, 9), ("C", 1, 9)], SplitError, r"split\.train: track 'new' has no positive window"),
    ],
)
def test_build__refuses_peaks_that_do_not_fit(
    small_genome: SmallGenome,
    bed: Callable[..., Path],
    rows: list[tuple[str, int, int]],
    error: type[Exception],
    message: str,
) -> None:
    assert isinstance(small_genome.config.source, GenomeSource)
    config = small_genome.with_tracks(*small_genome.config.source.tracks, TrackSource("new", bed(*rows)))
    with pytest.raises(error, match=message):
        build(config, small_genome.folder / "store")
    assert not list(small_genome.folder.glob("store*"))


def test_build__a_track_without_positives_in_search_is_a_warning(
    small_genome: SmallGenome, bed: Callable[..., Path]
) -> None:
    assert isinstance(small_genome.config.source, GenomeSource)
    new = TrackSource("new", bed(("A", 1, 9), ("C", 1, 9), ("D", 50, 99)))
    store = build(small_genome.with_tracks(*small_genome.config.source.tracks, new), small_genome.folder / "store")
    (warning,) = store.manifest["warnings"]
    assert warning.startswith("1 of 3 tracks have no positive window in split search")


def test_build__refuses_a_genome_of_contigs_shorter_than_a_bin(small_genome: SmallGenome) -> None:
    config = small_genome.with_windows(length=9002, bin=9001)
    with pytest.raises(FileFormatError, match=r"no contig is as long as a bin of 9001 bases"):
        build(config, small_genome.folder / "store")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"length": 0}, r"windows\.length: 0; expected a number of bases above 0"),
        ({"bin": 101}, r"windows\.bin: the bin has 101 bases, the window 100"),
        ({"label": "most"}, r"windows\.label: 'most'; expected half, any or summit"),
        ({"unlabelled": -1.0}, r"windows\.unlabelled: -1\.0; expected how many"),
    ],
)
def test_build__refuses_impossible_windows(small_genome: SmallGenome, changes: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build(small_genome.with_windows(**changes), small_genome.folder / "store")


def test_build__contigs_lie_on_one_line_with_gaps(small_genome: SmallGenome) -> None:
    store = build(small_genome.config, small_genome.folder / "store")
    is_gap = np.ones(len(store.token_line), dtype=bool)
    for contig in store.manifest["contigs"]:
        assert contig["length"] == LENGTHS[contig["name"]]
        is_gap[contig["offset"] : contig["offset"] + contig["length"]] = False
    assert (store.token_line[is_gap] == DNA.unknown_token).all()
    assert is_gap.sum() == 5 * store.manifest["gap"]


def test_build__real_peaks_of_yeast(shared_data: Path, tmp_path: Path) -> None:
    yeast = shared_data / "yeast"
    tracks = tuple(TrackSource(name, yeast / "peaks" / f"{name}.bed.gz") for name in ("Abf1", "Reb1"))
    config = DataConfig(
        GenomeSource(yeast / "genome.R64-1-1.fa.gz", tracks, yeast / "chrom_alias.tsv"),
        windows=replace(DataConfig(GenomeSource(Path(), ())).windows, label="any"),
        split=SplitConfig(test=("II", "VIII", "XIV"), selection=("V", "IX"), search=("X",)),
        on_leak="drop",
    )
    store: Store = build(config, tmp_path / "store")
    assert store.n_tracks == 2
    assert len(store.manifest["contigs"]) == 17
    n_abf1 = sum(int(store.positives(split)[0]) for split in SPLIT_OF_CONTIG.values())
    assert n_abf1 == store.manifest["peaks"][0]["bins"] > 600
