"""What a search will spend when its budget is over: measured beforehand, and kept back, so that all cost the same.

Finalists of shared weights are trained from scratch, and the best candidates are rated again to find them. Finalists of
a search that trains every candidate alone have their training behind them; with successive halving some may have to
climb the last rung.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import numpy as np

from ambergen.datasets.batches import DeviceStore
from ambergen.datasets.store import Store
from ambergen.errors import RunError
from ambergen.evaluators.shared_weights import SharedWeights
from ambergen.evaluators.stand_alone import StandAlone, StandAloneConfig
from ambergen.executors.base import Executor
from ambergen.progress import SILENT, Progress
from ambergen.runs.config import SHARED, SearchConfig
from ambergen.seeds import generator
from ambergen.spaces.base import SearchSpace
from ambergen.spaces.reading import space_from_dict
from ambergen.spaces.space import Space
from ambergen.training.precision import DTYPES, default_device
from ambergen.validation.method_records import Begun, MethodsConfig, Record, Setup, kind_of, space_of

_TRAINED, _RATED = 3, 8
"""Sampled architectures whose training, and whose rating by shared weights, tell what others will cost."""


def measure(
    setup: Setup, config: MethodsConfig, begun: Begun, folder: Path, executor: Executor, progress: Progress
) -> bool:
    """Add to `begun` what the methods of `config` need and it lacks; whether there was anything.

    Raises
    ------
    RunError
        If a training or a rating failed.
    """
    before = len(begun.finalist_seconds) + len(begun.rescoring_seconds)
    for method in config.methods:
        space = space_of(setup, config, method)
        kind = kind_of(space)
        if kind not in begun.finalist_seconds:
            seconds = _finalists(setup, space, executor, begun.dtype, folder / "calibration", progress)
            begun.finalist_seconds[kind], begun.scoring_seconds[kind] = seconds
        if method in SHARED and method not in begun.rescoring_seconds:
            begun.rescoring_seconds[method] = _rescoring(setup, space, method, executor, begun.dtype)
    return len(begun.finalist_seconds) + len(begun.rescoring_seconds) > before


def kept_back(setup: Setup, config: MethodsConfig, method: str, begun: Begun) -> float:
    """Device seconds that a search by `method` needs for its end."""
    kind, search = kind_of(space_of(setup, config, method)), setup.search
    training, scoring = begun.finalist_seconds[kind], begun.scoring_seconds[kind]
    if method in SHARED:
        rescored = search.rescored + (search.fresh if method == "enas" else 0)
        return search.finalists * training + rescored * begun.rescoring_seconds[method]
    return search.finalists * scoring + _last_rung(search, config.budget.amount, training - scoring, scoring)


def _last_rung(search: SearchConfig, budget: float, training: float, scoring: float) -> float:
    """Seconds for those finalists that will not have climbed the last rung when the budget is over, as expected."""
    epochs, eta = search.rung_epochs, search.rungs.eta
    if len(epochs) == 1:
        return 0.0
    shares = eta ** -np.arange(len(epochs), dtype=float)  # of trials that reach each rung
    trial = float(shares @ (np.diff(epochs, prepend=0) / epochs[-1] * training + scoring))
    missing = max(0.0, search.finalists - budget / trial * float(shares[-1]))
    return missing * (1 - epochs[-2] / epochs[-1]) * training


def _finalists(
    setup: Setup, space: SearchSpace, executor: Executor, dtype: str, folder: Path, progress: Progress
) -> tuple[float, float]:
    """Seconds of a short training with its score, and of a score alone, where the training is there."""
    base = setup.search
    epochs = base.rung_epochs[-1]
    short = StandAloneConfig(replace(base.short_training.train, epochs=epochs))
    alone = StandAlone(space, setup.store, short, base.objective, base.seed, dtype, executor, "selection", folder)
    sampled = [space.sample(generator(base.seed, "calibration", k)) for k in range(_TRAINED)]
    distinct = list({candidate.id: candidate for candidate in sampled}.values())
    with progress.task(f"cost of a short training, {kind_of(space)} space", total=2 * len(distinct)) as task:
        trained = list(alone.completed(distinct, task))
        scored = list(alone.completed(distinct, task, {candidate.id: epochs for candidate in distinct}))
    shutil.rmtree(folder, ignore_errors=True)
    for rating in (*trained, *scored):
        if rating.score is None:
            raise RunError(f"a short training failed: {rating.reason}. Mend the cause and give the command again.")
    training, scoring = (float(np.median([r.cost.device_seconds for r in ratings])) for ratings in (trained, scored))
    return round(max(training, scoring), 4), round(scoring, 4)  # a machine that paused may have told otherwise


@dataclass(frozen=True)
class RescoringJob:
    """Ratings of finalists by untrained shared weights, which take as long as by trained ones."""

    store: Path
    space: Record
    config: SearchConfig
    dtype: str


def rescore(job: RescoringJob) -> float:
    """Mean device seconds of a rating."""
    space = cast(Space, space_from_dict(job.space))
    data = DeviceStore(Store.open(job.store), default_device())
    config = job.config
    shared = SharedWeights(space, data, config.shared, config.objective, config.seed, DTYPES[job.dtype])
    sampled = [space.sample(generator(config.seed, "calibration", k)) for k in range(_RATED)]
    return float(np.mean([r.cost.device_seconds for r in shared.rescore(sampled, SILENT.task(""))]))


def _rescoring(setup: Setup, space: SearchSpace, method: str, executor: Executor, dtype: str) -> float:
    config = replace(setup.search, method=method)  # type: ignore[arg-type]
    result = executor.submit(rescore, RescoringJob(setup.store.path, space.to_dict(), config, dtype)).result()
    if result.status == "failed":
        raise RunError(f"ratings by {method} failed: {result.reason}. Mend the cause and give the command again.")
    return round(result.value, 5)
