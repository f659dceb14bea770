"""What every figure is drawn with: one style, sizes and colours, and the way to an inline ``<svg>`` element.

Text stays text, so that the page's own font is used, words can be searched and the file stays small. Matplotlib's
objects are used, never pyplot's state.
"""

from __future__ import annotations

import io
import re
from html import escape
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ambergen.report.drawing import INK
from ambergen.report.sentences import duration_text

# Okabe and Ito's colours; groups differ in shape as well, so that grey prints and colour-blind eyes tell them apart.
COLOURS = {
    "searched": "#D55E00",
    "ensemble": "#882255",
    "sampled": "#6c7a89",
    "matched": "#9aa5b1",
    "expert": "#0072B2",
    "kmer": "#009E73",
    "rival": "#CC79A7",
}
LINES = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9")
DASHES: tuple[Any, ...] = ("-", (0, (4, 1.5)), (0, (1, 1)), (0, (6, 1, 1, 1)))
GRID, MUTED = "#e3e7eb", "#59636e"
WIDTH = 6.6
# Points of a line: more weigh much and show nothing.
MOST_STEPS = 80

STYLE: Any = {
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


def new_figure(height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    return figure, figure.subplots()


def duration_tick(seconds: float) -> str:
    """A time at a tick: without the parts that are zero."""
    return re.sub(r"(?<=[^\d.]) ?\b0+ \w+$", "", duration_text(seconds)) if seconds else "0"


def duration_locator(seconds: float, most: int = 6) -> MaxNLocator:
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


def legend_above(figure: Figure, axes: Axes) -> None:
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles[::-1], labels[::-1], loc="outside upper left", ncols=3, columnspacing=1.4, handletextpad=0.5)


def to_svg(figure: Figure, title: str) -> str:
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
