"""An architecture drawn as SVG: sequence on top, tracks at the bottom, skip connections as arcs on the right."""

from __future__ import annotations

from html import escape
from typing import Any

from ambergen.errors import SpaceError
from ambergen.spaces.architecture import Architecture
from ambergen.spaces.operations import Operation, operation
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

INK, FAINT, BAND, ARC = "#1b1f24", "#59636e", "#f4f6f8", "#5b6b7d"

# Layout, in units of the viewBox.
LEFT, BOX, HEIGHT, GAP, REDUCTION, ARCS = 112.0, 190.0, 30.0, 12.0, 34.0, 150.0


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


def draw_architecture(
    architecture: dict[str, Any], space: dict[str, Any], length: int, n_tracks: int | None = None
) -> str:
    """An SVG drawing of a network.

    Parameters
    ----------
    architecture
        ``operations`` and ``skips``, as `Architecture.to_dict` gives.
    space
        As `Space.to_dict` gives.
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
    shape, network = Space.from_dict(space), Architecture.from_json(architecture)
    shape.check(network)
    return _Drawing(shape, network, length, n_tracks).svg()


class _Drawing:
    """Collects the parts of one drawing; every part knows only where it stands."""

    def __init__(self, space: Space, architecture: Architecture, length: int, n_tracks: int | None) -> None:
        self.space, self.architecture, self.n_tracks = space, architecture, n_tracks
        self.lengths = space.lengths(length)
        self.tops: list[float] = []
        self.parts: list[str] = []

    def svg(self) -> str:
        y = self._end(8, f"sequence, {self.lengths[0]:,} bases", first=True)
        y = self._plain_box(y + GAP, f"convolution {self.space.stem_kernel} (stem)", "linear")
        for stage in range(self.space.n_stages):
            y = self._stage(y, stage)
        y = self._head(y)
        self._arcs()
        width = LEFT + BOX + ARCS
        return (
            f'<svg class="network" viewBox="0 0 {width:g} {y + 8:g}" role="img" xmlns="http://www.w3.org/2000/svg" '
            f'style="max-width:{width * 1.35:g}px"><title>{escape(self._words())}</title>{"".join(self.parts)}</svg>'
        )

    def _words(self) -> str:
        layers = "; ".join(
            f"layer {k + 1}: {operation_label(name)}"
            + (f", adds the output of layer {', '.join(str(j + 1) for j in sources)}" if sources else "")
            for k, (name, sources) in enumerate(zip(self.architecture.operations, self.architecture.skips, strict=True))
        )
        return f"Network {self.architecture.id}. {layers}."

    def _stage(self, y: float, stage: int) -> float:
        layers = [k for k in range(self.space.layers) if self.space.stage(k) == stage]
        if stage:
            y = self._reduction(y, stage)
        top = y + GAP / 2
        bottom = top + len(layers) * (HEIGHT + GAP) + GAP / 2
        self._rect(4, top, LEFT + BOX + ARCS - 8, bottom - top, 6, BAND)
        middle = (top + bottom) / 2
        self._text(14, middle - 3, f"{self.space.widths[stage]:,} × {self.lengths[stage]:,}", 12, INK, weight=600)
        self._text(14, middle + 11, "channels × positions", 8.5, FAINT)
        y = top + GAP
        for layer in layers:
            self._layer(y, layer)
            y += HEIGHT + GAP
        return bottom

    def _layer(self, y: float, layer: int) -> None:
        name = self.architecture.operations[layer]
        colour = operation_colour(name, self.space.operations)
        self.tops.append(y)
        self._wire(y - GAP, y)
        outline = f'stroke="{colour}" stroke-width="1.4"' + (' stroke-dasharray="4 3"' if name == "identity" else "")
        self._rect(LEFT, y, BOX, HEIGHT, 5, "#fff", outline)
        self._rect(LEFT, y, 24, HEIGHT, 5, colour)
        self._text(LEFT + 12, y + HEIGHT / 2 + 4, str(layer + 1), 11, _on(colour), anchor="middle", weight=600)
        self._text(LEFT + 33, y + HEIGHT / 2 + 4, operation_label(name), 11.5, INK)

    def _reduction(self, y: float, stage: int) -> float:
        """A funnel between two stages."""
        top, bottom = y + GAP / 2, y + GAP / 2 + REDUCTION - GAP
        middle = LEFT + BOX / 2
        self._wire(y, top)
        funnel = f"M{middle - 62:g} {top:g}H{middle + 62:g}L{middle + 40:g} {bottom:g}H{middle - 40:g}Z"
        self.parts.append(f'<path d="{funnel}" fill="#e3e8ee"/>')
        self._text(middle, (top + bottom) / 2 + 3.5, "length ÷ 4, channels × 2", 9, FAINT, anchor="middle")
        self._wire(bottom, bottom + GAP)
        return bottom

    def _plain_box(self, y: float, text: str, detail: str = "") -> float:
        self._wire(y - GAP, y)
        self._rect(LEFT, y, BOX, HEIGHT - 4, 5, "#fff", 'stroke="#b6bec8"')
        self._text(LEFT + BOX / 2, y + HEIGHT / 2 + 2, text, 10.5, INK, anchor="middle")
        if detail:
            self._text(LEFT + BOX + 8, y + HEIGHT / 2 + 2, detail, 9, FAINT)
        return y + HEIGHT - 4

    def _head(self, y: float) -> float:
        pooled = self.space.head == "gap"
        channels, positions = self.space.widths[-1], self.lengths[-1]
        values = channels if pooled else channels * positions
        y = self._plain_box(y + GAP, "mean over positions" if pooled else "all positions", f"{values:,} values")
        y = self._plain_box(y + GAP, f"dense, {self.space.hidden:,} units", "ReLU")
        tracks = "tracks" if self.n_tracks is None else "1 track" if self.n_tracks == 1 else f"{self.n_tracks:,} tracks"
        return self._end(y + GAP, tracks, first=False)

    def _end(self, y: float, text: str, first: bool) -> float:
        if not first:
            self._wire(y - GAP, y)
        self._rect(LEFT, y, BOX, 24, 12, INK)
        self._text(LEFT + BOX / 2, y + 16, text, 11, "#fff", anchor="middle")
        return y + 24

    def _arcs(self) -> None:
        """Skip connections; ends are spread over the box edge so that they can be followed one by one."""
        pairs = [(j, i) for i, sources in enumerate(self.architecture.skips) for j in sources]
        leaving = {j: sorted(i for a, i in pairs if a == j) for j, _ in pairs}
        right = LEFT + BOX
        longest = max((i - j for j, i in pairs), default=1)
        crowded = len(pairs) > 20
        for j, i in sorted(pairs, key=lambda pair: pair[0] - pair[1]):
            start = self.tops[j] + _place(leaving[j].index(i), len(leaving[j]), 0.35, 0.92)
            end = self.tops[i] + _place(
                self.architecture.skips[i][::-1].index(j), len(self.architecture.skips[i]), 0.08, 0.65
            )
            bulge = 16 + (ARCS * 1.2 - 16) * ((i - j) / max(longest, 4)) ** 0.8
            colour = operation_colour(self.architecture.operations[j], self.space.operations)
            ease = right + bulge
            curve = f"M{right:g} {start:.1f}C{ease:.1f} {start:.1f} {ease:.1f} {end:.1f} {right + 5:g} {end:.1f}"
            weight = "1.1" if crowded else "1.6"
            self.parts.append(
                f'<path d="{curve}" fill="none" stroke="{colour}" stroke-width="{weight}" stroke-opacity="0.8">'
                f"<title>layer {j + 1} is added after layer {i + 1}</title></path>"
                f'<path d="M{right:g} {end:.1f}l6 -2.6v5.2z" fill="{colour}"/>'
            )

    def _wire(self, start: float, end: float) -> None:
        x = LEFT + BOX / 2
        self.parts.append(f'<path d="M{x:g} {start:g}V{end:g}" stroke="{ARC}" stroke-width="1.4"/>')

    def _rect(
        self, x: float, y: float, width: float, height: float, radius: float, fill: str, outline: str = ""
    ) -> None:
        self.parts.append(
            f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="{radius:g}" fill="{fill}" {outline}/>'
        )

    def _text(
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
