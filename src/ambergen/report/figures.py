"""Figures of the report: data in, one inline ``<svg>`` element out. Matplotlib's objects, never pyplot's state.

Text stays text, so that the page's own font is used, words can be searched and the file stays small.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from html import escape
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.colors import LinearSegmentedColormap, LogNorm, TwoSlopeNorm
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator

from ambergen.report.drawing import INK, operation_colour, operation_label
from ambergen.report.evidence import Record, SearchLog, last_ratings
from ambergen.report.sentences import METRICS, count_text, duration_text, known
from ambergen.report.tables import GROUPS, TrackTable, auroc_interval, ordered_models
from ambergen.strategies.dominance import pareto_front

# Okabe and Ito's colours; groups differ in shape as well, so that grey prints and colour-blind eyes tell them apart.
COLOURS = {
    "searched": "#D55E00",
    "ensemble": "#882255",
    "sampled": "#6c7a89",
    "matched": "#9aa5b1",
    "expert": "#0072B2",
    "kmer": "#009E73",
}
MARKERS = {"searched": "o", "ensemble": "P", "sampled": "o", "matched": "v", "expert": "s", "kmer": "D"}
_LINES = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9")
_DASHES: tuple[Any, ...] = ("-", (0, (4, 1.5)), (0, (1, 1)), (0, (6, 1, 1, 1)))
GRID, MUTED = "#e3e7eb", "#59636e"
WIDTH = 6.6
# More rows than this would make a figure that nobody scrolls through.
MOST_NAMED_TRACKS = 60
MOST_NAMED_MODELS = 12
# Points of a line, and thin lines in one figure: more weigh much and show nothing.
MOST_STEPS = 80
MOST_THIN_LINES = 100

_STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "ambergen",
    "font.size": 8.5,
    "axes.titlesize": 9,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.edgecolor": "#8b949e",
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "lines.linewidth": 1.4,
    "text.parse_math": False,  # a dollar in the name of a track is a dollar
}


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
    with matplotlib.rc_context(_STYLE):
        figure, axes = _figure(0.24 * len(rows) + 0.75)
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
        return _svg(figure, f"Mean {METRICS[metric]} of every model with its interval")


def best_of_n_figure(record: Record) -> str:
    """Expected best of n sampled networks against what they cost, beside the search."""
    n, expected = np.array(record["n"]), np.array(record["expected"], float)
    cost = np.array(record["cost"], float) if record.get("cost") else n.astype(float)
    name = METRICS.get(record.get("metric", "auroc"), "score")
    with matplotlib.rc_context(_STYLE):
        figure, axes = _figure(3.1)
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
        axes.xaxis.set_major_formatter(FuncFormatter(lambda v, _: _tick(v) if record.get("cost") else f"{v:.0f}"))
        axes.xaxis.set_major_locator(_duration_locator(high) if record.get("cost") else MaxNLocator(integer=True))
        axes.set_xlabel(
            "cost in device time, search and training together" if record.get("cost") else "sampled networks"
        )
        axes.set_ylabel(f"mean {name}")
        _legend_above(figure, axes)
        return _svg(figure, "Expected best of n sampled networks against their cost, with the searched model")


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
    with matplotlib.rc_context(_STYLE):
        figure, axes = _figure(0.2 * len(auroc) + 1.0)
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
        _legend_above(figure, axes)
        return _svg(figure, "AUROC of every model on every track")


def _track_lines(table: TrackTable, used: np.ndarray) -> str:
    auroc = table.auroc[used]
    own = table.own
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(WIDTH, 3.2), layout="constrained")
        axes, histogram = figure.subplots(1, 2, width_ratios=(1.35, 1))
        repeats: dict[str, int] = {}
        for column, group in table.groups.items():
            if group == "ensemble":
                continue
            dash = _DASHES[repeats.get(group, 0) % 4]
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
        rivals = {g: [c for c, group in table.groups.items() if group == g] for g in ("sampled", "kmer", "expert")}
        rival = next((columns[0] for columns in rivals.values() if columns), None)
        if rival is not None and own is not None:
            difference = (auroc[own] - auroc[rival]).dropna().to_numpy()
            histogram.hist(difference, bins=40, color=COLOURS.get(table.groups[own], INK), alpha=0.85)
            histogram.axvline(0, color=INK, linewidth=0.8)
            histogram.set_title(f"higher on {np.mean(difference > 0):.0%} of tracks", fontweight="normal")
            histogram.set_xlabel(f"AUROC: searched minus {rival}")
            histogram.set_ylabel("tracks")
        return _svg(figure, "AUROC over sorted tracks for every model, and differences by track")


def curves_figure(curves: Record) -> str:
    """ROC and precision-recall curves: thin lines for tracks, a thick one for their mean."""
    tracks = list(curves["tracks"].values())
    # denser near 0, where ROC curves rise
    grid = np.linspace(0, 1, 61) ** 2
    thin = {"color": COLOURS["searched"], "linewidth": 0.6, "alpha": float(np.clip(12 / len(tracks), 0.12, 0.45))}
    thick = {"color": "#8a3a00", "linewidth": 2.2, "label": "mean over tracks"}
    with matplotlib.rc_context(_STYLE):
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
        return _svg(figure, "ROC and precision-recall curves of the searched model on every track")


def _rising(x: Sequence[float], y: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    """Points in ascending order of x, as interpolation wants them."""
    order = np.argsort(x, kind="stable")
    return np.asarray(x, float)[order], np.asarray(y, float)[order]


# ---- the search


def rewards_figure(searches: Sequence[SearchLog]) -> str:
    """Reward of every trial over the steps, with the mean of recent trials and the best so far."""
    shown = [s for s in searches if any(known(t.get("score")) for t in s.trials)]
    with matplotlib.rc_context(_STYLE):
        figure = Figure(
            figsize=(WIDTH, 2.9 if len(shown) == 1 else 1.75 * ((len(shown) + 1) // 2) + 0.5), layout="constrained"
        )
        columns = 1 if len(shown) == 1 else 2
        grid = figure.subplots((len(shown) + columns - 1) // columns, columns, squeeze=False, sharex=True, sharey=True)
        for axes, log in zip(grid.flat, shown, strict=False):
            trials = [t for t in log.trials if known(t.get("score"))]
            at = _spread_over_steps(np.array([t.get("step", t["trial"]) for t in trials], float))
            score = np.array([t["score"] for t in trials], float)
            # thousands of vector points would outweigh the page; as pixels they weigh the same however many
            axes.plot(
                at, score, ".", color=COLOURS["sampled"], markersize=4, alpha=0.45, markeredgewidth=0,
                rasterized=len(at) > 400,
            )  # fmt: skip
            axes.plot([], [], ".", color=COLOURS["sampled"], label="one candidate")
            axes.plot(
                at,
                _running_mean(score, max(10, len(score) // 25)),
                color=COLOURS["expert"],
                label="mean of recent candidates",
            )
            axes.plot(
                at, np.maximum.accumulate(score), color=COLOURS["searched"], drawstyle="steps-post", label="best so far"
            )
            if len(shown) > 1:
                axes.set_title(f"search {log.number + 1}")
        for axes in grid.flat[len(shown) :]:
            axes.set_visible(False)
        for axes in grid[:, 0]:
            axes.set_ylabel("reward")
        if len(shown) % columns:  # the axes above the empty place are the lowest of their column
            grid[-2, -1].tick_params(labelbottom=True)
        figure.supxlabel("step of the search", fontsize=8.5)
        grid[0, 0].legend(loc="lower right")
        return _svg(figure, "Reward of every candidate over the steps of the search")


def front_figure(log: SearchLog, size: str) -> str:
    """Score of every candidate against its size, with the front of those that none beats in both.

    Parameters
    ----------
    size : parameters or multiply_adds
    """
    trials = last_ratings(log)
    sizes, scores = np.array([t[size] for t in trials], float), np.array([t["score"] for t in trials], float)
    front = pareto_front(np.stack([scores, -sizes], axis=1))[::-1]
    chosen = [k for k, t in enumerate(trials) if t["id"] == log.finished.get("winner")]
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(WIDTH, 2.9), layout="constrained")
        axes = figure.subplots()
        axes.plot(
            sizes, scores, ".", color=COLOURS["sampled"], markersize=8 if len(sizes) < 100 else 4, alpha=0.6,
            markeredgewidth=0, rasterized=len(sizes) > 400, label="one candidate",
        )  # fmt: skip
        axes.plot(
            sizes[front], scores[front], "o-", color=COLOURS["expert"], markersize=4, drawstyle="steps-post",
            label="front: none is both smaller and better",
        )  # fmt: skip
        if chosen:
            axes.plot(sizes[chosen], scores[chosen], "*", color=COLOURS["searched"], markersize=12, label="winner")
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: count_text(value)))
        axes.xaxis.set_minor_formatter(FuncFormatter(lambda value, _: count_text(value)))
        axes.xaxis.set_minor_locator(LogLocator(subs=(2.0, 5.0)))
        axes.set_xlabel(_SIZES[size])
        axes.set_ylabel("reward")
        axes.legend(loc="lower right")
        return _svg(figure, f"Reward of every candidate against its {_SIZES[size]}")


_SIZES = {"parameters": "parameters", "multiply_adds": "multiply-adds a window"}


def policy_figure(searches: Sequence[SearchLog]) -> str:
    """Entropy of the policy and share of skip connections over the steps."""
    panels = (("entropy", "entropy of the policy (nats)"), ("skip_density", "share of skip connections"))
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(WIDTH, 2.1), layout="constrained")
        for axes, (key, label) in zip(figure.subplots(1, 2), panels, strict=True):
            for k, log in enumerate(searches):
                points = [(s["step"], s[key]) for s in log.steps if known(s.get(key))]
                if points:
                    axes.plot(
                        *zip(*points, strict=True),
                        color=_LINES[k % 5],
                        linestyle=_DASHES[k // 5 % 4],
                        label=f"search {log.number + 1}",
                    )
            axes.set(xlabel="step of the search", ylabel=label)
            if key == "skip_density":
                axes.set_ylim(0, 1)
                if len(searches) > 1:
                    axes.legend(ncols=2, fontsize=7)
        return _svg(figure, "Entropy of the policy and share of skip connections over the search")


def operations_figure(
    searches: Sequence[SearchLog], operations: Sequence[str], choices: Sequence[Sequence[str]] = ()
) -> str:
    """Probability of every operation over the steps, a panel a layer; mean and standard deviation over searches.

    choices : what each layer can be, where that is not the same for all
    """
    steps, stack = _probabilities(searches)
    n_layers, n_operations = stack.shape[2], stack.shape[3]
    columns = 3 if n_layers > 4 else 2
    rows = -(-n_layers // columns)
    mean, sd = stack.mean(0), stack.std(0)
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(WIDTH, 1.35 * rows + 0.65), layout="constrained")
        grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
        for layer, axes in enumerate(grid.flat):
            if layer >= n_layers:
                axes.set_visible(False)
                continue
            for k in range(n_operations):
                colour = operation_colour(operations[k], list(operations))
                # An operation that the layer cannot be has an empty line, for the legend.
                shown = not choices or operations[k] in choices[layer]
                if not shown:
                    axes.plot([], [], color=colour, linewidth=1.3, label=operation_label(operations[k]))
                    continue
                axes.plot(steps, mean[:, layer, k], color=colour, linewidth=1.3, label=operation_label(operations[k]))
                if len(stack) > 1:
                    low, high = mean[:, layer, k] - sd[:, layer, k], mean[:, layer, k] + sd[:, layer, k]
                    axes.fill_between(steps, low, high, color=colour, alpha=0.12, linewidth=0)
            axes.axhline(
                1 / (len(choices[layer]) if choices else n_operations), color=INK, linewidth=0.7, linestyle=":"
            )
            axes.set_title(f"layer {layer + 1}")
            if layer + columns >= n_layers:
                axes.tick_params(labelbottom=True)
                axes.set_xlabel("step")
        top = min(1.0, float(mean.max()) * 1.12)
        grid[0, 0].set_ylim(0, top)
        for axes in grid[:, 0]:
            axes.set_ylabel("probability")
        handles, labels = grid[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper left", ncols=4, columnspacing=1.2, handlelength=1.4)
        return _svg(figure, "Probability of every operation by layer over the search")


def heat_map_figure(
    searches: Sequence[SearchLog], operations: Sequence[str], choices: Sequence[Sequence[str]] = ()
) -> str:
    """What the controller prefers in the end, layer by operation; an even choice is white.

    choices : what each layer can be, where that is not the same for all
    """
    _, stack = _probabilities(searches)
    recent = max(1, stack.shape[1] // 10)
    final = stack[:, -recent:].mean((0, 1))
    possible = np.array([[not choices or o in choices[layer] for o in operations] for layer in range(len(final))])
    times_even = np.where(possible, final * possible.sum(1, keepdims=True), np.nan)
    ramp = LinearSegmentedColormap.from_list("preference", ["#2c6aa0", "#ffffff", "#c2570c"])
    with matplotlib.rc_context(_STYLE):
        figure, axes = _figure(0.27 * len(final) + 1.25)
        top = max(float(np.nanmax(times_even)), 2.0)
        axes.imshow(np.ma.masked_invalid(times_even), aspect="auto", cmap=ramp, norm=TwoSlopeNorm(1, 0, top))
        for layer, row in enumerate(final):
            for k, value in enumerate(row):
                if not possible[layer, k]:
                    continue
                dark = times_even[layer, k] > 1 + 0.6 * (top - 1) or times_even[layer, k] < 0.25
                axes.text(
                    k,
                    layer,
                    f"{value:.2f}".lstrip("0"),
                    ha="center",
                    va="center",
                    color="white" if dark else INK,
                    fontsize=8,
                )
        labels = [operation_label(o).replace(", ", ",\n").replace(" pooling", "\npooling") for o in operations]
        axes.set_xticks(range(len(operations)), labels, fontsize=7.5)
        axes.set_yticks(range(len(final)), [str(k + 1) for k in range(len(final))])
        axes.set_ylabel("layer (1 is next to the sequence)" if len(final) > 6 else "layer")
        axes.grid(visible=False)
        axes.tick_params(length=0)
        for spine in axes.spines.values():
            spine.set_visible(False)
        return _svg(figure, "Final probability of every operation in every layer")


def has_policy(searches: Sequence[SearchLog]) -> bool:
    """Whether the searches had a controller whose choices can be drawn."""
    return any(step.get("operation_probability") for log in searches for step in log.steps)


def _probabilities(searches: Sequence[SearchLog]) -> tuple[np.ndarray, np.ndarray]:
    """Steps, and probabilities (n_searches, n_steps, n_layers, n_operations) over the steps that all searches have."""
    series = [[s for s in log.steps if s.get("operation_probability")] for log in searches]
    series = [s for s in series if s]
    n = min(map(len, series))
    stack = np.array([[step["operation_probability"] for step in steps[:n]] for steps in series], float)
    at = np.unique(np.linspace(0, n - 1, min(n, MOST_STEPS)).astype(int))
    return np.array([step["step"] for step in series[0][:n]])[at], stack[:, at]


def _spread_over_steps(steps: np.ndarray) -> np.ndarray:
    """Trials of one step side by side, in their order, between this step and the next one."""
    _, first, size = np.unique(steps, return_index=True, return_counts=True)
    within = np.arange(len(steps)) - np.repeat(first, size)
    return steps + within / np.repeat(size, size)


def _running_mean(values: np.ndarray, width: int) -> np.ndarray:
    """Mean of the last `width` values, of fewer at the start."""
    total = np.concatenate([[0.0], np.cumsum(values)])
    end = np.arange(1, len(values) + 1)
    start = np.maximum(end - width, 0)
    return (total[end] - total[start]) / (end - start)


def audit_figure(audited: pd.DataFrame, score: str, labels: tuple[str, str]) -> str:
    """A score of every audited network against its score when trained alone; the colour is its size.

    Parameters
    ----------
    audited : rows of audit.parquet that have both scores
    score : column of the score
    labels : of the axes
    """
    parameters = audited["parameters"].to_numpy(float)
    ramp = LinearSegmentedColormap.from_list("size", ["#f2c94c", "#0072B2", "#1b1f3b"])
    with matplotlib.rc_context(_STYLE):
        figure, axes = _figure(3.6)
        marks = axes.scatter(
            audited[score], audited["stand_alone"], c=parameters, cmap=ramp, norm=_sizes(parameters), s=26,
            edgecolors=INK, linewidths=0.4,
        )  # fmt: skip
        axes.set(xlabel=labels[0], ylabel=labels[1])
        axes.margins(0.06)
        bar = figure.colorbar(marks, ax=axes, label="parameters", pad=0.02)
        ends = np.unique([parameters.min(), np.median(parameters), parameters.max()])
        bar.set_ticks(ends.tolist(), labels=[count_text(v) for v in ends])
        bar.ax.minorticks_off()
        bar.outline.set_visible(False)
        return _svg(figure, "Score of every audited network against its score when trained alone")


def _sizes(parameters: np.ndarray) -> LogNorm:
    low, high = float(parameters.min()), float(parameters.max())
    return LogNorm(low, high if high > low else low * 1.01)


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
    with matplotlib.rc_context(_STYLE):
        figure, axes = _figure(2.7)
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
        return _svg(figure, "Score on the selection split by epoch of every final training")


def cost_figure(stages: Sequence[tuple[str, float]]) -> str:
    """Device time by stage."""
    total = sum(seconds for _, seconds in stages)
    with matplotlib.rc_context(_STYLE):
        figure, axes = _figure(0.3 * len(stages) + 0.7)
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
        axes.xaxis.set_major_locator(_duration_locator(longest * 1.28, 5))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda v, _: _tick(v)))
        axes.set_xlabel("device time")
        return _svg(figure, "Device time by stage")


# ---- parts


def _figure(height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    return figure, figure.subplots()


def _tick(seconds: float) -> str:
    """A time at a tick: without the parts that are zero."""
    return re.sub(r"(?<=\D) ?\b0+ \w+$", "", duration_text(seconds)) if seconds else "0"


def _duration_locator(seconds: float, most: int = 6) -> MaxNLocator:
    """Ticks at round times: the unit that is shown has the round numbers."""
    unit = 86400 if seconds > 2 * 86400 else 3600 if seconds > 2 * 3600 else 60 if seconds > 120 else 1
    return _ScaledLocator(unit, most)


class _ScaledLocator(MaxNLocator):
    """Round numbers of a unit of time; the axis itself counts seconds."""

    def __init__(self, unit: float, most: int) -> None:
        super().__init__(nbins=most, steps=[1, 2, 3, 5, 6, 10] if unit > 1 else [1, 2, 5, 10])
        self.unit = unit

    def tick_values(self, vmin: float, vmax: float) -> Any:
        return np.asarray(super().tick_values(vmin / self.unit, vmax / self.unit)) * self.unit


def _legend_above(figure: Figure, axes: Axes) -> None:
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles[::-1], labels[::-1], loc="outside upper left", ncols=3, columnspacing=1.4, handletextpad=0.5)


def _short(text: str, most: int = 30) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _svg(figure: Figure, title: str) -> str:
    """The figure as one element: no XML header, no fixed size, no numbered ids, the page's font."""
    FigureCanvasSVG(figure)
    buffer = io.StringIO()
    figure.savefig(
        buffer, format="svg", dpi=200, metadata={"Date": None, "Creator": None, "Format": None, "Type": None}
    )
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    opening = (
        '<svg viewBox="{}" role="img" xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">'
    )
    box = re.search(r'viewBox="([^"]+)"', text)
    assert box is not None  # matplotlib writes one
    text = f"{opening.format(box[1])}<title>{escape(title)}</title>" + text[text.index(">") + 1 :]
    text = re.sub(r"'DejaVu Sans'[^;\"]*sans-serif", "var(--font)", text)
    # the groups' numbered ids are the same in every figure of the page; nothing refers to them
    text = re.sub(r'(?<= d=")[^"]+', lambda path: re.sub(r"(\.\d\d)\d+", r"\1", path[0]), text)
    text = re.sub(r' id="[A-Za-z0-9]+_\d+(?:_\d+)?"', "", text)
    return re.sub(r"\n\s*", "\n", text).strip()
