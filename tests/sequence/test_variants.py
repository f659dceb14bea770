from __future__ import annotations

import pytest

from ambergen.sequence.variants import is_sequence


@pytest.mark.parametrize("allele", ["A", "acgT", "", "GATTACA"])
def test_is_sequence__known_bases_or_none(allele: str) -> None:
    assert is_sequence(allele)


@pytest.mark.parametrize(
    "allele", ["<DEL>", "*", ".", "N", "AR", "G]17:198982]", "]13:123456]T", ".A", " ", "-", "A\n", "1"]
)
def test_is_sequence__nothing_else(allele: str) -> None:
    assert not is_sequence(allele)
