"""Where tracks come from: models, files of effects or files of annotations, sorted into arms."""

from __future__ import annotations

import glob
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ambergen.effects.files import ending
from ambergen.errors import InputError

DEFAULT_ARM = "model"
Kind = Literal["model", "effects", "annotation"]
_EFFECT_ENDINGS = (".tsv", ".tsv.gz", ".parquet", ".h5", ".hdf5")
_NOT_IN_NAMES = re.compile(r"[^0-9A-Za-z._+-]+")
_SEED = re.compile(r"seed\d+")


@dataclass(frozen=True)
class TrackSource:
    """One model, or what stands for it.

    arm : a group of models that are compared with another group
    model : a name for it, one of its kind in the arm
    kind : a folder of a `model`, a file of `effects`, or an `annotation` (.annot files, intervals)
    """

    arm: str
    model: str
    path: Path
    kind: Kind

    @property
    def place(self) -> str:
        """Its folder among the results."""
        return f"{self.arm}/{self.model}"


def find_sources(models: Sequence[str], arms: Sequence[str] = ()) -> list[TrackSource]:
    """The sources that are asked for.

    Parameters
    ----------
    models : paths of the arm `model`
    arms : ``NAME=PATH``; a path may be a pattern (``*``), or several joined by commas

    Raises
    ------
    InputError
        If there is none, a path or pattern fits nothing, an arm has no name, or two models of an arm have one name.
    """
    sources = [_source(DEFAULT_ARM, path) for text in models for path in _paths(text)]
    for text in arms:
        name, sign, rest = text.partition("=")
        if not sign or not name or not rest or _NOT_IN_NAMES.search(name):
            raise InputError(
                f"--arm {text}: expected NAME=PATH, such as searched=models/a, with a name of letters and digits."
            )
        sources += [_source(name, path) for path in _paths(rest)]
    if not sources:
        raise InputError(
            "tracks: no model is given; expected --model PATH, or --arm NAME=PATH for each group of models. A path is "
            "the folder of a model, a file of `ambergen effects`, or .annot files."
        )
    for source in sources:
        same = [other for other in sources if other.place == source.place]
        if len(same) > 1:
            raise InputError(
                f"{same[0].path} and {same[1].path}: both are called {source.model} in the arm {source.arm}; expected "
                "a name for each model, that of its folder or file. Rename one, or leave it out."
            )
    return sources


def _paths(text: str) -> list[Path]:
    found: list[Path] = []
    for one in text.split(","):
        is_pattern = any(sign in one for sign in "*?[")
        fitting = sorted(glob.glob(one)) if is_pattern else [one]
        if not fitting:
            raise InputError(f"{one}: no file or folder fits this pattern. Check the path.")
        found += [Path(path) for path in fitting]
    return found


def _source(arm: str, path: Path) -> TrackSource:
    if path.is_dir():
        # The seeds of all architectures have the same names.
        name = f"{path.resolve().parent.name}-{path.name}" if _SEED.fullmatch(path.name) else path.resolve().name
        return TrackSource(arm, _clean(name), path, "model")
    kind: Kind = "effects" if ending(path) in _EFFECT_ENDINGS and "@" not in path.name else "annotation"
    name = path.name.replace("@", "")
    for end in (".gz", ".bgz", ".annot", ".effects.parquet", *_EFFECT_ENDINGS, ".bed", ".narrowPeak"):
        name = name.removesuffix(end)
    return TrackSource(arm, _clean(name.strip(".")) or "annotation", path, kind)


def _clean(name: str) -> str:
    return _NOT_IN_NAMES.sub("_", name)
