"""An architecture: one point of a search space."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ambergen.errors import SpaceError
from ambergen.spaces.plain import read_point

STEM = -1
"""The stem among the sources of skip connections: it stands before layer 0."""


def source_name(source: int) -> str:
    """A source of skip connections in a word: the number of a layer, or "stem"."""
    return "stem" if source == STEM else str(source)


@dataclass(frozen=True)
class Architecture:
    """Operations by layer, and for every layer the earlier outputs that are added to its own.

    operations : one operation name a layer
    skips : for layer i the ascending sources: layers j < i, or -1 for the stem; empty for layer 0, which follows it
    """

    operations: tuple[str, ...]
    skips: tuple[tuple[int, ...], ...]

    def __post_init__(self) -> None:
        if len(self.operations) != len(self.skips):
            raise SpaceError(
                f"architecture: {len(self.operations)} operations but {len(self.skips)} lists of skip connections; "
                "expected one list a layer, an empty one where there is no skip connection."
            )
        for layer, sources in enumerate(self.skips):
            lowest = STEM if layer else 0
            if list(sources) != sorted(set(sources)) or any(not lowest <= j < layer for j in sources):
                raise SpaceError(
                    f"architecture: layer {layer} has skip connections from {list(sources)}; expected ascending, "
                    f"distinct layers below {layer}{', or -1 for the stem' if layer else ''}."
                )

    @cached_property
    def id(self) -> str:
        """Ten hexadecimal digits that depend on the architecture alone."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()[:10]

    @property
    def n_skips(self) -> int:
        return sum(map(len, self.skips))

    def to_dict(self) -> dict[str, Any]:
        return {"operations": list(self.operations), "skips": [list(s) for s in self.skips]}

    def to_json(self) -> str:
        return json.dumps(self.to_dict(), separators=(",", ":"))

    @classmethod
    def from_json(cls, source: str | dict[str, Any]) -> Architecture:
        """From the text or the dictionary that `to_json` and `to_dict` give.

        Raises
        ------
        SpaceError
            If it is not such a text.
        """

        def build(record: dict[str, Any]) -> Architecture:
            return cls(tuple(map(str, record["operations"])), tuple(tuple(map(int, s)) for s in record["skips"]))

        return read_point(source, "architecture", build, '{"operations": ["conv8", "identity"], "skips": [[], [0]]}')
