"""Where a result comes from: what is needed to make it again, and what may explain a difference."""

from __future__ import annotations

import os
import platform
import sys
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from ambergen import __version__

PACKAGES = ("torch", "numpy", "scipy", "pandas", "scikit-learn")


def provenance(seed: int, device: str, dtype: str, threads: int, **facts: Any) -> dict[str, Any]:
    """A record for ``provenance.json``.

    Parameters
    ----------
    seed : the user's
    device : what trained, in words
    dtype : of the arithmetic
    threads : of one worker
    facts : further named values (store, config), kept as they are

    Returns
    -------
    Values that JSON can hold; ``made`` is the time of this call, UTC.
    """
    return {
        "seed": seed,
        "versions": {"ambergen": __version__, "python": platform.python_version(), **_installed()},
        "device": device,
        "dtype": dtype,
        "threads": threads,
        "processor": processor(),
        "cores": os.cpu_count(),
        "system": platform.platform(),
        "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        **facts,
    }


def processor() -> str:
    """Name of the processor as the system tells it."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _installed() -> dict[str, str]:
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return versions
