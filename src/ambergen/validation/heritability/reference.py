"""What regressions of all traits share: LD scores, weights and sizes of annotations, for variants in genomic order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ambergen.errors import InputError
from ambergen.io.ld_score_files import LDScores, read_ld_scores

# Of sizes of annotations: files may count variants at the very border of 5 % in another way.
_LARGEST_DIFFERENCE = 0.01
# The major histocompatibility complex, whose LD reaches over megabases: chr6:25-34 Mb, as weights without it have.
MHC_CONTIGS, MHC_FIRST, MHC_LAST = ("6", "chr6"), 25_000_000, 34_000_000


@dataclass(frozen=True, eq=False)
class Reference:
    """Variants that have LD scores and a weight, in genomic order.

    id, contig : (n_variants,) object
    position : (n_variants,), 0-based
    ld_scores : (n_variants, n_annotations)
    weight_ld : (n_variants,)
    names : of the annotations, the columns' names without `L2`
    m : (n_annotations,)
    dropped : reason -> variants
    """

    id: NDArray
    contig: NDArray
    position: NDArray[np.int64]
    ld_scores: NDArray[np.float64]
    weight_ld: NDArray[np.float64]
    names: tuple[str, ...]
    m: NDArray[np.float64]
    dropped: dict[str, int]

    def __len__(self) -> int:
        return len(self.id)


def read_reference(ld_scores: str, weights: str, all_frequencies: bool = False, keep_mhc: bool = False) -> Reference:
    """LD scores of the annotations and of the variants of the regression, from files of LDSC or of ambergen.

    Parameters
    ----------
    ld_scores : prefixes joined by commas, `@` for the chromosome
    weights : prefix of LD scores with one column
    all_frequencies : sizes of annotations over all variants (`.l2.M`) instead of those more frequent than 5 %
    keep_mhc : keep variants of the major histocompatibility complex

    Raises
    ------
    FileFormatError
        If a file is absent or malformed.
    InputError
        If sizes are absent, the weights have several columns, or no variant is in both.
    """
    return join_reference(
        read_ld_scores(ld_scores), read_ld_scores(weights), all_frequencies, keep_mhc, (ld_scores, weights)
    )


def join_reference(
    scores: LDScores,
    weights: LDScores,
    all_frequencies: bool = False,
    keep_mhc: bool = False,
    called: tuple[str, str] = ("the LD scores", "the weights"),
) -> Reference:
    """The variants of both files; see `read_reference`. `called` names the files in messages."""
    if weights.scores.shape[1] != 1:
        raise InputError(
            f"{called[1]}: has {weights.scores.shape[1]} columns of LD scores (the first is "
            f"{weights.names[0]}); "
            "expected one. Give the LD scores of the regression's variants, such as weights.hm3_noMHC.@."
        )
    m, ending = (scores.m, "l2.M") if all_frequencies else (scores.m_5_50, "l2.M_5_50")
    if m is None:
        raise InputError(
            f"{called[0]}: there is no file .{ending} for each prefix and chromosome; expected one with the sizes of "
            "the annotations. Fetch it with the LD scores, or compute both with `ambergen ldscore`"
            + ("." if all_frequencies else "; --not-m-5-50 takes .l2.M.")
        )
    names = tuple(name.removesuffix("L2") or "base" for name in scores.names)
    repeated = [name for name in names if names.count(name) > 1]
    if repeated:
        raise InputError(
            f"{called[0]}: two columns of LD scores are called {repeated[0]}, without L2 at the end; expected a name "
            "for each annotation (a column L2 is called base). Rename one in its header, or leave a prefix out."
        )
    dropped = {}
    first = ~pd.Series(scores.id).duplicated(keep="first").to_numpy()
    dropped["an id that came before in the LD scores"] = int((~first).sum())
    weight_row = rows_of(weights.id, scores.id)
    weighted = first & (weight_row >= 0)
    dropped["without a weight"] = int((first & ~weighted).sum())
    if not weighted.any():
        raise InputError(
            f"{called[1]}: no variant is in {called[0]} too, which begins with {', '.join(map(str, scores.id[:2]))}; "
            f"the weights begin with {', '.join(map(str, weights.id[:2]))}. Give weights with the same kind of ids."
        )
    inside = np.isin(scores.contig.astype(str), MHC_CONTIGS) & (scores.position >= MHC_FIRST)
    inside &= scores.position < MHC_LAST
    kept = weighted if keep_mhc else weighted & ~inside
    if not keep_mhc:
        dropped["in the MHC (chr6:25-34 Mb)"] = int((weighted & inside).sum())
    rows = np.flatnonzero(kept)
    rows = rows[_genomic_order(scores.contig[rows], scores.position[rows])]
    return Reference(
        scores.id[rows],
        scores.contig[rows],
        scores.position[rows],
        scores.scores[rows],
        weights.scores[weight_row[rows], 0],
        names,
        m,
        {reason: count for reason, count in dropped.items() if count},
    )


def check_sizes(
    called: str, names: Sequence[str], m: NDArray[np.float64], sums: NDArray[np.float64], panel: str
) -> None:
    """Refuse LD scores whose sizes of annotations are not the sums over the panel's common variants.

    Enrichment divides one by the other, so that those of two panels give wrong numbers.

    Parameters
    ----------
    called : the files of the LD scores
    m, sums : (n_annotations,), of the files and of the panel

    Raises
    ------
    InputError
        With the annotation that differs most.
    """
    distance = np.abs(m - sums) / np.maximum(np.abs(m), 1)
    if len(distance) and distance.max() > _LARGEST_DIFFERENCE:
        worst = int(np.argmax(distance))
        raise InputError(
            f"{called}: the annotation {names[worst]} adds up to {m[worst]:,.6g} over the common variants "
            f"(.l2.M_5_50), and to {sums[worst]:,.6g} over those of {panel}; expected the same, since enrichment "
            "compares the two. Give the panel and the annotations that the LD scores were computed from, or compute "
            "them from this panel."
        )


def rows_of(ids: NDArray, wanted: NDArray) -> NDArray[np.int64]:
    """Row of each wanted id among `ids`, the first where there are several; -1 where it is absent."""
    first = ~pd.Series(ids).duplicated(keep="first").to_numpy()
    rows = np.flatnonzero(first)
    found = pd.Index(ids[first]).get_indexer(pd.Index(wanted))
    return np.where(found >= 0, rows[found], -1)


def _genomic_order(contig: NDArray, position: NDArray[np.int64]) -> NDArray[np.int64]:
    """Chromosomes by number, then those with names as they come; a stable order."""
    names = list(dict.fromkeys(contig.tolist()))

    def key(name: str) -> tuple[bool, int]:
        number = name.removeprefix("chr")
        return (False, int(number)) if number.isdigit() else (True, names.index(name))

    rank_of = {name: rank for rank, name in enumerate(sorted(names, key=key))}
    ranks = np.array([rank_of[name] for name in contig.tolist()], dtype=np.int64)
    return np.lexsort((position, ranks))
