"""Logits of windows and of their twins, which differ from them in a few bases: only what these bases reach is computed.

A layer carries a change no further than it sees. Of a twin, each layer computes the stretch that the changed bases can
reach, and the rest is that of its window. The numbers are those of the whole network, but for rounding.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ambergen.models.child import Child
from ambergen.models.layers import AvgPoolSame, Conv, MaxPoolReduce, one_hot
from ambergen.models.network import OPERATION
from ambergen.models.operations import extent
from ambergen.spaces.architecture import STEM, source_name
from ambergen.spaces.operations import operation

_MOST_CHANGED = 16
"""Bases from the first to the last that differ, up to which a window is treated as a twin."""


class TwinLogits(NamedTuple):
    """(n_windows, n_tracks) and (n_twins, n_tracks)."""

    windows: Tensor
    twins: Tensor


@dataclass(frozen=True)
class _Activations:
    """What one layer gives.

    whole : (n_windows, channels, 1, length)
    part : (n_twins, channels, 1, n), of the twins, from position `start` on; elsewhere they are as their windows
    """

    whole: Tensor
    part: Tensor
    start: int

    @property
    def stop(self) -> int:
        return self.start + self.part.shape[-1]


@torch.no_grad()
def logits_of(network: nn.Module, tokens: Tensor, twin_of: Tensor, n_symbols: int = 4) -> Tensor:
    """Logits of windows some of which are twins of others.

    Parameters
    ----------
    network : in evaluation mode
    tokens : (n, length), uint8
    twin_of : (n,), the row of the window that each resembles, its own for the others, which come before their twins

    Returns
    -------
    (n, n_tracks)
    """
    own = torch.arange(len(tokens), device=tokens.device)
    twins = own[twin_of != own] if _knows(network) and tokens.is_cpu else own[:0]
    differ = tokens[twins] != tokens[twin_of[twins]]
    first = differ.int().argmax(dim=1)
    last = tokens.shape[1] - differ.flip(1).int().argmax(dim=1)
    near = last - first <= _MOST_CHANGED
    if not near.any():
        return network(one_hot(tokens, n_symbols=n_symbols))
    twins, start, stop = twins[near], int(first[near].min()), int(last[near].max())
    whole = torch.ones(len(tokens), dtype=torch.bool)
    whole[twins] = False
    row = whole.cumsum(0) - 1
    found = twin_logits(
        cast(Child, network),
        one_hot(tokens[whole], n_symbols=n_symbols),
        one_hot(tokens[twins, start:stop], n_symbols=n_symbols),
        start,
        row[twin_of[twins]],
    )
    logits = torch.empty(len(tokens), found.windows.shape[1], dtype=found.windows.dtype)
    logits[whole], logits[twins] = found
    return logits


def _knows(network: nn.Module) -> bool:
    """Whether all layers are known, and how far each sees."""
    return isinstance(network, Child) and all(operation(name).kind != "own" for name in network.architecture.operations)


@torch.no_grad()
def twin_logits(network: Child, windows: Tensor, part: Tensor, start: int, window_of: Tensor) -> TwinLogits:
    """Logits of windows and of twins.

    Parameters
    ----------
    network : in evaluation mode, with no operation of one's own
    windows : (n_windows, n_symbols, length), one-hot
    part : (n_twins, n_symbols, n), one-hot of the twins from position `start` on; the rest is that of their windows
    window_of : (n_twins,), the row of each twin's window
    """
    twins = _Twins(window_of, torch.equal(window_of, torch.arange(len(windows), device=window_of.device)))
    space, architecture = network.space, network.architecture
    stem = twins.through(_Activations(windows.unsqueeze(2), part.unsqueeze(2), start), network.stem, *_stem(network))
    outputs = [{0: stem}]

    def at_stage(layer: int, stage: int) -> _Activations:
        known = outputs[layer - STEM]
        for last in range(max(known), stage):
            reduction = cast(nn.ModuleDict, network.reductions[last])[source_name(layer)]
            known[last + 1] = twins.reduced(known[last], cast(nn.Sequential, reduction))
        return known[stage]

    def summand(layer: int, part: str, values: _Activations) -> _Activations:
        own = network.slice_of(layer, part)
        return values if own is None else twins.through(values, own)

    for layer, (name, sources) in enumerate(zip(architecture.operations, architecture.skips, strict=True)):
        stage = space.stage(layer)
        module = cast(nn.ModuleDict, network.layers[layer])[name]
        out = twins.through(at_stage(layer - 1, stage), module, *extent(operation(name), space.widths[stage]))
        out = summand(layer, OPERATION, out)
        for source in sources:
            out = twins.sum_of(out, summand(layer, source_name(source), at_stage(source, stage)))
        outputs.append({stage: twins.through(out, network.norm(layer, name))})
    last = at_stage(space.layers - 1, space.n_stages - 1)
    whole_twins = twins.stretch(last, 0, last.whole.shape[-1])
    return TwinLogits(network.head(last.whole), network.head(whole_twins))


def _stem(network: Child) -> tuple[int, int]:
    others = cast(Conv, network.stem[0]).kernel - 1
    return others // 2, others - others // 2


@dataclass(frozen=True)
class _Twins:
    """The steps of a network on windows and their twins.

    window_of : (n_twins,)
    in_order : whether the twins are one of each window, in their order
    """

    window_of: Tensor
    in_order: bool

    def stretch(self, values: _Activations, start: int, stop: int) -> Tensor:
        """(n_twins, channels, 1, stop - start), a stretch of the twins that holds all that differs."""
        if (start, stop) == (values.start, values.stop):
            return values.part
        # positions before channels, as they lie in memory, so that rows are copied and not single numbers
        around = values.whole[..., start:stop].squeeze(2).transpose(1, 2)
        rows = around.clone(memory_format=torch.contiguous_format) if self.in_order else around[self.window_of]
        out = rows.transpose(1, 2).unsqueeze(2)
        out[..., values.start - start : values.stop - start] = values.part
        return out

    def through(self, values: _Activations, module: nn.Module, left: int = 0, right: int = 0) -> _Activations:
        """What a layer makes of them, an output of which sees `left` and `right` positions beside its own."""
        length = values.whole.shape[-1]
        start, stop = max(0, values.start - right), min(length, values.stop + left)
        first, last = max(0, start - left), min(length, stop + right)
        stretch = self.stretch(values, first, last)
        layers = list(module) if isinstance(module, nn.Sequential) else [module]
        if layers and isinstance(layers[0], Conv) and layers[0].kernel > 1:
            beyond = (left - (start - first), right - (last - stop))
            part = layers[0].unpadded(F.pad(stretch, beyond) if any(beyond) else stretch)
            for layer in layers[1:]:
                part = layer(part)
        else:
            for layer in layers:
                stretch = layer(stretch, first) if isinstance(layer, AvgPoolSame) else layer(stretch)
            # what a pool saw beyond the stretch was its padding, so the ends are thrown away
            part = stretch[..., start - first : stop - first]
        return _Activations(module(values.whole), part, start)

    def reduced(self, values: _Activations, reduction: nn.Sequential) -> _Activations:
        """What a reduction makes of them."""
        for layer in reduction:
            pooled = self._pooled(values, layer) if isinstance(layer, MaxPoolReduce) else None
            values = pooled or self.through(values, layer)
        return values

    def _pooled(self, values: _Activations, pool: MaxPoolReduce) -> _Activations:
        size, pad = cast(tuple[int, int], pool.kernel_size)[1], cast(tuple[int, int], pool.padding)[1]
        length = values.whole.shape[-1]
        start, stop = (values.start + pad) // size, (values.stop - 1 + pad) // size + 1
        first, last = start * size - pad, stop * size - pad
        stretch = self.stretch(values, max(0, first), min(length, last))
        beyond = (max(0, -first), max(0, last - length))
        stretch = F.pad(stretch, beyond, value=-torch.inf) if any(beyond) else stretch
        return _Activations(pool(values.whole), F.max_pool2d(stretch, (1, size)), start)

    def sum_of(self, one: _Activations, other: _Activations) -> _Activations:
        """The sum of two layers' outputs."""
        start, stop = min(one.start, other.start), max(one.stop, other.stop)
        part = self.stretch(one, start, stop) + self.stretch(other, start, stop)
        return _Activations(one.whole + other.whole, part, start)
