"""Named search spaces."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from typing import Any

from ambergen.errors import SpaceError
from ambergen.spaces.hierarchical_space import HierarchicalSpace
from ambergen.spaces.space import Space


def amber(width: int = 32, **overrides: Any) -> Space:
    """The published space of AMBER-Seq: 12 layers x 7 operations, 66 skip connections, project then pool."""
    return Space.from_dict({"width": width, **overrides})


def compact(width: int = 32, **overrides: Any) -> Space:
    """A smaller space for short windows and small data sets; docs/measurements.md has what it was chosen by.

    Six layers, one reduction in the middle, skip connections within a stage, pooling before the width change, an
    average over positions before a small dense layer, little dropout.
    """
    settings: dict[str, Any] = {
        "layers": 6,
        "width": width,
        "reduce": (2,),
        "skips": "stage",
        "pool_first": True,
        "head": "gap",
        "hidden": 64,
        "dropout": 0.05,
        "head_dropout": 0.1,
    }
    return Space.from_dict({**settings, **overrides})


def hierarchical(width: int = 32, **overrides: Any) -> HierarchicalSpace:
    """Six motifs of four nodes in a cell of five, in three stages: the levels of Liu et al. (ICLR 2018)."""
    return HierarchicalSpace.from_dict({"width": width, **overrides})


PRESETS: dict[str, Callable[..., Space | HierarchicalSpace]] = {
    "amber": amber,
    "compact": compact,
    "hierarchical": hierarchical,
}


def preset(name: str, **overrides: Any) -> Space | HierarchicalSpace:
    """The preset called `name`, with some of its values replaced.

    Raises
    ------
    SpaceError
        If there is no such preset, or a value is impossible.
    """
    if name not in PRESETS:
        near = get_close_matches(name, PRESETS, n=1)
        raise SpaceError(
            f"space: {name!r} is not a preset; expected one of {', '.join(PRESETS)}."
            + (f" Did you mean {near[0]!r}?" if near else "")
        )
    return PRESETS[name](**overrides)
