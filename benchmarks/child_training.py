"""Training and scoring of a child model against the same network in plain, eager PyTorch.

    python benchmarks/child_training.py [--rounds 7] [--batch 128] [--json]

"simple" is the network that the aims speak of: random operations, batch norm and ReLU after convolutions, maxima of
four and a 1 x 1 convolution between the stages, no skip connections, dropout or penalties. "amber" is the whole child
of the published space, with 26 skip connections, batch norm after every layer, dropout and penalties. A training step
goes from tokens to updated weights, with Adam. Both sides have the same weights and are compared before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from plain import PlainChild, one_hot, plain, training_step
from timing import interleave, parser, report
from torch import Tensor, nn

from ambergen.datasets.batches import Batch, PackedLabels, Placement
from ambergen.models.child import Child
from ambergen.models.layers import (
    AvgPoolSame,
    Conv,
    Linear,
    MaxPoolReduce,
    MaxPoolSame,
    TrackNetwork,
)
from ambergen.models.layers import one_hot as our_one_hot
from ambergen.models.operations import make_operation
from ambergen.spaces.operations import operation
from ambergen.spaces.presets import amber
from ambergen.training.config import TrainConfig
from ambergen.training.step import make_optimizer, train_step

LENGTH, N_TRACKS = 1000, 919
AIMS = {("simple", "training", "bfloat16"): 2.5, ("simple", "training", "float32"): 1.6}
AIMS |= {("simple", "scoring", "bfloat16"): 3.0, ("simple", "scoring", "float32"): 1.6}


class Simple(TrackNetwork):
    """Twelve operations in four stages, from the layers that a child is made of."""

    def __init__(self, operations: tuple[str, ...]) -> None:
        super().__init__()
        space = amber()
        widths, lengths = space.widths, space.lengths(LENGTH)
        layers: list[nn.Module] = [Conv(4, widths[0], 8, bias=True)]
        has_negative = True
        for i, name in enumerate(operations):
            stage = space.stage(i)
            if name == "max_pool4" and has_negative:
                layers.append(nn.ReLU())  # our maxima of neighbours are of values of at least 0
            pools = {"max_pool4": MaxPoolSame(4), "avg_pool4": AvgPoolSame(4, lengths[stage])}
            layers.append(pools.get(name) or make_operation(operation(name), widths[stage], lengths[stage]))
            has_negative = has_negative and name in ("avg_pool4", "identity")
            if i in space.reduce:
                layers.append(MaxPoolReduce(4, lengths[stage]))
                layers.append(Conv(widths[stage], widths[stage + 1], 1, bias=True))
                has_negative = True
        self.body = nn.Sequential(*layers)
        self.dense, self.activation = Linear(widths[-1] * lengths[-1], 925), nn.ReLU()
        self.output = Linear(925, N_TRACKS)

    def forward(self, x: Tensor) -> Tensor:
        return self.output(self.activation(self.dense(self.body(x.unsqueeze(2)).flatten(1))).float())


def plain_simple(network: Simple) -> nn.Module:
    head = map(plain, (network.dense, network.activation, network.output))
    return nn.Sequential(plain(network.body), nn.Flatten(), *head)


def networks(kind: str, number: int) -> list[tuple[nn.Module, nn.Module]]:
    """Ours and plain, with the same weights."""
    rng = np.random.default_rng(1)
    pairs: list[tuple[nn.Module, nn.Module]] = []
    for _ in range(number):
        architecture = amber().sample(rng)
        if kind == "simple":
            simple = Simple(architecture.operations)
            pairs.append((simple, plain_simple(simple)))
        else:
            child = Child(amber(), architecture, N_TRACKS, LENGTH)
            pairs.append((child, PlainChild(child)))
    return pairs


def as_batch(tokens: Tensor, labels: Tensor) -> Batch:
    packed = torch.from_numpy(np.packbits(labels.numpy(), axis=1, bitorder="little"))
    placement = Placement(torch.arange(len(tokens)), None, None)
    return Batch(tokens, PackedLabels(packed, None, None, labels.shape[1]), None, placement)


def check_equal(pairs: list[tuple[nn.Module, nn.Module]], tokens: Tensor) -> None:
    for ours, theirs in pairs:
        with torch.no_grad():
            torch.testing.assert_close(
                ours.eval()(our_one_hot(tokens)), theirs.eval()(one_hot(tokens)), rtol=1e-3, atol=1e-4
            )


def training(
    pairs: list[tuple[nn.Module, nn.Module]], tokens: Tensor, labels: Tensor, config: TrainConfig
) -> dict[str, Callable[[], object]]:
    batch = as_batch(tokens, labels)
    for ours, theirs in pairs:
        ours.train()
        theirs.train()
    optimizers = [make_optimizer(ours, config) for ours, _ in pairs]
    kernels = [[m for m in ours.modules() if isinstance(m, Conv)] for ours, _ in pairs]
    plain_optimizers = [torch.optim.Adam(theirs.parameters(), lr=1e-3) for _, theirs in pairs]

    def our_steps(dtype: torch.dtype) -> Callable[[], object]:
        def run() -> None:
            for (ours, _), optimizer, convolutions in zip(pairs, optimizers, kernels, strict=True):
                train_step(ours, batch, convolutions, optimizer, config, dtype, 4)

        return run

    def plain_steps() -> None:
        for (_, theirs), optimizer in zip(pairs, plain_optimizers, strict=True):
            training_step(theirs, tokens, labels, optimizer, config.l1, config.l2)

    return {"plain": plain_steps, "float32": our_steps(torch.float32), "bfloat16": our_steps(torch.bfloat16)}


def scoring(pairs: list[tuple[nn.Module, nn.Module]], tokens: Tensor) -> dict[str, Callable[[], object]]:
    for ours, theirs in pairs:
        ours.eval()
        theirs.eval()

    def our_scores(dtype: torch.dtype) -> Callable[[], object]:
        @torch.no_grad()
        def run() -> None:
            for ours, _ in pairs:
                ours(our_one_hot(tokens, dtype))

        return run

    @torch.no_grad()
    def plain_scores() -> None:
        for _, theirs in pairs:
            theirs(one_hot(tokens))

    return {"plain": plain_scores, "float32": our_scores(torch.float32), "bfloat16": our_scores(torch.bfloat16)}


def main() -> None:
    options = parser(__doc__, rounds=7)
    options.add_argument("--batch", type=int, default=128)
    options.add_argument("--networks", type=int, default=4, help="random networks of each kind")
    arguments = options.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    tokens = torch.randint(0, 4, (arguments.batch, LENGTH), dtype=torch.uint8)
    labels = (torch.rand(arguments.batch, N_TRACKS) < 0.02).to(torch.uint8)
    rows: list[dict[str, Any]] = []
    for kind, l1, l2 in (("simple", 0.0, 0.0), ("amber", 1e-8, 5e-7)):
        pairs = networks(kind, arguments.networks)
        check_equal(pairs, tokens[:4])
        config = TrainConfig(optimizer="adam", learning_rate=1e-3, weight_decay=0.0, l1=l1, l2=l2)
        for work, ways in (("scoring", scoring(pairs, tokens)), ("training", training(pairs, tokens, labels, config))):
            timings = interleave(ways, arguments.rounds)
            for dtype in ("float32", "bfloat16"):
                rows.append(
                    {
                        "network": kind,
                        "work": work,
                        "dtype": dtype,
                        "windows/s": round(arguments.batch * len(pairs) / timings.median(dtype)),
                        "plain windows/s": round(arguments.batch * len(pairs) / timings.median("plain")),
                        "ratio": timings.ratio(dtype, "plain"),
                        "aim": AIMS.get((kind, work, dtype)),
                    }
                )
    report("child model against plain PyTorch", rows, arguments.json)


if __name__ == "__main__":
    main()
