"""Cost and speed of learning of the recurrent controller, on one thread.

    python benchmarks/controller.py [--learning]

Prints the processor time of drawing 20 architectures of the `amber` space in one batch and one at a time (medians of
interleaved rounds), and of one optimiser step. With --learning also how many updates the presets need until the
probability of the one operation that is rewarded has come 95 % of the way that the squash allows, with noise as large
as the differences of the scores and a level that rises from update to update, as it does while shared weights train.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from math import exp
from statistics import median
from time import process_time

import numpy as np
import torch

from ambergen.seeds import generator
from ambergen.spaces.presets import amber
from ambergen.strategies.base import Rated
from ambergen.strategies.reinforce import ControllerConfig, ControllerStrategy

N, ROUNDS, MOST_UPDATES = 20, 15, 300


def milliseconds(work: Callable[[], object]) -> float:
    begin = process_time()
    work()
    return 1000 * (process_time() - begin)


def cost() -> None:
    strategy = ControllerStrategy(amber(), 0, ControllerConfig(passes=1))
    other = ControllerStrategy(amber(), 0, ControllerConfig(passes=10, kl_stop=None))
    policy, random = strategy.controller, torch.Generator().manual_seed(0)
    rated = [Rated(a, float(k)) for k, a in enumerate(strategy.ask(N))]
    works: dict[str, Callable[[], object]] = {
        "draw at once": lambda: policy.sample(N, random),
        "draw one at a time": lambda: [policy.sample(1, random) for _ in range(N)],
        "update, 1 pass": lambda: strategy.tell(rated),
        "update, 10 passes": lambda: other.tell(rated),
    }
    times: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(ROUNDS):
        for name, work in works.items():
            times[name].append(milliseconds(work))
    for name, values in times.items():
        print(f"{name:<20} {median(values):8.1f} ms for {N} architectures of the amber space")
    ratio = median(o / b for o, b in zip(times["draw one at a time"], times["draw at once"], strict=True))
    print(f"drawing in a batch is {ratio:.1f} times as fast as one at a time (aim: at least 10)")


def updates_needed(config: ControllerConfig, seed: int) -> int | None:
    """Updates until the rewarded operation has 95 % of its attainable probability; None: not within MOST_UPDATES."""
    space = amber()
    strategy = ControllerStrategy(space, seed, config)
    noise = generator(seed, "noise")
    most = 1.0
    if config.squash is not None:
        most = exp(config.squash) / (exp(config.squash) + (len(space.operations) - 1) * exp(-config.squash))
    for update in range(MOST_UPDATES):
        level = 0.8 - 0.3 * exp(-update / 30)
        asked = strategy.ask(config.architectures)
        counts = [a.operations.count("conv8") for a in asked]
        strategy.tell([Rated(a, level + 0.01 * c + noise.normal(0, 0.01)) for a, c in zip(asked, counts, strict=True)])
        if np.mean([row[0] for row in strategy.summary()["operation_probability"]]) >= 0.95 * most:
            return update + 1
    return None


def learning() -> None:
    settings = {
        "ambergen": ControllerConfig(),
        "ambergen, REINFORCE, 1 pass, 1e-3": ControllerConfig(algorithm="reinforce", passes=1, learning_rate=1e-3),
        "enas": ControllerConfig.preset("enas"),
    }
    for name, config in settings.items():
        needed = [updates_needed(config, seed) for seed in range(3)]
        shown = ", ".join("more than 300" if n is None else str(n) for n in needed)
        print(f"{name:<36} {shown} updates of {config.architectures} architectures (3 seeds)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--learning", action="store_true", help="also compare how fast the presets learn (minutes)")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    cost()
    if arguments.learning:
        learning()


if __name__ == "__main__":
    main()
