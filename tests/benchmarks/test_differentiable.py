"""The estimators and the search of `benchmarks/differentiable.py`."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from ambergen.evaluators.tabular import three_layers
from ambergen.models.supernetwork import Supernet
from ambergen.spaces.architecture import Architecture
from ambergen.spaces.space import Space
from ambergen.strategies.base import Rated
from ambergen.strategies.supernet_evolution import SupernetEvolution, SupernetEvolutionConfig

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def load_script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, BENCHMARKS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up here
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))  # benchmarks import one another by name
        patch.setenv("OMP_NUM_THREADS", "1")  # which they set, and which is put back here
        spec.loader.exec_module(module)
    return module


script = load_script("differentiable")

LENGTH, TRACKS = 24, 3


def plain_space() -> Space:
    return Space(layers=3, width=4, reduce=(0,), skips="none", head="gap", hidden=8, dropout=0.0, head_dropout=0.0)


def skip_space() -> Space:
    operations = ("conv4", "max_pool4", "identity")
    return Space(
        operations=operations, layers=3, width=4, reduce=(), head="gap", hidden=8, dropout=0.0, head_dropout=0.0
    )


def enas_space() -> Space:
    """With skip connections from the stem and from the first layer, concatenated."""
    return replace(skip_space(), sources="enas", combine="concat1x1", skip_density=0.5)


def network(space: Space) -> Supernet:
    torch.manual_seed(0)
    return Supernet(space, TRACKS, LENGTH).double()


def windows(n: int = 16) -> tuple[torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(1)
    x = torch.eye(4, dtype=torch.float64)[torch.from_numpy(rng.integers(4, size=(n, LENGTH)))].transpose(1, 2)
    return x, torch.from_numpy(rng.integers(2, size=(n, TRACKS))).double()


def drawn_gates(space: Space, architecture: Architecture) -> script.Gates:
    """Gates of one architecture as leaves, so that each has a gradient of its own."""
    operations = tuple(
        torch.tensor([float(n == name) for n in names], dtype=torch.float64, requires_grad=True)
        for names, name in zip(space.choices, architecture.operations, strict=True)
    )
    skips = tuple(
        torch.tensor([float(j in chosen) for j in sources], dtype=torch.float64, requires_grad=True)
        for sources, chosen in zip(space.skip_sources, architecture.skips, strict=True)
    )
    return script.Gates(architecture, operations, skips)


def some_architecture(space: Space) -> Architecture:
    return space.sample(np.random.default_rng(3))


# ---- choices with a gradient

NUMBERS = st.lists(st.floats(-4, 4), min_size=2, max_size=7)


@given(logits=NUMBERS, seed=st.integers(0, 2**31), temperature=st.floats(0.1, 10))
def test_hard_choice__is_one_hot_with_the_gradient_of_the_relaxed_sample(
    logits: list[float], seed: int, temperature: float
) -> None:
    rng = np.random.default_rng(seed)
    noise, weights = torch.from_numpy(rng.gumbel(size=len(logits))), torch.from_numpy(rng.normal(size=len(logits)))
    parameter = torch.tensor(logits, dtype=torch.float64, requires_grad=True)
    choice = script.hard_choice(parameter, noise, temperature)
    assert choice.tolist() == [float(k == int((parameter + noise).argmax())) for k in range(len(logits))]

    (gradient,) = torch.autograd.grad(choice @ weights, parameter)
    # The derivative of a softmax by hand: the log-softmax in it moves all logits alike, which a softmax does not see.
    raised = (np.array(logits) + noise.numpy()) / temperature
    relaxed = np.exp(raised - raised.max())
    relaxed /= relaxed.sum()
    expected = relaxed * (weights.numpy() - relaxed @ weights.numpy()) / temperature
    np.testing.assert_allclose(gradient.numpy(), expected, rtol=1e-9, atol=1e-12)


def test_hard_choice__draws_the_softmax_at_any_temperature() -> None:
    logits, n = torch.tensor([0.0, 1.0, -1.0, 0.5]), 20_000
    noise = torch.from_numpy(np.random.default_rng(0).gumbel(size=(n, 4)))
    hot, cold = (script.hard_choice(logits.expand(n, 4), noise, t) for t in (10.0, 0.1))
    assert hot.equal(cold)
    assert stats.chisquare(hot.sum(0).numpy(), n * logits.double().softmax(0).numpy()).pvalue > 0.01


@pytest.mark.parametrize("log_odds", [-1.5, 0.7])
def test_hard_choice__has_the_expected_gradient_of_the_closed_form(log_odds: float) -> None:
    # Two operations at temperature 1: with a = exp(log odds) the mean relaxed sample is the integral over u of
    # a u / (1 - u + a u), which is a / (a - 1) - a log(a) / (a - 1)^2; its derivative by log odds is taken below.
    def mean_sample(t: float) -> float:
        a = np.exp(t)
        return a / (a - 1) - a * t / (a - 1) ** 2

    n, h = 400_000, 1e-4
    noise = torch.from_numpy(np.random.default_rng(1).gumbel(size=(n, 2)))
    logits = torch.tensor([log_odds, 0.0], dtype=torch.float64, requires_grad=True)
    loss = script.hard_choice(logits.expand(n, 2), noise, 1.0) @ torch.tensor([2.0, -1.0], dtype=torch.float64)
    (gradient,) = torch.autograd.grad(loss.mean(), logits)
    slope = 3.0 * (mean_sample(log_odds + h) - mean_sample(log_odds - h)) / (2 * h)
    np.testing.assert_allclose(gradient.numpy(), [slope, -slope], atol=2e-3)


@given(log_odds=NUMBERS, seed=st.integers(0, 2**31), temperature=st.floats(0.1, 10))
def test_hard_gate__is_zero_or_one_with_the_gradient_of_the_relaxed_gate(
    log_odds: list[float], seed: int, temperature: float
) -> None:
    rng = np.random.default_rng(seed)
    noise = torch.from_numpy(rng.logistic(size=len(log_odds)))
    parameter = torch.tensor(log_odds, dtype=torch.float64, requires_grad=True)
    gate = script.hard_gate(parameter, noise, temperature)
    assert gate.tolist() == [float(v > 0) for v in (parameter + noise).tolist()]
    (gradient,) = torch.autograd.grad(gate.sum(), parameter)
    relaxed = 1 / (1 + np.exp(-(np.array(log_odds) + noise.numpy()) / temperature))
    np.testing.assert_allclose(gradient.numpy(), relaxed * (1 - relaxed) / temperature, rtol=1e-6, atol=1e-12)


def test_hard_gate__is_open_with_the_probability_of_its_logit() -> None:
    noise = torch.from_numpy(np.random.default_rng(0).logistic(size=20_000))
    n_open = int(script.hard_gate(torch.full((20_000,), -0.4), noise, 5.0).sum())
    assert stats.binomtest(n_open, 20_000, float(torch.sigmoid(torch.tensor(-0.4)))).pvalue > 0.01


# ---- the gated path


@pytest.mark.parametrize("space", [plain_space(), skip_space(), enas_space()], ids=["plain", "skips", "from the stem"])
@pytest.mark.parametrize(("whole", "even"), [(False, False), (True, False), (True, True)])
def test_gated_logits__are_those_of_the_path(space: Space, whole: bool, even: bool) -> None:
    supernet, (x, _), architecture = network(space).eval(), windows(), some_architecture(space)
    gated = script.gated_logits(supernet, x, drawn_gates(space, architecture), whole, even)
    torch.testing.assert_close(gated, supernet(x, architecture), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("space", [plain_space(), skip_space(), enas_space()], ids=["plain", "skips", "from the stem"])
def test_gated_logits__of_all_operations_have_the_gradient_of_finite_differences(space: Space) -> None:
    supernet, (x, labels), architecture = network(space).train(), windows(), some_architecture(space)
    gates = drawn_gates(space, architecture)
    leaves = [g for g in (*gates.operations, *gates.skips) if g.numel()]

    def loss() -> torch.Tensor:
        return script.masked_bce(script.gated_logits(supernet, x, gates, True), labels, None)

    gradients = torch.autograd.grad(loss(), leaves)
    for leaf, gradient in zip(leaves, gradients, strict=True):
        for k in range(len(leaf)):
            values = []
            for move in (1e-6, -2e-6):
                with torch.no_grad():
                    leaf[k] += move
                    values.append(float(loss()))
            with torch.no_grad():
                leaf[k] += 1e-6
            assert float(gradient[k]) == pytest.approx((values[0] - values[1]) / 2e-6, rel=1e-3, abs=1e-7)


def test_gated_logits__of_the_drawn_path_alone_tell_nothing_under_batch_norm() -> None:
    """Without skip connections a norm takes the scale of the drawn operation out, and with it the gate's gradient."""
    space = plain_space()
    supernet, (x, labels), architecture = network(space).train(), windows(), some_architecture(space)
    gradients = {}
    for whole in (False, True):
        gates = drawn_gates(space, architecture)
        loss = script.masked_bce(script.gated_logits(supernet, x, gates, whole), labels, None)
        gradients[whole] = torch.cat(torch.autograd.grad(loss, gates.operations)).abs()
    assert float(gradients[False].max()) < 1e-3 * float(gradients[True].max())


def test_at_spread_of__only_the_spread_of_a_channel_changes() -> None:
    rng = np.random.default_rng(2)
    example, x = (torch.from_numpy(scale * rng.normal(size=(5, 3, 1, 8)) + 1) for scale in (0.1, 7.0))
    x[:, 2] = 4.0
    scaled = script.at_spread_of(example, x)
    wanted = example[:, :2].numpy().std(axis=(0, 2, 3))
    np.testing.assert_allclose(scaled[:, :2].numpy().std(axis=(0, 2, 3)), wanted, rtol=1e-9)
    np.testing.assert_allclose(np.corrcoef(scaled[:, 0].numpy().ravel(), x[:, 0].numpy().ravel())[0, 1], 1)
    assert scaled[:, 2].equal(x[:, 2])


# ---- the search


def toy_loss(gates: script.Gates, worth: torch.Tensor) -> torch.Tensor:
    """Minus what the drawn operations are worth."""
    return -sum((gate @ row for gate, row in zip(gates.operations, worth, strict=True)), start=torch.zeros(()))


def test_policy__finds_the_planted_operations() -> None:
    space, rng = plain_space(), np.random.default_rng(5)
    policy = script.Policy(space, script.GdasConfig(rate=0.02), rng)
    worth = torch.rand(3, 7, generator=torch.Generator().manual_seed(0)) * 0.8
    planted = [2, 6, 0]
    worth[range(3), planted] = 1.0
    for step in range(400):
        policy.learn(toy_loss(policy.draw(10 - 9.9 * step / 399, rng), worth))
    goal = Architecture(tuple(space.choices[i][k] for i, k in enumerate(planted)), ((), (), ()))
    assert policy.best() == goal
    assert policy.log_probability(goal) > np.log(0.2)  # 0.003 at the start


def test_policy__finds_planted_skip_connections_and_else_keeps_their_density() -> None:
    space, rng = skip_space(), np.random.default_rng(6)
    policy = script.Policy(space, script.GdasConfig(rate=0.05, skip_weight=0.1), rng)
    pairs = [(i, j) for i, sources in enumerate(space.skip_sources) for j in sources]
    wanted, indifferent = pairs[0], pairs[-1]
    for step in range(300):
        gates = policy.draw(10 - 9.9 * step / 299, rng)
        i, j = wanted
        unmoved = torch.cat(gates.operations).sum()  # always 3
        policy.learn(unmoved - gates.skips[i][space.skip_sources[i].index(j)])
    density = dict(zip(pairs, torch.sigmoid(torch.cat(policy.skips)).tolist(), strict=True))
    assert wanted[1] in policy.best().skips[wanted[0]]
    assert density[wanted] > 0.9
    assert density[indifferent] == pytest.approx(space.skip_density, abs=1e-3)


def test_policy__probabilities_of_all_architectures_add_up_to_one() -> None:
    space = Space(operations=("conv4", "identity"), layers=2, width=4, reduce=(), head="gap", hidden=8)
    policy = script.Policy(space, script.GdasConfig(), np.random.default_rng(0))
    with torch.no_grad():
        policy.operations[0][1] += 1.0
    tokens = np.indices(space.gene_sizes).reshape(len(space.gene_sizes), -1).T
    total = sum(np.exp(policy.log_probability(space.from_genes(t))) for t in tokens.tolist())
    assert space.size == len(tokens)
    assert total == pytest.approx(1, abs=1e-6)


# ---- the comparison


def test_judge__a_perfect_score_has_no_regret() -> None:
    table = three_layers()
    value = table.value()
    judged = script.judge(table, value.tolist(), 0)
    assert (judged.regret, judged.rank) == (0, 1)
    assert judged.tau == pytest.approx(1)
    worst = script.judge(table, (-value).tolist(), 0)
    assert worst.rank == len(value)
    assert worst.regret == pytest.approx(value.max() - value.min())


def test_oneshot__the_evolution_that_ships_rates_the_whole_table() -> None:
    table, config = three_layers(), SupernetEvolutionConfig()
    strategy, seen = SupernetEvolution(table.space, 0), set()
    for _ in range(8):  # of 20 rounds
        asked = strategy.ask(config.population)
        seen |= {a.id for a in asked}
        strategy.tell([Rated(a, float(table.value()[table.index(a)])) for a in asked])
    assert config.trials > 8 * config.population
    assert len(seen) == table.space.size
