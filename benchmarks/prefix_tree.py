"""Scoring twenty children on the same rows: by their tree of prefixes against one by one.

    python benchmarks/prefix_tree.py [--rounds 3] [--batch 64] [--children 20] [--draws 3] [--json]

Policies: "p, q" draws each operation as the mode with probability p, else another, and each skip bit as the mode with
probability q, several times over; "controller" is the real one after updates whose reward is the share of decisions
that agree with one architecture. Outputs are compared bit by bit, with the batch statistics that ratings use.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from child_training import LENGTH, N_TRACKS
from timing import interleave, parser, report

from ambergen.models.layers import batch_statistics, one_hot
from ambergen.models.supernetwork import Supernet
from ambergen.spaces.architecture import Architecture
from ambergen.spaces.presets import amber
from ambergen.spaces.space import Space
from ambergen.strategies.base import Rated
from ambergen.strategies.reinforce import ControllerStrategy

POLICIES = ((1 / 7, 0.6), (0.8, 0.9), (0.97, 0.99))
UPDATES = (40, 200)
AIMS = {("stage", 0.8): 1.3, ("stage", 0.97): 3.0}


def mode(space: Space) -> Architecture:
    """An architecture of several operations and every second skip connection."""
    operations = ("conv8", "conv8_d10", "max_pool4", "conv8", "conv4", "avg_pool4") * 2
    return Architecture(operations, tuple(tuple(j for j in each if j % 2) for each in space.skip_sources))


def draw(space: Space, p: float, q: float, rng: np.random.Generator) -> Architecture:
    top = mode(space)
    operations = []
    for name in top.operations:
        others = [o for o in space.operations if o != name]
        operations.append(name if rng.random() < p else str(rng.choice(others)))
    skips = tuple(
        tuple(j for j in allowed if (j in chosen) == (rng.random() < q))
        for allowed, chosen in zip(space.skip_sources, top.skips, strict=True)
    )
    return Architecture(tuple(operations), skips)


def layer_runs(architectures: list[Architecture]) -> int:
    """Layers that the tree computes."""
    layers = range(1, len(architectures[0].operations) + 1)
    return sum(len({(a.operations[:i], a.skips[:i]) for a in architectures}) for i in layers)


def controller_draws(space: Space, updates: int, children: int) -> list[Architecture]:
    """What the controller proposes after `updates` updates towards one architecture."""
    strategy = ControllerStrategy(space, seed=0)
    goal = np.array(space.encode(mode(space)))
    for _ in range(updates):
        proposed = strategy.ask(children)
        strategy.tell([Rated(a, float(np.mean(np.array(space.encode(a)) == goal))) for a in proposed])
    return strategy.ask(children)


def compare(space: Space, draws: list[list[Architecture]], batch: int, rounds: int) -> dict[str, Any]:
    """Both ways on every draw of children; means over draws."""
    torch.manual_seed(0)
    supernet = Supernet(space, N_TRACKS, LENGTH).eval()
    x = one_hot(torch.randint(0, 4, (batch, LENGTH), dtype=torch.uint8), torch.bfloat16)
    equal, slow, fast, ratios = True, 0.0, 0.0, []
    for architectures in draws:

        def one_by_one(chosen: list[Architecture] = architectures) -> torch.Tensor:
            return torch.stack([supernet(x, a) for a in chosen])

        def tree(chosen: list[Architecture] = architectures) -> torch.Tensor:
            return supernet.score_many(x, chosen)

        with batch_statistics(supernet), torch.no_grad():
            equal &= torch.equal(one_by_one(), tree())
            timings = interleave({"one by one": one_by_one, "tree": tree}, rounds, warm=0)
        slow += timings.median("one by one") / len(draws)
        fast += timings.median("tree") / len(draws)
        ratios.append(timings.ratio("tree", "one by one"))
    return {
        "distinct": sum(len(set(d)) for d in draws) / len(draws),
        "layer runs": sum(map(layer_runs, draws)) / len(draws),
        "of": len(draws[0]) * space.layers,
        "equal bits": equal,
        "one by one s": slow,
        "tree s": fast,
        "ratio": sum(ratios) / len(ratios),
    }


def main() -> None:
    options = parser(__doc__, rounds=3)
    options.add_argument("--batch", type=int, default=64)
    options.add_argument("--children", type=int, default=20)
    options.add_argument("--draws", type=int, default=3, help="of children from every policy p, q")
    arguments = options.parse_args()
    torch.set_num_threads(1)
    rows: list[dict[str, Any]] = []
    for skips in ("stage", "all"):
        space = amber(skips=skips)
        policies: list[tuple[str, list[list[Architecture]], float | None]] = []
        for p, q in POLICIES:
            rng = np.random.default_rng(3)
            draws = [[draw(space, p, q, rng) for _ in range(arguments.children)] for _ in range(arguments.draws)]
            policies.append((f"p {p:.2f}, q {q:.2f}", draws, AIMS.get((skips, p))))
        for updates in UPDATES:
            drawn = controller_draws(space, updates, arguments.children)
            policies.append((f"controller, {updates} updates", [drawn], None))
        for name, draws, aim in policies:
            result = compare(space, draws, arguments.batch, arguments.rounds)
            rows.append({"skips": skips, "policy": name, **result, "aim": aim})
    report(f"scores of {arguments.children} children by a tree of prefixes", rows, arguments.json)
    if not all(row["equal bits"] for row in rows):
        raise SystemExit("the tree's scores are not those of one by one")


if __name__ == "__main__":
    main()
