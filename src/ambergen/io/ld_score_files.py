"""LD scores in the files of LDSC: `.l2.ldscore.gz`, and sizes of the annotations in `.l2.M` and `.l2.M_5_50`."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
from numpy.typing import NDArray

from ambergen.errors import FileFormatError
from ambergen.io.blank_separated import read_table
from ambergen.io.chromosome_files import chromosomes, is_pattern, of_chromosome
from ambergen.io.compression import open_by_content

SCORES, SIZES, COMMON_SIZES = ".l2.ldscore.gz", ".l2.M", ".l2.M_5_50"
_SCORE_ENDINGS = (SCORES, ".l2.ldscore")
_PLACE_COLUMNS = ("CHR", "SNP", "BP")
_OTHER_COLUMNS = ("CM", "MAF")
# Three decimals, as LDSC writes, would leave nothing of annotations with small values.
_SIGNIFICANT_DIGITS = 9


@dataclass(frozen=True, eq=False)
class LDScores:
    """LD scores of variants to annotations.

    Attributes
    ----------
    contig, id : (n_variants,) object
    position : (n_variants,) int64
        0-based.
    names : of the columns as they stand in the file, each ending with `L2`
    scores : (n_variants, n_annotations)
    m : (n_annotations,) or None
        Sum of the annotation over all variants of the panel; None where there is no such file.
    m_5_50 : (n_annotations,) or None
        The same over variants with a minor allele frequency above 5 %.
    """

    contig: NDArray
    id: NDArray
    position: NDArray[np.int64]
    names: tuple[str, ...]
    scores: NDArray[np.float64]
    m: NDArray[np.float64] | None
    m_5_50: NDArray[np.float64] | None

    def __len__(self) -> int:
        return len(self.position)


# ---- reading


def read_ld_scores(prefixes: str) -> LDScores:
    """LD scores from files of LDSC or of `ambergen ldscore`.

    Parameters
    ----------
    prefixes : path without the ending `.l2.ldscore.gz`
        With `@` for the chromosome, or a dot at the end, all chromosomes are read one after another. Several prefixes
        joined by commas give the columns of all, for the same variants.

    Raises
    ------
    FileFormatError
        If a file is absent or malformed, files of chromosomes differ in their columns, or files of several prefixes in
        their variants or in having sizes.
    """
    parts = [_read_prefix(Path(prefix)) for prefix in prefixes.split(",")]
    first = parts[0]
    for prefix, part in zip(prefixes.split(",")[1:], parts[1:], strict=True):
        _check_same_variants(prefixes.split(",")[0], prefix, first, part)
    names = tuple(name for part in parts for name in part.names)
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise FileFormatError(
            f"{prefixes}: the column {repeated[0]} is there twice; expected a name for each annotation. Rename it in "
            "the header of one of the files, or leave one prefix out."
        )
    return LDScores(
        first.contig,
        first.id,
        first.position,
        names,
        np.hstack([part.scores for part in parts]),
        _joined([part.m for part in parts]),
        _joined([part.m_5_50 for part in parts]),
    )


def _check_same_variants(first_prefix: str, prefix: str, first: LDScores, other: LDScores) -> None:
    if len(first) != len(other) or (first.id != other.id).any():
        n = min(len(first), len(other))
        differ = np.flatnonzero(first.id[:n] != other.id[:n])
        row = int(differ[0]) if len(differ) else n
        found = [str(part.id[row]) if row < len(part) else "nothing more" for part in (first, other)]
        raise FileFormatError(
            f"{prefix}: variant {row + 1} is {found[1]}, in {first_prefix} it is {found[0]}; expected the same "
            "variants in the same order under all prefixes. Compute all LD scores from one panel with one list of "
            "variants."
        )


def _joined(sizes: list[NDArray[np.float64] | None]) -> NDArray[np.float64] | None:
    known = [size for size in sizes if size is not None]
    return np.concatenate(known) if len(known) == len(sizes) else None


def _read_prefix(prefix: Path) -> LDScores:
    if not is_pattern(prefix):
        return _read_files(prefix)
    parts = [_read_files(of_chromosome(prefix, chromosome)) for chromosome in chromosomes(prefix, _SCORE_ENDINGS)]
    for part in parts[1:]:
        if part.names != parts[0].names:
            raise FileFormatError(
                f"{prefix}: the files of chromosome {part.contig[0]} have the columns {', '.join(part.names)}, those "
                f"of chromosome {parts[0].contig[0]} have {', '.join(parts[0].names)}; expected the same ones. Compute "
                "them anew in one run."
            )
    return concatenated(parts)


def concatenated(parts: Sequence[LDScores]) -> LDScores:
    """The variants of several chromosomes one after another, and the sums of the sizes."""
    return LDScores(
        np.concatenate([part.contig for part in parts]),
        np.concatenate([part.id for part in parts]),
        np.concatenate([part.position for part in parts]),
        parts[0].names,
        np.concatenate([part.scores for part in parts]),
        _added([part.m for part in parts]),
        _added([part.m_5_50 for part in parts]),
    )


def _added(sizes: list[NDArray[np.float64] | None]) -> NDArray[np.float64] | None:
    known = [size for size in sizes if size is not None]
    return np.sum(known, axis=0) if len(known) == len(sizes) else None


def _read_files(prefix: Path) -> LDScores:
    paths = [_with_ending(prefix, ending) for ending in _SCORE_ENDINGS]
    path = next((path for path in paths if path.exists()), paths[0])
    with open_by_content(path) as stream:
        text = stream.read()
    header = text.split(b"\n", 1)[0].decode("utf-8", errors="replace").split()
    if not set(_PLACE_COLUMNS) <= set(header) or len(set(header)) < len(header):
        raise FileFormatError(
            f"{path}, line 1: the columns are {', '.join(header[:6]) or 'none'}; expected CHR, SNP, BP and a column of "
            "LD scores for each annotation, each name once. Give a file that LDSC or `ambergen ldscore` has written."
        )
    names = tuple(name for name in header if name not in (*_PLACE_COLUMNS, *_OTHER_COLUMNS))
    try:
        kinds: dict[str, type] = {"BP": np.int64, **dict.fromkeys(names, np.float64)}
        table = read_table(text, {name: kinds.get(name, str) for name in header})
    except (ValueError, pd.errors.ParserError, pd.errors.ParserWarning) as error:
        raise FileFormatError(
            f"{path}: a line is no row of LD scores ({str(error).strip()}); expected {len(header)} columns, with "
            "numbers in BP and in the scores. Fetch or make the file again."
        ) from error
    scores = table[list(names)].to_numpy(dtype=np.float64)
    wrong = np.argwhere(~np.isfinite(scores))
    if len(wrong) or not scores.size:
        found = f", line {wrong[0][0] + 2}: {names[wrong[0][1]]} is not finite" if len(wrong) else ": there is no score"
        raise FileFormatError(
            f"{path}{found}; expected rows with a number in each column. Fetch or make the file again."
        )
    return LDScores(
        table["CHR"].to_numpy(dtype=object),
        table["SNP"].to_numpy(dtype=object),
        table["BP"].to_numpy() - 1,  # the file counts from 1
        names,
        scores,
        _read_sizes(_with_ending(prefix, SIZES), len(names)),
        _read_sizes(_with_ending(prefix, COMMON_SIZES), len(names)),
    )


def _read_sizes(path: Path, n_annotations: int) -> NDArray[np.float64] | None:
    if not path.exists():
        return None
    text = path.read_text(encoding="utf-8", errors="replace")
    try:
        sizes = np.array([float(cell) for cell in text.split()])
    except ValueError as error:
        raise FileFormatError(f"{path}: {error}; expected one line of numbers. Make the file again.") from error
    if len(sizes) != n_annotations or not np.isfinite(sizes).all():
        raise FileFormatError(
            f"{path}: the file has {len(sizes)} numbers; expected {n_annotations}, one for each column of LD scores. "
            "Fetch the files of this prefix again; they must come from one run."
        )
    return sizes


def _with_ending(prefix: Path, ending: str) -> Path:
    return prefix.with_name(prefix.name + ending)


# ---- writing


def packed_scores(scores: LDScores) -> bytes:
    """The content of a `.l2.ldscore.gz` file, with nine significant digits; the same for the same scores."""
    columns: list[NDArray] = [scores.contig, scores.id, scores.position + 1, *rounded(scores.scores).T]
    names = [*_PLACE_COLUMNS, *scores.names]
    table = pa.table([pa.array(column) for column in columns], names=names)
    text = BytesIO()
    text.write(("\t".join(names) + "\n").encode())
    options = pa.csv.WriteOptions(include_header=False, delimiter="\t", quoting_style="none")
    pa.csv.write_csv(table, text, options)
    # Digits hardly become smaller at the slower levels
    return gzip.compress(text.getvalue(), compresslevel=1, mtime=0)


def sizes_line(sizes: NDArray[np.float64]) -> str:
    """The content of a `.l2.M` or `.l2.M_5_50` file."""
    return "\t".join(f"{size:.12g}" for size in sizes) + "\n"


def rounded(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The nearest numbers with nine decimal digits, which print as such: what a reader of the files gets."""
    with np.errstate(divide="ignore"):
        exponent = np.where(values == 0, 0, np.floor(np.log10(np.abs(values))))
    # 10**22 is the last power of ten that is a double; smaller scores than 1e-13 keep fewer digits.
    scale = 10.0 ** np.clip(_SIGNIFICANT_DIGITS - 1 - exponent, 0, 22)
    return np.round(values * scale) / scale


class LDScoreOutput:
    """The files of one prefix, or of each chromosome; they appear when the block ends well, all of them or none.

    Parameters
    ----------
    prefix : path without the ending
        With `@` for the chromosome, or a dot at the end, each chromosome has its own files.
    """

    def __init__(self, prefix: Path) -> None:
        self._prefix = prefix
        self._pending: list[LDScores] = []
        self._texts: dict[str, str] = {}
        self._written: list[tuple[Path, Path]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self._finish()
        finally:
            for part, _ in self._written:
                part.unlink(missing_ok=True)

    @property
    def paths(self) -> list[Path]:
        """The files that were written, those of `add_text` last."""
        return [path for _, path in self._written]

    def add(self, chromosome: str, scores: LDScores) -> None:
        """Take the scores of the next chromosome."""
        if is_pattern(self._prefix):
            self._write(of_chromosome(self._prefix, chromosome), scores)
        else:
            self._pending.append(scores)

    def add_text(self, name: str, text: str) -> None:
        """A further file in the same folder, which appears together with the others."""
        self._texts[name] = text

    def _write(self, prefix: Path, scores: LDScores) -> None:
        self._put(_with_ending(prefix, SCORES), packed_scores(scores))
        for ending, sizes in ((SIZES, scores.m), (COMMON_SIZES, scores.m_5_50)):
            if sizes is not None:
                self._put(_with_ending(prefix, ending), sizes_line(sizes).encode())

    def _put(self, path: Path, content: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{path.name}.part")
        self._written.append((part, path))
        part.write_bytes(content)

    def _finish(self) -> None:
        if self._pending:
            self._write(self._prefix, concatenated(self._pending))
        for name, text in self._texts.items():
            self._put(self._prefix.with_name(name), text.encode())
        for part, path in self._written:
            part.replace(path)
