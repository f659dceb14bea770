"""From input files to a store, all or nothing; what is current already is not built again."""

from __future__ import annotations

import errno
import hashlib
import json
import math
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ambergen.datasets.config import DataConfig, GenomeSource
from ambergen.datasets.genome import build_genome
from ambergen.datasets.inputs import InputFile, describe, input_paths, same_content
from ambergen.datasets.parts import StoreParts
from ambergen.datasets.store import FORMAT, MANIFEST, VERSION, Store
from ambergen.datasets.table import build_table
from ambergen.errors import ConfigError, RunError, StoreError
from ambergen.progress import SILENT, Progress
from ambergen.sequence.alphabets import by_name

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def build(config: DataConfig, out: Path, seed: int = 0, progress: Progress = SILENT) -> Store:
    """The store of a data set; built unless `out` holds the one that the same config and inputs gave.

    Parameters
    ----------
    config : what the data set is made of
    out : folder of the store; a store that is there is replaced once the new one is complete
    seed : of what is drawn: unlabelled windows, and the rows of splits that are not given

    Raises
    ------
    InputError
        If the config or an input is wrong; the subclasses in `errors` say which.
    RunError
        If the disk is full.
    """
    _check(config)
    recipe = _recipe(config, seed)
    older = _older_store(out)
    known_files = older.manifest["inputs"] if older else []
    inputs = describe(input_paths(config), known_files)
    if older is not None and older.manifest["recipe"] == recipe and same_content(inputs, known_files):
        progress.say(f"{out} is current: {older.n_windows:,} windows of {older.n_tracks} tracks")
        return older
    with _replacing(out) as folder:
        parts = StoreParts(folder)
        source = config.source
        if isinstance(source, GenomeSource):
            content = build_genome(config, source, parts, seed, progress)
        else:
            content = build_table(config, source, parts, seed, progress)
        parts.write_manifest(_manifest(config, recipe, inputs, content, parts))
    store = Store.open(out)
    for warning in store.manifest["warnings"]:
        progress.say(warning)
    return store


def _manifest(
    config: DataConfig,
    recipe: dict[str, Any],
    inputs: Sequence[InputFile],
    content: dict[str, Any],
    parts: StoreParts,
) -> dict[str, Any]:
    files = dict(sorted(parts.files.items()))
    learnt_from = {
        "alphabet": config.alphabet,
        **{key: content[key] for key in ("length", "bin", "tracks", "reverse_partner")},
        **({"reads": content["reads"]} if "reads" in content else {}),
        "arrays": {name: entry["sha256_of_elements"] for name, entry in files.items()},
    }
    return {
        "format": FORMAT,
        "version": VERSION,
        "checksum": _sha256(learnt_from),
        "alphabet": config.alphabet,
        **content,
        "files": files,
        "recipe": recipe,
        "inputs": [entry.to_dict() for entry in inputs],
    }


def _sha256(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _recipe(config: DataConfig, seed: int) -> dict[str, Any]:
    """The config without paths, for inputs are known by their content, wherever they lie."""
    # Through JSON, so that it equals what is read back from a manifest
    return dict(json.loads(json.dumps({**config.to_dict(paths=False), "seed": seed})))


def _check(config: DataConfig) -> None:
    by_name(config.alphabet)
    windows = config.windows
    for name in ("length", "bin", "step"):
        if getattr(windows, name) < 1:
            raise ConfigError(f"data.windows.{name}: {getattr(windows, name)}; expected a number of bases above 0.")
    if windows.bin > windows.length:
        raise ConfigError(
            f"data.windows.bin: the bin has {windows.bin} bases, the window {windows.length}; expected a bin that fits "
            "into the middle of the window. Make the bin smaller, or the window longer."
        )
    if windows.label not in ("half", "any", "summit"):
        raise ConfigError(f"data.windows.label: '{windows.label}'; expected half, any or summit.")
    if windows.unlabelled != "all" and not (math.isfinite(windows.unlabelled) and windows.unlabelled >= 0):
        raise ConfigError(
            f"data.windows.unlabelled: {windows.unlabelled}; expected how many unlabelled windows are kept for each "
            "labelled one, 0 or more, or all."
        )
    if config.on_leak not in ("refuse", "drop", "allow"):
        raise ConfigError(f"data.on_leak: '{config.on_leak}'; expected refuse, drop or allow.")


def _older_store(out: Path) -> Store | None:
    """The complete store at `out`; None where there is none, or it cannot be used."""
    try:
        store = Store.open(out)
    except StoreError:
        return None
    return store if {"recipe", "inputs"} <= set(store.manifest) else None


@contextmanager
def _replacing(out: Path) -> Iterator[Path]:
    """A folder that takes the place of `out` if all goes well, and vanishes if not."""
    partial = out.with_name(out.name + ".partial")
    previous = out.with_name(out.name + ".previous")
    _make_folder(out, partial)
    try:
        yield partial
        for path in (*partial.iterdir(), partial):
            _to_disk(path)
        shutil.rmtree(previous, ignore_errors=True)
        if out.exists():
            out.rename(previous)
        partial.rename(out)
        shutil.rmtree(previous, ignore_errors=True)
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        raise RunError(
            f"{out}: the disk is full ({error.strerror}); nothing was kept. Make room (a store takes one byte a base, "
            "an eighth of a byte for each window and track, and four for each base and column of counts), or name a "
            "folder on another disk."
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _make_folder(out: Path, partial: Path) -> None:
    try:
        if out.exists() and not (out.is_dir() and (not any(out.iterdir()) or (out / MANIFEST).exists())):
            raise StoreError(
                f"{out}: there is something else here than a store; expected an empty folder, a store, or nothing. "
                "Name another folder."
            )
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
    except OSError as error:
        raise StoreError(
            f"{out}: the store cannot be written here ({error.strerror}); expected a folder that you may write to. "
            "Name another folder, or change its permissions."
        ) from error


def _to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
