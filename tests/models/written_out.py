"""The network of an architecture written out from the description of the published search space.

Slow, (batch, channels, length), one tap and one window at a time; it shares no code with the package, only the names of
the parameters.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

KERNEL_AND_DILATION = {"conv8": (8, 1), "conv4": (4, 1), "conv8_d10": (8, 10), "conv4_d10": (4, 10)}


@dataclass(frozen=True)
class WrittenOut:
    """Logits of one architecture, from a state dictionary.

    reduce : layers after which the width doubles and the length is divided by four
    batch_norm : "running" statistics, or those of the "batch"
    """

    weights: dict[str, Tensor]
    reduce: tuple[int, ...]
    pool_first: bool
    head: str
    batch_norm: str = "running"

    def logits(self, x: Tensor, operations: tuple[str, ...], skips: tuple[tuple[int, ...], ...]) -> Tensor:
        outputs = {-1: self.norm(conv_same(x, self.weights["stem.0.weight"], 1), "stem.1")}
        for layer, name in enumerate(operations):
            x = self.operation(outputs[layer - 1], layer, name)
            if layer > 0:
                combined = self.concatenated if f"slices.{layer}.operation.1.weight" in self.weights else self.added
                x = self.norm(combined(layer, x, {j: outputs[j] for j in skips[layer]}), f"norms.{layer}")
            outputs[layer] = x
            if layer in self.reduce:
                used = {j for j in outputs if any(j in s for s in skips[layer + 1 :])} | {layer}
                outputs = {j: self.reduction(o, layer, j) if j in used else o for j, o in outputs.items()}
        return self.dense_layers(outputs[len(operations) - 1])

    def added(self, layer: int, x: Tensor, skipped: dict[int, Tensor]) -> Tensor:
        return x + sum(skipped.values())

    def concatenated(self, layer: int, x: Tensor, skipped: dict[int, Tensor]) -> Tensor:
        """One 1 x 1 convolution of all channels, rectified; its kernel is put together from the slices."""
        names = ["operation", *("stem" if j == -1 else str(j) for j in skipped)]
        kernel = torch.cat([self.weights[f"slices.{layer}.{name}.1.weight"] for name in names], dim=1)
        return conv_same(torch.clamp(torch.cat([x, *skipped.values()], dim=1), min=0), kernel, 1)

    def operation(self, x: Tensor, layer: int, name: str) -> Tensor:
        if name == "identity":
            return x
        prefix = f"layers.{layer}.{name}"
        kernel = self.weights[f"{prefix}.0.weight"]
        dilation = KERNEL_AND_DILATION.get(name, (1, 1))[1]
        x = torch.clamp(self.norm(conv_same(x, kernel, dilation), f"{prefix}.1"), min=0)
        return {"max_pool4": max_pool, "avg_pool4": avg_pool}[name](x, 4, 1) if "pool" in name else x

    def reduction(self, x: Tensor, layer: int, source: int) -> Tensor:
        place = 1 if self.pool_first else 0
        name = "stem" if source == -1 else source
        kernel = self.weights[f"reductions.{self.reduce.index(layer)}.{name}.{place}.weight"]
        if self.pool_first:
            return conv_same(max_pool(x, 4, 4), kernel, 1)
        return max_pool(conv_same(x, kernel, 1), 4, 4)

    def dense_layers(self, x: Tensor) -> Tensor:
        x = x.mean(2) if self.head == "gap" else x.reshape(len(x), -1)
        x = x @ self.weights["head.dense.weight"].T + self.weights["head.dense.bias"]
        return torch.clamp(x, min=0) @ self.weights["head.output.weight"].T + self.weights["head.output.bias"]

    def norm(self, x: Tensor, prefix: str) -> Tensor:
        if self.batch_norm == "running":
            mean, variance = self.weights[f"{prefix}.running_mean"], self.weights[f"{prefix}.running_var"]
        else:
            mean = x.mean((0, 2))
            variance = ((x - mean[:, None]) ** 2).mean((0, 2))
        scaled = (x - mean[:, None]) / torch.sqrt(variance + 1e-5)[:, None]
        return scaled * self.weights[f"{prefix}.weight"][:, None] + self.weights[f"{prefix}.bias"][:, None]


def conv_same(x: Tensor, weight: Tensor, dilation: int) -> Tensor:
    """(batch, c_in, length) with (c_out, c_in, 1, taps) -> (batch, c_out, length); zeros outside."""
    length, taps = x.shape[2], weight.shape[3]
    left = (taps - 1) * dilation // 2
    out = torch.zeros(len(x), len(weight), length, dtype=x.dtype)
    for position in range(length):
        for tap in range(taps):
            at = position - left + tap * dilation
            if 0 <= at < length:
                out[:, :, position] += x[:, :, at] @ weight[:, :, 0, tap].T
    return out


def _windows(length: int, width: int, stride: int) -> list[slice]:
    """TensorFlow's SAME: the length divided by the stride and rounded up, the smaller half of the padding left."""
    n = math.ceil(length / stride)
    left = max(0, (n - 1) * stride + width - length) // 2
    return [slice(max(0, i * stride - left), min(length, i * stride - left + width)) for i in range(n)]


def max_pool(x: Tensor, width: int, stride: int) -> Tensor:
    return torch.stack([x[:, :, w].max(2).values for w in _windows(x.shape[2], width, stride)], dim=2)


def avg_pool(x: Tensor, width: int, stride: int) -> Tensor:
    return torch.stack([x[:, :, w].mean(2) for w in _windows(x.shape[2], width, stride)], dim=2)
