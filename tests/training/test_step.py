"""One step against the written-out loss, penalties and limits."""

from __future__ import annotations

import copy
import math
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from ambergen.models.deepsea import DeepSEA
from ambergen.models.layers import Conv, Dropout, one_hot
from ambergen.training.config import TrainConfig, amber_final
from ambergen.training.step import (
    add_gradients,
    limit_norms,
    make_optimizer,
    masked_bce,
    rate_factor,
    set_rate,
    train_step,
)

LENGTH, N_TRACKS = 40, 3


def make_batch(n: int, seed: int = 0, known_share: float | None = None) -> SimpleNamespace:
    generator = torch.Generator().manual_seed(seed)
    known = None
    if known_share is not None:
        known = torch.rand(n, N_TRACKS, generator=generator) < known_share
    return SimpleNamespace(
        tokens=torch.randint(0, 5, (n, LENGTH), dtype=torch.uint8, generator=generator),
        labels=torch.randint(0, 2, (n, N_TRACKS), dtype=torch.uint8, generator=generator),
        known=known,
    )


def make_network(seed: int = 0) -> DeepSEA:
    """A network without batch norm, and without dropout."""
    torch.manual_seed(seed)
    network = DeepSEA(N_TRACKS, LENGTH, scale=0.02)
    for module in network.modules():
        if isinstance(module, Dropout):
            module.rate = 0.0
    return network


def step(network: nn.Module, batch: SimpleNamespace, config: TrainConfig, optimizer: torch.optim.Optimizer) -> Tensor:
    kernels = [m for m in network.modules() if isinstance(m, Conv)]
    return train_step(network, batch, kernels, optimizer, config, torch.float32, 4)


# ---- loss


@given(n=st.integers(1, 6), seed=st.integers(0, 9), share=st.sampled_from([None, 0.0, 0.5, 1.0]))
def test_masked_bce__equals_a_loop(n: int, seed: int, share: float | None) -> None:
    batch = make_batch(n, seed, share)
    logits = torch.randn(n, N_TRACKS, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    total, count = 0.0, 0
    for i in range(n):
        for j in range(N_TRACKS):
            if batch.known is None or batch.known[i, j]:
                p = 1 / (1 + math.exp(-logits[i, j]))
                total -= math.log(p) if batch.labels[i, j] else math.log(1 - p)
                count += 1
    assert masked_bce(logits, batch.labels, batch.known).item() == pytest.approx(total / max(count, 1), abs=1e-12)


def test_masked_bce__gives_no_gradient_to_what_is_unknown() -> None:
    batch = make_batch(5, 1, 0.5)
    logits = torch.randn(5, N_TRACKS, requires_grad=True)
    masked_bce(logits, batch.labels, batch.known).backward()
    assert torch.equal(logits.grad != 0, batch.known)


@pytest.mark.parametrize("share", [None, 0.4])
def test_add_gradients__of_a_sum_over_tracks_is_that_of_the_mean_times_their_number(share: float | None) -> None:
    batch, losses, gradients = make_batch(6, 2, share), [], []
    for loss in ("mean", "sum"):
        network, config = make_network().double(), TrainConfig(loss=loss, micro_batch=4)  # type: ignore[arg-type]
        losses.append(add_gradients(network, batch, config, torch.float64, 4))
        gradients.append(network.output.weight.grad)
    assert losses[1].item() == pytest.approx(N_TRACKS * losses[0].item(), rel=1e-6)
    torch.testing.assert_close(gradients[1], N_TRACKS * gradients[0])


# ---- optimisers of published recipes


def two_steps(config: TrainConfig) -> tuple[Tensor, Tensor]:
    """A kernel after two steps with the gradients 1 and 2 at a rate that was halved for the second; and a bias."""
    layer = nn.Linear(1, 1).double()
    nn.init.constant_(layer.weight, 4.0)
    nn.init.constant_(layer.bias, 4.0)
    optimizer = make_optimizer(layer, config)
    for number, rate in ((1.0, config.learning_rate), (2.0, config.learning_rate / 2)):
        set_rate(optimizer, rate)
        for parameter in layer.parameters():
            parameter.grad = torch.full_like(parameter, number)
        optimizer.step()
    return layer.weight.detach().ravel(), layer.bias.detach()


def test_make_optimizer__sgd_equals_its_formula() -> None:
    config = TrainConfig(optimizer="sgd", learning_rate=0.1, momentum=0.9, weight_decay=0.01, full_rate_inputs=None)
    found = {}
    for name, decay in (("weight", 0.01), ("bias", 0.0)):
        value, velocity = 4.0, 0.0
        for gradient, rate in ((1.0, 0.1), (2.0, 0.05)):
            velocity = 0.9 * velocity + gradient + decay * value
            value -= rate * velocity
        found[name] = value
    weight, bias = two_steps(config)
    assert (float(weight), float(bias)) == pytest.approx((found["weight"], found["bias"]))


def test_make_optimizer__rmsprop_equals_its_formula() -> None:
    config = TrainConfig(
        optimizer="rmsprop", learning_rate=0.1, square_decay=0.8, weight_decay=0.0, full_rate_inputs=None
    )
    value, square = 4.0, 0.0
    for gradient, rate in ((1.0, 0.1), (2.0, 0.05)):
        square = 0.8 * square + 0.2 * gradient**2
        value -= rate * gradient / (square**0.5 + 1e-8)
    weight, bias = two_steps(config)
    assert (float(weight), float(bias)) == pytest.approx((value, value))


def test_rate_factor__inverse_falls_with_every_step() -> None:
    config = TrainConfig(schedule="inverse", rate_decay=0.5)
    assert [rate_factor(config, step, 10, 100) for step in (0, 1, 4)] == [1, 1 / 1.5, 1 / 3]


# ---- micro-batches


@pytest.mark.parametrize("share", [None, 0.3])
@pytest.mark.parametrize("size", [1, 3, 4, 10])
def test_train_step__in_parts_equals_one_batch(size: int, share: float | None) -> None:
    batch = make_batch(10, 3, share)
    losses, gradients = [], []
    for micro_batch in (10, size):
        network = make_network().double()
        config = TrainConfig(micro_batch=micro_batch, optimizer="adam")
        kernels = [m for m in network.modules() if isinstance(m, Conv)]
        losses.append(train_step(network, batch, kernels, make_optimizer(network, config), config, torch.float64, 4))
        gradients.append([p.grad for p in network.parameters()])
    torch.testing.assert_close(losses[0], losses[1])
    torch.testing.assert_close(gradients[0], gradients[1], rtol=1e-5, atol=1e-7)


def test_train_step__gives_the_mean_loss_without_gradient() -> None:
    network, batch = make_network(), make_batch(7)
    with torch.no_grad():
        expected = masked_bce(network(one_hot(batch.tokens)), batch.labels, None)
    config = TrainConfig(micro_batch=2)
    loss = step(network, batch, config, make_optimizer(network, config))
    assert not loss.requires_grad
    torch.testing.assert_close(loss, expected)


@pytest.mark.parametrize("share", [None, 0.3])
def test_add_gradients__of_weighted_batches_is_the_gradient_of_the_weighted_mean(share: float | None) -> None:
    network, config = make_network().double(), TrainConfig(micro_batch=4)
    batches, weights = [make_batch(6, 1, share), make_batch(9, 2, share)], [0.25, 0.75]
    written = sum(
        w * masked_bce(network(one_hot(b.tokens, torch.float64)), b.labels, b.known)
        for w, b in zip(weights, batches, strict=True)
    )
    expected = torch.autograd.grad(written, list(network.parameters()))
    parts = [add_gradients(network, b, config, torch.float64, 4, w) for w, b in zip(weights, batches, strict=True)]
    torch.testing.assert_close(sum(parts).item(), written.item(), rtol=1e-6, atol=0)
    torch.testing.assert_close([p.grad for p in network.parameters()], list(expected), rtol=1e-5, atol=1e-7)


# ---- penalties


@pytest.mark.parametrize(("l1", "l2"), [(1e-3, 0.0), (0.0, 1e-2), (1e-3, 1e-2)])
def test_penalties__equal_autograd_of_the_written_out_loss(l1: float, l2: float) -> None:
    config = TrainConfig(optimizer="adam", learning_rate=1e-2, l1=l1, l2=l2, full_rate_inputs=None)
    mine, written = make_network(), make_network()
    my_optimizer, plain = make_optimizer(mine, config), torch.optim.Adam(written.parameters(), lr=1e-2)
    for seed in range(3):
        batch = make_batch(8, seed)
        step(mine, batch, config, my_optimizer)
        plain.zero_grad()
        loss = masked_bce(written(one_hot(batch.tokens)), batch.labels, None)
        kernels = [m.weight for m in written.modules() if isinstance(m, Conv)]
        loss = loss + l1 * sum(w.abs().sum() for w in kernels) + l2 * sum((w**2).sum() for w in kernels)
        loss.backward()
        plain.step()
    for a, b in zip(mine.parameters(), written.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


def test_weight_decay__of_adamw_shrinks_kernels_and_leaves_biases() -> None:
    config = TrainConfig(weight_decay=0.5, learning_rate=1e-2)
    network = make_network()
    optimizer = make_optimizer(network, config)
    by_id = {id(p): group["weight_decay"] for group in optimizer.param_groups for p in group["params"]}
    for name, parameter in network.named_parameters():
        assert by_id[id(parameter)] == (0.0 if name.endswith("bias") else 0.5)
    assert len(by_id) == len(list(network.parameters()))


def test_make_optimizer__leaves_parameters_without_gradient_alone() -> None:
    for config in (TrainConfig(weight_decay=0.1), TrainConfig(optimizer="adam", l2=0.1)):
        network = make_network()
        optimizer = make_optimizer(network, config)
        before = copy.deepcopy(network.state_dict())
        network.output.bias.grad = torch.ones(N_TRACKS)
        optimizer.step()
        changed = [name for name, value in network.state_dict().items() if not torch.equal(value, before[name])]
        assert changed == ["output.bias"]
        assert list(optimizer.state) == [network.output.bias]


def test_full_rate_inputs__slows_wide_dense_layers_in_proportion() -> None:
    network = DeepSEA(N_TRACKS, 200, scale=0.5)
    optimizer = make_optimizer(network, TrainConfig(full_rate_inputs=128))
    set_rate(optimizer, 0.1)
    rate = {id(p): group["lr"] for group in optimizer.param_groups for p in group["params"]}
    assert rate[id(network.dense.weight)] == pytest.approx(0.1 * 128 / network.dense.in_features)
    assert rate[id(network.features[0].weight)] == rate[id(network.dense.bias)] == 0.1


# ---- limits


@given(limit=st.floats(0.1, 3), seed=st.integers(0, 99))
def test_limit_norms__bounds_every_filter_and_keeps_directions(limit: float, seed: int) -> None:
    weight = torch.randn(6, 4, 1, 5, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    weight[0] = 0
    before = weight.clone()
    limit_norms([weight], limit)
    for old, new in zip(before, weight, strict=True):
        norm = old.norm().item()
        assert new.norm().item() == pytest.approx(min(norm, limit), abs=1e-12)
        torch.testing.assert_close(new, old * min(1.0, limit / norm) if norm else old)


def test_max_norm__holds_after_every_step() -> None:
    config = TrainConfig(optimizer="adam", learning_rate=0.1, max_norm=0.3)
    network = make_network()
    optimizer = make_optimizer(network, config)
    for seed in range(2):
        step(network, make_batch(8, seed), config, optimizer)
        norms = [w.norm() for m in network.modules() if isinstance(m, Conv) for w in m.weight]
        assert max(norms) <= 0.3 * (1 + 1e-6)
    assert any(norm > 0.29 for norm in norms)


def test_gradient_clip__bounds_the_whole_gradient() -> None:
    network = make_network()
    config = TrainConfig(gradient_clip=1e-3)
    step(network, make_batch(8), config, make_optimizer(network, config))
    total = math.sqrt(sum(p.grad.square().sum().item() for p in network.parameters()))
    assert total == pytest.approx(1e-3, rel=1e-3)


# ---- rates


def test_rate__cosine_rises_linearly_and_falls_to_zero() -> None:
    config = TrainConfig(warm_up=0.1)
    rates = [rate_factor(config, i, 10, 100) for i in range(100)]
    assert rates[:10] == pytest.approx([(i + 1) / 10 for i in range(10)])
    assert rates[10] == 1.0
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[55] == pytest.approx(0.5)
    assert 0 <= rates[-1] < 1e-3


def test_rate__amber_falls_as_published() -> None:
    rates = [amber_final().learning_rate * rate_factor(amber_final(), 7 * e + 6, 7, 1050) for e in range(100)]
    expected = [1e-3] * 20 + [1e-4] * 20 + [1e-5] * 20 + [1e-6] * 20 + [5e-7] * 20
    assert rates == pytest.approx(expected)


def test_rate__constant_is_constant() -> None:
    assert {rate_factor(TrainConfig(schedule="constant"), i, 3, 9) for i in range(9)} == {1.0}


@given(n_steps=st.integers(1, 50), warm_up=st.floats(0, 0.9))
def test_rate__is_a_share_above_zero_at_the_first_step(n_steps: int, warm_up: float) -> None:
    config = TrainConfig(warm_up=warm_up)
    rates = [rate_factor(config, i, 1, n_steps) for i in range(n_steps)]
    assert all(0 <= r <= 1 for r in rates)
    assert rates[0] > 0
