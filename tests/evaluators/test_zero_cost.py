from __future__ import annotations

import copy
import itertools
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from ambergen import seeds
from ambergen.datasets.store import Store
from ambergen.errors import ConfigError, InputError
from ambergen.evaluators.zero_cost import (
    ZERO_COST,
    LabelledWindows,
    draw_windows,
    jacob_cov,
    multiply_adds,
    naswot,
    synflow,
    zero_cost,
    zero_cost_table,
    zico,
)
from ambergen.models import danq, deepsea, summary
from ambergen.models.building import build
from ambergen.models.danq import DanQ
from ambergen.models.deepsea import DeepSEA
from ambergen.models.layers import BatchNorm, Conv, Linear, TrackNetwork, batch_statistics
from ambergen.spaces.architecture import Architecture
from ambergen.spaces.presets import hierarchical
from ambergen.spaces.space import Space
from tests.models.small import KINDS_OF_SKIPS, LENGTH, N_TRACKS, SMALL, SPACES, architectures, randomise, uniform
from tests.simulated import SPACE

TINY = Space(layers=3, operations=("conv4", "max_pool4", "avg_pool4", "identity"), width=2, reduce=(0,), hidden=3)
SHORT = 11


def windows(n: int, length: int = LENGTH, n_tracks: int = N_TRACKS, seed: int = 0) -> LabelledWindows:
    """Windows with some unknown symbols, and labels of which some are unknown."""
    rng = np.random.default_rng(seed)
    return LabelledWindows(
        torch.from_numpy(rng.integers(0, 5, (n, length)).astype(np.uint8)),
        torch.from_numpy((rng.random((n, n_tracks)) < 0.3).astype(np.uint8)),
        torch.from_numpy(rng.random((n, n_tracks)) < 0.9),
    )


def tiny(architecture: Architecture, seed: int = 0) -> TrackNetwork:
    """A child in double precision whose biases and statistics are drawn."""
    return randomise(build(architecture, 2, SHORT, TINY, seed=seed).double(), seed)


MIXED = Architecture(("conv4", "max_pool4", "conv4"), ((), (0,), (0, 1)))


class Plain(TrackNetwork):
    """A dense layer, and nothing else."""

    def __init__(self, length: int = LENGTH, n_tracks: int = N_TRACKS) -> None:
        super().__init__()
        self.length, self.n_tracks = length, n_tracks
        self.output = Linear(4 * length, n_tracks)

    def forward(self, x: Tensor) -> Tensor:
        return self.output(x.flatten(1))


class Deaf(Plain):
    """Answers the same to every window."""

    def forward(self, x: Tensor) -> Tensor:
        return self.output(torch.ones_like(x).flatten(1))


# ---- sizes


@pytest.mark.parametrize("name", KINDS_OF_SKIPS)
@settings(max_examples=5)
@given(data=st.data())
def test_sizes__are_those_that_are_computed_without_building(name: str, data: st.DataObject) -> None:
    space = SPACES[name]
    architecture = data.draw(architectures(space))
    network, some = build(architecture, N_TRACKS, LENGTH, space), windows(4)
    assert zero_cost("multiply_adds", network, some) == summary.multiply_adds(space, architecture, N_TRACKS, LENGTH)
    assert zero_cost("parameters", network, some) == summary.child_parameters(space, architecture, N_TRACKS, LENGTH)


def test_sizes__of_hierarchical_networks() -> None:
    space, some = hierarchical(width=2), windows(4, 32, 2)
    for k in range(2):
        genotype = space.sample(seeds.generator(8, k))
        network = build(genotype, 2, 32, space, seed=0)
        scores = {name: zero_cost(name, network, some) for name in ZERO_COST}
        assert scores["multiply_adds"] == summary.multiply_adds(space, genotype, 2, 32)
        assert scores["parameters"] == summary.child_parameters(space, genotype, 2, 32)
        assert all(map(math.isfinite, scores.values()))


@pytest.mark.parametrize("length", [90, 200])
def test_multiply_adds__of_experts_networks(length: int) -> None:
    assert multiply_adds(DeepSEA(3, length, 0.02)) == deepsea.multiply_adds(3, length, 0.02)
    assert multiply_adds(DanQ(3, length, 0.02)) == danq.multiply_adds(3, length, 0.02)


# ---- synflow


def test_synflow__is_the_sum_of_weights_times_differences() -> None:
    network = tiny(MIXED)
    bare = copy.deepcopy(network).eval()
    with torch.no_grad():
        for module in bare.modules():
            if isinstance(module, BatchNorm):  # now it passes on what it gets
                module.running_mean.zero_()
                module.running_var.fill_(1 - module.eps)
                module.weight.fill_(1)
                module.bias.zero_()
            else:
                for parameter in module.parameters(recurse=False):
                    parameter.abs_()
        x = torch.full((1, 4, SHORT), 0.25, dtype=torch.float64)
        total = 0.0
        for module in bare.modules():
            if isinstance(module, Conv | Linear):
                weight = module.weight.view(-1)
                for k in range(len(weight)):
                    value = float(weight[k])
                    weight[k] = value * 1.001
                    above = float(bare(x).sum())
                    weight[k] = value * 0.999
                    total += (above - float(bare(x).sum())) / 0.002  # value * d out / d value
                    weight[k] = value
    assert synflow(network) == pytest.approx(math.log(total), rel=1e-6)


def test_synflow__every_layer_of_a_chain_passes_on_the_same_flow() -> None:
    network = DeepSEA(3, 90, 0.02)
    positive = copy.deepcopy(network).double().eval()
    with torch.no_grad():
        for parameter in positive.parameters():
            parameter.abs_()
        flow = float(positive(torch.full((1, 4, 90), 0.25, dtype=torch.float64)).sum())
    assert synflow(network) == pytest.approx(math.log(5 * flow), rel=1e-12)  # three convolutions, two dense layers


@settings(max_examples=10)
@given(architectures(TINY))
def test_synflow__of_ones_differs_from_that_of_any_sequence_by_a_constant(architecture: Architecture) -> None:
    network = build(architecture, 2, SHORT, TINY, seed=1)
    assert synflow(network, level=1) - synflow(network) == pytest.approx(math.log(4), rel=1e-9)


def test_synflow__ignores_signs_and_norms() -> None:
    network = tiny(MIXED)
    before = synflow(network)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.neg_()
        for module in network.modules():
            if isinstance(module, BatchNorm):
                module.weight.mul_(7)
                module.running_var.mul_(3)
    assert synflow(network) == before


def test_synflow__is_nan_where_nothing_flows() -> None:
    # All eight taps of the last layer lie five positions and more from the middle: at length 3 they see nothing.
    blocked = Architecture((*("conv8",) * 4, "conv8_d10"), ((),) * 5)
    assert math.isnan(synflow(build(blocked, N_TRACKS, LENGTH, SMALL, seed=1)))


# ---- naswot


def codes(network: TrackNetwork, some: LabelledWindows) -> np.ndarray:
    """(n, n_units): which ReLUs let each window through, batch norms with the statistics of these windows."""
    found: list[Tensor] = []
    hooks = [
        m.register_forward_hook(lambda _, inputs, __: found.append(inputs[0].flatten(1) > 0))
        for m in network.modules()
        if isinstance(m, nn.ReLU)
    ]
    with torch.no_grad(), batch_statistics(network.eval()):
        network(some.one_hot(network))
    for hook in hooks:
        hook.remove()
    return torch.cat(found, dim=1).numpy()


@settings(max_examples=10)
@given(architectures(TINY), st.integers(0, 5))
def test_naswot__is_the_determinant_of_the_counts_of_agreements(architecture: Architecture, seed: int) -> None:
    network, some = tiny(architecture, seed), windows(5, SHORT, 2, seed)
    bits = codes(copy.deepcopy(network), some)
    kernel = np.array([[sum(a == b for a, b in zip(one, other)) for other in bits] for one in bits], float)
    sign, log = np.linalg.slogdet(kernel)
    score = naswot(network, some)
    if sign > 0 and log > -1e-6:
        assert score == pytest.approx(log, abs=1e-6)
    else:
        assert score == pytest.approx(np.log(np.maximum(np.linalg.eigvalsh(kernel), 1e-5)).sum(), abs=1e-3)


def test_naswot__windows_with_one_code_cost_a_vanishing_eigenvalue_each() -> None:
    network, some = tiny(MIXED), windows(4, SHORT, 2)
    twice = LabelledWindows(some.tokens.repeat(2, 1), some.labels.repeat(2, 1))
    # Each eigenvalue of the half doubles, and as many vanish.
    expected = naswot(network, some) + 4 * math.log(2) + 4 * math.log(1e-5)
    assert naswot(network, twice) == pytest.approx(expected, abs=1e-6)


# ---- jacob_cov


@pytest.mark.parametrize("architecture", [MIXED, uniform("avg_pool4", TINY), uniform("identity", TINY)])
def test_jacob_cov__is_that_of_differences_of_the_outputs(architecture: Architecture) -> None:
    network, some = tiny(architecture), windows(4, SHORT, 2)
    still = copy.deepcopy(network).eval()
    x = some.one_hot(still).contiguous()
    gradient = torch.zeros_like(x)
    with torch.no_grad(), batch_statistics(still):
        for at in itertools.product(*map(range, x.shape)):
            value = float(x[at])
            x[at] = value + 1e-5
            above = float(still(x).sum())
            x[at] = value - 1e-5
            gradient[at] = (above - float(still(x).sum())) / 2e-5
            x[at] = value
    values = np.linalg.eigvalsh(np.corrcoef(gradient.flatten(1).numpy()))
    expected = -sum(math.log(v + 1e-5) + 1 / (v + 1e-5) for v in values)
    assert jacob_cov(network, some) == pytest.approx(expected, rel=1e-4)


def test_jacob_cov__windows_that_are_the_same_to_a_network_are_the_worst() -> None:
    n = 6
    assert jacob_cov(Plain(), windows(n)) == pytest.approx(
        -(math.log(n + 1e-5) + 1 / (n + 1e-5) + (n - 1) * (math.log(1e-5) + 1e5)), rel=1e-3
    )


# ---- zico


@pytest.mark.parametrize(("n", "n_batches"), [(13, 4), (5, 2)])
def test_zico__is_the_formula_written_out(n: int, n_batches: int) -> None:
    network, some = tiny(MIXED), windows(n, SHORT, 2)
    order = seeds.generator(3, "zico batches").permutation(n)
    gradients: dict[str, list[np.ndarray]] = {}
    assert some.known is not None
    for rows in np.array_split(order, n_batches):
        still = copy.deepcopy(network).eval()
        with batch_statistics(still):
            logits = still(some.one_hot(still)[rows])
        known = some.known[rows]
        loss = F.binary_cross_entropy_with_logits(logits[known], some.labels[rows][known].double())
        for (name, parameter), g in zip(
            still.named_parameters(), torch.autograd.grad(loss, list(still.parameters()), allow_unused=True)
        ):
            if parameter.ndim >= 2 and g is not None:
                gradients.setdefault(name, []).append(g.numpy().ravel())
    expected = 0.0
    for of_batches in gradients.values():
        layer = 0.0
        for values in zip(*of_batches):
            mean = sum(values) / n_batches
            sd = math.sqrt(sum((v - mean) ** 2 for v in values) / n_batches)
            layer += sum(map(abs, values)) / n_batches / sd if sd > 0 else 0.0
        expected += math.log(layer)
    assert zico(network, some, 3) == pytest.approx(expected, rel=1e-9)


def test_zico__needs_two_batches_of_two() -> None:
    with pytest.raises(InputError, match="zico: 3 windows; expected at least four"):
        zico(tiny(MIXED), windows(3, SHORT, 2))


def test_zico__the_seed_parts_the_windows() -> None:
    network, some = tiny(MIXED), windows(24, SHORT, 2)
    assert zico(network, some, 0) == zico(network, some, 0)
    assert zico(network, some, 0) != zico(network, some, 1)


# ---- all of them


NETWORKS = {
    "mixed": lambda: build(uniform("conv4"), N_TRACKS, LENGTH, SMALL, seed=0),
    "pools": lambda: build(uniform("max_pool4"), N_TRACKS, LENGTH, SMALL, seed=0),
    "identities": lambda: build(uniform("identity"), N_TRACKS, LENGTH, SMALL, seed=0),
    "deepsea": lambda: DeepSEA(N_TRACKS, LENGTH, 0.02),
    "danq": lambda: DanQ(N_TRACKS, LENGTH, 0.02),
}


@pytest.mark.parametrize("kind", NETWORKS)
def test_zero_cost__is_finite_and_leaves_the_network_as_it_was(kind: str) -> None:
    network, some = NETWORKS[kind](), windows(12)
    network.train()
    network(some.one_hot(network)).sum().backward()  # gradients that have to stay
    before, gradients = copy.deepcopy(network.state_dict()), [copy.deepcopy(p.grad) for p in network.parameters()]
    modules, random = list(network.modules()), torch.random.get_rng_state()
    for name in ZERO_COST:
        assert math.isfinite(zero_cost(name, network, some)), name
    assert network.training
    assert list(network.modules()) == modules
    assert not any(m._forward_hooks for m in modules)
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())
    for parameter, gradient in zip(network.parameters(), gradients, strict=True):
        assert (gradient is None and parameter.grad is None) or torch.equal(parameter.grad, gradient)
    assert torch.equal(torch.random.get_rng_state(), random)


@settings(max_examples=10)
@given(st.permutations(range(10)))
def test_zero_cost__the_order_of_windows_does_not_matter(order: list[int]) -> None:
    network, some = tiny(MIXED), windows(10, SHORT, 2)
    shuffled = some.part(np.array(order))
    for name in ("synflow", "naswot", "jacob_cov"):
        assert zero_cost(name, network, shuffled) == pytest.approx(zero_cost(name, network, some), rel=1e-6), name


def test_zero_cost__only_zico_looks_at_labels() -> None:
    network, some = tiny(MIXED), windows(12, SHORT, 2)
    other = LabelledWindows(some.tokens, 1 - some.labels, some.known)
    differing = [name for name in ZERO_COST if zero_cost(name, network, some) != zero_cost(name, network, other)]
    assert differing == ["zico"]


def test_zero_cost__unknown_labels_are_not_looked_at() -> None:
    network, some = tiny(MIXED), windows(12, SHORT, 2)
    assert some.known is not None
    other = LabelledWindows(some.tokens, torch.where(some.known, some.labels, 1 - some.labels), some.known)
    assert zico(network, some) == zico(network, other)


def test_zero_cost__what_a_network_lacks_is_nan() -> None:
    some = windows(8)
    scores = {name: zero_cost(name, Plain(), some) for name in ZERO_COST}
    assert [name for name, value in scores.items() if math.isnan(value)] == ["naswot"]
    scores = {name: zero_cost(name, Deaf(), some) for name in ZERO_COST}
    assert [name for name, value in scores.items() if math.isnan(value)] == ["naswot", "jacob_cov"]


def test_zero_cost__frozen_weights_are_scored_like_others() -> None:
    network, some = tiny(MIXED), windows(8, SHORT, 2)
    frozen = copy.deepcopy(network).requires_grad_(False)
    for name in ("synflow", "jacob_cov", "zico"):
        assert zero_cost(name, frozen, some) == zero_cost(name, network, some)


def test_zero_cost__names_the_nearest_score() -> None:
    with pytest.raises(ConfigError, match=r"'sinflow' is not one of them; expected parameters, .*mean 'synflow'\?"):
        zero_cost("sinflow", Plain(), windows(4))


def test_labelled_windows__one_is_too_few() -> None:
    with pytest.raises(InputError, match="1 windows with 1 rows of labels; expected at least two"):
        windows(1)


# ---- tables


def test_draw_windows__are_real_ones_of_the_training_split(small_store: Store) -> None:
    drawn = draw_windows(small_store, 30, seed=0)
    rows = small_store.indices("train")
    real = {row.tobytes(): label.tolist() for row, label in zip(small_store.tokens(rows), small_store.labels(rows))}
    assert [real[t.numpy().tobytes()] for t in drawn.tokens] == drawn.labels.tolist()
    assert len(drawn) == 30
    assert not torch.equal(drawn.tokens, draw_windows(small_store, 30, seed=1).tokens)
    assert len(draw_windows(small_store, 10**6, seed=0)) == len(rows)


def test_zero_cost_table__has_the_scores_of_the_network_that_a_training_starts_from(small_store: Store) -> None:
    drawn = [SPACE.sample(seeds.generator(5, k)) for k in range(3)]
    table = zero_cost_table(SPACE, drawn, small_store, seed=4, rows=16)
    assert tuple(table) == ZERO_COST
    some = draw_windows(small_store, 16, 4)
    for row, architecture in enumerate(drawn):
        size = small_store.n_tracks, small_store.length
        network = build(architecture, *size, SPACE, seed=seeds.derive(4, "initial weights"))
        for name in ZERO_COST:
            assert table[name][row] == zero_cost(name, network, some, 4), name


def test_zero_cost_table__a_candidate_scores_the_same_alone_and_among_others(small_store: Store) -> None:
    drawn = [SPACE.sample(seeds.generator(6, k)) for k in range(3)]
    names = ("synflow", "naswot", "zico")
    together = zero_cost_table(SPACE, drawn, small_store, names, rows=16)
    alone = zero_cost_table(SPACE, drawn[2:], small_store, names, rows=16)
    assert {name: values[2] for name, values in together.items()} == {n: v[0] for n, v in alone.items()}


def test_zero_cost_table__refuses_unknown_names_before_the_work(small_store: Store) -> None:
    with pytest.raises(ConfigError, match="'size' is not one of them"):
        zero_cost_table(SPACE, [], small_store, ("size",))
