"""What the bundled table says; its README tells how it was made."""

from __future__ import annotations

import re
from importlib import resources

import numpy as np
import pytest

from ambergen.evaluators.tabular import Table, three_layers
from ambergen.metrics.comparison import variance_components


@pytest.fixture(scope="module")
def table() -> Table:
    return three_layers()


def test_table__is_complete_and_small(table: Table) -> None:
    assert table.auroc.shape == (343, 3, 9)
    assert 0.5 < table.auroc[:, :, -1].min() < table.auroc.max() < 1
    assert (table.seconds > 0).all()
    path = resources.files("ambergen.evaluators").joinpath("tabular_data", "three_layers.npz")
    assert len(path.read_bytes()) < 5_000_000


def test_table__says_how_it_was_made_without_paths(table: Table) -> None:
    assert {"store", "train", "tracks", "windows", "versions", "machine"} <= set(table.facts)
    assert not re.search(r"['\" ]/\w", str(table.facts))


@pytest.mark.parametrize("name", ["auroc", "average_precision", "selection_auroc"])
def test_table__architectures_differ_more_than_seeds(table: Table, name: str) -> None:
    last = getattr(table, name)[:, :, -1].astype(float)
    parts = variance_components(last.ravel(), np.repeat(np.arange(343), 3).astype(str).tolist())
    assert parts.architecture_sd > 2 * parts.seed_sd
