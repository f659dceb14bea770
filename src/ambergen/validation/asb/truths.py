"""Models whose effects a rehearsal takes for true: of kinds that are not compared, and trained on held-out windows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ambergen.baselines.kmer import KmerRegression
from ambergen.baselines.loading import load
from ambergen.datasets.store import Store
from ambergen.errors import StoreError
from ambergen.progress import SILENT, Progress
from ambergen.provenance import provenance
from ambergen.sequence.scorer import Scorer
from ambergen.training.config import TrainConfig
from ambergen.training.jobs import TrainingJob, train_network
from ambergen.training.saving import read_description
from ambergen.validation.asb.rehearsal import Contestant

NETWORK, WORDS = "network", "words"
_KINDS = {"kmer": WORDS, "gkm": WORDS, "deltasvm": WORDS, "motifs": "matrix"}

WORD_TRUTH, NETWORK_TRUTH = "6-mers", "Basset"
_SCALE = 0.25
"""Share of the published widths of the network; a split that is held out is small."""
_RECIPE = TrainConfig(epochs=20, patience=5, batch=64, learning_rate=2e-3, gradient_clip=1.0)


def contestant(name: str, models: tuple[Scorer, ...], folder: Path) -> Contestant:
    """A scorer of a folder, and whether it is a network, counts words, or is a matrix."""
    first = folder if (folder / "model.json").is_file() else min(folder.glob("seed*/model.json")).parent
    return Contestant(name, _KINDS.get(str(read_description(first)["kind"]), NETWORK), models)


def train_truths(
    store: Store, split: str, seed: int, out: Path, dtype: str = "float32", progress: Progress = SILENT
) -> list[Contestant]:
    """A regression on k-mers and a network with Basset's layers, both trained on one split; what is there is kept.

    Neither is among the usual scorers, and neither saw what those learned from, so that an error which scorers share
    because they share their training windows is not in the truth. It is none of nature, either: a truth that adds up
    words favours scorers that do, and a network favours networks.

    Parameters
    ----------
    split : what they learn from
    out : folder of the models

    Raises
    ------
    StoreError
        If models of another store are in the folder.
    """
    truths = []
    with progress.task("truths", total=2) as task:
        for name, folder in ((WORD_TRUTH, out / "kmer"), (NETWORK_TRUTH, out / "basset")):
            origin = {"store": store.checksum, "learned": [split]}
            _check(folder, {**origin, "seed": seed})
            if folder.name == "kmer" and not (folder / "model.json").exists():
                made = provenance(seed, "cpu", "float64", 1, **origin)
                KmerRegression.fit(store, seed, learned=(split,), provenance=made).save(folder)
            elif folder.name == "basset":
                job = TrainingJob(
                    store.path, "basset", {"scale": _SCALE}, replace(_RECIPE), seed, dtype, (split,), out=folder
                )
                train_network(replace(job, provenance=origin))
            truths.append(contestant(name, (load(folder),), folder))
            task.advance()
    return truths


def _check(folder: Path, origin: dict[str, object]) -> None:
    if not (folder / "model.json").exists():
        return
    found = read_description(folder)["provenance"]
    if any(found.get(key) != value for key, value in origin.items()):
        raise StoreError(
            f"{folder}: the truth there was trained on another store or split, or with another seed; expected that of "
            "this rehearsal. Remove the folder, or write to another one."
        )
