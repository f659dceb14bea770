"""Executors by name."""

from __future__ import annotations

import pytest

from ambergen.errors import ConfigError
from ambergen.executors.engines import ENGINES, make_executor
from ambergen.executors.inline import InlineExecutor
from ambergen.executors.processes import ProcessExecutor


def test_make_executor__knows_the_engines() -> None:
    for engine, kind in zip(ENGINES, (InlineExecutor, ProcessExecutor), strict=True):
        with make_executor(engine, 1) as executor:
            assert isinstance(executor, kind)
            assert executor.workers == 1


@pytest.mark.parametrize(
    ("engine", "workers", "message"),
    [
        ("threads", 2, r"execute.engine is 'threads'; expected one of inline, processes"),
        ("inline", 2, r"execute.workers is 2; expected 1: this process is the worker .* take the engine `processes`"),
        ("processes", 0, r"execute.workers is 0; expected at least 1"),
    ],
)
def test_make_executor__says_what_is_wrong(engine: str, workers: int, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make_executor(engine, workers)
