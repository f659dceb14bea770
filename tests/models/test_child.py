"""What a child holds and what it runs."""

from __future__ import annotations

from collections import Counter

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from ambergen.errors import SpaceError
from ambergen.models.building import build
from ambergen.models.child import Child, projected_layers
from ambergen.models.layers import Dropout, MaxPoolReduce
from ambergen.spaces.architecture import Architecture
from ambergen.spaces.space import Space
from tests.models.small import KINDS_OF_SKIPS, LENGTH, N_TRACKS, SMALL, SPACES, architectures, windows


@pytest.mark.parametrize("name", KINDS_OF_SKIPS)
@settings(max_examples=8)
@given(data=st.data())
def test_child__runs_every_module_once(name: str, data: st.DataObject) -> None:
    """So that an attribution method can tell the uses of a module apart."""
    child = Child(SPACES[name], data.draw(architectures(SPACES[name])), N_TRACKS, LENGTH).eval()
    leaves = [m for m in child.modules() if not list(m.children())]
    runs: Counter[int] = Counter()
    for leaf in leaves:
        leaf.register_forward_hook(lambda module, _, __: runs.update([id(module)]))
    child(windows(2, dtype=torch.float32))
    assert runs == Counter(id(leaf) for leaf in leaves)


def test_child__rectifies_in_modules_only() -> None:
    architecture = Architecture(("conv8", "max_pool4", "identity", "avg_pool4", "conv4"), SMALL.skip_sources)
    child = Child(SMALL, architecture, N_TRACKS, LENGTH)
    relus = [m for m in child.modules() if isinstance(m, nn.ReLU)]
    assert len(relus) == 4 + 1  # one for every layer but the identity, and the dense layer's
    assert not any(r.inplace for r in relus)
    functions, seen = [child(windows(2, dtype=torch.float32)).grad_fn], set()
    n_rectified = 0
    while functions:
        function = functions.pop()
        if function is None or function in seen:
            continue
        seen.add(function)
        n_rectified += "Relu" in function.name() or "Threshold" in function.name()
        functions.extend(following for following, _ in function.next_functions)
    assert n_rectified == len(relus)


def test_child__gives_logits_of_its_own_length() -> None:
    child = build(SMALL.decode([0] * SMALL.n_tokens), N_TRACKS, 41, SMALL)
    assert (child.length, child.n_tracks) == (41, N_TRACKS)
    assert child(windows(2, 41, torch.float32)).shape == (2, N_TRACKS)
    assert child.output_layer is child.head.output


@pytest.mark.parametrize("name", KINDS_OF_SKIPS)
@settings(max_examples=10)
@given(data=st.data())
def test_child__has_the_projections_that_are_used(name: str, data: st.DataObject) -> None:
    space = SPACES[name]
    architecture = data.draw(architectures(space))
    child = Child(space, architecture, N_TRACKS, LENGTH)
    used = [
        {j for j in range(-1, r) if any(j in sources for sources in architecture.skips[r + 1 :])} | {r}
        for r in space.reduce
    ]
    assert projected_layers(space, architecture) == used
    assert [{-1 if j == "stem" else int(j) for j in each} for each in child.reductions] == used
    assert sum(isinstance(m, MaxPoolReduce) for m in child.modules()) == sum(map(len, used))


def test_child__has_a_slice_of_the_1x1_convolution_for_each_output_that_it_concatenates() -> None:
    space = SPACES["from the stem, concatenated"]
    child = Child(space, Architecture(("conv8",) * 5, ((), (), (-1, 0), (), (2,))), N_TRACKS, LENGTH)
    assert child.slices is not None
    assert {layer: list(own) for layer, own in child.slices.items()} == {
        "1": ["operation"],
        "2": ["operation", "stem", "0"],
        "3": ["operation"],
        "4": ["operation", "2"],
    }
    assert Child(SMALL, Architecture(("conv8",) * 5, ((),) * 5), N_TRACKS, LENGTH).slices is None


def test_child__drops_after_every_layer_and_before_the_dense_layer() -> None:
    space = Space(layers=5, width=4, reduce=(1, 3), hidden=6, dropout=0.2, head_dropout=0.3)
    child = Child(space, space.decode([0] * space.n_tokens), N_TRACKS, LENGTH)
    assert [m.rate for m in child.modules() if isinstance(m, Dropout)] == [0.2] * 5 + [0.3]


def test_child__norms_every_layer_but_the_first_also_without_skip_connections() -> None:
    child = Child(SMALL, Architecture(("identity",) * 5, ((),) * 5), N_TRACKS, LENGTH)
    assert [type(m).__name__ for m in child.norms] == ["Identity"] + ["BatchNorm"] * 4


def test_build__seed_decides_the_weights_and_leaves_torchs_generator() -> None:
    architecture = SMALL.decode([0] * SMALL.n_tokens)
    torch.manual_seed(9)
    before = torch.random.get_rng_state()
    first, second, other = (build(architecture, N_TRACKS, LENGTH, SMALL, seed=s) for s in (1, 1, 2))
    assert torch.equal(torch.random.get_rng_state(), before)
    for name, value in first.state_dict().items():
        assert torch.equal(value, second.state_dict()[name])
    assert not torch.equal(first.state_dict()["stem.0.weight"], other.state_dict()["stem.0.weight"])


def test_build__takes_the_published_space_where_none_is_named() -> None:
    with torch.device("meta"):
        child = build(Space().decode([0] * 78), 919, 1000)
    assert child.space == Space()


def test_build__refuses_an_architecture_of_another_space() -> None:
    with pytest.raises(SpaceError, match="3 layers; this space has 5"):
        build(Architecture(("conv8",) * 3, ((),) * 3), N_TRACKS, LENGTH, SMALL)


def test_child__takes_other_alphabets() -> None:
    child = build(SMALL.decode([0] * SMALL.n_tokens), N_TRACKS, LENGTH, SMALL, n_symbols=20)
    assert child(torch.zeros(2, 20, LENGTH)).shape == (2, N_TRACKS)
