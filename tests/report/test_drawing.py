from __future__ import annotations

from xml.etree import ElementTree

import numpy as np
import pytest

from ambergen.errors import SpaceError
from ambergen.report.drawing import PALETTE, draw_architecture, operation_colour, operation_label, operation_names
from ambergen.spaces.architecture import Architecture
from ambergen.spaces.genotype import Genotype
from ambergen.spaces.presets import amber, compact, hierarchical
from ambergen.spaces.space import Space

SVG = "{http://www.w3.org/2000/svg}"


def draw(space: Space, architecture: Architecture, length: int = 1000) -> ElementTree.Element:
    return ElementTree.fromstring(draw_architecture(architecture.to_dict(), space.to_dict(), length, 919))


def texts(root: ElementTree.Element) -> list[str]:
    return [element.text or "" for element in root.iter(f"{SVG}text")]


def arcs(root: ElementTree.Element) -> list[str]:
    return [title.text or "" for path in root.iter(f"{SVG}path") for title in path.iter(f"{SVG}title")]


@pytest.mark.parametrize(
    "space",
    [amber(), compact(), Space(layers=4, reduce=(1,)), Space(layers=1, reduce=()), compact(sources="enas", layers=8)],
)
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


def test_draw_architecture__skips_from_the_stem_begin_at_its_box() -> None:
    space = Space(layers=3, reduce=(), sources="enas", combine="concat1x1")
    root = draw(space, Architecture(("conv8",) * 3, ((), (-1,), (-1, 0))))
    assert sorted(arcs(root)) == [
        "layer 1 is concatenated after layer 3",
        "the stem is concatenated after layer 2",
        "the stem is concatenated after layer 3",
    ]
    words = root.find(f"{SVG}title")
    assert words is not None
    assert "layer 3: convolution 8, concatenates the output of the stem and layer 1." in (words.text or "")
    boxes = [(float(b.attrib["y"]), float(b.attrib["height"])) for b in root.iter(f"{SVG}rect")]
    stem_top, stem_height = boxes[1]  # below the sequence
    starts = [
        float(p.attrib["d"].split("C")[0].split()[1])
        for p in root.iter(f"{SVG}path")
        if p.find(f"{SVG}title") is not None
    ]
    assert sum(stem_top < start < stem_top + stem_height for start in starts) == 2


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


def test_draw_architecture__a_genotype_has_its_cell_and_the_motifs_that_it_uses() -> None:
    space = hierarchical(motifs=(4,), nodes=(3, 4), cells=2)
    genotype = Genotype(
        (
            (("conv8", None, "separable8"), ("identity",) * 3, ("max_pool4", None, None), (None,) * 3),
            ((0, 2, 1, None, 0, 1),),
        )
    )
    root = ElementTree.fromstring(draw_architecture(genotype.to_dict(), space.to_dict(), 1000, 919))
    assert sorted(arcs(root)) == sorted(
        [
            "the cell, node 0 to node 1: motif 2.0",
            "the cell, node 0 to node 2: motif 2.2, on no path",  # the motif has none from its first node to its last
            "the cell, node 1 to node 2: motif 2.1",
            "the cell, node 1 to node 3: motif 2.0",
            "the cell, node 2 to node 3: motif 2.1",
            "motif 2.0, node 0 to node 1: convolution 8",
            "motif 2.0, node 1 to node 2: separable convolution 8",
            "motif 2.2, node 0 to node 1: max pooling 4, on no path",
            *(f"motif 2.1, node {i} to node {j}: identity" for i, j in ((0, 1), (0, 2), (1, 2))),
        ]
    )
    shown = texts(root)
    assert shown.count("cell") == 6
    assert "motif 2.3" not in shown
    assert {"32 × 1,000", "64 × 250", "128 × 63", "919 tracks", "separable convolution 8"} <= set(shown)
    assert genotype.id in (root.find(f"{SVG}title").text or "")  # type: ignore[union-attr]


@pytest.mark.parametrize("seed", range(4))
def test_draw_architecture__a_genotype_stays_inside_the_picture(seed: int) -> None:
    space = hierarchical(nodes=(2 + seed, 7 - seed), motifs=(1 + 2 * seed,))
    genotype = space.sample(np.random.default_rng(seed))
    root = ElementTree.fromstring(draw_architecture(genotype.to_dict(), space.to_dict(), 500))
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    for box in root.iter(f"{SVG}rect"):
        assert 0 <= float(box.attrib["x"]) <= float(box.attrib["x"]) + float(box.attrib["width"]) <= width
        assert 0 <= float(box.attrib["y"]) <= float(box.attrib["y"]) + float(box.attrib["height"]) <= height
    for node in root.iter(f"{SVG}circle"):
        assert 8 <= float(node.attrib["cx"]) <= width - 8
        assert 8 <= float(node.attrib["cy"]) <= height - 8


def test_operation_names__of_lists_by_layer_are_all_of_theirs_once() -> None:
    assert operation_names(amber().to_dict()) == list(amber().operations)
    assert operation_names({"operations": [["conv4", "identity"], ["conv8", "identity"]]}) == [
        "conv4", "identity", "conv8",
    ]  # fmt: skip
    assert operation_names({}) == []


def test_operation_colour__published_operations_differ_and_others_have_one() -> None:
    assert len(set(PALETTE.values())) == 7
    own = [operation_colour(name, ["conv16", "conv8", "conv12_d4"]) for name in ("conv16", "conv8", "conv12_d4")]
    assert len(set(own)) == 3


def test_operation_label__says_width_and_dilation() -> None:
    assert operation_label("conv8_d10") == "convolution 8, dilated 10"
    assert operation_label("avg_pool4") == "average pooling 4"
    assert operation_label("something_else") == "something_else"
