from __future__ import annotations

import json
from hashlib import sha256

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambergen.errors import SpaceError
from ambergen.spaces.architecture import Architecture
from ambergen.spaces.presets import amber, compact
from ambergen.spaces.space import Space
from tests.conformance.spaces import SpaceContract, every


@st.composite
def spaces(draw: st.DrawFn) -> Space:
    layers = draw(st.integers(1, 7))
    reduce = tuple(r for r in range(layers - 1) if draw(st.booleans()))
    names = st.lists(st.sampled_from(amber().operations), min_size=1, max_size=7, unique=True).map(tuple)
    operations = draw(st.one_of(names, st.tuples(*[names] * layers)))
    return Space(
        layers=layers,
        operations=operations,
        reduce=reduce,
        skips=draw(st.sampled_from(["all", "stage", "none"])),
        skip_density=draw(st.floats(0, 0.99)),
        sources=draw(st.sampled_from(["amber", "enas"])),
        combine=draw(st.sampled_from(["add", "concat1x1"])),
    )


LAYERED = (("conv4", "identity", "avg_pool4"), ("conv4", "identity"), ("max_pool4", "conv4", "identity"))


class TestSpace(SpaceContract):
    small = Space(layers=3, operations=("conv4", "identity", "avg_pool4"), reduce=(0,))
    lone = Space(layers=3, operations=("conv4",), reduce=(), skips="none")

    def spaces(self) -> st.SearchStrategy[Space]:
        return spaces().filter(lambda space: space.size > 1)

    def foreign(self) -> Architecture:
        return Architecture(("conv4", "conv4", "conv8"), ((), (), ()))

    def mutation_probability(self, gene: int) -> float:
        return 1 / 2 / 3  # a coin, then one of three operations, or one of three skip connections


class TestSpaceWithSkipsFromTheStem(TestSpace):
    small = Space(layers=3, operations=("conv4", "identity", "avg_pool4"), reduce=(0,), sources="enas")


class TestSpaceWithListsByLayer(TestSpace):
    small = Space(layers=3, operations=LAYERED, reduce=(0,))  # type: ignore[arg-type]

    def foreign(self) -> Architecture:
        return Architecture(("conv4", "avg_pool4", "conv4"), ((), (), ()))


class TestSpaceWithoutSkips(TestSpace):
    small = Space(layers=3, operations=(("conv4", "identity"), ("conv4",), ("conv4", "conv8")), reduce=(), skips="none")  # type: ignore[arg-type]

    def foreign(self) -> Architecture:
        return Architecture(("conv4", "conv8", "conv4"), ((), (), ()))

    def mutation_probability(self, gene: int) -> float:
        return 1 / 2 if gene != 1 else 0.0


class TestSpaceWithOneOperation(TestSpace):
    small = Space(layers=4, operations=("conv4",), reduce=(), skips="all")

    def foreign(self) -> Architecture:
        return Architecture(("conv4",) * 3, ((), (), ()))

    def mutation_probability(self, gene: int) -> float:
        return 1 / 6


@given(spaces(), st.integers(0, 2**32))
def test_tokens__round_trip(space: Space, seed: int) -> None:
    architecture = space.sample(np.random.default_rng(seed))
    tokens = space.encode(architecture)
    assert len(tokens) == space.n_tokens
    assert space.decode(tokens) == architecture


@given(spaces())
def test_space__survives_json(space: Space) -> None:
    assert Space.from_dict(json.loads(json.dumps(space.to_dict()))) == space


@pytest.mark.parametrize("skips", ["all", "stage", "none"])
def test_size__is_the_number_of_distinct_architectures(skips: str) -> None:
    space = Space.from_dict({"layers": 3, "operations": ("conv4", "identity"), "reduce": (0,), "skips": skips})
    assert len({a.id for a in every(space)}) == space.size == {"all": 64, "stage": 16, "none": 8}[skips]


def test_tokens__have_the_published_order() -> None:
    space = Space(layers=3, reduce=())
    architecture = Architecture(("conv4", "identity", "conv8"), ((), (0,), (1,)))
    assert space.encode(architecture) == (1, 6, 1, 0, 0, 1)  # op0, op1, s10, op2, s20, s21


@pytest.mark.parametrize(
    ("skips", "amber_sources", "enas_sources"),
    [
        ("all", ((), (0,), (0, 1), (0, 1, 2), (0, 1, 2, 3)), ((), (-1,), (-1, 0), (-1, 0, 1), (-1, 0, 1, 2))),
        ("stage", ((), (0,), (), (2,), (2, 3)), ((), (-1,), (), (1,), (1, 2))),
        ("none", ((),) * 5, ((),) * 5),
    ],
)
def test_skip_sources__of_enas_are_those_of_amber_one_place_earlier(
    skips: str, amber_sources: tuple[tuple[int, ...], ...], enas_sources: tuple[tuple[int, ...], ...]
) -> None:
    amber_space, enas_space = (
        Space.from_dict({"layers": 5, "reduce": (1,), "skips": skips, "sources": sources})
        for sources in ("amber", "enas")
    )
    assert amber_space.skip_sources == amber_sources
    assert enas_space.skip_sources == enas_sources
    assert (enas_space.n_tokens, enas_space.size) == (amber_space.n_tokens, amber_space.size)
    assert enas_space.gene_sizes == amber_space.gene_sizes


def test_skip_sources__of_twelve_layers_have_the_published_number_of_tokens() -> None:
    enas = Space(operations=amber().operations[:6], sources="enas")
    assert (enas.n_skips, enas.n_tokens, enas.size) == (66, 78, 6**12 * 2**66)
    assert all(len(sources) == layer for layer, sources in enumerate(enas.skip_sources))


def test_tokens__from_the_stem_on_have_the_published_order() -> None:
    space = Space(layers=3, reduce=(), sources="enas")
    architecture = Architecture(("conv4", "identity", "conv8"), ((), (-1,), (0,)))
    assert space.encode(architecture) == (1, 6, 1, 0, 0, 1)  # op0, op1, stem to 1, op2, stem to 2, 0 to 2
    assert space.read('{"operations":["conv4","identity","conv8"],"skips":[[],[-1],[0]]}') == architecture


def test_id__of_an_architecture_that_both_kinds_of_sources_allow_is_one() -> None:
    architecture = Architecture(("conv4", "identity", "conv8"), ((), (), (0,)))
    for sources in ("amber", "enas"):
        Space.from_dict({"layers": 3, "reduce": [], "sources": sources}).check(architecture)
    assert architecture.id == "dee23207d0"


@given(spaces(), st.integers(0, 2**32))
def test_sample__stays_inside_and_has_the_fixed_number_of_skips(space: Space, seed: int) -> None:
    architecture = space.sample(np.random.default_rng(seed))
    space.check(architecture)
    assert architecture.n_skips == int(space.skip_density * space.n_skips)


def test_sample__of_amber_base_has_26_of_66_skips_and_uniform_operations() -> None:
    space, rng = amber(), np.random.default_rng(0)
    sampled = [space.sample(rng) for _ in range(1000)]
    assert {a.n_skips for a in sampled} == {26}
    counts = np.array([sum(a.operations.count(o) for a in sampled) for o in space.operations])
    assert np.abs(counts / 12_000 - 1 / 7).max() < 0.016  # five standard errors
    taken = np.mean([[j in a.skips[11] for j in range(11)] for a in sampled], axis=0)
    assert np.abs(taken - 26 / 66).max() < 0.078


def test_layer_operations__decide_size_tokens_and_draws() -> None:
    space = Space(layers=3, operations=LAYERED, reduce=())  # type: ignore[arg-type]
    assert space.size == 3 * 2 * 3 * 2**3
    assert space.operations == ("conv4", "identity", "avg_pool4", "max_pool4")
    assert space.choices == space.layer_operations == LAYERED
    assert space.encode(Architecture(("identity", "identity", "max_pool4"), ((), (), ()))) == (1, 1, 0, 0, 0, 0)
    rng = np.random.default_rng(0)
    sampled = np.array([space.genes(space.sample(rng)) for _ in range(3000)])
    for gene, n in ((0, 3), (1, 2), (3, 3)):
        assert np.abs(np.bincount(sampled[:, gene], minlength=n) / 3000 - 1 / n).max() < 0.045  # five standard errors
    assert space.to_dict()["operations"] == [list(names) for names in LAYERED]


def test_layer_operations__that_are_all_the_same_are_one_list() -> None:
    common = Space(layers=2, operations=("conv4", "identity"), reduce=())
    assert Space(layers=2, operations=(("conv4", "identity"),) * 2, reduce=()) == common  # type: ignore[arg-type]
    assert Space(layers=2, layer_operations=(("conv4", "identity"),) * 2, reduce=()) == common
    assert common.layer_operations is None
    assert common.choices == (("conv4", "identity"),) * 2


def test_to_dict__of_spaces_with_one_list_is_as_finished_runs_have_it() -> None:
    assert set(amber().to_dict()) == {
        "layers", "operations", "width", "reduce", "skips", "skip_density", "pool_first", "head", "hidden",
        "stem_kernel", "dropout", "head_dropout",
    }  # fmt: skip


def test_to_dict__of_published_spaces_is_the_text_that_finished_runs_have() -> None:
    """Digests of the text that the version before `sources` and `combine` wrote; by it a run is known again."""
    texts = (
        json.dumps(space.to_dict())
        for space in (amber(), compact(), Space(layers=2, operations=LAYERED[:2], reduce=()))
    )  # type: ignore[arg-type]
    assert [sha256(text.encode()).hexdigest()[:16] for text in texts] == [
        "0a0090fd7b8890d9",
        "9737e1523e4f09f5",
        "9a6768e37d8c8c69",
    ]


def test_to_dict__says_sources_and_combine_where_they_are_not_the_published_ones() -> None:
    assert Space(sources="amber", combine="add") == Space()
    record = Space(sources="enas", combine="concat1x1").to_dict()
    assert (record["sources"], record["combine"]) == ("enas", "concat1x1")
    assert {k: v for k, v in record.items() if k not in ("sources", "combine")} == Space().to_dict()
    assert "combine" not in Space(sources="enas").to_dict()


def test_lengths__round_up_as_padding_same_does() -> None:
    assert amber().lengths(1000) == (1000, 250, 63, 16)
    assert Space(layers=3, reduce=(0, 1)).lengths(5) == (5, 2, 1)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"layers": 0}, "layers is 0; expected at least 1"),
        ({"width": 0}, "width is 0"),
        ({"dropout": 1.0}, "dropout is 1.0; expected a share"),
        ({"skip_density": -0.1}, "skip_density is -0.1"),
        ({"operations": []}, "operations are .*at least one"),
        ({"operations": ["conv4", "conv4"]}, "each once"),
        ({"operations": "conv4"}, "operations are 'conv4'; expected at least one"),
        ({"operations": [["conv4"], ["conv8"]]}, "operations are 2 lists; expected one for each of the 12 layers"),
        ({"layers": 2, "reduce": [], "operations": [["conv4"], []]}, "operations of layer 1 are .*at least one"),
        ({"layers": 2, "reduce": [], "operations": [["conv4"], "conv8"]}, "operations of layer 1 are 'conv8'"),
        ({"operations": ["conv"]}, "'conv' is not an operation"),
        ({"reduce": [11]}, "expected ascending, distinct layers from 0 to 10"),
        ({"reduce": [5, 2]}, "expected ascending"),
        ({"skips": "some"}, "skips is 'some'; expected one of all, stage, none"),
        ({"head": "mean"}, "head is 'mean'; expected one of flatten, gap"),
        ({"sources": "stem"}, "sources is 'stem'; expected one of amber, enas"),
        ({"combine": "concat"}, "combine is 'concat'; expected one of add, concat1x1"),
        ({"layer": 3}, "unknown key 'layer'. Did you mean 'layers'"),
    ],
)
def test_from_dict__refuses_what_cannot_be(settings: dict[str, object], words: str) -> None:
    with pytest.raises(SpaceError, match=words):
        Space.from_dict(settings)


@pytest.mark.parametrize(
    ("tokens", "words"),
    [
        ((0, 0), "found 2; this space has 3 tokens"),
        ((0, 9, 0), "layer 1 has operation 9"),
        ((0, 1, 2), "skip bits .2.*expected .*bits 0 or 1"),
    ],
)
def test_decode__refuses_tokens_of_no_architecture(tokens: tuple[int, ...], words: str) -> None:
    with pytest.raises(SpaceError, match=words):
        Space(layers=2, reduce=()).decode(tokens)


@pytest.mark.parametrize(
    ("architecture", "words"),
    [
        (Architecture(("conv4",), ((),)), "1 layers; this space has 2"),
        (Architecture(("conv4", "conv9"), ((), ())), "layer 1 is 'conv9'; this space has"),
        (Architecture(("conv4", "conv4"), ((), (0,))), "layer 1 has a skip connection from layer 0.*allows none"),
    ],
)
def test_check__says_where_an_architecture_leaves_the_space(architecture: Architecture, words: str) -> None:
    with pytest.raises(SpaceError, match=words):
        Space(layers=2, reduce=(), skips="none").check(architecture)


@pytest.mark.parametrize(
    ("sources", "skips", "words"),
    [
        ("amber", (-1,), r"layer 2 has a skip connection from the stem \(-1\); .*\(skips: all\) allows \[0, 1\]\."),
        ("enas", (1,), r"from layer 1; .*\(skips: all, sources: enas\) allows \[-1, 0\], of which -1 is the stem\."),
    ],
)
def test_check__says_which_sources_a_layer_may_have(sources: str, skips: tuple[int, ...], words: str) -> None:
    space = Space.from_dict({"layers": 3, "reduce": [], "sources": sources})
    with pytest.raises(SpaceError, match=words):
        space.check(Architecture(("conv8",) * 3, ((), (), skips)))
