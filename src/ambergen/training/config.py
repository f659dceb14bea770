"""How a network is trained."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Literal

from ambergen.errors import ConfigError

Optimizer = Literal["adamw", "adam", "sgd", "rmsprop"]
Schedule = Literal["cosine", "constant", "amber", "inverse"]
Precision = Literal["auto", "float32", "bfloat16"]


@dataclass(frozen=True)
class TrainConfig:
    """Training of one network from scratch; the same for children, sampled networks and rival networks.

    epochs : passes over the training split, at most
    patience : epochs without a better selection score after which training stops
    batch : windows a step
    micro_batch : windows that are held at once; gradients of a step's parts are added up
    optimizer : adamw (decoupled weight decay on all kernels), adam (L2 as in `l2`), sgd (with `momentum`) or rmsprop
        (with `square_decay`); the last two are what experts' networks were published with
    momentum : of sgd, share of the last step that is taken again
    square_decay : of rmsprop, share of the mean square of the gradient that is kept from step to step
    loss : mean cross-entropy over tracks, or their sum, which trains each track at the rate that it would have alone
    learning_rate : at the end of the warm-up
    full_rate_inputs : dense layers with more inputs than this learn that much more slowly, because one step of Adam
        moves the sum over n inputs by up to n times the rate; None for the same rate everywhere
    warm_up : share of all steps over which the learning rate rises from zero (cosine only)
    schedule : cosine falls to zero at the last epoch; amber is 1, 0.1, 0.01, 0.001, 0.0005 of the rate from epochs 0,
        20, 40, 60, 80 on, as published; inverse divides the rate by 1 + rate_decay * step
    rate_decay : of the schedule inverse
    weight_decay : of adamw; of sgd and rmsprop what is added to the gradient of a kernel, in units of the kernel
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
    optimizer: Optimizer = "adamw"
    momentum: float = 0.0
    square_decay: float = 0.99
    loss: Literal["mean", "sum"] = "mean"
    learning_rate: float = 5e-3
    full_rate_inputs: int | None = 128
    warm_up: float = 0.05
    schedule: Schedule = "cosine"
    rate_decay: float = 0.0
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
        for name in ("rate_decay", "weight_decay", "l1", "l2", "shift"):
            if getattr(self, name) < 0:
                raise ConfigError(f"train: {name} is {getattr(self, name)}; expected 0 or more.")
        for name in ("warm_up", "average", "momentum", "square_decay"):
            if not 0 <= getattr(self, name) < 1:
                raise ConfigError(f"train: {name} is {getattr(self, name)}; expected a share from 0 to below 1.")
        for name in ("learning_rate", "max_norm", "gradient_clip", "full_rate_inputs"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ConfigError(f"train: {name} is {value}; expected more than 0.")
        if self.optimizer != "adam" and self.l2:
            raise ConfigError(
                f"train: l2 is {self.l2}, which {self.optimizer} does not take; expected 0. Set weight_decay instead, "
                "or optimizer: adam."
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


def deepsea(**overrides: Any) -> TrainConfig:
    """The training of DeepSEA (Zhou & Troyanskaya, Nature Methods 12, 931-934, 2015, supplementary methods).

    The rate belongs to a mean over 919 tracks. Not published are the number of epochs and the early stop; the limit of
    the norm acts on the filters of convolutions.
    """
    settings: dict[str, Any] = {
        "batch": 16,
        "optimizer": "sgd",
        "learning_rate": 1.0,
        "momentum": 0.9,
        "schedule": "inverse",
        "rate_decay": 8e-7,
        "full_rate_inputs": None,
        "weight_decay": 1e-6,  # its L2 of 5e-7 on squares
        "max_norm": 0.9,
    }
    return TrainConfig(**{**settings, **overrides})


def danq(**overrides: Any) -> TrainConfig:
    """The training of DanQ (Quang & Xie, Nucleic Acids Research 44, e107, 2016), with the defaults of Keras's RMSprop.

    Its early stop watched the loss, ours the AUROC of the selection split.
    """
    settings: dict[str, Any] = {
        "epochs": 60,
        "patience": 5,
        "batch": 100,
        "optimizer": "rmsprop",
        "learning_rate": 1e-3,
        "square_decay": 0.9,
        "schedule": "constant",
        "full_rate_inputs": None,
        "weight_decay": 0.0,
    }
    return TrainConfig(**{**settings, **overrides})


def basset(**overrides: Any) -> TrainConfig:
    """The training of Basset (Kelley et al., Genome Research 26, 990-999, 2016).

    Its "momentum" of 0.98 is the decay of RMSprop's mean square. The batch is ours; the limit of the norm acts on the
    filters of convolutions.
    """
    settings: dict[str, Any] = {
        "batch": 128,
        "optimizer": "rmsprop",
        "learning_rate": 2e-3,
        "square_decay": 0.98,
        "schedule": "constant",
        "full_rate_inputs": None,
        "weight_decay": 0.0,
        "max_norm": 7.0,
    }
    return TrainConfig(**{**settings, **overrides})


def deepbind(**overrides: Any) -> TrainConfig:
    """The training of DeepBind (Alipanahi et al., Nature Biotechnology 33, 831-838, 2015, supplementary notes).

    Published are a batch of 64, a momentum from 0.95 to 0.99 and a rate from 5e-4 to 5e-2, drawn thirty times; these
    are the middles. The network reads both strands by itself, and a track learns as if it were alone.
    """
    settings: dict[str, Any] = {
        "batch": 64,
        "optimizer": "sgd",
        "learning_rate": 5e-3,
        "momentum": 0.98,
        "loss": "sum",
        "schedule": "constant",
        "full_rate_inputs": None,
        "weight_decay": 0.0,
        "reverse_complement": False,
    }
    return TrainConfig(**{**settings, **overrides})


def bpnet(**overrides: Any) -> TrainConfig:
    """The training of BPNet (Avsec et al., Nature Genetics 53, 354-366, 2021).

    Windows are moved by up to 200 bases, for which the counts of a store have room by default, and turned to the other
    strand; the loss of the selection split stops. The number of epochs and the patience are ours.
    """
    settings: dict[str, Any] = {
        "epochs": 100,
        "patience": 5,
        "batch": 128,
        "micro_batch": 128,
        "optimizer": "adam",
        "learning_rate": 4e-3,
        "schedule": "constant",
        "full_rate_inputs": None,
        "weight_decay": 0.0,
        "shift": 200,
    }
    return TrainConfig(**{**settings, **overrides})


PRESETS: dict[str, Callable[..., TrainConfig]] = {
    "ambergen": TrainConfig,
    "amber": amber_final,
    "deepsea": deepsea,
    "danq": danq,
    "basset": basset,
    "deepbind": deepbind,
    "bpnet": bpnet,
}


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
