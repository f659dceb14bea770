"""Parameters of published DeepBind models: text files of lines ``name = value,value,…``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ambergen.errors import FileFormatError
from ambergen.io.compression import open_by_content

_INTEGERS = ("reverse_complement", "num_detectors", "detector_len", "has_avg_pooling", "num_hidden")
_LISTS = ("detectors", "thresholds", "weights1", "biases1", "weights2", "biases2")
_MOST = 100_000
"""Of each of the sizes, so that a damaged one is told as such."""

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class DeepBindParameters:
    """One model.

    both_strands : whether the score is the larger of those of the strands
    average : whether each detector gives its mean beside its maximum
    hidden : units between pools and output, 0 for none
    detectors : (n_detectors, 4, width)
    thresholds : (n_detectors,), which are added
    weights1 : (n_pooled, hidden or 1); the pooled values are the maximum and the mean of each detector in turn, or the
        maxima alone
    biases1 : (hidden or 1,)
    weights2, biases2 : (hidden,) and (1,); empty where there are no hidden units
    """

    both_strands: bool
    average: bool
    hidden: int
    detectors: Floats
    thresholds: Floats
    weights1: Floats
    biases1: Floats
    weights2: Floats
    biases2: Floats


def read_deepbind(path: Path) -> DeepBindParameters:
    """The parameters in a file of the published collection; plain or gzip.

    Raises
    ------
    FileFormatError
        If a line is not ``name = values``, or a name is missing, doubled, or has another number of values than the
        sizes ask for.
    """
    lines = _lines(path)
    sizes = {name: _integer(path, lines, name) for name in _INTEGERS}
    n, width, hidden = sizes["num_detectors"], sizes["detector_len"], sizes["num_hidden"]
    n_pooled, n_out = n * (2 if sizes["has_avg_pooling"] else 1), hidden or 1
    counts = (4 * n * width, n, n_pooled * n_out, n_out, hidden, 1 if hidden else 0)
    values = {name: _numbers(path, lines, name, count) for name, count in zip(_LISTS, counts, strict=True)}
    return DeepBindParameters(
        both_strands=bool(sizes["reverse_complement"]),
        average=bool(sizes["has_avg_pooling"]),
        hidden=hidden,
        # In the file the detector runs fastest, then the base, then the position
        detectors=np.ascontiguousarray(values["detectors"].reshape(width, 4, n).transpose(2, 1, 0)),
        thresholds=values["thresholds"],
        weights1=values["weights1"].reshape(n_pooled, n_out),
        biases1=values["biases1"],
        weights2=values["weights2"],
        biases2=values["biases2"],
    )


def _lines(path: Path) -> dict[str, tuple[int, str]]:
    """Name -> number of the line and what stands there."""
    found: dict[str, tuple[int, str]] = {}
    with open_by_content(path) as stream:
        text = stream.read().decode("utf-8", errors="replace")
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        name, equals, value = (part.strip() for part in line.partition("="))
        if not equals or name not in (*_INTEGERS, *_LISTS):
            raise FileFormatError(
                f"{path}, line {number}: {line[:60]!r} is not a parameter of DeepBind; expected lines such as "
                "'num_detectors = 16'. Give a file of its collection, db/params/D….txt."
            )
        if name in found:
            raise FileFormatError(
                f"{path}, line {number}: {name} stands on line {found[name][0]} already; expected it once. Remove one "
                "of the lines."
            )
        found[name] = number, value
    for name in (*_INTEGERS, *_LISTS[:4]):
        if name not in found:
            raise FileFormatError(
                f"{path}: {name} is missing; expected lines with {', '.join((*_INTEGERS, *_LISTS))}. The file is cut "
                "off, or not of DeepBind's collection; fetch it again."
            )
    return found


def _integer(path: Path, lines: dict[str, tuple[int, str]], name: str) -> int:
    number, text = lines[name]
    least = 1 if name in ("num_detectors", "detector_len") else 0
    most = 1 if name in ("reverse_complement", "has_avg_pooling") else _MOST
    value = int(text) if text.isascii() and text.isdigit() else -1
    if not least <= value <= most:
        raise FileFormatError(
            f"{path}, line {number}: {name} is {text[:40]!r}; expected a whole number from {least} to {most:,}. "
            "Correct the line, or fetch the file again."
        )
    return value


def _numbers(path: Path, lines: dict[str, tuple[int, str]], name: str, count: int) -> Floats:
    number, text = lines.get(name, (0, ""))
    if not count:  # a model without hidden units names the second layer and leaves it empty
        return np.empty(0, np.float32)
    cells = text.split(",") if text else []
    try:
        values = np.array([float(cell) for cell in cells], np.float32)
    except ValueError as error:
        raise FileFormatError(
            f"{path}, line {number}: {name} has something else than numbers ({error}); expected {count:,} numbers with "
            "commas between them. Fetch the file again."
        ) from error
    if len(values) != count or not np.isfinite(values).all():
        found = f"{len(values):,} numbers" if len(values) != count else "a value that is not finite"
        where = f"{path}, line {number}" if number else str(path)
        raise FileFormatError(
            f"{where}: {name} has {found}; expected {count:,} numbers, as the sizes above it ask for. The file is "
            "damaged; fetch it again."
        )
    return values
