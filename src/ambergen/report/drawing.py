"""An architecture drawn as SVG: sequence on top, tracks at the bottom.

Of layers, skip connections are arcs on the right. Of a hierarchical space the cell stands there, with the motifs that
it is made of.
"""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any

from ambergen.errors import SpaceError
from ambergen.spaces.architecture import STEM, Architecture
from ambergen.spaces.assembly import Motif, count_nodes, edges, live_edges
from ambergen.spaces.genotype import Genotype
from ambergen.spaces.hierarchical_space import HierarchicalSpace
from ambergen.spaces.operations import Operation, operation
from ambergen.spaces.reading import space_from_dict
from ambergen.spaces.space import Space

# Okabe and Ito's palette, told apart by colour-blind readers; a family a hue: convolutions blue, dilated ones orange.
PALETTE = {
    "conv8": "#0072B2",
    "conv4": "#56B4E9",
    "conv8_d10": "#D55E00",
    "conv4_d10": "#E69F00",
    "max_pool4": "#009E73",
    "avg_pool4": "#CC79A7",
    "identity": "#9AA0A6",
}
_OTHERS = ("#7A5195", "#B8A100", "#00798C", "#8C564B", "#5F6B7A")
_MOTIFS = ("#3B6E8F", "#A65E2E", "#4F7F3F", "#8F3B6E", "#6E6E2E", "#4B4F9C")

INK, FAINT, BAND, ARC = "#1b1f24", "#59636e", "#f4f6f8", "#5b6b7d"

# Layout, in units of the viewBox.
LEFT, BOX, HEIGHT, GAP, REDUCTION, ARCS = 112.0, 190.0, 30.0, 12.0, 34.0, 150.0
BOX_HEIGHT = HEIGHT - 4  # of the boxes that are no layers
# Of the cell and its motifs: width of a panel, distance of the nodes, height of an arc for each node that it spans.
PANEL, NODES, RISE, NODE = 190.0, 44.0, 19.0, 8.0


def operation_colour(name: str, operations: list[str] | tuple[str, ...] = ()) -> str:
    """Colour of an operation; those outside the published seven take theirs by place in `operations`."""
    if name in PALETTE:
        return PALETTE[name]
    others = [o for o in operations if o not in PALETTE]
    return _OTHERS[others.index(name) % len(_OTHERS)] if name in others else _OTHERS[-1]


def operation_label(name: str) -> str:
    """An operation in words: ``conv8_d10`` is "convolution 8, dilated 10"."""
    try:
        spec = operation(name)
    except SpaceError:  # a run of a later version may know more operations
        return name
    return _label(spec)


def _label(spec: Operation) -> str:
    match spec.kind:
        case "conv":
            return f"convolution {spec.kernel}" + (f", dilated {spec.dilation}" if spec.dilation > 1 else "")
        case "separable":
            return f"separable convolution {spec.kernel}" + (f", dilated {spec.dilation}" if spec.dilation > 1 else "")
        case "max_pool":
            return f"max pooling {spec.kernel}"
        case "avg_pool":
            return f"average pooling {spec.kernel}"
        case "identity" | "own":
            return spec.name


def operation_names(space: dict[str, Any]) -> list[str]:
    """All operations of a space, of which it may have one list or one list a layer; as `Space.to_dict` gives it."""
    given = space.get("operations") or []
    return list(dict.fromkeys(name for names in given for name in ([names] if isinstance(names, str) else names)))


def layer_choices(space: dict[str, Any]) -> list[list[str]]:
    """One list of operations a layer, where a space has such; as `Space.to_dict` gives it. Empty where it has one."""
    given = space.get("operations") or []
    return [] if all(isinstance(names, str) for names in given) else given


def draw_architecture(
    architecture: dict[str, Any], space: dict[str, Any], length: int, n_tracks: int | None = None
) -> str:
    """An SVG drawing of a network.

    Parameters
    ----------
    architecture
        As `Architecture.to_dict`, or of a hierarchical space `Genotype.to_dict`, gives.
    space
        As its `to_dict` gives.
    length
        Positions of a window.
    n_tracks
        Outputs; left out of the drawing where None.

    Returns
    -------
    str
        One ``<svg>`` element, with a text for those who do not see it.

    Raises
    ------
    SpaceError
        If the architecture lies outside the space.
    """
    shape = space_from_dict(space)
    network = shape.read(architecture)
    if isinstance(shape, Space) and isinstance(network, Architecture):
        canvas = _Canvas(notes=LEFT + BOX + 8)
        layers = _Layers(canvas, shape, network, length)
        bottom = _frame(canvas, shape, length, n_tracks, layers.stage)
        layers.arcs()
        return canvas.svg(LEFT + BOX + ARCS, bottom + 8, layers.words())
    assert isinstance(shape, HierarchicalSpace)
    assert isinstance(network, Genotype)
    canvas = _Canvas(notes=14)
    cell = _Cell(canvas, shape, network, length)
    bottom = max(_frame(canvas, shape, length, n_tracks, cell.stage), cell.panels())
    return canvas.svg(LEFT + BOX + 2 * GAP + 2 * PANEL, bottom + 8, cell.words())


def _frame(
    canvas: _Canvas,
    space: Space | HierarchicalSpace,
    length: int,
    n_tracks: int | None,
    stage: Callable[[float, int], float],
) -> float:
    """From the sequence to the tracks; `stage` draws a stage below a height and gives that of its end."""
    widths, lengths = space.widths, space.lengths(length)
    y = canvas.end(8, f"sequence, {length:,} bases", first=True)
    y = canvas.box(y + GAP, f"convolution {space.stem_kernel} (stem)", "linear")
    for number in range(space.n_stages):
        y = stage(canvas.reduction(y) if number else y, number)
    pooled = space.head == "gap"
    values = widths[-1] * (1 if pooled else lengths[-1])
    y = canvas.box(y + GAP, "mean over positions" if pooled else "all positions", f"{values:,} values")
    y = canvas.box(y + GAP, f"dense, {space.hidden:,} units", "ReLU")
    tracks = "tracks" if n_tracks is None else "1 track" if n_tracks == 1 else f"{n_tracks:,} tracks"
    return canvas.end(y + GAP, tracks, first=False)


class _Layers:
    """The layers of an architecture, stage by stage, and its skip connections."""

    def __init__(self, canvas: _Canvas, space: Space, architecture: Architecture, length: int) -> None:
        self.canvas, self.space, self.architecture = canvas, space, architecture
        self.lengths = space.lengths(length)
        self.tops: dict[int, float] = {}

    def words(self) -> str:
        verb = "adds" if self.space.combine == "add" else "concatenates"
        layers = "; ".join(
            f"layer {k + 1}: {operation_label(name)}" + (f", {verb} the output of {_sources(chosen)}" if chosen else "")
            for k, (name, chosen) in enumerate(zip(self.architecture.operations, self.architecture.skips, strict=True))
        )
        return f"Network {self.architecture.id}. {layers}."

    def stage(self, y: float, stage: int) -> float:
        if stage == 0:
            self.tops[STEM] = y - BOX_HEIGHT  # whose box has just been drawn
        layers = [k for k in range(self.space.layers) if self.space.stage(k) == stage]
        bottom = self.canvas.band(y, len(layers), LEFT + BOX + ARCS - 8, self.space.widths[stage], self.lengths[stage])
        for place, layer in enumerate(layers):
            name = self.architecture.operations[layer]
            top = y + GAP / 2 + GAP + place * (HEIGHT + GAP)
            self.tops[layer] = top
            colour = operation_colour(name, self.space.operations)
            self.canvas.layer(top, str(layer + 1), operation_label(name), colour, name == "identity")
        return bottom

    def arcs(self) -> None:
        """Skip connections; ends are spread over the box edge so that they can be followed one by one."""
        pairs = [(j, i) for i, sources in enumerate(self.architecture.skips) for j in sources]
        leaving = {j: sorted(i for a, i in pairs if a == j) for j, _ in pairs}
        right = LEFT + BOX
        longest = max((i - j for j, i in pairs), default=1)
        crowded, verb = len(pairs) > 20, "added" if self.space.combine == "add" else "concatenated"
        for j, i in sorted(pairs, key=lambda pair: pair[0] - pair[1]):
            # from the stem below what is written beside it
            span = (0.68, 0.86) if j == STEM else (0.35, 0.92)
            start = self.tops[j] + _place(leaving[j].index(i), len(leaving[j]), *span)
            end = self.tops[i] + _place(
                self.architecture.skips[i][::-1].index(j), len(self.architecture.skips[i]), 0.08, 0.65
            )
            bulge = 16 + (ARCS * 1.2 - 16) * ((i - j) / max(longest, 4)) ** 0.8
            stem = j == STEM
            colour = INK if stem else operation_colour(self.architecture.operations[j], self.space.operations)
            ease = right + bulge
            curve = f"M{right:g} {start:.1f}C{ease:.1f} {start:.1f} {ease:.1f} {end:.1f} {right + 5:g} {end:.1f}"
            weight = "1.1" if crowded else "1.6"
            self.canvas.parts.append(
                f'<path d="{curve}" fill="none" stroke="{colour}" stroke-width="{weight}" stroke-opacity="0.8">'
                f"<title>{'the stem' if stem else f'layer {j + 1}'} is {verb} after layer {i + 1}</title></path>"
                f'<path d="M{right:g} {end:.1f}l6 -2.6v5.2z" fill="{colour}"/>'
            )


def _sources(chosen: tuple[int, ...]) -> str:
    """Sources of skip connections in words; layers count from one."""
    layers = ", ".join(str(j + 1) for j in chosen if j != STEM)
    return " and ".join([*["the stem"] * (STEM in chosen), *[f"layer {layers}"] * bool(layers)])


class _Cell:
    """The cell of a genotype and the motifs that it uses: nodes in a row, edges as arcs from left to right above.

    Edges that are on no path from the first node to the last are pale.
    """

    def __init__(self, canvas: _Canvas, space: HierarchicalSpace, genotype: Genotype, length: int) -> None:
        self.canvas, self.space, self.genotype = canvas, space, genotype
        self.lengths = space.lengths(length)

    def words(self) -> str:
        merges = sum(step.operation is None for step in self.genotype.program)
        return (
            f"Network {self.genotype.id}. {self.space.stages} stages of cells, each with "
            f"{len(self.genotype.program) - merges} operations and {merges} merges."
        )

    def stage(self, y: float, stage: int) -> float:
        n = self.space.cells
        bottom = self.canvas.band(y, n, LEFT + BOX - 4 + GAP / 2, self.space.widths[stage], self.lengths[stage])
        for place in range(n):
            self.canvas.layer(y + GAP / 2 + GAP + place * (HEIGHT + GAP), str(stage * n + place + 1), "cell", INK)
        return bottom

    def panels(self) -> float:
        """The cell, below it the motifs by level and two to a row, last what the colours mean; gives the lower end."""
        left, top = LEFT + BOX + 2 * GAP, len(self.genotype.levels) - 1
        self.canvas.text(left, 18, "the cell", 11, INK, weight=600)
        y = self._motif(left, 8, "the cell", self.genotype.cell, top)
        used = _held(self.genotype.cell)
        for level in range(top - 1, -1, -1):
            row: list[float] = []
            below: set[int] = set()
            for number in sorted(used):
                motif = self.genotype.levels[level][number]
                self.canvas.text(
                    left + len(row) * PANEL,
                    y + GAP + 10,
                    _motif_name(level, number),
                    11,
                    _motif_colour(number),
                    weight=600,
                )
                row.append(self._motif(left + len(row) * PANEL, y + GAP, _motif_name(level, number), motif, level))
                below |= _held(motif)
                if len(row) == 2:
                    y, row = max(row), []
            y, used = max([y, *row]), below
        return self._legend(left, y + GAP)

    def _motif(self, left: float, top: float, name: str, motif: Motif, level: int) -> float:
        n = count_nodes(len(motif)) or 0
        step = min(NODES, (PANEL - 3 * NODE) / (n - 1)) if level < len(self.genotype.levels) - 1 else NODES * 1.6
        step = min(step, (2 * PANEL - 3 * NODE) / (n - 1))
        base = top + 20 + RISE * (n - 1)
        at = [left + NODE + k * step for k in range(n)]
        alive = live_edges(self.genotype.levels, level, motif)
        for (i, j), edge, live in zip(edges(n), motif, alive, strict=True):
            if edge is None:
                continue
            label = operation_label(edge) if isinstance(edge, str) else _motif_name(level - 1, edge)
            colour = operation_colour(edge, self.space.operations) if isinstance(edge, str) else _motif_colour(edge)
            middle, apex = (at[i] + at[j]) / 2, base - RISE * (j - i)
            style = ' stroke-dasharray="4 3"' if edge == "identity" else ""
            style += "" if live else ' stroke-opacity="0.25"'
            curve = f"M{at[i]:.1f} {base:.1f}Q{middle:.1f} {2 * apex - base:.1f} {at[j]:.1f} {base:.1f}"
            self.canvas.parts.append(
                f'<path d="{curve}" fill="none" stroke="{colour}" stroke-width="1.6"{style}>'
                f"<title>{escape(name)}, node {i} to node {j}: {escape(label)}{'' if live else ', on no path'}</title>"
                "</path>"
            )
            if isinstance(edge, int):
                self.canvas.text(
                    middle, apex - 2, label.removeprefix("motif "), 8.5, colour, anchor="middle", weight=600
                )
        for k, x in enumerate(at):
            self.canvas.parts.append(f'<circle cx="{x:.1f}" cy="{base:.1f}" r="{NODE:g}" fill="{INK}"/>')
            shown = "in" if k == 0 else "out" if k == n - 1 else str(k)
            self.canvas.text(x, base + 3, shown, 8 if shown.isdigit() else 7, "#fff", anchor="middle")
        return base + NODE

    def _legend(self, left: float, y: float) -> float:
        seen = dict.fromkeys(edge for motif in self.genotype.levels[0] for edge in motif if isinstance(edge, str))
        names = [name for name in self.space.operations if name in seen]
        for place, name in enumerate(names):
            x, line = left + place % 2 * PANEL, y + 14 + place // 2 * 15
            self.canvas.rect(x, line - 6, 14, 3, 0, operation_colour(name, self.space.operations))
            self.canvas.text(x + 19, line, operation_label(name), 9, INK)
        return y + 14 + (len(names) + 1) // 2 * 15


def _held(motif: Motif) -> set[int]:
    """Motifs that the edges of a motif hold."""
    return {edge for edge in motif if isinstance(edge, int)}


def _motif_name(level: int, number: int) -> str:
    return f"motif {level + 2}.{number}"


def _motif_colour(number: int) -> str:
    return _MOTIFS[number % len(_MOTIFS)]


class _Canvas:
    """Collects the parts of one drawing; every part knows only where it stands.

    notes : where what is said of a box begins, in units of the viewBox from the left
    """

    def __init__(self, notes: float) -> None:
        self.notes = notes
        self.parts: list[str] = []

    def svg(self, width: float, height: float, words: str) -> str:
        return (
            f'<svg class="network" viewBox="0 0 {width:g} {height:g}" role="img" xmlns="http://www.w3.org/2000/svg" '
            f'style="max-width:{width * 1.35:g}px"><title>{escape(words)}</title>{"".join(self.parts)}</svg>'
        )

    def band(self, y: float, n: int, width: float, channels: int, positions: int) -> float:
        """What `n` boxes of a stage stand on; gives its lower end."""
        top = y + GAP / 2
        bottom = top + n * (HEIGHT + GAP) + GAP / 2
        self.rect(4, top, width, bottom - top, 6, BAND)
        middle = (top + bottom) / 2
        self.text(14, middle - 3, f"{channels:,} × {positions:,}", 12, INK, weight=600)
        self.text(14, middle + 11, "channels × positions", 8.5, FAINT)
        return bottom

    def layer(self, y: float, number: str, label: str, colour: str, dashed: bool = False) -> None:
        self.wire(y - GAP, y)
        outline = f'stroke="{colour}" stroke-width="1.4"' + (' stroke-dasharray="4 3"' if dashed else "")
        self.rect(LEFT, y, BOX, HEIGHT, 5, "#fff", outline)
        self.rect(LEFT, y, 24, HEIGHT, 5, colour)
        self.text(LEFT + 12, y + HEIGHT / 2 + 4, number, 11, _on(colour), anchor="middle", weight=600)
        self.text(LEFT + 33, y + HEIGHT / 2 + 4, label, 11.5, INK)

    def reduction(self, y: float) -> float:
        """A funnel between two stages."""
        top, bottom = y + GAP / 2, y + GAP / 2 + REDUCTION - GAP
        middle = LEFT + BOX / 2
        self.wire(y, top)
        funnel = f"M{middle - 62:g} {top:g}H{middle + 62:g}L{middle + 40:g} {bottom:g}H{middle - 40:g}Z"
        self.parts.append(f'<path d="{funnel}" fill="#e3e8ee"/>')
        self.text(middle, (top + bottom) / 2 + 3.5, "length ÷ 4, channels × 2", 9, FAINT, anchor="middle")
        self.wire(bottom, bottom + GAP)
        return bottom

    def box(self, y: float, text: str, detail: str = "") -> float:
        self.wire(y - GAP, y)
        self.rect(LEFT, y, BOX, BOX_HEIGHT, 5, "#fff", 'stroke="#b6bec8"')
        self.text(LEFT + BOX / 2, y + HEIGHT / 2 + 2, text, 10.5, INK, anchor="middle")
        if detail:
            self.text(self.notes, y + HEIGHT / 2 + 2, detail, 9, FAINT)
        return y + BOX_HEIGHT

    def end(self, y: float, text: str, first: bool) -> float:
        if not first:
            self.wire(y - GAP, y)
        self.rect(LEFT, y, BOX, 24, 12, INK)
        self.text(LEFT + BOX / 2, y + 16, text, 11, "#fff", anchor="middle")
        return y + 24

    def wire(self, start: float, end: float) -> None:
        x = LEFT + BOX / 2
        self.parts.append(f'<path d="M{x:g} {start:g}V{end:g}" stroke="{ARC}" stroke-width="1.4"/>')

    def rect(
        self, x: float, y: float, width: float, height: float, radius: float, fill: str, outline: str = ""
    ) -> None:
        self.parts.append(
            f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="{radius:g}" fill="{fill}" {outline}/>'
        )

    def text(
        self, x: float, y: float, text: str, size: float, colour: str, anchor: str = "start", weight: int = 400
    ) -> None:
        self.parts.append(
            f'<text x="{x:g}" y="{y:g}" font-size="{size:g}" fill="{colour}" text-anchor="{anchor}" '
            f'font-weight="{weight}">{escape(text)}</text>'
        )


def _place(k: int, n: int, low: float, high: float) -> float:
    """Height of the k-th of n ends on the edge of a box."""
    return HEIGHT * (low + (high - low) * ((k + 1) / (n + 1) if n > 1 else 0.5))


def _on(colour: str) -> str:
    """Ink that is readable on a colour."""
    red, green, blue = (int(colour[k : k + 2], 16) for k in (1, 3, 5))
    return "#fff" if 0.299 * red + 0.587 * green + 0.114 * blue < 150 else INK
