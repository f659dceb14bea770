"""Figures of models: how good they are, track by track, what they cost; data in, one inline ``<svg>`` element out."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from ambergen.report.canvas import (
    COLOURS,
    DASHES,
    MUTED,
    STYLE,
    WIDTH,
    duration_locator,
    duration_tick,
    legend_above,
    new_figure,
    to_svg,
)
from ambergen.report.drawing import INK
from ambergen.report.evidence import Record
from ambergen.report.sentences import METRICS, duration_text, known
from ambergen.report.tables import GROUPS, TrackTable, auroc_interval, ordered_models

MARKERS = {"searched": "o", "ensemble": "P", "sampled": "o", "matched": "v", "expert": "s", "kmer": "D", "rival": "h"}
# More rows than this would make a figure that nobody scrolls through.
MOST_NAMED_TRACKS = 60
MOST_NAMED_MODELS = 12
# Thin lines in one figure: more weigh much and show nothing.
MOST_THIN_LINES = 100


# ---- models


def models_figure(summary: Record, metric: str) -> str:
    """Mean score of every model with its interval; sampled models share one row when there are many."""
    models = [m for m in ordered_models(summary) if known((m.get(metric) or {}).get("mean"))]
    sampled = [m for m in models if m["group"] == "sampled"]
    together = len(sampled) > MOST_NAMED_MODELS
    rows: list[tuple[str, str, list[Record]]] = []
    for model in models:
        if together and model["group"] == "sampled":
            if model is sampled[0]:
                rows.append((f"sampled, all {len(sampled)}", "sampled", [m[metric] for m in sampled]))
        else:
            rows.append((str(model["model"]), str(model["group"]), [model[metric]]))
    with matplotlib.rc_context(STYLE):
        figure, axes = new_figure(0.24 * len(rows) + 0.75)
        axes.grid(axis="y", visible=False)
        for y, (_, group, scores) in enumerate(rows):
            colour = COLOURS.get(group, INK)
            if len(scores) == 1:
                low, high = scores[0].get("low"), scores[0].get("high")
                if known(low) and known(high):
                    axes.hlines(y, low, high, color=colour, linewidth=1.6)
                axes.plot(scores[0]["mean"], y, MARKERS.get(group, "o"), color=colour, markersize=6)
            else:
                means = np.array([s["mean"] for s in scores])
                offsets = np.resize([-0.18, 0.0, 0.18], len(means))
                axes.plot(means, y + offsets, "o", color=colour, markersize=3.6, alpha=0.75, markeredgewidth=0)
                axes.plot(means.mean(), y, "|", color=INK, markersize=15, markeredgewidth=1.6)
        searched = [m[metric]["mean"] for m in models if m["group"] == "searched"]
        if searched:
            axes.axvline(
                float(np.mean(searched)), color=COLOURS["searched"], linewidth=0.9, linestyle=(0, (4, 3)), zorder=0.5
            )
        axes.set_yticks(range(len(rows)), [name for name, _, _ in rows])
        for label, (_, group, _) in zip(axes.get_yticklabels(), rows, strict=True):
            if group == "searched":
                label.set_fontweight("bold")
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.set_xlabel(f"mean {METRICS[metric]} over tracks")
        return to_svg(figure, f"Mean {METRICS[metric]} of every model with its interval")


def best_of_n_figure(record: Record) -> str:
    """Expected best of n sampled networks against what they cost, beside the search."""
    n, expected = np.array(record["n"]), np.array(record["expected"], float)
    cost = np.array(record["cost"], float) if record.get("cost") else n.astype(float)
    name = METRICS.get(record.get("metric", "auroc"), "score")
    with matplotlib.rc_context(STYLE):
        figure, axes = new_figure(3.1)
        colour = COLOURS["sampled"]
        if record.get("sd"):
            sd = np.array(record["sd"], float)
            axes.fill_between(cost, expected - sd, expected + sd, color=colour, alpha=0.15, linewidth=0)
        axes.plot(cost, expected, "o-", color=colour, markersize=4.5, label="best of n sampled, expected")
        ends = sorted({0, len(n) - 1})
        for k in ends:
            axes.annotate(
                f"n = {n[k]}",
                (cost[k], expected[k]),
                (0, -13),
                textcoords="offset points",
                ha="center",
                color=MUTED,
                fontsize=8,
            )
        searched, price = record.get("searched"), record.get("search_cost")
        if known(searched):
            axes.axhline(searched, color=COLOURS["searched"], linewidth=1, linestyle=(0, (4, 3)), zorder=1)
            if not known(price):
                axes.annotate(
                    "searched", (cost[0], searched), (0, 4), textcoords="offset points", color=COLOURS["searched"]
                )
        if known(price):
            axes.axvline(price, color=MUTED, linewidth=0.9, linestyle=":")
            if known(searched):
                axes.plot(
                    price,
                    searched,
                    MARKERS["searched"],
                    color=COLOURS["searched"],
                    markersize=8,
                    label="searched model",
                )
            if record.get("falls_short") and len(cost):
                axes.axvspan(cost[-1], price, color="#f0f2f4", linewidth=0, zorder=0)
        high = max([cost[-1], *([] if not known(price) else [price])])
        axes.set_xlim(0, high * 1.08)
        axes.margins(y=0.15)
        axes.xaxis.set_major_formatter(
            FuncFormatter(lambda v, _: duration_tick(v) if record.get("cost") else f"{v:.0f}")
        )
        axes.xaxis.set_major_locator(duration_locator(high) if record.get("cost") else MaxNLocator(integer=True))
        axes.set_xlabel(
            "cost in device time, search and training together" if record.get("cost") else "sampled networks"
        )
        axes.set_ylabel(f"mean {name}")
        legend_above(figure, axes)
        return to_svg(figure, "Expected best of n sampled networks against their cost, with the searched model")


# ---- tracks


def tracks_figure(table: TrackTable) -> str:
    """AUROC of every model on every track: a row a track where they are few, sorted lines where they are many."""
    used = table.counts["used"].to_numpy(bool)
    if len(table.counts) > MOST_NAMED_TRACKS:
        return _track_lines(table, used)
    return _track_dots(table, used)


def _track_dots(table: TrackTable, used: np.ndarray) -> str:
    auroc, counts = table.auroc[used], table.counts[used]
    rows = np.arange(len(auroc))
    with matplotlib.rc_context(STYLE):
        figure, axes = new_figure(0.2 * len(auroc) + 1.0)
        axes.grid(axis="y", visible=False)
        if len(table.low):
            axes.hlines(rows, table.low[used], table.high[used], color="#cfd5db", linewidth=5, label="range of sampled")
        experts = [column for column, group in table.groups.items() if group == "expert"]
        for column, group in reversed(table.groups.items()):
            if group == "ensemble":
                continue
            marker = "s^v<>"[experts.index(column) % 5] if group == "expert" else MARKERS.get(group, "o")
            values = auroc[column].to_numpy()
            colour = COLOURS.get(group, INK)
            if column == table.own:
                low, high = auroc_interval(values, counts["positives"].to_numpy(), counts["negatives"].to_numpy())
                axes.hlines(rows, low, high, color=colour, linewidth=1.3)
            axes.plot(
                values, rows, marker, color=colour, markersize=5.4 if column == table.own else 3.8,
                label=column, markerfacecolor=colour if column == table.own or group == "sampled" else "white",
            )  # fmt: skip
        axes.axvline(0.5, color=INK, linewidth=0.8)
        axes.set_yticks(rows, [_short(str(track)) for track in auroc.index])
        axes.set_ylim(len(auroc) - 0.4, -0.6)
        axes.set_xlim(right=1.005)
        axes.tick_params(axis="y", length=0)
        axes.set_xlabel("AUROC (0.5, the dark line, is chance)")
        legend_above(figure, axes)
        return to_svg(figure, "AUROC of every model on every track")


def _track_lines(table: TrackTable, used: np.ndarray) -> str:
    auroc = table.auroc[used]
    own = table.own
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 3.2), layout="constrained")
        axes, histogram = figure.subplots(1, 2, width_ratios=(1.35, 1))
        repeats: dict[str, int] = {}
        for column, group in table.groups.items():
            if group == "ensemble":
                continue
            dash = DASHES[repeats.get(group, 0) % 4]
            repeats[group] = repeats.get(group, 0) + 1
            values = np.sort(auroc[column].dropna().to_numpy())[::-1]
            axes.plot(
                np.arange(1, len(values) + 1), values, color=COLOURS.get(group, INK), linestyle=dash,
                linewidth=2 if column == own else 1.2, label=_short(column, 24),
            )  # fmt: skip
        axes.axhline(0.5, color=INK, linewidth=0.8)
        axes.set_xlim(1, len(auroc))
        axes.set_xlabel("tracks, every line sorted by itself")
        axes.set_ylabel("AUROC")
        axes.legend(loc="lower left")
        others = ("sampled", "kmer", "expert", "rival")
        rivals = {g: [c for c, group in table.groups.items() if group == g] for g in others}
        rival = next((columns[0] for columns in rivals.values() if columns), None)
        if rival is not None and own is not None:
            difference = (auroc[own] - auroc[rival]).dropna().to_numpy()
            histogram.hist(difference, bins=40, color=COLOURS.get(table.groups[own], INK), alpha=0.85)
            histogram.axvline(0, color=INK, linewidth=0.8)
            histogram.set_title(f"higher on {np.mean(difference > 0):.0%} of tracks", fontweight="normal")
            histogram.set_xlabel(f"AUROC: searched minus {rival}")
            histogram.set_ylabel("tracks")
        return to_svg(figure, "AUROC over sorted tracks for every model, and differences by track")


def curves_figure(curves: Record) -> str:
    """ROC and precision-recall curves: thin lines for tracks, a thick one for their mean."""
    tracks = list(curves["tracks"].values())
    # denser near 0, where ROC curves rise
    grid = np.linspace(0, 1, 61) ** 2
    thin = {"color": COLOURS["searched"], "linewidth": 0.6, "alpha": float(np.clip(12 / len(tracks), 0.12, 0.45))}
    thick = {"color": "#8a3a00", "linewidth": 2.2, "label": "mean over tracks"}
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 3.3), layout="constrained")
        roc, precision = figure.subplots(1, 2)
        for axes, x, y in ((roc, "fpr", "tpr"), (precision, "recall", "precision")):
            lines = np.array([np.interp(grid, *_rising(track[x], track[y])) for track in tracks])
            for line in lines[:: -(-len(lines) // MOST_THIN_LINES)]:
                axes.plot(grid, line, **thin)
            axes.plot(grid, lines.mean(0), **thick)
        roc.plot([0, 1], [0, 1], color=MUTED, linewidth=0.9, linestyle=":")
        roc.annotate("chance", (0.62, 0.55), color=MUTED, rotation=45, fontsize=8)
        roc.set(xlabel="false positive rate", ylabel="true positive rate", title="ROC")
        precision.set(xlabel="recall", ylabel="precision", title="Precision–recall")
        for axes in (roc, precision):
            axes.set(xlim=(0, 1), ylim=(0, 1.01), aspect="equal")
        precision.legend(loc="upper right")
        return to_svg(figure, "ROC and precision-recall curves of the searched model on every track")


def _rising(x: Sequence[float], y: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    """Points in ascending order of x, as interpolation wants them."""
    order = np.argsort(x, kind="stable")
    return np.asarray(x, float)[order], np.asarray(y, float)[order]


# ---- training and cost


def training_figure(histories: dict[tuple[str, str], list[Record]], groups: dict[str, str]) -> str:
    """Selection score by epoch of every final training.

    Parameters
    ----------
    histories
        As `Evidence` holds them.
    groups
        Architecture -> group.
    """
    with matplotlib.rc_context(STYLE):
        figure, axes = new_figure(2.7)
        named: set[str] = set()
        order = sorted(histories.items(), key=lambda item: groups.get(item[0][0]) == "searched")
        for (architecture, _), epochs in order:
            group = groups.get(architecture, "sampled")
            points = [(e["epoch"], e["auroc"]) for e in epochs if known(e.get("auroc"))]
            if not points:
                continue
            x, y = zip(*points, strict=True)
            own = group == "searched"
            label = None if group in named else GROUPS.get(group, group)
            named.add(group)
            axes.plot(
                x,
                y,
                color=COLOURS.get(group, INK),
                linewidth=1.5 if own else 0.9,
                alpha=1 if own else 0.65,
                label=label,
            )
            best = int(np.argmax(y))
            axes.plot(x[best], y[best], MARKERS.get(group, "o"), color=COLOURS.get(group, INK), markersize=4)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set(xlabel="epoch", ylabel="mean AUROC, selection split")
        axes.legend(loc="lower right")
        return to_svg(figure, "Score on the selection split by epoch of every final training")


def cost_figure(stages: Sequence[tuple[str, float]]) -> str:
    """Device time by stage."""
    total = sum(seconds for _, seconds in stages)
    with matplotlib.rc_context(STYLE):
        figure, axes = new_figure(0.3 * len(stages) + 0.7)
        for y, (label, seconds) in enumerate(stages):
            own = label.startswith("search") or label.endswith("searched")
            axes.barh(y, seconds, height=0.62, color=COLOURS["searched"] if own else "#b9c2cb")
            axes.annotate(
                f"{duration_text(seconds)} ({seconds / total:.0%})", (seconds, y), (5, 0), textcoords="offset points",
                va="center", fontsize=8,
            )  # fmt: skip
        longest = max(seconds for _, seconds in stages)
        axes.set_xlim(0, longest * 1.28)
        axes.set_yticks(range(len(stages)), [label for label, _ in stages])
        axes.set_ylim(len(stages) - 0.4, -0.6)
        axes.grid(axis="y", visible=False)
        axes.tick_params(axis="y", length=0)
        axes.xaxis.set_major_locator(duration_locator(longest * 1.28, 5))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda v, _: duration_tick(v)))
        axes.set_xlabel("device time")
        return to_svg(figure, "Device time by stage")


def _short(text: str, most: int = 30) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
