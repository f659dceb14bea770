"""Environment variables for processes that are started from here."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Collection, Iterator, Mapping

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
_lock = threading.Lock()


def thread_variables(threads: int) -> dict[str, str]:
    """What the libraries of arithmetic read when they are imported, so it has to be there when a process begins."""
    return dict.fromkeys(_THREAD_VARIABLES, str(threads))


@contextlib.contextmanager
def environment(variables: Mapping[str, str], restored: Collection[str] = ()) -> Iterator[None]:
    """The variables of this process, and so of one started meanwhile, for the length of a `with` block.

    restored : names of others that become what they were, whatever happens to them in the block
    """
    with _lock:
        before = {name: os.environ.get(name) for name in (*variables, *restored)}
        os.environ.update(variables)
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value
