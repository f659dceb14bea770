"""A network over a search space: the layers that it holds, and the path that an architecture takes through them.

A supernet holds every operation and every projection, a child those of its own architecture; modules have the same
names in both, so that a path's weights are a subset of the supernet's.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Literal, Protocol, cast

from torch import Tensor, nn

from ambergen.models.layers import BatchNorm, Conv, Dropout, Linear, MaxPoolReduce, TrackNetwork, at_least_float32
from ambergen.models.operations import make_operation
from ambergen.spaces.architecture import Architecture
from ambergen.spaces.operations import operation
from ambergen.spaces.space import Space


class Outputs:
    """Outputs of the layers so far, each carried to later stages only when a layer there asks for it."""

    def __init__(self) -> None:
        self.by_stage: list[dict[int, Tensor]] = []

    def push(self, stage: int, output: Tensor) -> None:
        self.by_stage.append({stage: output})

    def pop(self) -> None:
        self.by_stage.pop()


class Reduction(nn.Sequential):
    """Width doubled by a 1 x 1 convolution (no bias, norm or activation) and length divided by four by maxima."""

    def __init__(self, c_in: int, c_out: int, length: int, pool_first: bool) -> None:
        project, pool = Conv(c_in, c_out, 1), MaxPoolReduce(4, length)
        super().__init__(*((pool, project) if pool_first else (project, pool)))


class HeadSettings(Protocol):
    """What a space says of its head."""

    @property
    def head(self) -> Literal["flatten", "gap"]: ...

    @property
    def hidden(self) -> int: ...

    @property
    def head_dropout(self) -> float: ...


class Head(nn.Module):
    """(batch, channels, 1, length) -> logits (batch, n_tracks), float32."""

    def __init__(self, space: HeadSettings, channels: int, length: int, n_tracks: int, second_dropout: bool) -> None:
        super().__init__()
        self.average = space.head == "gap"
        self.dropout = Dropout(space.head_dropout)
        self.dense = Linear(channels if self.average else channels * length, space.hidden)
        self.activation = nn.ReLU()
        self.dense_dropout = Dropout(space.head_dropout) if second_dropout else nn.Identity()
        self.output = Linear(space.hidden, n_tracks)

    def forward(self, x: Tensor) -> Tensor:
        x = x.mean(dim=(2, 3)) if self.average else x.flatten(1)
        x = self.dense_dropout(self.activation(self.dense(self.dropout(x))))
        return self.output(at_least_float32(x))  # bfloat16 logits would tie


class Network(TrackNetwork):
    """Layers over `space`; see `Supernet` and `Child`.

    Parameters
    ----------
    operations : names of the operations that every layer holds
    projected : for every reduction, the layers whose outputs it can carry over
    """

    def __init__(
        self,
        space: Space,
        operations: Sequence[Collection[str]],
        projected: Sequence[Collection[int]],
        n_tracks: int,
        length: int,
        n_symbols: int,
        second_dropout: bool,
    ) -> None:
        super().__init__()
        self.space, self.n_tracks, self.length, self.n_symbols = space, n_tracks, length, n_symbols
        widths, lengths = space.widths, space.lengths(length)
        stages = [space.stage(i) for i in range(space.layers)]
        self.stem = nn.Sequential(Conv(n_symbols, space.width, space.stem_kernel), BatchNorm(space.width))
        self.layers = nn.ModuleList(
            nn.ModuleDict({name: make_operation(operation(name), widths[s], lengths[s]) for name in names})
            for names, s in zip(operations, stages, strict=True)
        )
        # The first layer has no skip sum and so no norm after it.
        self.norms = nn.ModuleList(BatchNorm(widths[s]) if i else nn.Identity() for i, s in enumerate(stages))
        self.dropouts = nn.ModuleList(Dropout(space.dropout) for _ in stages)
        self.reductions = nn.ModuleList(
            nn.ModuleDict(
                {str(j): Reduction(widths[s], widths[s + 1], lengths[s], space.pool_first) for j in sorted(sources)}
            )
            for s, sources in enumerate(projected)
        )
        self.head = Head(space, widths[-1], lengths[-1], n_tracks, second_dropout)

    @property
    def output_layer(self) -> Linear:
        """The dense layer that gives the logits."""
        return self.head.output

    def stem_output(self, x: Tensor) -> Tensor:
        """(batch, n_symbols, length) -> (batch, width, 1, length)."""
        return self.stem(x.unsqueeze(2))

    def at_stage(self, outputs: Outputs, layer: int, stage: int) -> Tensor:
        """Output of `layer` in the width and length of `stage`, through each reduction's own projection."""
        known = outputs.by_stage[layer]
        last = max(known)
        while last < stage:
            known[last + 1] = cast(nn.ModuleDict, self.reductions[last])[str(layer)](known[last])
            last += 1
        return known[stage]

    def layer_output(self, layer: int, name: str, sources: Sequence[int], outputs: Outputs, stem: Tensor) -> Tensor:
        """norm(operation(previous output) + sum of the sources' outputs), with dropout."""
        stage = self.space.stage(layer)
        previous = self.at_stage(outputs, layer - 1, stage) if layer else stem
        out = cast(nn.ModuleDict, self.layers[layer])[name](previous)
        for source in sources:
            out = out + self.at_stage(outputs, source, stage)
        return self.dropouts[layer](self.norm(layer, name)(out))

    def norm(self, layer: int, name: str) -> nn.Module:
        """What normalises the sum of operation `name` and the skip connections of `layer`."""
        norm = self.norms[layer]
        return norm[name] if isinstance(norm, nn.ModuleDict) else norm

    def path(self, x: Tensor, architecture: Architecture) -> Tensor:
        """Logits of one architecture; nothing outside its path is computed."""
        stem, outputs = self.stem_output(x), Outputs()
        for layer, (name, sources) in enumerate(zip(architecture.operations, architecture.skips, strict=True)):
            outputs.push(self.space.stage(layer), self.layer_output(layer, name, sources, outputs, stem))
        return self.head(self.at_stage(outputs, self.space.layers - 1, self.space.n_stages - 1))
