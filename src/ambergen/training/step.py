"""One optimiser step: the same for supernets, children and rival networks."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ambergen.datasets.batches import Batch
from ambergen.models.layers import Conv, one_hot
from ambergen.training.config import TrainConfig

_AMBER_RATES = ((80, 0.0005), (60, 0.001), (40, 0.01), (20, 0.1), (0, 1.0))


def masked_bce(logits: Tensor, labels: Tensor, known: Tensor | None) -> Tensor:
    """Mean binary cross-entropy over the known labels.

    Parameters
    ----------
    logits : (batch, n_tracks), float32
    labels : (batch, n_tracks), 0 or 1
    known : (batch, n_tracks) or None where all are known
    """
    if known is None:
        return F.binary_cross_entropy_with_logits(logits, labels.to(logits.dtype))
    weight = known.to(logits.dtype)
    total = F.binary_cross_entropy_with_logits(logits, labels.to(logits.dtype), weight=weight, reduction="sum")
    return total / weight.sum().clamp_min(1)


def make_optimizer(network: nn.Module, config: TrainConfig) -> torch.optim.Optimizer:
    """The optimiser of a config; a step does not touch a parameter without gradient, so one outside the sampled path.

    Every group has a `scale`, the factor of its learning rate; see `set_rate`.
    """
    kernels = {id(m.weight) for m in network.modules() if isinstance(m, Conv)}
    scale = {
        id(m.weight): min(1.0, config.full_rate_inputs / m.in_features)
        for m in network.modules()
        if isinstance(m, nn.Linear) and config.full_rate_inputs
    }
    groups: dict[tuple[float, float], list[Tensor]] = {}
    for parameter in network.parameters():
        if config.optimizer == "adam":  # the gradient of l2 * w**2 is 2 * l2 * w, and Adam adds weight_decay * w
            decay = 2 * config.l2 if id(parameter) in kernels else 0.0
        else:
            decay = config.weight_decay if parameter.ndim >= 2 else 0.0
        groups.setdefault((decay, scale.get(id(parameter), 1.0)), []).append(parameter)
    settings = [{"params": members, "weight_decay": d, "scale": s} for (d, s), members in groups.items()]
    if config.optimizer == "sgd":
        return torch.optim.SGD(settings, lr=config.learning_rate, momentum=config.momentum)
    if config.optimizer == "rmsprop":
        return torch.optim.RMSprop(settings, lr=config.learning_rate, alpha=config.square_decay)
    kind = torch.optim.AdamW if config.optimizer == "adamw" else torch.optim.Adam
    return kind(settings, lr=config.learning_rate, fused=True)


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Set the learning rate of every group to `rate` times its scale."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group["scale"]


def rate_factor(config: TrainConfig, step: int, steps_per_epoch: int, n_steps: int) -> float:
    """Factor of the learning rate at `step` of `n_steps`."""
    if config.schedule == "constant":
        return 1.0
    if config.schedule == "amber":
        epoch = step // steps_per_epoch
        return next(factor for first, factor in _AMBER_RATES if epoch >= first)
    if config.schedule == "inverse":
        return 1 / (1 + config.rate_decay * step)
    rising = max(1, round(config.warm_up * n_steps))
    if step < rising:
        return (step + 1) / rising
    return 0.5 * (1 + math.cos(math.pi * (step - rising) / max(1, n_steps - rising)))


class Gradients(Protocol):
    """Adds the gradient of the loss over a batch to those at hand, in micro-batches, and returns the loss."""

    def __call__(
        self, network: Callable[[Tensor], Any], batch: Batch, config: TrainConfig, dtype: torch.dtype, n_symbols: int, /
    ) -> Tensor: ...


def train_step(
    logits_of: Callable[[Tensor], Any],
    batch: Batch,
    kernels: Iterable[Conv],
    optimizer: torch.optim.Optimizer,
    config: TrainConfig,
    dtype: torch.dtype,
    n_symbols: int,
    gradients: Gradients | None = None,
) -> Tensor:
    """One step on `batch`, in micro-batches whose gradients add up.

    Parameters
    ----------
    logits_of : one-hot (batch, n_symbols, length) -> logits (batch, n_tracks)
    kernels : the convolutions that penalties and the limit of the norm act on
    gradients : of another loss than the cross-entropy with the labels

    Returns
    -------
    Mean loss over the batch, a tensor without gradient on the device.
    """
    optimizer.zero_grad(set_to_none=True)
    total = (gradients or add_gradients)(logits_of, batch, config, dtype, n_symbols)
    apply_gradients(kernels, optimizer, config)
    return total


def add_gradients(
    logits_of: Callable[[Tensor], Tensor],
    batch: Batch,
    config: TrainConfig,
    dtype: torch.dtype,
    n_symbols: int,
    weight: float | Tensor = 1.0,
) -> Tensor:
    """Add the gradient of `weight` times the loss over `batch` to those at hand, and return that product."""
    n = len(batch.tokens)
    labels, known = batch.labels, batch.known
    total = torch.zeros((), device=batch.tokens.device)
    for start in range(0, n, config.micro_batch):
        part = slice(start, start + config.micro_batch)
        x = one_hot(batch.tokens[part], dtype, n_symbols)
        share: float | Tensor = len(x) / n if known is None else known[part].sum() / known.sum().clamp_min(1)
        loss = weight * share * masked_bce(logits_of(x), labels[part], None if known is None else known[part])
        if config.loss == "sum":
            loss = loss * labels.shape[1]
        loss.backward()  # type: ignore[no-untyped-call]
        total += loss.detach()
    return total


def apply_gradients(kernels: Iterable[Conv], optimizer: torch.optim.Optimizer, config: TrainConfig) -> None:
    """The optimiser's step from the gradients at hand, with penalties and limits."""
    weights = [k.weight for k in kernels if k.weight.grad is not None] if config.l1 or config.max_norm else []
    if config.l1:
        for weight in weights:
            assert weight.grad is not None
            weight.grad.add_(weight.detach().sign(), alpha=config.l1)
    if config.gradient_clip:
        with_gradient = [p for g in optimizer.param_groups for p in g["params"] if p.grad is not None]
        nn.utils.clip_grad_norm_(with_gradient, config.gradient_clip)
    optimizer.step()
    if config.max_norm:
        limit_norms(weights, config.max_norm)


@torch.no_grad()
def limit_norms(weights: Iterable[Tensor], limit: float) -> None:
    """Scale every filter (first axis) whose norm is above `limit` down to it."""
    for weight in weights:
        norms = weight.flatten(1).norm(dim=1).clamp_min(1e-12)
        weight.mul_((limit / norms).clamp_max(1).reshape(-1, *[1] * (weight.ndim - 1)))
