"""Saved models of every kind, by what their description says they are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch

from ambergen.baselines.bpnet_scorer import BPNetScorer
from ambergen.baselines.deepbind_scorer import DeepBindScorer
from ambergen.baselines.gkm_delta import DeltaSVM
from ambergen.baselines.gkm_svm import GkmSVM
from ambergen.baselines.kmer import KmerRegression
from ambergen.baselines.motif_scorer import MotifScorer
from ambergen.sequence.scorer import Scorer
from ambergen.training.model import Model
from ambergen.training.saving import read_description

_LOADERS: dict[str, Callable[[str | Path], Scorer]] = {
    "kmer": KmerRegression.load,
    "gkm": GkmSVM.load,
    "deltasvm": DeltaSVM.load,
    "motifs": MotifScorer.load,
}


def load(folder: str | Path, device: str | torch.device = "cpu") -> Scorer:
    """The model in a folder: a network, or a rival of another kind.

    Parameters
    ----------
    device : where a network computes; the others stay on the processor

    Raises
    ------
    StoreError
        If it is absent, damaged, or of another version.
    """
    kind = read_description(Path(folder))["kind"]
    if kind in _LOADERS:
        return _LOADERS[kind](folder)
    if kind == "deepbind":
        return DeepBindScorer.load(folder, device)
    if kind == "bpnet":
        return BPNetScorer.load(folder, device)
    return Model.load(folder, device)
