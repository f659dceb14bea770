"""`ambergen predict`: what a trained model says of sequences, or of intervals of a genome."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from ambergen.sequence.alphabets import Alphabet
    from ambergen.sequence.scorer import Scorer

ROWS = 4096


@dataclass(frozen=True)
class Form:
    """What windows have to be like."""

    length: int
    alphabet: Alphabet


@dataclass(frozen=True)
class Windows:
    """Some windows and what names them.

    names : column -> (n,) values
    tokens : (n, length) uint8
    """

    names: dict[str, Any]
    tokens: np.ndarray


def predict(
    model: Annotated[
        Path, typer.Argument(metavar="MODEL", help="A trained model's folder, with model.json and its weights.")
    ],
    source: Annotated[
        Path, typer.Argument(metavar="FASTA_OR_BED", help="Sequences, or intervals (BED3 to BED12, narrowPeak).")
    ],
    genome: Annotated[
        Path | None, typer.Option(metavar="FASTA", help="The genome that the intervals lie on; needed for a BED file.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FILE", help="A .tsv, .tsv.gz or .parquet file; else TSV to stdout."),
    ] = None,
) -> None:
    """Probabilities of every track, one row a sequence or interval.

    A model sees windows of one length. An interval is widened or cut to the
    window around its middle; a sequence shorter than the window is centred in
    unknown bases; a longer one is refused, since only a part would be seen.
    Both strands are read and averaged. Positions are 0-based and half-open, as
    in BED; intervals come contig by contig in the genome's order.

    Examples:

      ambergen predict out/models/3f2a9c01b7/seed0 promoters.fa > tracks.tsv
      ambergen predict model/ peaks.bed --genome genome.fa.gz -o tracks.parquet
    """
    from ambergen.baselines.loading import load
    from ambergen.cli.progress_bars import progress_for_terminal
    from ambergen.errors import InputError
    from ambergen.sequence.alphabets import by_name
    from ambergen.training.precision import default_device
    from ambergen.training.saving import read_description

    suffixes = "" if out is None else "".join(out.suffixes[-2:])
    if out is not None and not suffixes.endswith((".tsv", ".tsv.gz", ".parquet")):
        raise InputError(f"{out}: the ending tells the format; expected .tsv, .tsv.gz or .parquet.")
    scorer, alphabet = load(model, default_device()), by_name(read_description(model)["alphabet"])
    total, windows = _windows(Form(scorer.length, alphabet), source, genome)
    with _writer(out) as write, progress_for_terminal().task("Predicting", total) as task:
        for part in windows:
            write(_rows(scorer, part))
            task.advance(len(part.tokens))


def _rows(scorer: Scorer, windows: Windows) -> pd.DataFrame:
    """Names and probabilities (scores, where the model has no probabilities), one row a window."""
    import pandas as pd
    from scipy.special import expit

    scores = scorer.predict(windows.tokens)
    scores = expit(scores) if scorer.output == "logit" else scores
    return pd.DataFrame({**windows.names, **{track: scores[:, t] for t, track in enumerate(scorer.tracks)}})


# ---- windows


def _windows(form: Form, source: Path, genome: Path | None) -> tuple[int | None, Iterator[Windows]]:
    """Number of windows, None where it is not known yet, and the windows."""
    from ambergen.errors import InputError
    from ambergen.io.compression import open_by_content

    with open_by_content(source) as stream:
        is_fasta = stream.read(4096).lstrip().startswith(b">")
    if is_fasta:
        if genome is not None:
            raise InputError(f"{source}: is a FASTA file, whose sequences need no genome. Leave --genome out.")
        return None, _sequence_windows(form, source)
    if genome is None:
        raise InputError(f"{source}: is not FASTA, so it is read as intervals. Name their genome with --genome FASTA.")
    from ambergen.io.bed import read_intervals

    intervals = read_intervals(source)
    return len(intervals), _interval_windows(form, source, genome)


def _sequence_windows(form: Form, source: Path) -> Iterator[Windows]:
    import numpy as np

    from ambergen.errors import InputError
    from ambergen.io.fasta import read_contigs

    names: list[str] = []
    tokens = np.full((ROWS, form.length), form.alphabet.unknown_token, np.uint8)
    for contig in read_contigs(source, form.alphabet):
        spare = form.length - len(contig.tokens)
        if spare < 0:
            raise InputError(
                f"{source}, sequence {contig.name}: has {len(contig.tokens)} bases; this model sees {form.length}. "
                "Cut it into windows, or give intervals in a BED file with --genome."
            )
        tokens[len(names), spare // 2 : spare // 2 + len(contig.tokens)] = contig.tokens
        names.append(contig.name)
        if len(names) == ROWS:
            yield Windows({"name": names}, tokens)
            names, tokens = [], np.full_like(tokens, form.alphabet.unknown_token)
    if names:
        yield Windows({"name": names}, tokens[: len(names)])


def _interval_windows(form: Form, source: Path, genome: Path) -> Iterator[Windows]:
    """Windows contig by contig in the genome's order, so that one contig is in memory at a time."""
    import numpy as np

    from ambergen.errors import FileFormatError
    from ambergen.io.aliases import ContigAliases
    from ambergen.io.bed import read_intervals
    from ambergen.io.fasta import contig_lengths, read_contigs

    lengths = contig_lengths(genome, form.alphabet)
    aliases = ContigAliases(list(lengths))
    wanted: dict[str, Any] = {}
    for name, part in read_intervals(source).by_contig():
        contig = aliases.resolve(str(name))
        if contig is None:
            raise FileFormatError(
                f"{source}: contig {name} is not in {genome}, which has {', '.join(list(lengths)[:3])}, …. The "
                "intervals are probably on another assembly; name the genome that they were called on."
            )
        beyond = np.flatnonzero(part.end > lengths[contig])
        if len(beyond):
            raise FileFormatError(
                f"{source}: {name}:{part.start[beyond[0]]}-{part.end[beyond[0]]} ends beyond contig {contig}, which "
                f"has {lengths[contig]:,} bases. The intervals are probably on another assembly; name their own genome."
            )
        wanted.setdefault(contig, []).append((name, part))
    for record in read_contigs(genome, form.alphabet):
        for name, part in wanted.get(record.name, ()):
            for first in range(0, len(part), ROWS):
                rows = part.select(np.arange(first, min(first + ROWS, len(part))))
                starts = (rows.start + rows.end) // 2 - form.length // 2
                names = {"chrom": [name] * len(rows), "start": rows.start, "end": rows.end}
                yield Windows(names, _cut(record.tokens, starts, form.length, form.alphabet.unknown_token))


def _cut(tokens: np.ndarray, starts: np.ndarray, length: int, unknown: int) -> np.ndarray:
    """(n, length) windows of a contig, with unknown bases beyond its ends."""
    import numpy as np

    positions = starts[:, None] + np.arange(length)
    inside = (positions >= 0) & (positions < len(tokens))
    return np.where(inside, tokens[np.clip(positions, 0, len(tokens) - 1)], unknown).astype(np.uint8)


# ---- files


@contextmanager
def _writer(out: Path | None) -> Iterator[Any]:
    """A function that takes data frames; the file appears when all were written."""
    if out is None:
        yield _TextRows(sys.stdout).write
        return
    part = out.with_name(f".part-{out.name}")  # the ending stays, since it says how to compress
    part.parent.mkdir(parents=True, exist_ok=True)
    try:
        if out.suffix == ".parquet":
            rows = _ParquetRows(part)
            yield rows.write
            rows.close()
        else:
            import gzip

            opened = gzip.open if out.suffix == ".gz" else open
            with opened(part, "wt", encoding="utf-8") as stream:
                yield _TextRows(stream).write
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)


class _TextRows:
    """Tab-separated rows under one header."""

    def __init__(self, stream: Any) -> None:
        self._stream, self._first = stream, True

    def write(self, rows: pd.DataFrame) -> None:
        rows.to_csv(self._stream, sep="\t", index=False, header=self._first, float_format="%.6g")
        self._first = False


class _ParquetRows:
    """Row groups of a Parquet file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: Any = None

    def write(self, rows: pd.DataFrame) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        batch: Any = pa.Table.from_pandas(rows, preserve_index=False)
        if self._file is None:
            self._file = pq.ParquetWriter(self._path, batch.schema)
        self._file.write_table(batch)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
