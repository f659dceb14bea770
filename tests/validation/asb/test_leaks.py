"""Sites that a model was trained near are told from those that it never saw."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ambergen.datasets.store import Store
from ambergen.errors import InputError
from ambergen.validation.asb.leaks import DEEPSEA_HELD_OUT, inside, leak_flags


def sites(*places: tuple[str, int]) -> pd.DataFrame:
    return pd.DataFrame(places, columns=["chrom", "pos"]).assign(ref="A", alt="G")


def test_leak_flags__name_the_split_of_each_site(small_store: Store) -> None:
    found = leak_flags(
        sites(("train", 500), ("search", 500), ("selection", 500), ("test", 500), ("elsewhere", 500)), small_store
    )
    assert found.tolist() == ["train", "train", "selection", "test", ""]


def test_leak_flags__of_held_out_contigs_are_of_the_windows(small_store: Store) -> None:
    windows = small_store.windows(small_store.indices("test"))
    first, last = int(windows.start.min()), int(windows.end.max())
    found = leak_flags(sites(("test", first + 1), ("test", last), ("test", last + 1)), small_store)
    assert found.tolist() == ["test", "test", ""]
    covered = [bool(((windows.start < p) & (p <= windows.end)).any()) for p in range(1, last + 40, 7)]
    flags = leak_flags(sites(*(("test", p) for p in range(1, last + 40, 7))), small_store)
    assert (flags == np.where(covered, "test", "")).all()


def test_inside__regions_count_from_1_and_hold_their_ends() -> None:
    table = sites(("7", 30_508_750), ("7", 30_508_751), ("7", 35_296_850), ("7", 35_296_851), ("8", 1), ("1", 1))
    assert inside(table, DEEPSEA_HELD_OUT).tolist() == [False, True, True, False, True, False]


@pytest.mark.parametrize("region", ["chr1:5", "chr1:9-5", "chr1:a-b"])
def test_inside__refuses_what_is_no_region(region: str) -> None:
    with pytest.raises(InputError, match="is no region; expected a contig, or CONTIG:START-END"):
        inside(sites(("chr1", 1)), [region])
