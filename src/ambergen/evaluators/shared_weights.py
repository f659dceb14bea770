"""Ratings by a supernet: a path's score with shared weights, which are trained in between (Pham et al., ICML 2018)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from typing import Any, Literal, get_args

import numpy as np
import torch
from torch import Tensor

from ambergen import seeds
from ambergen.cost import Cost, Stopwatch
from ambergen.datasets.batches import Batch, DeviceStore, epoch
from ambergen.datasets.store import Store
from ambergen.errors import ConfigError, MetricError, RunError
from ambergen.evaluators.base import Advance, Objective, Propose, Rating, check_measurable, objective_value
from ambergen.evaluators.distributed import World, join_norms, world
from ambergen.evaluators.fair_paths import fair_paths, n_fair_paths
from ambergen.models.layers import Conv, batch_statistics, one_hot
from ambergen.models.supernetwork import Norms, Supernet
from ambergen.progress import SILENT, Task
from ambergen.spaces.architecture import Architecture
from ambergen.spaces.space import Space
from ambergen.training.config import TrainConfig
from ambergen.training.loop import set_output_bias
from ambergen.training.step import add_gradients, apply_gradients, make_optimizer, rate_factor, set_rate

Fairness = Literal["none", "strict"]

_HELD_LOGITS = 1 << 27
"""Logits of ratings that are held at a time: 512 MiB."""


@dataclass(frozen=True)
class SupernetConfig:
    """Training of the shared weights and the rows that ratings use.

    steps : weight updates between two rounds of ratings, each with a fresh architecture
    warm_up : epochs of training before the first ratings
    rows : windows of the search split that a rating uses, the same for all architectures of a search
    rescored_rows : the same for finalists
    score_batch : windows whose statistics batch norms share in a rating
    fairness : none trains one architecture an update, drawn by the strategy; strict as many as a layer has operations,
        which together take each operation of each layer once and are drawn without the strategy (FairNAS)
    norms : the batch norm after the sum with the skip connections is shared by the operations of a layer, as published,
        or each operation has one of its own
    recalibration : training batches from which a rating estimates the batch-norm statistics of its architecture anew
        (SPOS); with 0 they are those of the rated windows
    total_steps : updates after which the shared weights stay as they are; None for as long as the search lasts
    train : optimiser, batch and augmentation; epochs, patience and average have no meaning here, and a cosine schedule
        needs total_steps, for the end of a search is not known beforehand
    """

    steps: int = 100
    warm_up: float = 1.0
    rows: int = 2000
    rescored_rows: int = 20000
    score_batch: int = 500
    fairness: Fairness = "none"
    norms: Norms = "shared"
    recalibration: int = 0
    total_steps: int | None = None
    train: TrainConfig = field(
        default_factory=lambda: TrainConfig(
            optimizer="adam", learning_rate=5e-3, schedule="constant", weight_decay=0.0, l1=1e-8, l2=5e-7
        )
    )

    def __post_init__(self) -> None:
        for name in ("steps", "rows", "rescored_rows", "score_batch"):
            if getattr(self, name) < 1:
                raise ConfigError(f"supernet: {name} is {getattr(self, name)}; expected at least 1.")
        if self.warm_up < 0:
            raise ConfigError(f"supernet: warm_up is {self.warm_up}; expected 0 or more epochs.")
        if self.recalibration < 0:
            raise ConfigError(f"supernet: recalibration is {self.recalibration}; expected 0 or more batches.")
        if self.total_steps is not None and self.total_steps < 1:
            raise ConfigError(f"supernet: total_steps is {self.total_steps}; expected at least 1, or null for no end.")
        for name, choices in (("fairness", get_args(Fairness)), ("norms", get_args(Norms))):
            if getattr(self, name) not in choices:
                raise ConfigError(f"supernet: {name} is {getattr(self, name)!r}; expected {' or '.join(choices)}.")
        if self.train.schedule == "cosine" and self.total_steps is None:
            raise ConfigError(
                "supernet: the schedule of train is cosine, which needs a last step; the end of a search is not known "
                "beforehand. Expected constant or amber, or total_steps."
            )


class SharedWeights:
    """A supernet in training, as an evaluator.

    Under torchrun (see `distributed`) every step and every round of ratings is shared out among the ranks. A step is
    that of one process on the whole batch, batch norms included, but for dropout, of which each rank draws its own.
    Rank 0 leads, and the others `follow` the evaluator that it made last.

    Raises
    ------
    SplitError
        If the rows that rate measure no track.
    ConfigError
        If the ranks cannot have equal parts of a batch.
    """

    name = "shared"

    def __init__(
        self,
        space: Space,
        data: DeviceStore,
        config: SupernetConfig,
        objective: Objective,
        seed: int,
        dtype: torch.dtype,
    ) -> None:
        self.data, self.config, self.objective, self.seed, self.dtype = data, config, objective, seed, dtype
        store, self.world = data.store, world()
        with torch.random.fork_rng():
            torch.manual_seed(seeds.derive(seed, "supernet", "weights"))
            self.supernet = Supernet(space, store.n_tracks, store.length, store.alphabet.n_symbols, config.norms)
        self.train_rows = store.indices("train")
        set_output_bias(self.supernet.output_layer, store.positives("train") / max(1, len(self.train_rows)))
        self.supernet.to(data.device)
        if self.world.size > 1:
            _check_shares(self.batch, self.world.size)
            join_norms(self.supernet, self.world)
        # The ranks hold as many windows together as one process does.
        self._train_config = replace(config.train, micro_batch=-(-config.train.micro_batch // self.world.size))
        self.kernels = [m for m in self.supernet.modules() if isinstance(m, Conv)]
        self.optimizer = make_optimizer(self.supernet, config.train)
        self.steps_done = 0
        search_rows = seeds.generator(seed, "rating rows").permutation(store.indices("search"))
        self.rows = np.sort(search_rows[: config.rows])
        self.rescored_rows = np.sort(search_rows[: config.rescored_rows])
        check_measurable("search (rows that rate)", len(self.rows), store.labels(self.rows).sum(axis=0, dtype=np.int64))
        self.world.followed = self
        if self.world.rank == 0:
            self.world.broadcast(("make", (space, store.path, str(data.device), config, objective, seed, dtype)))

    @property
    def batch(self) -> int:
        """Windows of a step, of all ranks together."""
        return min(self.config.train.batch, len(self.train_rows))

    @property
    def steps_per_epoch(self) -> int:
        return max(1, len(self.train_rows) // self.config.train.batch)

    @property
    def steps_left(self) -> int | None:
        """Updates until the end of the training; None where it has none."""
        return None if self.config.total_steps is None else max(0, self.config.total_steps - self.steps_done)

    @contextmanager
    def _together(self, what: str, *arguments: Any) -> Iterator[None]:
        """Work of all ranks inside the block."""
        if self.world.size > 1 and self.world.followed is not self:
            raise RunError(
                "supernet: a second supernet has been made, which the other processes follow now. Under torchrun "
                "finish the work on one before the next is made."
            )
        with self.world.together((what, arguments)):
            yield

    # ---- training

    def advance(self, propose: Propose, task: Task) -> Advance:
        """Train, each step on the next batch and the next proposal, or the next fair paths; not beyond `total_steps`.

        An epoch takes every window once, however many paths a step has.

        Raises
        ------
        RunError
            If the loss is no number any more.
        """
        before, n_steps = self.steps_done, self.config.steps
        if before == 0:
            n_steps += round(self.config.warm_up * self.steps_per_epoch)
        if self.steps_left is not None:
            n_steps = min(n_steps, self.steps_left)
        if n_steps == 0:
            return Advance()
        with Stopwatch() as watch, torch.random.fork_rng():
            proposals = propose(n_steps) if self.config.fairness == "none" else None
            with self._together("train", n_steps, proposals):
                loss = self._train(n_steps, proposals, task)
        if not math.isfinite(loss):
            raise RunError(
                f"search: the loss of the shared weights is {loss} within steps {before} to {self.steps_done}. Lower "
                f"supernet.train.learning_rate (now {self.config.train.learning_rate:g}) or set "
                "supernet.train.gradient_clip, and search into another folder."
            )
        steps = self.steps_done - before
        n_paths = n_fair_paths(self.supernet.space) if proposals is None else 1
        return Advance(loss, steps, steps / self.steps_per_epoch, self._cost(watch, steps * self.batch * n_paths))

    def _cost(self, watch: Stopwatch, windows: int) -> Cost:
        """Cost of work on all devices."""
        cost = watch.cost(windows)
        return replace(cost, device_seconds=cost.device_seconds * self.world.size)

    def _train(self, n_steps: int, proposals: Sequence[Architecture] | None, task: Task) -> float:
        """Mean loss of the next steps; done by all ranks."""
        space, first = self.supernet.space, self.steps_done
        paths: Iterable[list[Architecture]]
        if proposals is None:
            draws = (seeds.generator(self.seed, "supernet", "paths", first + k) for k in range(n_steps))
            paths = (fair_paths(space, rng) for rng in draws)
        else:
            paths = ([architecture] for architecture in proposals)
        self.supernet.train()
        losses = []
        for batch, together in zip(self._batches(n_steps), paths, strict=True):
            losses.append(self._step(batch, together))
            task.advance()
        loss = torch.stack(losses).mean()
        self.world.add([loss])
        return float(loss)

    def _batches(self, n_steps: int) -> Iterator[Batch]:
        """The next `n_steps` batches of an endless row of epochs, whatever was consumed before; this rank's windows."""
        last = self.steps_done + n_steps
        while self.steps_done < last:
            number, skipped = divmod(self.steps_done, self.steps_per_epoch)
            batches = epoch(
                self.data,
                self.train_rows,
                self.config.train.batch,
                seeds.generator(self.seed, "supernet", "epoch", number),
                reverse_complement=self.config.train.reverse_complement,
                shift=self.config.train.shift,
                drop_last=len(self.train_rows) >= self.config.train.batch,
                skip=skipped,
                rank=self.world.rank,
                ranks=self.world.size,
            )
            for batch in batches:
                yield batch
                if self.steps_done >= last:
                    return

    def _step(self, batch: Batch, paths: Sequence[Architecture]) -> Tensor:
        """One update from the mean of the losses of all paths on the same batch; returns this rank's part of it."""
        config, of_rank = self._train_config, [self.world.rank] if self.world.rank else []
        torch.manual_seed(seeds.derive(self.seed, "supernet", "dropout", self.steps_done, *of_rank))
        factor = rate_factor(config, self.steps_done, self.steps_per_epoch, self.config.total_steps or 1)
        set_rate(self.optimizer, config.learning_rate * factor)
        self.steps_done += 1
        self.optimizer.zero_grad(set_to_none=True)
        weight = self._part(batch) / len(paths)
        loss = torch.zeros((), device=self.data.device)
        for architecture in paths:
            path = partial(self.supernet, architecture=architecture)
            loss += add_gradients(path, batch, config, self.dtype, self.supernet.n_symbols, weight)
        self.world.add_gradients(self.supernet.parameters())
        apply_gradients(self.kernels, self.optimizer, config)
        return loss

    def _part(self, batch: Batch) -> float | Tensor:
        """Known labels of this rank's windows, as a part of those of all ranks."""
        if self.world.size == 1 or batch.known is None:
            return 1 / self.world.size
        mine = batch.known.sum()
        total = mine.clone()
        self.world.add([total])
        return mine / total.clamp_min(1)

    # ---- ratings

    def rate(self, architectures: Sequence[Architecture], task: Task) -> list[Rating]:
        return self._rate(architectures, self.rows, task)

    def rescore(self, architectures: Sequence[Architecture], task: Task) -> list[Rating]:
        """Ratings on more rows of the search split, for finalists."""
        return self._rate(architectures, self.rescored_rows, task)

    def _rate(self, architectures: Sequence[Architecture], rows: np.ndarray, task: Task) -> list[Rating]:
        # Sorted, so that a part of them has most of the prefixes that all have in common.
        distinct = sorted(set(architectures), key=lambda a: [*zip(a.operations, a.skips, strict=True)])
        with Stopwatch() as watch, self._together("rate", distinct, rows):
            found = self._scores(distinct, rows)
        task.advance(len(architectures))
        passed = len(rows) + self._n_recalibration
        total, n = self._cost(watch, passed * len(distinct)), len(architectures)
        share = Cost(total.device_seconds / n, total.windows // n, total.peak_memory)
        score = {a: None if isinstance(value, str) else value for a, value in found.items()}
        reasons = {a: value if isinstance(value, str) else None for a, value in found.items()}
        return [Rating(a, score[a], reasons[a], share) for a in architectures]

    def _scores(self, architectures: Sequence[Architecture], rows: np.ndarray) -> dict[Architecture, float | str]:
        """Score of each of the sorted architectures, or why it has none; each rank does a part of them."""
        store = self.data.store
        size = max(1, _HELD_LOGITS // max(1, len(rows) * store.n_tracks))
        labels, known = store.labels(rows), store.mask(rows)
        first, last = (len(architectures) * k // self.world.size for k in (self.world.rank, self.world.rank + 1))
        score: dict[Architecture, float | str] = {}
        for start in range(first, last, size):
            part = architectures[start : min(start + size, last)]
            for architecture, logits in zip(part, self.logits(part, rows), strict=True):
                score[architecture] = self._score(logits, labels, known)
        return {a: value for part in self.world.gather(score) for a, value in part.items()}

    def _score(self, logits: np.ndarray, labels: np.ndarray, known: np.ndarray | None) -> float | str:
        if not np.isfinite(logits).all():
            return "its logits are not all numbers"
        try:
            return objective_value(self.objective, logits, labels, known)
        except MetricError as error:  # the other ranks wait for this one to end
            return str(error)

    def logits(self, architectures: Sequence[Architecture], rows: np.ndarray) -> np.ndarray:
        """Forward-strand logits with each architecture's own batch-norm statistics: recalibrated, or of the rows.

        Returns
        -------
        (n_architectures, n_rows, n_tracks), float32
        """
        self.supernet.eval()
        logits = np.empty((len(architectures), len(rows), self.data.n_tracks), np.float32)
        statistics = None
        if self.config.recalibration:
            statistics = self.supernet.recalibrate(self._recalibration_batches(), architectures)
        done = 0
        with batch_statistics(self.supernet) if statistics is None else nullcontext(), torch.no_grad():
            for chunk in _even_parts(rows, self.config.score_batch):
                x = self._one_hot(self.data.gather(torch.as_tensor(chunk, device=self.data.device)))
                many = self.supernet.score_many(x, architectures, statistics)
                logits[:, done : done + len(chunk)] = many.cpu().numpy()
                done += len(chunk)
        return logits

    def _one_hot(self, batch: Batch) -> Tensor:
        return one_hot(batch.tokens, self.dtype, self.supernet.n_symbols)

    @property
    def _n_recalibration(self) -> int:
        """Windows that recalibrate an architecture."""
        size = self._recalibration_batch
        return size * min(self.config.recalibration, len(self.train_rows) // size)

    @property
    def _recalibration_batch(self) -> int:
        """What a batch norm sees in training."""
        return min(self.batch, self.config.train.micro_batch)

    def _recalibration_batches(self) -> Iterator[Tensor]:
        """The same windows for all ratings of a search, augmented as in training."""
        train = self.config.train
        rng = seeds.generator(self.seed, "supernet", "recalibration")
        size = self._recalibration_batch
        batches = epoch(self.data, self.train_rows, size, rng, train.reverse_complement, train.shift, drop_last=True)
        return map(self._one_hot, islice(batches, self.config.recalibration))

    # ---- continuation

    def state(self) -> dict[str, Any]:
        return {
            "supernet": self.supernet.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "steps_done": self.steps_done,
        }

    def load(self, state: dict[str, Any]) -> None:
        with self._together("load", state):
            self._load(state)

    def _load(self, state: dict[str, Any]) -> None:
        self.supernet.load_state_dict(state["supernet"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.steps_done = state["steps_done"]


def _even_parts(rows: np.ndarray, size: int) -> list[np.ndarray]:
    """Parts of nearly equal size: a small last part would have statistics of its own kind."""
    return np.array_split(rows, max(1, -(-len(rows) // size)))


def _check_shares(batch: int, ranks: int) -> None:
    if batch % ranks:
        raise ConfigError(
            f"supernet: a batch of {batch} windows cannot be shared evenly among {ranks} processes; expected a "
            f"multiple of {ranks}. Set supernet.train.batch to {max(1, batch // ranks) * ranks}, or start another "
            "number of processes."
        )


def follow(world: World) -> None:
    """Ranks above 0: take part in what rank 0 does with the evaluator that it made last, until it leaves."""
    one: SharedWeights | None = None
    while (message := world.broadcast()) is not None:
        what, arguments = message
        if what == "make":
            space, path, device, *others = arguments
            one = SharedWeights(space, DeviceStore(Store.open(path), device), *others)
            continue
        assert one is not None
        if what == "train":
            n_steps, proposals = arguments
            one._train(n_steps, proposals, SILENT.task(""))
        elif what == "rate":
            one._scores(*arguments)
        else:
            one._load(*arguments)
