"""Reasons of failed jobs: one short line, and lack of memory in plain words."""

from __future__ import annotations

import errno

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambergen.executors.base import reason

CUDA = "CUDA out of memory. Tried to allocate 20.00 MiB. GPU 0 has a total capacity of 10.75 GiB"
CPU = (
    "[enforce fail at alloc_cpu.cpp:124] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate 8"
)


@given(st.text(max_size=1000), st.sampled_from([ValueError, RuntimeError, MemoryError, OSError]))
def test_reason__is_one_line_of_at_most_300_characters(message: str, kind: type[Exception]) -> None:
    text = reason(kind(message))
    assert 0 < len(text) <= 300
    assert len(text.splitlines()) == 1


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (MemoryError(), "out of memory (MemoryError)"),
        (RuntimeError(CUDA), f"out of memory (RuntimeError: {CUDA})"),
        (RuntimeError(CPU), f"out of memory (RuntimeError: {CPU})"),
        (RuntimeError("std::bad_alloc"), "out of memory (RuntimeError: std::bad_alloc)"),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), "out of memory (OSError: [Errno 12] Cannot allocate memory)"),
        (OSError(errno.ENOENT, "No such file"), "FileNotFoundError: [Errno 2] No such file"),
        (RuntimeError("mat1 and mat2 cannot be multiplied"), "RuntimeError: mat1 and mat2 cannot be multiplied"),
        (ValueError("out of memory"), "ValueError: out of memory"),
    ],
)
def test_reason__names_memory_where_memory_was_short(error: Exception, words: str) -> None:
    assert reason(error) == words


def test_reason__of_a_long_message_keeps_that_it_was_memory() -> None:
    text = reason(MemoryError("x" * 1000))
    assert text.startswith("out of memory (MemoryError: x")
    assert text.endswith("…)")
    assert len(text) == 300
