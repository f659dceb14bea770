from __future__ import annotations

from xml.etree import ElementTree

import numpy as np
import pytest

from ambergen.errors import SpaceError
from ambergen.report.drawing import PALETTE, draw_architecture, operation_colour, operation_label
from ambergen.spaces.architecture import Architecture
from ambergen.spaces.presets import amber, compact
from ambergen.spaces.space import Space

SVG = "{http://www.w3.org/2000/svg}"


def draw(space: Space, architecture: Architecture, length: int = 1000) -> ElementTree.Element:
    return ElementTree.fromstring(draw_architecture(architecture.to_dict(), space.to_dict(), length, 919))


def texts(root: ElementTree.Element) -> list[str]:
    return [element.text or "" for element in root.iter(f"{SVG}text")]


def arcs(root: ElementTree.Element) -> list[str]:
    return [title.text or "" for path in root.iter(f"{SVG}path") for title in path.iter(f"{SVG}title")]


@pytest.mark.parametrize("space", [amber(), compact(), Space(layers=4, reduce=(1,)), Space(layers=1, reduce=())])
def test_draw_architecture__has_every_layer_and_every_skip(space: Space) -> None:
    architecture = space.sample(np.random.default_rng(0))
    root = draw(space, architecture)
    shown = texts(root)
    for k, name in enumerate(architecture.operations):
        assert str(k + 1) in shown
        assert operation_label(name) in shown
    assert len(arcs(root)) == architecture.n_skips
    assert "919 tracks" in shown


def test_draw_architecture__all_66_skips_of_the_published_space() -> None:
    space = amber()
    full = Architecture(("conv8",) * 12, tuple(tuple(range(i)) for i in range(12)))
    drawn = arcs(draw(space, full))
    assert len(set(drawn)) == 66
    assert "layer 1 is added after layer 12" in drawn


def test_draw_architecture__shapes_are_the_published_ones() -> None:
    shown = texts(draw(amber(), amber().sample(np.random.default_rng(0))))
    assert [t for t in shown if "×" in t and t[0].isdigit()] == ["32 × 1,000", "64 × 250", "128 × 63", "256 × 16"]


def test_draw_architecture__parts_stay_inside_the_picture() -> None:
    root = draw(amber(), amber().sample(np.random.default_rng(1)))
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    for box in root.iter(f"{SVG}rect"):
        assert float(box.attrib["x"]) >= 0
        assert float(box.attrib["x"]) + float(box.attrib["width"]) <= width
        assert float(box.attrib["y"]) + float(box.attrib["height"]) <= height


def test_draw_architecture__refuses_an_architecture_of_another_space() -> None:
    with pytest.raises(SpaceError, match="12 layers; this space has 6"):
        draw(compact(), amber().sample(np.random.default_rng(0)))


def test_operation_colour__published_operations_differ_and_others_have_one() -> None:
    assert len(set(PALETTE.values())) == 7
    own = [operation_colour(name, ["conv16", "conv8", "conv12_d4"]) for name in ("conv16", "conv8", "conv12_d4")]
    assert len(set(own)) == 3


def test_operation_label__says_width_and_dilation() -> None:
    assert operation_label("conv8_d10") == "convolution 8, dilated 10"
    assert operation_label("avg_pool4") == "average pooling 4"
    assert operation_label("something_else") == "something_else"
