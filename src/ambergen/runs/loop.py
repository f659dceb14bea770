"""The search: its course until the budget is spent, then its finalists and its winner.

Everything that a continued search needs is in one checkpoint, written after every round or rating. What came after it
is done again, and because all randomness is a function of the seed and of counters, done in the same way; the event log
keeps the first version of an event, and it is that version which the strategy is told.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ambergen.cost import Cost
from ambergen.datasets.store import Store
from ambergen.errors import ConfigError
from ambergen.evaluators.base import Rating, check_measurable
from ambergen.executors.base import Executor
from ambergen.metrics.objectives import BUILT_IN, code_mark, no_skill_value
from ambergen.models.operations import try_operations
from ambergen.models.summary import supernet_parameters
from ambergen.progress import SILENT, Progress, Task
from ambergen.runs.config import SHARED, SearchConfig, unused
from ambergen.runs.course import Course, Setting, recorded_trials
from ambergen.runs.events import EventLog
from ambergen.runs.finalists import best_first, winner
from ambergen.runs.history import read_history
from ambergen.runs.methods import make_course, searched_space, stand_alone
from ambergen.runs.records import Finalist, Trial
from ambergen.settings import differences, plain_data
from ambergen.spaces.base import Candidate, SearchSpace
from ambergen.spaces.space import Space
from ambergen.strategies.filters import Filter
from ambergen.training.precision import default_device, resolve


@dataclass(frozen=True)
class SearchResult:
    """What a search found.

    architecture : the winner
    finalists : best first by their stand-alone score
    cost : of the whole search, finalists included
    space : that was searched
    """

    space: SearchSpace
    architecture: Candidate
    finalists: tuple[Finalist, ...]
    trials: tuple[Trial, ...]
    cost: Cost


def search(
    space: SearchSpace,
    store: Store,
    config: SearchConfig,
    out: Path,
    executor: Executor,
    number: int = 0,
    dtype: str | None = None,
    progress: Progress = SILENT,
) -> SearchResult:
    """Search `space` for the best architecture on `store`; an interrupted search in `out` is continued.

    Parameters
    ----------
    out : run directory: ``events.jsonl`` and ``checkpoints/``
    executor : trains candidates that are rated alone, and the finalists
    number : of this search among several independent ones in one run directory
    dtype : float32 or bfloat16; default: by a probe

    Raises
    ------
    RunError
        If every trial, or every finalist, failed.
    """
    device = default_device()
    precision = dtype or str(resolve(config.precision, device)).removeprefix("torch.")
    log = EventLog(out / "events.jsonl")
    space = searched_space(space, config)
    event = _started(space, store, config, number, precision, device)
    started = _begun(log, event)
    setting = Setting(space, store, config, out, log, executor, number, started["dtype"], device)
    ended = log.find(event="search_finished", search=number)
    if ended:
        shutil.rmtree(setting.trainings, ignore_errors=True)  # left where a kill came just after the search's end
        return _recorded(setting, ended[0])
    for split in ("search", "selection"):
        check_measurable(split, len(store.indices(split)), store.positives(split))
    try_operations(space, store.length)
    course = make_course(setting)
    if not course.resume():
        if config.warm_start is not None:
            course.strategy.learn(read_history(setting, config.warm_start, course.evaluator))
        if isinstance(course.strategy, Filter):  # before a supernet is trained for nothing
            course.strategy.refuse_impossible()
    log.append(event)  # Only now: settings that cannot be begun with are not those that it was begun with.
    for text in unused(config) if number == 0 else ():
        progress.say(f"search: {text}")
    with progress.task(f"search {number}: {config.method}", total=config.budget.amount) as task:
        course.run(task)
    return _finish(setting, course, progress)


def _started(
    space: SearchSpace, store: Store, config: SearchConfig, number: int, dtype: str, device: torch.device
) -> dict[str, Any]:
    """The first event of a search: all that decides its course."""
    return {
        "event": "search_started",
        "search": number,
        "method": config.method,
        "seed": config.seed + number,
        "budget": str(config.budget),
        "objective": config.objective,
        **_own_objective(store, config),
        "dtype": dtype,
        "device": str(device),
        "store": store.checksum,
        "space": space.to_dict(),
        "architectures": str(space.size),
        **_supernet_size(space, store, config),
        "n_tracks": store.n_tracks,
        "length": store.length,
        "configuration": plain_data(config),
    }


def _supernet_size(space: SearchSpace, store: Store, config: SearchConfig) -> dict[str, int]:
    if config.method not in SHARED or not isinstance(space, Space):
        return {}
    size = supernet_parameters(space, store.n_tracks, store.length, store.alphabet.n_symbols)
    return {"supernet_parameters": size}


def _own_objective(store: Store, config: SearchConfig) -> dict[str, Any]:
    """What has to stay as it is of a user's objective, and its value without skill, on the search split."""
    if config.objective in BUILT_IN:
        return {}
    rows = store.indices("search")
    worthless = no_skill_value(config.objective, store.labels(rows), store.mask(rows))
    return {"objective_code": code_mark(config.objective), "objective_without_skill": worthless}


def _begun(log: EventLog, event: dict[str, Any]) -> dict[str, Any]:
    """The first event as it was first written, or will be; a search keeps its dtype wherever it is continued.

    Raises
    ------
    ConfigError
        If the search was begun with other settings.
    """
    now = json.loads(json.dumps(event))
    known = next(iter(log.find(event="search_started", search=event["search"])), now)
    kept = ("dtype", "device", "objective_without_skill")
    now |= {name: known.get(name) for name in kept}
    for key, before, after in differences(known, now):
        if key == "objective_code":
            raise ConfigError(
                f"{log.path}: search {event['search']} was begun with another code of its objective, "
                f"{event['objective']}; scores of the two cannot be compared. Undo the change of that file (comments "
                "and layout do not count), or search into another folder."
            )
        raise ConfigError(
            f"{log.path}: search {event['search']} was begun with other settings: {key} was {before!r} and is now "
            f"{after!r}. Continue with the settings that it began with, or search into another folder."
        )
    return known


# ---- the end


def _finish(setting: Setting, course: Course, progress: Progress) -> SearchResult:
    """Choose finalists, train them alone for a short time, name the winner."""
    course.give_up_if_hopeless(at_the_end=True)
    candidates = course.candidates()
    # Those trained before an interruption stay in, should a device have rounded their rivals' ratings otherwise.
    trained = {f.architecture.id: f for f in _finalists(setting)}
    chosen = sorted(candidates, key=lambda r: r.architecture.id not in trained)[: setting.config.finalists]
    with progress.task(f"search {setting.number}: finalists", total=len(chosen)) as task:
        before = course.trials if course.evaluator == "stand-alone" else []
        finalists = _train_alone(setting, chosen, trained, before, task)
    best = winner(finalists)
    # Only now: while there is no winner, the same command tries those again that failed.
    for finalist in finalists:
        setting.log.append(finalist.to_event(setting.number))
    ended = setting.log.append(
        {
            "event": "search_finished",
            "search": setting.number,
            "winner": best.architecture.id,
            "architecture": best.architecture.to_dict(),
            "trials": course.n_trials,
            "cost": sum((f.cost for f in finalists), course.cost).to_dict(),
        }
    )
    shutil.rmtree(setting.trainings, ignore_errors=True)
    return _recorded(setting, ended)


def _paid_epochs(setting: Setting, trials: list[Trial]) -> dict[str, int]:
    """By identifier the epochs that the trials of an architecture were charged with."""
    epochs, paid = setting.config.rung_epochs, dict[str, int]()
    for trial in trials:
        if trial.score is not None:
            paid[trial.architecture.id] = max(epochs[trial.rung], paid.get(trial.architecture.id, 0))
    return paid


def _train_alone(
    setting: Setting, candidates: list[Rating], trained: dict[str, Finalist], trials: list[Trial], task: Task
) -> list[Finalist]:
    """Short trainings, scored on the selection split; those in the log already are not repeated.

    A candidate that the search trained alone has its training behind it: its checkpoint is only scored, and it is
    charged with no more than that.
    """
    missing = [c.architecture for c in candidates if c.architecture.id not in trained]
    alone = stand_alone(setting, "selection")
    ratings = alone.completed(missing, task, _paid_epochs(setting, trials))
    finalists = []
    for candidate in candidates:
        finalist = trained.get(candidate.architecture.id)
        if finalist is None:
            rating = next(ratings)
            score = candidate.score or 0.0
            finalist = Finalist(candidate.architecture, score, rating.score, rating.reason, rating.cost)
            if finalist.stand_alone_score is not None:
                setting.log.append(finalist.to_event(setting.number))
        finalists.append(finalist)
    return finalists


# ---- what the log says


def _recorded(setting: Setting, ended: dict[str, Any]) -> SearchResult:
    """The result of a finished search."""
    return SearchResult(
        setting.space,
        setting.space.read(ended["architecture"]),
        tuple(best_first(_finalists(setting))),
        tuple(recorded_trials(setting)),
        Cost(**ended["cost"]),
    )


def _finalists(setting: Setting) -> list[Finalist]:
    events = setting.log.find(event="finalist", search=setting.number)
    return [Finalist.from_event(event, setting.space.read) for event in events]
