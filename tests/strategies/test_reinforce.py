from __future__ import annotations

import io
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.distributions import Bernoulli, kl_divergence

from ambergen.errors import ConfigError, StoreError
from ambergen.spaces.architecture import Architecture
from ambergen.spaces.base import Candidate
from ambergen.spaces.presets import amber, compact
from ambergen.spaces.space import Space
from ambergen.strategies.base import Rated, Strategy
from ambergen.strategies.controller import Controller
from ambergen.strategies.random import RandomStrategy
from ambergen.strategies.reinforce import (
    PRESETS,
    ControllerConfig,
    ControllerStrategy,
    advantages,
    policy_divergence,
    ppo_loss,
    ranks_among,
    reinforce_loss,
    skip_divergence,
    skip_weights,
)
from tests.conformance.strategies import SMALL, StrategyContract, advance, rate

UNSKIPPED = compact(skips="none")
QUICK = ControllerConfig.preset("ambergen", hidden=16)


class TestControllerStrategy(StrategyContract):
    program = (
        "from ambergen.strategies.reinforce import ControllerConfig, ControllerStrategy\n"
        "def make(space, seed): return ControllerStrategy(space, seed, ControllerConfig(hidden=16))"
    )
    trials_to_optimum = 450

    def make(self, space: Space, seed: int, repeats: bool | None = None) -> Strategy:
        return ControllerStrategy(space, seed, QUICK, repeats is not False)


class TestStandAloneController(StrategyContract):
    program = (
        "from ambergen.strategies.reinforce import ControllerConfig, ControllerStrategy\n"
        "config = ControllerConfig.preset('nas', hidden=16)\n"
        "def make(space, seed): return ControllerStrategy(space, seed, config, repeats=False)"
    )
    trials_to_optimum = SMALL.size  # at its learning rate the policy of a few updates is still near the start

    def make(self, space: Space, seed: int, repeats: bool | None = None) -> Strategy:
        return ControllerStrategy(space, seed, ControllerConfig.preset("nas", hidden=16), bool(repeats))


# ---- losses


def test_reinforce_loss__is_the_likelihood_weighted_by_the_advantage() -> None:
    log_prob = torch.tensor([-2.0, -3.0], requires_grad=True)
    loss = reinforce_loss(log_prob, torch.tensor([0.5, -1.0]))
    assert loss.tolist() == [1.0, -3.0]
    loss.sum().backward()
    assert log_prob.grad is not None
    assert log_prob.grad.tolist() == [-0.5, 1.0]


def test_ppo_loss__has_the_gradient_of_reinforce_where_nothing_has_changed() -> None:
    advantage = torch.tensor([0.5, -1.0, 2.0])
    gradients = []
    for loss in (lambda x: reinforce_loss(x, advantage), lambda x: ppo_loss(x, x.detach(), advantage)):
        log_prob = torch.tensor([-2.0, -3.0, -4.0], requires_grad=True)
        gradients.append(torch.autograd.grad(loss(log_prob).sum(), log_prob)[0])
    assert torch.equal(*gradients)


@pytest.mark.parametrize(
    ("ratio", "advantage", "loss", "moves"),
    [
        (1.1, 1.0, -1.1, True),
        (1.5, 1.0, -1.2, False),  # already more likely by more than the clip
        (1.5, -1.0, 1.5, True),
        (0.5, 1.0, -0.5, True),
        (0.5, -1.0, 0.8, False),  # already less likely by more than the clip
    ],
)
def test_ppo_loss__stops_at_the_clip(ratio: float, advantage: float, loss: float, moves: bool) -> None:
    log_prob = torch.tensor([np.log(ratio) - 5], dtype=torch.float64, requires_grad=True)
    value = ppo_loss(log_prob, torch.tensor([-5.0], dtype=torch.float64), torch.tensor([advantage]), clip=0.2)
    assert value.item() == pytest.approx(loss)
    assert (torch.autograd.grad(value.sum(), log_prob)[0].item() != 0) == moves


def test_ppo_loss__treats_each_architecture_by_itself() -> None:
    generator = torch.Generator().manual_seed(0)
    new, old, advantage = torch.randn(3, 6, generator=generator)
    alone = torch.cat([ppo_loss(new[k : k + 1], old[k : k + 1], advantage[k : k + 1]) for k in range(6)])
    torch.testing.assert_close(ppo_loss(new, old, advantage), alone)


def test_skip_divergence__is_that_of_the_sampled_distribution() -> None:
    q = torch.linspace(-4, 4, 41, dtype=torch.float64).reshape(1, -1)
    expected = kl_divergence(Bernoulli(logits=2 * q), Bernoulli(torch.tensor(0.4, dtype=torch.float64)))
    torch.testing.assert_close(skip_divergence(q, 0.4), expected)


def test_skip_divergence__legacy_form_is_the_published_sum_over_both_logits() -> None:
    q = torch.linspace(-4, 4, 41, dtype=torch.float64)
    pair, target = torch.stack([-q, q]), torch.tensor([[0.6], [0.4]], dtype=torch.float64)
    expected = (torch.sigmoid(pair) * torch.log(torch.sigmoid(pair) / target)).sum(0)
    torch.testing.assert_close(skip_divergence(q, 0.4, "legacy"), expected)


@pytest.mark.parametrize(("form", "density"), [("exact", 0.4), ("legacy", 0.308)])
def test_skip_divergence__is_least_where_the_density_settles(form: str, density: float) -> None:
    q = torch.linspace(-2, 2, 40_001, dtype=torch.float64)
    least = q[skip_divergence(q, 0.4, form).argmin()]  # type: ignore[arg-type]
    assert torch.sigmoid(2 * least).item() == pytest.approx(density, abs=5e-4)


def test_skip_divergence__stays_finite_far_out() -> None:
    q = torch.tensor([-200.0, 200.0], requires_grad=True)
    divergence = skip_divergence(q, 0.4)
    np.testing.assert_allclose(divergence.detach(), [-np.log(0.6), -np.log(0.4)], rtol=1e-6)
    assert torch.autograd.grad(divergence.sum(), q)[0].isfinite().all()


def test_skip_weights__sum_or_average_a_layer_then_average_the_layers() -> None:
    layers = [1, 2, 2, 4, 4, 4]
    values = torch.arange(6.0)
    rows = [values[:1], values[1:3], values[3:]]
    assert (values @ skip_weights(layers, "sum")).item() == pytest.approx(sum(r.sum().item() for r in rows) / 3)
    assert (values @ skip_weights(layers, "mean")).item() == pytest.approx(sum(r.mean().item() for r in rows) / 3)
    assert skip_weights([], "sum").shape == (0,)


def test_policy_divergence__averages_to_that_of_the_enumerated_policies() -> None:
    tokens = torch.cartesian_prod(*[torch.arange(k) for k in (3, 3, 2, 3, 2, 2)])
    old, new = (Controller(SMALL, seed, hidden=8, spread=2.0).double().evaluate(tokens) for seed in (0, 1))
    p = old.log_prob.exp()
    assert (p * policy_divergence(old, new)).sum().item() == pytest.approx(
        (p * (old.log_prob - new.log_prob)).sum().item(), abs=1e-12
    )
    assert policy_divergence(old, new).min() > 0
    assert policy_divergence(old, old).abs().max() == 0


# ---- rewards and advantages


@given(st.lists(st.integers(0, 9), min_size=1, max_size=30), st.lists(st.integers(0, 9), max_size=5))
def test_ranks__are_the_share_below_and_half_of_the_equal(known: list[int], scores: list[int]) -> None:
    expected = [sum((k < s) + 0.5 * (k == s) for k in known) / len(known) for s in scores]
    assert ranks_among(scores, known) == pytest.approx(expected)


@given(
    st.lists(st.integers(-1000, 1000), min_size=2, max_size=30).filter(lambda v: len(set(v)) > 1),
    st.floats(0.01, 10),
    st.floats(-5, 5),
)
def test_advantages__scaled_ones_ignore_unit_and_level_of_the_reward(
    rewards: list[int], unit: float, level: float
) -> None:
    values = torch.tensor(rewards, dtype=torch.float64)
    shifted = values * unit + level
    one, other = (advantages(v, v.mean().item(), "std") for v in (values, shifted))
    torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-6)
    assert one.std(correction=0).item() == pytest.approx(1)


def test_advantages__plain_ones_are_differences_from_the_baseline_within_the_clip() -> None:
    rewards = torch.tensor([0.5, 0.7, 40.0, -40.0])
    assert advantages(rewards, 0.6, clip=10.0).tolist() == pytest.approx([-0.1, 0.1, 10, -10])


def test_advantages__without_spread_are_not_blown_up() -> None:
    assert advantages(torch.full((5,), 0.7), 0.7, "std").abs().max() < 1e-6
    assert advantages(torch.tensor([0.9]), 0.7, "std").item() == pytest.approx(0.2)


@pytest.mark.parametrize(("decay", "expected"), [(0.0, [1.0, 0.0, 2.0]), (0.9, [1.0, 0.9, 1.01])])
def test_reward_baseline__is_the_moving_average_of_the_means(decay: float, expected: list[float]) -> None:
    strategy = ControllerStrategy(SMALL, 0, replace(QUICK, baseline_decay=decay))
    assert strategy.summary()["reward_baseline"] is None
    found = []
    for mean in (1.0, 0.0, 2.0):
        asked = strategy.ask(2)
        strategy.tell([Rated(asked[0], mean - 0.1), Rated(asked[1], mean + 0.1)])
        found.append(strategy.summary()["reward_baseline"])
    assert found == pytest.approx(expected)


# ---- updates


def weights(strategy: ControllerStrategy) -> Tensor:
    return torch.cat([p.detach().flatten() for p in strategy.controller.parameters()])


def tell_once(config: ControllerConfig, n: int = 20) -> tuple[ControllerStrategy, list[Rated]]:
    strategy = ControllerStrategy(SMALL, 0, config)
    rated = rate(strategy.ask(n))
    strategy.tell(rated)
    return strategy, rated


def test_update__first_pass_of_ppo_is_that_of_reinforce() -> None:
    one = [tell_once(replace(QUICK, passes=1, algorithm=a))[0] for a in ("reinforce", "ppo")]  # type: ignore[arg-type]
    torch.testing.assert_close(weights(one[0]), weights(one[1]), rtol=0, atol=1e-7)
    many = [tell_once(replace(QUICK, passes=8, algorithm=a, kl_stop=None))[0] for a in ("reinforce", "ppo")]  # type: ignore[arg-type]
    assert not torch.allclose(weights(many[0]), weights(many[1]), rtol=0, atol=1e-7)


def test_update__of_the_published_preset_is_the_published_loss() -> None:
    config = ControllerConfig.preset("amber", hidden=16, passes=1)
    strategy = ControllerStrategy(SMALL, 0, config)
    strategy.tell([Rated(a, 0.5) for a in strategy.ask(20)])  # the baseline is now 0.5, of the step before
    other = ControllerStrategy(SMALL, 0, config)
    other.load(strategy.state())
    rated = rate(strategy.ask(20))
    strategy.tell(rated)

    optimiser = torch.optim.Adam(other.controller.parameters(), lr=1e-3)
    optimiser.load_state_dict(other.state()["optimiser"])
    draw = other.controller.evaluate(torch.tensor([SMALL.encode(r.architecture) for r in rated]))
    pair = torch.stack([-draw.skip_logit, draw.skip_logit])
    target = torch.tensor([0.6, 0.4]).reshape(2, 1, 1)
    penalty = (torch.sigmoid(pair) * torch.log(torch.sigmoid(pair) / target)).sum(0).mean(0)
    advantage = torch.tensor([r.score - 0.5 for r in rated])
    loss = (-draw.log_prob * advantage).sum() + (penalty[0] + (penalty[1] + penalty[2]) / 2) / 2
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
    torch.testing.assert_close(weights(strategy), weights(other), rtol=0, atol=1e-6)
    assert strategy.summary()["controller_loss"] == pytest.approx(loss.item(), rel=1e-5)


def test_update__stops_when_the_policy_has_moved_too_far() -> None:
    fast = replace(QUICK, passes=10, learning_rate=0.05)
    stopped = tell_once(replace(fast, kl_stop=0.01))[0].summary()
    assert 1 <= stopped["passes"] < 10
    assert stopped["kl"] > 0.01
    assert tell_once(replace(fast, kl_stop=None))[0].summary()["passes"] == 10
    assert tell_once(replace(fast, kl_stop=1e-9))[0].summary()["passes"] == 1  # looked at from the second pass on


def test_update__kl_is_the_divergence_between_the_policies_before_and_after() -> None:
    moving = replace(QUICK, learning_rate=0.05, kl_stop=None)
    before = ControllerStrategy(SMALL, 0, moving).controller.double()
    strategy = tell_once(moving)[0]
    kl = strategy.summary()["kl"]
    tokens = before.sample(4000, torch.Generator().manual_seed(1)).tokens
    old, new = before.evaluate(tokens), strategy.controller.double().evaluate(tokens)
    assert kl == pytest.approx((old.log_prob - new.log_prob).mean().item(), rel=0.25)


def test_update__leaves_the_policy_where_all_scores_are_equal_and_nothing_else_pulls() -> None:
    still = replace(QUICK, entropy=0.0, skip_weight=0.0)
    strategy = ControllerStrategy(SMALL, 0, still)
    before = weights(strategy)
    strategy.tell([Rated(a, 0.75) for a in strategy.ask(20)])
    assert torch.equal(weights(strategy), before)


def test_update__is_the_same_whether_scores_rise_between_steps_or_not() -> None:
    """Shared weights improve between updates; the default praises no architecture for that."""
    level, rising = (ControllerStrategy(SMALL, 0, QUICK) for _ in range(2))
    for step in range(4):
        asked = level.ask(20)
        assert rising.ask(20) == asked
        level.tell(rate(asked))
        rising.tell([Rated(r.architecture, r.score + 0.125 * step) for r in rate(asked)])
    torch.testing.assert_close(weights(level), weights(rising), rtol=0, atol=1e-4)


def test_summary__probabilities_are_those_of_the_policy() -> None:
    strategy = ControllerStrategy(SMALL, 0, replace(QUICK, learning_rate=0.01))
    advance(strategy, 10)
    summary = strategy.summary()
    drawn = strategy.propose(4000)
    shares = [[np.mean([a.operations[i] == o for a in drawn]) for o in SMALL.operations] for i in range(3)]
    np.testing.assert_allclose(summary["operation_probability"], shares, atol=0.05)
    skips = [np.mean([j in a.skips[i] for a in drawn]) for i, j in ((1, 0), (2, 0), (2, 1))]
    np.testing.assert_allclose(summary["skip_probability"], skips, atol=0.05)
    assert summary["skip_density"] == pytest.approx(np.mean(skips), abs=0.03)


# ---- results that come one at a time


def alone(**settings: object) -> ControllerStrategy:
    """Of two results an update; nothing but their scores moves it."""
    quiet = {"architectures": 2, "batch": 2, "hidden": 16, "skip_weight": 0.0, "reward": "score", "beta1": 0.0}
    return ControllerStrategy(SMALL, 0, ControllerConfig.preset("nas", **(quiet | settings)), repeats=False)


def test_collecting__updates_when_there_are_enough_of_them() -> None:
    strategy = alone(architectures=4)
    start = weights(strategy)
    asked = strategy.ask(9)
    for r in rate(asked[3:6]):
        strategy.tell([r])
    strategy.tell([Rated(asked[4], 0.9)])  # again: the other score of this one no longer counts
    assert torch.equal(weights(strategy), start)
    other = alone(architectures=4)
    other.load(strategy.state())
    for s in (strategy, other):
        s.tell([Rated(asked[0], 0.1)])
        assert not torch.equal(weights(s), start)
    assert torch.equal(weights(strategy), weights(other))
    assert strategy.summary()["reward_baseline"] == pytest.approx(
        np.mean([*(r.score for r in rate([asked[3], asked[5]])), 0.9, 0.1])
    )


def test_collecting__makes_as_many_updates_as_a_tell_is_good_for() -> None:
    one, many = alone(), alone()
    asked = one.ask(7)
    assert many.ask(7) == asked
    for r in rate(asked):
        one.tell([r])
    many.tell(rate(asked))
    assert torch.equal(weights(one), weights(many))


@pytest.mark.parametrize(("algorithm", "moves"), [("ppo", False), ("reinforce", True)])
def test_stale_results__are_held_to_the_policy_that_drew_them(algorithm: str, moves: bool) -> None:
    """Two results that the policy has followed beyond the clip say nothing more to PPO when they come again."""
    fast = {"algorithm": algorithm, "temperature": 1.0, "spread": 0.3, "learning_rate": 0.02}
    strategy = alone(**fast)
    asked = strategy.ask(2)
    tokens = torch.tensor([SMALL.encode(a) for a in asked])  # type: ignore[arg-type]
    before = strategy.controller.evaluate(tokens).log_prob
    rated = [Rated(asked[0], 1.0), Rated(asked[1], 0.0)]
    strategy.tell(rated)
    gone = (strategy.controller.evaluate(tokens).log_prob - before).tolist()
    assert gone[0] > np.log(1.2)
    assert gone[1] < np.log(0.8)
    other = alone(**fast)
    other.load(strategy.state())
    followed = weights(strategy)
    for s in (strategy, other):
        s.tell(rated)
        assert torch.equal(weights(s), followed) != moves


def test_rank_reward__is_the_same_for_any_rising_transform_of_the_scores() -> None:
    one, other = alone(reward="rank"), alone(reward="rank")
    for _ in range(3):
        asked = one.ask(8)
        assert other.ask(8) == asked
        one.tell(rate(asked))
        other.tell([Rated(r.architecture, 1000 * r.score**3) for r in rate(asked)])
    assert torch.equal(weights(one), weights(other))


def test_rank_reward__is_among_the_last_hundred_architectures() -> None:
    strategy = ControllerStrategy(amber(), 0, ControllerConfig.preset("nas", architectures=150, hidden=8), False)
    asked = strategy.ask(300)
    strategy.tell([Rated(a, float(k)) for k, a in enumerate(asked[:150])])
    # the best 100 of them stay: ranks of the others are 0, and of those 1/200, 3/200, ...
    assert strategy.summary()["reward_baseline"] == pytest.approx(100 * 0.5 / 150)
    assert len(strategy.state()["scores"]) == 100


def test_learn__moves_the_policy_to_what_was_good() -> None:
    strategy = ControllerStrategy(UNSKIPPED, 0, QUICK)
    history = RandomStrategy(UNSKIPPED, 5).ask(300)
    strategy.learn([Rated(a, share_of("conv8", a)) for a in history])
    assert probability_of("conv8", strategy) > 2 / 7  # twice that of the start


# ---- what the controller learns


def share_of(operation: str, architecture: Candidate) -> float:
    assert isinstance(architecture, Architecture)
    return sum(o == operation for o in architecture.operations) / len(architecture.operations)


def probability_of(operation: str, strategy: ControllerStrategy) -> float:
    column = strategy.space.operations.index(operation)
    return float(np.mean([row[column] for row in strategy.summary()["operation_probability"]]))


@pytest.mark.parametrize(
    ("squash", "attainable", "operation"), [(1.5, 0.770, "avg_pool4"), (2.5, 0.961, "conv8"), (None, 1.0, "identity")]
)
def test_controller__learns_to_count_one_operation(squash: float | None, attainable: float, operation: str) -> None:
    strategy = ControllerStrategy(amber(), 0, ControllerConfig.preset("ambergen", squash=squash))
    best = 0.0
    for update in range(300):
        strategy.tell([Rated(a, 0.8 + 0.01 * share_of(operation, a)) for a in strategy.ask(20)])
        if update % 10 == 9:
            best = probability_of(operation, strategy)
            if best >= 0.95 * attainable:
                break
    assert 0.95 * attainable <= best <= attainable + 1e-3


def test_controller__learns_from_single_results_in_any_order() -> None:
    strategy = ControllerStrategy(UNSKIPPED, 0, QUICK, repeats=False)
    for _ in range(20):
        asked = strategy.ask(20)
        for a in asked[::-1]:
            strategy.tell([Rated(a, share_of("conv8", a))])
    assert probability_of("conv8", strategy) > 0.6


@pytest.mark.parametrize(("penalty", "density"), [("exact", 0.4), ("legacy", 0.308)])
def test_controller__without_reward_takes_the_density_of_the_penalty(penalty: str, density: float) -> None:
    config = ControllerConfig.preset("ambergen", skip_penalty=penalty, entropy=0.0, passes=1)
    strategy = ControllerStrategy(amber(), 0, config)
    for _ in range(100):
        strategy.tell([Rated(a, 0.0) for a in strategy.ask(20)])
    assert strategy.summary()["skip_density"] == pytest.approx(density, abs=0.02)


# ---- settings


def test_presets__have_the_published_values() -> None:
    amber_seq, enas = PRESETS["amber"], PRESETS["enas"]
    assert (amber_seq.temperature, amber_seq.squash, amber_seq.learning_rate) == (2.0, 1.5, 1e-3)
    assert (amber_seq.architectures, amber_seq.batch, amber_seq.passes, amber_seq.kl_stop) == (100, 20, 10, 0.01)
    assert (amber_seq.algorithm, amber_seq.reduction, amber_seq.scale, amber_seq.entropy) == (
        "reinforce",
        "sum",
        "none",
        0,
    )
    assert (amber_seq.baseline, amber_seq.baseline_decay, amber_seq.advantage_clip) == ("moving", 0.0, 10.0)
    assert (amber_seq.skip_penalty, amber_seq.skip_weight, amber_seq.skip_target) == ("legacy", 1.0, 0.4)
    nas = PRESETS["nas"]
    assert (nas.temperature, nas.squash, nas.learning_rate, nas.spread) == (5.0, 2.5, 6e-4, 0.08)
    assert (nas.algorithm, nas.clip, nas.architectures, nas.reward, nas.baseline) == ("ppo", 0.2, 8, "rank", "moving")
    assert (enas.skip_weight, enas.baseline_decay, enas.beta1, enas.epsilon) == (0.8, 0.99, 0.0, 1e-3)


@pytest.mark.parametrize("name", ["amber", "enas", "nas"])
def test_presets__search(name: str) -> None:
    strategy = ControllerStrategy(SMALL, 0, ControllerConfig.preset(name, hidden=16))
    start = weights(strategy)
    for _ in range(3):
        strategy.tell(rate(strategy.ask(strategy.config.architectures)))
    assert not torch.equal(weights(strategy), start)
    assert strategy.summary()["passes"] >= 1


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"temprature": 1.0}, r"unknown key 'temprature'. Did you mean 'temperature'"),
        ({"passes": 0}, "passes is 0; expected at least 1"),
        ({"temperature": 0.0}, "temperature is 0.0; expected more than 0"),
        ({"squash": -1.5}, "squash is -1.5; expected more than 0"),
        ({"entropy": -1.0}, "entropy is -1.0; expected at least 0"),
        ({"baseline_decay": 1.0}, "baseline_decay is 1.0; expected from 0 to below 1"),
        ({"skip_target": 1.0}, "skip_target is 1.0; expected between 0 and 1"),
        ({"algorithm": "a2c"}, "algorithm is 'a2c'; expected reinforce or ppo"),
        ({"skip_penalty": "kl"}, "skip_penalty is 'kl'; expected exact or legacy"),
    ],
)
def test_preset__refuses_what_cannot_be(settings: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        ControllerConfig.preset("ambergen", **settings)


def test_preset__names_those_there_are() -> None:
    with pytest.raises(ConfigError, match="'ember' is not a preset; expected one of ambergen, amber, enas"):
        ControllerConfig.preset("ember")


def test_load__refuses_other_settings_and_damage() -> None:
    state = ControllerStrategy(SMALL, 0, QUICK).state()
    with pytest.raises(StoreError, match=r"configuration is another: entropy was 0.001 and is now 0.5"):
        ControllerStrategy(SMALL, 0, replace(QUICK, entropy=0.5)).load(state)
    del state["controller"]["gates"]
    with pytest.raises(StoreError, match=r"controller's part is damaged .*gates.*Remove the checkpoint"):
        ControllerStrategy(SMALL, 0, QUICK).load(state)


def test_state__keeps_the_optimiser() -> None:
    """A controller that goes on without its moments takes another way."""
    strategy = tell_once(QUICK)[0]
    file = io.BytesIO()
    torch.save(strategy.state(), file)
    file.seek(0)
    state = torch.load(file, weights_only=True)
    assert state["optimiser"]["state"][0]["exp_avg"].abs().sum() > 0
    assert state["origin"]["configuration"] == asdict(QUICK)
