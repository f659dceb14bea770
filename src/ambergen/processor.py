"""What is set for the processor before NumPy and torch load; it cannot be changed afterwards."""

from __future__ import annotations

import os
from collections.abc import MutableMapping
from importlib.metadata import version
from pathlib import Path

_CPUINFO = Path("/proc/cpuinfo")


def prepare(environment: MutableMapping[str, str] = os.environ, cpuinfo: Path = _CPUINFO) -> None:
    """Set what suits this processor, where the user has set nothing.

    Threads that wait by spinning bring a machine to a halt that others use as well, so they sleep. On AMD Zen 4 NumPy
    sorts, and so measures AUROC, two to three times faster without AVX-512, whose compressed stores are slow there.
    """
    environment.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if cpuinfo.exists() and _is_zen4(cpuinfo.read_text(encoding="utf-8", errors="replace")):
        release = tuple(int(part) for part in version("numpy").split(".")[:2])
        feature = "X86_V4" if release >= (2, 4) else "AVX512_SKX"
        environment.setdefault("NPY_DISABLE_CPU_FEATURES", feature)


def _is_zen4(cpuinfo: str) -> bool:
    first = cpuinfo.split("\n\n", 1)[0]
    facts = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in first.splitlines())}
    # Family 25 is Zen 3, which has no AVX-512, and Zen 4.
    is_family = facts.get("vendor_id") == "AuthenticAMD" and facts.get("cpu family") == "25"
    return is_family and "avx512f" in facts.get("flags", "").split()
