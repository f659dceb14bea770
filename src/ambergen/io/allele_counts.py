"""Tables of allelic read counts: our own form, those of other programs, and MixALime's."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ambergen.errors import FileFormatError
from ambergen.io.compression import open_by_content

# Column -> its names elsewhere, in lower case and with `_` for every other sign.
ALIASES = {
    "chrom": ("chrom", "chr", "chromosome", "contig", "seqnames"),
    "pos": ("pos", "position"),
    "start": ("start", "chromstart"),
    "end": ("end", "stop", "chromend"),
    "id": ("rsid", "id", "rs_id", "snp", "variantid", "variant_id"),
    "ref": ("ref", "reference", "refallele", "ref_allele"),
    "alt": ("alt", "alternate", "altallele", "alt_allele"),
    "ref_reads": ("ref_reads", "ref_counts", "ref_count", "refcount", "ref_read_count"),
    "alt_reads": ("alt_reads", "alt_counts", "alt_count", "altcount", "alt_read_count"),
    "tf": ("tf", "factor", "transcription_factor"),
    "cell": ("cell", "cell_type", "cell_line", "celltype"),
    "track": ("track", "deepsea_col"),
    "individual": ("individual", "sample_id", "sample", "donor"),
    "bad": ("bad",),
    "given_p_value": ("p_value", "pvalue", "p"),
    "given_fdr": ("fdr", "q_value", "qvalue", "padj"),
}
NEEDED = ("chrom", "pos", "ref", "alt", "ref_reads", "alt_reads")
SCORE = "_score"
_MISSING = frozenset({"", ".", "na", "nan", "none", "null", "n/a"})
_BASES = re.compile(r"[ACGTN]+|-")
_LARGEST_POSITION = 10**12

Where = Callable[[int], str]


def read_allele_counts(path: Path | str) -> pd.DataFrame:
    """Allelic read counts of a file, or of all files in a folder.

    Parameters
    ----------
    path : text with a header, separated by tabs, plain, gzip or bgzip
        Needed are contig, position, reference and alternate allele and the reads of either; see `ALIASES` for the names
        that are understood. Positions count from 1; a BED-like table (``#CHROM START END``, MixALime) counts from 0.
        Lines that begin with ``##`` are passed over. A folder stands for all its files, one after another.

    Returns
    -------
    One row a record, in the order of the file; see `standard_counts`

    Raises
    ------
    FileFormatError
        At the first malformed line, or if a column is missing.
    """
    path = Path(path)
    if not path.is_dir():
        return _read(path)
    files = sorted(file for file in path.iterdir() if file.is_file() and not file.name.startswith("."))
    if not files:
        raise FileFormatError(f"{path}: the folder is empty; expected tables of allelic counts.")
    return pd.concat([_read(file) for file in files], ignore_index=True)


def _read(path: Path) -> pd.DataFrame:
    with open_by_content(path) as stream:
        raw = stream.read()
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FileFormatError(
            f"{path}: this is not text; expected a table of allelic counts separated by tabs. Export it as such."
        ) from error
    numbered = [
        (number, line)
        for number, line in enumerate(text.splitlines(), start=1)
        if line.strip() and not line.startswith("##")
    ]
    if not numbered:
        raise FileFormatError(f"{path}: the file is empty; expected a header and a line for each site and sample.")
    header = [cell.strip() for cell in numbered[0][1].split("\t")]
    rows = []
    for number, line in numbered[1:]:
        cells = list(map(str.strip, line.split("\t")))
        if len(cells) != len(header):
            raise FileFormatError(
                f"{path}, line {number}: {len(cells)} columns, the header (line {numbered[0][0]}) has {len(header)}; "
                "expected the same, separated by tabs. Complete the line, or remove it."
            )
        rows.append(cells)
    if not rows:
        raise FileFormatError(f"{path}: there is a header and no site below it; expected at least one.")
    if len(set(header)) < len(header):
        twice = next(name for name in header if header.count(name) > 1)
        raise FileFormatError(f"{path}: two columns are called {twice!r}; expected one name a column. Rename one.")
    lines = [number for number, _ in numbered[1:]]
    frame = pd.DataFrame(rows, columns=header, dtype=object)
    return standard_counts(frame, str(path), lambda row: f"{path}, line {lines[row]}")


def standard_counts(
    frame: pd.DataFrame, place: str = "allelic counts", where: Where = "allelic counts, row {}".format
) -> pd.DataFrame:
    """Allelic counts under our own column names, checked.

    Parameters
    ----------
    frame : columns under any of their names (`ALIASES`)
    place, where : name the table, and a row by its number from 0, in messages

    Returns
    -------
    Columns ``chrom pos ref alt ref_reads alt_reads``, those of ``id tf cell track individual bad given_p_value
    given_fdr`` that there are, all others as they came, and ``status``. ``pos`` counts from 1. Alleles are in capitals,
    ``-`` is no base. Counts are float64, nan where missing. ``status`` is "ok", "missing_counts" or "unsupported"
    (symbolic, breakend, several or equal alleles).

    Raises
    ------
    FileFormatError
        If a column is missing or there twice, a count is negative or no whole number, or a position or name is missing.
    """
    table = frame.rename(columns=_new_names(list(frame.columns), place)).reset_index(drop=True)
    table["chrom"] = _names(table["chrom"], "contig", where)
    positions = "start" if "pos" not in table else "pos"
    numbers = _numbers(table[positions], "position", where, may_miss=False)
    # BED counts from 0, so the first base of the reference allele is one further.
    table["pos"] = (numbers + 1 if positions == "start" else numbers).astype(np.int64)
    _refuse(table["pos"] < 1, table["pos"], "position", "1 or more; positions count from 1, as in VCF", where)
    _refuse(table["pos"] > _LARGEST_POSITION, table["pos"], "position", "a position on a contig", where)
    for allele, words in (("ref", "reference allele"), ("alt", "alternate allele")):
        table[allele] = _names(table[allele], words, where).str.upper()
    for reads, words in (("ref_reads", "reference reads"), ("alt_reads", "alternate reads")):
        table[reads] = _numbers(table[reads], words, where, may_miss=True)
        _refuse(table[reads] < 0, table[reads], words, "0 or more. Correct the count, or write NA if unknown", where)
    if "bad" in table:
        table["bad"] = _numbers(table["bad"], "BAD", where, may_miss=True, whole=False)
    for column in ("id", "tf", "cell", "track", "individual"):
        if column in table:
            table[column] = table[column].astype(str).mask(_missing(table[column]), "")
    for column in [c for c in table.columns if c.endswith(SCORE)]:
        table[column] = _numbers(table[column], column, where, may_miss=True, whole=False)
    usual = _usual_alleles(table["ref"], table["alt"])
    counted = table[["ref_reads", "alt_reads"]].notna().all(axis=1)
    table["status"] = np.select([~usual, ~counted], ["unsupported", "missing_counts"], "ok")
    ordered = [c for c in ("chrom", "pos", "id", "ref", "alt", "tf", "cell", "track", "individual") if c in table]
    rest = [c for c in table.columns if c not in {*ordered, "start", "end", "status"}]
    return table[[*ordered, *rest, "status"]]


def _new_names(columns: list[str], place: str) -> dict[str, str]:
    plain = {column: re.sub(r"[^a-z0-9]+", "_", str(column).lower().lstrip("#")).strip("_") for column in columns}
    found: dict[str, list[str]] = {}
    for name, others in ALIASES.items():
        # Our own name outweighs another one that stands beside it: `rsid` beside `id`.
        matches = [c for c in columns if str(c) == name] or [c for c in columns if plain[c] in others]
        if name == "track" and len(matches) > 1:
            matches = [c for c in matches if plain[c] == "track"]
        if name == "id":
            matches = sorted(matches, key=lambda c: others.index(plain[c]))[:1]
        found[name] = matches
    for name, matches in found.items():
        if len(matches) > 1:
            raise FileFormatError(
                f"{place}: the columns {' and '.join(map(str, matches))} both mean {name}; expected one. Remove or "
                "rename one of them."
            )
    if found["pos"]:
        found["start"] = found["end"] = []
    absent = [name for name in NEEDED if not found[name] and not (name == "pos" and found["start"])]
    if absent:
        raise FileFormatError(
            f"{place}: there is no column {', '.join(absent)}; the header has {', '.join(map(str, columns))}. Expected "
            "chrom, pos, ref, alt, ref_reads and alt_reads, or names that other programs use for them (CHR, POS, REF, "
            "ALT, Ref.reads, Alt.reads; #CHROM, START, END, REF, ALT, REF_COUNTS, ALT_COUNTS), separated by tabs."
        )
    return {matches[0]: name for name, matches in found.items() if matches}


def _missing(cells: pd.Series) -> NDArray[np.bool_]:
    codes, values = pd.factorize(cells, use_na_sentinel=False)
    absent = np.array([value is None or str(value).strip().lower() in _MISSING for value in values], dtype=bool)
    return absent[codes] if len(codes) else np.zeros(0, dtype=bool)


def _names(cells: pd.Series, words: str, where: Where) -> pd.Series:
    missing = _missing(cells)
    if missing.any():
        raise FileFormatError(
            f"{where(int(missing.argmax()))}: the {words} is missing; expected one in every row. Complete the row, or "
            "remove it."
        )
    return cells.astype(str)


def _numbers(cells: pd.Series, words: str, where: Where, may_miss: bool, whole: bool = True) -> NDArray[np.float64]:
    numbers = pd.to_numeric(cells, errors="coerce").to_numpy(np.float64)
    unread = ~np.isfinite(numbers)
    if whole:
        unread |= np.floor(numbers) != numbers
    if unread.any():
        stated = unread & ~_missing(cells) if may_miss else unread
        if stated.any():
            row = int(stated.argmax())
            kind = "a whole number" if whole else "a number"
            unknown = " Write NA where it is not known." if may_miss else ""
            raise FileFormatError(
                f"{where(row)}: {words} is {str(cells.iloc[row])!r}; expected {kind}. Correct the column.{unknown}"
            )
    return np.where(unread, np.nan, numbers)


def _refuse(wrong: pd.Series, values: pd.Series, words: str, expected: str, where: Where) -> None:
    if wrong.any():
        row = int(wrong.to_numpy().argmax())
        raise FileFormatError(f"{where(row)}: {words} is {values.iloc[row]:.0f}; expected {expected}.")


def _usual_alleles(ref: pd.Series, alt: pd.Series) -> NDArray[np.bool_]:
    usual = (ref != alt).to_numpy(bool)
    for alleles in (ref, alt):
        codes, names = pd.factorize(alleles)
        usual = usual & np.array([bool(_BASES.fullmatch(name)) for name in names], dtype=bool)[codes]
    return usual
