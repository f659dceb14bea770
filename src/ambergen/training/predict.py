"""Logits of many windows; the caller's network is left in the mode in which it came."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from torch import nn

from ambergen.datasets.batches import DeviceStore
from ambergen.models.layers import one_hot

Strands = Literal["both", "forward"]


_POSITIONS = 1 << 15
"""Of windows that a thread of a processor takes at once: the activations of two layers stay in its cache."""
_WINDOWS = 512
"""That another device, or another precision, takes at once."""


def windows_at_once(length: int, device: torch.device, dtype: torch.dtype = torch.float32) -> int:
    """Windows of `length` positions that a trained network scores at a time.

    A processor waits for memory where the activations of a batch leave its cache, so that in float32 small batches are
    faster, at 600 bases by two and a half; `benchmarks/scoring_size.py` measures it. In bfloat16 they were not. Scores
    differ by rounding only, as no window sees another.
    """
    if device.type != "cpu" or dtype != torch.float32:
        return _WINDOWS
    return max(1, _POSITIONS * torch.get_num_threads() // length)


@torch.no_grad()
def predict_logits(
    network: nn.Module,
    data: DeviceStore,
    indices: np.ndarray,
    strands: Strands = "both",
    dtype: torch.dtype = torch.float32,
    batch: int | None = None,
) -> np.ndarray:
    """Logits of the windows `indices` of a store.

    Parameters
    ----------
    indices : (n,), int64
    strands : both takes the mean logit of a window and its reverse complement, with stranded tracks swapped
    batch : windows that the network takes at once; default: see `windows_at_once`

    Returns
    -------
    (n, n_tracks), float32
    """
    batch = batch or windows_at_once(data.length, data.device, dtype)
    was_training = network.training
    network.eval()
    n_symbols = data.store.alphabet.n_symbols
    partner = torch.as_tensor(data.store.reverse_partner, device=data.device)
    parts = []
    try:
        for start in range(0, len(indices), batch):
            rows = torch.as_tensor(indices[start : start + batch], device=data.device)
            logits = network(one_hot(data.gather(rows).tokens, dtype, n_symbols))
            if strands == "both":
                other = data.gather(rows, reverse=torch.ones(len(rows), dtype=torch.bool, device=data.device))
                logits = (logits + network(one_hot(other.tokens, dtype, n_symbols))[:, partner]) / 2
            parts.append(logits.float().cpu().numpy())
    finally:
        network.train(was_training)
    return np.concatenate(parts) if parts else np.empty((0, data.store.n_tracks), np.float32)
