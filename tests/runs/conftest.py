"""Searches of these tests run on the processor, where the same work gives the same bits."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from ambergen.runs import loop
from ambergen.training import jobs


@pytest.fixture(scope="package", autouse=True)
def on_the_processor() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for module in (loop, jobs):
            patch.setattr(module, "default_device", lambda: torch.device("cpu"))
        yield
