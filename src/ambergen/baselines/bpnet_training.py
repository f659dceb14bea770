"""Training of BPNet on a store as a job, and what it measures in the end."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from ambergen import seeds
from ambergen.baselines.bpnet_scorer import BPNetScorer
from ambergen.datasets.batches import DeviceStore
from ambergen.datasets.store import Store
from ambergen.models.bpnet import BPNet, BPNetShape
from ambergen.provenance import provenance
from ambergen.training.config import TrainConfig
from ambergen.training.coverage import CoverageObjective, balancing_weight, check_shift, measure
from ambergen.training.loop import fit
from ambergen.training.precision import DTYPES, default_device
from ambergen.training.saving import read_description

MEASURED = ("selection", "test")
"""Splits that a finished training is measured on. The test split is read once, when nothing is left to choose."""


@dataclass(frozen=True)
class CoverageJob:
    """Train one BPNet and measure it.

    store : folder of a store with counts
    dtype : float32 or bfloat16
    count_weight : of the error of the counts beside that of the profile; None for half the mean reads of a window
    learned : splits that are trained on; the selection split stops
    out : folder for the model, its history and its checkpoint
    """

    store: Path
    shape: BPNetShape
    config: TrainConfig
    seed: int
    dtype: str
    count_weight: float | None
    out: Path
    learned: tuple[str, ...] = ("train", "search")
    provenance: dict[str, Any] = field(default_factory=dict)


def train_bpnet(job: CoverageJob) -> dict[str, Any]:
    """Do `job`; a finished model in its folder is kept, an unfinished one is continued.

    Returns
    -------
    best_epoch, n_epochs, count_weight, cost, and ``coverage``: the records of `ambergen.training.coverage.measure`

    Raises
    ------
    ConfigError
        If the training moves windows further than the counts reach.
    RunError
        If it diverges.
    """
    if (job.out / "model.json").exists():
        return dict(read_description(job.out)["provenance"]["training"])
    store = Store.open(job.store)
    check_shift(store, job.config)
    layout, dtype = store.need_counts(), DTYPES[job.dtype]
    data = DeviceStore(store, default_device())
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seeds.derive(job.seed, "initial weights"))
        network = BPNet(layout.n_columns, store.length, job.shape, layout.width, store.alphabet.n_symbols)
    weight = balancing_weight(store, job.learned) if job.count_weight is None else job.count_weight
    checkpoint = job.out / "checkpoint.pt"
    result = fit(
        network,
        data,
        job.config,
        job.seed,
        checkpoint,
        dtype=dtype,
        learned=job.learned,
        objective=CoverageObjective(data, weight),
    )
    record = {
        "best_epoch": result.best_epoch,
        "n_epochs": len(result.history),
        "count_weight": weight,
        "cost": result.cost.to_dict(),
        "coverage": [row for split in MEASURED for row in measure(network, data, job.learned, split)],
    }
    facts = {**job.provenance, "training": record}
    origin = provenance(job.seed, str(data.device), job.dtype, torch.get_num_threads(), **facts)
    lines = "".join(json.dumps(epoch) + "\n" for epoch in result.history)
    (job.out / "history.jsonl").write_text(lines, encoding="utf-8")
    BPNetScorer(network, layout, store.alphabet.name, origin).save(job.out)
    checkpoint.unlink(missing_ok=True)
    return record
