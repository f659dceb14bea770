"""Logits of many windows; the caller's network is left in the mode in which it came."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from torch import nn

from ambergen.datasets.batches import DeviceStore
from ambergen.models.layers import one_hot

Strands = Literal["both", "forward"]


@torch.no_grad()
def predict_logits(
    network: nn.Module,
    data: DeviceStore,
    indices: np.ndarray,
    strands: Strands = "both",
    dtype: torch.dtype = torch.float32,
    batch: int = 512,
) -> np.ndarray:
    """Logits of the windows `indices` of a store.

    Parameters
    ----------
    indices : (n,), int64
    strands : both takes the mean logit of a window and its reverse complement, with stranded tracks swapped

    Returns
    -------
    (n, n_tracks), float32
    """
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
