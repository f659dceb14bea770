"""The folder of a saved model, of whatever kind: arrays in ``model.safetensors``, facts in ``model.json``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

from ambergen.atomic import write_json
from ambergen.errors import StoreError

FORMAT = 1
ARRAYS, DESCRIPTION = "model.safetensors", "model.json"


def write_model(folder: Path, arrays: Mapping[str, NDArray[Any]], facts: Mapping[str, Any]) -> None:
    """Write the arrays and, last, the description, whose presence says that the model is whole."""
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f"{ARRAYS}.partial"
    save_file({name: np.ascontiguousarray(values) for name, values in arrays.items()}, partial)
    partial.replace(folder / ARRAYS)
    write_json(folder / DESCRIPTION, {"format": FORMAT, **facts})


def read_description(folder: Path) -> dict[str, Any]:
    """The ``model.json`` of a model.

    Raises
    ------
    StoreError
        If it is absent, damaged, or of another version.
    """
    path = folder / DESCRIPTION
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        version = record["format"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoreError(
            f"{path}: not the description of a model ({type(error).__name__}). Expected a folder that `ambergen train` "
            "wrote, with model.json and model.safetensors."
        ) from error
    if version != FORMAT:
        raise StoreError(f"{path}: format {version}; this ambergen reads format {FORMAT}. Train the model again.")
    return record


def check_windows(tokens: NDArray[np.uint8], length: int, model: str) -> None:
    """Raise StoreError unless the windows are (n, length)."""
    if tokens.ndim != 2 or tokens.shape[1] != length:
        raise StoreError(
            f"{model}: windows have the shape {tokens.shape}; expected (n, {length}). Cut or resize the windows to the "
            f"{length} positions that the model was trained on."
        )
