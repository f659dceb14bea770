"""The page of a rehearsal: scorers on simulated allelic counts, under several truths."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2
import matplotlib
import numpy as np
import pandas as pd
from markupsafe import Markup
from matplotlib.figure import Figure

from ambergen.atomic import write_text
from ambergen.report.canvas import LINES, MUTED, STYLE, WIDTH, to_svg
from ambergen.report.sentences import interval_text, known, names_text, score_text
from ambergen.validation.asb.rehearsal import Rehearsal
from ambergen.validation.json_values import plain

BIAS = (
    "The truth is a model, too. It decides which variants matter, so scorers that are built like it are favoured, and "
    "no figure here says how well a scorer foretells real allele-specific binding. What counts is what holds under "
    "truths of different kinds."
)


def rehearsal_record(found: Rehearsal) -> dict[str, Any]:
    """Values that JSON can hold; nan is null."""
    return {
        "track": found.track,
        "split": found.split,
        "n_windows": found.n_windows,
        "n_sites": found.n_sites,
        "settings": {**vars(found.config), "depths": list(found.config.depths)},
        "bias": BIAS,
        "sentences": rehearsal_sentences(found),
        "windows": plain(found.windows.to_dict("records")),
        "figures": plain(found.figures.to_dict("records")),
    }


def rehearsal_sentences(found: Rehearsal) -> list[str]:
    """The findings in plain words, and what they are worth."""
    said, firsts = [], []
    for (truth, depth), rows in found.figures.groupby(["truth", "depth"], sort=False):
        if rows["direction_auroc"].isna().all():
            said.append(f"Truth {truth}, {depth:g} reads: no site is called in both directions; more reads would help.")
            continue
        best = rows.iloc[int(rows["direction_auroc"].argmax())]
        n_called = best["n_gain"] + best["n_loss"]
        firsts.append(best["scorer"])
        said.append(
            f"Truth {truth}, {depth:g} reads: {best['scorer']} tells best which allele is bound more, direction AUROC "
            f"{best['direction_auroc']:.3f} and {best['accuracy']:.1%} right signs at {n_called:,} called sites."
        )
    if len(set(firsts)) > 1:
        said.append(f"The order depends on the truth: {names_text(list(dict.fromkeys(firsts)))} come first.")
    scorers = found.windows[found.windows["role"] == "scorer"]
    if scorers["auroc"].notna().any():
        best = scorers.iloc[int(scorers["auroc"].argmax())]
        said.append(
            f"Of {found.n_windows:,} windows of the split {found.split}, {best['name']} tells bound from unbound ones "
            f"best: AUROC {best['auroc']:.3f}."
        )
    return said


def write_rehearsal_page(path: Path, found: Rehearsal, pages: Mapping[tuple[str, float], str], made: str) -> None:
    """Write the page; it is replaced at once or not at all.

    Parameters
    ----------
    pages : of each truth and depth the page with all figures, relative to this one
    made : how it was made, for the end of the page
    """
    loader = jinja2.FileSystemLoader(Path(__file__).parent)
    environment = jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined)
    text = environment.get_template("rehearsal.html.j2").render(
        name=f"{found.track}: known truths", made=made, bias=BIAS, **_context(found, pages)
    )
    write_text(path, text)


def _context(found: Rehearsal, pages: Mapping[tuple[str, float], str]) -> dict[str, Any]:
    config = found.config
    return {
        "track": found.track,
        "split": found.split,
        "n_windows": f"{found.n_windows:,}",
        "n_scorers": int((found.windows["role"] == "scorer").sum()),
        "sentences": rehearsal_sentences(found),
        "facts": [
            ("variants", f"{found.n_sites:,}"),
            ("standard deviation of the true log odds", f"{config.spread:g}"),
            ("mean reads at a site", ", ".join(f"{depth:g}" for depth in config.depths)),
            ("expected share of reference reads, p0", f"{config.p0:g}"),
            ("overdispersion, rho", f"{config.rho:g}"),
        ],
        "figure": Markup(rehearsal_figure(found)),
        "windows": [
            {
                "name": row["name"],
                "role": row["role"],
                "kind": row["kind"],
                "auroc": score_text(row["auroc"]),
                "interval": interval_text(row["low"], row["high"]),
            }
            for _, row in found.windows.iterrows()
        ],
        "settings": [
            {
                "truth": one.truth,
                "kind": found.windows.loc[found.windows["name"] == one.truth, "kind"].iloc[0],
                "depth": f"{one.depth:g}",
                "page": pages[one.truth, one.depth],
                "rows": [_row(row) for _, row in _of(found.figures, one.truth, one.depth).iterrows()],
            }
            for one in found.settings
        ],
    }


def _of(figures: pd.DataFrame, truth: str, depth: float) -> pd.DataFrame:
    return figures[(figures["truth"] == truth) & (figures["depth"] == depth)]


def _row(row: pd.Series) -> dict[str, Any]:
    return {
        "scorer": row["scorer"],
        "same_kind": bool(row["same_kind"]),
        "direction": score_text(row["direction_auroc"]),
        "interval": interval_text(row["direction_low"], row["direction_high"]),
        "accuracy": score_text(row["accuracy"]),
        "accuracy_interval": interval_text(row["accuracy_low"], row["accuracy_high"]),
        "half": score_text(row["accuracy_ties_half"]),
        "ties": f"{row['n_ties']:,} ties" if row["n_ties"] else "",
        "n": f"{row['n_gain']} + {row['n_loss']}",
        "true": score_text(row["true_spearman"]).replace("-", "−"),
        "reads": score_text(row["spearman"]).replace("-", "−"),
    }


def rehearsal_figure(found: Rehearsal) -> str:
    """AUROC of windows, and direction AUROC under each truth, of every scorer with its interval."""
    scorers = found.windows[found.windows["role"] == "scorer"]
    names = list(scorers["name"])
    panels = [("bound windows", scorers.set_index("name")[["auroc", "low", "high"]], scorers["name"].isin([]))]
    for one in found.settings:
        rows = _of(found.figures, one.truth, one.depth).set_index("scorer")
        values = rows[["direction_auroc", "direction_low", "direction_high"]].set_axis(["auroc", "low", "high"], axis=1)
        # Below each other, for a title beside others has little room
        depth = f"\n{one.depth:g} reads" if len(found.config.depths) > 1 else ""
        panels.append((f"truth {one.truth}{depth}", values, rows["same_kind"]))
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH * 1.25, 0.3 * len(names) + 0.9), layout="constrained")
        all_axes = np.atleast_1d(figure.subplots(1, len(panels), sharey=True))
        for number, (axes, (title, values, same)) in enumerate(zip(all_axes, panels, strict=True)):
            axes.grid(axis="y", visible=False)
            for y, name in enumerate(names):
                row = values.loc[name]
                colour = LINES[y % len(LINES)]
                if known(row["low"]):
                    axes.hlines(y, row["low"], row["high"], color=colour, linewidth=1.6)
                if known(row["auroc"]):
                    hollow = bool(same.get(name, False)) if number else False
                    axes.plot(
                        row["auroc"], y, "o", color=colour, markersize=6, markerfacecolor="white" if hollow else colour
                    )
            axes.set_title(title)
            axes.tick_params(axis="y", length=0)
            axes.spines["left"].set_visible(False)
            axes.locator_params(axis="x", nbins=4)
        all_axes[0].set_yticks(range(len(names)), names)
        all_axes[0].set_ylim(len(names) - 0.4, -0.6)
        all_axes[0].set_xlabel("AUROC")
        for axes in all_axes[1:]:
            axes.set_xlabel("direction AUROC")
        for axes in all_axes:
            if axes.get_xlim()[0] < 0.5:
                axes.axvline(0.5, color=MUTED, linewidth=0.9, linestyle=":")
        return to_svg(figure, "AUROC of every scorer on windows, and on variants under each truth")
