"""What the regressions of many tracks share, on disk: the baseline model, and LD scores of each model's tracks.

Workers map the arrays into memory, so that a reference of any size is there once, whatever their number.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ambergen.atomic import write_json
from ambergen.errors import InputError
from ambergen.io.ld_score_files import LDScores, read_ld_scores
from ambergen.validation.heritability.annotation_sums import AnnotationSums, QuantileSums
from ambergen.validation.heritability.reference import check_sizes, join_reference, rows_of
from ambergen.validation.heritability.track_scores import ScoreJob, ScorePart, joined_scores
from ambergen.validation.heritability.track_values import MADE, TrackValues, is_made

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class BaselineReference:
    """Variants of the regressions in genomic order, with the LD scores of the baseline's annotations.

    id : (n_variants,) str
    listed : (n_variants,), their place among the listed variants of the panel
    ld_scores : (n_variants, n_annotations)
    weight_ld : (n_variants,)
    m, sums : (n_annotations,), of the files, and over the panel's common variants
    overlap : (n_annotations, n_annotations)
    n_common : common variants
    dropped : reason -> variants
    """

    names: tuple[str, ...]
    id: NDArray
    listed: NDArray[np.int64]
    ld_scores: Array
    weight_ld: Array
    m: Array
    sums: Array
    overlap: Array
    n_common: int
    dropped: dict[str, int]

    def __len__(self) -> int:
        return len(self.id)


@dataclass(frozen=True, eq=False)
class TrackReference:
    """LD scores and sums of the tracks of one model that can be fitted.

    tracks : all of the model
    constant : track -> why it is not among the fitted
    row_of : track -> row of the arrays
    counts : as of `TrackValues`
    ld_scores : (n_fitted, n_variants), the variants of the baseline's reference
    cross, squares, sums : with the baseline (n_fitted, n_baseline), with itself, and alone (n_fitted,)
    quantile_sums, quantile_counts : (n_fitted, n_quantiles + 1, n_baseline + 1) and (n_fitted, n_quantiles + 1)
    """

    tracks: tuple[str, ...]
    constant: dict[str, str]
    row_of: dict[str, int]
    counts: dict[str, int]
    ld_scores: Array
    cross: Array
    squares: Array
    sums: Array
    quantile_sums: Array
    quantile_counts: Array

    def annotation_sums(self, baseline: BaselineReference, row: int, name: str) -> AnnotationSums:
        """Of the baseline's annotations and, as the last one, the track."""
        overlap = np.block(
            [
                [baseline.overlap, self.cross[row][:, None]],
                [self.cross[row][None, :], np.array([[self.squares[row]]])],
            ]
        )
        counts = self.quantile_counts[row]
        n_quantiles = len(counts) - 1
        quantiles = {}
        if counts[1:].all():
            labels = ("zero", *map(str, range(1, n_quantiles + 1)))
            begin = 0 if counts[0] else 1
            quantiles[name] = QuantileSums(labels[begin:], self.quantile_sums[row][begin:], counts[begin:])
        sums = np.append(baseline.sums, self.sums[row])
        return AnnotationSums((*baseline.names, name), baseline.n_common, overlap, sums, quantiles)


# ---- the baseline


def make_baseline(
    folder: Path,
    key: str,
    job: ScoreJob,
    parts: Sequence[ScorePart],
    ld_scores: str | None,
    weights: str | None,
    keep_mhc: bool,
) -> None:
    """Join the baseline's LD scores, of files or computed, with weights and the panel.

    Raises
    ------
    InputError
        If files lack the sizes of annotations, the annotations are not those of the LD scores, or no variant is in all.
    """
    if is_made(folder, key):
        return
    names = job.baseline_names()
    sums = np.sum([part["baseline_sums"] for part in parts], axis=0)
    overlap = np.sum([part["baseline_overlap"] for part in parts], axis=0)
    scores = joined_scores(parts, names, "baseline_scores", sums) if ld_scores is None else read_ld_scores(ld_scores)
    if weights is None:
        weighted = joined_scores(parts, ("",), "weights", None)
        weighted = _with_scores(weighted, np.concatenate([part["weights"] for part in parts]))
    else:
        weighted = read_ld_scores(weights)
    called = (ld_scores or "the baseline", weights or "the weights")
    joined = join_reference(scores, weighted, keep_mhc=keep_mhc, called=called)
    order = _order(names, joined.names, called[0])
    check_sizes(called[0], joined.names, joined.m, sums[order], str(job.prefix))
    listed = np.concatenate([part["id"] for part in parts]).astype(object)
    found = rows_of(listed, joined.id)
    kept = found >= 0
    if not kept.any():
        raise InputError(
            f"{job.prefix}: no variant of {called[0]} is in the panel: their ids begin with "
            f"{', '.join(map(str, joined.id[:2]))}, the panel's with {', '.join(map(str, listed[:2]))}. Expected ids "
            "of one kind; give the panel that the baseline was made for."
        )
    dropped = dict(joined.dropped)
    if not kept.all():
        dropped["not among the panel's variants"] = int((~kept).sum())
    arrays = {
        "id": joined.id[kept].astype(str), "listed": found[kept], "weight_ld": joined.weight_ld[kept], "m": joined.m,
        "sums": sums[order], "overlap": overlap[np.ix_(order, order)],
    }  # fmt: skip
    n_common = int(sum(int(part["n_common"]) for part in parts))
    record = {"names": list(joined.names), "n_common": n_common, "dropped": dropped}
    _store(folder, key, {"ld_scores": joined.ld_scores[kept]}, arrays, record)


def _with_scores(scores: LDScores, column: Array) -> LDScores:
    return LDScores(scores.contig, scores.id, scores.position, ("L2",), column[:, None], None, None)


def _order(names: Sequence[str], wanted: Sequence[str], called: str) -> list[int]:
    absent = [name for name in wanted if name not in names]
    if absent:
        raise InputError(
            f"{called}: has LD scores of {absent[0]}, and the annotations are {', '.join(names[:6])}"
            f"{', …' if len(names) > 6 else ''}; expected one for each column of LD scores, called as the column "
            "without L2 at its end. Give the annotations that they were computed from (--annot)."
        )
    return [list(names).index(name) for name in wanted]


def read_baseline(folder: Path) -> BaselineReference:
    """What `make_baseline` has written."""
    record, arrays = _stored(folder)
    return BaselineReference(
        tuple(record["names"]),
        arrays["id"],
        arrays["listed"],
        np.load(folder / "ld_scores.npy", mmap_mode="r"),
        arrays["weight_ld"],
        arrays["m"],
        arrays["sums"],
        arrays["overlap"],
        record["n_common"],
        record["dropped"],
    )


# ---- a model


def make_tracks(
    folder: Path,
    key: str,
    values: TrackValues,
    number: int,
    baseline: BaselineReference,
    baseline_names: Sequence[str],
    parts: Sequence[ScorePart],
) -> None:
    """Bring the LD scores of a model's tracks into the order of the baseline's variants.

    Parameters
    ----------
    number : of the model in the parts
    baseline_names : the order of the baseline's annotations in the parts
    """
    if is_made(folder, key):
        return
    kind, varying = f"model{number}", values.varying
    aside = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    shape = (len(varying), len(baseline))
    if all(shape):
        scores = np.lib.format.open_memmap(aside / "ld_scores.npy", mode="w+", dtype=np.float64, shape=shape)
        first = 0
        for part in parts:
            rows = np.flatnonzero((baseline.listed >= first) & (baseline.listed < first + part.n_listed))
            scores[:, rows] = part[f"{kind}_scores"][:, baseline.listed[rows] - first]
            first += part.n_listed
        scores.flush()
    else:
        np.save(aside / "ld_scores.npy", np.empty(shape))
    order = [*(list(baseline_names).index(name) for name in baseline.names), len(baseline_names)]
    added = {
        name: np.sum([part[f"{kind}_{name}"] for part in parts], axis=0)
        for name in ("cross", "squares", "sums", "quantile_sums", "quantile_counts")
    }
    added["cross"], added["quantile_sums"] = added["cross"][:, order[:-1]], added["quantile_sums"][:, :, order]
    record = {"tracks": list(values.tracks), "constant": values.constant, "counts": values.counts}
    _finish(folder, aside, key, added, record)


def read_tracks(folder: Path) -> TrackReference:
    """What `make_tracks` has written."""
    record, arrays = _stored(folder)
    fitted = [track for track in record["tracks"] if track not in record["constant"]]
    return TrackReference(
        tuple(record["tracks"]),
        record["constant"],
        {track: row for row, track in enumerate(fitted)},
        record["counts"],
        np.load(folder / "ld_scores.npy", mmap_mode="r"),
        *(arrays[name] for name in ("cross", "squares", "sums", "quantile_sums", "quantile_counts")),
    )


# ---- folders


def _store(
    folder: Path, key: str, large: Mapping[str, NDArray], arrays: Mapping[str, NDArray], record: dict[str, Any]
) -> None:
    aside = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    for name, array in large.items():
        np.save(aside / f"{name}.npy", np.ascontiguousarray(array))
    _finish(folder, aside, key, arrays, record)


def _finish(folder: Path, aside: Path, key: str, arrays: Mapping[str, NDArray], record: dict[str, Any]) -> None:
    np.savez(aside / "arrays.npz", allow_pickle=False, **arrays)  # type: ignore[arg-type]
    write_json(aside / MADE, {**record, "key": key})
    shutil.rmtree(folder, ignore_errors=True)
    aside.replace(folder)


def _stored(folder: Path) -> tuple[dict[str, Any], dict[str, NDArray]]:
    record = json.loads((folder / MADE).read_text())
    with np.load(folder / "arrays.npz", allow_pickle=False) as stored:
        return record, {name: stored[name] for name in stored.files}
