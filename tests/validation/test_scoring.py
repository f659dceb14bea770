from __future__ import annotations

from pathlib import Path

import numpy as np

from ambergen.datasets.store import Store
from ambergen.validation.scoring import blocks
from tests.baselines.test_kmer import write_table


def test_blocks__are_stretches_of_one_contig(small_store: Store) -> None:
    indices = np.arange(small_store.n_windows)
    found, windows = blocks(small_store, indices), small_store.windows(indices)
    assert set(found) == set(range(found.max() + 1))
    for block in range(found.max() + 1):
        rows = np.flatnonzero(found == block)
        assert len(set(windows.contig[rows])) == 1
        assert (np.diff(rows) == 1).all()
        # Long against a window, so that windows of two blocks seldom overlap.
        assert windows.start[rows[-1]] - windows.start[rows[0]] < 10 * small_store.length


def test_blocks__every_row_of_a_table_is_its_own(tmp_path: Path) -> None:
    store = write_table(tmp_path, masked=False)
    found = blocks(store, store.indices("test"))
    assert len(set(found)) == len(found)
