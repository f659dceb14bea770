"""What the columns of counts are, and who takes whose place on the other strand."""

from __future__ import annotations

import numpy as np

from ambergen.datasets.counts import CountLayout, windows_of

LAYOUT = CountLayout(("a", "b"), (0, 1, 1), (".", "+", "-"), 20, 4)


def test_layout__names_its_columns_and_their_partners() -> None:
    assert LAYOUT.columns == ("a", "b+", "b-")
    assert LAYOUT.reverse_partner.tolist() == [0, 2, 1]
    assert LAYOUT.n_columns == 3


def test_layout__goes_through_json() -> None:
    assert CountLayout.from_dict(LAYOUT.to_dict()) == LAYOUT


def test_totals__add_the_strands_of_a_track() -> None:
    columns = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    np.testing.assert_array_equal(LAYOUT.totals(columns), [[1, 5], [4, 11]])


def test_windows_of__cuts_them_out_of_the_line() -> None:
    line = np.arange(30, dtype=np.float32).reshape(10, 3)
    found = windows_of(line, np.array([0, 4, 6]), 4)
    assert found.shape == (3, 3, 4)
    np.testing.assert_array_equal(found[1], line[4:8].T)
