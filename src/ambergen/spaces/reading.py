"""From plain data, as run files and saved models hold it, to the search space."""

from __future__ import annotations

from typing import Any

from ambergen.errors import SpaceError
from ambergen.spaces.base import SearchSpace
from ambergen.spaces.space import Space


def space_from_dict(record: dict[str, Any]) -> SearchSpace:
    """The space that `to_dict` wrote; without a ``kind`` it is the macro space.

    Raises
    ------
    SpaceError
        If the kind or a key is unknown, or a value impossible.
    """
    values = dict(record)
    kind = values.pop("kind", "macro")
    if kind != "macro":
        raise SpaceError(f"space: {kind!r} is not a kind of search space; expected macro.")
    return Space.from_dict(values)
