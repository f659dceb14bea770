"""What a run directory says, read into memory; anything may be absent, since a report can be made at any time."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from ambergen.errors import InputError, StoreError
from ambergen.runs.events import read_events

Record = dict[str, Any]

SCORE_COLUMNS = (
    "model", "group", "architecture", "search", "seed", "track", "auroc", "average_precision", "positives", "negatives",
)  # fmt: skip
AUDIT_COLUMNS = ("id", "parameters", "stand_alone")


@dataclass
class SearchLog:
    """The events of one search.

    contest : mean selection score of the finalists that were trained in full, the winner first; empty before that
    """

    number: int
    started: Record = field(default_factory=dict)
    steps: list[Record] = field(default_factory=list)
    trials: list[Record] = field(default_factory=list)
    finalists: list[Record] = field(default_factory=list)
    finished: Record = field(default_factory=dict)
    contest: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Evidence:
    """Contents of a run directory.

    run_file : text of run.yaml, or None
    searches : one log a search, by number
    scores : compare.parquet as it is, or None
    summary : compare.json as it is; empty where absent
    histories : (architecture or name, "seed0") -> epochs of the final training
    audit : audit.json as it is; empty where absent
    audited : audit.parquet as it is, one row an architecture, or None
    """

    path: Path
    run_file: str | None
    provenance: Record
    searches: tuple[SearchLog, ...]
    scores: pd.DataFrame | None
    summary: Record
    histories: dict[tuple[str, str], list[Record]]
    audit: Record = field(default_factory=dict)
    audited: pd.DataFrame | None = None


def read_evidence(run_dir: Path) -> Evidence:
    """Read a run directory.

    Raises
    ------
    InputError
        If there is no such directory.
    StoreError
        If one of its files is damaged.
    """
    _check_directory(run_dir)
    run_file = run_dir / "run.yaml"
    return Evidence(
        path=run_dir,
        run_file=run_file.read_text(encoding="utf-8") if run_file.exists() else None,
        provenance=_read_json(run_dir / "provenance.json"),
        searches=_settled(group_events(read_events(run_dir / "events.jsonl")), _read_json(run_dir / "winners.json")),
        scores=_read_table(run_dir / "compare.parquet", SCORE_COLUMNS),
        summary=_read_json(run_dir / "compare.json"),
        histories={
            (path.parent.parent.name, path.parent.name): _read_lines(path)
            for path in sorted((run_dir / "models").glob("*/seed*/history.jsonl"))
        },
        audit=_read_json(run_dir / "audit.json"),
        audited=_read_table(run_dir / "audit.parquet", AUDIT_COLUMNS),
    )


def read_summary(run_dir: Path) -> Record:
    """compare.json of a run directory.

    Raises
    ------
    InputError
        If there is no such directory, or nothing has been compared in it.
    StoreError
        If the file is damaged.
    """
    _check_directory(run_dir)
    summary = _read_json(run_dir / "compare.json")
    if not summary.get("models"):
        raise InputError(
            f"{run_dir / 'compare.json'}: no comparison found. Run `ambergen compare` with the run file of this "
            "directory first."
        )
    return summary


def group_events(events: Iterable[Record]) -> tuple[SearchLog, ...]:
    """Events of a log, parted by search."""
    logs: dict[int, SearchLog] = {}
    for event in events:
        log = logs.setdefault(int(event.get("search", 0)), SearchLog(int(event.get("search", 0))))
        match event.get("event"):
            case "search_started":
                log.started = event
            case "step":
                log.steps.append(event)
            case "trial":
                log.trials.append(event)
            case "finalist":
                log.finalists.append(event)
            case "search_finished":
                log.finished = event
    return tuple(logs[number] for number in sorted(logs))


def _settled(logs: tuple[SearchLog, ...], champions: Record) -> tuple[SearchLog, ...]:
    """The logs with the winners that the final training named."""
    for log in logs:
        champion = champions.get(str(log.number))
        if champion and log.finished:
            log.finished = log.finished | {key: champion[key] for key in ("winner", "architecture")}
            log.contest = champion["scores"]
    return logs


def last_ratings(log: SearchLog) -> list[Record]:
    """The last rating of every candidate that has one; with successive halving, of those on the highest rung."""
    last = {t["trial"]: t for t in log.trials if t.get("score") is not None}
    top = max((t.get("rung", 0) for t in last.values()), default=0)
    return [t for t in last.values() if t.get("rung", 0) == top]


def compared_folders(run_dir: Path) -> list[tuple[str, Path]]:
    """Name and folder of every model of a run's comparison, in its order.

    The seeds of one lie in one folder, so an ensemble of seeds, which the comparison lists beside it, is left out.

    Raises
    ------
    InputError
        If nothing has been compared there.
    """
    path = run_dir / "compare.parquet"
    if not path.exists():
        raise InputError(f"{run_dir}: no models have been compared here. `ambergen compare RUN.yaml` does it.")
    table = pd.read_parquet(path, columns=["model", "group", "architecture"])
    table = table[table["group"] != "ensemble"].drop_duplicates()
    return [
        (model, run_dir / "rivals" / name.removeprefix("rival-") if group == "rival" else run_dir / "models" / name)
        for model, group, name in table.itertuples(index=False)
    ]


def _check_directory(run_dir: Path) -> None:
    if not run_dir.is_dir():
        raise InputError(
            f"{run_dir}: not a folder; expected a run directory, the folder that `out:` in the run file names. "
            "Start a run with `ambergen run RUN.yaml`, or correct the path."
        )


def _read_json(path: Path) -> Record:
    if not path.exists():
        return {}
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise _damaged(path, f"not JSON ({error})") from error
    if not isinstance(record, dict):
        raise _damaged(path, f"holds a {type(record).__name__}, not an object")
    return record


def _read_lines(path: Path) -> list[Record]:
    if not path.exists():
        return []
    records: list[Record] = []
    lines = path.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines, start=1):
        try:
            records.append(json.loads(line))
        except ValueError as error:
            if number == len(lines):  # the writer was stopped, or is at work: the line is torn
                break
            raise _damaged(path, f"line {number} is not JSON ({error})") from error
    return records


def _read_table(path: Path, columns: Iterable[str]) -> pd.DataFrame | None:
    if not path.exists():
        return None
    try:
        table = pd.read_parquet(path)
    except (OSError, ValueError) as error:  # pyarrow's errors are ValueErrors
        raise _damaged(path, f"not a Parquet file ({error})") from error
    absent = [column for column in columns if column not in table]
    if absent:
        raise _damaged(path, f"lacks the columns {', '.join(absent)}")
    return table


def _damaged(path: Path, found: str) -> StoreError:
    return StoreError(
        f"{path}: {found}; expected the file as ambergen wrote it. Delete it and run the same command again: "
        "the stage that writes it is then repeated."
    )
