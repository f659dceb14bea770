"""A store from a genome and its tracks, contig by contig."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ambergen.datasets.config import DataConfig, GenomeSource
from ambergen.datasets.count_files import CountedWindows, layout_of, write_counts
from ambergen.datasets.labels import Bins, TrackHits, labelled_bins, packed_labels
from ambergen.datasets.leaks import find_leaks
from ambergen.datasets.parts import StoreParts, kept_despite_leaks, leak_report, window_reader
from ambergen.datasets.splits import (
    LEFT_OUT,
    SEARCH,
    SPLIT_NAMES,
    check_positives,
    cut_search_split,
    split_of_bins,
    split_regions,
)
from ambergen.datasets.store import LABELS, OFFSETS, SPLIT, TOKENS
from ambergen.datasets.tracks import GenomeContigs, check_tracks, place, read_peaks, reverse_partners
from ambergen.datasets.windows import choose, known_bins, window_start
from ambergen.errors import FileFormatError
from ambergen.io.aliases import ContigAliases
from ambergen.io.fasta import read_contigs
from ambergen.progress import Progress
from ambergen.sequence.alphabets import by_name

_LEAST_GAP = 64
_LABEL_CHUNK = 1 << 17


@dataclass(frozen=True, eq=False)
class _TokenLine:
    """All contigs on one line: who they are, where they begin, and which bins have a known base."""

    contigs: GenomeContigs
    first: NDArray[np.int64]
    gap: int
    known: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class _LabelledTracks:
    """The positive bins of every track, and notes for the manifest."""

    hits: list[TrackHits]
    labelled: NDArray[np.bool_]
    peaks: list[dict[str, Any]]

    def positives(self, split: NDArray[np.uint8]) -> NDArray[np.int64]:
        """(4, n_tracks) from the split of every bin."""
        counts = [np.bincount(split[hits.between(0, len(split))], minlength=LEFT_OUT + 1) for hits in self.hits]
        return np.stack(counts, axis=1)[: len(SPLIT_NAMES)]


def build_genome(
    config: DataConfig, source: GenomeSource, parts: StoreParts, seed: int, progress: Progress
) -> dict[str, Any]:
    """Write the arrays of a store.

    Returns
    -------
    dict
        The part of the manifest that says what the arrays hold.
    """
    windows = config.windows
    check_tracks(source.tracks)
    partner = reverse_partners(source.tracks)
    layout = None if source.counts is None else layout_of(source.counts, windows)
    tracks = [track.name for track in source.tracks]

    line = _write_tokens(config, source, parts, progress)
    contigs = line.contigs
    bins = Bins(contigs.lengths, windows.bin, windows.step)
    if len(bins) == 0:
        raise FileFormatError(
            f"{source.genome}: no contig is as long as a bin of {windows.bin} bases; expected longer contigs. "
            "Give another genome, or a smaller data.windows.bin."
        )
    regions = split_regions(config.split, contigs.names, contigs.lengths, contigs.aliases)
    split_of_bin = split_of_bins(bins, regions, windows.length)
    n_gap = int((split_of_bin == LEFT_OUT).sum())
    excluded = _excluded(config, contigs, bins)
    n_excluded = int((split_of_bin[excluded] != LEFT_OUT).sum())
    split_of_bin[excluded] = LEFT_OUT

    labelled = _label(config, source, contigs, bins, progress)
    if not any(region.code == SEARCH for region in regions):
        counted = line.known if windows.unlabelled == "all" else labelled.labelled
        before = int((split_of_bin == LEFT_OUT).sum())
        split_of_bin = cut_search_split(bins, split_of_bin, counted, windows.length)
        n_gap += int((split_of_bin == LEFT_OUT).sum()) - before

    choice = choose(bins, split_of_bin, labelled.labelled, line.known, windows.unlabelled, seed)
    start = window_start(bins.start_of(choice.bins), windows.bin, windows.length)
    contig = bins.contig_of(choice.bins)
    offsets = line.first[contig] + start
    n_windows = np.bincount(choice.split, minlength=len(SPLIT_NAMES))
    check_positives(labelled.positives(_spread(choice.bins, choice.split, len(bins))), n_windows, tracks)

    with progress.task("comparing the splits", total=len(offsets)) as task:
        reader = window_reader(parts.folder / TOKENS, offsets, windows.length, task)
        leaks = find_leaks(reader, choice.split, by_name(config.alphabet), offsets, windows.length)
    stays = kept_despite_leaks(
        leaks,
        config.on_leak,
        lambda row: f"{contigs.names[contig[row]]}:{start[row]}-{start[row] + windows.length}",
    )
    kept_bins, split, offsets = choice.bins[stays], choice.split[stays], offsets[stays]
    positives = labelled.positives(_spread(kept_bins, split, len(bins)))
    n_windows = np.bincount(split, minlength=len(SPLIT_NAMES))
    warnings = check_positives(positives, n_windows, tracks)

    parts.write(OFFSETS, offsets)
    parts.write(SPLIT, split)
    _write_labels(parts, labelled.hits, kept_bins, progress)
    reads: dict[str, Any] = {}
    if source.counts is not None and layout is not None:
        windows_to_count = CountedWindows(contigs, line.first, windows.length, offsets, split)
        reads["reads"], more = write_counts(parts, source.counts, layout, windows_to_count, progress)
        warnings += more
    overhang = max(int((-start).max(initial=0)), int((start + windows.length - contigs.lengths[contig]).max(initial=0)))
    return {
        "kind": "genome",
        "length": windows.length,
        "bin": windows.bin,
        "step": windows.step,
        "label": windows.label,
        "tracks": tracks,
        "reverse_partner": partner.tolist(),
        "n_windows": len(offsets),
        "gap": line.gap,
        "max_shift": line.gap - max(overhang, 0),
        "contigs": [
            {"name": name, "offset": int(first), "length": int(length)}
            for name, first, length in zip(contigs.names, line.first, contigs.lengths, strict=True)
        ],
        "peaks": labelled.peaks,
        **reads,
        "counts": {
            name: {"windows": int(n_windows[code]), "positives": positives[code].tolist()}
            for code, name in enumerate(SPLIT_NAMES)
        },
        "left_out": {"excluded": n_excluded, "gap between splits": n_gap, **choice.left_out},
        "leaks": leak_report(leaks, config.on_leak, SPLIT_NAMES, choice.split),
        "warnings": warnings,
    }


def _spread(number: NDArray[np.int64], split: NDArray[np.uint8], n_bins: int) -> NDArray[np.uint8]:
    """(n_bins,): the split of the bins that are kept, `LEFT_OUT` for all others."""
    codes = np.full(n_bins, LEFT_OUT, dtype=np.uint8)
    codes[number] = split
    return codes


def _write_tokens(config: DataConfig, source: GenomeSource, parts: StoreParts, progress: Progress) -> _TokenLine:
    windows, alphabet = config.windows, by_name(config.alphabet)
    gap = max(windows.length, _LEAST_GAP)
    between = np.full(gap, alphabet.unknown_token, dtype=np.uint8)
    names: list[str] = []
    lengths: list[int] = []
    first: list[int] = []
    known: list[NDArray[np.bool_]] = []
    with parts.writer(TOKENS, np.uint8) as writer, progress.task("reading the genome") as task:
        writer.write(between)
        for contig in read_contigs(source.genome, alphabet):
            names.append(contig.name)
            lengths.append(len(contig.tokens))
            first.append(writer.n_rows)
            known.append(known_bins(contig.tokens, windows.bin, windows.step, alphabet.unknown_token))
            writer.write(contig.tokens)
            writer.write(between)
            task.advance(len(contig.tokens))
            task.note(contig.name)
    contigs = GenomeContigs(
        source.genome, tuple(names), np.array(lengths, dtype=np.int64), ContigAliases(names, source.aliases)
    )
    return _TokenLine(contigs, np.array(first, dtype=np.int64), gap, np.concatenate(known))


def _excluded(config: DataConfig, contigs: GenomeContigs, bins: Bins) -> NDArray[np.int64]:
    if config.windows.exclude is None:
        return np.empty(0, dtype=np.int64)
    regions = place(config.windows.exclude, contigs, unknown_contigs="count")
    return labelled_bins(bins, regions.intervals, "any")


def _label(
    config: DataConfig, source: GenomeSource, contigs: GenomeContigs, bins: Bins, progress: Progress
) -> _LabelledTracks:
    labelled = np.zeros(len(bins), dtype=bool)
    hits: list[TrackHits] = []
    notes: list[dict[str, Any]] = []
    with progress.task("labelling", total=len(source.tracks)) as task:
        for track in source.tracks:
            task.note(track.name)
            peaks = read_peaks(track, contigs)
            number = labelled_bins(bins, peaks.intervals, config.windows.label)
            labelled[number] = True
            hits.append(TrackHits(number, len(bins)))
            n_peaks = len(peaks.intervals.start)
            notes.append({"peaks": n_peaks, "on other contigs": peaks.n_unplaced, "bins": len(number)})
            task.advance()
    return _LabelledTracks(hits, labelled, notes)


def _write_labels(parts: StoreParts, hits: list[TrackHits], kept: NDArray[np.int64], progress: Progress) -> None:
    with (
        parts.writer(LABELS, np.uint8, (-(-len(hits) // 8),)) as writer,
        progress.task("writing labels", total=len(kept)) as task,
    ):
        for first in range(0, len(kept), _LABEL_CHUNK):
            chunk = kept[first : first + _LABEL_CHUNK]
            writer.write(packed_labels(hits, chunk))
            task.advance(len(chunk))
