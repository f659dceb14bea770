from __future__ import annotations

from pathlib import Path

import pytest

from ambergen.errors import FileFormatError
from ambergen.io.variant_table import open_variants
from ambergen.sequence.variants import Record


def opened(folder: Path, text: str, name: str = "a.tsv") -> Path:
    path = folder / name
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    "header", ["chrom\tpos\tref\talt\tid", "#Chr\tPosition\tREF\tALT\trsID", "##note\n\nCHROM\tBP\tRef\tAlternate\tSNP"]
)
def test_open_variants__a_table_by_its_header(tmp_path: Path, header: str) -> None:
    file = open_variants(opened(tmp_path, f"{header}\n1\t5\tA\tc,-\trs9\n1\t6\t\tG\t\n1\t7\t-\tG\trs2\n"))
    assert file.kind == "table"
    assert list(file.records()) == [
        Record("1", 4, "rs9", "A", ("c", "")),
        Record("1", 5, ".", " ", ("G",)),
        Record("1", 6, "rs2", "", ("G",)),
    ]


def test_open_variants__needs_no_identifiers(tmp_path: Path) -> None:
    file = open_variants(opened(tmp_path, "x\tchrom\tpos\tref\talt\nz\t1\t5\tA\tC\n"))
    assert list(file.records()) == [Record("1", 4, ".", "A", ("C",))]


def test_open_variants__a_vcf_by_its_header_or_its_records(tmp_path: Path) -> None:
    columns = "#CHROM\tPOS\tID\tREF\tALT"
    with_length = f"##fileformat=VCFv4.2\n##contig=<ID=1,length=9>\n{columns}\n"
    file = open_variants(opened(tmp_path, with_length, "no_ending"))
    assert (file.kind, file.contigs, file.has_header) == ("vcf", {"1": 9}, True)
    assert list(file.records()) == []
    assert open_variants(opened(tmp_path, f"{columns}\n1\t5\t.\tA\tC\n")).kind == "vcf"
    bare = open_variants(opened(tmp_path, "1\t5\t.\tA\tC,G\n"))
    assert (bare.kind, bare.has_header) == ("vcf", False)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "the file is empty"),
        ("chrom\tpos\tref\n1\t5\tA\n", r"neither VCF nor a table.*begins with 'chrom\\tpos\\tref'.*Add the header"),
        ("1\t5\tA\tC\n", "neither VCF nor a table"),
        ("1\t5\tA\tC\trs1\n", "neither VCF nor a table"),
    ],
)
def test_open_variants__refuses_what_it_cannot_tell(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(FileFormatError, match=words):
        open_variants(opened(tmp_path, text))


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("1\tfive\tA\tC", "a.tsv, line 2: the position is 'five'; expected a whole number, counted from 1"),
        ("1\t5.5\tA\tC", "a.tsv, line 2: the position is '5.5'; expected a whole number"),
        ("1\t99999999999999999999\tA\tC", "a.tsv, line 2: the position is '99999999999999999999'"),
        ("1\t5\tA", "line 2: the line has 3 columns, the header 4"),
    ],
)
def test_read_table__names_the_line_that_is_wrong(tmp_path: Path, line: str, words: str) -> None:
    with pytest.raises(FileFormatError, match=words):
        list(open_variants(opened(tmp_path, f"chrom\tpos\tref\talt\n{line}\n")).records())
