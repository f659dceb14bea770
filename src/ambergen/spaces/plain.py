"""Spaces and their points as plain data, and the checks that their numbers share."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields
from difflib import get_close_matches
from typing import Any, TypeVar

from ambergen.errors import SpaceError

S = TypeVar("S")


def from_plain(kind: type[S], record: Mapping[str, Any]) -> S:
    """The dataclass `kind` from plain data, in which tuples are lists; the key ``kind`` is left out.

    Raises
    ------
    SpaceError
        If a key is unknown or a value impossible.
    """
    known = {f.name for f in fields(kind)}  # type: ignore[arg-type]
    given = {key: value for key, value in record.items() if key != "kind"}
    for key in given:
        if key not in known:
            near = get_close_matches(key, known, n=1)
            raise SpaceError(
                f"space: unknown key {key!r}."
                + (f" Did you mean {near[0]!r}?" if near else f" Known: {', '.join(sorted(known))}.")
            )
    return kind(**{key: _tuples(value) for key, value in given.items()})


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list | tuple) else value


def to_plain(space: Any) -> dict[str, Any]:
    """Values of a dataclass with lists in place of tuples; `plugins` stands there where not empty."""
    return {key: _lists(value) for key, value in asdict(space).items() if value or key != "plugins"}


def _lists(value: Any) -> Any:
    return list(map(_lists, value)) if isinstance(value, list | tuple) else value


def read_point(source: str | dict[str, Any], name: str, build: Callable[[dict[str, Any]], S], example: str) -> S:
    """A point of a space from its JSON, or from the dictionary that this stands for.

    Parameters
    ----------
    name, example : of such a point, for the message

    Raises
    ------
    SpaceError
        If it is none.
    """
    try:
        return build(json.loads(source) if isinstance(source, str) else source)
    except (ValueError, TypeError, KeyError) as error:
        raise SpaceError(
            f"{name}: {str(source)[:80]!r} is not {'an' if name[0] in 'aeiou' else 'a'} {name} "
            f"({type(error).__name__}: {error}); expected JSON like {example}."
        ) from error


def stage_widths(width: int, n_stages: int) -> tuple[int, ...]:
    """Channels by stage: every reduction doubles them."""
    return tuple(width * 2**stage for stage in range(n_stages))


def stage_lengths(length: int, n_stages: int) -> tuple[int, ...]:
    """Positions by stage: every reduction leaves a quarter, and SAME padding rounds up."""
    out = [length]
    for _ in range(n_stages - 1):
        out.append(-(-out[-1] // 4))
    return tuple(out)


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
