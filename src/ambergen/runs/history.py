"""Warm start: what an earlier search found out, for the strategy of a new one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ambergen.errors import ConfigError, SpaceError
from ambergen.metrics.objectives import code_mark
from ambergen.runs.course import Setting
from ambergen.runs.events import read_events
from ambergen.runs.rungs import told_score
from ambergen.spaces.base import Candidate
from ambergen.strategies.base import Rated

_KINDS = {"shared": "by shared weights", "stand-alone": "of networks trained alone"}


def read_history(setting: Setting, folder: Path, evaluator: str) -> list[Rated]:
    """The ratings of the searches in a run directory that mean the same here, oldest first.

    Ratings of shared weights and of candidates that were trained alone are no common scale, nor are two objectives, so
    only those of one kind count; architectures that the space does not hold are left out. With successive halving a
    candidate has its last rating. Where this search has rungs, it stands on the highest one that it was trained for,
    and counts for more than those below, as in the search itself; where it has none, scores alone count.

    Raises
    ------
    ConfigError
        If there is no such run, or none is left.
    """
    path, config = folder / "events.jsonl", setting.config
    objective, mark = config.objective, code_mark(config.objective)
    if not path.is_file():
        raise ConfigError(
            f"search.warm_start: there is no {path}; expected the run directory of an earlier search. Correct the "
            "path, or remove warm_start."
        )
    logged = list(read_events(path))
    started = {e["search"]: e for e in logged if e["event"] == "search_started"}
    alike = {n for n, e in started.items() if (e["objective"], e.get("objective_code")) == (objective, mark)}
    events = [e for e in logged if e["event"] == "trial" and e["score"] is not None]
    found: dict[Candidate, Rated] = {}
    same = [e for e in events if e["evaluator"] == evaluator and e["search"] in alike]
    for event in same:
        try:
            candidate = setting.space.read(event["architecture"])
        except SpaceError:
            continue
        costs = {name: float(event[name]) for name in ("parameters", "multiply_adds")}
        score = event["score"]
        if evaluator != "shared" and len(config.rung_epochs) > 1:
            epochs = _epochs(started[event["search"]], event.get("rung", 0))
            score = told_score(objective, score, _rung(setting, epochs))
        found.pop(candidate, None)
        found[candidate] = Rated(candidate, score, costs)
    if not found:
        raise ConfigError(
            f"search.warm_start: {path} has {len(events)} ratings, of which {len(same)} are {_KINDS[evaluator]} with "
            f"the objective {objective}, as in this search, and none of those is of an architecture of this space. "
            "Name the run directory of a search with the same space and the same kind of ratings, or remove warm_start."
        )
    return list(found.values())


def _epochs(started: dict[str, Any], rung: int) -> int:
    """For how long a candidate on a rung was trained in the search that began so."""
    config = started["configuration"]
    epochs: list[int] = config["rungs"]["epochs"] or [config["short_training"]["train"]["epochs"]]
    return epochs[rung]


def _rung(setting: Setting, epochs: int) -> int:
    """The highest rung of this search that so many epochs reach; the lowest where they reach none."""
    return sum(needed <= epochs for needed in setting.config.rung_epochs[1:])
