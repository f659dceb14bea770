"""Who does the jobs of a run: what `execute` asks for, as an executor on this machine or on a cluster."""

from __future__ import annotations

from ambergen.config import ExecuteConfig
from ambergen.executors.base import Executor, cores
from ambergen.executors.engines import make_executor
from ambergen.training.precision import default_device


def open_executor(execute: ExecuteConfig) -> Executor:
    """The executor that is asked for, to open with `with`."""
    workers = execute.workers if execute.engine == "ray" else n_workers(execute)
    return make_executor(execute.engine, workers, execute.ray)


def n_workers(execute: ExecuteConfig) -> int:
    """Jobs at a time here: as asked for, else one a core, or a single one where an accelerator does the work."""
    if execute.workers is not None:
        return execute.workers
    return 1 if execute.engine == "inline" or default_device().type != "cpu" else cores()
