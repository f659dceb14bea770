"""Executors by name."""

from __future__ import annotations

import sys

import pytest

from ambergen.errors import ConfigError
from ambergen.executors.base import cores
from ambergen.executors.engines import ENGINES, make_executor
from ambergen.executors.inline import InlineExecutor
from ambergen.executors.processes import ProcessExecutor
from ambergen.executors.ray import RayConfig


def test_make_executor__knows_the_engines() -> None:
    assert ENGINES == ("inline", "processes", "ray")
    for engine, kind in (("inline", InlineExecutor), ("processes", ProcessExecutor)):
        with make_executor(engine, 1) as executor:
            assert isinstance(executor, kind)
            assert executor.workers == 1


def test_make_executor__takes_all_cores_where_no_number_is_named() -> None:
    with make_executor("inline", None) as inline, make_executor("processes", None) as processes:
        assert inline.workers == 1
        assert processes.workers == cores()


def test_make_executor__says_how_to_get_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ConfigError, match=r"Ray is not installed .* pip install 'ambergen\[ray\]'.* `processes`"):
        make_executor("ray", 2, RayConfig("10.0.0.1:6379"))


@pytest.mark.parametrize(
    ("engine", "workers", "message"),
    [
        ("threads", 2, r"execute.engine is 'threads'; expected one of inline, processes, ray"),
        ("inline", 2, r"execute.workers is 2; expected 1: this process is the worker .* take the engine `processes`"),
        ("processes", 0, r"execute.workers is 0; expected at least 1"),
    ],
)
def test_make_executor__says_what_is_wrong(engine: str, workers: int, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make_executor(engine, workers)
