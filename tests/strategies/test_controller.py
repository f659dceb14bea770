from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch
from scipy.stats import chisquare
from torch import Tensor

from ambergen.spaces.presets import amber, compact
from ambergen.spaces.space import Space
from ambergen.strategies.controller import Controller, Draw, _categorical

TWO = Space(layers=2, operations=("conv8", "identity"), reduce=())
THREE = Space(layers=3, operations=("conv8", "max_pool4", "identity"), reduce=())
ENAS = Space(layers=3, operations=("conv8", "max_pool4", "identity"), reduce=(), sources="enas")
LAYERED = Space(layers=3, operations=(("identity", "conv8"), ("max_pool4",), ("conv8", "conv4", "identity")), reduce=())  # type: ignore[arg-type]


def controller(space: Space, scale: float = 20.0, hidden: int = 8, **settings: float | None) -> Controller:
    """In float64 and with large weights, so that its distributions are far from uniform."""
    made = Controller(space, seed=0, hidden=hidden, spread=0.1 * scale, **settings)  # type: ignore[arg-type]
    return made.double()


def every_token(space: Space) -> Tensor:
    return torch.tensor(list(product(*map(range, space.gene_sizes))))


def slow_log_prob(policy: Controller, tokens: list[int]) -> float:
    """One architecture, one decision at a time, written from the equations of the published controller."""
    w = {name: p.detach().numpy() for name, p in policy.named_parameters()}
    size = policy.hidden

    def sigmoid(x: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-x))

    def lstm(x: np.ndarray, h: np.ndarray, c: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        z = np.concatenate([x, h]) @ w["gates"]
        i, f, o, g = (z[k * size : (k + 1) * size] for k in range(4))
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        return sigmoid(o) * np.tanh(c), c

    def bounded(logits: np.ndarray) -> np.ndarray:
        logits = logits / policy.temperature
        return logits if policy.squash is None else policy.squash * np.tanh(logits)

    remaining = iter(tokens)
    h = c = np.zeros(size)
    x, total = w["start"][0], 0.0
    anchors: list[np.ndarray] = []
    for names, sources in zip(policy.space.choices, policy.space.skip_sources):
        h, c = lstm(x, h, c)
        p = dict(zip(policy.space.operations, np.exp(bounded(h @ w["softmax"]))))
        name = names[next(remaining)]
        total += float(np.log(p[name] / sum(p[n] for n in names)))
        x = w["embedding"][policy.space.operations.index(name)]
        if sources:
            h, c = lstm(x, h, c)
            chosen = []
            for j in sources:
                # the anchor of what the source is the input of: the stem of layer 0, layer j of layer j + 1
                anchor = anchors[j + 1 if policy.space.sources == "enas" else j]
                q = bounded(np.tanh(anchor @ w["anchor_weight"] + h @ w["query_weight"]) @ w["attention"])
                pair = np.exp([-q, q])
                bit = next(remaining)
                total += float(np.log(pair[bit] / pair.sum()))
                if bit:
                    chosen.append(anchor)
            x = sum(chosen, np.zeros(size)) / (1 + len(chosen))
        anchors.append(h)
    return total


def fields_of(draw: Draw) -> list[Tensor]:
    return [draw.log_prob, draw.entropy, draw.operation_log_prob, draw.skip_logit]


@pytest.mark.parametrize("skips", ["all", "stage", "none"])
@pytest.mark.parametrize("squash", [1.5, None])
@pytest.mark.parametrize("sources", ["amber", "enas"])
def test_log_prob__equals_a_slow_loop_over_decisions(skips: str, squash: float | None, sources: str) -> None:
    shape = {"layers": 5, "operations": ("conv8", "conv4", "identity"), "reduce": (1,)}
    space = Space.from_dict({**shape, "skips": skips, "sources": sources})
    policy = controller(space, squash=squash)
    tokens = policy.sample(12, torch.Generator().manual_seed(1)).tokens
    expected = [slow_log_prob(policy, row) for row in tokens.tolist()]
    np.testing.assert_allclose(policy.evaluate(tokens).log_prob.detach().numpy(), expected, rtol=1e-12)


@pytest.mark.parametrize("space", [TWO, THREE, LAYERED, ENAS], ids=["2x2", "3x3", "lists by layer", "from the stem"])
def test_probabilities__of_all_architectures_sum_to_one(space: Space) -> None:
    tokens = every_token(space)
    assert len(tokens) == space.size
    probabilities = controller(space).evaluate(tokens).log_prob.exp()
    assert probabilities.sum().item() == pytest.approx(1, abs=1e-12)
    assert probabilities.max() > 3 * probabilities.min()


@pytest.mark.parametrize("space", [TWO, LAYERED], ids=["2x2", "lists by layer"])
def test_log_prob__is_the_brute_force_sum_on_a_small_space(space: Space) -> None:
    policy = controller(space)
    tokens = every_token(space)
    expected = [slow_log_prob(policy, row) for row in tokens.tolist()]
    np.testing.assert_allclose(policy.evaluate(tokens).log_prob.detach().numpy(), expected, rtol=1e-12)


@pytest.mark.parametrize("space", [THREE, LAYERED], ids=["3x3", "lists by layer"])
def test_sample__has_the_frequencies_of_the_policy(space: Space) -> None:
    policy = controller(space)
    tokens = every_token(space)
    n = 40_000
    row_of = {tuple(row): k for k, row in enumerate(tokens.tolist())}
    drawn = policy.sample(n, torch.Generator().manual_seed(0)).tokens.tolist()
    counts = np.bincount([row_of[tuple(row)] for row in drawn], minlength=len(tokens))
    expected = n * policy.evaluate(tokens).log_prob.exp().detach().numpy()
    frequent = expected >= 5
    observed = np.append(counts[frequent], counts[~frequent].sum())
    assert chisquare(observed, np.append(expected[frequent], expected[~frequent].sum())).pvalue > 1e-3


@pytest.mark.parametrize("space", [THREE, LAYERED], ids=["3x3", "lists by layer"])
def test_entropy__averages_to_that_of_the_enumerated_policy(space: Space) -> None:
    draw = controller(space).evaluate(every_token(space))
    p = draw.log_prob.exp()
    assert (p * draw.entropy).sum().item() == pytest.approx(-(p * draw.log_prob).sum().item(), abs=1e-12)


@pytest.mark.parametrize(
    "space",
    [amber(), compact(), compact(skips="none"), LAYERED, compact(sources="enas")],
    ids=["amber", "compact", "no skips", "lists by layer", "from the start of a stage"],
)
def test_sample__agrees_with_evaluate(space: Space) -> None:
    policy = controller(space)
    draw = policy.sample(7, torch.Generator().manual_seed(3))
    assert draw.tokens.shape == (7, space.n_tokens)
    assert draw.skip_prob.shape == (7, space.n_skips)
    assert not draw.log_prob.requires_grad
    for drawn, judged in zip(fields_of(draw), fields_of(policy.evaluate(draw.tokens))):
        torch.testing.assert_close(drawn, judged.detach(), rtol=0, atol=1e-12)
    for row in draw.tokens.tolist():
        assert list(space.encode(space.decode(row))) == row


def test_sources__of_enas_have_the_anchors_of_the_same_tokens_and_no_other_parameters() -> None:
    """The k-th decision of a layer looks at the k-th anchor, as in the public code of ENAS."""
    one, other = controller(THREE), controller(ENAS)
    assert [p.shape for p in one.parameters()] == [p.shape for p in other.parameters()]
    tokens = every_token(THREE)
    for a, b in zip(fields_of(one.evaluate(tokens)), fields_of(other.evaluate(tokens))):
        assert torch.equal(a, b)


def test_lists_by_layer__bar_every_other_operation_for_good() -> None:
    policy = controller(LAYERED)
    draw = policy.evaluate(policy.sample(50, torch.Generator().manual_seed(0)).tokens)
    for layer, names in enumerate(LAYERED.choices):
        probability = draw.operation_log_prob[:, layer].exp()
        outside = [k for k, name in enumerate(LAYERED.operations) if name not in names]
        assert (probability[:, outside] == 0).all()
        torch.testing.assert_close(probability.sum(1), torch.ones(50, dtype=torch.float64))
    (draw.log_prob.sum() + draw.entropy.sum()).backward()
    assert all(torch.isfinite(p.grad).all() for p in policy.parameters() if p.grad is not None)


def test_categorical__never_takes_what_is_barred() -> None:
    logits = torch.tensor([[-1e9, 0.0, -1e9, 0.0, -1e9]]).expand(4, 5)
    uniform = torch.tensor([0.0, 0.4999, 0.5, 1 - 2**-24])  # the ends of what torch.rand gives, and the middle
    assert _categorical(logits, uniform).tolist() == [1, 1, 3, 3]
    # cumulative sums that end below one
    assert _categorical(logits, torch.tensor([2.0] * 4)).tolist() == [3] * 4


def test_evaluate__of_a_batch_is_that_of_each() -> None:
    policy = controller(amber())
    tokens = policy.sample(5, torch.Generator().manual_seed(3)).tokens
    together = policy.evaluate(tokens).log_prob
    alone = torch.cat([policy.evaluate(tokens[k : k + 1]).log_prob for k in range(5)])
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-11)


@pytest.mark.parametrize("squash", [1.5, None])
def test_evaluate__has_the_right_gradient(squash: float | None) -> None:
    policy = controller(THREE, hidden=3, squash=squash)
    tokens = policy.sample(3, torch.Generator().manual_seed(3)).tokens
    names, values = zip(*policy.named_parameters())

    def outputs(*parameters: Tensor) -> tuple[Tensor, Tensor]:
        draw = torch.func.functional_call(
            Evaluation(policy), dict(zip((f"policy.{n}" for n in names), parameters)), tokens
        )
        return draw.log_prob, draw.entropy

    assert torch.autograd.gradcheck(outputs, values)


class Evaluation(torch.nn.Module):
    def __init__(self, policy: Controller) -> None:
        super().__init__()
        self.policy = policy

    def forward(self, tokens: Tensor) -> Draw:
        return self.policy.evaluate(tokens)


@pytest.mark.parametrize(("squash", "operation", "skip"), [(1.5, 0.770, 0.953), (2.5, 0.961, 0.993)])
def test_squash__bounds_every_probability(squash: float, operation: float, skip: float) -> None:
    policy = controller(amber(), scale=1000, squash=squash)
    draw = policy.sample(50, torch.Generator().manual_seed(0))
    assert draw.operation_log_prob.exp().max().item() == pytest.approx(operation, abs=5e-4)
    assert draw.skip_prob.max().item() == pytest.approx(skip, abs=5e-4)
    assert draw.skip_prob.min().item() == pytest.approx(1 - skip, abs=5e-4)


def test_controller__has_the_published_form() -> None:
    policy = Controller(amber(), seed=0)
    shapes = {name: tuple(p.shape) for name, p in policy.named_parameters()}
    assert shapes == {
        "start": (1, 64),
        "gates": (128, 256),
        "embedding": (7, 64),
        "softmax": (64, 7),
        "anchor_weight": (64, 64),
        "query_weight": (64, 64),
        "attention": (64,),
    }
    weights = torch.cat([p.detach().flatten() for p in policy.parameters()])
    assert weights.abs().max() <= 0.1
    assert weights.std().item() == pytest.approx(0.2 / 12**0.5, rel=0.02)


def test_seed__decides_the_start_weights() -> None:
    one, same, other = (Controller(THREE, seed=s).state_dict() for s in (0, 0, 1))
    assert all(torch.equal(one[k], same[k]) for k in one)
    assert not any(torch.equal(one[k], other[k]) for k in one)
