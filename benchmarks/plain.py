"""The networks of ambergen as a user of PyTorch writes them: (batch, channels, length), eager, standard layers.

`plain` turns a layer of ours into the standard one with the same weights; a test of equal outputs stands in every
benchmark that uses it.
"""

from __future__ import annotations

from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ambergen.models.child import Child
from ambergen.models.layers import (
    AvgPoolSame,
    BatchNorm,
    Conv,
    Dropout,
    Linear,
    MaxPoolReduce,
    MaxPoolSame,
)


class PlainAvgPoolSame(nn.Module):
    """Mean of four neighbours; PyTorch pads both sides alike, so the first value is one too many."""

    def __init__(self) -> None:
        super().__init__()
        self.pool = nn.AvgPool1d(4, stride=1, padding=2, count_include_pad=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.pool(x)[..., 1:]


def plain(module: nn.Module) -> nn.Module:
    """The standard layer, or chain of layers, that computes what `module` does."""
    if isinstance(module, Conv):
        return _conv(module)
    if isinstance(module, BatchNorm):
        norm = nn.BatchNorm1d(module.num_features)
        norm.load_state_dict(module.state_dict())
        return norm
    if isinstance(module, MaxPoolSame):
        return nn.Sequential(nn.ConstantPad1d((1, 2), float("-inf")), nn.MaxPool1d(4, stride=1))
    if isinstance(module, AvgPoolSame):
        return PlainAvgPoolSame()
    if isinstance(module, MaxPoolReduce):
        return nn.MaxPool1d(4, stride=4, padding=cast(tuple[int, int], module.padding)[1], ceil_mode=True)
    if isinstance(module, Linear):
        dense = nn.Linear(module.in_features, module.out_features)
        dense.load_state_dict(module.state_dict())
        return dense
    if isinstance(module, Dropout):
        return nn.Dropout(module.rate)
    if isinstance(module, nn.Sequential):
        return nn.Sequential(*map(plain, module))
    if isinstance(module, nn.ModuleDict):
        return nn.ModuleDict({name: plain(part) for name, part in module.items()})
    if isinstance(module, (nn.ReLU, nn.Identity)):
        return type(module)()
    raise TypeError(f"no plain layer for {type(module).__name__}")


def _conv(module: Conv) -> nn.Module:
    c_out, c_in, _, kernel = module.weight.shape
    conv = nn.Conv1d(c_in, c_out, kernel, dilation=module.dilation, bias=module.bias is not None)
    state = {"weight": module.weight.detach().squeeze(2)}
    conv.load_state_dict(state if module.bias is None else state | {"bias": module.bias.detach()})
    missing = (kernel - 1) * module.dilation
    if missing == 0:
        return conv
    return nn.Sequential(nn.ConstantPad1d((missing // 2, missing - missing // 2), 0.0), conv)


class PlainChild(nn.Module):
    """The network of a `Child`, with its weights."""

    def __init__(self, child: Child) -> None:
        super().__init__()
        if (child.space.sources, child.space.combine) != ("amber", "add"):
            raise TypeError("no plain network for skip connections from the stem, or that are concatenated")
        self.space, self.architecture = child.space, child.architecture
        self.stem = plain(child.stem)
        self.layers = nn.ModuleList(
            plain(cast(nn.ModuleDict, layer)[name])
            for layer, name in zip(child.layers, child.architecture.operations, strict=True)
        )
        self.norms = nn.ModuleList(map(plain, child.norms))
        self.dropouts = nn.ModuleList(map(plain, child.dropouts))
        self.reductions = nn.ModuleList(map(plain, child.reductions))
        head = child.head
        self.head = nn.Sequential(nn.Flatten(), *map(plain, (head.dropout, head.dense, head.activation, head.output)))

    def forward(self, x: Tensor) -> Tensor:
        x, outputs = self.stem(x), dict[int, Tensor]()
        for i, sources in enumerate(self.architecture.skips):
            x = self.layers[i](x)
            for source in sources:
                x = x + outputs[source]
            x = outputs[i] = self.dropouts[i](self.norms[i](x))
            if i in self.space.reduce:
                used = cast(nn.ModuleDict, self.reductions[self.space.reduce.index(i)])
                outputs = {int(j): reduction(outputs[int(j)]) for j, reduction in used.items()}
                x = outputs[i]
        return self.head(x)


def one_hot(tokens: Tensor) -> Tensor:
    """(batch, length) -> (batch, 4, length), as the manual of PyTorch has it."""
    return F.one_hot(tokens.long(), 4).float().transpose(1, 2)


def training_step(
    network: nn.Module, tokens: Tensor, labels: Tensor, optimizer: torch.optim.Optimizer, l1: float, l2: float
) -> None:
    """One step with the penalties in the loss."""
    optimizer.zero_grad()
    loss = F.binary_cross_entropy_with_logits(network(one_hot(tokens)), labels.float())
    kernels = [m.weight for m in network.modules() if isinstance(m, nn.Conv1d)]
    if l1:
        loss = loss + l1 * sum(w.abs().sum() for w in kernels)
    if l2:
        loss = loss + l2 * sum(w.square().sum() for w in kernels)
    loss.backward()
    optimizer.step()
