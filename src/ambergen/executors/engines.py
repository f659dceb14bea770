"""Executors by the names that a run file uses."""

from __future__ import annotations

from ambergen.errors import ConfigError
from ambergen.executors.base import Executor
from ambergen.executors.inline import InlineExecutor
from ambergen.executors.processes import ProcessExecutor

ENGINES = ("inline", "processes")


def make_executor(engine: str, workers: int) -> Executor:
    """An executor to open with `with`.

    Parameters
    ----------
    engine : ``inline`` (this process) or ``processes`` (worker processes of this machine)
    workers : jobs at a time; `inline` has one

    Raises
    ------
    ConfigError
        If the engine is unknown, or the number of workers impossible for it.
    """
    if engine not in ENGINES:
        raise ConfigError(f"execute.engine is {engine!r}; expected one of {', '.join(ENGINES)}.")
    if workers < 1 or (engine == "inline" and workers > 1):
        expected = "1: this process is the worker" if engine == "inline" else "at least 1"
        raise ConfigError(
            f"execute.workers is {workers}; expected {expected} with the engine {engine}. "
            "Change the number, or take the engine `processes`."
        )
    return InlineExecutor() if engine == "inline" else ProcessExecutor(workers)
