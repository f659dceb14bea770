"""Ratings by a supernet: a path's score with shared weights, which are trained in between (Pham et al., ICML 2018)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ambergen import seeds
from ambergen.cost import Cost, Stopwatch
from ambergen.datasets.batches import Batch, DeviceStore, epoch
from ambergen.errors import ConfigError, RunError
from ambergen.evaluators.base import Advance, Objective, Propose, Rating, check_measurable, objective_value
from ambergen.models.layers import Conv, batch_statistics, one_hot
from ambergen.models.supernetwork import Supernet
from ambergen.progress import Task
from ambergen.spaces.architecture import Architecture
from ambergen.spaces.space import Space
from ambergen.training.config import TrainConfig
from ambergen.training.loop import set_output_bias
from ambergen.training.step import make_optimizer, rate_factor, set_rate, train_step

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
    train : optimiser, batch and augmentation; epochs, patience and average have no meaning here, and the schedule
        cannot be cosine, for the end of a search is not known beforehand
    """

    steps: int = 100
    warm_up: float = 1.0
    rows: int = 2000
    rescored_rows: int = 20000
    score_batch: int = 500
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
        if self.train.schedule == "cosine":
            raise ConfigError(
                "supernet: the schedule of train is cosine, which needs a last step; the end of a search is not known "
                "beforehand. Expected constant or amber."
            )


class SharedWeights:
    """A supernet in training, as an evaluator."""

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
        store = data.store
        with torch.random.fork_rng():
            torch.manual_seed(seeds.derive(seed, "supernet", "weights"))
            self.supernet = Supernet(space, store.n_tracks, store.length, store.alphabet.n_symbols)
        self.train_rows = store.indices("train")
        set_output_bias(self.supernet.output_layer, store.positives("train") / max(1, len(self.train_rows)))
        self.supernet.to(data.device)
        self.kernels = [m for m in self.supernet.modules() if isinstance(m, Conv)]
        self.optimizer = make_optimizer(self.supernet, config.train)
        self.steps_done = 0
        search_rows = seeds.generator(seed, "rating rows").permutation(store.indices("search"))
        self.rows = np.sort(search_rows[: config.rows])
        self.rescored_rows = np.sort(search_rows[: config.rescored_rows])
        check_measurable("search (rows that rate)", len(self.rows), store.labels(self.rows).sum(axis=0, dtype=np.int64))

    @property
    def steps_per_epoch(self) -> int:
        return max(1, len(self.train_rows) // self.config.train.batch)

    # ---- training

    def advance(self, propose: Propose, task: Task) -> Advance:
        """Train, each step on the next batch and the next proposal.

        Raises
        ------
        RunError
            If the loss is no number any more.
        """
        n_steps = self.config.steps
        if self.steps_done == 0:
            n_steps += round(self.config.warm_up * self.steps_per_epoch)
        before, losses = self.steps_done, []
        with Stopwatch() as watch, torch.random.fork_rng():
            self.supernet.train()
            for batch, architecture in zip(self._batches(n_steps), propose(n_steps), strict=True):
                losses.append(self._step(batch, architecture))
                task.advance()
            loss = float(torch.stack(losses).mean())
        if not math.isfinite(loss):
            raise RunError(
                f"search: the loss of the shared weights is {loss} within steps {before} to {self.steps_done}. Lower "
                f"supernet.train.learning_rate (now {self.config.train.learning_rate:g}) or set "
                "supernet.train.gradient_clip, and search into another folder."
            )
        steps = self.steps_done - before
        windows = steps * min(self.config.train.batch, len(self.train_rows))
        return Advance(loss, steps, steps / self.steps_per_epoch, watch.cost(windows))

    def _batches(self, n_steps: int) -> Iterator[Batch]:
        """The next `n_steps` batches of an endless row of epochs, whatever was consumed before."""
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
            )
            for batch in batches:
                yield batch
                if self.steps_done >= last:
                    return

    def _step(self, batch: Batch, architecture: Architecture) -> Tensor:
        torch.manual_seed(seeds.derive(self.seed, "supernet", "dropout", self.steps_done))
        factor = rate_factor(self.config.train, self.steps_done, self.steps_per_epoch, 1)
        set_rate(self.optimizer, self.config.train.learning_rate * factor)
        self.steps_done += 1
        return train_step(
            partial(self.supernet, architecture=architecture),
            batch,
            self.kernels,
            self.optimizer,
            self.config.train,
            self.dtype,
            self.supernet.n_symbols,
        )

    # ---- ratings

    def rate(self, architectures: Sequence[Architecture], task: Task) -> list[Rating]:
        return self._rate(architectures, self.rows, task)

    def rescore(self, architectures: Sequence[Architecture], task: Task) -> list[Rating]:
        """Ratings on more rows of the search split, for finalists."""
        return self._rate(architectures, self.rescored_rows, task)

    def _rate(self, architectures: Sequence[Architecture], rows: np.ndarray, task: Task) -> list[Rating]:
        # Sorted, so that a part of them has most of the prefixes that all have in common.
        distinct = sorted(set(architectures), key=lambda a: [*zip(a.operations, a.skips, strict=True)])
        store = self.data.store
        size = max(1, _HELD_LOGITS // max(1, len(rows) * store.n_tracks))
        score: dict[Architecture, float | None] = {}
        with Stopwatch() as watch:
            labels, known = store.labels(rows), store.mask(rows)
            for first in range(0, len(distinct), size):
                part = distinct[first : first + size]
                for architecture, logits in zip(part, self.logits(part, rows), strict=True):
                    finite = np.isfinite(logits).all()
                    score[architecture] = objective_value(self.objective, logits, labels, known) if finite else None
        task.advance(len(architectures))
        total, n = watch.cost(windows=len(rows) * len(distinct)), len(architectures)
        share = Cost(total.device_seconds / n, total.windows // n, total.peak_memory)
        reasons = {a: None if value is not None else "its logits are not all numbers" for a, value in score.items()}
        return [Rating(a, score[a], reasons[a], share) for a in architectures]

    def logits(self, architectures: Sequence[Architecture], rows: np.ndarray) -> np.ndarray:
        """Forward-strand logits with each architecture's own batch statistics.

        Returns
        -------
        (n_architectures, n_rows, n_tracks), float32
        """
        self.supernet.eval()
        logits = np.empty((len(architectures), len(rows), self.data.n_tracks), np.float32)
        done = 0
        with batch_statistics(self.supernet), torch.no_grad():
            for chunk in _even_parts(rows, self.config.score_batch):
                tokens = self.data.gather(torch.as_tensor(chunk, device=self.data.device)).tokens
                x = one_hot(tokens, self.dtype, self.supernet.n_symbols)
                logits[:, done : done + len(chunk)] = self.supernet.score_many(x, architectures).cpu().numpy()
                done += len(chunk)
        return logits

    # ---- continuation

    def state(self) -> dict[str, Any]:
        return {
            "supernet": self.supernet.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "steps_done": self.steps_done,
        }

    def load(self, state: dict[str, Any]) -> None:
        self.supernet.load_state_dict(state["supernet"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.steps_done = state["steps_done"]


def _even_parts(rows: np.ndarray, size: int) -> list[np.ndarray]:
    """Parts of nearly equal size: a small last part would have statistics of its own kind."""
    return np.array_split(rows, max(1, -(-len(rows) // size)))
