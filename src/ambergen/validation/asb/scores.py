"""Scores of variants beside the sites that reads were counted at, allele by allele."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ambergen.effects.files import ending, read_effects
from ambergen.effects.results import SCORES, Effects
from ambergen.errors import FileFormatError, InputError
from ambergen.io.aliases import ContigAliases
from ambergen.io.compression import open_by_content

KEY = ("chrom", "pos", "ref", "alt")
# Signed scores only: an absolute one has no direction to be right or wrong.
SIGNED = ("logit_diff", "log2_odds", "diff")
_COMPLEMENT = str.maketrans("ACGT", "TGCA")


@dataclass(frozen=True, eq=False)
class VariantScores:
    """What one scorer says of variants.

    variants : (n_variants,) rows chrom pos ref alt; `pos` counts from 1
    tracks : names of the columns; ("",) where the scores are of no track in particular
    score : (n_variants, n_tracks), alternate minus reference; nan where there is none
    difference : likewise, of probabilities; None where the scorer has none
    kind : name of the score
    mismatched : (n_variants,) of bool, where the stated reference allele is not the genome's
    """

    name: str
    variants: pd.DataFrame
    tracks: tuple[str, ...]
    score: NDArray[np.float64]
    difference: NDArray[np.float64] | None
    kind: str
    mismatched: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Aligned:
    """Scores of sites, (n_sites,): nan where the scorer has none.

    notes : what a reader should know of how they were found
    """

    score: NDArray[np.float64]
    difference: NDArray[np.float64] | None
    notes: tuple[str, ...]


def of_effects(name: str, effects: Effects, kind: str | None = None) -> VariantScores:
    """Scores of a model's effects.

    Parameters
    ----------
    kind : "logit_diff", "log2_odds" or "diff"; None: the first of them that the model has

    Raises
    ------
    InputError
        If the effects have no such score.
    """
    has = [score for score in SIGNED if score in effects.matrices and not np.isnan(effects.matrices[score]).all()]
    chosen = kind or next(iter(has), "diff")
    if chosen not in SIGNED or (kind is not None and kind not in has):
        raise InputError(
            f"{name}: has no score {chosen!r}; expected one of {', '.join(has) or 'none at all'}. A score needs a sign "
            "to say which allele is preferred."
        )
    probabilities = effects.matrices["diff"].astype(np.float64) if has and has[0] != "diff" else None
    return VariantScores(
        name,
        effects.variants[list(KEY)].astype({"pos": np.int64}).reset_index(drop=True),
        effects.tracks,
        getattr(effects, chosen).astype(np.float64),
        probabilities,
        chosen,
        ~effects.variants["ref_match"].to_numpy(bool) & effects.variants["status"].isin(["ok", "duplicate"]).to_numpy(),
    )


def read_scores(path: Path, name: str, kind: str | None = None) -> VariantScores:
    """Scores in a file: what `ambergen effects` wrote, or a plain table of another program's scores.

    Parameters
    ----------
    path : TSV, Parquet or HDF5 of `ambergen effects`; or a TSV with the columns chrom, pos, ref, alt and a score
        A ``track`` column is understood, too. Positions count from 1.
    kind : the score's column; None: see `of_effects`, or the only column of numbers besides those five

    Raises
    ------
    FileFormatError
        If the file is neither.
    InputError
        If it has no such score.
    """
    is_text = ending(path) in (".tsv", ".tsv.gz", ".txt", ".txt.gz")
    if is_text and not {"record_index", "alt_index", "track", *SCORES} <= set(_header(path)):
        return _of_table(path, name, kind)
    return of_effects(name, read_effects(path), kind)


def _header(path: Path) -> list[str]:
    with open_by_content(path) as stream:
        return stream.readline().decode("utf-8", errors="replace").strip().split("\t")


def _of_table(path: Path, name: str, kind: str | None) -> VariantScores:
    with open_by_content(path) as stream:
        try:
            text = dict.fromkeys(("chrom", "ref", "alt", "track", "id"), str)
            table = pd.read_csv(stream, sep="\t", dtype=text, na_values=[".", ""], keep_default_na=True)
        except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
            raise FileFormatError(
                f"{path}: cannot be read as a table ({str(error)[:120].strip()}). Expected a header and columns "
                "separated by tabs."
            ) from error
    absent = [column for column in KEY if column not in table]
    if absent:
        raise FileFormatError(
            f"{path}: there is no column {', '.join(absent)}; the header has {', '.join(map(str, table.columns))}. "
            "Expected what `ambergen effects` writes, or a table with chrom, pos, ref, alt and a score."
        )
    numeric = [c for c in table.select_dtypes("number").columns if c not in {*KEY, "id", "track"}]
    chosen = kind or (numeric[0] if len(numeric) == 1 else None)
    if chosen not in numeric:
        raise InputError(
            f"{path}: {'there is no column of numbers ' + repr(kind) if kind else 'the score is not evident'}; its "
            f"columns of numbers are {', '.join(numeric) or 'none'}. Name one with --score."
        )
    wrong = table[list(KEY)].isna().any(axis=1).to_numpy()
    whole = pd.to_numeric(table["pos"], errors="coerce")
    wrong = wrong | whole.isna().to_numpy() | (whole != whole.round()).to_numpy()
    if wrong.any():
        raise FileFormatError(
            f"{path}, row {int(wrong.argmax()) + 1}: chrom, pos, ref or alt is missing or no position; expected all "
            "four. Complete the row, or remove it."
        )
    tracks = tuple(dict.fromkeys(table["track"])) if "track" in table else ("",)
    cells = table.assign(track=table.get("track", ""), pos=whole.astype(np.int64))
    repeated = cells.duplicated([*KEY, "track"])
    if repeated.any():
        row = cells[repeated].iloc[0]
        raise FileFormatError(
            f"{path}: {row['chrom']}:{row['pos']} {row['ref']}>{row['alt']} has several rows for one track; expected "
            "one. Keep one of them."
        )
    wide = cells.pivot(index=list(KEY), columns="track", values=chosen)[list(tracks)]
    return VariantScores(
        name,
        wide.index.to_frame(index=False),
        tracks,
        wide.to_numpy(np.float64),
        None,
        str(chosen),
        np.zeros(len(wide), dtype=bool),
    )


def align(sites: pd.DataFrame, scores: VariantScores, track: str | None = None) -> Aligned:
    """The score of every site, by contig, position, alleles and track.

    Parameters
    ----------
    sites : (n_sites,) rows chrom pos ref alt, and `track` (a name, or a number from 0) where sites have their own
    track : the one that is meant where sites have no track column and the scorer has several

    Returns
    -------
    Aligned
        A variant whose alleles stand the other way round in the scores has the score's negative. One whose alleles are
        each other's complement (A and T, C and G) has none then: strand and order cannot be told apart.

    Raises
    ------
    InputError
        If it is not clear which track is meant, or a track is unknown.
    """
    column = _columns(sites, scores, track)
    contigs = ContigAliases(list(dict.fromkeys(scores.variants["chrom"])))
    names = {name: contigs.resolve(name) for name in dict.fromkeys(sites["chrom"])}
    place = sites["chrom"].map(names).fillna("")
    row_of = {key: row for row, key in reversed(list(enumerate(_keys(scores.variants, scores.variants["chrom"]))))}
    row = np.array([row_of.get(key, -1) for key in _keys(sites, place)], dtype=np.int64)
    turned = np.array([row_of.get((c, p, a, r), -1) for c, p, r, a in _keys(sites, place)], dtype=np.int64)
    turned[row >= 0] = -1
    palindromic = (sites["ref"] == [_reverse_complement(allele) for allele in sites["alt"]]).to_numpy()
    ambiguous = (turned >= 0) & palindromic
    turned[ambiguous] = -1
    found = np.maximum(row, turned)
    sign = np.where(turned >= 0, -1.0, 1.0)
    has = (found >= 0) & (column >= 0)
    score = np.where(has, sign * scores.score[found, column], np.nan)
    difference = None if scores.difference is None else np.where(has, sign * scores.difference[found, column], np.nan)
    notes = _notes(scores, len(sites), has, turned >= 0, ambiguous, scores.mismatched[found] & has)
    return Aligned(score, difference, notes)


def _reverse_complement(allele: str) -> str:
    return allele.translate(_COMPLEMENT)[::-1]


def _keys(table: pd.DataFrame, chrom: pd.Series) -> Sequence[tuple[str, int, str, str]]:
    return list(zip(chrom, table["pos"], table["ref"].str.upper(), table["alt"].str.upper(), strict=True))


def _columns(sites: pd.DataFrame, scores: VariantScores, track: str | None) -> NDArray[np.int64]:
    """(n_sites,) column of the scorer; -1 where it lacks the track."""
    if scores.tracks == ("",):
        return np.zeros(len(sites), dtype=np.int64)
    shown = ", ".join(scores.tracks[:8]) + (", …" if len(scores.tracks) > 8 else "")
    if track is not None and track not in scores.tracks:
        raise InputError(f"{scores.name}: has no track {track!r}; its tracks are {shown}. Name one of them.")
    if "track" not in sites or track is not None:
        if track is None and len(scores.tracks) > 1:
            raise InputError(
                f"{scores.name}: has {len(scores.tracks)} tracks ({shown}), and the counts have no column `track`; "
                "expected to know which one speaks of these counts. Name it with --track, or add the column."
            )
        return np.full(len(sites), scores.tracks.index(track) if track is not None else 0, dtype=np.int64)
    known = {name: number for number, name in enumerate(scores.tracks)}
    numbers = {str(number): number for number in range(len(scores.tracks))}
    wanted = {name: known.get(name, numbers.get(name, -1)) for name in dict.fromkeys(sites["track"])}
    if max(wanted.values(), default=-1) < 0:
        raise InputError(
            f"{scores.name}: has none of the tracks of the counts ({', '.join(list(wanted)[:5])}); its tracks are "
            f"{shown}. Use its names (or numbers from 0) in the column `track`, or name one track with --track."
        )
    return sites["track"].map(wanted).to_numpy(np.int64)


def _notes(
    scores: VariantScores,
    n_sites: int,
    has: NDArray[np.bool_],
    turned: NDArray[np.bool_],
    ambiguous: NDArray[np.bool_],
    mismatched: NDArray[np.bool_],
) -> tuple[str, ...]:
    notes = []
    scored = has & ~np.zeros(n_sites, dtype=bool)
    if not scored.any():
        notes.append(f"{scores.name} has none of the {n_sites:,} sites: compare contig names, positions and assembly.")
    if turned.any():
        notes.append(
            f"{scores.name}: {int(turned.sum()):,} of {n_sites:,} sites have their alleles the other way round than in "
            "the scores; the sign of their scores was turned."
        )
    if ambiguous.any():
        notes.append(
            f"{scores.name}: {int(ambiguous.sum()):,} sites were left out, since their alleles are each other's "
            "complement and stand the other way round in the scores: another order and the other strand look the same."
        )
    if mismatched.any():
        notes.append(
            f"{scores.name}: at {int(mismatched.sum()):,} scored sites the reference allele is not the genome's."
        )
    return tuple(notes)
