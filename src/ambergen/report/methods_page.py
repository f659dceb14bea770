"""The page of a comparison of search methods, from its ``methods.json``."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from markupsafe import Markup

from ambergen.atomic import write_text
from ambergen.errors import InputError, StoreError
from ambergen.metrics.objectives import scale
from ambergen.report.evidence import Record
from ambergen.report.method_figures import METHOD_COLOURS, anytime_figure, winners_figure
from ambergen.report.sentences import count_text, duration_text, interval_text, known, score_text
from ambergen.report.tables import flat

SUMMARY, PAGE = "methods.json", "methods.html"


def read_methods(run_dir: Path) -> Record:
    """What a comparison of methods found.

    Raises
    ------
    InputError
        If there is none in this directory.
    StoreError
        If it is damaged.
    """
    path = run_dir / SUMMARY
    if not path.exists():
        raise InputError(f"{run_dir}: no methods have been compared here. `ambergen compare-methods RUN.yaml` does it.")
    try:
        summary = json.loads(path.read_text(encoding="utf-8"))
        summary["methods"], summary["searches"], summary["curves"]
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(
            f"{path}: not the summary of a comparison of methods ({type(error).__name__}). Remove it and compare "
            "again; the searches are kept."
        ) from error
    return summary


def write_methods_page(run_dir: Path) -> Path:
    """Write ``methods.html``; it is replaced at once or not at all."""
    summary = read_methods(run_dir)
    loader = jinja2.FileSystemLoader(Path(__file__).parent)
    environment = jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined)
    page = environment.get_template("methods.html.j2").render(name=run_dir.resolve().name, **_context(summary))
    path = run_dir / PAGE
    write_text(path, page)
    return path


def _context(summary: Record) -> dict[str, Any]:
    metric = summary["objective"]
    return {
        "budget": duration_text(summary["budget"]["device_seconds"]),
        "seeds": summary["seeds"],
        "metric": f"mean {scale(metric).label}",
        "sentences": summary["sentences"],
        "rows": [_row(m) for m in summary["methods"]],
        "tests": [_test(t) for t in summary["tests"]],
        "searches": [_search(s, metric) for s in summary["searches"]],
        "winners": Markup(winners_figure(summary)),
        "anytime": Markup(anytime_figure(summary)),
        "provenance": flat({k: v for k, v in summary.get("provenance", {}).items() if k != "command"}),
        "command": shlex.join(map(str, summary.get("provenance", {}).get("command", []))),
    }


def _row(method: Record) -> dict[str, str]:
    test, cost = method["test"], method["device_seconds"]
    return {
        "method": method["method"],
        "colour": METHOD_COLOURS.get(method["method"], "#8b949e"),
        "test": score_text(test["mean"]),
        "interval": interval_text(test["low"], test["high"]),
        "sd": score_text(test["sd"]),
        "selection": score_text(method["selection"]["mean"]),
        "trials": f"{method['trials']:,.0f}",
        "cost": duration_text(cost["mean"]),
        "parameters": count_text(method["parameters"]),
    }


def _test(test: Record) -> dict[str, str]:
    p = test["p_adjusted"]
    interval = f"{test['low']:+.3f} to {test['high']:+.3f}" if known(test["low"]) and known(test["high"]) else ""
    return {
        "method": f"{test['method']} – random",
        "difference": f"{test['difference']:+.3f}".replace("-", "−"),
        "interval": interval.replace("-", "−"),
        "n": f"{test['n']} and {test['n_random']}",
        "superiority": f"{test['superiority']:.2f}",
        "p": "none: one search is one sample" if not known(p) else f"{p:.2g}",
    }


def _search(search: Record, metric: str) -> dict[str, Any]:
    return {
        **{key: search[key] for key in ("method", "seed", "architecture", "trials", "failed")},
        "test": score_text(float(np.mean(search["test"][metric]))),
        "selection": score_text(search["finalist_selection"]),
        "cost": duration_text(search["device_seconds"]),
        "parameters": count_text(search["parameters"]),
    }
