"""Search methods on one data set at equal cost: searches with several seeds each, one final recipe, one test.

Everything counts: device seconds of shared weights, of ratings and of finalists. A search is a job of the executor and
holds one worker, so that a device second is the same thing for all methods. Its folder is a run directory of its own,
which continues by itself; what is finished is read.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from ambergen.atomic import write_json
from ambergen.budgets import Budget
from ambergen.datasets.store import Store
from ambergen.errors import ConfigError, RunError, StoreError
from ambergen.executors.base import Executor
from ambergen.executors.inline import InlineExecutor
from ambergen.models.operations import try_operations
from ambergen.progress import SILENT, Progress
from ambergen.provenance import provenance
from ambergen.runs.config import LAYERED, SearchConfig, unused
from ambergen.runs.events import read_events
from ambergen.runs.loop import search
from ambergen.runs.methods import make_strategy, searched_space
from ambergen.settings import differences, plain_data
from ambergen.spaces.base import SearchSpace
from ambergen.spaces.reading import space_from_dict
from ambergen.spaces.space import Space
from ambergen.strategies.filters import Filter
from ambergen.training.jobs import TrainingJob
from ambergen.training.precision import default_device, device_name, resolve
from ambergen.validation.json_values import plain
from ambergen.validation.method_costs import kept_back, measure
from ambergen.validation.method_records import (
    METHODS,
    Begun,
    Found,
    Key,
    MethodsConfig,
    Record,
    Setup,
    anytime,
)
from ambergen.validation.method_summary import summarise
from ambergen.validation.scoring import Scored, score_network

FOLDER, SUMMARY, SETTINGS = "methods", "methods.json", "settings.json"


# ---- one search, in a worker


@dataclass(frozen=True)
class SearchJob:
    """One search in a folder of its own; a finished one is read, an unfinished one continued."""

    store: Path
    space: Record
    config: SearchConfig
    out: Path
    dtype: str


def run_search(job: SearchJob) -> Found:
    """Do the search of `job` with this process as its one worker."""
    store, space = Store.open(job.store), space_from_dict(job.space)
    with InlineExecutor() as executor:
        result = search(space, store, job.config, job.out, executor, dtype=job.dtype)
    done = [t for t in result.trials if t.score is not None]
    best = next(f for f in result.finalists if f.architecture == result.architecture)
    return Found(
        result.space.to_dict(),
        result.architecture.to_dict(),
        result.architecture.id,
        best.stand_alone_score,
        len({t.number for t in result.trials}),
        len(result.trials) - len(done),
        anytime(list(read_events(job.out / "events.jsonl"))),
        np.array([t.score for t in done], float),
        np.array([t.cost.device_seconds for t in done]),
        result.cost,
    )


# ---- all of them


def compare_methods(
    setup: Setup, config: MethodsConfig, executor: Executor, out: Path, progress: Progress = SILENT
) -> Record:
    """Run every method with every seed, train all winners the same way, measure them once on the test split.

    Parameters
    ----------
    executor : runs whole searches, one a worker
    out : run directory; searches are in ``methods/METHOD/seedK``, models in ``methods/models``

    Returns
    -------
    As in ``methods.json``, which is written into `out`.

    Raises
    ------
    ConfigError
        If the folder holds searches of other settings, the budget does not pay for the finalists, or a method cannot
        search the space or finds nothing in it that keeps the limits.
    RunError
        If no search, or no final training, succeeded.
    """
    folder = out / FOLDER
    _refuse_without_layers(setup.space, config.methods)
    _refuse_impossible(setup, config)
    for text in dict.fromkeys(text for one in _settings_of(setup, config) for text in unused(one)):
        progress.say(f"search: {text}")
    begun = _begin(setup, config, folder, executor, progress)
    jobs = {
        (method, k): SearchJob(
            setup.store.path,
            setup.space.to_dict(),
            replace(_search_config(setup, config, method, begun), seed=setup.search.seed + k),
            folder / method / f"seed{k}",
            begun.dtype,
        )
        for k in range(config.seeds)
        for method in config.methods
    }
    found, failures = _searches(jobs, executor, progress)
    if not found:
        raise RunError(f"{folder}: no search succeeded. {failures[0]['reason']}")
    # Only now, when no search can learn from it any more, is the test split looked at.
    final = _final_jobs(setup, found, folder / "models", begun.final_dtype)
    scored, untrained = _train_winners(final, executor, progress)
    if not scored:
        raise RunError(f"{folder}: no winner could be trained. {untrained[0]['reason']}")
    summary = summarise(setup, config, begun, found, scored, [*failures, *untrained])
    facts = {"workers": executor.workers, "final_dtype": begun.final_dtype, "store": setup.store.checksum}
    origin = provenance(setup.search.seed, device_name(), begun.dtype, executor.threads, **facts)
    summary = plain({**summary, "provenance": {**origin, "config": _settings(setup, config)}})
    write_json(out / SUMMARY, summary)
    return summary


def _searches(
    jobs: dict[Key, SearchJob], executor: Executor, progress: Progress
) -> tuple[dict[Key, Found], list[Record]]:
    found, failures = {}, []
    with progress.task("searches", total=len(jobs)) as task:
        handles = {executor.submit(run_search, job): key for key, job in jobs.items()}
        for handle in executor.as_completed(handles):
            (method, k), result = handles[handle], handle.result()
            task.advance()
            if result.status == "done":
                found[method, k] = result.value
                task.note(f"{method}, seed {k}: {result.value.n_trials} trials")
            else:
                failures.append({"method": method, "seed": k, "reason": result.reason})
                progress.say(f"{method}, seed {k}: {result.reason}")
    return {key: found[key] for key in jobs if key in found}, failures


def _final_jobs(setup: Setup, found: dict[Key, Found], models: Path, dtype: str) -> list[TrainingJob]:
    """The final trainings; a winner of two searches is trained once."""
    store, objective, jobs = setup.store, setup.search.objective, {}
    for one in found.values():
        spec = {"space": one.space, "architecture": one.architecture}
        for k in range(setup.train_seeds):
            out, seed, facts = models / one.id / f"seed{k}", setup.search.seed + k, {"store": store.checksum}
            jobs[out] = TrainingJob(
                store.path, "child", spec, setup.train, seed, dtype, out=out, provenance=facts, objective=objective
            )
    return list(jobs.values())


def _train_winners(
    jobs: Sequence[TrainingJob], executor: Executor, progress: Progress
) -> tuple[dict[str, list[Scored]], list[Record]]:
    """Measures of every winner's trainings by identifier, in the order of their seeds, and what failed."""
    scored: dict[str, dict[int, Scored]] = {}
    failures = []
    with progress.task("final training of winners", total=len(jobs)) as task:
        handles = {executor.submit(score_network, job): job for job in jobs}
        for handle in executor.as_completed(handles):
            job, result = handles[handle], handle.result()
            assert job.out is not None
            task.advance()
            if result.status == "done":
                scored.setdefault(job.out.parent.name, {})[job.seed] = result.value
            else:
                failures.append({"method": None, "seed": None, "reason": f"{job.out}: {result.reason}"})
                progress.say(f"{job.out}: {result.reason}")
    return {name: [of[seed] for seed in sorted(of)] for name, of in scored.items()}, failures


def methods_of(space: SearchSpace) -> tuple[str, ...]:
    """The methods that can search a space."""
    return METHODS if isinstance(space, Space) else tuple(m for m in METHODS if m not in LAYERED)


def _refuse_without_layers(space: SearchSpace, methods: Sequence[str]) -> None:
    possible = methods_of(space)
    wrong = [method for method in methods if method not in possible]
    if wrong:
        raise ConfigError(
            f"methods: {', '.join(wrong)} cannot search a space without layers, and that of this run is hierarchical; "
            f"expected some of {', '.join(possible)}. Leave the others out, or set space.preset to amber or compact."
        )


def _refuse_impossible(setup: Setup, config: MethodsConfig) -> None:
    """Raise for what every search would fail of: an operation that cannot be built, limits that nothing keeps."""
    for settings in _settings_of(setup, config):
        space = searched_space(setup.space, settings)
        try_operations(space, setup.store.length)
        strategy = make_strategy(space, setup.store, settings, setup.search.seed)
        if isinstance(strategy, Filter):
            strategy.refuse_impossible()


def _settings_of(setup: Setup, config: MethodsConfig) -> list[SearchConfig]:
    """Of each method, as if it had the whole budget."""
    return [replace(setup.search, method=m, budget=config.budget) for m in config.methods]  # type: ignore[arg-type]


# ---- equal cost


def _begin(setup: Setup, config: MethodsConfig, folder: Path, executor: Executor, progress: Progress) -> Begun:
    """Measure what a finalist costs, or read what the first command measured.

    Methods and seeds may be added later; all else has to be as it was.
    """
    settings = _settings(setup, config)
    path = folder / SETTINGS
    if path.exists():
        begun = _begun_before(path, json.loads(json.dumps(settings)))
    else:
        precisions = setup.search.supernet.train.precision, setup.train.precision
        names = [str(resolve(p, default_device())).removeprefix("torch.") for p in precisions]
        begun = Begun({}, {}, {}, *names)
    if measure(setup, config, begun, folder, executor, progress):
        write_json(path, {"settings": settings, "begun": asdict(begun)})
    return begun


def _settings(setup: Setup, config: MethodsConfig) -> Record:
    """What all searches of a comparison have in common."""
    return {
        "budget": config.budget.amount,
        "space": setup.space.to_dict(),
        "search": plain_data(replace(setup.search, method="random", budget=config.budget)),
        "train": plain_data(setup.train),
        "store": setup.store.checksum,
    }


def _search_config(setup: Setup, config: MethodsConfig, method: str, begun: Begun) -> SearchConfig:
    """Settings of a search; its budget is what is left when its end is paid."""
    kept = kept_back(setup, config, method, begun)
    left = config.budget.amount - kept
    if left <= 0:
        raise ConfigError(
            f"the budget of {config.budget} does not pay for the finalists of a search by {method}: "
            f"{setup.search.finalists}, with all that chooses them about {kept:.3g} device seconds; expected more. "
            "Raise it, or lower search.finalists or the epochs of search.short_training."
        )
    budget = Budget(round(left, 3), "device_seconds")
    return replace(setup.search, method=method, budget=budget)  # type: ignore[arg-type]


def _begun_before(path: Path, settings: Record) -> Begun:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        before, begun = record["settings"], Begun(**record["begun"])
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(
            f"{path}: not the settings of a comparison of methods ({type(error).__name__}). It is damaged; remove "
            f"{path.parent} to compare anew."
        ) from error
    for key, old, new in differences(before, settings):
        if key == "budget":
            old, new = (str(Budget(amount, "device_seconds")) for amount in (old, new))
        raise ConfigError(
            f"{path.parent}: this comparison was begun with other settings: {key} was {old!r} and is now {new!r}. Go "
            f"back to them, give the run another folder (--set out=…), or remove {path.parent}."
        )
    return begun
