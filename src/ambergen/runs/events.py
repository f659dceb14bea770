"""The event log: append-only, one JSON object a line, one writer.

A kill in the middle of a write leaves a torn last line, which the next opening removes. A continued run repeats the
events since its last checkpoint; `append` knows them by their key and keeps the first version, so nothing is doubled.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ambergen.errors import StoreError

_KEYS = {"step": ("step",), "trial": ("trial", "rung"), "finalist": ("id",), "audited": ("id", "training_seed")}
"""What tells an event from others of its kind in the same search."""


class EventLog:
    """Events of a run directory, in the order in which they were first written."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        _heal(path)
        self._known = {_key(event): event for event in read_events(path)}

    def append(self, event: dict[str, Any]) -> dict[str, Any]:
        """Write `event` and flush it to disk; an event that is known already is returned as it was first written."""
        known = self._known.get(_key(event))
        if known is not None:
            return known
        line = json.dumps(event, separators=(",", ":"), allow_nan=False)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
            file.flush()
            os.fsync(file.fileno())
        recorded = json.loads(line)
        self._known[_key(event)] = recorded
        return recorded

    def find(self, **fields: Any) -> list[dict[str, Any]]:
        """Events that have all these values."""
        return [e for e in self._known.values() if all(e.get(k) == v for k, v in fields.items())]


def read_events(path: Path) -> Iterator[dict[str, Any]]:
    """The whole events of a log; a torn last line is left out.

    Raises
    ------
    StoreError
        If a line other than the last is not an event.
    """
    if not path.exists():
        return
    with path.open(encoding="utf-8", errors="replace") as file:
        for number, line in enumerate(file, start=1):
            if not line.endswith("\n"):
                return
            try:
                event = json.loads(line)
                event["event"]
            except (ValueError, TypeError, KeyError) as error:
                raise StoreError(
                    f"{path}, line {number}: {line[:60].strip()!r} is not an event. The log is damaged; restore it "
                    "from a copy, or search into a new folder."
                ) from error
            yield event


def _heal(path: Path) -> None:
    """Cut a torn last line off."""
    if not path.exists():
        return
    content = path.read_bytes()
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        with path.open("r+b") as file:
            file.truncate(whole)


def _key(event: dict[str, Any]) -> tuple[Any, ...]:
    kind = event["event"]
    return kind, event.get("search"), *(event.get(k) for k in _KEYS.get(kind, ()))
