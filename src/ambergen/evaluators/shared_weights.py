"""Ratings by a supernet: a path's score with shared weights, which are trained in between (Pham et al., ICML 2018)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ambergen import seeds
from ambergen.cost import Stopwatch
from ambergen.datasets.batches import Batch, DeviceStore, epoch
from ambergen.evaluators.base import Advance, Objective, Propose, Rating, objective_value
from ambergen.models.layers import Conv, batch_statistics, one_hot
from ambergen.models.supernet import Supernet
from ambergen.progress import Task
from ambergen.spaces.architecture import Architecture
from ambergen.spaces.space import Space
from ambergen.training.config import TrainConfig
from ambergen.training.loop import set_output_bias
from ambergen.training.step import make_optimizer, rate_factor, train_step


@dataclass(frozen=True)
class SupernetConfig:
    """Training of the shared weights and the rows that ratings use.

    steps : weight updates between two rounds of ratings, each with a fresh architecture
    warm_up : epochs of training before the first ratings
    rows : windows of the search split that a rating uses, the same for all architectures of a search
    rescored_rows : the same for finalists
    score_batch : windows whose statistics batch norms share in a rating
    train : optimiser, batch and augmentation; epochs and patience have no meaning here
    """

    steps: int = 100
    warm_up: float = 1.0
    rows: int = 2000
    rescored_rows: int = 20000
    score_batch: int = 500
    train: TrainConfig = field(
        default_factory=lambda: TrainConfig(
            optimizer="adam", learning_rate=1e-3, schedule="constant", weight_decay=0.0, l1=1e-8, l2=5e-7
        )
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

    @property
    def steps_per_epoch(self) -> int:
        return max(1, len(self.train_rows) // self.config.train.batch)

    # ---- training

    def advance(self, propose: Propose, task: Task) -> Advance:
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
        steps = self.steps_done - before
        return Advance(loss, steps, steps / self.steps_per_epoch, watch.cost(windows=steps * self.config.train.batch))

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
        for group in self.optimizer.param_groups:
            group["lr"] = self.config.train.learning_rate * factor
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
        distinct = list(dict.fromkeys(architectures))
        with Stopwatch() as watch:
            logits = self.logits(distinct, rows)
            store = self.data.store
            labels, known = store.labels(rows), store.mask(rows)
            values = [objective_value(self.objective, each, labels, known) for each in logits]
            score = dict(zip(distinct, values, strict=True))
        task.advance(len(architectures))
        total = watch.cost(windows=len(rows) * len(distinct))
        share = type(total)(
            total.device_seconds / len(architectures), total.windows // len(architectures), total.peak_memory
        )
        return [Rating(a, score[a], cost=share) for a in architectures]

    def logits(self, architectures: Sequence[Architecture], rows: np.ndarray) -> np.ndarray:
        """Forward-strand logits with each architecture's own batch statistics.

        Returns
        -------
        (n_architectures, n_rows, n_tracks), float32
        """
        self.supernet.eval()
        parts = []
        with batch_statistics(self.supernet), torch.no_grad():
            for chunk in _even_parts(rows, self.config.score_batch):
                tokens = self.data.gather(torch.as_tensor(chunk, device=self.data.device)).tokens
                x = one_hot(tokens, self.dtype, self.supernet.n_symbols)
                parts.append(self.supernet.score_many(x, architectures).cpu().numpy())
        return np.concatenate(parts, axis=1)

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
