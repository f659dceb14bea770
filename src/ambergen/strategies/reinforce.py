"""The controller as a search strategy: policy gradients (REINFORCE or PPO-clip) on the scores of what it drew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass, fields, replace
from difflib import get_close_matches
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from ambergen.errors import ConfigError, StoreError
from ambergen.seeds import derive
from ambergen.spaces.architecture import Architecture
from ambergen.spaces.space import Space
from ambergen.strategies.base import Rated, check_origin
from ambergen.strategies.controller import Controller, Draw

# ---- losses: pure functions of (n,) tensors


def advantages(
    rewards: Tensor, baseline: float, scale: Literal["none", "std"] = "none", clip: float | None = None
) -> Tensor:
    """(n,) reward minus baseline, divided by the rewards' standard deviation where `scale` is "std", then clipped.

    Rewards without spread (or a single one) are not divided.
    """
    centred = rewards - baseline
    if scale == "std" and len(rewards) > 1:
        deviation = rewards.std(correction=0)
        # below the rounding of a score there is nothing to learn from, and a division would blow it up
        if deviation > 1e-7:
            centred = centred / deviation
    return centred if clip is None else centred.clamp(-clip, clip)


def reinforce_loss(log_prob: Tensor, advantage: Tensor) -> Tensor:
    """(n,) negative log-likelihood times advantage."""
    return -log_prob * advantage


def ppo_loss(log_prob: Tensor, old_log_prob: Tensor, advantage: Tensor, clip: float = 0.2) -> Tensor:
    """(n,) clipped surrogate loss; the ratio is that of whole architectures, one each.

    References
    ----------
    Schulman et al., Proximal policy optimization algorithms, arXiv 1707.06347 (2017), equation 7.
    """
    ratio = torch.exp(log_prob - old_log_prob)
    return -torch.minimum(ratio * advantage, ratio.clamp(1 - clip, 1 + clip) * advantage)


def skip_divergence(skip_logit: Tensor, target: float, form: Literal["exact", "legacy"] = "exact") -> Tensor:
    """(n, n_skips) Kullback-Leibler divergence of each skip decision from Bernoulli(target), nats.

    Parameters
    ----------
    skip_logit : (n, n_skips), q; a skip connection is chosen with probability sigmoid(2 q)
    form : "exact" takes that probability. "legacy" takes sigmoid(q), as the published controllers do; its minimum lies
        at a lower density than the target (0.308 for 0.4)
    """
    log_odds = 2 * skip_logit if form == "exact" else skip_logit
    log_yes, log_no = logsigmoid(log_odds), logsigmoid(-log_odds)
    goal = torch.tensor(target, dtype=skip_logit.dtype)
    return log_yes.exp() * (log_yes - torch.log(goal)) + log_no.exp() * (log_no - torch.log1p(-goal))


def skip_weights(skip_layers: Sequence[int], reduction: Literal["sum", "mean"]) -> Tensor:
    """(n_skips,) weights that sum or average the skip tokens of a layer, then average the layers that have any."""
    layers = torch.tensor(skip_layers, dtype=torch.int64)
    if not len(layers):
        return torch.zeros(0)
    counts = torch.bincount(layers)
    weights = torch.full((len(layers),), 1.0 / int((counts > 0).sum()))
    return weights / counts[layers] if reduction == "mean" else weights


def policy_divergence(old: Draw, new: Draw) -> Tensor:
    """(n,) divergence of `new` from `old` along the same tokens, nats.

    Each decision contributes its exact divergence given the decisions before, so that for tokens drawn from `old` the
    mean is an unbiased estimate of KL(old || new), never negative and of less variance than the mean log-ratio.
    """
    operations = (old.operation_log_prob.exp() * (old.operation_log_prob - new.operation_log_prob)).sum((1, 2))
    skips = torch.zeros_like(operations)
    for sign in (2, -2):
        before, after = logsigmoid(sign * old.skip_logit), logsigmoid(sign * new.skip_logit)
        skips = skips + (before.exp() * (before - after)).sum(1)
    return operations + skips


# ---- settings


@dataclass(frozen=True)
class ControllerConfig:
    """How the controller draws and learns. The defaults are the preset "ambergen".

    architectures : rated architectures that one update is made from
    hidden : units of the LSTM
    temperature, squash : of the logits; squash None leaves them unbounded
    algorithm : "reinforce", or "ppo" (clipped surrogate)
    batch : architectures in one optimiser step
    passes : most passes over the architectures of an update
    clip : of PPO's ratio
    kl_stop : an update ends before a pass, from the second on, when KL(old || new) exceeds this; None: never
    reduction : of the policy loss over a batch
    baseline : what is subtracted from a reward. "batch": the mean of the rewards told together, which share their
        weights; "moving": the moving average of those means
    baseline_decay : of the moving average; 0 is the mean of the step before
    scale : "std" divides by the standard deviation of the rewards told together
    advantage_clip : bound of the advantage after scaling, or None
    entropy : weight of the entropy bonus, nats of the whole architecture
    skip_weight, skip_target : weight and density of the skip penalty
    skip_penalty : "exact" divergence or the "legacy" form; see `skip_divergence`
    skip_reduction : over the sources of a layer
    learning_rate, beta1, epsilon : of Adam
    gradient_clip : largest norm of the gradient, or None
    """

    architectures: int = 20
    hidden: int = 64
    temperature: float = 2.0
    squash: float | None = 1.5
    algorithm: Literal["reinforce", "ppo"] = "ppo"
    batch: int = 20
    passes: int = 10
    clip: float = 0.2
    kl_stop: float | None = 0.1
    reduction: Literal["mean", "sum"] = "mean"
    baseline: Literal["batch", "moving"] = "batch"
    baseline_decay: float = 0.9
    scale: Literal["none", "std"] = "std"
    advantage_clip: float | None = 10.0
    entropy: float = 1e-3
    skip_weight: float = 1.0
    skip_target: float = 0.4
    skip_penalty: Literal["exact", "legacy"] = "exact"
    skip_reduction: Literal["sum", "mean"] = "sum"
    learning_rate: float = 3e-3
    beta1: float = 0.9
    epsilon: float = 1e-8
    gradient_clip: float | None = 5.0

    def __post_init__(self) -> None:
        for name in ("architectures", "hidden", "batch", "passes"):
            if getattr(self, name) < 1:
                raise ConfigError(f"controller: {name} is {getattr(self, name)}; expected at least 1.")
        for name in ("temperature", "squash", "kl_stop", "advantage_clip", "learning_rate", "epsilon", "gradient_clip"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ConfigError(f"controller: {name} is {value}; expected more than 0.")
        for name in ("entropy", "skip_weight"):
            if not getattr(self, name) >= 0:
                raise ConfigError(f"controller: {name} is {getattr(self, name)}; expected at least 0.")
        for name in ("baseline_decay", "beta1"):
            if not 0 <= getattr(self, name) < 1:
                raise ConfigError(f"controller: {name} is {getattr(self, name)}; expected from 0 to below 1.")
        for name in ("clip", "skip_target"):
            if not 0 < getattr(self, name) < 1:
                raise ConfigError(f"controller: {name} is {getattr(self, name)}; expected between 0 and 1.")
        for name, allowed in _CHOICES.items():
            if getattr(self, name) not in allowed:
                raise ConfigError(f"controller: {name} is {getattr(self, name)!r}; expected {' or '.join(allowed)}.")

    @classmethod
    def preset(cls, name: str = "ambergen", **overrides: Any) -> ControllerConfig:
        """The settings called `name`, with some of their values replaced.

        Raises
        ------
        ConfigError
            If there is no such preset, a key is unknown or a value impossible.
        """
        if name not in PRESETS:
            raise ConfigError(f"controller: {name!r} is not a preset; expected one of {', '.join(PRESETS)}.")
        known = [f.name for f in fields(cls)]
        for key in overrides:
            if key not in known:
                near = get_close_matches(key, known, n=1)
                hint = f"Did you mean {near[0]!r}?" if near else f"Known: {', '.join(known)}."
                raise ConfigError(f"controller: unknown key {key!r}. {hint}")
        return replace(PRESETS[name], **overrides)


_CHOICES = {
    "algorithm": ("reinforce", "ppo"),
    "reduction": ("mean", "sum"),
    "baseline": ("batch", "moving"),
    "scale": ("none", "std"),
    "skip_penalty": ("exact", "legacy"),
    "skip_reduction": ("sum", "mean"),
}

PRESETS = {
    # Scores differ by about 0.01 within an update and rise as the shared weights train. A raw advantage of that size
    # hardly moves the policy, and against an average over earlier steps it praises every architecture alike: hence
    # rewards are centred and scaled within the update. Ratings are dear and passes cheap: ten clipped passes at 3e-3
    # learn in about fifteen updates what one pass at 1e-3 learns in a hundred (benchmarks/controller.py).
    "ambergen": ControllerConfig(),
    # Amber-Seq's controller (Zhang et al. 2021, public pipeline): REINFORCE summed over minibatches, published penalty.
    "amber": ControllerConfig(
        architectures=100,
        algorithm="reinforce",
        kl_stop=0.01,
        reduction="sum",
        baseline="moving",
        baseline_decay=0.0,
        scale="none",
        entropy=0.0,
        skip_penalty="legacy",
        skip_reduction="mean",
        learning_rate=1e-3,
        gradient_clip=None,
    ),
    # The macro search of Pham et al. 2018 as its public script runs it, with a gradient clip that clips.
    "enas": ControllerConfig(
        temperature=1.0,
        algorithm="reinforce",
        passes=1,
        baseline="moving",
        baseline_decay=0.99,
        scale="none",
        advantage_clip=None,
        entropy=1e-4,
        skip_weight=0.8,
        skip_penalty="legacy",
        learning_rate=1e-3,
        beta1=0.0,
        epsilon=1e-3,
    ),
}


# ---- the strategy


class ControllerStrategy:
    """Draws from the controller; every `tell` is one update of it.

    Notes
    -----
    A failed trial is left out of the update, and an architecture may be drawn more than once: both keep the gradient
    that of the policy. The moving average of rewards begins at the first mean.
    """

    def __init__(self, space: Space, seed: int, config: ControllerConfig = PRESETS["ambergen"]) -> None:
        self.space = space
        self.seed = seed
        self.config = config
        self.controller = Controller(space, seed, config.hidden, config.temperature, config.squash)
        self._optimiser = torch.optim.Adam(
            self.controller.parameters(), config.learning_rate, (config.beta1, 0.999), config.epsilon
        )
        self._skip_weights = skip_weights(self.controller.skip_layers, config.skip_reduction)
        self._counts = {"ask": 0, "propose": 0, "update": 0}
        self._reward_baseline: float | None = None
        self._last: dict[str, Any] = {"controller_loss": None, "kl": 0.0, "passes": 0}

    def ask(self, n: int) -> list[Architecture]:
        return self._architectures("ask", n)

    def propose(self, n: int) -> list[Architecture]:
        return self._architectures("propose", n)

    def tell(self, rated: Sequence[Rated]) -> None:
        if not rated:
            return
        tokens = torch.tensor([self.space.encode(r.architecture) for r in rated])
        rewards = torch.tensor([r.score for r in rated], dtype=torch.float64)
        self._update(tokens, self._advantages(rewards))
        self._counts["update"] += 1

    def summary(self) -> dict[str, Any]:
        draw = self.controller.sample(256, self._generator("summary", self._counts["update"]))
        skip_prob = draw.skip_prob
        return {
            "entropy": draw.entropy.mean().item(),
            "skip_density": skip_prob.mean().item() if self.space.n_skips else 0.0,
            "reward_baseline": self._reward_baseline,
            "operation_probability": draw.operation_log_prob.exp().mean(0).tolist(),
            "skip_probability": skip_prob.mean(0).tolist(),
            **self._last,
        }

    def state(self) -> dict[str, Any]:
        return deepcopy(
            {
                "origin": self._origin(),
                "controller": dict(self.controller.state_dict()),
                "optimiser": self._optimiser.state_dict(),
                "counts": self._counts,
                "reward_baseline": self._reward_baseline,
                "last": self._last,
            }
        )

    def load(self, state: Mapping[str, Any]) -> None:
        check_origin(state, self._origin())
        try:
            self.controller.load_state_dict(state["controller"])
            self._optimiser.load_state_dict(deepcopy(state["optimiser"]))
            self._counts = {purpose: int(state["counts"][purpose]) for purpose in self._counts}
            self._reward_baseline = state["reward_baseline"]
            self._last = dict(state["last"])
        except (KeyError, RuntimeError, ValueError) as error:
            fault = " ".join(str(error).split())  # torch spreads it over lines
            raise StoreError(
                f"strategy state: the controller's part is damaged ({fault}). Remove the checkpoint to search anew."
            ) from error

    def _architectures(self, purpose: str, n: int) -> list[Architecture]:
        draw = self.controller.sample(n, self._generator(purpose, self._counts[purpose]))
        self._counts[purpose] += 1
        return [self.space.decode(tokens) for tokens in draw.tokens.tolist()]

    def _advantages(self, rewards: Tensor) -> Tensor:
        """(n,) advantages of this update; moves the average of rewards on."""
        mean, before, decay = rewards.mean().item(), self._reward_baseline, self.config.baseline_decay
        baseline = mean if self.config.baseline == "batch" or before is None else before
        self._reward_baseline = mean if before is None else decay * before + (1 - decay) * mean
        return advantages(rewards, baseline, self.config.scale, self.config.advantage_clip).float()

    def _update(self, tokens: Tensor, advantage: Tensor) -> None:
        with torch.no_grad():
            old = self.controller.evaluate(tokens)
        generator = self._generator("update", self._counts["update"])
        losses: list[float] = []
        passes = 0
        while passes < self.config.passes and not (passes and self._too_far(tokens, old)):
            order = torch.randperm(len(tokens), generator=generator)
            losses += [
                self._step(tokens[b], old.log_prob[b], advantage[b]) for b in torch.split(order, self.config.batch)
            ]
            passes += 1
        self._last = {
            "controller_loss": sum(losses) / len(losses),
            "kl": self._divergence(tokens, old),
            "passes": passes,
        }

    def _step(self, tokens: Tensor, old_log_prob: Tensor, advantage: Tensor) -> float:
        config = self.config
        draw = self.controller.evaluate(tokens)
        if config.algorithm == "ppo":
            policy = ppo_loss(draw.log_prob, old_log_prob, advantage, config.clip)
        else:
            policy = reinforce_loss(draw.log_prob, advantage)
        loss = policy.sum() if config.reduction == "sum" else policy.mean()
        penalty = skip_divergence(draw.skip_logit, config.skip_target, config.skip_penalty) @ self._skip_weights
        loss = loss + config.skip_weight * penalty.mean() - config.entropy * draw.entropy.mean()
        self._optimiser.zero_grad()
        torch.autograd.backward(loss)
        if config.gradient_clip is not None:
            torch.nn.utils.clip_grad_norm_(self.controller.parameters(), config.gradient_clip)
        self._optimiser.step()
        return loss.item()

    def _too_far(self, tokens: Tensor, old: Draw) -> bool:
        return self.config.kl_stop is not None and self._divergence(tokens, old) > self.config.kl_stop

    @torch.no_grad()
    def _divergence(self, tokens: Tensor, old: Draw) -> float:
        divergence = policy_divergence(old, self.controller.evaluate(tokens)).mean().item()
        return max(divergence, 0.0)  # rounding takes that of equal policies to either side

    def _generator(self, *names: str | int) -> torch.Generator:
        return torch.Generator().manual_seed(derive(self.seed, *names))

    def _origin(self) -> dict[str, Any]:
        return {
            "strategy": "controller",
            "space": self.space.to_dict(),
            "seed": self.seed,
            "configuration": asdict(self.config),
        }
