"""A training step of one path of the supernet against the same child as a network of its own, in the same layout.

    python benchmarks/supernet_step.py [--rounds 7] [--batch 128] [--json]

Both go through the training step of ambergen: tokens, forward, backward, penalties, fused Adam. Outputs are compared
first.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from child_training import LENGTH, N_TRACKS, as_batch
from timing import interleave, parser, report
from torch import Tensor, nn

from ambergen.datasets.batches import Batch
from ambergen.models.layers import Conv, one_hot
from ambergen.models.supernetwork import Supernet
from ambergen.spaces.presets import amber
from ambergen.training.config import TrainConfig
from ambergen.training.step import make_optimizer, train_step

CONFIG = TrainConfig(optimizer="adam", learning_rate=1e-3, weight_decay=0.0, l1=1e-8, l2=5e-7)
SPACES = {
    "no skips": amber(skips="none"),
    "within a stage": amber(skips="stage"),
    "all": amber(),
}
AIM = 1.05


def step(
    logits_of: Callable[[Tensor], Tensor], network: nn.Module, batch: Batch, dtype: torch.dtype
) -> Callable[[], object]:
    optimizer = make_optimizer(network, CONFIG)
    kernels = [m for m in network.modules() if isinstance(m, Conv)]
    return lambda: train_step(logits_of, batch, kernels, optimizer, CONFIG, dtype, 4)


def main() -> None:
    options = parser(__doc__, rounds=7)
    options.add_argument("--batch", type=int, default=128)
    arguments = options.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    tokens = torch.randint(0, 4, (arguments.batch, LENGTH), dtype=torch.uint8)
    batch = as_batch(tokens, (torch.rand(arguments.batch, N_TRACKS) < 0.02).to(torch.uint8))
    rows: list[dict[str, Any]] = []
    for name, space in SPACES.items():
        architecture = space.sample(np.random.default_rng(1))
        supernet = Supernet(space, N_TRACKS, LENGTH)
        child = supernet.child(architecture)
        with torch.no_grad():
            x = one_hot(tokens[:4])
            torch.testing.assert_close(supernet.eval()(x, architecture), child.eval()(x))
        supernet.train(), child.train()
        for dtype in (torch.bfloat16, torch.float32):
            path = partial(supernet, architecture=architecture)
            ways = {"supernet": step(path, supernet, batch, dtype), "child": step(child, child, batch, dtype)}
            timings = interleave(ways, arguments.rounds)
            rows.append(
                {
                    "skips": name,
                    "dtype": str(dtype).removeprefix("torch."),
                    "child ms": timings.median("child") * 1e3,
                    "supernet ms": timings.median("supernet") * 1e3,
                    "supernet / child": timings.ratio("child", "supernet"),
                    "aim": AIM,
                }
            )
    report("step of a supernet path against the child alone", rows, arguments.json)


if __name__ == "__main__":
    main()
