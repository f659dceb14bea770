"""The dtype is probed once, and can be named."""

from __future__ import annotations

import pytest
import torch

from ambergen.training.precision import default_device, probe, resolve


def test_probe__gives_a_dtype_and_is_asked_once() -> None:
    probe.cache_clear()
    torch.manual_seed(0)
    before = torch.random.get_rng_state()
    first = probe("cpu")
    assert first in (torch.float32, torch.bfloat16)
    assert probe("cpu") == first
    assert (probe.cache_info().hits, probe.cache_info().misses) == (1, 1)
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize(("name", "dtype"), [("float32", torch.float32), ("bfloat16", torch.bfloat16)])
def test_resolve__takes_the_named_dtype_without_a_probe(name: str, dtype: torch.dtype) -> None:
    probe.cache_clear()
    assert resolve(name, torch.device("cpu")) == dtype
    assert probe.cache_info().misses == 0


def test_resolve__auto_is_the_probes_answer() -> None:
    assert resolve("auto", torch.device("cpu")) == probe("cpu")


def test_default_device__is_the_accelerator_where_there_is_one() -> None:
    assert default_device().type == ("cuda" if torch.cuda.is_available() else "cpu")
