"""Figures of a comparison of search methods: data in, one inline ``<svg>`` element out."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from ambergen.metrics.objectives import scale
from ambergen.report.canvas import (
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
from ambergen.report.sentences import known

# Okabe and Ito's colours; random search is grey, as sampled networks are in the report.
METHOD_COLOURS = {
    "enas": "#D55E00",
    "oneshot": "#CC79A7",
    "nas": "#0072B2",
    "hierarchical": "#56B4E9",
    "tournament": "#56B4E9",
    "evolution": "#009E73",
    "random": "#6c7a89",
}


def winners_figure(summary: Record) -> str:
    """Test score of the winner of every search, with the mean of each method and its interval."""
    metric, methods = summary["objective"], summary["methods"]
    with matplotlib.rc_context(STYLE):
        figure, axes = new_figure(0.36 * len(methods) + 0.75)
        axes.grid(axis="y", visible=False)
        for y, method in enumerate(methods):
            colour = _colour(method["method"])
            figures = [np.mean(s["test"][metric]) for s in summary["searches"] if s["method"] == method["method"]]
            interval = method["test"]
            if known(interval["low"]) and known(interval["high"]):
                axes.hlines(y, interval["low"], interval["high"], color=colour, linewidth=1.6)
            axes.plot(figures, np.full(len(figures), y), "o", color=colour, markersize=4.5, alpha=0.7)
            axes.plot(interval["mean"], y, "|", color=INK, markersize=15, markeredgewidth=1.6)
        axes.set_yticks(range(len(methods)), [m["method"] for m in methods])
        axes.set_ylim(len(methods) - 0.4, -0.6)
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.set_xlabel(f"mean {scale(metric).label} of the winner on the test split")
        return to_svg(figure, "Test score of the winners of every method")


def anytime_figure(summary: Record) -> str:
    """What each method held for the best against what had been spent; a panel for each kind of score."""
    kinds = [k for k in ("stand-alone", "shared") if any(m["kind"] == k for m in summary["methods"])]
    titles = {"stand-alone": "trained alone", "shared": "with shared weights"}
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 3.3), layout="constrained")
        panels = figure.subplots(1, len(kinds), squeeze=False, sharex=True)[0]
        for axes, kind in zip(panels, kinds, strict=True):
            for method in summary["methods"]:
                if method["kind"] == kind:
                    _curve(axes, method["method"], summary["curves"][method["method"]])
            if kind == "stand-alone" and summary["best_of_n"]:
                _best_of_n(axes, summary)
            axes.set_title(titles[kind])
            axes.set_xlim(0, summary["budget"]["device_seconds"])
            _time_axis(axes, summary["budget"]["device_seconds"], 6 // len(kinds) + 1)
            axes.legend(loc="lower right")
        panels[0].set_ylabel(f"mean {scale(summary['objective']).label}, search split")
        figure.supxlabel("device time spent by a search", fontsize=8.5)
        return to_svg(figure, "Best score so far of every method against device time")


def tabular_figure(summary: Record) -> str:
    """Regret of what each method held for the best after every training of a table."""
    with matplotlib.rc_context(STYLE):
        figure, axes = new_figure(3.1)
        for method in summary["methods"]:
            name, curve = method["method"], method["curve"]
            regret = summary["optimum"] - np.array(curve["mean"])
            reach = 1.96 * np.array(curve["sd"]) / np.sqrt(summary["seeds"])
            n = np.arange(1, len(regret) + 1)
            axes.fill_between(
                n, np.maximum(regret - reach, 0), regret + reach, color=_colour(name), alpha=0.15, linewidth=0
            )
            axes.plot(n, regret, color=_colour(name), label=name, linestyle=_dash(name))
        axes.set_xlim(1, None)
        axes.set_ylim(0, None)
        axes.set_xlabel("architectures trained")
        axes.set_ylabel(f"regret, mean {scale(summary['objective']).label}")
        legend_above(figure, axes)
        return to_svg(figure, "Regret of every method against the number of trainings")


def _curve(axes: Axes, name: str, curve: Record) -> None:
    if not curve["cost"]:
        return
    if all(map(known, curve["low"])):
        axes.fill_between(curve["cost"], curve["low"], curve["high"], color=_colour(name), alpha=0.13, linewidth=0)
    axes.plot(
        curve["cost"], curve["mean"], color=_colour(name), label=name, linestyle=_dash(name), drawstyle="steps-post"
    )


def _best_of_n(axes: Axes, summary: Record) -> None:
    curve = summary["best_of_n"]
    within = np.array(curve["cost"]) <= summary["budget"]["device_seconds"]
    cost, expected = np.array(curve["cost"])[within], np.array(curve["expected"])[within]
    axes.plot(cost, expected, color=MUTED, linewidth=1, linestyle=":", label="best of n random, expected")


def _time_axis(axes: Axes, seconds: float, most: int) -> None:
    axes.xaxis.set_major_formatter(FuncFormatter(lambda v, _: duration_tick(v)))
    axes.xaxis.set_major_locator(duration_locator(seconds, most))


def _colour(method: str) -> str:
    return METHOD_COLOURS.get(method, INK)


def _dash(method: str) -> str | tuple[int, Sequence[float]]:
    return (0, (4, 1.5)) if method == "random" else "-"
