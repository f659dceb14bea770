"""One seed, named child generators: all randomness is a function of (seed, purpose, counter).

Nothing keeps the state of a generator between steps, so a run that is continued draws what an uninterrupted one draws.
"""

from __future__ import annotations

import hashlib

import numpy as np


def derive(seed: int, *names: str | int) -> int:
    """A seed below 2**63 for the purpose that `names` spell out, independent of every other purpose.

    Parameters
    ----------
    seed : the user's seed
    names : purpose and counters, for example ``("supernet", 12)``
    """
    text = "/".join([str(seed), *map(str, names)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def generator(seed: int, *names: str | int) -> np.random.Generator:
    """A NumPy generator for one purpose; see `derive`."""
    return np.random.default_rng(derive(seed, *names))
