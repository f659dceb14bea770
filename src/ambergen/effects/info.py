"""Effects in the INFO column of the VCF that they are of."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TextIO

import numpy as np
import pandas as pd

from ambergen import __version__
from ambergen.effects.alleles import STATUSES
from ambergen.effects.results import Effects
from ambergen.errors import InputError
from ambergen.io.bgzip import BgzipWriter
from ambergen.io.vcf import HEADER, INFO, Line, body, read_header

MOST_TRACKS = 50
ENDINGS = (".vcf", ".vcf.gz", ".vcf.bgz")
SHOWN = ("diff", "logit_diff", "percentile", "diff_spread")
"""The scores that become keys, where there are such."""

_DESCRIPTIONS = {
    "diff": "Alternate minus reference allele",
    "logit_diff": "Difference of the logits, alternate minus reference allele",
    "percentile": "Percent of the background with an effect that is not larger",
    "diff_spread": "Standard deviation of diff over the models",
}
_COLUMNS = 8
_PREFIX, _FACTS = "AMBERGEN_", "##ambergen_effects="
_OWN_LINES = (f"##INFO=<ID={_PREFIX}", _FACTS)
"""Of an earlier run, whose keys would stand twice."""


class _Text(Protocol):
    def write(self, text: str) -> object: ...

    def close(self) -> object: ...


def check_number_of_tracks(name: str, tracks: Sequence[str]) -> None:
    """InputError if there are more than `MOST_TRACKS`; `name` is the file's."""
    if len(tracks) > MOST_TRACKS:
        raise InputError(
            f"{name}: {len(tracks)} tracks do not go into the INFO column; expected at most {MOST_TRACKS}. Choose some "
            "with --track NAME, or write .parquet or .h5."
        )


def _open_text(path: Path) -> TextIO:
    return path.open("w", encoding="utf-8", errors="surrogateescape", newline="")


class VcfOutput:
    """The lines of the source in their order, each with its effects.

    Keys are ``AMBERGEN_DIFF`` and the like, one value an alternate allele; with several tracks each has its number at
    the end, and the header says which it is. Values that do not exist are ``.``. Keys of an earlier run are replaced.
    """

    def __init__(self, path: Path, name: str, source: Path, tracks: tuple[str, ...]) -> None:
        packed = name.lower().endswith("gz")
        self._out: _Text = BgzipWriter(path) if packed else _open_text(path)
        self._source, self._tracks = source, tracks
        self._lines: Iterator[Line] = body(source)
        self._names: tuple[str, ...] | None = None

    def write(self, effects: Effects) -> None:
        if self._names is None:
            self._begin(tuple(name for name in SHOWN if name in effects.matrices), effects.about)
        names = self._names or ()
        values = np.stack([getattr(effects, name) for name in names], axis=2)
        record, rows = effects.variants["record_index"].to_numpy(), effects.variants
        borders = np.flatnonzero(np.diff(record, prepend=-1))
        for first, last in zip(borders, [*borders[1:], len(record)][: len(borders)], strict=True):
            self._out.write(self._annotated(next(self._lines), rows.iloc[first:last], values[first:last], names))

    def close(self) -> None:
        if self._names is None:
            self._begin(SHOWN[:1], {})
        self._out.close()

    def _key(self, name: str, track: int) -> str:
        return f"{_PREFIX}{name.upper()}" + (f"_{track + 1}" if len(self._tracks) > 1 else "")

    def _annotated(self, line: Line, rows: pd.DataFrame, values: np.ndarray, names: tuple[str, ...]) -> str:
        entries = [f"AMBERGEN_STATUS={','.join(rows['status'])}"]
        scored = rows["status"].isin(("ok", "duplicate"))
        if (scored & ~rows["ref_match"]).any():
            entries.append("AMBERGEN_REF_MISMATCH")
        for track in range(len(self._tracks)):
            for at, name in enumerate(names):
                cells = ["." if np.isnan(v) else f"{v:.6g}" for v in values[:, track, at]]
                entries.append(f"{self._key(name, track)}={','.join(cells)}")
        cells = line.text.decode("utf-8", errors="surrogateescape").split("\t")
        cells += ["."] * (_COLUMNS - len(cells))
        before = [entry for entry in cells[INFO].split(";") if entry not in (".", "") and not entry.startswith(_PREFIX)]
        cells[INFO] = ";".join([*before, *entries])
        return "\t".join(cells) + "\n"

    def _begin(self, names: tuple[str, ...], about: Mapping[str, Any]) -> None:
        self._names = names
        header = [line for line in read_header(self._source) if not line.startswith(_OWN_LINES)]
        columns = header.pop() if header and header[-1].startswith("#CHROM") else "#" + "\t".join(HEADER)
        given = columns.split("\t")
        columns = "\t".join([*given, *("QUAL", "FILTER", "INFO")[len(given) - len(HEADER) :]])
        if not any(line.startswith("##fileformat=") for line in header):
            header.insert(0, "##fileformat=VCFv4.3")
        statuses = "; ".join(f"{name} = {meaning}" for name, meaning in STATUSES.items())
        header.append(f'##INFO=<ID=AMBERGEN_STATUS,Number=A,Type=String,Description="{statuses}">')
        header.append(
            "##INFO=<ID=AMBERGEN_REF_MISMATCH,Number=0,Type=Flag,"
            'Description="REF is not what the genome has; scored as stated">'
        )
        for track, name in enumerate(self._tracks):
            quoted = name.replace("\\", "\\\\").replace('"', '\\"')
            for score in names:
                header.append(
                    f"##INFO=<ID={self._key(score, track)},Number=A,Type=Float,"
                    f'Description="{_DESCRIPTIONS[score]}, track {quoted}">'
                )
        header.append(f"{_FACTS}{json.dumps({'version': __version__, **about})}")
        self._out.write("\n".join([*header, columns]) + "\n")
