"""Differentiable search (GDAS) against one-shot, where the stand-alone score of every architecture is known.

    python benchmarks/differentiable.py [--seeds 5] [--epochs 9] [--out runs/differentiable]

The space, the store and the splits are those of the bundled table (`benchmarks/tabular.py`): 343 architectures, each
trained alone three times. Every search has the same training windows, forward and back; what it chooses is looked up.

oneshot    a supernet trained with strict fairness, as `search.method=oneshot` has it, in batches of the table; then all
           343 are rated with recalibrated batch norms. Its evolution never asks twice and asks for a thousand, so that
           its winner is the best rated of all.
gdas       alternately the weights of a drawn path on the train split and the architecture logits on the search split;
           only the drawn path is computed. Its choice is the most probable operation of every layer.
gdas-all   an architecture step computes the outputs of all operations of a layer, for the gradients of their gates,
           and counts threefold: seven passes forward and one back are three of one and one.
gdas-fast  gdas-all with ten times the published learning rate of the logits.
gdas-even  gdas-fast with outputs of one spread: that of an operation without a norm of its own would count for more.

Every search is a line of `searches.jsonl` in the folder --out; the same command goes on where it was stopped. Seconds
are processor seconds of one thread.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from tabular import TRAIN, demo_store
from torch import Tensor, nn

from ambergen import seeds
from ambergen.datasets.batches import Batch, DeviceStore, epoch
from ambergen.datasets.store import Store
from ambergen.evaluators.fair_paths import n_fair_paths
from ambergen.evaluators.shared_weights import SharedWeights, SupernetConfig
from ambergen.evaluators.tabular import Table, TabularEvaluator, three_layers
from ambergen.metrics.comparison import GroupComparison, Interval, best_of, compare_groups, mean_interval
from ambergen.metrics.rank_agreement import kendall_tau
from ambergen.models.layers import one_hot
from ambergen.models.network import OPERATION, Outputs
from ambergen.models.supernetwork import Supernet
from ambergen.progress import SILENT
from ambergen.runs.config import OneShotConfig
from ambergen.runs.events import EventLog
from ambergen.spaces.architecture import Architecture, source_name
from ambergen.spaces.space import Space
from ambergen.strategies.reinforce import skip_divergence
from ambergen.training.step import masked_bce

FINALISTS = 5
HOTTEST, COLDEST = 10.0, 0.1
"""Temperatures of the first and of the last step."""


@dataclass(frozen=True)
class GdasConfig:
    """Steps of the architecture logits; the defaults are those of Dong & Yang 2019.

    rate, decay : of Adam, whose first moment forgets by half
    whole : an architecture step computes all operations of a layer, not the drawn one alone
    even : those that were not drawn are scaled to the spread of the one that was, channel by channel
    skip_weight : of the divergence of skip connections from the space's density, a mean over them
    """

    rate: float = 3e-4
    decay: float = 1e-3
    whole: bool = False
    even: bool = False
    skip_weight: float = 0.8


ARMS = {
    "oneshot": None,
    "gdas": GdasConfig(),
    "gdas-all": GdasConfig(whole=True),
    "gdas-fast": GdasConfig(rate=3e-3, whole=True),
    "gdas-even": GdasConfig(rate=3e-3, whole=True, even=True),
}


# ---- choices with a gradient


def hard_choice(logits: Tensor, noise: Tensor, temperature: float) -> Tensor:
    """One-hot in value, with the gradient of the relaxed sample softmax((log_softmax(logits) + noise) / temperature).

    Parameters
    ----------
    logits : (..., n)
    noise : (..., n), standard Gumbel: the choice is then distributed as softmax(logits)
    """
    raised = logits.log_softmax(-1) + noise
    relaxed = (raised / temperature).softmax(-1)
    chosen = F.one_hot(raised.argmax(-1), raised.shape[-1]).to(relaxed.dtype)
    return chosen + (relaxed - relaxed.detach())


def hard_gate(logits: Tensor, noise: Tensor, temperature: float) -> Tensor:
    """0 or 1 in value, each by itself, with the gradient of sigmoid((logits + noise) / temperature).

    Parameters
    ----------
    noise : standard logistic: a gate is then open with probability sigmoid(logit)
    """
    raised = logits + noise
    relaxed = torch.sigmoid(raised / temperature)
    return (raised > 0).to(relaxed.dtype) + (relaxed - relaxed.detach())


@dataclass(frozen=True)
class Gates:
    """A drawn architecture.

    operations : (n_operations,) by layer, one-hot; skips : (n_sources,) by layer, 0 or 1
    """

    architecture: Architecture
    operations: tuple[Tensor, ...]
    skips: tuple[Tensor, ...]


class Policy:
    """Logits of the operations and of the skip connections of every layer, each decision by itself."""

    def __init__(self, space: Space, config: GdasConfig, rng: np.random.Generator) -> None:
        self.space, self.config = space, config
        self.operations = [_parameter(1e-3 * rng.standard_normal(len(names))) for names in space.choices]
        at_density = torch.logit(torch.tensor(space.skip_density), eps=1e-3)
        self.skips = [_parameter(np.full(len(sources), float(at_density))) for sources in space.skip_sources]
        groups = [{"params": self.operations, "weight_decay": config.decay}, {"params": self.skips}]
        self.optimizer = torch.optim.Adam(groups, lr=config.rate, betas=(0.5, 0.999))

    def draw(self, temperature: float, rng: np.random.Generator) -> Gates:
        operations = tuple(hard_choice(p, _noise(rng.gumbel, p), temperature) for p in self.operations)
        skips = tuple(hard_gate(p, _noise(rng.logistic, p), temperature) for p in self.skips)
        return Gates(self._architecture(operations, skips), operations, skips)

    def best(self) -> Architecture:
        """The most probable operation of every layer, and the skip connections that are rather there than not."""
        return self._architecture(self.operations, [p > 0 for p in self.skips])

    @torch.no_grad()
    def log_probability(self, architecture: Architecture) -> float:
        total = 0.0
        for i, (name, chosen) in enumerate(zip(architecture.operations, architecture.skips, strict=True)):
            total += float(self.operations[i].log_softmax(0)[self.space.choices[i].index(name)])
            for source, logit in zip(self.space.skip_sources[i], self.skips[i], strict=True):
                total += float(F.logsigmoid(logit if source in chosen else -logit))
        return total

    def learn(self, loss: Tensor) -> None:
        """One step of the logits alone down the gradient of `loss`."""
        if self.space.n_skips:
            divergence = skip_divergence(torch.cat(self.skips) / 2, self.space.skip_density)
            loss = loss + self.config.skip_weight * divergence.mean()
        parameters = [p for p in (*self.operations, *self.skips) if p.numel()]
        gradients = torch.autograd.grad(loss, parameters)  # those of the shared weights are never computed
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = gradient
        self.optimizer.step()

    def _architecture(self, operations: Sequence[Tensor], skips: Sequence[Tensor]) -> Architecture:
        space = self.space
        return Architecture(
            tuple(names[int(gate.argmax())] for names, gate in zip(space.choices, operations, strict=True)),
            tuple(
                tuple(source for source, gate in zip(sources, gates, strict=True) if gate)
                for sources, gates in zip(space.skip_sources, skips, strict=True)
            ),
        )


def _parameter(values: NDArray[np.float64]) -> Tensor:
    return torch.tensor(values, dtype=torch.float32, requires_grad=True)


def _noise(draw: Callable[..., NDArray[np.float64]], like: Tensor) -> Tensor:
    return torch.from_numpy(draw(size=tuple(like.shape))).to(like)


def gated_logits(supernet: Supernet, x: Tensor, gates: Gates, whole: bool, even: bool = False) -> Tensor:
    """What the supernet gives for the drawn architecture, (batch, n_tracks), with gradients to the gates.

    Parameters
    ----------
    whole : whether the gates of operations that were not drawn have a gradient too; their outputs are computed for it
    even : whether these outputs are scaled to the spread of the drawn one
    """
    space, outputs = supernet.space, Outputs(supernet.stem_output(x))
    for layer, drawn in enumerate(gates.architecture.operations):
        stage = space.stage(layer)
        before = supernet.at_stage(outputs, layer - 1, stage)
        operations = cast(nn.ModuleDict, supernet.layers[layer])
        gate_of = dict(zip(space.choices[layer], gates.operations[layer], strict=True))
        result = supernet.summand(layer, OPERATION, operations[drawn](before))
        out = gate_of[drawn] * result
        for name in space.choices[layer] if whole else ():
            if name != drawn:
                with torch.no_grad():  # behind a closed gate: of no account but for the gate itself
                    closed = supernet.summand(layer, OPERATION, operations[name](before))
                    closed = at_spread_of(result, closed) if even else closed
                out = out + gate_of[name] * closed
        for source, gate in zip(space.skip_sources[layer], gates.skips[layer], strict=True):
            out = out + gate * supernet.summand(layer, source_name(source), supernet.at_stage(outputs, source, stage))
        outputs.push(stage, supernet.dropouts[layer](supernet.norm(layer, drawn)(out)))
    return supernet.head(supernet.at_stage(outputs, space.layers - 1, space.n_stages - 1))


def at_spread_of(example: Tensor, x: Tensor) -> Tensor:
    """`x` scaled to the standard deviations that the channels of `example` have; (batch, channels, 1, length) both.

    The norm that follows makes all outputs of one spread, so that only so scaled a gate tells what an operation would
    do in the drawn one's place. A constant channel stays as it is, for a norm makes nothing of it.
    """
    wanted, has = (torch.std(y, dim=(0, 2, 3), keepdim=True, correction=0) for y in (example, x))
    return x * torch.where(has > 0, wanted / has, torch.ones_like(has))


# ---- searches


@dataclass(frozen=True)
class Found:
    """What a search thinks of each architecture of the table, higher is better, and its processor seconds.

    windows : of training, forward and back
    """

    scores: list[float]
    windows: int
    training_seconds: float
    rating_seconds: float


def supernet_config() -> SupernetConfig:
    """The supernet of one-shot as it ships, but for the batch, which is the table's."""
    shipped = OneShotConfig().supernet
    return replace(shipped, steps=1, train=replace(shipped.train, batch=TRAIN.batch))


def oneshot(table: Table, data: DeviceStore, windows: int, seed: int) -> Found:
    space, config = cast(Space, table.space), supernet_config()
    n_steps = windows // (config.train.batch * n_fair_paths(space))
    shared = SharedWeights(space, data, replace(config, steps=n_steps), "auroc", seed, torch.float32)
    start = time.process_time()
    cost = shared.advance(lambda n: [], SILENT.task("")).cost
    trained = time.process_time()
    ratings = shared.rate(cast(Sequence[Architecture], table.architectures), SILENT.task(""))
    if failed := [r.reason for r in ratings if r.score is None]:
        raise SystemExit(f"oneshot, seed {seed}: {len(failed)} ratings failed, the first because {failed[0]}")
    return Found([cast(float, r.score) for r in ratings], cost.windows, trained - start, time.process_time() - trained)


def gdas(table: Table, data: DeviceStore, windows: int, seed: int, config: GdasConfig) -> Found:
    """Dong & Yang, Searching for a robust neural architecture in four GPU hours, CVPR 2019.

    The shared weights have the optimiser of one-shot's supernet, not the published SGD, so that the searches differ in
    how they search alone.
    """
    space = cast(Space, table.space)
    shared = SharedWeights(space, data, replace(supernet_config(), fairness="none"), "auroc", seed, torch.float32)
    policy = Policy(space, config, seeds.generator(seed, "gdas", "logits"))
    step_windows = shared.batch * (1 + _price(space, config))
    n_steps = windows // step_windows
    batches = search_batches(data, shared.batch, seed)
    start = time.process_time()
    for step in range(n_steps):
        rng = seeds.generator(seed, "gdas", step)
        temperature = HOTTEST + (COLDEST - HOTTEST) * step / max(1, n_steps - 1)
        drawn = policy.draw(temperature, rng).architecture
        shared.advance(lambda n, drawn=drawn: [drawn] * n, SILENT.task(""))
        batch = next(batches)
        x = one_hot(batch.tokens, torch.float32, data.alphabet.n_symbols)
        logits = gated_logits(shared.supernet, x, policy.draw(temperature, rng), config.whole, config.even)
        policy.learn(masked_bce(logits, batch.labels, batch.known))
    seconds = time.process_time() - start
    scores = [policy.log_probability(cast(Architecture, a)) for a in table.architectures]
    return Found(scores, n_steps * step_windows, seconds, 0.0)


def _price(space: Space, config: GdasConfig) -> int:
    """Passes forward and back that an architecture step is worth; a pass back costs two forward."""
    return round((n_fair_paths(space) + 2) / 3) if config.whole else 1


def search_batches(data: DeviceStore, size: int, seed: int) -> Iterator[Batch]:
    """Batches of the search split without end, augmented as those of the train split are."""
    rows, train, number = data.store.indices("search"), supernet_config().train, 0
    while True:
        rng = seeds.generator(seed, "gdas", "search", number)
        yield from epoch(data, rows, size, rng, train.reverse_complement, train.shift, drop_last=True)
        number += 1


def search(arm: str, table: Table, data: DeviceStore, windows: int, seed: int) -> Found:
    config = ARMS[arm]
    return oneshot(table, data, windows, seed) if config is None else gdas(table, data, windows, seed, config)


# ---- what the table says of them


@dataclass(frozen=True)
class Judged:
    """regret, rank : of the architecture that is liked best, on the selection split; regret of the best is 0, rank 1

    finalist_regret : of the best of five finalists by one training alone each, as it scores on the search split
    tau : Kendall's, of what the search thinks of all 343 with what they are worth
    """

    regret: float
    rank: float
    finalist_regret: float
    tau: float


def judge(table: Table, scores: Sequence[float], seed: int) -> Judged:
    value, evaluator = table.value(), TabularEvaluator(table, seed)
    order = np.argsort(-np.asarray(scores), kind="stable")
    alone = [evaluator.rating(table.architectures[k]).score for k in order[:FINALISTS]]
    finalist = order[int(np.argmax(cast(list[float], alone)))]
    return Judged(
        float(value.max() - value[order[0]]),
        float(1 + (value > value[order[0]]).sum()),
        float(value.max() - value[finalist]),
        kendall_tau(scores, value),
    )


def without_sharing(table: Table, windows: int, per_training: int) -> tuple[int, float]:
    """Number of trainings alone that `windows` pay for, and the expected regret of the best of them by its score."""
    n, value = max(1, windows // per_training), table.value()
    figures = [best_of(value, np.ones(len(value)), table.auroc[:, k, -1]).figure[n - 1] for k in range(table.n_seeds)]
    return n, float(value.max() - np.mean(figures))


# ---- all of them


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5, help="searches of every kind")
    parser.add_argument("--epochs", type=float, default=9, help="of one-shot's supernet, seven paths each")
    parser.add_argument("--arms", default=",".join(ARMS), help="some of them, by commas")
    parser.add_argument("--out", type=Path, default=Path("runs/differentiable"), help="folder of the searches")
    options = parser.parse_args()
    torch.set_num_threads(1)
    table, store = three_layers(), demo_store(options.out / "store")
    if store.checksum != table.facts["store"]:
        raise SystemExit(f"{options.out}: the store is not the table's; make the table anew (benchmarks/tabular.py).")
    arms = options.arms.split(",")
    log = EventLog(options.out / "searches.jsonl")
    n_train = len(store.indices("train"))
    windows = round(options.epochs * n_train * n_fair_paths(cast(Space, table.space)))
    if log.append({"event": "search_started", "search": 0, "windows": windows})["windows"] != windows:
        raise SystemExit(f"{log.path}: begun with another number of epochs. Name another --out.")
    run(log, table, store, arms, windows, options.seeds)
    report(log, table, arms, windows, n_train * TRAIN.epochs)


def run(log: EventLog, table: Table, store: Store, arms: Sequence[str], windows: int, n_seeds: int) -> None:
    """Search what the log lacks, seed by seed."""
    data = DeviceStore(store)
    for seed in range(n_seeds):
        for arm in arms:
            if log.find(event="trial", search=seed, trial=arm):
                continue
            found = search(arm, table, data, windows, seed)
            log.append({"event": "trial", "search": seed, "trial": arm, **vars(found)})
            judged = judge(table, found.scores, seed)
            print(
                f"seed {seed} {arm}: regret {judged.regret:.4f}, rank {judged.rank:.0f}, tau {judged.tau:.2f}, "
                f"{found.training_seconds:.0f} + {found.rating_seconds:.0f} s",
                flush=True,
            )


def report(log: EventLog, table: Table, arms: Sequence[str], windows: int, per_training: int) -> None:
    searches = {arm: log.find(event="trial", trial=arm) for arm in arms}
    judged = {arm: [judge(table, e["scores"], e["search"]) for e in searches[arm]] for arm in arms}
    print(f"\n{windows:,} training windows a search; mean and 95 % interval over seeds")
    for arm in arms:
        seconds = [np.mean([e[name] for e in searches[arm]]) for name in ("training_seconds", "rating_seconds")]
        figures = {name: [getattr(j, name) for j in judged[arm]] for name in ("regret", "finalist_regret", "tau")}
        means = ", ".join(f"{name} {_text(mean_interval(values))}" for name, values in figures.items())
        ranks = ", ".join(f"{j.rank:.0f}" for j in sorted(judged[arm], key=lambda j: j.rank))
        print(f"{arm}: {means}; ranks {ranks}; {seconds[0]:.0f} s of training, {seconds[1]:.0f} s of ratings")
    value = table.value()
    n, regret = without_sharing(table, windows, per_training)
    print(f"an architecture at random: regret {value.max() - value.mean():.4f}, rank {(len(value) + 1) / 2:.0f}")
    print(f"the best of {n} random ones trained alone, for as many windows: regret {regret:.4f}")
    for arm in arms[1:]:
        for name in ("regret", "tau"):
            a, b = ([getattr(j, name) for j in judged[which]] for which in (arm, arms[0]))
            if min(len(a), len(b)) > 1:
                compared = compare_groups(a, b, seeds.generator(0, "differentiable", arm, name))
                print(f"{arm} minus {arms[0]}, {name}: {_difference(compared)}")


def _text(interval: Interval) -> str:
    return f"{interval.estimate:.4f} ({interval.low:.4f} to {interval.high:.4f})"


def _difference(compared: GroupComparison) -> str:
    assert compared.mann_whitney is not None
    assert compared.welch is not None
    test = compared.mann_whitney
    return f"{_text(compared.welch.difference)}, Mann-Whitney p {test.p:.3f} (at least {test.smallest_p:.3f})"


if __name__ == "__main__":
    main()
