"""Figures of allele-specific binding: data in, one inline ``<svg>`` element out."""

from __future__ import annotations

from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from ambergen.io.allele_counts import SCORE
from ambergen.report.canvas import DASHES, LINES, MUTED, STYLE, WIDTH, legend_above, new_figure, to_svg
from ambergen.report.drawing import INK
from ambergen.report.sentences import known
from ambergen.validation.asb.evaluation import SHARED, Evaluation

# Corners of a curve: more weigh much and show nothing.
MOST_CORNERS = 200


def line_of(number: int) -> dict[str, Any]:
    """Colour and dashes of a scorer's line."""
    return {"color": LINES[number % len(LINES)], "linestyle": DASHES[number // len(LINES) % len(DASHES)]}


def direction_figure(evaluation: Evaluation) -> str:
    """Direction AUROC of every scorer with its interval."""
    figures = evaluation.figures
    rows = figures[(figures["subset"] == "all") & (figures["rows"] == SHARED)]
    with matplotlib.rc_context(STYLE):
        figure, axes = new_figure(0.32 * len(rows) + 0.75)
        axes.grid(axis="y", visible=False)
        for y, (_, row) in enumerate(rows.iterrows()):
            colour = LINES[y % len(LINES)]
            if known(row["direction_low"]):
                axes.hlines(y, row["direction_low"], row["direction_high"], color=colour, linewidth=1.6)
            if known(row["direction_auroc"]):
                axes.plot(row["direction_auroc"], y, "o", color=colour, markersize=6)
        axes.axvline(0.5, color=MUTED, linewidth=0.9, linestyle=":")
        axes.set_yticks(range(len(rows)), list(rows["scorer"]))
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.set_xlabel("direction AUROC; dotted: chance")
        return to_svg(figure, "Direction AUROC of every scorer with its interval")


def roc_figure(evaluation: Evaluation) -> str:
    """A ROC curve for each scorer: gains against losses, on sites that all scored."""
    sites = evaluation.sites
    names = [f"{name}{SCORE}" for name in evaluation.scorers]
    directed = sites[sites["label"].isin(["gain", "loss"]) & sites[names].notna().all(axis=1)]
    gain = (directed["label"] == "gain").to_numpy()
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH * 0.72, WIDTH * 0.66), layout="constrained")
        axes = figure.subplots()
        axes.plot([0, 1], [0, 1], color=MUTED, linewidth=0.9, linestyle=":")
        for number, (name, column) in enumerate(zip(evaluation.scorers, names, strict=True)):
            false, true = roc(directed[column].to_numpy(), gain)
            axes.plot(false, true, label=name, **line_of(number))
        axes.set_xlim(-0.01, 1.01)
        axes.set_ylim(-0.01, 1.01)
        axes.set_aspect("equal")
        axes.set_xlabel("losses called gains")
        axes.set_ylabel("gains called gains")
        axes.legend(loc="lower right")
        return to_svg(figure, "ROC curve of every scorer, gains against losses")


def roc(scores: np.ndarray, positive: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rates of false and of true positives at every distinct score, (n_corners,) each, from (0, 0) to (1, 1)."""
    order = np.argsort(-scores, kind="stable")
    last = np.flatnonzero(np.append(scores[order][1:] != scores[order][:-1], True)) if len(scores) else np.empty(0, int)
    true, false = np.cumsum(positive[order])[last], np.cumsum(~positive[order])[last]
    if len(last) > MOST_CORNERS:
        kept = np.unique(np.linspace(0, len(last) - 1, MOST_CORNERS).round().astype(int))
        true, false = true[kept], false[kept]
    n_true, n_false = max(1, int(positive.sum())), max(1, int((~positive).sum()))
    return np.concatenate([[0], false / n_false]), np.concatenate([[0], true / n_true])


def coverage_figure(evaluation: Evaluation) -> str:
    """Accuracy of every scorer on the share of sites of which it is surest."""
    with matplotlib.rc_context(STYLE):
        figure, axes = new_figure(3.1)
        for number, name in enumerate(evaluation.scorers):
            rows = evaluation.coverage[evaluation.coverage["scorer"] == name]
            axes.plot(rows["percent"], rows["accuracy_ties_half"], label=name, **line_of(number))
            if (rows["accuracy"] != rows["accuracy_ties_half"]).any():
                axes.plot(rows["percent"], rows["accuracy"], linewidth=0.8, alpha=0.7, **line_of(number))
        axes.axhline(0.5, color=MUTED, linewidth=0.9, linestyle=":")
        axes.set_xlim(0, 100)
        axes.xaxis.set_major_formatter(PercentFormatter(decimals=0))
        axes.yaxis.set_major_formatter(PercentFormatter(xmax=1, decimals=0))
        axes.set_xlabel("sites, those with the largest scores first")
        axes.set_ylabel("right sign")
        legend_above(figure, axes)
        return to_svg(figure, "Accuracy against coverage of every scorer")


def margins_figure(margins: pd.DataFrame) -> str:
    """Accuracy of every scorer where its difference of probabilities is larger than a margin."""
    with matplotlib.rc_context(STYLE):
        figure, axes = new_figure(3.1)
        names = list(dict.fromkeys(margins["scorer"]))
        for number, name in enumerate(names):
            rows = margins[(margins["scorer"] == name) & (margins["n"] > 0)]
            shift = (number - (len(names) - 1) / 2) * 0.004
            axes.errorbar(
                rows["margin"] + shift,
                rows["accuracy"],
                yerr=[rows["accuracy"] - rows["low"], rows["high"] - rows["accuracy"]],
                label=name,
                marker="o",
                markersize=3.5,
                elinewidth=0.8,
                **line_of(number),
            )
        axes.axhline(0.5, color=MUTED, linewidth=0.9, linestyle=":")
        axes.yaxis.set_major_formatter(PercentFormatter(xmax=1, decimals=0))
        axes.set_xlabel("margin: difference of probabilities")
        axes.set_ylabel("right sign")
        legend_above(figure, axes)
        return to_svg(figure, "Accuracy by margin of every scorer")


def imbalance_figure(sites: pd.DataFrame, p0: float) -> str:
    """Share of reference reads of all tested sites, and of those that are called."""
    tested = sites[sites["status"] == "ok"]
    bins = np.linspace(0, 1, 41).tolist()
    with matplotlib.rc_context(STYLE):
        figure, axes = new_figure(2.3)
        axes.hist(tested["ratio"], bins=bins, color="#ccd3da", label="all tested")
        for label, colour in (("gain", LINES[1]), ("loss", LINES[0])):
            axes.hist(tested["ratio"][tested["label"] == label], bins=bins, color=colour, label=label)
        axes.axvline(p0, color=INK, linewidth=0.9, linestyle=(0, (4, 3)))
        axes.set_xlim(0, 1)
        axes.set_xlabel("share of reference reads")
        axes.set_ylabel("sites")
        axes.legend(loc="upper right")
        return to_svg(figure, "Share of reference reads at all tested sites")
