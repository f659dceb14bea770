"""The folder of a saved model, of whatever kind: arrays in ``model.safetensors``, facts in ``model.json``."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import save_file

from ambergen.atomic import write_json
from ambergen.errors import InputError, SpaceError, StoreError
from ambergen.sequence.scorer import Scorer

FORMAT = 1
ARRAYS, DESCRIPTION = "model.safetensors", "model.json"
_OF_DAMAGE = (InputError, SafetensorError, OSError, RuntimeError, LookupError, TypeError, ValueError, AttributeError)


class KnownScorer(Scorer, Protocol):
    """A scorer that knows where it is from."""

    @property
    def provenance(self) -> dict[str, Any]: ...


def save_scorer(
    scorer: KnownScorer,
    folder: str | Path,
    kind: str,
    spec: Mapping[str, Any],
    arrays: Mapping[str, NDArray[Any]],
    unknown: str,
    alphabet: str = "dna",
    reverse_partner: Sequence[int] | None = None,
) -> Path:
    """Write what every scorer has, and what one of this kind is made of again, into a folder; see `write_model`.

    Parameters
    ----------
    spec : its settings, as JSON has them
    unknown : what an unknown symbol counts as
    reverse_partner : None where every track is its own on the other strand
    """
    facts = {
        "kind": kind,
        "spec": spec,
        "length": scorer.length,
        "tracks": list(scorer.tracks),
        "reverse_partner": list(range(len(scorer.tracks)) if reverse_partner is None else reverse_partner),
        "alphabet": alphabet,
        "output": scorer.output,
        "unknown": unknown,
        "provenance": scorer.provenance,
    }
    write_model(Path(folder), arrays, facts)
    return Path(folder)


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


@contextmanager
def loading(folder: str | Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Arrays' file and ``model.json`` of a model that is made again inside the block.

    Raises
    ------
    StoreError
        If the model is absent, damaged, or of another version: whatever the block raises says so.
    """
    folder = Path(folder)
    record = read_description(folder)
    try:
        yield folder / ARRAYS, record
    except SpaceError as error:  # a plugin may be missing: nothing that training again would mend
        raise StoreError(f"{folder}: the model does not load: {error}") from error
    except _OF_DAMAGE as error:
        raise StoreError(
            f"{folder}: the model does not load ({type(error).__name__}: {str(error)[:200]}). The folder is damaged or "
            "incomplete; train the model again, or copy the folder anew."
        ) from error


def check_windows(tokens: NDArray[np.uint8], length: int, model: str) -> None:
    """Raise StoreError unless the windows are (n, length)."""
    if tokens.ndim != 2 or tokens.shape[1] != length:
        raise StoreError(
            f"{model}: windows have the shape {tokens.shape}; expected (n, {length}). Cut or resize the windows to the "
            f"{length} positions that the model was trained on."
        )
