"""What a search strives for: one value a track from logits and labels, larger is better; ambergen's own or the user's.

An objective travels by its name. That of a user's function is ``my_metrics.py:name`` or ``module:name``; the function
takes scores, which are logits (the probability is 1 / (1 + exp(-score))), and labels, both (n_windows, n_tracks), and
gives (n_tracks,) values. It is looked up where it is needed, in worker processes too.
"""

from __future__ import annotations

import ast
import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ambergen.errors import ConfigError, InputError, MetricError
from ambergen.metrics.probabilistic import accuracy, brier, class_counts, log_likelihood, mcc
from ambergen.metrics.ranking import Ranking, auroc, average_precision, defined
from ambergen.own_code import absolute, import_code, told

_WHERE = "search: objective"


@dataclass(frozen=True)
class Scale:
    """What is known of the values of an objective.

    label : for axes and tables
    low, high : between which all values lie
    no_skill : value of scores that know nothing of the labels, from which areas under fronts count; None where unknown
    """

    label: str
    low: float = -math.inf
    high: float = math.inf
    no_skill: float | None = None


Function = Callable[..., NDArray[np.float64]]

_BUILT_IN: dict[str, tuple[Function, Scale]] = {
    "auroc": (auroc, Scale("AUROC", 0, 1, 0.5)),
    "average_precision": (average_precision, Scale("average precision", 0, 1, 0)),
    # of a probability of 0.5 for everything
    "log_likelihood": (log_likelihood, Scale("log likelihood (nats)", high=0, no_skill=-math.log(2))),
    "brier": (brier, Scale("Brier skill", high=1, no_skill=0)),
    "mcc": (mcc, Scale("MCC", -1, 1, 0)),
    "accuracy": (accuracy, Scale("accuracy", 0, 1, 0.5)),
}

BUILT_IN = tuple(_BUILT_IN)
"""Names of ambergen's own objectives."""

RANKINGS = ("auroc", "average_precision")
"""Those that a `Ranking` has."""


def scale(name: str) -> Scale:
    """What is known of the values of the objective `name`; little of a user's."""
    return _BUILT_IN[name][1] if name in _BUILT_IN else Scale(name.rpartition(":")[2])


def within_unit(name: str, value: float) -> float:
    """A value of the objective as a number from 0 to 1, in the same order.

    What lies there by itself stays as it is; the others become (1 + v / (1 + |v|)) / 2.
    """
    known = scale(name)
    return value if (known.low, known.high) == (0, 1) else 0.5 * (1 + value / (1 + abs(value)))


def resolved(name: str) -> str:
    """The name with the absolute path of a user's file, so that it is found from any folder.

    Raises
    ------
    ConfigError
        If it is neither a built-in objective nor a file or module with a function.
    """
    if name in _BUILT_IN:
        return name
    code, _, function = name.rpartition(":")
    if not code or not function.isidentifier():
        near = get_close_matches(name, BUILT_IN, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise ConfigError(
            f"{_WHERE} is {name!r}; expected {', '.join(BUILT_IN)}, or a function of yours as my_metrics.py:name or "
            f"module:name.{hint}"
        )
    return f"{absolute(code)}:{function}"


# ---- values


def objective_values(
    name: str,
    scores: NDArray[np.floating],
    labels: NDArray[np.uint8],
    known: NDArray[np.bool_] | None = None,
    ranked: Ranking | None = None,
) -> NDArray[np.float64]:
    """The objective of every track.

    Parameters
    ----------
    name : as `resolved` gives it
    scores : (n_windows, n_tracks), logits
    labels : (n_windows, n_tracks) of 0 and 1
    known : (n_windows, n_tracks), whether a label is known; None: all are
    ranked : ranking of these scores where it is at hand

    Returns
    -------
    (n_tracks,)
        nan where a track has a single class among its known labels.

    Raises
    ------
    MetricError
        If a user's function fails, or a track that counts (`ranking.defined`) has no finite value.

    Notes
    -----
    A user's function sees no unknown labels: it is called with the tracks whose windows are known alike, and only
    those windows; and it sees no tracks of a single class.
    """
    if ranked is not None and name in RANKINGS:
        return np.asarray(getattr(ranked, name))
    positives, negatives = class_counts(labels, known)
    if name in _BUILT_IN:
        values = _BUILT_IN[name][0](scores, labels, known)
    else:
        values = _own_values(name, scores, labels, known, np.minimum(positives, negatives) > 0)
    wrong = np.flatnonzero(defined(positives, negatives) & ~np.isfinite(values))
    if len(wrong):
        track = wrong[0]
        raise MetricError(
            f"objective {name}: its value for track {track} is {values[track]}, with {positives[track]} positive and "
            f"{negatives[track]} negative windows; expected a finite number. A training that diverged may be the cause."
        )
    return values


def _own_values(
    name: str,
    scores: NDArray[np.floating],
    labels: NDArray[np.uint8],
    known: NDArray[np.bool_] | None,
    both: NDArray[np.bool_],
) -> NDArray[np.float64]:
    values, tracks = np.full(scores.shape[1], np.nan), np.flatnonzero(both)
    if known is None or known.all():
        if len(tracks):
            values[tracks] = _called(name, scores[:, tracks], labels[:, tracks])
        return values
    patterns = np.packbits(known[:, tracks], axis=0).T
    _, which = np.unique(patterns, axis=0, return_inverse=True)
    for group in range(int(which.max(initial=-1)) + 1):
        alike = tracks[which.ravel() == group]
        rows = known[:, alike[0]]
        values[alike] = _called(name, scores[rows][:, alike], labels[rows][:, alike])
    return values


def _called(name: str, scores: NDArray[np.floating], labels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """What a user's function says.

    Raises
    ------
    MetricError
        If it raises, or gives anything but one number a track.
    """
    own = _own(name)
    arguments = scores.view(), labels.view()
    for array in arguments:
        array.flags.writeable = False  # all networks are measured with the same labels
    n_tracks, where = scores.shape[1], f"objective {name}"
    try:
        found: Any = own.function(*arguments)
        values = np.asarray(found)
    except Exception as error:  # whatever the user's code raises
        raise MetricError(
            f"{where} fails for scores of the shape {scores.shape}{told(error, own.file)}. Expected a function of "
            "scores and labels, both (n_windows, n_tracks), that changes neither of them."
        ) from error
    if values.dtype.kind not in "iuf":
        raise MetricError(
            f"{where} gives {_kind(found)}; expected (n_tracks,) numbers, an array of one value for each track."
        )
    if values.shape != (n_tracks,):
        raise MetricError(
            f"{where} gives values of the shape {values.shape} for scores of the shape {scores.shape}; expected "
            f"({n_tracks},), one value for each track. Take means over the windows alone (axis=0)."
        )
    return values.astype(np.float64)


def _kind(found: Any) -> str:
    dtype = getattr(found, "dtype", None)
    return f"a {type(found).__name__}" + ("" if dtype is None else f" of {dtype}")


# ---- functions of the user


@dataclass(frozen=True)
class _Own:
    """A user's function.

    file : that its module was read from, where there is one
    stamp : of that file, when it was read
    mark : of what the file says, comments and layout aside; None where there is none
    """

    function: Callable[..., Any]
    file: str | None
    stamp: tuple[int, int] | None
    mark: str | None


_LOADED: dict[str, _Own] = {}


def _own(name: str) -> _Own:
    if name not in _LOADED:
        _LOADED[name] = _load(name)
    return _LOADED[name]


def _load(name: str) -> _Own:
    code, _, attribute = name.rpartition(":")
    what = "Python code with the function of your objective"
    module = import_code(
        code, _WHERE, what, "Correct the path; in a run file it starts from the folder of that file.", ConfigError
    )
    file = getattr(module, "__file__", None)
    if not hasattr(module, attribute):
        there = [n for n, value in vars(module).items() if getattr(value, "__module__", None) == module.__name__]
        raise ConfigError(
            f"{_WHERE}: {code} has no {attribute!r}; expected a function of scores and labels. It has "
            f"{', '.join(there) or 'none'}."
        )
    function = getattr(module, attribute)
    if not callable(function):
        raise ConfigError(
            f"{_WHERE}: {attribute!r} of {code} is a {type(function).__name__}; expected a function of scores and "
            "labels."
        )
    if file is None or not file.endswith(".py"):
        return _Own(function, file, None, None)
    text = ast.unparse(ast.parse(Path(file).read_text(encoding="utf-8")))
    return _Own(function, file, _stamp(file), sha256(text.encode()).hexdigest()[:16])


def _stamp(file: str) -> tuple[int, int] | None:
    try:
        found = Path(file).stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def code_mark(name: str) -> str | None:
    """A mark of the code of a user's objective, which another code does not have; None for a built-in one."""
    return None if name in _BUILT_IN else _own(name).mark


def check_objective(name: str) -> None:
    """Load a user's function, anew where its file has changed, and try it on a small example.

    Raises
    ------
    ConfigError
        If it is not found, fails, gives anything but a finite number a track, or is better for worse scores.
    """
    if name in _BUILT_IN:
        return
    code = name.rpartition(":")[0]
    loaded = _LOADED.get(name)
    if loaded is not None and code.endswith(".py"):
        if loaded.stamp == _stamp(code):
            return
        del _LOADED[name]
    right, labels = _example()
    try:
        values = {
            n_tracks: [objective_values(name, sign * right[:, :n_tracks], labels[:, :n_tracks]) for sign in (1, -1)]
            for n_tracks in (1, 3)
        }
    except MetricError as error:
        _LOADED.pop(name, None)
        raise ConfigError(f"{_WHERE}: on a small example: {error}") from error
    good, bad = (float(np.mean(found)) for found in values[3])
    if good < bad:
        _LOADED.pop(name, None)
        raise ConfigError(
            f"{_WHERE}: {name} gives {good:.4g} for scores that are mostly right, and {bad:.4g} for the same scores "
            "with the other sign; expected larger values where scores are better. Return the negative of a loss."
        )


def _example() -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Logits (40, 3) of three tracks that are mostly right, and labels with both classes in each."""
    rng = np.random.default_rng(0)
    labels = (rng.permuted(np.tile(np.arange(40)[:, None], 3), axis=0) < [20, 12, 16]).astype(np.uint8)
    logits = np.where(labels == 1, 1.5, -1.5) + rng.normal(0, 1.2, labels.shape)
    return logits.astype(np.float32), labels


def no_skill_value(name: str, labels: NDArray[np.uint8], known: NDArray[np.bool_] | None) -> float | None:
    """Mean of a user's objective where every logit is 0, so that no window is told from another; None without one.

    Parameters
    ----------
    labels, known : (n_windows, n_tracks), as for `objective_values`
    """
    labels, counted = np.asarray(labels), defined(*class_counts(labels, known))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a correlation, say, has no value for equal scores
            values = objective_values(name, np.zeros(labels.shape, np.float32), labels, known)
    except InputError:
        return None
    return float(values[counted].mean()) if counted.any() else None
