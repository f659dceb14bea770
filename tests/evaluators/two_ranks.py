"""What one of two processes does in `test_distributed.py`: python -m tests.evaluators.two_ranks STORE RESULT."""

from __future__ import annotations

import copy
import sys
import weakref
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

from ambergen.datasets.batches import DeviceStore
from ambergen.datasets.store import Store
from ambergen.evaluators.distributed import join, leave
from ambergen.evaluators.shared_weights import SharedWeights, SupernetConfig, follow
from ambergen.progress import SILENT
from ambergen.seeds import generator
from ambergen.training.checkpoint import save_checkpoint
from tests.simulated import SPACE, search_config

QUIET = replace(SPACE, dropout=0.0, head_dropout=0.0)
"""Each rank drops values of its own, so equality is shown without."""
DRAWN = [QUIET.sample(generator(7, k)) for k in range(20)]
TASK = SILENT.task("")
_CONFIG = replace(search_config().supernet, warm_up=0.0, steps=1)
CONFIGS: dict[str, SupernetConfig] = {
    "none": replace(_CONFIG, train=replace(_CONFIG.train, l1=1e-4, gradient_clip=1.0)),
    "strict": replace(
        _CONFIG, fairness="strict", norms="operation", recalibration=2, train=replace(_CONFIG.train, micro_batch=32)
    ),
}


def course(store: Store, config: SupernetConfig) -> dict[str, Any]:
    """A first step, its gradients and the state after it; more steps; that state again, and others; ratings."""
    one = SharedWeights(QUIET, DeviceStore(store), config, "auroc", 0, torch.float32)
    advance = one.advance(lambda n: DRAWN[:n], TASK)
    gradients = {n: p.grad.clone() for n, p in one.supernet.named_parameters() if p.grad is not None}
    one.config = replace(config, steps=3)
    state = copy.deepcopy(one.state())
    one.advance(lambda n: DRAWN[5 : 5 + n], TASK)
    one.load(state)
    again = one.advance(lambda n: DRAWN[1 : 1 + n], TASK)
    ratings = one.rate([*DRAWN[:5], DRAWN[0]], TASK)
    return {
        "gradients": gradients,
        "losses": [advance.loss, again.loss],
        "windows": [advance.cost.windows, again.cost.windows, *(r.cost.windows for r in ratings)],
        "state": state,
        "steps_done": one.steps_done,
        "scores": [r.score for r in ratings],
    }


def main(store: str, result: str) -> None:
    torch.set_num_threads(1)
    world = join()
    if world.rank == 0:
        save_checkpoint(Path(result), {k: course(Store.open(store), config) for k, config in CONFIGS.items()})
    else:
        follow(world)
    group = weakref.ref(dist.group.WORLD)
    leave()
    assert group() is None, "somebody keeps the group, whose threads abort a process that ends before them"


if __name__ == "__main__":
    main(*sys.argv[1:])
