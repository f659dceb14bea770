"""The models of a folder, and what tells them from others."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import torch

from ambergen.baselines.loading import load
from ambergen.errors import StoreError
from ambergen.sequence.scorer import Scorer
from ambergen.training.saving import ARRAYS, DESCRIPTION, read_description


@dataclass(frozen=True)
class Ensemble:
    """Models that are scored together.

    Attributes
    ----------
    folders : of each
    checksum : SHA-256 over the weights and what they are weights of
    """

    models: tuple[Scorer, ...]
    folders: tuple[Path, ...]
    checksum: str


def load_ensemble(folder: Path, device: str | torch.device = "cpu") -> Ensemble:
    """The model in a folder, or all the seeds of an architecture where it holds the folders ``seed0``, ``seed1``, ….

    Raises
    ------
    StoreError
        If there is no model, or one is damaged.
    """
    if (folder / DESCRIPTION).is_file():
        folders = [folder]
    else:
        folders = sorted(path.parent for path in folder.glob(f"seed*/{DESCRIPTION}"))
    if not folders:
        raise StoreError(
            f"{folder}: there is no model; expected a folder with {DESCRIPTION} and {ARRAYS}, or one with the folders "
            "seed0, seed1, … of an architecture. `ambergen train` writes them under out/models."
        )
    models = tuple(load(one, device) for one in folders)
    return Ensemble(models, tuple(folders), _checksum(folders))


def _checksum(folders: list[Path]) -> str:
    digest = hashlib.sha256()
    for folder in folders:
        facts = read_description(folder)
        facts.pop("provenance", None)  # when and where it was trained changes no score
        digest.update(repr(sorted(facts.items())).encode())
        arrays = folder / ARRAYS
        if arrays.is_file():
            with arrays.open("rb") as stream:
                digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()
