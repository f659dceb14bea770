"""The page of scorers against a saturation mutagenesis."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jinja2
import matplotlib
import numpy as np
import pandas as pd
from markupsafe import Markup
from matplotlib.figure import Figure

from ambergen.atomic import write_text
from ambergen.report.canvas import LINES, MUTED, STYLE, WIDTH, new_figure, to_svg
from ambergen.report.drawing import INK
from ambergen.report.sentences import known, score_text
from ambergen.validation.mutagenesis import Mutagenesis

# Panels side by side.
COLUMNS = 3


def mutagenesis_sentences(found: Mutagenesis) -> list[str]:
    """The findings in plain words, after what makes them doubtful."""
    said = list(found.notes)
    for group, rows in found.table.groupby("group", sort=False):
        sure = rows[rows["spearman_low"] > 0].sort_values("spearman", ascending=False, kind="stable")
        sizes = rows[rows["spearman_abs_low"] > 0].sort_values("spearman_abs", ascending=False, kind="stable")
        told = [
            f"{words} {', '.join(f'{r.scorer} {getattr(r, name):.2f}' for r in part.itertuples())}"
            for name, part, words in (
                ("spearman", sure, "of the effects"),
                ("spearman_abs", sizes, "of their sizes"),
            )
            if len(part)
        ]
        said.append(
            f"{group}: rank correlations whose interval is above 0, {'; '.join(told)}."
            if told
            else f"{group}: no rank correlation has an interval above 0."
        )
    return said


def write_mutagenesis_page(path: Path, name: str, found: Mutagenesis, made: str) -> None:
    """Write the page; it is replaced at once or not at all."""
    loader = jinja2.FileSystemLoader(Path(__file__).parent)
    environment = jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined)
    text = environment.get_template("mutagenesis.html.j2").render(name=name, made=made, **_context(found))
    write_text(path, text)


def _context(found: Mutagenesis) -> dict[str, Any]:
    groups = list(dict.fromkeys(found.table["group"]))
    return {
        "sentences": mutagenesis_sentences(found),
        "n_scorers": len(found.scorers),
        "left_out": f"{found.left_out:,}",
        "n": f"{len(found.variants):,}",
        "figure": Markup(agreement_figure(found)),
        "groups": [
            {
                "name": group,
                "rows": [_row(row) for _, row in found.table[found.table["group"] == group].iterrows()],
                "profile": Markup(profile_figure(found, group)),
            }
            for group in groups
        ],
    }


def _row(row: pd.Series) -> dict[str, str]:
    cells = {"scorer": row["scorer"], "n": f"{row['n']:,}"}
    for name in ("spearman", "pearson", "spearman_abs", "pearson_abs"):
        cells[name] = score_text(row[name]).replace("-", "−")
        low, high = row[f"{name}_low"], row[f"{name}_high"]
        # "to", since a dash between signed numbers reads like a minus
        cells[f"{name}_interval"] = f"{low:.2f} to {high:.2f}".replace("-", "−") if known(low) else ""
    return cells


def agreement_figure(found: Mutagenesis) -> str:
    """Rank correlations of every scorer with its interval, a panel a group: with signs, and of sizes."""
    groups, names = list(dict.fromkeys(found.table["group"])), found.scorers
    columns = min(COLUMNS, len(groups))
    lines = -(-len(groups) // columns)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH * 1.25, lines * (0.24 * len(names) + 0.75)), layout="constrained")
        panels = np.atleast_1d(figure.subplots(lines, columns, sharex=True, sharey=True)).ravel()
        for axes, group in zip(panels, groups, strict=False):
            rows = found.table[found.table["group"] == group].set_index("scorer")
            axes.grid(axis="y", visible=False)
            axes.axvline(0, color=MUTED, linewidth=0.9, linestyle=":")
            for y, name in enumerate(names):
                for at, suffix, shape, face in ((y - 0.14, "", "o", LINES[0]), (y + 0.14, "_abs", "s", "white")):
                    row = rows.loc[name]
                    if known(row[f"spearman{suffix}_low"]):
                        ends = row[f"spearman{suffix}_low"], row[f"spearman{suffix}_high"]
                        axes.hlines(at, *ends, color=LINES[0] if not suffix else LINES[1], linewidth=1.3)
                    if known(row[f"spearman{suffix}"]):
                        colour = LINES[0] if not suffix else LINES[1]
                        axes.plot(
                            row[f"spearman{suffix}"], at, shape, color=colour, markersize=4.5, markerfacecolor=face
                        )
            axes.set_title(group)
            axes.tick_params(axis="y", length=0)
            axes.spines["left"].set_visible(False)
        for axes in panels[len(groups) :]:
            axes.set_visible(False)
        panels[0].set_yticks(range(len(names)), list(names))
        panels[0].set_ylim(len(names) - 0.4, -0.6)
        for axes in panels[max(0, len(groups) - columns) : len(groups)]:
            axes.set_xlabel("Spearman’s correlation")
        return to_svg(figure, "Rank correlations of every scorer with the measured effects")


def profile_figure(found: Mutagenesis, group: str) -> str:
    """Mean measured effect of the alleles of each base, and below it that of the scorer that ranks them best."""
    variants = found.variants[found.variants["group"] == group]
    rows = found.table[found.table["group"] == group].set_index("scorer")["spearman"]
    best = str(rows.idxmax()) if rows.notna().any() else found.scorers[0]
    means = variants.groupby("pos")[["measured", best]].mean()
    with matplotlib.rc_context(STYLE):
        figure, _ = new_figure(2.4)
        figure.clear()
        for axes, (column, colour, label) in zip(
            figure.subplots(2, 1, sharex=True),
            (("measured", INK, "measured"), (best, LINES[0], best)),
            strict=True,
        ):
            axes.bar(means.index, means[column], width=1.0, color=colour, linewidth=0)
            axes.axhline(0, color=MUTED, linewidth=0.7)
            axes.set_ylabel(label)
            axes.locator_params(axis="y", nbins=4)
        figure.axes[-1].set_xlabel(f"position on {variants['chrom'].iloc[0]}")
        return to_svg(figure, f"Measured and predicted effects along {group}")
