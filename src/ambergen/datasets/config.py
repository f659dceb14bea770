"""What a data set is made of: the inputs, the windows, the label rule and the splits."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

LabelRule = Literal["half", "any", "summit"]
OnLeak = Literal["refuse", "drop", "allow"]


@dataclass(frozen=True)
class WindowConfig:
    """How windows are laid over a genome, and what makes one positive.

    Attributes
    ----------
    length : symbols of a window, the model's input
    bin : bases in the middle of a window that its labels speak of
    step : bases from one bin to the next
    label : a track is positive where its peaks cover more than half of the bin (``half``), any base of it (``any``),
        or where a peak's summit lies in it (``summit``; the middle of the peak where no summit was called)
    unlabelled : windows without a label that are kept, for each labelled one; or all of them
    exclude : BED file of regions (a blacklist); a window whose bin overlaps one is left out
    """

    # Zhou & Troyanskaya, Nature Methods 12, 931-934 (2015): 1000-bp windows, 200-bp bins, more than half covered.
    length: int = 1000
    bin: int = 200
    step: int = 200
    label: LabelRule = "half"
    unlabelled: float | Literal["all"] = 1.0
    exclude: Path | None = None


@dataclass(frozen=True)
class SplitConfig:
    """Which contigs belong to which split; all others train.

    A name may carry a region, ``chr7:30508750-35296850`` (0-based, half-open): only the windows whose bins begin in it
    belong to the split. Of a table, whole contigs where a column names that of each row; else empty.
    """

    test: tuple[str, ...] = ()
    selection: tuple[str, ...] = ()
    search: tuple[str, ...] = ()


@dataclass(frozen=True)
class TrackSource:
    """One track: its name and either a file of peaks, or a bigWig and the value from which on a base counts as peak.

    Attributes
    ----------
    reverse_partner : the track that takes this one's place when the sequence is reverse-complemented
    """

    name: str
    peaks: Path | None = None
    bigwig: Path | None = None
    threshold: float | None = None
    reverse_partner: str | None = None


@dataclass(frozen=True)
class CountSource:
    """The reads of one experiment that begin at each base: a bigWig of both strands together, or one of each strand."""

    name: str
    bigwig: Path | None = None
    plus: Path | None = None
    minus: Path | None = None


@dataclass(frozen=True)
class CountConfig:
    """Counts of reads that a store keeps beside the labels of its windows.

    Attributes
    ----------
    tracks : the experiments
    width : bases in the middle of a window whose counts are kept; all of them where it is not given
    shift : how far a window may be moved in training without leaving the bases whose counts are kept
    """

    # Avsec et al., Nature Genetics 53, 354-366 (2021): counts of the whole window, which is moved by up to 200 bases.
    tracks: tuple[CountSource, ...]
    width: int | None = None
    shift: int = 200


@dataclass(frozen=True)
class GenomeSource:
    """A genome (FASTA), its tracks and, where files name contigs differently, a table of aliases.

    Attributes
    ----------
    counts : reads at every base, beside the labels that the tracks give
    """

    genome: Path
    tracks: tuple[TrackSource, ...]
    aliases: Path | None = None
    counts: CountConfig | None = None


@dataclass(frozen=True)
class TableSource:
    """A table of sequences and labels: a file for each split, or one file with a column that names the split.

    Attributes
    ----------
    sequence : name of the column with the sequence
    labels : names of the label columns; empty for every column that holds nothing but 0, 1 and empty cells, and for
        none where there are `sites`
    split_column : name of the column that holds train, search, selection (or valid, validation, val, dev) or test
    contig : name of the column that holds the contig of each row, by which `DataConfig.split` divides them
    rows : ``column=value``: only the rows with this value are taken
    sites : name of a track that all rows are positive for, as those of a table of bound sites; the first track
    shuffles : random sequences with the dinucleotides of a row that are added for each row, negative for all tracks,
        in the split of their row
    """

    train: Path
    selection: Path | None = None
    test: Path | None = None
    search: Path | None = None
    sequence: str = "sequence"
    labels: tuple[str, ...] = ()
    split_column: str | None = None
    contig: str | None = None
    rows: str | None = None
    sites: str | None = None
    shuffles: int = 0


@dataclass(frozen=True)
class DataConfig:
    """Everything that decides what a store holds, but for the seed.

    Attributes
    ----------
    on_leak : what becomes of windows that overlap or equal one of another split: ``refuse`` the data, ``drop`` the
        window from the split that matters less (train, search, selection, test, in this order), or ``allow`` it
    alphabet : name of the alphabet of the sequences
    """

    source: GenomeSource | TableSource
    windows: WindowConfig = field(default_factory=WindowConfig)
    split: SplitConfig = field(default_factory=SplitConfig)
    on_leak: OnLeak = "refuse"
    alphabet: str = "dna"

    def to_dict(self, paths: bool = True) -> dict[str, Any]:
        """The config as JSON can hold it; a path becomes text, or only the word "given"."""
        plain: dict[str, Any] = _plain(asdict(self), paths)
        plain["source"]["kind"] = "genome" if isinstance(self.source, GenomeSource) else "table"
        if plain["source"].get("counts", 0) is None:
            del plain["source"]["counts"]  # a store without counts is the one that it was before there were any
        return plain


def _plain(value: Any, paths: bool) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item, paths) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, paths) for item in value]
    if isinstance(value, Path):
        return str(value) if paths else "given"
    return value
