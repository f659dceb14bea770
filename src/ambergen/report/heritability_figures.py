"""Figures of partitioned heritability: tables in, one inline ``<svg>`` element out.

Tables have the columns of `ambergen.validation.heritability.tables`. Where an arm has one model, a figure shows its
estimate and 1.96 jackknife errors to either side; where it has several, their mean and the range between the lowest
and the highest.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator, NullFormatter
from numpy.typing import NDArray
from scipy import stats

from ambergen.report.canvas import COLOURS, LINES, MUTED, STYLE, WIDTH, to_svg
from ambergen.report.drawing import INK
from ambergen.report.sentences import known
from ambergen.validation.heritability.tables import ALL_TRAITS

Array = NDArray[np.float64]

# A false discovery rate below this is marked.
FALSE_DISCOVERY = 0.05
MOST_ROWS, MOST_COLUMNS, MOST_PANELS = 40, 5, 12
# A point of a volcano with more traits than this is coloured by its arm, as nobody tells so many colours apart.
MOST_COLOURS = 10
# Fewer points than this are better read in a table.
FEWEST_POINTS = 10
MOST_POINTS, MOST_LABELS, LONGEST_NAME = 2000, 5, 34
# Below this a p-value is a matter of the machine's numbers.
SMALLEST_P = 1e-300
MARKERS = ("o", "s")
_HALF_WIDTH = 1.96


@dataclass(frozen=True)
class Scale:
    """An axis that shows the bulk of the estimates; what lies beyond is drawn at its edge."""

    low: float
    high: float
    is_logarithmic: bool

    def inside(self, value: float) -> float:
        return min(max(value, self.low), self.high)


def short(name: str, most: int = LONGEST_NAME) -> str:
    """A name with its middle left out where it is too long: track names often differ at either end."""
    name = str(name)
    tail = most // 3
    return name if len(name) <= most else f"{name[: most - tail - 1]}…{name[-tail:]}"


def arm_names(table: pd.DataFrame) -> list[str]:
    return list(dict.fromkeys(table["arm"].astype(str)))


def arm_colour(arm: str, arms: Sequence[str]) -> str:
    """The report's colour of a group of models, where it has one."""
    return COLOURS.get(arm, LINES[list(arms).index(arm) % len(LINES)])


def pooled(rows: pd.DataFrame, keys: Sequence[str], value: str, error: str) -> pd.DataFrame:
    """One row an arm and `keys`: centre, low and high of an estimate, and whether most models find it.

    Returns
    -------
    pd.DataFrame
        Columns arm, the keys, ``centre``, ``low``, ``high`` (nan where there is no error), ``found`` and ``n_models``.
    """
    records = []
    by = ["arm", *keys]
    models = rows.groupby("arm")["model"].nunique()
    for place, part in rows[np.isfinite(rows[value])].groupby(by, sort=False, dropna=False):
        values = part[value].to_numpy(float)
        found = "enrichment_q" in part and (part["enrichment_q"].to_numpy(float) < FALSE_DISCOVERY).mean() > 0.5
        if models[place[0]] == 1:
            reach = _HALF_WIDTH * float(part[error].iloc[0])
            low, high = values[0] - reach, values[0] + reach
        elif len(part) == 1:  # of an arm with more: a jackknife's interval would look like a range
            low = high = math.nan
        else:
            low, high = values.min(), values.max()
        records.append((*place, values.mean(), low, high, bool(found), len(part)))
    return pd.DataFrame(records, columns=[*by, "centre", "low", "high", "found", "n_models"])


def scale_of(points: pd.DataFrame, neutral: float = 1.0, ratios: bool = True) -> Scale:
    """Limits for estimates with intervals.

    Parameters
    ----------
    points : columns centre, low and high
    neutral : a value that is always inside
    ratios : logarithmic, where all estimates are positive and far apart, and few intervals reach 0
    """
    centre = points["centre"].to_numpy(float)
    low, high = (np.where(np.isfinite(points[c]), points[c], centre).astype(float) for c in ("low", "high"))
    positive = (centre > 0).all() and (low > 0).mean() >= 0.5
    if ratios and positive and centre.max() >= 6 * centre.min():
        floor = centre.min() / 3
        inner = _bulk(np.log(centre), np.log(np.maximum(low, floor)), np.log(high), math.log(neutral))
        return Scale(math.exp(inner[0]), math.exp(inner[1]), True)
    return Scale(*_bulk(centre, low, high, neutral), False)


def _bulk(centre: Array, low: Array, high: Array, neutral: float) -> tuple[float, float]:
    """Limits that hold the intervals, but not those much wider than the others nor estimates far from the others."""
    reach = 2.5 * float(np.median(high - low)) / 2
    first, third = np.quantile(centre, [0.25, 0.75])
    far = 6 * (third - first) + reach if len(centre) >= 8 else math.inf
    bottom = max(min(low.min(), neutral), min(centre.min() - reach, neutral), first - far)
    top = min(max(high.max(), neutral), max(centre.max() + reach, neutral), third + far)
    margin = 0.04 * (top - bottom) or 0.1
    return min(bottom, neutral) - margin, max(top, neutral) + margin


def forest_figure(rows: pd.DataFrame, most: int = MOST_ROWS) -> str:
    """Enrichments of one trait from the highest to the lowest, those of all arms side by side.

    Parameters
    ----------
    rows : of one trait
    most : tracks to show, those with the smallest p-values where there are more
    """
    arms = arm_names(rows)
    points = pooled(chosen(rows, most), ["track"], "enrichment", "enrichment_se")
    order = points[points["arm"] == points["arm"].iloc[0]].sort_values("centre", ascending=False)["track"].tolist()
    order += [track for track in dict.fromkeys(points["track"]) if track not in order]
    scale = scale_of(points)
    height = (0.2 if len(arms) == 1 else 0.13 * len(arms)) * len(order) + 0.95
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        axes = figure.subplots()
        _rows_axes(axes, order)
        _scaled(axes, scale)
        axes.axvline(1, color=MUTED, linewidth=0.9, linestyle=":")
        for number, arm in enumerate(arms):
            shift = (number - (len(arms) - 1) / 2) * 0.76 / len(arms)
            own = points[points["arm"] == arm]
            place = own["track"].map({track: y for y, track in enumerate(order)}).to_numpy(float) + shift
            _intervals(axes, own, place, scale, arm_colour(arm, arms), MARKERS[number % len(MARKERS)])
            if len(arms) == 1:
                _figures(axes, own, place)
        axes.set_xlabel("enrichment: share of heritability over share of variants")
        _legend(figure, axes, arms)
        return to_svg(figure, "Enrichment of every track with its interval")


def chosen(rows: pd.DataFrame, most: int) -> pd.DataFrame:
    """The rows of at most `most` tracks, those with the smallest p-value of enrichment."""
    usable = rows[np.isfinite(rows["enrichment"])]
    best = usable.groupby("track", sort=False)["enrichment_p"].min().sort_values(kind="stable", na_position="last")
    return usable[usable["track"].isin(best.index[:most])]


def _rows_axes(axes: Axes, names: Sequence[str], most: int = LONGEST_NAME) -> None:
    axes.grid(axis="y", visible=False)
    axes.set_yticks(range(len(names)), [short(name, most) for name in names])
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)


def _scaled(axes: Axes, scale: Scale, ticks: int = 7) -> None:
    if scale.is_logarithmic:
        axes.set_xscale("log")
        places = _log_ticks(scale, ticks)
        axes.set_xticks(places, [f"{place:g}" for place in places])
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.minorticks_off()
    else:
        axes.xaxis.set_major_locator(MaxNLocator(ticks))
    axes.set_xlim(scale.low, scale.high)


def _log_ticks(scale: Scale, most: int) -> list[float]:
    """Round numbers within the scale: 1, 2 and 5, or fewer of each power of ten."""
    for steps in ((1, 2, 5), (1, 3), (1,)):
        powers = range(math.floor(math.log10(scale.low)), math.ceil(math.log10(scale.high)) + 1)
        places = [float(f"{step}e{power}") for power in powers for step in steps]
        inside = [place for place in places if scale.low <= place <= scale.high]
        if len(inside) <= most:
            break
    return inside


def _intervals(
    axes: Axes, points: pd.DataFrame, places: Array, scale: Scale, colour: str, marker: str, size: float = 5.0
) -> None:
    """Estimates with their intervals; an arrow where one goes on beyond the axis, a full marker where found."""
    for place, (_, row) in zip(places, points.iterrows(), strict=True):
        low, high = (row[c] if known(row[c]) else row["centre"] for c in ("low", "high"))
        axes.hlines(place, scale.inside(low), scale.inside(high), color=colour, linewidth=1.3)
        for value, edge, arrow in ((low, scale.low, "<"), (high, scale.high, ">")):
            if (value < edge) if arrow == "<" else (value > edge):
                axes.plot(edge, place, arrow, color=colour, markersize=3.5, clip_on=False)
        axes.plot(
            scale.inside(row["centre"]),
            place,
            marker,
            markersize=size,
            color=colour,
            markerfacecolor=colour if row["found"] else "white",
            markeredgewidth=1.1,
            clip_on=False,
        )


def _figures(axes: Axes, points: pd.DataFrame, places: Array) -> None:
    """The numbers at the right of their rows."""
    for place, (_, row) in zip(places, points.iterrows(), strict=True):
        text = number_text(row["centre"])
        if known(row["low"]):
            text += f"  ({number_text(row['low'])} to {number_text(row['high'])})"
        axes.annotate(
            text, (1, place), xycoords=("axes fraction", "data"), xytext=(8, 0), textcoords="offset points",
            va="center", fontsize=7.5, color=INK if row["found"] else MUTED, annotation_clip=False,
        )  # fmt: skip


def number_text(value: float | None) -> str:
    """Two or three digits and a proper minus: 123, 12.3, 0.50, 0.0069, −4.5; a dash where there is none."""
    if not known(value):
        return "–"
    size = abs(float(value))
    if size >= 1e6 or 0 < size < 1e-3:
        text = f"{value:.2e}"
    elif 0 < size < 0.1:
        text = f"{value:.2g}"
    else:
        text = f"{value:,.0f}" if size >= 100 else f"{value:.1f}" if size >= 10 else f"{value:.2f}"
    return text.replace("-", "−")


def _legend(figure: Figure, axes: Axes, arms: Sequence[str]) -> None:
    """What the arms look like; nothing where there is one."""
    if len(arms) < 2:
        return
    handles = [
        axes.plot([], [], MARKERS[number % len(MARKERS)], color=arm_colour(arm, arms), label=arm, linestyle="-")[0]
        for number, arm in enumerate(arms)
    ]
    figure.legend(handles=handles, loc="outside upper left", ncols=4, columnspacing=1.4, handletextpad=0.5)


# ---- all tracks and traits at once


def minus_log10(p: Array, z: Array | None = None) -> Array:
    """−log10 of two-sided p-values; from z where they are too small for the machine's numbers."""
    p = np.asarray(p, float)
    with np.errstate(divide="ignore"):
        found = -np.log10(np.maximum(p, SMALLEST_P))
    if z is None:
        return found
    exact = -(stats.norm.logsf(np.abs(np.asarray(z, float))) + math.log(2)) / math.log(10)
    return np.where(p < SMALLEST_P, exact, found)


def volcano_figure(tracks: pd.DataFrame) -> str | None:
    """tau* of every track and trait against the evidence for it, a panel for each arm; None where there are few.

    Full points have a false discovery rate of the coefficient below 0.05; the surest of them are named. More than ten
    traits have one colour.
    """
    rows = tracks[np.isfinite(tracks["tau_star"]) & np.isfinite(tracks["coefficient_p"])]
    if len(rows) < FEWEST_POINTS:
        return None
    arms, traits = arm_names(rows), list(dict.fromkeys(rows["trait"].astype(str)))
    found = rows["q"].to_numpy(float) < FALSE_DISCOVERY
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 3.5), layout="constrained")
        panels = figure.subplots(1, len(arms), squeeze=False, sharex=True, sharey=True)[0]
        for axes, arm in zip(panels, arms, strict=True):
            own = rows[rows["arm"] == arm]
            x = own["tau_star"].to_numpy(float)
            y = minus_log10(own["coefficient_p"].to_numpy(float), own["coefficient_z"].to_numpy(float))
            sure = found[(rows["arm"] == arm).to_numpy()]
            axes.axvline(0, color=MUTED, linewidth=0.9, linestyle=":")
            if len(traits) > MOST_COLOURS:
                colour = arm_colour(arm, arms)
                _points(axes, x, y, sure, colour, "o", None)
            else:
                for number, trait in enumerate(traits):
                    mine = (own["trait"].astype(str) == trait).to_numpy()
                    marker = "osD"[number // len(LINES) % 3]
                    _points(axes, x[mine], y[mine], sure[mine], LINES[number % len(LINES)], marker, short(trait, 22))
            _name_the_strongest(axes, x, y, sure, own["track"].astype(str).tolist())
            axes.set_title(arm if len(arms) > 1 else "")
            axes.set_ylim(bottom=0)
        panels[0].set_ylabel("−log10 p of the coefficient")
        figure.supxlabel("tau*: change of heritability by one standard deviation of the annotation", fontsize=8.5)
        if 1 < len(traits) <= MOST_COLOURS:
            handles, labels = panels[0].get_legend_handles_labels()
            figure.legend(handles, labels, loc="outside upper left", ncols=4, columnspacing=1.2, handletextpad=0.2)
        return to_svg(figure, "tau* of every track and trait against its p-value")


def _points(
    axes: Axes, x: Array, y: Array, found: NDArray[np.bool_], colour: str, marker: str, label: str | None
) -> None:
    style: dict[str, Any] = {"linestyle": "", "marker": marker, "markersize": 4.2, "markeredgewidth": 0.9}
    style["rasterized"] = len(x) > MOST_POINTS  # thousands of marks weigh more than a picture of them
    axes.plot(x[~found], y[~found], color=colour, markerfacecolor="white", alpha=0.75, **style)
    axes.plot(x[found], y[found], color=colour, label=None, **style)
    if label is not None:
        axes.plot([], [], color=colour, label=label, **style)


def _name_the_strongest(axes: Axes, x: Array, y: Array, found: NDArray[np.bool_], names: Sequence[str]) -> None:
    """Names beside the points highest up, as far as they do not run into each other."""
    height, placed = float(y.max()) or 1.0, list[float]()
    middle = (x.min() + x.max()) / 2
    for place in np.argsort(-y, kind="stable")[: 4 * MOST_LABELS]:
        if not found[place] or len(placed) == MOST_LABELS:
            break
        if any(abs(y[place] - other) < 0.05 * height for other in placed):
            continue
        is_left = x[place] > middle
        axes.annotate(
            short(names[place], 18), (x[place], y[place]), xytext=(-5 if is_left else 5, 0),
            textcoords="offset points", ha="right" if is_left else "left", va="center", fontsize=7, color=INK,
        )  # fmt: skip
        placed.append(float(y[place]))


def quantile_figure(tracks: pd.DataFrame) -> str | None:
    """Observed against expected p-values of enrichments and of coefficients; None where there are too few.

    The band holds 95 % of independent p-values of nothing; those of tracks are not independent.
    """
    kinds = [
        (column, title)
        for column, title in (("enrichment_p", "enrichment"), ("coefficient_p", "coefficient beside the others"))
        if np.isfinite(tracks[column]).sum() >= FEWEST_POINTS
    ]
    if not kinds:
        return None
    arms = arm_names(tracks)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH if len(kinds) > 1 else 0.6 * WIDTH, 3.2), layout="constrained")
        panels = figure.subplots(1, len(kinds), squeeze=False)[0]
        for axes, (column, title) in zip(panels, kinds, strict=True):
            _band(axes, int(max(np.isfinite(tracks[column][tracks["arm"] == arm]).sum() for arm in arms)))
            for number, arm in enumerate(arms):
                p = tracks[column][tracks["arm"] == arm].to_numpy(float)
                expected, observed = quantiles(p[np.isfinite(p)])
                axes.plot(
                    expected, observed, MARKERS[number % len(MARKERS)], color=arm_colour(arm, arms), markersize=3.2,
                    linestyle="", label=arm,
                )  # fmt: skip
            axes.set_title(title)
            axes.set_xlim(left=0)
            axes.set_ylim(bottom=0)
            axes.set_xlabel("expected −log10 p")
        panels[0].set_ylabel("observed −log10 p")
        _legend(figure, panels[0], arms)
        return to_svg(figure, "Observed against expected p-values")


def quantiles(p: Array) -> tuple[Array, Array]:
    """Expected and observed −log10 of p-values, from the smallest p on; many are thinned out where they are dense."""
    ranks = np.arange(1, len(p) + 1)
    if len(p) > MOST_POINTS:
        ranks = np.unique(np.geomspace(1, len(p), MOST_POINTS).round().astype(int))
    return -np.log10((ranks - 0.5) / len(p)), minus_log10(np.sort(p)[ranks - 1])


def _band(axes: Axes, n: int) -> None:
    ranks = np.unique(np.geomspace(1, n, 60).round().astype(int))
    expected = -np.log10((ranks - 0.5) / n)
    low, high = (-np.log10(stats.beta.ppf(share, ranks, n - ranks + 1)) for share in (0.975, 0.025))
    axes.fill_between(expected, low, high, color="#e3e7eb", linewidth=0)
    axes.plot([0, expected.max()], [0, expected.max()], color=MUTED, linewidth=0.9, linestyle=":")


# ---- quintiles


def quintile_figure(quintiles: pd.DataFrame, panels: Sequence[tuple[str, str]]) -> str:
    """Enrichment of the bins of continuous annotations, a panel for each trait and track.

    Parameters
    ----------
    quintiles : rows of tracks, bins from the lowest
    panels : trait and track
    """
    arms, n_columns = arm_names(quintiles), min(3, len(panels))
    n_rows = -(-len(panels) // n_columns)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH * n_columns / 3, 1.75 * n_rows + (0.5 if len(arms) > 1 else 0.2)),
                        layout="constrained")  # fmt: skip
        grid = figure.subplots(n_rows, n_columns, squeeze=False)
        for axes in grid.flat[len(panels) :]:
            axes.set_visible(False)
        for axes, (trait, track) in zip(grid.flat, panels, strict=False):
            here = (quintiles["trait"].astype(str) == trait) & (quintiles["track"].astype(str) == track)
            _bars(axes, quintiles[here], arms)
            axes.set_title(f"{short(track, 22)}\n{short(trait, 22)}", fontsize=8)
        for axes in grid[:, 0]:
            axes.set_ylabel("enrichment")
        handles = [Patch(color=arm_colour(arm, arms), label=arm) for arm in arms]
        if len(arms) > 1:
            figure.legend(handles=handles, loc="outside upper left", ncols=4)
        return to_svg(figure, "Enrichment of the quantiles of continuous annotations")


def _bars(axes: Axes, rows: pd.DataFrame, arms: Sequence[str]) -> None:
    points = pooled(rows.assign(quintile=rows["quintile"].astype(str)), ["quintile"], "enrichment", "enrichment_se")
    bins = list(dict.fromkeys(points["quintile"]))
    scale = scale_of(points, neutral=1.0, ratios=False)
    # A bar is long from zero on, and what is never negative is not shown as if it could be.
    low_end = scale.low if points["centre"].min() < 0 else 0.0
    width = 0.8 / len(arms)
    for number, arm in enumerate(arms):
        own = points[points["arm"] == arm]
        places = own["quintile"].map({name: x for x, name in enumerate(bins)}).to_numpy(float)
        places = places + (number - (len(arms) - 1) / 2) * width
        axes.bar(places, own["centre"], width * 0.92, color=arm_colour(arm, arms), alpha=0.75, linewidth=0)
        low, high = (own[c].clip(low_end, scale.high) for c in ("low", "high"))
        axes.vlines(places, low, high, color=INK, linewidth=0.9)
    axes.axhline(1, color=MUTED, linewidth=0.9, linestyle=":")
    if points["centre"].min() < 0:
        axes.axhline(0, color=INK, linewidth=0.7)
    axes.grid(axis="x", visible=False)
    axes.set_xticks(range(len(bins)), [name.split(" of ")[0] for name in bins])
    axes.tick_params(axis="x", length=0)
    axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.set_ylim(low_end, scale.high)


# ---- arms against each other


def pairs_figure(tracks: pd.DataFrame, arms: tuple[str, str], traits: Sequence[str], order: Sequence[str]) -> str:
    """Enrichment of two arms, joined by track, a panel for each trait.

    Parameters
    ----------
    arms : whose rows are joined, the first against the second
    traits : of the panels
    order : of the tracks, from the top
    """
    shown = tracks[tracks["arm"].isin(arms) & tracks["track"].astype(str).isin(order)]
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 0.155 * len(order) + 1.15), layout="constrained")
        panels = figure.subplots(1, len(traits), squeeze=False, sharey=True)[0]
        place = {track: y for y, track in enumerate(order)}
        for axes, trait in zip(panels, traits, strict=True):
            points = pooled(shown[shown["trait"].astype(str) == trait], ["track"], "enrichment", "enrichment_se")
            _rows_axes(axes, order, 26)
            axes.set_title(textwrap.fill(short(trait, 36), 4 + 48 // len(traits)), fontsize=7)
            if points.empty:
                axes.set_xticks([])
                continue
            scale = scale_of(points.assign(low=points["centre"], high=points["centre"]))
            _scaled(axes, scale, 4)
            axes.axvline(1, color=MUTED, linewidth=0.9, linestyle=":")
            both = points.pivot_table(index="track", columns="arm", values="centre").reindex(columns=list(arms))
            for track, values in both.dropna().iterrows():
                ahead = arms[0] if values[arms[0]] >= values[arms[1]] else arms[1]
                ends = [scale.inside(value) for value in values]
                axes.hlines(
                    place[str(track)], min(ends), max(ends), color=arm_colour(ahead, arms), linewidth=1.4, alpha=0.45
                )
            for number, arm in enumerate(arms):
                own = points[points["arm"] == arm]
                x = [scale.inside(value) for value in own["centre"]]
                axes.plot(x, own["track"].map(place), MARKERS[number], color=arm_colour(arm, arms), markersize=3.6,
                          linestyle="")  # fmt: skip
        figure.supxlabel("enrichment", fontsize=8.5)
        _legend(figure, panels[0], arms)
        return to_svg(figure, f"Enrichment of {arms[0]} and {arms[1]} models by track")


ALL_TRACKS, JACKKNIFE, RANDOM_EFFECTS = "all", "jackknife", "random_effects"
MEASURES = {"log_enrichment": "log enrichment", "enrichment": "enrichment", "tau_star": "tau*"}


def difference_figure(comparison: pd.DataFrame) -> str | None:
    """Difference between arms of each trait with its interval, a panel for each measure; None where there is none.

    Drawn are differences with jackknife errors, over all tracks, and below them that over all traits.
    """
    rows = comparison[
        (comparison["view"] == ALL_TRACKS)
        & comparison["test"].isin([JACKKNIFE, RANDOM_EFFECTS])
        & np.isfinite(comparison["difference"])
    ]
    measures = [measure for measure in MEASURES if (rows["measure"] == measure).any()]
    if not measures:
        return None
    traits = [trait for trait in dict.fromkeys(rows["trait"].astype(str)) if trait != ALL_TRAITS]
    order = [*traits, *([ALL_TRAITS] if (rows["trait"] == ALL_TRAITS).any() else [])]
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 0.27 * len(order) + 1.0), layout="constrained")
        panels = figure.subplots(1, len(measures), squeeze=False, sharey=True)[0]
        for axes, measure in zip(panels, measures, strict=True):
            points = rows[rows["measure"] == measure].rename(columns={"difference": "centre"})
            is_all = points["trait"] == ALL_TRAITS
            points = points.assign(found=points["q"].where(~is_all, points["p"]) < FALSE_DISCOVERY)
            scale = scale_of(points, neutral=0.0, ratios=False)
            _rows_axes(axes, ["all traits" if trait == ALL_TRAITS else trait for trait in order], 24)
            _scaled(axes, scale, 6 - len(measures))
            axes.axvline(0, color=MUTED, linewidth=0.9, linestyle=":")
            axes.set_xlabel(MEASURES[measure])
            place = points["trait"].astype(str).map({trait: y for y, trait in enumerate(order)}).to_numpy(float)
            _intervals(axes, points[~is_all], place[~is_all.to_numpy()], scale, INK, "o", 4.6)
            _intervals(axes, points[is_all], place[is_all.to_numpy()], scale, COLOURS["searched"], "D", 5.2)
        figure.supxlabel("difference", fontsize=8.5)
        return to_svg(figure, "Difference between searched and sampled models for every trait")
