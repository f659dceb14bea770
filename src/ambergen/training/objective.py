"""What a training lowers, and by what its watched split is judged."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from ambergen.datasets.batches import Batch
from ambergen.datasets.store import Store
from ambergen.training.config import TrainConfig


class Objective(Protocol):
    """The part of a training that knows what the network's outputs are."""

    def settings(self) -> dict[str, Any]:
        """What has to be the same where a training goes on, beside its config."""
        ...

    def begin(self, network: nn.Module, store: Store, learned: Sequence[str], rows: np.ndarray) -> None:
        """Set where the outputs begin, from the splits that are trained on and their windows, `rows`."""
        ...

    def add_gradients(
        self, network: Callable[[Tensor], Any], batch: Batch, config: TrainConfig, dtype: torch.dtype, n_symbols: int, /
    ) -> Tensor:
        """Add the gradient of the mean loss over a batch to those at hand, and return that loss."""
        ...

    def scores(self, network: nn.Module, rows: np.ndarray, dtype: torch.dtype) -> dict[str, float]:
        """How well a network does on some windows, by the names that stand in a training's history."""
        ...

    def judged(self, record: Mapping[str, float]) -> float:
        """Of the scores of an epoch the one that counts, higher where better; nan where there is none."""
        ...

    def note(self, record: Mapping[str, float], best: float) -> str:
        """An epoch in a few words."""
        ...
