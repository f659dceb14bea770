from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambergen.errors import FileFormatError
from ambergen.io.aliases import ContigAliases

ROMAN = ["I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII", "XIII", "XIV", "XV", "XVI"]
YEAST = [*ROMAN, "Mito"]
HUMAN = [*(f"chr{number}" for number in range(1, 23)), "chrX", "chrY", "chrM"]
WORM = ["I", "II", "III", "IV", "V", "X", "MtDNA"]


def table(tmp_path: Path, *rows: str) -> Path:
    path = tmp_path / "alias.tsv"
    path.write_text("\n".join(rows) + "\n")
    return path


@given(st.lists(st.text("chrXIV12M_.", min_size=1, max_size=6), min_size=1, unique=True))
def test_resolve__the_genomes_own_names_stand(contigs: list[str]) -> None:
    aliases = ContigAliases(contigs)
    assert [aliases.resolve(contig) for contig in contigs] == contigs


@pytest.mark.parametrize(
    ("contigs", "name", "expected"),
    [
        (HUMAN, "1", "chr1"),
        (HUMAN, "Chr1", "chr1"),
        (HUMAN, "X", "chrX"),
        (HUMAN, "10", "chr10"),
        (HUMAN, "MT", "chrM"),
        (HUMAN, "I", None),
        (HUMAN, "chrIV", None),
        (HUMAN, "23", None),
        (YEAST, "chr1", "I"),
        (YEAST, "chrI", "I"),
        (YEAST, "1", "I"),
        (YEAST, "chrX", "X"),
        (YEAST, "X", "X"),
        (YEAST, "10", "X"),
        (YEAST, "chr16", "XVI"),
        (YEAST, "17", None),
        (YEAST, "chrM", "Mito"),
        (YEAST, "mitochondrion", "Mito"),
        (WORM, "chrX", "X"),
        (WORM, "10", None),
        (WORM, "chr5", "V"),
        (WORM, "chrM", "MtDNA"),
        (["1", "2", "X"], "chrX", "X"),
        (["1", "2", "X"], "chr10", None),
        (["chrII", "chrX"], "10", None),
        (["chrII", "chrX", "chrXI"], "10", "chrX"),
        (["scaffold_1"], "chr1", None),
    ],
)
def test_resolve__knows_prefixes_mitochondria_and_numerals(contigs: list[str], name: str, expected: str | None) -> None:
    assert ContigAliases(contigs).resolve(name) == expected


def test_resolve__is_silent_where_several_contigs_fit() -> None:
    # hg19 as UCSC gives it has two mitochondrial sequences
    two = ContigAliases(["chrM", "chrMT", "1", "chr1"])
    assert [two.resolve(name) for name in ("M", "MT", "Mito", "1", "Chr1")] == ["chrM", "chrMT", None, "1", None]


@pytest.mark.parametrize("header", [["genome\tpeaks\tatac"], ["# genome\tpeaks\tatac"], []])
def test_table__leads_from_every_column_to_the_genome(tmp_path: Path, header: list[str]) -> None:
    path = table(tmp_path, *header, "NC_001133\tI\tchrom_a", "NC_001142\tX\tchrom_j", "NC_001224\t-\tQ0001")
    aliases = ContigAliases(["NC_001133", "NC_001142", "NC_001224"], path)
    names = ["I", "chrom_a", "chrX", "X", "chrom_j", "Q0001", "NC_001142", "-", "chrM"]
    expected = ["NC_001133"] * 2 + ["NC_001142"] * 3 + ["NC_001224", "NC_001142", None, None]
    assert [aliases.resolve(name) for name in names] == expected


def test_table__may_bring_the_roman_numerals(tmp_path: Path) -> None:
    path = table(tmp_path, *(f"{roman}\tchr{number}" for number, roman in enumerate(ROMAN, start=1)))
    arabic = [f"chr{number}" for number in range(1, 17)]
    assert ContigAliases(arabic).resolve("chrX") is None
    assert ContigAliases(arabic, path).resolve("chrX") == "chr10"


def test_table__rows_of_other_contigs_are_passed_over(tmp_path: Path) -> None:
    aliases = ContigAliases(["chr1"], table(tmp_path, "chr1\tNC_1", "chr2\tNC_2", ""))
    assert (aliases.resolve("NC_1"), aliases.resolve("NC_2"), aliases.resolve("")) == ("chr1", None, None)


def test_table__row_of_two_contigs_is_an_error(tmp_path: Path) -> None:
    path = table(tmp_path, "genome\tother", "chr1\tNC_1", "chr2\tchr3")
    with pytest.raises(FileFormatError, match=r"alias\.tsv, line 3: the row names 2 contigs.*chr2 and chr3.*Split"):
        ContigAliases(["chr1", "chr2", "chr3"], path)


def test_table__name_for_two_contigs_is_an_error(tmp_path: Path) -> None:
    path = table(tmp_path, "chr1\tassembled", "chr2\tassembled")
    message = r"alias\.tsv, line 2: 'assembled' stands for chr2 here and for chr1 in line 1; expected.*remove a column"
    with pytest.raises(FileFormatError, match=message):
        ContigAliases(["chr1", "chr2"], path)


def test_table__of_another_genome_is_an_error(tmp_path: Path) -> None:
    path = table(tmp_path, "genome\tother", "scaffold1\tNC_1")
    with pytest.raises(FileFormatError, match=r"no row has a contig of the genome \(I, II, III, …\).*Add the column"):
        ContigAliases(YEAST, path)


def test_table__maps_the_three_namings_of_the_yeast_data(shared_data: Path) -> None:
    path = shared_data / "yeast" / "chrom_alias.tsv"
    aliases = ContigAliases(YEAST, path)
    rows = [line.split("\t") for line in path.read_text().splitlines()[1:]]
    for genome, *others in rows:
        assert {aliases.resolve(name) for name in others if name != "-"} == {genome}
