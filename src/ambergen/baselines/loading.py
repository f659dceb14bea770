"""Saved models of every kind, by what their description says they are."""

from __future__ import annotations

from pathlib import Path

import torch

from ambergen.baselines.kmer import KmerRegression
from ambergen.sequence.scorer import Scorer
from ambergen.training.model import Model
from ambergen.training.saving import read_description


def load(folder: str | Path, device: str | torch.device = "cpu") -> Scorer:
    """The model in a folder: a network or a k-mer regression.

    Parameters
    ----------
    device : where a network computes; a k-mer regression stays on the processor

    Raises
    ------
    StoreError
        If it is absent, damaged, or of another version.
    """
    kind = read_description(Path(folder))["kind"]
    return KmerRegression.load(folder) if kind == "kmer" else Model.load(folder, device)
