from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from ambergen.errors import FileFormatError
from ambergen.io.frequencies import frequency_chromosomes, read_frequencies

TABLE = " CHR SNP A1 A2 MAF NCHROBS\n 1 rs1 A G 0.3 978\n 1 rs2 A G NA 0\n"


def test_read_frequencies__of_each_chromosome_plain_and_packed(tmp_path: Path) -> None:
    (tmp_path / "panel.1.frq").write_text(TABLE)
    (tmp_path / "panel.10.frq.gz").write_bytes(gzip.compress(TABLE.replace("MAF", "FRQ").encode()))
    for prefix in (tmp_path / "panel.@", tmp_path / "panel."):
        assert frequency_chromosomes(prefix) == ["1", "10"]
        for chromosome in ("1", "10"):
            found = read_frequencies(prefix, chromosome)
            assert found.id.tolist() == ["rs1", "rs2"]
            assert found.frequency[0] == 0.3
            assert np.isnan(found.frequency[1])
    assert len(read_frequencies(tmp_path / "panel.1.frq", "")) == 2


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (TABLE.replace("MAF", "F"), r"line 1: the columns are CHR, SNP, A1, A2, F, NCHROBS; expected SNP, and MAF"),
        (TABLE.replace("0.3", "30"), r"line 2: MAF is 30; a frequency lies between 0 and 1"),
        (TABLE.replace("0.3", "x"), r"line 2: MAF is 'x'; expected a number"),
    ],
)
def test_read_frequencies__refuses(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "panel.frq").write_text(text)
    with pytest.raises(FileFormatError, match=words):
        read_frequencies(tmp_path / "panel", "")
