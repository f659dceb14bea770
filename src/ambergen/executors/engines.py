"""Executors by the names that a run file uses."""

from __future__ import annotations

from ambergen.errors import ConfigError
from ambergen.executors.base import Executor, cores
from ambergen.executors.inline import InlineExecutor
from ambergen.executors.processes import ProcessExecutor
from ambergen.executors.ray import RayConfig, RayExecutor

ENGINES = ("inline", "processes", "ray")


def make_executor(engine: str, workers: int | None, ray: RayConfig | None = None) -> Executor:
    """An executor to open with `with`.

    Parameters
    ----------
    engine : ``inline`` (this process), ``processes`` (worker processes of this machine) or ``ray`` (those of a cluster)
    workers : jobs at a time; `inline` has one. None: one a core, or what the cluster has room for
    ray : the cluster of the engine ``ray``; None: a Ray of this machine alone

    Raises
    ------
    ConfigError
        If the engine is unknown or not installed, the number of workers impossible for it, or the cluster absent.
    """
    if engine not in ENGINES:
        raise ConfigError(f"execute.engine is {engine!r}; expected one of {', '.join(ENGINES)}.")
    if workers is not None and (workers < 1 or (engine == "inline" and workers > 1)):
        expected = "1: this process is the worker" if engine == "inline" else "at least 1"
        raise ConfigError(
            f"execute.workers is {workers}; expected {expected} with the engine {engine}. "
            "Change the number, or take the engine `processes`."
        )
    if engine == "ray":
        return RayExecutor(ray, workers)
    return InlineExecutor() if engine == "inline" else ProcessExecutor(workers or cores())
