"""Training from scratch: epochs, early stop on the selection split, best weights kept, exact continuation."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ambergen import seeds
from ambergen.cost import Cost, Stopwatch
from ambergen.datasets.batches import Batch, DeviceStore, epoch
from ambergen.datasets.store import Store
from ambergen.errors import StoreError
from ambergen.metrics.objectives import RANKINGS, objective_values
from ambergen.metrics.ranking import defined, mean_defined, ranking
from ambergen.models.layers import Conv, OutputLayer, TrackNetwork
from ambergen.progress import SILENT, Progress
from ambergen.training.checkpoint import load_checkpoint, save_checkpoint
from ambergen.training.config import TrainConfig
from ambergen.training.objective import Objective
from ambergen.training.precision import resolve
from ambergen.training.predict import predict_logits
from ambergen.training.step import add_gradients, make_optimizer, rate_factor, set_rate, train_step

State = dict[str, Tensor]


@dataclass
class Fit:
    """What a training did; the network itself ends with the weights of the best epoch.

    history : a record an epoch: epoch, loss and, where a split is watched, its scores (of labels the mean auroc and
        average_precision, and the objective of a search)
    best_score : on the watched split, forward strand; of labels the mean AUROC
    costs : of every epoch; what came before the first epoch of a call is counted with it
    n_paid : the first epochs, which somebody was charged with before
    """

    history: list[dict[str, float]] = field(default_factory=list)
    best_epoch: int = -1
    best_score: float = -math.inf
    costs: list[Cost] = field(default_factory=list)
    n_paid: int = 0

    @property
    def cost(self) -> Cost:
        """Of the whole training, whatever interrupted it."""
        return sum(self.costs, Cost())

    @property
    def unpaid(self) -> Cost:
        """Of the epochs that nobody was charged with yet."""
        return sum(self.costs[self.n_paid :], Cost())


def fit(
    network: nn.Module,
    data: DeviceStore,
    config: TrainConfig,
    seed: int,
    checkpoint: Path | None = None,
    progress: Progress = SILENT,
    dtype: torch.dtype | None = None,
    name: str = "training",
    watch: str | None = "selection",
    learned: Sequence[str] = ("train",),
    until: int | None = None,
    paid_epochs: int = 0,
    clock: Stopwatch | None = None,
    objective: Objective | None = None,
) -> Fit:
    """Train `network` and keep the weights of its best epoch on the watched split.

    Parameters
    ----------
    network : a `TrackNetwork`, unless another objective is given
    seed : decides the order of windows, augmentation and dropout; not the initial weights
    checkpoint : file that is written after every epoch and continued from where it exists
    dtype : of the activations; default: by `config.precision`
    watch : split whose score stops the training and chooses the epoch; None trains all epochs and keeps the last, which
        is what a search does, whose rewards must not see the selection split
    learned : splits that are trained on; after a search that includes its search split
    until : epochs after which to pause; the schedule stays that of all epochs, and the same call with a higher number
        goes on from the checkpoint
    paid_epochs : the first epochs, which calls with a lower `until` were charged with; where their checkpoint is gone
        they are trained again, and unpaid
    clock : runs since the caller began, whose work is counted with the first epoch; it goes on for what comes after the
        last one
    objective : what is lowered and what the watched split is judged by; default: the labels
    """
    clock = clock or Stopwatch()
    dtype = dtype or resolve(config.precision, data.device)
    rows = np.sort(np.concatenate([data.store.indices(split) for split in learned]))
    objective = objective or Labels(data)
    objective.begin(network, data.store, learned, rows)
    network.to(data.device)
    run = _Run(network, data, config, dtype, rows, watch, objective)
    settings = _settings(config, seed, dtype, watch, learned, data.store) | objective.settings()
    record = None if checkpoint is None else load_checkpoint(checkpoint)
    if checkpoint is not None and record is not None:
        _check_settings(checkpoint, record, settings)
        run.load(checkpoint, record, paid_epochs)
    last = config.epochs if until is None else min(until, config.epochs)
    with progress.task(name, total=last) as task, torch.random.fork_rng():
        task.advance(len(run.fit.history))
        for number in range(len(run.fit.history), last):
            if run.waited() >= config.patience:
                break
            run.epoch(number, seed, clock)
            if checkpoint is not None:
                paid = {"asked": paid_epochs, "found": run.fit.n_paid}
                save_checkpoint(checkpoint, {"settings": settings, "paid": paid, **run.state()})
            task.advance()
            task.note(run.note())
    network.load_state_dict(run.best)
    return run.fit


class _Run:
    """What a training remembers between epochs."""

    def __init__(
        self,
        network: nn.Module,
        data: DeviceStore,
        config: TrainConfig,
        dtype: torch.dtype,
        rows: np.ndarray,
        watch: str | None,
        objective: Objective,
    ) -> None:
        self.network, self.data, self.config, self.dtype = network, data, config, dtype
        self.objective = objective
        self.train_rows = rows
        self.watched_rows = None if watch is None else data.store.indices(watch)
        self.kernels = [m for m in network.modules() if isinstance(m, Conv)]
        self.optimizer = make_optimizer(network, config)
        self.averaged = copy.deepcopy(network) if config.average else network
        self.steps_per_epoch = max(1, -(-len(self.train_rows) // config.batch))
        self.fit = Fit()
        self.best: State = {}

    def waited(self) -> int:
        return 0 if self.watched_rows is None else len(self.fit.history) - 1 - self.fit.best_epoch

    def note(self) -> str:
        last = self.fit.history[-1]
        return f"{last['loss']:.4f}" if self.watched_rows is None else self.objective.note(last, self.fit.best_score)

    def epoch(self, number: int, seed: int, clock: Stopwatch) -> None:
        record = {"epoch": number, "loss": self._train(number, seed)}
        if self.watched_rows is not None:
            record |= self.objective.scores(self.averaged, self.watched_rows, self.dtype)
        n_windows = len(self.train_rows) + (0 if self.watched_rows is None else len(self.watched_rows))
        self.fit.costs.append(clock.lap(n_windows))
        self.fit.history.append(record)
        score = math.nan if self.watched_rows is None else self.objective.judged(record)
        # Where nothing is watched, or no track is defined, the last epoch is the one to keep.
        if math.isnan(score) or score > self.fit.best_score:
            self.fit.best_score, self.fit.best_epoch = score, number
            self.best = {k: v.detach().clone() for k, v in self.averaged.state_dict().items()}

    def _train(self, number: int, seed: int) -> float:
        torch.manual_seed(seeds.derive(seed, "dropout", number))
        rng = seeds.generator(seed, "epoch", number)
        self.network.train()
        losses = []
        n_steps = self.steps_per_epoch * self.config.epochs
        batches = epoch(
            self.data,
            self.train_rows,
            self.config.batch,
            rng,
            reverse_complement=self.config.reverse_complement,
            shift=self.config.shift,
            drop_last=False,
        )
        for index, batch in enumerate(batches):
            step = number * self.steps_per_epoch + index
            factor = rate_factor(self.config, step, self.steps_per_epoch, n_steps)
            set_rate(self.optimizer, self.config.learning_rate * factor)
            losses.append(
                train_step(
                    self.network,
                    batch,
                    self.kernels,
                    self.optimizer,
                    self.config,
                    self.dtype,
                    self.data.store.alphabet.n_symbols,
                    self.objective.add_gradients,
                )
            )
            if self.config.average:
                self._average(min(self.config.average, (1 + step) / (10 + step)))
        return float(torch.stack(losses).mean())

    @torch.no_grad()
    def _average(self, decay: float) -> None:
        for mean, value in zip(self.averaged.state_dict().values(), self.network.state_dict().values(), strict=True):
            if mean.dtype.is_floating_point:
                mean.lerp_(value, 1 - decay)
            else:
                mean.copy_(value)

    def state(self) -> dict[str, Any]:
        return {
            "network": self.network.state_dict(),
            "averaged": self.averaged.state_dict() if self.config.average else None,
            "optimizer": self.optimizer.state_dict(),
            "best": self.best,
            "history": self.fit.history,
            "best_epoch": self.fit.best_epoch,
            "best_score": self.fit.best_score,
            "costs": [cost.to_dict() for cost in self.fit.costs],
        }

    def load(self, checkpoint: Path, record: dict[str, Any], paid_epochs: int) -> None:
        try:
            self.network.load_state_dict(record["network"])
            if record["averaged"] is not None:
                self.averaged.load_state_dict(record["averaged"])
            self.optimizer.load_state_dict(record["optimizer"])
            self.best = {k: v.to(self.data.device) for k, v in record["best"].items()}
            costs, n_paid = read_costs(record, paid_epochs)
            self.fit = Fit(record["history"], record["best_epoch"], record["best_score"], costs, n_paid)
        except (KeyError, RuntimeError, ValueError, TypeError, AttributeError) as error:
            raise StoreError(
                f"{checkpoint}: the checkpoint is not of this network ({type(error).__name__}: {str(error)[:200]}). "
                "Delete it to begin this training anew."
            ) from error


class Labels:
    """The labels of a store: cross-entropy is lowered, and the mean AUROC judges.

    Parameters
    ----------
    measured : objective of a search, which is put beside the AUROC and the average precision

    A network begins at the log odds of its tracks' prevalence, which is all that is done about rare tracks: the loss is
    not weighted, so that probabilities stay calibrated.
    """

    def __init__(self, data: DeviceStore, measured: str = "auroc") -> None:
        self._data, self._measured = data, measured

    def settings(self) -> dict[str, Any]:
        return {} if self._measured in RANKINGS else {"objective": self._measured}

    def begin(self, network: nn.Module, store: Store, learned: Sequence[str], rows: np.ndarray) -> None:
        assert isinstance(network, TrackNetwork)
        positives = np.sum([store.positives(split) for split in learned], axis=0)
        set_output_bias(network.output_layer, positives / max(1, len(rows)))

    def add_gradients(
        self, network: Callable[[Tensor], Any], batch: Batch, config: TrainConfig, dtype: torch.dtype, n_symbols: int, /
    ) -> Tensor:
        return add_gradients(network, batch, config, dtype, n_symbols)

    def scores(self, network: nn.Module, rows: np.ndarray, dtype: torch.dtype) -> dict[str, float]:
        store = self._data.store
        logits = predict_logits(network, self._data, rows, "forward", dtype)
        labels, known = store.labels(rows), store.mask(rows)
        ranked = ranking(logits, labels, known)
        enough = defined(ranked.positives, ranked.negatives)
        names = dict.fromkeys((*RANKINGS, self._measured))
        return {n: mean_defined(objective_values(n, logits, labels, known, ranked), enough) for n in names}

    def judged(self, record: Mapping[str, float]) -> float:
        return record["auroc"]

    def note(self, record: Mapping[str, float], best: float) -> str:
        return f"AUROC {record['auroc']:.4f}, best {best:.4f}"


def read_costs(record: dict[str, Any], paid_epochs: int) -> tuple[list[Cost], int]:
    """The cost of every epoch that a checkpoint holds, and how many of them are paid.

    Where a call that asked for the same had lost the epochs that were paid, those that it trained instead are not.
    """
    costs, paid = [Cost(**cost) for cost in record["costs"]], record["paid"]
    return costs, paid["found"] if paid["asked"] == paid_epochs else min(paid_epochs, len(costs))


def _settings(
    config: TrainConfig, seed: int, dtype: torch.dtype, watch: str | None, learned: Sequence[str], store: Store
) -> dict[str, Any]:
    """What has to be the same where a training goes on."""
    return asdict(config) | {
        "seed": seed,
        "dtype": str(dtype).removeprefix("torch."),
        "watch": watch,
        "learned": list(learned),
        "store": store.checksum,
    }


def _check_settings(checkpoint: Path, record: dict[str, Any], settings: dict[str, Any]) -> None:
    before = record.get("settings", {})
    for name, value in settings.items():
        if name not in before or before[name] != value:
            raise StoreError(
                f"{checkpoint}: this training began with {name} {before.get(name)!r}, which is {value!r} now; a "
                f"training goes on as it began. Set {name} back, or delete the checkpoint to begin anew."
            )


@torch.no_grad()
def set_output_bias(output: OutputLayer, prevalence: np.ndarray) -> None:
    """Begin every track at its prevalence; else a network spends its first epochs learning that a track is rare.

    Parameters
    ----------
    prevalence : (n_tracks,), share of positive windows
    """
    share = np.clip(prevalence, 1e-4, 1 - 1e-4)
    output.bias.copy_(torch.as_tensor(np.log(share / (1 - share)), dtype=output.bias.dtype))
