"""Results as JSON can hold them, which has no nan."""

from __future__ import annotations

import math
from typing import Any


def plain(value: Any) -> Any:
    """Lists and dicts of what JSON can hold: nan and infinity become null."""
    if isinstance(value, dict):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    return number(value) if isinstance(value, float) else value


def number(value: float) -> float | None:
    """The value, or None where there is none."""
    return float(value) if math.isfinite(value) else None
