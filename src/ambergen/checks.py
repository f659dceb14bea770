"""What would fail later, found in seconds: files, contig names, labels, splits, device, disk."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ambergen import seeds
from ambergen.config import Run
from ambergen.datasets.building import build
from ambergen.datasets.config import GenomeSource
from ambergen.datasets.count_files import check_count_files, layout_of
from ambergen.datasets.inputs import input_paths
from ambergen.datasets.labels import Bins, labelled_bins
from ambergen.datasets.splits import LEFT_OUT, SEARCH, SPLIT_NAMES, TEST, TRAIN, split_of_bins, split_regions
from ambergen.datasets.store import Store
from ambergen.datasets.tracks import GenomeContigs, check_tracks, read_peaks, reverse_partners
from ambergen.errors import AmbergenError
from ambergen.executors.base import cores
from ambergen.io.aliases import ContigAliases
from ambergen.io.fasta import contig_lengths
from ambergen.metrics.objectives import BUILT_IN
from ambergen.models.summary import child_parameters, supernet_parameters
from ambergen.progress import SILENT, Progress
from ambergen.runs.config import SHARED, unused
from ambergen.runs.methods import searched_space
from ambergen.sequence.alphabets import by_name
from ambergen.spaces.space import Space
from ambergen.training.precision import default_device, device_name, resolve
from ambergen.validation.entrants import trained_rivals
from ambergen.workers import n_workers

Level = Literal["fine", "note", "problem"]

# Up to this many bases, all windows are laid out on trial, which also finds equal sequences in two splits.
SMALL_GENOME = 50_000_000
# Means leave out tracks with fewer positives or negatives than this.
FEWEST = 10


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at: fine, worth knowing (note), or a problem with its remedy."""

    level: Level
    subject: str
    message: str


def check_run(run: Run, progress: Progress = SILENT) -> list[Finding]:
    """Look at everything that a run needs; nothing is written but for a trial file in its folder."""
    findings = list(_files(run))
    if not any(f.level == "problem" for f in findings):
        data = _genome if isinstance(run.data.source, GenomeSource) else _table
        findings += _caught("data", lambda: data(run, progress))
    findings += _caught("space", lambda: _space(run))
    findings += _caught("search", lambda: _search(run))
    findings += _caught("compare", lambda: _rivals(run))
    findings += _caught("device", lambda: _device(run))
    findings += _caught("out", lambda: _out(run))
    return findings


def _caught(subject: str, look: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """What `look` finds, and the error that ends it."""
    try:
        yield from look()
    except AmbergenError as error:
        yield Finding("problem", subject, str(error))


# ---- data


def _files(run: Run) -> Iterator[Finding]:
    paths = input_paths(run.data)
    total = 0
    for role, path in paths.items():
        if not path.is_file():
            yield Finding(
                "problem", role, f"{path}: there is no such file. Correct the path, or override it with --set."
            )
        elif not os.access(path, os.R_OK):
            yield Finding("problem", role, f"{path}: you may not read it. Change its permissions.")
        elif path.stat().st_size == 0:
            yield Finding("problem", role, f"{path}: the file is empty. Give the whole file.")
        else:
            total += path.stat().st_size
    yield Finding("fine", "files", f"{len(paths)} input files, {total / 1e6:,.1f} MB")


def _table(run: Run, progress: Progress) -> Iterator[Finding]:
    """A table is small enough to be built as it will be."""
    with _trial(run, progress) as store:
        windows = {name: len(store.indices(name)) for name in SPLIT_NAMES}
        yield Finding("fine", "table", f"{_listed(windows)}, each of {store.length} symbols")
        positives = np.stack([store.positives(name) for name in SPLIT_NAMES])
        yield from _prevalence(store.tracks, positives, np.array(list(windows.values())))
        yield from _leaks(store)


@contextmanager
def _trial(run: Run, progress: Progress) -> Iterator[Store]:
    """The store of the run in a folder that goes again."""
    with tempfile.TemporaryDirectory() as folder:
        yield build(run.data, Path(folder) / "store", run.search.seed, progress)


def _leaks(store: Store) -> Iterator[Finding]:
    for warning in store.manifest["warnings"]:
        yield Finding("note", "labels", warning)
    yield Finding("fine", "leaks", "no window of one split in another, but for what data.on_leak deals with")


def _genome(run: Run, progress: Progress) -> Iterator[Finding]:
    source, windows = run.data.source, run.data.windows
    assert isinstance(source, GenomeSource)
    check_tracks(source.tracks)
    reverse_partners(source.tracks)
    layout = None if source.counts is None else layout_of(source.counts, windows)
    with progress.task("reading the genome"):
        lengths = contig_lengths(source.genome, by_name(run.data.alphabet))
    names = tuple(lengths)
    contigs = GenomeContigs(
        source.genome, names, np.array(list(lengths.values()), np.int64), ContigAliases(names, source.aliases)
    )
    yield Finding("fine", "genome", f"{len(names)} contigs, {int(contigs.lengths.sum()):,} bases")
    bins = Bins(contigs.lengths, windows.bin, windows.step)
    regions = split_regions(run.data.split, names, contigs.lengths, contigs.aliases)
    split = split_of_bins(bins, regions, windows.length)
    counts = np.bincount(split, minlength=LEFT_OUT + 1)
    cut = "" if any(r.code == SEARCH for r in regions) else "; search will be cut from the ends of training contigs"
    yield Finding(
        "fine", "splits", _listed({n: int(counts[c]) for c, n in enumerate(SPLIT_NAMES) if counts[c]}, "bins") + cut
    )
    if source.counts is not None and layout is not None:
        check_count_files(source.counts, contigs)
        text = f"{_number(len(layout.tracks), 'track')} of reads, {_number(layout.n_columns, 'file')} on this genome"
        most = 4e-9 * layout.n_columns * float(contigs.lengths.sum())
        yield Finding("fine", "counts", f"{text}; at most {most:,.2f} GB in the store, where windows cover all of it")
    names_of_tracks = [track.name for track in source.tracks]
    positives, silent = np.zeros((len(SPLIT_NAMES), len(source.tracks)), np.int64), []
    n_problems = 0
    with progress.task("labelling", total=len(source.tracks)) as task:
        for number, track in enumerate(source.tracks):
            task.advance()
            try:
                peaks = read_peaks(track, contigs).intervals
            except AmbergenError as error:
                n_problems += 1
                yield Finding("problem", f"track {track.name}", str(error))
                continue
            hit = labelled_bins(bins, peaks, windows.label)
            positives[:, number] = np.bincount(split[hit], minlength=LEFT_OUT + 1)[: len(SPLIT_NAMES)]
            if len(hit) == 0:
                silent.append((track.name, float(np.median(peaks.end - peaks.start))))
    if silent:
        yield _silent(silent, len(source.tracks), windows.label)
    if silent or n_problems:
        return
    searched = [c for c in range(len(SPLIT_NAMES)) if counts[c]]
    yield from _prevalence(names_of_tracks, positives[searched], counts[searched], [SPLIT_NAMES[c] for c in searched])
    if contigs.lengths.sum() <= SMALL_GENOME:
        with _trial(run, SILENT) as store:
            yield from _leaks(store)


def _silent(silent: list[tuple[str, float]], n_tracks: int, rule: str) -> Finding:
    """Tracks whose peaks label nothing: (name, median width of a peak)."""
    if rule == "half":
        width = max(width for _, width in silent)
        remedy = (
            f"Their peaks are {width:.0f} bases wide at the median, and a bin is labelled where more than half of it "
            "is covered; set data.windows.label to any."
        )
    else:
        remedy = "Set data.windows.step to data.windows.bin, so that the bins leave no bases out."
    names = _some([name for name, _ in silent])
    return Finding("problem", "labels", f"{len(silent)} of {n_tracks} tracks label no bin: {names}. {remedy}")


def _prevalence(
    tracks: tuple[str, ...] | list[str],
    positives: NDArray[np.int64],
    windows: NDArray[np.int64],
    names: tuple[str, ...] | list[str] = SPLIT_NAMES,
) -> Iterator[Finding]:
    """What the positives of each split (n_splits, n_tracks) mean for training and means."""
    share = positives.sum(axis=0) / windows.sum()
    yield Finding(
        "fine",
        "labels",
        f"{len(tracks)} tracks, positive in {_percent(share.min())} to {_percent(share.max())} of all bins",
    )
    for row, name in enumerate(names):
        none = [tracks[t] for t in np.flatnonzero(positives[row] == 0)]
        few = [tracks[t] for t in np.flatnonzero((positives[row] > 0) & (positives[row] < FEWEST))]
        needed = name in (SPLIT_NAMES[TRAIN], SPLIT_NAMES[TEST])
        if none:
            remedy = "Give the split other contigs, or leave the tracks out." if needed else "They do not count there."
            text = f"{len(none)} of {len(tracks)} tracks have no positive in {name}: {_some(none)}. {remedy}"
            yield Finding("problem" if needed else "note", "labels", text)
        if few:
            yield Finding(
                "note",
                "labels",
                f"{len(few)} of {len(tracks)} tracks have fewer than {FEWEST} positives in {name} and are left out of "
                f"its means: {_some(few)}",
            )


# ---- the machine


def _space(run: Run) -> Iterator[Finding]:
    length, n_tracks = run.length, run.n_tracks
    if length is None or n_tracks is None:
        return
    lengths = run.space.lengths(length)
    text = f"{_power(searched_space(run.space, run.search).size)} architectures"
    if isinstance(run.space, Space) and run.search.method in SHARED:
        text += f", supernet of {supernet_parameters(run.space, n_tracks, length) / 1e6:.1f} M parameters"
    yield Finding("fine", "space", text)
    if lengths[-1] < 4:
        yield Finding(
            "note",
            "space",
            f"windows of {length} shrink to {lengths[-1]} positions in the last stage; preset compact, or a shorter "
            "space.reduce, suits short windows better",
        )


def _search(run: Run) -> Iterator[Finding]:
    objective = run.search.objective
    if objective not in BUILT_IN:
        yield Finding("fine", "search", f"the objective {objective} gives a number a track on a small example")
    for text in unused(run.search):
        yield Finding("note", "search", text)


def _rivals(run: Run) -> Iterator[Finding]:
    """Rivals that have to be trained already."""
    for name, folders in trained_rivals(run.out / "rivals", run.compare.trained).items():
        yield Finding("fine", "compare", f"{_number(len(folders), 'model')} of {name} in {folders[0].parent}")


def _device(run: Run) -> Iterator[Finding]:
    device, workers = default_device(), n_workers(run.execute)
    dtype = str(resolve(run.train.precision, device)).removeprefix("torch.")
    if run.execute.engine == "ray":
        yield from _cluster(run, f"{device_name()}, {dtype}")
        return
    threads = max(1, cores() // workers)
    text = f"{device_name()}, {dtype}; {_number(workers, 'worker')} with {_number(threads, 'thread')} each on "
    text += _number(cores(), "core")
    yield Finding("fine", "device", text)
    if workers > cores():
        yield Finding(
            "note",
            "device",
            f"{workers} workers share {_number(cores(), 'core')}; execute.workers: {cores()} would be faster",
        )


def _cluster(run: Run, here: str) -> Iterator[Finding]:
    if find_spec("ray") is None:
        yield Finding(
            "problem", "device", "execute.engine is ray, and Ray is not installed: pip install 'ambergen[ray]'"
        )
    where = "this machine" if run.execute.ray.address is None else f"the cluster at {run.execute.ray.address}"
    yield Finding("fine", "device", f"{here}; trainings run in Ray's workers on {where}")


def _out(run: Run) -> Iterator[Finding]:
    place = run.out
    while not place.exists():
        place = place.parent
    if not place.is_dir():
        yield Finding("problem", "out", f"{place}: is a file, so {run.out} cannot be made. Name another folder as out.")
        return
    try:
        with tempfile.TemporaryFile(dir=place):
            pass
    except OSError as error:
        yield Finding("problem", "out", f"{place}: cannot be written ({error.strerror}). Name another folder as out.")
        return
    need, free = _needed_bytes(run), shutil.disk_usage(place).free
    level: Level = "problem" if need > free else "fine"
    remedy = " Make room, or name a folder on another disk as out." if need > free else ""
    yield Finding(level, "disk", f"{place}: {free / 1e9:,.1f} GB free, about {need / 1e9:,.2f} GB needed.{remedy}")


def _needed_bytes(run: Run) -> float:
    """Rough: the store, one checkpoint of the supernet with its optimiser, and models of that size at most."""
    # A base is one byte in a store and in plain files, a quarter of it or more in packed ones.
    paths = [path for path in input_paths(run.data).values() if path.is_file()]
    store = sum(path.stat().st_size * (4.5 if path.suffix in (".gz", ".bgz") else 1.2) for path in paths)
    space = run.space
    if isinstance(space, Space):
        parameters = supernet_parameters(space, run.n_tracks or 1, run.length or 1000)
    else:
        drawn = space.sample(seeds.generator(run.search.seed, "disk"))
        parameters = child_parameters(space, drawn, run.n_tracks or 1, run.length or 1000)
    n_models = run.seeds * (run.compare.searches + run.compare.sampled + len(run.compare.scorers))
    return store + 12 * parameters + 4 * parameters * n_models


# ---- words


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _listed(counts: dict[str, int], unit: str = "windows") -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items()) + f" {unit}"


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %"


def _some(names: list[str], most: int = 8) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _power(size: int) -> str:
    return f"{size:,}" if size < 10**6 else f"10^{len(str(size)) - 1}"
