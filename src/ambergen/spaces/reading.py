"""From plain data, as run files and saved models hold it, to the search space."""

from __future__ import annotations

from typing import Any

from ambergen.errors import SpaceError
from ambergen.spaces.base import SearchSpace
from ambergen.spaces.hierarchical_space import HierarchicalSpace
from ambergen.spaces.space import Space


def space_from_dict(record: dict[str, Any]) -> SearchSpace:
    """The space that `to_dict` wrote; without a ``kind`` it is the macro space.

    Raises
    ------
    SpaceError
        If the kind or a key is unknown, or a value impossible.
    """
    kind = record.get("kind", "macro")
    if kind == "hierarchical":
        return HierarchicalSpace.from_dict(record)
    if kind != "macro":
        raise SpaceError(f"space: {kind!r} is not a kind of search space; expected macro or hierarchical.")
    return Space.from_dict(record)
