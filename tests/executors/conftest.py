"""The executor that a module's tests share, from the module's own fixture `make`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ambergen.executors.base import Executor
from tests.conformance.executors import MakeExecutor


@pytest.fixture(scope="module")
def executor(make: MakeExecutor) -> Iterator[Executor]:
    """For the tests that leave it open: what one job does must not matter to the next."""
    with make() as executor:
        yield executor
