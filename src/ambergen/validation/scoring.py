"""Training and scoring of one model of a comparison, as jobs of an executor. Only here is the test split looked at."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ambergen.baselines.deepbind_scorer import DeepBindScorer
from ambergen.baselines.gkm_svm import GkmSVM
from ambergen.baselines.kmer import KmerRegression
from ambergen.baselines.loading import load
from ambergen.cost import Cost
from ambergen.datasets.batches import DeviceStore
from ambergen.datasets.store import Store
from ambergen.errors import StoreError
from ambergen.metrics.curves import precision_recall_curve, roc_curve
from ambergen.metrics.influence import mean_influence
from ambergen.metrics.objectives import objective_values
from ambergen.metrics.ranking import Ranking, defined, ranking
from ambergen.models.summary import n_parameters
from ambergen.training.jobs import TrainingJob, train_network
from ambergen.training.model import Model
from ambergen.training.precision import DTYPES, default_device
from ambergen.training.predict import predict_logits
from ambergen.training.saving import read_description

METRICS = ("auroc", "average_precision")

_BLOCKS = 100
"""Blocks into which the test split is cut, about."""
_POINTS, _MANY_TRACKS = 200, 60
"""Points of a curve, a quarter of it where there are many tracks."""


@dataclass(frozen=True)
class Scored:
    """One trained model, measured.

    test, selection : by track, both strands
    influence : metric -> (n_blocks,), of every block of test windows on the mean over the defined tracks
    cost : of the training
    n_parameters : None where the entrant knows it
    note : what the fit chose
    objective : of networks that a search found, split -> its objective by track
    """

    test: Ranking
    selection: Ranking
    influence: dict[str, NDArray[np.float64]]
    cost: Cost
    n_parameters: int | None = None
    note: str | None = None
    objective: dict[str, NDArray[np.float64]] = field(default_factory=dict)


@dataclass(frozen=True)
class KmerJob:
    """Fit the k-mer regression of a store into a folder."""

    store: Path
    out: Path
    seed: int
    provenance: dict[str, Any]


def score_network(job: TrainingJob) -> Scored:
    """Train the network of `job`, or take the finished one in its folder, and measure it.

    Raises
    ------
    StoreError
        If the finished one was trained on another store, or is another network.
    """
    assert job.out is not None
    store = Store.open(job.store)
    if (job.out / "model.json").exists():
        _check_same(job, store)
    cost = train_network(job).cost
    data = DeviceStore(store, default_device())
    model = Model.load(job.out, data.device)

    def logits(split: str) -> NDArray[np.float32]:
        return predict_logits(model.network, data, store.indices(split), job.strands, DTYPES[job.dtype])

    found = {split: logits(split) for split in ("test", "selection")}
    scored = _scored(store, found["test"], found["selection"], cost)
    return replace(scored, objective=_objective(store, job.objective, found, scored))


def _objective(
    store: Store, name: str, logits: dict[str, NDArray[np.float32]], scored: Scored
) -> dict[str, NDArray[np.float64]]:
    values = {}
    for split, ranked in (("test", scored.test), ("selection", scored.selection)):
        indices = store.indices(split)
        values[split] = objective_values(name, logits[split], store.labels(indices), store.mask(indices), ranked)
    return values


def _check_same(job: TrainingJob, store: Store) -> None:
    assert job.out is not None
    record = read_description(job.out)
    trained_on = record["provenance"].get("store")
    if (record["kind"], record["spec"]) != (job.kind, job.spec) or trained_on not in (None, store.checksum):
        raise StoreError(
            f"{job.out}: the model there is another one, or was trained on another store; expected the {job.kind} of "
            "this comparison. Remove the folder, or give the run another one."
        )


def score_kmer(job: KmerJob) -> Scored:
    """Fit the k-mer regression, or take the finished one, and measure it."""
    store = Store.open(job.store)
    if (job.out / "model.json").exists():
        model = KmerRegression.load(job.out)
    else:
        model = KmerRegression.fit(store, job.seed, provenance=job.provenance)
        model.save(job.out)
    parts = [model.predict(store.tokens(store.indices(split))) for split in ("test", "selection")]
    cost = Cost(**model.provenance["training"]["cost"])
    return _scored(store, parts[0], parts[1], cost, model.n_parameters, model.describe())


@dataclass(frozen=True)
class SavedJob:
    """A rival that was trained before."""

    store: Path
    folder: Path


def score_saved(job: SavedJob) -> Scored:
    """Measure a finished rival, whatever it is.

    Raises
    ------
    StoreError
        If it was trained on another store, or does not load.
    """
    store = Store.open(job.store)
    model = load(job.folder, default_device())
    provenance = read_description(job.folder)["provenance"]
    if provenance.get("store") != store.checksum or model.tracks != store.tracks:
        raise StoreError(
            f"{job.folder}: the model was trained on another store; expected the one of this comparison. Remove the "
            "folder and train it again with `ambergen train RUN.yaml --scorer`."
        )
    parts = [model.predict(store.tokens(store.indices(split))) for split in ("test", "selection")]
    cost = Cost(**provenance.get("training", {}).get("cost", {}))
    size = model.n_parameters if isinstance(model, GkmSVM) else None
    if isinstance(model, Model | DeepBindScorer):
        size = n_parameters(model.network)
    return _scored(store, parts[0], parts[1], cost, size)


@dataclass(frozen=True)
class Searched:
    """What is said of the models of one search beside their single figures.

    ensemble : measures of the mean of the seeds' logits
    curves : track -> fpr, tpr, recall and precision of the first seed
    """

    ensemble: Scored
    curves: dict[str, dict[str, list[float]]]


def score_ensemble(store_path: Path, folders: tuple[Path, ...], dtype: str) -> Searched:
    """Measure the mean of the logits of several models of one architecture, and draw the curves of the first."""
    store = Store.open(store_path)
    data = DeviceStore(store, default_device())
    networks = [Model.load(folder, data.device).network for folder in folders]

    def logits(split: str) -> list[NDArray[np.float32]]:
        return [predict_logits(n, data, store.indices(split), "both", DTYPES[dtype]) for n in networks]

    test, selection = logits("test"), logits("selection")
    ensemble = _scored(store, np.mean(test, axis=0), np.mean(selection, axis=0), Cost())
    return Searched(ensemble, _curves(store, test[0]))


def _scored(
    store: Store,
    test: NDArray[np.float32],
    selection: NDArray[np.float32],
    cost: Cost,
    n_parameters: int | None = None,
    note: str | None = None,
) -> Scored:
    indices = store.indices("test")
    labels, known = store.labels(indices), store.mask(indices)
    measured = ranking(test, labels, known)
    used = defined(measured.positives, measured.negatives)
    influence = mean_influence(test, labels, known, used)
    block = blocks(store, indices)
    sums = {metric: np.bincount(block, getattr(influence, metric)).astype(np.float64) for metric in METRICS}
    chosen = store.indices("selection")
    return Scored(
        measured, ranking(selection, store.labels(chosen), store.mask(chosen)), sums, cost, n_parameters, note
    )


def blocks(store: Store, indices: NDArray[np.int64]) -> NDArray[np.int64]:
    """Block of every window, from 0: stretches of a contig long against a window, about a hundred in all.

    Parameters
    ----------
    indices : (n,) windows

    Returns
    -------
    (n,)
        Every row of a table is a block of its own.
    """
    windows = store.windows(indices)
    _, contig = np.unique(windows.contig.astype(str), return_inverse=True)
    n_contigs = int(contig.max(initial=-1)) + 1
    first = np.full(n_contigs, np.iinfo(np.int64).max)
    last = np.zeros(n_contigs, np.int64)
    np.minimum.at(first, contig, windows.start)
    np.maximum.at(last, contig, windows.end)
    size = max(10 * store.length, int((last - first).sum()) // _BLOCKS)
    stretch = (windows.start - first[contig]) // size
    _, block = np.unique(np.stack([contig, stretch]), axis=1, return_inverse=True)
    return block.ravel()


def _curves(store: Store, logits: NDArray) -> dict[str, dict[str, list[float]]]:
    indices = store.indices("test")
    labels, known = store.labels(indices), store.mask(indices)
    points = _POINTS if store.n_tracks <= _MANY_TRACKS else _POINTS // 4
    curves = {}
    for track, name in enumerate(store.tracks):
        rows = slice(None) if known is None else known[:, track]
        scores, hits = logits[rows, track], labels[rows, track]
        if not defined([hits.sum()], [len(hits) - hits.sum()])[0]:
            continue
        roc, precision = roc_curve(scores, hits, points), precision_recall_curve(scores, hits, points)
        curves[name] = {
            "fpr": _rounded(roc.false_positive_rate),
            "tpr": _rounded(roc.true_positive_rate),
            "recall": _rounded(precision.recall),
            "precision": _rounded(precision.precision),
        }
    return curves


def _rounded(values: NDArray[np.float64]) -> list[float]:
    return np.round(values, 5).tolist()
