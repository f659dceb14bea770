"""Warm start: what an earlier search found out, for the strategy of a new one."""

from __future__ import annotations

from pathlib import Path

from ambergen.errors import ConfigError, SpaceError
from ambergen.runs.course import Setting
from ambergen.runs.events import read_events
from ambergen.spaces.base import Candidate
from ambergen.strategies.base import Rated

_KINDS = {"shared": "by shared weights", "stand-alone": "of networks trained alone"}


def read_history(setting: Setting, folder: Path, evaluator: str) -> list[Rated]:
    """The ratings of the searches in a run directory that mean the same here, oldest first.

    Ratings of shared weights and of candidates that were trained alone are no common scale, nor are two objectives, so
    only those of one kind count; architectures that the space does not hold are left out. With successive halving a
    candidate has its last rating, and one of a higher rung counts for more, as in the search itself.

    Raises
    ------
    ConfigError
        If there is no such run, or none is left.
    """
    path, objective = folder / "events.jsonl", setting.config.objective
    if not path.is_file():
        raise ConfigError(
            f"search.warm_start: there is no {path}; expected the run directory of an earlier search. Correct the "
            "path, or remove warm_start."
        )
    logged = list(read_events(path))
    alike = {e["search"] for e in logged if e["event"] == "search_started" and e["objective"] == objective}
    events = [e for e in logged if e["event"] == "trial" and e["score"] is not None]
    found: dict[Candidate, Rated] = {}
    same = [e for e in events if e["evaluator"] == evaluator and e["search"] in alike]
    laddered = any(e.get("rung", 0) for e in same)
    for event in same:
        try:
            candidate = setting.space.read(event["architecture"])
        except SpaceError:
            continue
        costs = {name: float(event[name]) for name in ("parameters", "multiply_adds")}
        score = event["score"] + (event.get("rung", 0) if laddered else 0)
        found.pop(candidate, None)
        found[candidate] = Rated(candidate, score, costs)
    if not found:
        raise ConfigError(
            f"search.warm_start: {path} has {len(events)} ratings, of which {len(same)} are {_KINDS[evaluator]} with "
            f"the objective {objective}, as in this search, and none of those is of an architecture of this space. "
            "Name the run directory of a search with the same space and the same kind of ratings, or remove warm_start."
        )
    return list(found.values())
