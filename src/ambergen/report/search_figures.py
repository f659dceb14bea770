"""Figures of a search: rewards, sizes, what it came to prefer, and how well its scores rank networks."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.colors import LinearSegmentedColormap, LogNorm, TwoSlopeNorm
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator

from ambergen.metrics.objectives import scale
from ambergen.report.canvas import COLOURS, DASHES, LINES, MOST_STEPS, STYLE, WIDTH, new_figure, to_svg
from ambergen.report.drawing import INK, operation_colour, operation_label
from ambergen.report.evidence import SearchLog, last_ratings
from ambergen.report.fronts import SIZES, front
from ambergen.report.sentences import count_text, known


def rewards_figure(searches: Sequence[SearchLog]) -> str:
    """Reward of every trial over the steps, with the mean of recent trials and the best so far."""
    shown = [s for s in searches if any(known(t.get("score")) for t in s.trials)]
    with matplotlib.rc_context(STYLE):
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
            axes.set_ylabel(_reward(shown[0]))
        if len(shown) % columns:  # the axes above the empty place are the lowest of their column
            grid[-2, -1].tick_params(labelbottom=True)
        figure.supxlabel("step of the search", fontsize=8.5)
        grid[0, 0].legend(loc="lower right")
        return to_svg(figure, "Reward of every candidate over the steps of the search")


def front_figure(log: SearchLog, size: str) -> str:
    """Score of every candidate against its size, with the front of those that none beats in both.

    Parameters
    ----------
    size : parameters or multiply_adds
    """
    trials, best = last_ratings(log), front(log, size).networks
    best_sizes, best_scores = [t[size] for t in best], [t["score"] for t in best]
    sizes, scores = np.array([t[size] for t in trials], float), np.array([t["score"] for t in trials], float)
    chosen = [k for k, t in enumerate(trials) if t["id"] == log.finished.get("winner")]
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 2.9), layout="constrained")
        axes = figure.subplots()
        axes.plot(
            sizes, scores, ".", color=COLOURS["sampled"], markersize=8 if len(sizes) < 100 else 4, alpha=0.6,
            markeredgewidth=0, rasterized=len(sizes) > 400, label="one candidate",
        )  # fmt: skip
        axes.plot(
            best_sizes, best_scores, "o-", color=COLOURS["expert"], markersize=4, drawstyle="steps-post",
            label="front: none is both smaller and better",
        )  # fmt: skip
        if chosen:
            axes.plot(sizes[chosen], scores[chosen], "*", color=COLOURS["searched"], markersize=12, label="winner")
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: count_text(value)))
        axes.xaxis.set_minor_formatter(FuncFormatter(lambda value, _: count_text(value)))
        axes.xaxis.set_minor_locator(LogLocator(subs=(2.0, 5.0)))
        axes.set_xlabel(SIZES[size])
        axes.set_ylabel(_reward(log))
        axes.legend(loc="lower right")
        return to_svg(figure, f"Reward of every candidate against its {SIZES[size]}")


def _reward(log: SearchLog) -> str:
    """What the rewards of a search are, for an axis."""
    objective = log.started.get("objective")
    return "reward" if objective is None else f"reward: {scale(str(objective)).label}"


def policy_figure(searches: Sequence[SearchLog]) -> str:
    """Entropy of the policy and share of skip connections over the steps."""
    panels = (("entropy", "entropy of the policy (nats)"), ("skip_density", "share of skip connections"))
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 2.1), layout="constrained")
        for axes, (key, label) in zip(figure.subplots(1, 2), panels, strict=True):
            for k, log in enumerate(searches):
                points = [(s["step"], s[key]) for s in log.steps if known(s.get(key))]
                if points:
                    axes.plot(
                        *zip(*points, strict=True),
                        color=LINES[k % 5],
                        linestyle=DASHES[k // 5 % 4],
                        label=f"search {log.number + 1}",
                    )
            axes.set(xlabel="step of the search", ylabel=label)
            if key == "skip_density":
                axes.set_ylim(0, 1)
                if len(searches) > 1:
                    axes.legend(ncols=2, fontsize=7)
        return to_svg(figure, "Entropy of the policy and share of skip connections over the search")


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
    with matplotlib.rc_context(STYLE):
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
        return to_svg(figure, "Probability of every operation by layer over the search")


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
    with matplotlib.rc_context(STYLE):
        figure, axes = new_figure(0.27 * len(final) + 1.25)
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
        return to_svg(figure, "Final probability of every operation in every layer")


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
    with matplotlib.rc_context(STYLE):
        figure, axes = new_figure(3.6)
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
        return to_svg(figure, "Score of every audited network against its score when trained alone")


def _sizes(parameters: np.ndarray) -> LogNorm:
    low, high = float(parameters.min()), float(parameters.max())
    return LogNorm(low, high if high > low else low * 1.01)
