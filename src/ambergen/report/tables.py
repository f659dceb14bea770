"""Tables of a comparison: for the page, for the terminal, and as JSON."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ambergen.report.evidence import Evidence, Record, SearchLog, read_summary
from ambergen.report.sentences import count_text, duration_text, interval_text, known, score_text, split_sentence

GROUPS = {
    "searched": "searched",
    "ensemble": "ensemble",
    "sampled": "sampled (AMBER-Base)",
    "matched": "sampled, with about as many parameters",
    "expert": "expert network",
    "kmer": "k-mer regression",
    "rival": "rival, trained by its own recipe",
}


def ordered_models(summary: Record) -> list[Record]:
    """Models by group in the order of `GROUPS`, the best mean AUROC first within a group."""
    rank = {group: k for k, group in enumerate(GROUPS)}

    def key(model: Record) -> tuple[int, float]:
        mean = (model.get("auroc") or {}).get("mean")
        return rank.get(model.get("group", ""), len(rank)), math.inf if not known(mean) else -mean

    return sorted(summary.get("models", []), key=key)


def comparison_table(run_dir: Path) -> str:
    """The comparison of a run directory as aligned text.

    Raises
    ------
    InputError
        If nothing has been compared in this directory.
    """
    summary = read_summary(run_dir)
    header = ("model", "AUROC", "interval", "average precision", "interval", "parameters", "multiply-adds", "training")
    rows: list[tuple[str, ...]] = [header]
    for record in _with_group_means(summary):
        auroc, precision = record.get("auroc") or {}, record.get("average_precision") or {}
        rows.append(
            (
                str(record["model"]),
                score_text(auroc.get("mean")),
                interval_text(auroc.get("low"), auroc.get("high")),
                score_text(precision.get("mean")),
                interval_text(precision.get("low"), precision.get("high")),
                count_text(record.get("parameters")),
                count_text(record.get("multiply_adds")),
                duration_text(record.get("device_seconds")),
            )
        )
    lines = [split_sentence(summary), "", *_aligned(rows)]
    for sentence in summary.get("sentences", []):
        lines += ["", sentence]
    return "\n".join(lines) + "\n"


def comparison_json(run_dir: Path) -> str:
    """The comparison of a run directory as JSON, without the points of the curves."""
    summary = read_summary(run_dir)
    return json.dumps({key: value for key, value in summary.items() if key != "curves"}, indent=2, ensure_ascii=False)


def _with_group_means(summary: Record) -> list[Record]:
    """Models, with a row for the mean of every group of several architectures after its last member."""
    means = {g["group"]: g for g in summary.get("groups", []) if g.get("n_architectures", 1) > 1}
    models = ordered_models(summary)
    rows = []
    for k, model in enumerate(models):
        rows.append(model)
        group = model.get("group")
        if group in means and (k + 1 == len(models) or models[k + 1].get("group") != group):
            mean = means[group]
            rows.append({**mean, "model": f"{group}, mean of {mean['n_architectures']}", "is_mean": True})
    return rows


def _aligned(rows: list[tuple[str, ...]]) -> list[str]:
    """First column to the left, the others to the right, a rule under the header."""
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    lines = [
        "  ".join(
            cell.ljust(w) if k == 0 else cell.rjust(w) for k, (cell, w) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return [line.rstrip() for line in lines]


# ---- the model table of the page


@dataclass(frozen=True)
class ModelRow:
    """One row of the model table, ready to be shown."""

    name: str
    group: str
    is_mean: bool
    auroc: str
    auroc_interval: str
    precision: str
    precision_interval: str
    seeds: str
    parameters: str
    multiply_adds: str
    cost: str
    note: str


def model_rows(summary: Record) -> list[ModelRow]:
    """Rows of the model table, group means included."""
    rows = []
    for record in _with_group_means(summary):
        auroc, precision = record.get("auroc") or {}, record.get("average_precision") or {}
        seeds = record.get("seeds") or []
        spread = auroc.get("seed_sd")
        rows.append(
            ModelRow(
                name=str(record["model"]),
                group=str(record.get("group", "")),
                is_mean=bool(record.get("is_mean")),
                auroc=score_text(auroc.get("mean")),
                auroc_interval=interval_text(auroc.get("low"), auroc.get("high")),
                precision=score_text(precision.get("mean")),
                precision_interval=interval_text(precision.get("low"), precision.get("high")),
                seeds=f"{len(seeds)}" + ("" if not known(spread) else f" (s.d. {spread:.3f})") if seeds else "",
                parameters="" if record.get("is_mean") else count_text(record.get("parameters")),
                multiply_adds="" if record.get("is_mean") else count_text(record.get("multiply_adds")),
                cost="" if record.get("is_mean") else duration_text(record.get("device_seconds")),
                note=str(record.get("note") or ""),
            )
        )
    return rows


# ---- tracks


@dataclass(frozen=True)
class TrackTable:
    """Scores by track.

    counts : indexed by track: positives, negatives, used
    auroc, average_precision : tracks x columns; one column a shown model, the searched and sampled ones averaged over
        architectures and seeds
    groups : group of every column
    low, high : AUROC of the sampled architectures, the worst and the best of them by track; empty without any
    """

    counts: pd.DataFrame
    auroc: pd.DataFrame
    average_precision: pd.DataFrame
    groups: dict[str, str]
    low: pd.Series
    high: pd.Series

    @property
    def own(self) -> str | None:
        """The column that the page is about: the searched models where there are any."""
        wanted = [c for c, g in self.groups.items() if g == "searched"]
        return (wanted or list(self.groups) or [None])[0]  # type: ignore[list-item]


def track_table(scores: pd.DataFrame, minimum: int) -> TrackTable:
    """Scores of all models by track, best of the searched model first.

    Parameters
    ----------
    scores
        compare.parquet.
    minimum
        Positives and negatives that a track needs to be used.
    """
    counts = scores.groupby("track", sort=False)[["positives", "negatives"]].first()
    counts["used"] = (counts["positives"] >= minimum) & (counts["negatives"] >= minimum)
    merged = {"searched": "searched (mean)", "sampled": "sampled (mean)", "matched": "matched (mean)"}
    architectures = scores.groupby("group")["architecture"].nunique().to_dict()
    order = {group: k for k, group in enumerate(GROUPS)}
    models: list[tuple[str, str]] = list(
        scores[["model", "group"]].drop_duplicates().itertuples(index=False, name=None)
    )
    label = {m: merged[g] if g in merged and architectures[g] > 1 else m for m, g in models}
    columns = {label[m]: g for m, g in sorted(models, key=lambda pair: order.get(pair[1], len(order)))}
    long = scores.assign(column=scores["model"].map(label))
    # architectures weigh the same, however many seeds each has
    by_architecture = long.groupby(["column", "architecture", "track"])[["auroc", "average_precision"]].mean()
    by_column = by_architecture.groupby(["column", "track"]).mean()
    auroc = by_column["auroc"].unstack("column")[list(columns)]
    precision = by_column["average_precision"].unstack("column")[list(columns)]
    own = next(iter(columns))
    ranking = (
        auroc[own].where(counts["used"].reindex(auroc.index)).sort_values(ascending=False, na_position="last").index
    )
    sampled = long[long["group"] == "sampled"].groupby(["architecture", "track"])["auroc"].mean()
    return TrackTable(
        counts=counts.loc[ranking],
        auroc=auroc.loc[ranking],
        average_precision=precision.loc[ranking],
        groups=columns,
        low=sampled.groupby("track").min().reindex(ranking) if len(sampled) else pd.Series(dtype=float),
        high=sampled.groupby("track").max().reindex(ranking) if len(sampled) else pd.Series(dtype=float),
    )


def hint_table(table: TrackTable) -> pd.DataFrame:
    """What `sentences.track_hints` looks at."""
    own = table.own
    rivals = [c for c, g in table.groups.items() if g not in ("searched", "ensemble") and c != own]
    rival = table.auroc[rivals].max(axis=1) if rivals else pd.Series(np.nan, index=table.auroc.index)
    return table.counts.assign(searched=table.auroc[own], rival=rival)


def auroc_interval(
    auroc: np.ndarray, positives: np.ndarray, negatives: np.ndarray, z: float = 1.96
) -> tuple[np.ndarray, np.ndarray]:
    """Interval of an AUROC from the number of its windows.

    Parameters
    ----------
    auroc, positives, negatives : (n,)

    Returns
    -------
    low, high : (n,), within 0 and 1

    Notes
    -----
    The standard error is that of Hanley and McNeil, carried over to the logit so that the interval stays within 0 and
    1. It takes windows as independent; neighbours are not quite, so that true intervals are a little wider.

    References
    ----------
    Hanley and McNeil, Radiology 143, 29-36 (1982).
    """
    a = np.clip(np.asarray(auroc, float), 1e-3, 1 - 1e-3)
    p, n = np.maximum(positives, 1), np.maximum(negatives, 1)
    q1, q2 = a / (2 - a), 2 * a * a / (1 + a)
    error = np.sqrt((a * (1 - a) + (p - 1) * (q1 - a * a) + (n - 1) * (q2 - a * a)) / (p * n))
    logit, width = np.log(a / (1 - a)), z * error / (a * (1 - a))
    return 1 / (1 + np.exp(width - logit)), 1 / (1 + np.exp(-width - logit))


# ---- the audit

AUDITED = {
    "shared_weights": "shared weights",
    "parameters": "number of parameters",
    "multiply_adds": "multiply-adds",
    "synflow": "SynFlow",
    "naswot": "NASWOT",
    "jacob_cov": "Jacobian covariance",
    "zico": "ZiCo",
}


@dataclass(frozen=True)
class AuditRow:
    """One row of the audit's table, ready to be shown."""

    name: str
    is_shared: bool
    tau: str
    tau_interval: str
    partial: str
    partial_interval: str
    p: str
    precision: str
    precision_interval: str
    regret: str


def audit_rows(audit: Record) -> list[AuditRow]:
    """Rows of the audit's table: shared weights first, then scores of untrained networks, the best tau first."""

    def order(found: Record) -> tuple[bool, float]:
        tau = found["tau"]["estimate"]
        return found["score"] != "shared_weights", math.inf if not known(tau) else -tau

    def signed(interval: Record) -> str:
        if not known(interval["low"]) or not known(interval["high"]):
            return ""
        return f"{interval['low']:+.2f} to {interval['high']:+.2f}".replace("-", "−")

    def value(number: float | None) -> str:
        return "–" if not known(number) else f"{number:+.2f}".replace("-", "−")

    return [
        AuditRow(
            name=AUDITED.get(found["score"], str(found["score"])),
            is_shared=found["score"] == "shared_weights",
            tau=value(found["tau"]["estimate"]),
            tau_interval=signed(found["tau"]),
            partial=value(found["partial_tau"]["estimate"]),
            partial_interval=signed(found["partial_tau"]),
            p="–" if not known(found["p"]) else f"{found['p']:.3f}" if found["p"] >= 0.001 else f"{found['p']:.0e}",
            precision="–" if not known(found["precision"]["estimate"]) else f"{found['precision']['estimate']:.0%}",
            precision_interval=""
            if not known(found["precision"]["low"])
            else f"{found['precision']['low']:.0%}–{found['precision']['high']:.0%}",
            regret=score_text(found["regret"]["estimate"]),
        )
        for found in sorted(audit["agreements"], key=order)
    ]


# ---- costs


def cost_stages(evidence: Evidence) -> list[tuple[str, float]]:
    """Device seconds by stage, in the order of the work; stages without a cost are left out.

    The cost of `search_finished` is that of the whole search, and that of a step of everything up to it: trials and
    finalists are taken out of it, and the rest is the training of shared weights and the rating of finalists.
    """
    scoring = sum(_seconds(t) for log in evidence.searches for t in log.trials)
    finalists = sum(_seconds(f) for log in evidence.searches for f in log.finalists)
    sharing = sum(_shared_seconds(log) for log in evidence.searches)
    shared = any(t.get("evaluator") == "shared" for log in evidence.searches for t in log.trials)
    stages = [
        ("search: training of shared weights", sharing),
        ("search: scoring of candidates" if shared else "search: training of candidates", scoring),
        ("search: finalists", finalists),
    ]
    labels = {"searched": "final training of the searched", "sampled": "training of sampled networks",
              "matched": "training of matched networks",
              "expert": "training of expert networks", "kmer": "k-mer regression",
              "rival": "training of other rivals"}  # fmt: skip
    for group, label in labels.items():
        members = [m for m in evidence.summary.get("models", []) if m.get("group") == group]
        stages.append((label, sum((m.get("device_seconds") or 0) * max(len(m.get("seeds") or []), 1) for m in members)))
    stages.append(("ranking audit", _seconds(evidence.audit)))
    return [(label, seconds) for label, seconds in stages if seconds > 1e-6]  # the rest of a subtraction is no stage


def _shared_seconds(log: SearchLog) -> float:
    if log.finished:
        return _seconds(log.finished) - sum(_seconds(e) for e in [*log.trials, *log.finalists])
    if not log.steps:
        return 0.0
    last = log.steps[-1]
    return _seconds(last) - sum(_seconds(t) for t in log.trials if t["step"] <= last["step"])


def _seconds(event: Record) -> float:
    return float((event.get("cost") or {}).get("device_seconds") or 0)


# ---- provenance


def flat(record: Any, prefix: str = "") -> list[tuple[str, str]]:
    """Nested values as (dotted name, text) pairs."""
    if isinstance(record, dict):
        return [
            pair for key, value in record.items() for pair in flat(value, f"{prefix}.{key}" if prefix else str(key))
        ]
    if isinstance(record, list):
        plain = [v for v in record if not isinstance(v, dict | list)]
        if len(plain) == len(record):
            return [(prefix, ", ".join(map(str, plain)) or "none")]
        return [pair for k, value in enumerate(record) for pair in flat(value, f"{prefix}.{k}")]
    return [(prefix, "none" if record is None else str(record))]
