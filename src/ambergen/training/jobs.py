"""Training of one network as a job: everything that a worker process needs, and what it sends back."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ambergen import seeds
from ambergen.cost import Cost, Stopwatch
from ambergen.datasets.batches import DeviceStore
from ambergen.datasets.store import Store
from ambergen.metrics.objectives import RANKINGS, objective_values
from ambergen.metrics.ranking import Ranking, ranking
from ambergen.models.factory import make_network
from ambergen.provenance import provenance
from ambergen.training.config import TrainConfig
from ambergen.training.loop import Labels, fit
from ambergen.training.model import Model
from ambergen.training.precision import DTYPES, default_device
from ambergen.training.predict import Strands, predict_logits
from ambergen.training.saving import read_description


@dataclass(frozen=True)
class TrainingJob:
    """Train one network from scratch and score it.

    Once a search is over its search split is training data like any other, for the winner and its rivals alike; a
    trial whose reward is a score on that split must leave it out.

    store : folder of the store
    kind, spec : the network; see `ambergen.models.factory.make_network`
    dtype : float32 or bfloat16
    learned : splits that are trained on
    watch : split that stops the training; None trains all epochs
    scored : splits on which the trained network is scored
    out : folder for the model, its history and its checkpoint; None keeps no model
    until : epochs after which to pause; see `ambergen.training.loop.fit`
    checkpoint : file that a training without `out` is continued from; it stays
    paid_epochs : the first epochs, which jobs before this one were charged with; see `ambergen.training.loop.fit`
    objective : of the search, by its name, measured wherever scores are; what stops a training is the AUROC
    """

    store: Path
    kind: str
    spec: dict[str, Any]
    config: TrainConfig
    seed: int
    dtype: str
    learned: tuple[str, ...] = ("train", "search")
    watch: str | None = "selection"
    scored: tuple[str, ...] = ()
    strands: Strands = "both"
    out: Path | None = None
    provenance: dict[str, Any] = field(default_factory=dict)
    until: int | None = None
    checkpoint: Path | None = None
    paid_epochs: int = 0
    objective: str = "auroc"


@dataclass(frozen=True)
class TrainingResult:
    """What a job gives back.

    scores : by split, a value a track
    cost : of the whole training so far, scoring on `scores` left out
    charged : loading, the epochs that are not paid yet (those of a job that was killed among them), and scoring
    objective : by split, the objective of the job, (n_tracks,)
    """

    scores: dict[str, Ranking]
    best_epoch: int
    n_epochs: int
    cost: Cost
    charged: Cost
    objective: dict[str, NDArray[np.float64]]


def train_network(job: TrainingJob) -> TrainingResult:
    """Do `job`; a finished model in its folder is scored and not trained again, an unfinished one is continued.

    Raises
    ------
    MetricError
        If the objective has no value for a track that counts.
    """
    clock = Stopwatch()
    store = Store.open(job.store)
    device = default_device()
    data = DeviceStore(store, device)
    if job.out is not None and (job.out / "model.json").exists():
        model = Model.load(job.out, device)
        record, unpaid = read_description(job.out)["provenance"]["training"], Cost()
    else:
        model, record, unpaid = _train(job, store, data, clock)
    measured = {split: _score(model, data, split, job) for split in job.scored}
    scores, objective = {s: found[0] for s, found in measured.items()}, {s: found[1] for s, found in measured.items()}
    passes = 2 if job.strands == "both" else 1
    rest = clock.lap(passes * sum(len(store.indices(split)) for split in job.scored))
    cost = Cost(**record["cost"])
    return TrainingResult(scores, record["best_epoch"], record["n_epochs"], cost, unpaid + rest, objective)


def _train(job: TrainingJob, store: Store, data: DeviceStore, clock: Stopwatch) -> tuple[Model, dict[str, Any], Cost]:
    """The model, what its description says of its training, and what that cost since it was last paid for."""
    network = make_network(
        job.kind,
        job.spec,
        store.n_tracks,
        store.length,
        store.alphabet.n_symbols,
        seed=seeds.derive(job.seed, "initial weights"),
    )
    checkpoint = job.checkpoint if job.out is None else job.out / "checkpoint.pt"
    result = fit(
        network,
        data,
        job.config,
        job.seed,
        checkpoint,
        dtype=DTYPES[job.dtype],
        watch=job.watch,
        learned=job.learned,
        objective=Labels(data, job.objective),
        until=job.until,
        paid_epochs=job.paid_epochs,
        clock=clock,
    )
    judged = math.isfinite(result.best_score) and job.watch == "selection"
    best = result.history[result.best_epoch] if judged else {}
    record = {
        "best_epoch": result.best_epoch,
        "n_epochs": len(result.history),
        **{f"selection_{name}": best.get(name) for name in dict.fromkeys((*RANKINGS, job.objective))},
        "cost": result.cost.to_dict(),
    }
    facts = {**job.provenance, "training": record}
    origin = provenance(job.seed, str(data.device), job.dtype, torch.get_num_threads(), **facts)
    model = Model(network, job.kind, job.spec, store.tracks, store.reverse_partner, store.alphabet.name, origin)
    if job.out is not None and checkpoint is not None:
        lines = "".join(json.dumps(epoch) + "\n" for epoch in result.history)
        (job.out / "history.jsonl").write_text(lines, encoding="utf-8")
        model.save(job.out)
        checkpoint.unlink(missing_ok=True)
    return model, record, result.unpaid


def _score(model: Model, data: DeviceStore, split: str, job: TrainingJob) -> tuple[Ranking, NDArray[np.float64]]:
    rows = data.store.indices(split)
    logits = predict_logits(model.network, data, rows, job.strands, DTYPES[job.dtype])
    labels, known = data.store.labels(rows), data.store.mask(rows)
    ranked = ranking(logits, labels, known)
    return ranked, objective_values(job.objective, logits, labels, known, ranked)
