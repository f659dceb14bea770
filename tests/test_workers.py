from __future__ import annotations

import pytest

from ambergen.config import ExecuteConfig
from ambergen.errors import ConfigError
from ambergen.executors.base import cores
from ambergen.executors.inline import InlineExecutor
from ambergen.executors.processes import ProcessExecutor
from ambergen.training.precision import default_device
from ambergen.workers import n_workers, open_executor


def test_n_workers__is_as_asked_for_or_one_a_core() -> None:
    assert n_workers(ExecuteConfig(1, "inline")) == n_workers(ExecuteConfig(engine="inline")) == 1
    assert n_workers(ExecuteConfig(workers=3)) == 3
    assert n_workers(ExecuteConfig()) == (cores() if default_device().type == "cpu" else 1)


def test_open_executor__is_of_the_engine_that_is_asked_for() -> None:
    with open_executor(ExecuteConfig(2)) as processes, open_executor(ExecuteConfig(engine="inline")) as inline:
        assert isinstance(processes, ProcessExecutor)
        assert isinstance(inline, InlineExecutor)
        assert (processes.workers, inline.workers) == (2, 1)
    with pytest.raises(ConfigError, match=r"execute.workers is 2; expected 1: this process is the worker"):
        open_executor(ExecuteConfig(2, "inline"))
