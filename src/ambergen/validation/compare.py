"""Comparison on the test split: searched models, sampled ones, experts' networks and other rivals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from ambergen.atomic import write_json
from ambergen.datasets.store import Store
from ambergen.errors import RunError, SplitError
from ambergen.executors.base import Executor, Job, JobResult
from ambergen.metrics.ranking import defined
from ambergen.progress import SILENT, Progress
from ambergen.spaces.base import SearchSpace
from ambergen.training.config import TrainConfig
from ambergen.training.jobs import TrainingJob
from ambergen.validation.config import CompareConfig
from ambergen.validation.entrants import Entrant, Winner, make_entrants
from ambergen.validation.json_values import plain
from ambergen.validation.scoring import (
    KmerJob,
    SavedJob,
    Scored,
    Searched,
    score_ensemble,
    score_kmer,
    score_network,
    score_saved,
)
from ambergen.validation.summary import MINIMUM, Failure, Findings, Measured, long_table, summarise, told
from ambergen.validation.verdict import sentences

_EXPERT_CLIP = 1.0

TABLE, SUMMARY = "compare.parquet", "compare.json"


@dataclass(frozen=True)
class Comparison:
    """What a comparison found.

    table : one row a model, seed and track, as in ``compare.parquet``
    summary : as in ``compare.json``
    failures : trainings that did not succeed; their models are left out
    """

    table: pd.DataFrame
    summary: dict[str, Any]
    failures: tuple[Failure, ...]


def compare(
    store: Store,
    space: SearchSpace,
    winners: Sequence[Winner],
    config: CompareConfig,
    train: TrainConfig,
    seeds: int,
    seed: int,
    executor: Executor,
    out: Path,
    dtype: str,
    progress: Progress = SILENT,
    provenance: dict[str, Any] | None = None,
) -> Comparison:
    """Train all entrants with the same recipe and seeds, measure them on the test split, and say what follows.

    Parameters
    ----------
    winners : what the searches found
    train : the recipe of every network, but for the learning rate of experts' networks
    seeds : trainings a network; the k-th has the seed `seed` + k
    out : run directory: ``compare.parquet``, ``compare.json`` and ``models/``, where finished models are found again
        and unfinished ones are continued
    dtype : float32 or bfloat16
    provenance : written into every new model

    Raises
    ------
    SplitError
        If the test split measures no track.
    RunError
        If no model at all could be trained.
    """
    _check_test_split(store)
    entrants = make_entrants(store, space, winners, config, seeds, seed, out / "models")
    calls = {
        folder: _call(
            store,
            entrant,
            k,
            folder,
            _recipe(train, entrant, config),
            seed,
            dtype,
            {"store": store.checksum, **(provenance or {})},
        )
        for entrant in entrants
        for k, folder in enumerate(entrant.folders)
    }
    results = _run(executor, calls, progress, "comparison")
    measured, failures = _measured(entrants, results)
    if not measured:
        raise RunError(f"{out}: no model could be trained. {told(failures)[0]}")
    ensembles = _ensembles(store, measured, executor, dtype, progress)
    n_windows = len(store.indices("test"))
    found = Findings(store.tracks, n_windows, tuple(winners), tuple(measured), ensembles, tuple(failures))
    table, summary = long_table(found), summarise(found, seed)
    summary["sentences"] = [*sentences(summary), *told(failures)]
    _write_table(out / TABLE, table)
    write_json(out / SUMMARY, plain(summary))
    return Comparison(table, summary, tuple(failures))


def _recipe(train: TrainConfig, entrant: Entrant, config: CompareConfig) -> TrainConfig:
    """The recipe of all; an expert's network has its own rate in all layers, for its own time, and a clipped gradient.

    Without batch norm some draws of its first weights never learn: the first steps leave no unit alive.
    """
    if entrant.group != "expert":
        return train
    return replace(
        train,
        learning_rate=train.learning_rate * config.expert_rate,
        epochs=max(1, round(train.epochs * config.expert_epochs)),
        full_rate_inputs=None,
        gradient_clip=train.gradient_clip or _EXPERT_CLIP,
    )


Call = tuple[Callable[[Any], Scored], Any]


def _call(
    store: Store,
    entrant: Entrant,
    k: int,
    folder: Path,
    train: TrainConfig,
    seed: int,
    dtype: str,
    provenance: dict[str, Any],
) -> Call:
    if entrant.kind == "kmer":
        return score_kmer, KmerJob(store.path, folder, seed, provenance)
    if entrant.group == "rival":
        return score_saved, SavedJob(store.path, folder)
    job = TrainingJob(store.path, entrant.kind, entrant.spec, train, seed + k, dtype, out=folder, provenance=provenance)
    return score_network, job


def _run(executor: Executor, calls: dict[Path, Call], progress: Progress, name: str) -> dict[Path, JobResult]:
    """Results by folder; architectures that two entrants share are trained once."""
    results: dict[Path, JobResult] = {}
    with progress.task(name, total=len(calls)) as task:
        jobs: dict[Job, Path] = {executor.submit(*call): folder for folder, call in calls.items()}
        for job in executor.as_completed(jobs):
            folder = jobs[job]
            results[folder] = job.result()
            task.advance()
            task.note(f"{folder.parent.name} {folder.name}: {results[folder].status}")
    return results


def _measured(entrants: Sequence[Entrant], results: dict[Path, JobResult]) -> tuple[list[Measured], list[Failure]]:
    measured, failures = [], []
    for entrant in entrants:
        scored: dict[int, Scored] = {}
        for k, folder in enumerate(entrant.folders):
            result = results[folder]
            if result.status == "done":
                scored[k] = result.value
            else:
                failures.append(Failure(entrant.model, k, result.reason))
        if scored:
            measured.append(Measured(entrant, scored))
    return measured, failures


def _ensembles(
    store: Store, measured: Sequence[Measured], executor: Executor, dtype: str, progress: Progress
) -> dict[str, Searched]:
    """Ensemble and curves of every searched model; what fails here is left out."""
    searched = [m for m in measured if m.entrant.group == "searched"]
    jobs = {}
    for m in searched:
        folders = tuple(m.entrant.folders[k] for k in m.scored)
        jobs[executor.submit(score_ensemble, store.path, folders, dtype)] = m.entrant.model
    found = {}
    with progress.task("seed ensembles", total=len(jobs)) as task:
        for job in executor.as_completed(jobs):
            result = job.result()
            task.advance()
            if result.status == "done":
                found[jobs[job]] = result.value
            else:
                progress.say(f"seed ensemble of {jobs[job]}: {result.reason}")
    return found


def _check_test_split(store: Store) -> None:
    indices = store.indices("test")
    known = store.mask(indices)
    positives = store.positives("test")
    n_known = len(indices) if known is None else known.sum(axis=0)
    if not defined(positives, n_known - positives, MINIMUM).any():
        raise SplitError(
            f"{store.path}: the test split has {len(indices):,} windows, and no track of it has {MINIMUM} positive and "
            f"{MINIMUM} negative ones; expected at least one. Give the test split more contigs or rows."
        )


def _write_table(path: Path, table: pd.DataFrame) -> None:
    part = path.with_name(f".{path.name}.part")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        table.to_parquet(part, index=False)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
