"""The layers that every network is made of: channels-last, computing in the dtype of what they are given.

Activations have shape (batch, channels, 1, length) in channels-last memory, which convolutions and pools run through
several times faster than (batch, channels, length). Parameters stay float32 and are cast on use, so one network runs in
float32 and in bfloat16.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

CHANNELS_LAST = torch.channels_last

# A tap costs multiply-adds by the square of the channels, a padded copy of the activations by the channels alone.
_ZERO_TAP_CHANNELS = 32


def one_hot(tokens: Tensor, dtype: torch.dtype = torch.float32, n_symbols: int = 4) -> Tensor:
    """Tokens as a one-hot view whose memory is channels-last; unknown symbols are zeros.

    Parameters
    ----------
    tokens : (batch, length), uint8
        Symbols 0 to n_symbols - 1; n_symbols where unknown.

    Returns
    -------
    (batch, n_symbols, length)
    """
    table = torch.eye(n_symbols + 1, n_symbols, dtype=dtype, device=tokens.device)
    return table[tokens.int()].transpose(1, 2)


def at_least_float32(x: Tensor) -> Tensor:
    """`x`, in float32 where it was of lower precision."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


class Conv(nn.Module):
    """Convolution along positions, (batch, c_in, 1, length) -> (batch, c_out, 1, length').

    padding : ``same`` keeps the length, with ``floor((kernel - 1) * dilation / 2)`` zeros on the left and the
        remainder on the right; ``valid`` pads nothing.
    groups : parts into which the channels fall; those of one part see no other (`c_in` parts: each channel by itself)
    """

    def __init__(
        self,
        c_in: int,
        c_out: int,
        kernel: int,
        dilation: int = 1,
        bias: bool = False,
        padding: str = "same",
        groups: int = 1,
    ) -> None:
        super().__init__()
        self.kernel, self.dilation, self.padding, self.groups = kernel, dilation, padding, groups
        self.weight = nn.Parameter(torch.empty(c_out, c_in // groups, 1, kernel))
        self.bias = nn.Parameter(torch.zeros(c_out)) if bias else None
        if not self.weight.is_meta:  # a normal draw there has torch import its compiler, which takes seconds
            nn.init.kaiming_normal_(self.weight)

    def forward(self, x: Tensor) -> Tensor:
        weight = self.weight.to(x.dtype)
        bias = None if self.bias is None else self.bias.to(x.dtype)
        total = (self.kernel - 1) * self.dilation if self.padding == "same" else 0
        if total % 2 and self.dilation == 1 and self.weight.shape[1] <= _ZERO_TAP_CHANNELS:
            # A zero tap on the left makes an even kernel odd: symmetric padding, no padded copy of the activations.
            weight, total = F.pad(weight, (1, 0)), total + 1
        elif total % 2:
            x, total = F.pad(x, (0, 1)), total - 1
        return self._run(x, weight, bias, total // 2)

    def unpadded(self, x: Tensor) -> Tensor:
        """The same of a stretch, only where every tap lies on it."""
        bias = None if self.bias is None else self.bias.to(x.dtype)
        return self._run(x, self.weight.to(x.dtype), bias, 0)

    def _run(self, x: Tensor, weight: Tensor, bias: Tensor | None, padding: int) -> Tensor:
        weight = weight.contiguous(memory_format=CHANNELS_LAST)
        return F.conv2d(x, weight, bias, padding=(0, padding), dilation=(1, self.dilation), groups=self.groups)


class BatchNorm(nn.BatchNorm2d):
    """Batch norm with the published decay (0.9) and epsilon (1e-5).

    `from_batch` normalises with the statistics of the batch at hand, without training and without touching the running
    ones: architectures that share weights do not share statistics.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(channels, eps=1e-5, momentum=0.1)
        self.from_batch = False

    def forward(self, x: Tensor) -> Tensor:
        if (self.training or self.from_batch) and x.numel() == x.shape[1]:
            # A single value, as in a last batch of one window at a length of one, has no variance.
            return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, False, 0.0, self.eps)
        if self.from_batch:
            return F.batch_norm(x, None, None, self.weight, self.bias, True, 0.0, self.eps)
        return super().forward(x)


@contextmanager
def batch_statistics(network: nn.Module) -> Iterator[None]:
    """Inside the block every batch norm of `network` uses the batch at hand and keeps its running statistics."""
    norms = [m for m in network.modules() if isinstance(m, BatchNorm)]
    for norm in norms:
        norm.from_batch = True
    try:
        yield
    finally:
        for norm in norms:
            norm.from_batch = False


class MaxPoolSame(nn.Module):
    """Maximum of `kernel` neighbours, stride 1; needs values of at least 0, as after a ReLU.

    Zero padding then equals padding with minus infinity, and stays finite for attribution methods.
    """

    def __init__(self, kernel: int) -> None:
        super().__init__()
        self.kernel = kernel
        self.left, self.right = (kernel - 1) // 2, kernel - 1 - (kernel - 1) // 2
        self.pool = nn.MaxPool2d((1, kernel), stride=1)

    def forward(self, x: Tensor) -> Tensor:
        x = F.pad(x, (self.left, self.right))
        return self.pool(x) if torch.is_grad_enabled() else _max_of_neighbours(x, self.kernel)


def _max_of_neighbours(x: Tensor, kernel: int) -> Tensor:
    """Maxima of shifted copies, in half the time of a pool, which also notes where the maxima were."""
    seen = 1
    while seen < kernel:
        shift = min(seen, kernel - seen)
        x = torch.maximum(x[..., :-shift], x[..., shift:])
        seen += shift
    return x


class AvgPoolSame(nn.Module):
    """Mean of `kernel` neighbours, stride 1; at the ends the mean of those that exist.

    `first` says at which position a stretch begins that is given alone; its ends are taken as padded with zeros.
    """

    scale: Tensor

    def __init__(self, kernel: int, length: int) -> None:
        super().__init__()
        self.left, self.right = (kernel - 1) // 2, kernel - 1 - (kernel - 1) // 2
        self.pool = nn.AvgPool2d((1, kernel), stride=1)
        windows = [(max(0, i - self.left), min(length, i + self.right + 1)) for i in range(length)]
        scale = torch.tensor([kernel / (end - start) for start, end in windows])
        self.register_buffer("scale", scale.reshape(1, 1, 1, length), persistent=False)

    def forward(self, x: Tensor, first: int = 0) -> Tensor:
        scale = self.scale[..., first : first + x.shape[-1]]
        return self.pool(F.pad(x, (self.left, self.right))) * scale.to(x.dtype)


class MaxPoolReduce(nn.MaxPool2d):
    """Maximum of every `kernel` positions, SAME padding: the length is divided by `kernel` and rounded up."""

    def __init__(self, kernel: int, length: int) -> None:
        missing = -(-length // kernel) * kernel - length
        super().__init__((1, kernel), stride=(1, kernel), padding=(0, missing // 2), ceil_mode=True)


class Linear(nn.Linear):
    """Dense layer in the dtype of its input, Glorot-uniform weights, zero bias."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__(n_in, n_out)
        nn.init.xavier_uniform_(self.weight)
        nn.init.zeros_(self.bias)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight.to(x.dtype), self.bias.to(x.dtype))


class Dropout(nn.Module):
    """Dropout; on a CPU from random bytes, which is about three times faster than a Bernoulli draw a value.

    There the rate is rounded to a multiple of 1/256, and the values that are kept are scaled by that rate exactly.
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def extra_repr(self) -> str:
        return f"rate={self.rate}"

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.rate == 0:
            return x
        dropped = round(self.rate * 256)
        if not x.is_cpu or not 0 < dropped < 256:
            return F.dropout(x, self.rate)
        n = x.numel()
        words = torch.empty(-(-n // 8), dtype=torch.int64).random_(-(2**63), None)
        kept = torch.empty(n, dtype=x.dtype)
        torch.ge(words.view(torch.uint8)[:n], dropped, out=kept)  # several times faster than a cast of the comparison
        kept.mul_(256 / (256 - dropped))
        if not (x.is_contiguous() or x.is_contiguous(memory_format=CHANNELS_LAST)):
            return x * kept.view(x.shape)
        return x * kept.as_strided(x.shape, x.stride())


class _WithPenalty(torch.autograd.Function):
    """The identity, whose gradient is larger by `weight` times the sign of the value."""

    @staticmethod
    def forward(context: Any, x: Tensor, weight: float) -> Tensor:
        context.save_for_backward(x)
        context.weight = weight
        return x.view_as(x)

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (x,) = context.saved_tensors
        return gradient + context.weight * x.sign(), None


class ActivityPenalty(nn.Module):
    """Adds `weight` times the sum of the absolute values that pass through it to the loss, by way of the gradient."""

    def __init__(self, weight: float) -> None:
        super().__init__()
        self.weight = weight

    def extra_repr(self) -> str:
        return f"weight={self.weight}"

    def forward(self, x: Tensor) -> Tensor:
        penalised: Tensor = _WithPenalty.apply(x, self.weight) if self.training else x  # type: ignore[no-untyped-call]
        return penalised


class OutputLayer(Protocol):
    """The layer that gives the logits; its bias has a value a track."""

    @property
    def bias(self) -> Tensor: ...


class TrackNetwork(nn.Module):
    """What training needs of a network: one-hot (batch, n_symbols, length) -> logits (batch, n_tracks), float32."""

    length: int
    n_tracks: int

    @property
    def output_layer(self) -> OutputLayer:
        """The layer that gives the logits."""
        raise TypeError(f"{type(self).__name__} names no output layer; a network that is trained has to.")
