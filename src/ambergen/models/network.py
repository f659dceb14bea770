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
from ambergen.spaces.architecture import STEM, Architecture, source_name
from ambergen.spaces.operations import operation
from ambergen.spaces.space import Space

OPERATION = "operation"
"""What the output of a layer's own operation is called among those that the layer combines."""


class Outputs:
    """Outputs of the stem and of the layers so far, carried to a later stage only when a layer there asks for them."""

    def __init__(self, stem: Tensor) -> None:
        self._by_stage = [{0: stem}]

    def of(self, layer: int) -> dict[int, Tensor]:
        """By stage; of a layer or of `STEM`."""
        return self._by_stage[layer - STEM]

    def push(self, stage: int, output: Tensor) -> None:
        self._by_stage.append({stage: output})

    def pop(self) -> None:
        self._by_stage.pop()


class Reduction(nn.Sequential):
    """Width doubled by a 1 x 1 convolution (no bias, norm or activation) and length divided by four by maxima."""

    def __init__(self, c_in: int, c_out: int, length: int, pool_first: bool) -> None:
        project, pool = Conv(c_in, c_out, 1), MaxPoolReduce(4, length)
        super().__init__(*((pool, project) if pool_first else (project, pool)))


class Slices(nn.ModuleDict):
    """ReLU and 1 x 1 convolution of a layer's operation and its skip connections, concatenated, slice by slice.

    A slice of the kernel takes one of the concatenated outputs, so that the sum over slices is the convolution of all.
    Each is a module by itself, called `OPERATION` or by its source: those that a path leaves out are neither computed
    nor trained. The norm that follows makes nothing of how large their first weights are.
    """

    def __init__(self, channels: int, sources: Collection[int]) -> None:
        names = [OPERATION, *map(source_name, sorted(sources))]
        super().__init__({name: nn.Sequential(nn.ReLU(), Conv(channels, channels, 1)) for name in names})


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
    sources : for every layer, the sources of skip connections that it can take
    projected : for every reduction, the layers, and the stem, whose outputs it can carry over
    """

    def __init__(
        self,
        space: Space,
        operations: Sequence[Collection[str]],
        sources: Sequence[Collection[int]],
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
        slices = {
            str(i): Slices(widths[s], sources[i])
            for i, s in enumerate(stages)
            if space.combine == "concat1x1" and space.skip_sources[i]
        }
        self.slices = nn.ModuleDict(slices) if slices else None
        self.dropouts = nn.ModuleList(Dropout(space.dropout) for _ in stages)
        self.reductions = nn.ModuleList(
            nn.ModuleDict(
                {
                    source_name(j): Reduction(widths[s], widths[s + 1], lengths[s], space.pool_first)
                    for j in sorted(carried)
                }
            )
            for s, carried in enumerate(projected)
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
        """Output of `layer`, or of `STEM`, in the width and length of `stage`, through each reduction's projection."""
        known = outputs.of(layer)
        last = max(known)
        while last < stage:
            known[last + 1] = cast(nn.ModuleDict, self.reductions[last])[source_name(layer)](known[last])
            last += 1
        return known[stage]

    def layer_output(self, layer: int, name: str, sources: Sequence[int], outputs: Outputs) -> Tensor:
        """norm(operation(previous output) combined with the sources' outputs), with dropout."""
        stage = self.space.stage(layer)
        previous = self.at_stage(outputs, layer - 1, stage)  # before layer 0 stands the stem
        out = self.summand(layer, OPERATION, cast(nn.ModuleDict, self.layers[layer])[name](previous))
        for source in sources:
            out = out + self.summand(layer, source_name(source), self.at_stage(outputs, source, stage))
        return self.dropouts[layer](self.norm(layer, name)(out))

    def summand(self, layer: int, part: str, x: Tensor) -> Tensor:
        """What the sum before the norm of `layer` has of `x`: itself, or what its slice makes of it.

        Parameters
        ----------
        part : whose output `x` is, `OPERATION` or the name of a source
        """
        own = self.slice_of(layer, part)
        return x if own is None else own(x)

    def slice_of(self, layer: int, part: str) -> nn.Sequential | None:
        """ReLU and 1 x 1 convolution of a part of what `layer` concatenates; None where it adds."""
        if self.slices is None or str(layer) not in self.slices:
            return None
        return cast(nn.Sequential, cast(Slices, self.slices[str(layer)])[part])

    def norm(self, layer: int, name: str) -> nn.Module:
        """What normalises operation `name` combined with the skip connections of `layer`."""
        norm = self.norms[layer]
        return norm[name] if isinstance(norm, nn.ModuleDict) else norm

    def path(self, x: Tensor, architecture: Architecture) -> Tensor:
        """Logits of one architecture; nothing outside its path is computed."""
        outputs = Outputs(self.stem_output(x))
        for layer, (name, sources) in enumerate(zip(architecture.operations, architecture.skips, strict=True)):
            outputs.push(self.space.stage(layer), self.layer_output(layer, name, sources, outputs))
        return self.head(self.at_stage(outputs, self.space.layers - 1, self.space.n_stages - 1))
