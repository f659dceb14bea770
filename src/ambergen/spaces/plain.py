"""Spaces as plain data, and the checks that their numbers share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from difflib import get_close_matches
from typing import Any, TypeVar

from ambergen.errors import SpaceError

S = TypeVar("S")


def from_plain(kind: type[S], record: Mapping[str, Any]) -> S:
    """The dataclass `kind` from plain data, in which tuples are lists.

    Raises
    ------
    SpaceError
        If a key is unknown or a value impossible.
    """
    known = {f.name for f in fields(kind)}  # type: ignore[arg-type]
    for key in record:
        if key not in known:
            near = get_close_matches(key, known, n=1)
            raise SpaceError(
                f"space: unknown key {key!r}."
                + (f" Did you mean {near[0]!r}?" if near else f" Known: {', '.join(sorted(known))}.")
            )
    return kind(**{key: _tuples(value) for key, value in record.items()})


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list | tuple) else value


def to_plain(record: Mapping[str, Any]) -> dict[str, Any]:
    """Values of a dataclass with lists in place of tuples."""
    return {key: _lists(value) for key, value in record.items()}


def _lists(value: Any) -> Any:
    return list(map(_lists, value)) if isinstance(value, list | tuple) else value


def check_numbers(space: object, counts: tuple[str, ...], shares: tuple[str, ...]) -> None:
    """Raise SpaceError where a count is below one or a share not from 0 to below 1."""
    for name in counts:
        if getattr(space, name) < 1:
            raise SpaceError(f"space: {name} is {getattr(space, name)}; expected at least 1.")
    for name in shares:
        if not 0 <= getattr(space, name) < 1:
            raise SpaceError(f"space: {name} is {getattr(space, name)}; expected a share from 0 to below 1.")


def check_words(space: object, allowed: Mapping[str, tuple[str, ...]]) -> None:
    """Raise SpaceError where a value is none of those allowed."""
    for name, words in allowed.items():
        if getattr(space, name) not in words:
            raise SpaceError(f"space: {name} is {getattr(space, name)!r}; expected one of {', '.join(words)}.")
