"""What all tests share: one thread, no deadlines, a small store, and the way to the real data."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

os.environ.setdefault("OMP_NUM_THREADS", "1")  # read when NumPy and torch are imported

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from ambergen.datasets.store import Store

settings.register_profile("ambergen", deadline=None, max_examples=50)
settings.load_profile("ambergen")


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Keep torch to one thread, where a test has imported it."""
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


@pytest.fixture
def interrupts() -> Iterator[None]:
    """Ctrl-C reaches the test, also where the shell started it in the background, which ignores Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data, which is not part of this repository."""
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("AMBERGEN_DATA", default))
    if not folder.is_dir():
        pytest.skip(
            f"needs the real data: {folder} is absent; set AMBERGEN_DATA to the folder that has yeast/ and gue/"
        )
    return folder


@pytest.fixture(scope="session")
def small_store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """1,250 windows of a simulated genome with the motifs of three tracks; see `tests/simulated.py`."""
    from tests.simulated import build_store  # brings torch, which most tests do without

    return build_store(tmp_path_factory.mktemp("simulated"))


@pytest.fixture(scope="session")
def count_store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """About 1,250 windows of a simulated genome with the reads of three strands; see `tests/simulated_counts.py`."""
    pytest.importorskip("pybigtools", reason="pybigtools has no build for this Python")
    from tests.simulated_counts import build_count_store

    return build_count_store(tmp_path_factory.mktemp("counted"))
