"""How a network is trained."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Literal

from ambergen.errors import ConfigError

Schedule = Literal["cosine", "constant", "amber"]
Precision = Literal["auto", "float32", "bfloat16"]


@dataclass(frozen=True)
class TrainConfig:
    """Training of one network from scratch; the same for children, sampled networks and rival networks.

    epochs : passes over the training split, at most
    patience : epochs without a better selection score after which training stops
    batch : windows a step
    micro_batch : windows that are held at once; gradients of a step's parts are added up
    optimizer : adamw (decoupled weight decay on all kernels) or adam (L2 as in `l2`)
    learning_rate : at the end of the warm-up
    full_rate_inputs : dense layers with more inputs than this learn that much more slowly, because one step of Adam
        moves the sum over n inputs by up to n times the rate; None for the same rate everywhere
    warm_up : share of all steps over which the learning rate rises from zero (cosine only)
    schedule : cosine falls to zero at the last epoch; amber is 1, 0.1, 0.01, 0.001, 0.0005 of the rate from epochs 0,
        20, 40, 60, 80 on, as published
    weight_decay : of adamw
    l1, l2 : penalties on convolution kernels, added to the loss as ``l1 * sum |w| + l2 * sum w**2``; l2 of adam only
    max_norm : largest norm of a convolution filter, renewed after every step; None for no limit
    gradient_clip : largest norm of a step's gradient; None for no limit
    average : decay, a step, of the moving average of the weights, which is what is scored and kept; 0 for none
    reverse_complement : half of the training windows, drawn anew in every epoch, are read from the other strand
    shift : training windows are moved by up to this many positions to either side
    precision : auto takes the faster of bfloat16 and float32 by a probe at start-up
    """

    epochs: int = 60
    patience: int = 10
    batch: int = 256
    micro_batch: int = 256
    optimizer: Literal["adamw", "adam"] = "adamw"
    learning_rate: float = 5e-3
    full_rate_inputs: int | None = 128
    warm_up: float = 0.05
    schedule: Schedule = "cosine"
    weight_decay: float = 0.01
    l1: float = 0.0
    l2: float = 0.0
    max_norm: float | None = None
    gradient_clip: float | None = None
    average: float = 0.0
    reverse_complement: bool = True
    shift: int = 0
    precision: Precision = "auto"

    def __post_init__(self) -> None:
        for name in ("epochs", "patience", "batch", "micro_batch"):
            if getattr(self, name) < 1:
                raise ConfigError(f"train: {name} is {getattr(self, name)}; expected at least 1.")
        for name in ("weight_decay", "l1", "l2", "shift"):
            if getattr(self, name) < 0:
                raise ConfigError(f"train: {name} is {getattr(self, name)}; expected 0 or more.")
        for name in ("warm_up", "average"):
            if not 0 <= getattr(self, name) < 1:
                raise ConfigError(f"train: {name} is {getattr(self, name)}; expected a share from 0 to below 1.")
        for name in ("learning_rate", "max_norm", "gradient_clip", "full_rate_inputs"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ConfigError(f"train: {name} is {value}; expected more than 0.")
        if self.optimizer == "adamw" and self.l2:
            raise ConfigError(
                f"train: l2 is {self.l2}, which adamw does not take; expected 0. Set weight_decay instead, or "
                "optimizer: adam."
            )


def amber_final(**overrides: Any) -> TrainConfig:
    """The published final training of AMBER-Seq (its max-norm, L2, steps of the learning rate and batch of 1000).

    The published limit of the norm acts on convolution kernels; ours is taken a filter.
    """
    settings: dict[str, Any] = {
        "epochs": 150,
        "patience": 10,
        "batch": 1000,
        "optimizer": "adam",
        "learning_rate": 1e-3,
        "schedule": "amber",
        "full_rate_inputs": None,
        "weight_decay": 0.0,
        "l2": 5e-7,
        "max_norm": 0.9,
        "reverse_complement": False,  # its training file holds both strands
    }
    return TrainConfig(**{**settings, **overrides})


PRESETS: dict[str, Callable[..., TrainConfig]] = {"ambergen": TrainConfig, "amber": amber_final}


def train_preset(name: str, **overrides: Any) -> TrainConfig:
    """The training preset called `name`, with some of its values replaced.

    Raises
    ------
    ConfigError
        If there is no such preset.
    """
    if name not in PRESETS:
        near = get_close_matches(name, PRESETS, n=1)
        raise ConfigError(
            f"train: {name!r} is not a preset; expected one of {', '.join(PRESETS)}."
            + (f" Did you mean {near[0]!r}?" if near else "")
        )
    return PRESETS[name](**overrides)
