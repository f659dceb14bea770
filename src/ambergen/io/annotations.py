"""Annotations of a reference panel's variants: LDSC's `.annot` files, BED intervals, tables of variant effects.

Every kind answers one question: what are the values of these variants of one chromosome? nan says that a table of
effects has no score for a variant; the other kinds always have a value.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ambergen.errors import FileFormatError, PanelError
from ambergen.io.aliases import ContigAliases
from ambergen.io.bed import read_intervals
from ambergen.io.blank_separated import read_table
from ambergen.io.chromosome_files import chromosomes, is_pattern, of_chromosome
from ambergen.io.compression import open_by_content
from ambergen.io.genotypes import PanelVariants
from ambergen.sequence.intervals import Intervals, merge_on_contig, overlap

Score = Literal["abs_diff", "abs_logit_diff", "deepsea_effect"]
"""What a table of variant effects gives: how much an allele changes a track, without regard to the direction."""

Match = Literal["alleles", "position"]
"""What a variant of the panel and a scored allele must share: position and both alleles, or the position alone."""

COLUMN_OF_SCORE: dict[Score, str] = {
    "abs_diff": "diff",
    "abs_logit_diff": "logit_diff",
    "deepsea_effect": "deepsea_effect",
}
_PLACE_COLUMNS = ("CHR", "BP", "SNP")
_EFFECT_COLUMNS = ("record_index", "alt_index", "chrom", "pos", "ref", "alt", "track")
_ROWS_AT_ONCE = 1 << 20


class AnnotationFile(Protocol):
    """One or several annotations."""

    @property
    def path(self) -> Path: ...

    @property
    def names(self) -> tuple[str, ...]: ...

    def values(self, variants: PanelVariants, rows: slice, chromosome: str) -> NDArray[np.float64]:
        """Values of the variants of one chromosome.

        Parameters
        ----------
        variants : all variants that the panel has on a chromosome
        rows : their rows in the panel's files
        chromosome : what stands in place of `@` in names of files

        Returns
        -------
        (n_variants, n_annotations)
            nan where a variant has no score.

        Raises
        ------
        PanelError
            If the file disagrees with the panel.
        FileFormatError
            If the chromosome's file is malformed.
        """


def open_annotation(path: Path, score: Score = "abs_diff", tracks: Sequence[str] = ()) -> AnnotationFile:
    """An annotation file of any kind; what it is, its header tells.

    Parameters
    ----------
    path : `.annot` or a thin one without columns of places; intervals (BED, narrowPeak); effects in long form
        With `@` for the chromosome, or a dot at the end, there is a file for each.
    score, tracks : of a table of effects; all tracks if none is named

    Raises
    ------
    FileFormatError
        If the file is absent, or is of no kind.
    """
    example, found = path, [""]
    if is_pattern(path):
        found = chromosomes(path, ("", ".annot.gz", ".annot"))
        example = _existing(of_chromosome(path, found[0]))
    header = _header(example)
    if set(_EFFECT_COLUMNS) <= set(header):
        if is_pattern(path):
            tables = [_existing(of_chromosome(path, chromosome)) for chromosome in found]
            return read_effects(path, tables, score, tracks)
        return read_effects(path, [path], score, tracks)
    if set(_PLACE_COLUMNS) <= set(header) or _is_called_annotation(example):
        return AlignedAnnotation(path, _annotation_names(example, header))
    return IntervalAnnotation(path, (_stem(example),), _Beds(path))


def _existing(path: Path) -> Path:
    """The path itself, or with the ending that LDSC leaves to be added."""
    candidates = [path, path.with_name(path.name + ".annot.gz"), path.with_name(path.name + ".annot")]
    return next((candidate for candidate in candidates if candidate.is_file()), path)


def _header(path: Path) -> list[str]:
    with open_by_content(path) as stream:
        return stream.readline(1 << 20).decode("utf-8", errors="replace").split()


def _is_called_annotation(path: Path) -> bool:
    return path.name.removesuffix(".gz").endswith(".annot")


def _stem(path: Path) -> str:
    name = path.name.removesuffix(".gz").removesuffix(".bgz")
    return name.rsplit(".", 1)[0] if "." in name else name


# ---- .annot


def _annotation_names(path: Path, header: Sequence[str]) -> tuple[str, ...]:
    names = tuple(name for name in header if name not in (*_PLACE_COLUMNS, "CM"))
    repeated = [name for name in names if names.count(name) > 1]
    if repeated or not names:
        what = f"the column {repeated[0]} is there twice" if repeated else "there is no annotation beside the places"
        raise FileFormatError(f"{path}, line 1: {what}; expected a name for each annotation. Correct the header.")
    if all(_is_number(name) for name in names):
        raise FileFormatError(
            f"{path}, line 1: the line has only numbers; expected the names of the annotations. Add a header."
        )
    return names


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


@dataclass(eq=False)
class AlignedAnnotation:
    """LDSC's `.annot`: a row for each variant, in the panel's order; a thin one has no columns of places.

    A file that covers several chromosomes is read once.
    """

    path: Path
    names: tuple[str, ...]
    _table: tuple[Path, pd.DataFrame] | None = None

    def table(self, chromosome: str) -> pd.DataFrame:
        """All rows of the file, or of the chromosome's, with places where the file has them."""
        path = _existing(of_chromosome(self.path, chromosome))
        if self._table is None or self._table[0] != path:
            self._table = (path, self._read(path))
        return self._table[1]

    def values(self, variants: PanelVariants, rows: slice, chromosome: str) -> NDArray[np.float64]:
        contig = str(variants.contig[0])
        path = _existing(of_chromosome(self.path, chromosome))
        table = self.table(chromosome)
        if set(_PLACE_COLUMNS) <= set(table.columns):
            of_contig = np.flatnonzero((table["CHR"] == contig).to_numpy())
            _check_rows(path, table, of_contig, variants)
            return table[list(self.names)].to_numpy()[of_contig]
        n_expected, first = (len(variants), 0) if is_pattern(self.path) else (rows.stop, rows.start)
        if len(table) < n_expected or (is_pattern(self.path) and len(table) > n_expected):
            raise _wrong_length(path, len(table), n_expected)
        return table[list(self.names)].to_numpy()[first:n_expected]

    def check_length(self, n_variants: int) -> None:
        """Raise PanelError unless a file for all chromosomes has a row for each of the panel's variants."""
        if self._table is not None and not is_pattern(self.path) and len(self._table[1]) != n_variants:
            raise _wrong_length(self.path, len(self._table[1]), n_variants)

    def _read(self, path: Path) -> pd.DataFrame:
        header = _header(path)
        names = _annotation_names(path, header)
        if names != self.names:
            raise FileFormatError(
                f"{path}, line 1: the annotations are {', '.join(names)}; the other chromosomes have "
                f"{', '.join(self.names)}. Expected the same ones for every chromosome; make the files in one run."
            )
        with open_by_content(path) as stream:
            text = stream.read()
        kinds: dict[str, type] = {"BP": np.int64, **dict.fromkeys(names, np.float64)}
        try:
            table = read_table(text, {name: kinds.get(name, str) for name in header})
        except (ValueError, pd.errors.ParserError, pd.errors.ParserWarning) as error:
            raise _wrong_cell(path, text, header, names) from error
        if not np.isfinite(table[list(names)].to_numpy()).all():
            raise _wrong_cell(path, text, header, names)
        return table


def _wrong_cell(path: Path, text: bytes, header: Sequence[str], names: Sequence[str]) -> FileFormatError:
    for number, line in enumerate(text.decode("utf-8", errors="replace").splitlines()[1:], start=2):
        cells = line.split()
        if len(cells) != len(header):
            return FileFormatError(
                f"{path}, line {number}: the line has {len(cells)} columns, the header has {len(header)}; expected the "
                "same number. Make the file again."
            )
        for name, cell in zip(header, cells, strict=True):
            is_position = name == "BP" and not cell.isdigit()
            if is_position or (name in names and not (_is_number(cell) and np.isfinite(float(cell)))):
                return FileFormatError(
                    f"{path}, line {number}: {name} is {cell!r}; expected a number. Use 0 where a variant has no "
                    "annotation."
                )
    return FileFormatError(f"{path}: this is no table of annotations. Make the file again.")


def _check_rows(path: Path, table: pd.DataFrame, rows: NDArray[np.int64], variants: PanelVariants) -> None:
    """The rows of one chromosome must be the panel's variants."""
    contig = variants.contig[0]
    if not len(rows):
        found = ", ".join(str(name) for name in pd.unique(table["CHR"])[:3])
        raise PanelError(
            f"{path}: no row is of chromosome {contig}; the file has {found or 'none'}. Names must be those of the "
            ".bim file; rename the chromosomes, or give the file of this chromosome."
        )
    ids, positions = table["SNP"].to_numpy(dtype=object)[rows], table["BP"].to_numpy()[rows] - 1
    n = min(len(rows), len(variants))
    differ = np.flatnonzero((ids[:n] != variants.id[:n]) | (positions[:n] != variants.position[:n]))
    if len(differ):
        row = int(differ[0])
        raise PanelError(
            f"{path}, line {rows[row] + 2}: the variant is {ids[row]} at {contig}:{positions[row] + 1}; the .bim file "
            f"has {variants.id[row]} at {contig}:{variants.position[row] + 1} there. Expected the same variants in the "
            "same order; make the annotation for this panel, or give the panel that it was made for."
        )
    if len(rows) != len(variants):
        raise _wrong_length(path, len(rows), len(variants))


def _wrong_length(path: Path, n_found: int, n_expected: int) -> PanelError:
    return PanelError(
        f"{path}: the file has {n_found:,} rows of annotations, the .bim file has {n_expected:,} variants; expected "
        "one row for each variant. Make the annotation for this panel, or give the panel that it was made for."
    )


# ---- intervals


@dataclass(eq=False)
class _Beds:
    """The intervals of a file, or of each chromosome's file; read when first asked for."""

    path: Path
    _read: tuple[Path, Intervals] | None = None

    def of(self, chromosome: str) -> Intervals:
        path = of_chromosome(self.path, chromosome)
        if self._read is None or self._read[0] != path:
            self._read = (path, read_intervals(path))
        return self._read[1]


@dataclass(frozen=True, eq=False)
class IntervalAnnotation:
    """1 for variants whose first base lies in an interval, 0 for the others."""

    path: Path
    names: tuple[str, ...]
    _beds: _Beds

    def values(self, variants: PanelVariants, rows: slice, chromosome: str) -> NDArray[np.float64]:
        contig = str(variants.contig[0])
        aliases = ContigAliases([contig])
        covered = np.zeros(len(variants), dtype=bool)
        for name, part in self._beds.of(chromosome).by_contig():
            if aliases.resolve(str(name)) == contig:
                merged = merge_on_contig(part.start, part.end)
                covered |= overlap(variants.position, variants.position + 1, *merged) > 0
        return covered[:, None].astype(np.float64)


# ---- variant effects


@dataclass(frozen=True, eq=False)
class EffectAnnotation:
    """Effects of alleles on tracks, one annotation a track.

    A variant of the panel takes the score of the allele with its chromosome, position and pair of alleles; which of the
    two is the reference does not matter, since scores have no direction. If it was scored more than once, the mean.

    alleles : chrom, pos (1-based) and pair, one row an allele
    scores : (n_alleles, n_tracks) float32, nan where there is none
    by : ``position`` takes the mean over all alleles that were scored at the position, whatever they are, as AMBER did
    """

    path: Path
    names: tuple[str, ...]
    alleles: pd.DataFrame
    scores: NDArray[np.float32]
    by: Match = "alleles"

    def values(self, variants: PanelVariants, rows: slice, chromosome: str) -> NDArray[np.float64]:
        contig = str(variants.contig[0])
        aliases = ContigAliases([contig])
        own = {name for name in pd.unique(self.alleles["chrom"]) if aliases.resolve(str(name)) == contig}
        chosen = np.flatnonzero(self.alleles["chrom"].isin(own).to_numpy())
        keys, group_of = np.unique(self._keys(chosen), return_inverse=True)
        means = _means_of_groups(self.scores[chosen], group_of, len(keys))
        wanted = [
            self._key(position + 1, _pair(first, second))
            for position, first, second in zip(
                variants.position.tolist(), variants.first_allele, variants.second_allele, strict=True
            )
        ]
        found = pd.Index(keys).get_indexer(pd.Index(wanted))
        values = np.full((len(variants), len(self.names)), np.nan)
        values[found >= 0] = means[found[found >= 0]]
        return values

    def _keys(self, rows: NDArray[np.int64]) -> NDArray:
        part = self.alleles.iloc[rows]
        return np.array([self._key(p, pair) for p, pair in zip(part["pos"], part["pair"], strict=True)], dtype=object)

    def _key(self, position: int, pair: str) -> str:
        return str(position) if self.by == "position" else f"{position}:{pair}"


def effects_of_alleles(
    path: Path, tracks: Sequence[str], alleles: pd.DataFrame, scores: NDArray[np.float32], by: Match = "alleles"
) -> EffectAnnotation:
    """Effects that are in memory.

    Parameters
    ----------
    path : what errors call them
    alleles : chrom, pos (1-based), ref and alt, one row an allele
    scores : (n_alleles, n_tracks), of which the absolute value is taken; nan where there is none
    """
    pairs = [_pair(ref, alt) for ref, alt in zip(alleles["ref"], alleles["alt"], strict=True)]
    table = pd.DataFrame({"chrom": alleles["chrom"].to_numpy(), "pos": alleles["pos"].to_numpy(), "pair": pairs})
    return EffectAnnotation(path, tuple(tracks), table, np.abs(scores), by)


def _pair(first: str, second: str) -> str:
    return "/".join(sorted((first.upper(), second.upper())))


def _means_of_groups(scores: NDArray[np.float32], group_of: NDArray[np.int64], n_groups: int) -> NDArray[np.float64]:
    """(n_groups, n_tracks) means over the rows of each group, without nan; nan where there is nothing else."""
    known = ~np.isnan(scores)
    sums, counts = np.zeros((n_groups, scores.shape[1])), np.zeros((n_groups, scores.shape[1]))
    np.add.at(sums, group_of, np.where(known, scores, 0.0).astype(np.float64))
    np.add.at(counts, group_of, known)
    with np.errstate(invalid="ignore"):
        return sums / counts


def read_effects(name: Path, paths: Sequence[Path], score: Score, tracks: Sequence[str] = ()) -> EffectAnnotation:
    """The effects in files that `ambergen effects` has written in long form, one row an allele and track.

    Parameters
    ----------
    name : what errors call the files
    tracks : to take, in this order; all if none is named

    Raises
    ------
    FileFormatError
        If a column is absent, a score is no number, or a track is not in the file.
    """
    column = COLUMN_OF_SCORE[score]
    row_of: dict[tuple[int, int, int], int] = {}
    column_of: dict[str, int] = {track: number for number, track in enumerate(tracks)}
    alleles: list[tuple[str, int, str]] = []
    scores = np.full((1024, max(len(tracks), 1)), np.nan, dtype=np.float32)
    seen: set[str] = set()
    for number, path in enumerate(paths):
        if column not in _header(path):
            raise FileFormatError(
                f"{path}, line 1: there is no column {column}, which the score {score} needs. Score the variants "
                "again, or choose another score."
            )
        for part in _parts(path, column):
            records = list(zip(part["record_index"].tolist(), part["alt_index"].tolist(), strict=True))
            changes = [0, *(i for i in range(1, len(records)) if records[i] != records[i - 1])]
            rows = np.empty(len(part), dtype=np.int64)
            for first, last in zip(changes, [*changes[1:], len(part)], strict=True):
                key = (number, *records[first])
                if key not in row_of:
                    row_of[key] = len(alleles)
                    one = part.iloc[first]
                    alleles.append((one["chrom"], int(one["pos"]), _pair(one["ref"], one["alt"])))
                rows[first:last] = row_of[key]
            codes, names = pd.factorize(part["track"])
            seen.update(names)
            if not tracks:
                for track in names:
                    column_of.setdefault(track, len(column_of))
            places = np.array([column_of.get(track, -1) for track in names])[codes]
            scores = _grown(scores, len(alleles), len(column_of))
            wanted = places >= 0
            scores[rows[wanted], places[wanted]] = np.abs(part[column].to_numpy(dtype=np.float32)[wanted])
    absent = [track for track in tracks if track not in seen]
    if absent or not column_of:
        known = ", ".join(sorted(seen)[:5]) or "none"
        raise FileFormatError(
            f"{name}: there is no track {', '.join(absent)}; the file has {known}{', …' if len(seen) > 5 else ''}. "
            "Name a track of the model."
        )
    table = pd.DataFrame(alleles, columns=["chrom", "pos", "pair"])
    return EffectAnnotation(name, tuple(column_of), table, scores[: len(alleles), : len(column_of)])


def _parts(path: Path, column: str) -> Iterator[pd.DataFrame]:
    kinds: dict[str, type] = {
        **dict.fromkeys(("record_index", "alt_index", "pos"), np.int64),
        **dict.fromkeys(("chrom", "ref", "alt", "track"), str),
        column: np.float64,
    }
    with open_by_content(path) as stream:
        try:
            yield from pd.read_csv(
                stream,
                sep="\t",
                usecols=[*_EFFECT_COLUMNS, column],
                dtype=kinds,
                keep_default_na=False,
                na_values={column: ["", "nan", "NaN", "NA"]},
                quoting=csv.QUOTE_NONE,
                chunksize=_ROWS_AT_ONCE,
            )
        except (ValueError, pd.errors.ParserError) as error:
            raise FileFormatError(
                f"{path}: a line is no row of effects ({str(error).strip()}). Expected the table that `ambergen "
                "effects` writes in long form; make it again."
            ) from error


def _grown(scores: NDArray[np.float32], n_rows: int, n_columns: int) -> NDArray[np.float32]:
    """The same scores with room for so many rows and columns."""
    if n_rows <= scores.shape[0] and n_columns <= scores.shape[1]:
        return scores
    room = np.full((max(2 * n_rows, scores.shape[0]), max(n_columns, scores.shape[1])), np.nan, dtype=np.float32)
    room[: scores.shape[0], : scores.shape[1]] = scores
    return room
