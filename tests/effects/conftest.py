"""A genome of two contigs and scorers whose effects are known."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from ambergen.io.genome import Genome
from ambergen.models.building import make_child
from ambergen.sequence.alphabets import DNA
from ambergen.sequence.onehot import one_hot, reverse_complement
from ambergen.spaces.space import Space
from ambergen.training.model import Model

SPACE = Space(layers=2, operations=("conv8", "max_pool4"), width=8, reduce=(), head="gap", hidden=8, dropout=0.0)


class Linear:
    """Logits that are sums of a weight a position and base; on the other strand its tracks change places."""

    def __init__(
        self, length: int, n_tracks: int = 2, seed: int = 0, output: Literal["logit", "raw"] = "logit"
    ) -> None:
        self.length, self.output = length, output
        self.tracks = tuple(f"track{t}" for t in range(n_tracks))
        self.reverse_partner = np.arange(n_tracks)[::-1].copy()
        self.weights = np.random.default_rng(0).normal(size=(n_tracks, 4, length)).astype(np.float32)

    def predict_strand(self, tokens: NDArray[np.uint8]) -> NDArray[np.float32]:
        return np.einsum("nsl,tsl->nt", one_hot(tokens), self.weights).astype(np.float32)

    def predict(self, tokens: NDArray[np.uint8]) -> NDArray[np.float32]:
        other = self.predict_strand(reverse_complement(tokens))[:, self.reverse_partner]
        return (self.predict_strand(tokens) + other) / 2


class FromIndex(Linear):
    """Looks at what stands from the variant on, as gkm-SVM and PWM do."""

    def variant_effect(self, ref: NDArray[np.uint8], alt: NDArray[np.uint8], index: int) -> NDArray[np.float32]:
        assert (ref[:, :index] == alt[:, :index]).all()
        return 10 * (self.predict_strand(alt) - self.predict_strand(ref)) + np.float32(index)


def make_model(length: int = 21, seed: int = 0) -> Model:
    """A small network of three tracks, the last two being partners; its weights are drawn."""
    architecture = SPACE.sample(np.random.default_rng(3))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = make_child(SPACE, architecture, 3, length, 4)
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.add_(0.3 * torch.randn_like(parameter))
    spec = {"space": SPACE.to_dict(), "architecture": architecture.to_dict()}
    return Model(network, "child", spec, ("both", "forward", "reverse"), np.array([0, 2, 1]))


@pytest.fixture(scope="session")
def sequences() -> dict[str, str]:
    rng = np.random.default_rng(1)
    text = {name: "".join(rng.choice(list("ACGT"), n)) for name, n in (("chr1", 400), ("chr2", 150))}
    return {**text, "chr2": text["chr2"][:60] + "NNNN" + text["chr2"][64:]}


@pytest.fixture(scope="session")
def genome(sequences: dict[str, str]) -> Genome:
    return Genome.of(sequences)


@pytest.fixture
def write_genome(tmp_path: Path, sequences: dict[str, str]) -> Callable[[], Path]:
    def write() -> Path:
        path = tmp_path / "genome.fa"
        path.write_text("".join(f">{name}\n{text.lower()}\n" for name, text in sequences.items()))
        return path

    return write


def encode(text: str) -> NDArray[np.uint8]:
    return DNA.encode(text, "test")
