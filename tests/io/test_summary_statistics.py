from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from ambergen.errors import FileFormatError
from ambergen.io.summary_statistics import SummaryStatistics, packed_statistics, read_summary_statistics

# As LDSC writes it with a list of variants: one of them is not in the study, and its cells are empty
TABLE = "SNP\tA1\tA2\tZ\tN\nrs1\tA\tG\t-1.5\t1000\nrs2\t\t\t\t\nrs3\tC\tT\t2.0\t900\nrs1\tA\tG\t9\t1000\n"


def write(tmp_path: Path, text: str) -> Path:
    (tmp_path / "trait.sumstats").write_text(text)
    return tmp_path / "trait.sumstats"


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("separator", ["\t", " "])
def test_read_summary_statistics__leaves_out_and_counts_incomplete_rows_and_copies(
    tmp_path: Path, packed: bool, separator: str
) -> None:
    path = write(tmp_path, TABLE.replace("\t", separator))
    if packed:
        path.write_bytes(gzip.compress(path.read_bytes()))
    statistics, summary = read_summary_statistics(path)
    assert statistics.id.tolist() == ["rs1", "rs3"]
    assert statistics.chi2.tolist() == [2.25, 4.0]
    assert statistics.n.tolist() == [1000, 900]
    assert statistics.first_allele is not None
    assert statistics.first_allele.tolist() == ["A", "C"]
    assert (summary.n_rows, summary.n_incomplete, summary.n_duplicates) == (4, 1, 1)


def test_read_summary_statistics__order_of_columns_is_free_and_alleles_need_not_be(tmp_path: Path) -> None:
    statistics, _ = read_summary_statistics(write(tmp_path, "N Z SNP P\n10 1 rs1 x\n"))
    assert statistics.z.tolist() == [1]
    assert statistics.first_allele is None


def test_packed_statistics__comes_back_as_it_was(tmp_path: Path) -> None:
    z = np.array([1 / 3, -40.123456789, 0.0])
    before = SummaryStatistics(np.array(["rs1", "rs2", "rs3"], object), z, np.array([5e5, 1.0, 2.0]), None, None)
    path = tmp_path / "trait.sumstats.gz"
    path.write_bytes(packed_statistics(before))
    after, _ = read_summary_statistics(path)
    assert after.z == pytest.approx(z, rel=1e-8)
    assert after.n.tolist() == [5e5, 1, 2]
    assert packed_statistics(before) == path.read_bytes()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (TABLE.replace("900", "-9"), r"trait.sumstats, line 4: N is -9; expected a positive number of individuals"),
        (TABLE.replace("2.0", "two"), r"line 4: Z is 'two'; expected a number, or NA"),
        (TABLE.replace("2.0", "inf"), r"line 4: Z is 'inf'; expected a finite number"),
        (TABLE.replace("Z", "CHISQ"), r"line 1: the columns are SNP, A1, A2, CHISQ, N; expected SNP, Z and N"),
        ("SNP Z N\nrs1 NA 5\n", r"no row has SNP, Z and N"),
    ],
)
def test_read_summary_statistics__refuses(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(FileFormatError, match=words):
        read_summary_statistics(write(tmp_path, text))
