"""The controller as a search strategy: policy gradients (REINFORCE or PPO-clip) on the scores of what it drew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass, fields, replace
from difflib import get_close_matches
from itertools import chain
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from ambergen.errors import ConfigError
from ambergen.seeds import derive, generator
from ambergen.spaces.base import Candidate, SearchSpace
from ambergen.spaces.space import Space
from ambergen.strategies.base import Rated, check_origin, check_untouched, read_rated, reading_state
from ambergen.strategies.controller import Controller, Draw
from ambergen.strategies.novelty import mutated, novel

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


def ranks_among(scores: Sequence[float], known: Sequence[float]) -> list[float]:
    """For each score the share of the `known` ones below it, from 0 to 1; equal ones count half."""
    ordered = np.sort(np.asarray(known, float))
    below, up_to = np.searchsorted(ordered, scores, "left"), np.searchsorted(ordered, scores, "right")
    return ((below + up_to) / (2 * len(ordered))).tolist()


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
    spread : weights start uniform in (-spread, spread)
    algorithm : "reinforce", or "ppo" (clipped surrogate)
    batch : architectures in one optimiser step
    passes : most passes over the architectures of an update
    clip : of PPO's ratio
    kl_stop : an update ends before a pass, from the second on, when KL(old || new) exceeds this; None: never
    reduction : of the policy loss over a batch
    reward : "score", or "rank": the share that a score exceeds of the last 100 of different architectures, which is the
        same for any metric and does not fade as scores draw near to each other
    baseline : what is subtracted from a reward. "batch": the mean of the rewards told together, which share their
        weights; "moving": the moving average of those means
    baseline_decay : of the moving average; 0 is the mean of the step before
    scale : "std" divides by the standard deviation of the rewards told together. With "none" the pace of learning is
        that of the differences between scores, which are not the same for all objectives
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
    spread: float = 0.1
    algorithm: Literal["reinforce", "ppo"] = "ppo"
    batch: int = 20
    passes: int = 10
    clip: float = 0.2
    kl_stop: float | None = 0.1
    reduction: Literal["mean", "sum"] = "mean"
    reward: Literal["score", "rank"] = "score"
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
        for name in _POSITIVE:
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


_POSITIVE = (
    "temperature",
    "squash",
    "spread",
    "kl_stop",
    "advantage_clip",
    "learning_rate",
    "epsilon",
    "gradient_clip",
)
_CHOICES = {
    "algorithm": ("reinforce", "ppo"),
    "reduction": ("mean", "sum"),
    "reward": ("score", "rank"),
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
    # Zoph and Le 2017, every network trained alone: learning rate, start weights, eight children an update and the
    # moving average of rewards are theirs, on this controller of one layer and 64 units instead of two of 35.
    # Temperature and squash are those of the public ENAS code for whole networks. Ratings that come back late are
    # held to PPO's clip; a rank takes the place of the cubed accuracy, which means nothing for other metrics.
    "nas": ControllerConfig(
        architectures=8,
        temperature=5.0,
        squash=2.5,
        spread=0.08,
        batch=8,
        passes=1,
        kl_stop=None,
        reward="rank",
        baseline="moving",
        baseline_decay=0.95,
        scale="none",
        advantage_clip=None,
        entropy=0.0,
        learning_rate=6e-4,
    ),
}


# ---- the strategy

RANKED = 100
"""Scores among which a new one is ranked."""

_SPARE = 64
"""Draws of the policy that are looked through for one that was not asked for before."""


class ControllerStrategy:
    """Draws from the controller, and updates it with the scores of what it drew.

    Parameters
    ----------
    repeats : True is for shared weights: an architecture may be drawn again, and every `tell` is one update, since its
        ratings were given by the same weights. False is for networks that are trained alone: none is asked for twice
        while there are others, and results, which come back one at a time, are collected until there are
        `config.architectures` of them for an update

    Notes
    -----
    A failed trial is left out of the update, and with `repeats` an architecture may be drawn more than once: both keep
    the gradient that of the policy. The moving average of rewards begins at the first mean.

    Where the policy has moved since an architecture was drawn, PPO's ratio is to the policy that drew it. Without
    `repeats`, an architecture that was known is replaced by another draw, and where the policy gives no new one by a
    mutation of it, which counts as if the policy had drawn it.
    """

    def __init__(
        self, space: Space, seed: int, config: ControllerConfig = PRESETS["ambergen"], repeats: bool = True
    ) -> None:
        self.space = space
        self.seed = seed
        self.config = config
        self.repeats = repeats
        self.controller = Controller(space, seed, config.hidden, config.temperature, config.squash, config.spread)
        self._optimiser = torch.optim.Adam(
            self.controller.parameters(), config.learning_rate, (config.beta1, 0.999), config.epsilon
        )
        self._skip_weights = skip_weights(self.controller.skip_layers, config.skip_reduction)
        self._counts = {"ask": 0, "propose": 0, "update": 0}
        self._drawn: dict[str, _Drawn] = {}
        self._known: dict[str, None] = {}  # ids, without repeats
        self._exhausted = False  # found out again after a load
        self._collected: dict[str, Rated] = {}  # without repeats
        self._scores: dict[str, float] = {}  # the last ones, where rewards are ranks
        self._reward_baseline: float | None = None
        self._last: dict[str, Any] = {"controller_loss": None, "kl": 0.0, "passes": 0}

    def ask(self, n: int) -> list[Candidate]:
        draw = self._sample("ask", n)
        asked = drawn = self._candidates(draw.tokens)
        if not self.repeats:
            asked = self._unknown(drawn)
        log_prob = (draw.log_prob if asked == drawn else self._log_prob(asked)).tolist()
        update = self._counts["update"]
        self._drawn |= {a.id: _Drawn(p, update) for a, p in zip(asked, log_prob, strict=True)}
        return asked

    def propose(self, n: int) -> list[Candidate]:
        return self._candidates(self._sample("propose", n).tokens)

    def tell(self, rated: Sequence[Rated]) -> None:
        self._check(rated)
        if self.repeats:
            self._learn(rated)
            for r in rated:
                self._drawn.pop(r.architecture.id, None)
            return
        for r in rated:
            self._known[r.architecture.id] = None
            self._collected.pop(r.architecture.id, None)
            self._collected[r.architecture.id] = r
            if len(self._collected) == self.config.architectures:
                collected, self._collected = list(self._collected.values()), {}
                self._learn(collected)

    def withdraw(self, candidates: Sequence[Candidate]) -> None:
        for candidate in candidates:
            self._drawn.pop(candidate.id, None)

    def learn(self, history: Sequence[Rated]) -> None:
        """Clipped updates from the history, in its order and in batches of `config.architectures`."""
        check_untouched(self._counts["ask"] + self._counts["update"] > 0)
        self._check(history)
        if not self.repeats:
            self._known = {r.architecture.id: None for r in history}
        for first in range(0, len(history), self.config.architectures):
            self._learn(history[first : first + self.config.architectures], algorithm="ppo")

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
                "drawn": {name: [d.log_prob, d.update] for name, d in self._drawn.items()},
                "known": list(self._known),
                "collected": [r.to_dict() for r in self._collected.values()],
                "scores": list(self._scores.items()),
                "reward_baseline": self._reward_baseline,
                "last": self._last,
            }
        )

    def load(self, state: Mapping[str, Any]) -> None:
        check_origin(state, self._origin())
        with reading_state("controller"):
            self.controller.load_state_dict(state["controller"])
            self._optimiser.load_state_dict(deepcopy(state["optimiser"]))
            self._counts = {purpose: int(state["counts"][purpose]) for purpose in self._counts}
            self._drawn = {name: _Drawn(float(p), int(update)) for name, (p, update) in state["drawn"].items()}
            self._known = dict.fromkeys(state["known"])
            self._exhausted = False
            collected = [read_rated(self.space, record) for record in state["collected"]]
            self._collected = {r.architecture.id: r for r in collected}
            self._scores = {name: float(score) for name, score in state["scores"]}
            self._reward_baseline = state["reward_baseline"]
            self._last = dict(state["last"])

    # ---- draws

    def _sample(self, purpose: str, n: int) -> Draw:
        draw = self.controller.sample(n, self._generator(purpose, self._counts[purpose]))
        self._counts[purpose] += 1
        return draw

    def _candidates(self, tokens: Tensor) -> list[Candidate]:
        return [self.space.decode(row) for row in tokens.tolist()]

    def _unknown(self, drawn: Sequence[Candidate]) -> list[Candidate]:
        """Those of `drawn` that were not asked for before; for the others new draws, and mutations as a last resort."""
        asked: list[Candidate] = []
        spare: list[Candidate] = []
        for candidate in drawn:
            if candidate.id in self._known and not self._exhausted:
                spare = spare or self._candidates(self._sample("ask", _SPARE).tokens)
                rng = generator(self.seed, "instead", self._counts["ask"], len(asked))
                draws = chain(spare, mutated(self.space, candidate, rng))
                candidate = novel(self.space, self._known, draws, rng)
                self._exhausted = candidate.id in self._known
            self._known[candidate.id] = None
            asked.append(candidate)
        return asked

    def _check(self, rated: Sequence[Rated]) -> None:
        space: SearchSpace = self.space
        for r in rated:
            space.check(r.architecture)

    @torch.no_grad()
    def _log_prob(self, candidates: Sequence[Candidate]) -> Tensor:
        """(n,) log-probabilities under the policy as it is."""
        return self.controller.evaluate(self._tokens(candidates)).log_prob

    def _tokens(self, candidates: Sequence[Candidate]) -> Tensor:
        """(n, n_tokens)"""
        space: SearchSpace = self.space
        rows = [space.genes(c) for c in candidates]
        return torch.tensor(rows, dtype=torch.int64).reshape(len(rows), self.space.n_tokens)

    # ---- updates

    def _learn(self, rated: Sequence[Rated], algorithm: Literal["reinforce", "ppo"] | None = None) -> None:
        """One update."""
        if not rated:
            return
        rewards = torch.tensor(self._rewards(rated), dtype=torch.float64)
        self._update(rated, self._advantages(rewards), algorithm or self.config.algorithm)
        self._counts["update"] += 1

    def _rewards(self, rated: Sequence[Rated]) -> list[float]:
        scores = [r.score for r in rated]
        if self.config.reward == "score":
            return scores
        for r in rated:
            self._scores.pop(r.architecture.id, None)
            self._scores[r.architecture.id] = r.score
        self._scores = dict(list(self._scores.items())[-RANKED:])
        return ranks_among(scores, list(self._scores.values()))

    def _advantages(self, rewards: Tensor) -> Tensor:
        """(n,) advantages of this update; moves the average of rewards on."""
        mean, before, decay = rewards.mean().item(), self._reward_baseline, self.config.baseline_decay
        baseline = mean if self.config.baseline == "batch" or before is None else before
        self._reward_baseline = mean if before is None else decay * before + (1 - decay) * mean
        return advantages(rewards, baseline, self.config.scale, self.config.advantage_clip).float()

    def _drawing_log_prob(self, rated: Sequence[Rated], now: Tensor) -> Tensor:
        """(n,) log-probabilities under the policies that drew; `now`, under this one, where it has not moved since."""
        log_prob = now.clone()
        for k, r in enumerate(rated):
            drawn = self._drawn.get(r.architecture.id)
            if drawn is not None and drawn.update != self._counts["update"]:
                log_prob[k] = drawn.log_prob
        return log_prob

    def _update(self, rated: Sequence[Rated], advantage: Tensor, algorithm: Literal["reinforce", "ppo"]) -> None:
        tokens = self._tokens([r.architecture for r in rated])
        with torch.no_grad():
            old = self.controller.evaluate(tokens)
        drawing = self._drawing_log_prob(rated, old.log_prob)
        generator = self._generator("update", self._counts["update"])
        losses: list[float] = []
        passes = 0
        while passes < self.config.passes and not (passes and self._too_far(tokens, old)):
            order = torch.randperm(len(tokens), generator=generator)
            losses += [
                self._step(tokens[b], drawing[b], advantage[b], algorithm)
                for b in torch.split(order, self.config.batch)
            ]
            passes += 1
        self._last = {
            "controller_loss": sum(losses) / len(losses),
            "kl": self._divergence(tokens, old),
            "passes": passes,
        }

    def _step(
        self, tokens: Tensor, old_log_prob: Tensor, advantage: Tensor, algorithm: Literal["reinforce", "ppo"]
    ) -> float:
        config = self.config
        draw = self.controller.evaluate(tokens)
        if algorithm == "ppo":
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
            "repeats": self.repeats,
        }


@dataclass(frozen=True)
class _Drawn:
    """Under which policy an architecture was drawn: its log-probability there, and the updates before it."""

    log_prob: float
    update: int
