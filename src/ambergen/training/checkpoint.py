"""Files that are whole or absent: written beside their place, flushed to disk, then renamed."""

from __future__ import annotations

import os
import pickle
import zipfile
import zlib
from pathlib import Path
from typing import Any

import torch

from ambergen.errors import StoreError


def save_checkpoint(path: Path, record: dict[str, Any]) -> None:
    """Write `record` (tensors, numbers, text and containers of them); a kill at any instant leaves a whole file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = _partial(path)
    with partial.open("wb") as file:
        torch.save(record, file)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def remove_checkpoint(path: Path) -> None:
    """Remove what is there, with what a kill in the middle of its writing left."""
    path.unlink(missing_ok=True)
    _partial(path).unlink(missing_ok=True)


def load_checkpoint(path: Path) -> dict[str, Any] | None:
    """The record, or None where there is no checkpoint.

    Raises
    ------
    StoreError
        If the file is damaged.
    """
    if not path.exists():
        return None
    try:
        with zipfile.ZipFile(path) as archive:  # torch does not look at the checksums
            damaged = archive.testzip()
        if damaged is None:
            return torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, pickle.UnpicklingError, zipfile.BadZipFile, zlib.error, ValueError, KeyError) as e:
        raise StoreError(_unreadable(path, type(e).__name__)) from e
    raise StoreError(_unreadable(path, f"wrong checksum of {damaged}"))


def _partial(path: Path) -> Path:
    return path.with_name(path.name + ".partial")


def _unreadable(path: Path, why: str) -> str:
    return (
        f"{path}: the checkpoint cannot be read ({why}). It is damaged, or was written by another program. Delete it "
        "to begin this part anew."
    )
