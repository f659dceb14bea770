"""The supernet computes, trains and remembers the sampled path only; scoring many children is scoring each."""

from __future__ import annotations

import copy
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from ambergen.models.layers import BatchNorm, Conv, batch_statistics
from ambergen.models.supernetwork import Norms, Supernet
from ambergen.spaces.architecture import Architecture
from ambergen.spaces.space import Space
from ambergen.training.config import TrainConfig
from ambergen.training.step import make_optimizer, train_step
from tests.models.small import (
    KINDS_OF_SKIPS,
    LENGTH,
    N_TRACKS,
    SMALL,
    SPACES,
    architectures,
    randomise,
    uniform,
    windows,
)


@pytest.fixture(scope="module")
def supernet() -> Supernet:
    torch.manual_seed(0)
    return randomise(Supernet(SMALL, N_TRACKS, LENGTH)).eval()


class Step:
    """A batch as training knows it."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.tokens = torch.from_numpy(rng.integers(0, 5, (6, LENGTH), dtype=np.uint8))
        self.labels = torch.from_numpy(rng.integers(0, 2, (6, N_TRACKS), dtype=np.uint8))
        self.known = None


def randomised(name: str, norms: Norms = "shared") -> Supernet:
    torch.manual_seed(0)
    return randomise(Supernet(SPACES[name], N_TRACKS, LENGTH, norms=norms)).eval()


@pytest.mark.parametrize("name", KINDS_OF_SKIPS)
def test_child__parameters_are_those_of_its_path(name: str) -> None:
    supernet = randomised(name)

    @settings(max_examples=20)
    @given(architecture=architectures(SPACES[name]))
    def check(architecture: Architecture) -> None:
        check_parameters(supernet, architecture)

    check()


def check_parameters(supernet: Supernet, architecture: Architecture) -> None:
    child = supernet.child(architecture)
    mine = supernet.state_dict()
    for name, value in child.state_dict().items():
        assert torch.equal(value, mine[name])
        assert value.data_ptr() != mine[name].data_ptr()
    chosen = {f"layers.{i}.{name}" for i, name in enumerate(architecture.operations)}
    if supernet.space.combine == "concat1x1":
        words = {-1: "stem"}
        chosen |= {f"slices.{i}.operation" for i, allowed in enumerate(supernet.space.skip_sources) if allowed}
        chosen |= {f"slices.{i}.{words.get(j, j)}" for i, sources in enumerate(architecture.skips) for j in sources}
    layers = {n for n in child.state_dict() if n.startswith(("layers.", "slices."))}
    assert layers == {n for n in mine if ".".join(n.split(".")[:3]) in chosen}
    always = ("stem.", "norms.", "head.")
    assert {n for n in child.state_dict() if n.startswith(always)} == {n for n in mine if n.startswith(always)}


def test_child__is_a_copy_in_the_same_mode(supernet: Supernet) -> None:
    architecture = SMALL.decode([0] * SMALL.n_tokens)
    child = copy.deepcopy(supernet).train().child(architecture)
    assert child.training
    assert not supernet.child(architecture).training


def test_projections__every_earlier_output_has_its_own_when_skips_cross_stages() -> None:
    supernet = Supernet(SMALL, N_TRACKS, LENGTH)
    assert [sorted(map(int, r)) for r in supernet.reductions] == [[0, 1], [0, 1, 2, 3]]
    supernet = Supernet(SPACES["skips in a stage"], N_TRACKS, LENGTH)
    assert [sorted(map(int, r)) for r in supernet.reductions] == [[1], [3]]
    supernet = Supernet(SPACES["from the stem"], N_TRACKS, LENGTH)
    assert [list(r) for r in supernet.reductions] == [["stem", "0", "1"], ["stem", "0", "1", "2", "3"]]
    supernet = Supernet(SPACES["from the start of a stage, concatenated"], N_TRACKS, LENGTH)
    assert [list(r) for r in supernet.reductions] == [["2"]]
    with torch.device("meta"):
        published = Supernet(Space(), 919, 1000)
    assert sum(len(r) for r in published.reductions) == 18


def test_slices__of_concatenated_outputs_are_one_for_each_source_of_each_layer() -> None:
    slices = Supernet(SPACES["from the stem, concatenated"], N_TRACKS, LENGTH).slices
    assert slices is not None
    assert {layer: list(own) for layer, own in slices.items()} == {
        str(layer): ["operation", "stem", *map(str, range(layer - 1))] for layer in range(1, 5)
    }


@pytest.mark.parametrize("name", KINDS_OF_SKIPS)
def test_forward__computes_the_sampled_path_only(name: str) -> None:
    supernet = randomised(name)

    @settings(max_examples=20)
    @given(architecture=architectures(SPACES[name]))
    def check(architecture: Architecture) -> None:
        check_path(supernet, architecture)

    check()


def check_path(supernet: Supernet, architecture: Architecture) -> None:
    ran: list[str] = []
    hooks = [
        module.register_forward_hook(lambda _, __, ___, name=name: ran.append(name))
        for name, module in supernet.named_modules()
        if not list(module.children())
    ]
    try:
        supernet(windows(2, dtype=torch.float32), architecture)
    finally:
        for hook in hooks:
            hook.remove()
    child = supernet.child(architecture)
    leaves = {name for name, module in child.named_modules() if not list(module.children())}
    assert len(ran) == len(set(ran))
    assert set(ran) == leaves


def snapshot(supernet: Supernet, optimizer: torch.optim.Optimizer) -> dict[str, list[Tensor]]:
    """Every value that a step could touch, by name: parameters with their optimiser state, and buffers."""
    values = {name: [value.clone()] for name, value in supernet.named_buffers()}
    for name, parameter in supernet.named_parameters():
        state = optimizer.state.get(parameter, {})
        values[name] = [parameter.detach().clone(), *(value.clone() for _, value in sorted(state.items()))]
    return values


@pytest.mark.parametrize("name", KINDS_OF_SKIPS)
@pytest.mark.parametrize(
    "config",
    [
        TrainConfig(),
        TrainConfig(optimizer="adam", l1=1e-3, l2=1e-2, max_norm=0.5, gradient_clip=1.0, weight_decay=0),
    ],
    ids=["adamw", "adam with penalties"],
)
def test_step__leaves_what_is_outside_the_path_bit_identical(config: TrainConfig, name: str) -> None:
    torch.manual_seed(1)
    space = SPACES[name]
    supernet = randomise(Supernet(space, N_TRACKS, LENGTH)).train()
    optimizer = make_optimizer(supernet, config)
    kernels = [m for m in supernet.modules() if isinstance(m, Conv)]

    def step(architecture: Architecture, seed: int) -> None:
        path = partial(supernet, architecture=architecture)
        train_step(path, Step(seed), kernels, optimizer, config, torch.float32, 4)

    rng = np.random.default_rng(0)
    for seed in range(4):
        step(space.sample(rng), seed)
    architecture = space.sample(rng)
    before = snapshot(supernet, optimizer)
    step(architecture, 9)
    after = snapshot(supernet, optimizer)
    path = supernet.child(architecture).state_dict()
    for name, old in before.items():
        unchanged = len(old) == len(after[name]) and all(map(torch.equal, old, after[name]))
        if name in path:
            assert not unchanged, f"{name} is on the path and was not trained"
        elif not name.endswith("scale"):
            assert unchanged, f"{name} is outside the path and was touched"


def one_by_one(supernet: Supernet, x: Tensor, chosen: list[Architecture]) -> Tensor:
    with torch.no_grad():
        return torch.stack([supernet(x, a) for a in chosen])


@pytest.mark.parametrize("name", SPACES)
@settings(max_examples=5)
@given(data=st.data())
def test_score_many__equals_one_by_one_bit_for_bit(name: str, data: st.DataObject) -> None:
    space = SPACES[name]
    chosen = data.draw(st.lists(architectures(space), min_size=1, max_size=6))
    chosen += data.draw(st.lists(st.sampled_from(chosen), max_size=3))
    torch.manual_seed(5)
    supernet = randomise(Supernet(space, N_TRACKS, LENGTH)).eval()
    for dtype in (torch.float32, torch.bfloat16):
        x = windows(4, dtype=dtype)
        assert torch.equal(supernet.score_many(x, chosen), one_by_one(supernet, x, chosen))
        with batch_statistics(supernet):
            assert torch.equal(supernet.score_many(x, chosen), one_by_one(supernet, x, chosen))


def test_score_many__of_a_converged_policy_runs_a_prefix_once(supernet: Supernet) -> None:
    base = SMALL.decode([0] * SMALL.n_tokens)
    other = Architecture((*base.operations[:-1], "identity"), base.skips)
    ran: list[str] = []
    hooks = [
        module.register_forward_hook(lambda _, __, ___, name=name: ran.append(name))
        for name, module in supernet.named_modules()
        if isinstance(module, Conv)
    ]
    supernet.score_many(windows(2, dtype=torch.float32), [base, other, base])
    for hook in hooks:
        hook.remove()
    assert len(ran) == len(set(ran)) == 1 + SMALL.layers + len(SMALL.reduce)


def test_score_many__touches_nothing(supernet: Supernet) -> None:
    before = {name: value.clone() for name, value in supernet.state_dict().items()}
    rng = np.random.default_rng(3)
    with batch_statistics(supernet):
        supernet.score_many(windows(5, dtype=torch.float32), [SMALL.sample(rng) for _ in range(4)])
    assert all(torch.equal(value, before[name]) for name, value in supernet.state_dict().items())
    assert all(p.grad is None for p in supernet.parameters())


def test_batch_statistics__make_a_score_independent_of_what_was_trained_before(supernet: Supernet) -> None:
    architecture = SMALL.sample(np.random.default_rng(4))
    x, other = windows(8, dtype=torch.float32), copy.deepcopy(supernet)
    for module in other.modules():
        if hasattr(module, "running_mean"):
            module.running_mean.add_(1.0)
    with batch_statistics(supernet), batch_statistics(other):
        assert torch.equal(supernet(x, architecture), other(x, architecture))
    assert not torch.equal(supernet(x, architecture), other(x, architecture))


# ---- statistics of each path


def recalibrated_by_hand(supernet: Supernet, architecture: Architecture, batches: list[Tensor]) -> torch.nn.Module:
    """A copy of the path, whose batch norms average over the batches."""
    child = supernet.child(architecture).eval()
    norms = [m for m in child.modules() if isinstance(m, BatchNorm)]
    for norm in norms:
        norm.reset_running_stats()
        norm.train().momentum = None
    with torch.no_grad():
        for batch in batches:
            child(batch)
    return child.eval()


@pytest.mark.parametrize("name", KINDS_OF_SKIPS)
@pytest.mark.parametrize("norms", ["shared", "operation"])
@settings(max_examples=4)
@given(data=st.data(), n_batches=st.integers(1, 3))
def test_recalibrate__equals_children_recalibrated_by_hand_bit_for_bit(
    norms: Norms, name: str, data: st.DataObject, n_batches: int
) -> None:
    chosen = data.draw(st.lists(architectures(SPACES[name]), min_size=1, max_size=5))
    supernet = randomised(name, norms).train()
    batches = [windows(4 + k, dtype=torch.float32, seed=k) for k in range(n_batches)]
    x = windows(3, dtype=torch.float32, seed=9)
    statistics = supernet.recalibrate(batches, chosen)
    found = supernet.score_many(x, chosen, statistics)
    with torch.no_grad():
        expected = torch.stack([recalibrated_by_hand(supernet, a, batches)(x) for a in chosen])
    assert torch.equal(found, expected)


@pytest.mark.parametrize("norms", ["shared", "operation"])
def test_recalibrate__leaves_the_supernet_as_it_was(norms: Norms) -> None:
    torch.manual_seed(6)
    supernet = randomise(Supernet(SMALL, N_TRACKS, LENGTH, norms=norms))
    before = {name: value.clone() for name, value in supernet.state_dict().items()}
    rng = np.random.default_rng(3)
    chosen = [SMALL.sample(rng) for _ in range(3)]
    statistics = supernet.recalibrate([windows(5, dtype=torch.float32)], chosen)
    supernet.score_many(windows(5, dtype=torch.float32), chosen, statistics)
    assert all(torch.equal(value, before[name]) for name, value in supernet.state_dict().items())
    assert not supernet.training
    for module in supernet.modules():
        if isinstance(module, BatchNorm):
            assert module.momentum == 0.1
            assert not module.training


# ---- a norm for each operation


def test_norms__of_operations_start_as_shared_ones_do() -> None:
    def make(norms: Norms) -> Supernet:
        torch.manual_seed(2)
        return Supernet(SMALL, N_TRACKS, LENGTH, norms=norms).eval()

    shared, own = make("shared"), make("operation")
    architecture = SMALL.sample(np.random.default_rng(0))
    x = windows(4, dtype=torch.float32)
    assert torch.equal(shared(x, architecture), own(x, architecture))
    extra = sum(m.num_features for m in shared.norms if isinstance(m, BatchNorm)) * 2 * (len(SMALL.operations) - 1)
    assert sum(isinstance(m, torch.nn.ModuleDict) for m in own.norms) == SMALL.layers - 1
    assert sum(p.numel() for p in own.parameters()) == sum(p.numel() for p in shared.parameters()) + extra


@settings(max_examples=10)
@given(architecture=architectures())
def test_norms__of_operations_are_copied_into_the_child(architecture: Architecture) -> None:
    torch.manual_seed(3)
    supernet = randomise(Supernet(SMALL, N_TRACKS, LENGTH, norms="operation")).eval()
    x = windows(4, dtype=torch.float32)
    with torch.no_grad():
        assert torch.equal(supernet.child(architecture)(x), supernet(x, architecture))
    child, mine = supernet.child(architecture), supernet.state_dict()
    for layer, name in list(enumerate(architecture.operations))[1:]:
        assert torch.equal(child.state_dict()[f"norms.{layer}.weight"], mine[f"norms.{layer}.{name}.weight"])


def test_norms__of_other_operations_are_not_touched() -> None:
    torch.manual_seed(4)
    supernet = Supernet(SMALL, N_TRACKS, LENGTH, norms="operation").train()
    before = {name: value.clone() for name, value in supernet.state_dict().items()}
    supernet(windows(6, dtype=torch.float32), uniform("conv4")).sum().backward()
    after = supernet.state_dict()
    changed = {n for n in after if n.startswith("norms.") and not torch.equal(after[n], before[n])}
    assert {n.split(".")[2] for n in changed} == {"conv4"}
    trained = {n for n, p in supernet.named_parameters() if n.startswith("norms.") and p.grad is not None}
    assert {n.split(".")[2] for n in trained} == {"conv4"}
