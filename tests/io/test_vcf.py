from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from ambergen.errors import FileFormatError
from ambergen.io.vcf import contig_lengths, read_header, read_vcf
from ambergen.sequence.variants import Record

TEXT = (
    b"##fileformat=VCFv4.3\n"
    b"##contig=<ID=chr1,assembly=x,length=248956422>\n"
    b"##contig=<ID=chrUn>\n"
    b"#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tNA1\n"
    b"chr1\t101\trs1\tA\tG,AT\t.\tPASS\tDP=3\tGT\t0|1\n"
    b"\n"
    b"chr1\t0\t\tN\t<DEL>\t.\t.\t.\tGT\t0/0\r\n"
    b"chr2\t7\t.\t-\t\t.\t.\t.\tGT\t0/0"
)
RECORDS = [
    Record("chr1", 100, "rs1", "A", ("G", "AT")),
    Record("chr1", -1, ".", "N", ("<DEL>",)),
    Record("chr2", 6, ".", "-", (" ",)),
]


@pytest.mark.parametrize("packing", ["plain", "gzip", "bgzip"])
def test_read_vcf__packed_or_not(tmp_path: Path, bgzip: Callable[[bytes], bytes], packing: str) -> None:
    pack = {"plain": bytes, "gzip": gzip.compress, "bgzip": bgzip}[packing]
    path = tmp_path / "a.vcf"
    path.write_bytes(pack(TEXT))
    assert list(read_vcf(path)) == RECORDS
    assert contig_lengths(read_header(path)) == {"chr1": 248956422}


def test_read_vcf__five_columns_and_no_header_serve(tmp_path: Path) -> None:
    path = tmp_path / "a.vcf"
    path.write_text("1\t5\t.\tA\tC\n")
    assert list(read_vcf(path)) == [Record("1", 4, ".", "A", ("C",))]
    assert read_header(path) == []


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("chr1\t5\t.\tA", r"a.vcf, line 2: the record has 4 columns; expected CHROM, POS, ID, REF and ALT"),
        ("chr1 5 . A C", r"line 2: the record has 1 column; .*separated by tabs"),
        ("chr1\t5e3\t.\tA\tC", r"line 2: POS is '5e3'; expected a whole number"),
        ("chr1\t\t.\tA\tC", r"line 2: POS is ''"),
        ("\t5\t.\tA\tC", r"line 2: CHROM is empty"),
    ],
)
def test_read_vcf__names_the_line_that_is_wrong(tmp_path: Path, line: str, words: str) -> None:
    path = tmp_path / "a.vcf"
    path.write_text(f"#CHROM\tPOS\tID\tREF\tALT\n{line}\n")
    with pytest.raises(FileFormatError, match=words):
        list(read_vcf(path))


def test_read_header__refuses_the_binary_form(tmp_path: Path) -> None:
    path = tmp_path / "a.bcf"
    path.write_bytes(gzip.compress(b"BCF\x02\x02rest"))
    with pytest.raises(FileFormatError, match="bcftools view"):
        read_header(path)
