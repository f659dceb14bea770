"""`ambergen status`: what a run has done, its best so far, what it cost, and the time left."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ambergen.cli.arguments import AsJson, RunFolder
from ambergen.cli.progress_bars import duration
from ambergen.cli.tables import pairs, score, table

if TYPE_CHECKING:
    from ambergen.report.evidence import Evidence, SearchLog


def status(folder: RunFolder, as_json: AsJson = False) -> None:
    """What has been done in a run, the best so far, what it cost, and the time left.

    Reads the run's folder only, so it may be asked while the run goes on.

    Examples:

      ambergen status runs/yeast
      ambergen status runs/yeast --json
    """
    from ambergen.report.evidence import read_evidence

    evidence = read_evidence(folder)
    record = {
        "run": str(folder),
        "stages": _stages(evidence),
        "searches": [_search(log) for log in evidence.searches],
        "methods": _methods(folder),
        "models": _models(folder),
        "comparison": [
            {"model": m["model"], "auroc": (m.get("auroc") or {}).get("mean")}
            for m in evidence.summary.get("models", [])
        ],
    }
    print(json.dumps(record, indent=2) if as_json else _text(record))


def _stages(evidence: Evidence) -> dict[str, str]:
    """Stage -> done, begun, not begun, or written: a page that may be older than the rest."""
    from ambergen.stages import StageBook

    done = StageBook(evidence.path).done()
    found = {
        "build": "done" if (evidence.path / "store").exists() else None,  # a store is whole or not there
        "search": "begun" if evidence.searches else None,
        "train": "begun" if evidence.histories else None,
        "compare": "begun" if evidence.scores is not None else None,
        "report": "written" if (evidence.path / "report.html").exists() else None,
    }
    return {stage: "done" if stage in done else state or "not begun" for stage, state in found.items()}


def _search(log: SearchLog) -> dict[str, Any]:
    from ambergen.report.fronts import fronts

    scored = [t for t in log.trials if t.get("score") is not None]
    best = max(scored, key=lambda t: t["score"], default=None)
    last = log.steps[-1] if log.steps else {}
    used = (log.finished or last).get("cost", {}).get("device_seconds", 0.0)
    pace = {"seconds": last.get("cost", {}).get("wall_seconds", used), "device_seconds": used}
    n_trials = len({t["trial"] for t in log.trials})  # with successive halving, one has a rating for each rung
    done = {"epochs": last.get("epochs", 0.0), "steps": last.get("supernet_steps", 0), "trials": n_trials}
    return {
        "search": log.number,
        "method": log.started.get("method"),
        "objective": log.started.get("objective"),
        "budget": log.started.get("budget"),
        **done,
        "failed": sum(t.get("status") == "failed" for t in log.trials),
        "finalists": len(log.finalists),
        "best": best and {"id": best["id"], "score": best["score"], "split": best.get("split")},
        "winner": log.finished.get("winner"),
        "fronts": [front.to_dict() for front in fronts(log)],
        "device_seconds": round(used, 1),
        "seconds_left": None if log.finished else _seconds_left(log.started.get("budget"), used, done | pace),
    }


def _seconds_left(budget: str | None, used: float, done: dict[str, float]) -> float | None:
    """Of the rounds, without the finalists, from the pace so far; None before the first round."""
    from ambergen.budgets import Budget

    if budget is None:
        return None
    limit = Budget.parse(budget)
    if limit.unit == "seconds":
        return max(0.0, limit.amount - done.get("seconds", used))
    counted = done.get(limit.unit, 0)
    return max(0.0, limit.amount - counted) * used / counted if counted else None


def _methods(folder: Path) -> list[dict[str, Any]]:
    """The searches of `ambergen compare-methods`, each in a run directory of its own."""
    from ambergen.report.evidence import read_evidence

    folders = sorted(path.parent for path in folder.glob("methods/*/seed*/events.jsonl"))
    return [
        {**_search(log), "search": f"{path.parent.name}, seed {path.name.removeprefix('seed')}"}
        for path in folders
        for log in read_evidence(path).searches
    ]


def _models(folder: Path) -> list[str]:
    return sorted(str(p.parent.relative_to(folder / "models")) for p in folder.glob("models/*/seed*/model.json"))


def _text(record: dict[str, Any]) -> str:
    parts = [f"{record['run']}", pairs([(stage, state) for stage, state in record["stages"].items()])]
    if record["searches"]:
        header = ("search", "method", "budget", "epochs", "trials", "failed", "best", _score_name(record["searches"]))
        rows = [_row(s) for s in record["searches"]]
        parts.append(table((*header, "cost", "left"), rows, left=(0, 1, 2)))
    if record["methods"]:
        header = ("compared", "method", "budget", "epochs", "trials", "failed", "best", _score_name(record["methods"]))
        rows = [_row(s) for s in record["methods"]]
        parts.append(table((*header, "cost", "left"), rows, left=(0, 1, 2)))
    areas = [_area(s, front) for s in record["searches"] + record["methods"] for front in s["fronts"]]
    if areas:
        names = ("front", "score against", "networks", "hypervolume", "reference: score", "size")
        parts.append(table(names, areas, left=(0, 1)))
    if record["models"]:
        parts.append("Trained models:\n" + "\n".join(f"  {name}" for name in record["models"]))
    if record["comparison"]:
        rows = [(m["model"], score(m["auroc"])) for m in record["comparison"]]
        parts.append(table(("model", "test AUROC"), rows))
    return "\n\n".join(parts)


def _score_name(searches: list[dict[str, Any]]) -> str:
    """The objective, where all have the same."""
    from ambergen.metrics.objectives import scale

    names = {s["objective"] for s in searches}
    return scale(str(names.pop())).label if len(names) == 1 and None not in names else "score"


def _area(search: dict[str, Any], front: dict[str, Any]) -> tuple[object, ...]:
    """A row of the table of fronts; the reference point is fixed."""
    size, reference = front["size"], front["reference"]
    cells = score(front["hypervolume"]), score(reference["score"]), f"{reference[size]:.0e}"
    return search["search"], size.replace("_", "-"), len(front["networks"]), *cells


def _row(search: dict[str, Any]) -> tuple[object, ...]:
    best, left = search["best"], search["seconds_left"]
    return (
        search["search"],
        search["method"] or "-",
        search["budget"] or "-",
        f"{search['epochs']:.1f}" if search["epochs"] else "-",
        search["trials"],
        search["failed"],
        best["id"] if best else "-",
        score(best["score"] if best else None),
        duration(search["device_seconds"]),
        "done" if search["winner"] else "-" if left is None else duration(left),
    )
