from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambergen.errors import FileFormatError
from ambergen.io.genotypes import open_plink, read_bim
from tests.plink import write_plink

BIM = "1\trs1\t0.5\t100\tA\tG\n1\trs2\t0.5\t100\tAT\tA\n2\trs3\t1e-3\t7\tC\tT\n"


def small(tmp_path: Path, n: int = 7) -> Path:
    genotypes = np.random.default_rng(0).integers(-1, 3, (n, 5))
    return write_plink(tmp_path / "panel", genotypes, [0.1, 0.2, 0.3, 0.4, 0.5])


@given(seed=st.integers(0, 10**6), n=st.integers(1, 17), m=st.integers(1, 12), size=st.integers(1, 13))
def test_blocks__give_back_what_was_written(
    tmp_path_factory: pytest.TempPathFactory, seed: int, n: int, m: int, size: int
) -> None:
    genotypes = np.random.default_rng(seed).integers(-1, 3, (n, m))
    files = open_plink(write_plink(tmp_path_factory.mktemp("plink") / "a.b", genotypes, np.arange(m)))
    assert (files.n_individuals, len(files.variants)) == (n, m)
    first = m // 3
    read = np.concatenate(list(files.blocks(slice(first, m), size)))
    np.testing.assert_array_equal(read, genotypes[:, first:].T)
    assert read.dtype == np.int8


def test_count__tells_genotypes_frequencies_and_constant_variants(tmp_path: Path) -> None:
    genotypes = np.array(
        [[0, 1, 2, 1, -1, 0], [0, 1, 2, 1, -1, 2], [1, 1, -1, 0, -1, -1], [0, 1, 2, -1, -1, 2], [0, 1, 2, 2, -1, 2]]
    )
    counts = open_plink(write_plink(tmp_path / "a", genotypes, np.arange(6))).count(slice(0, 6))
    assert counts.two.tolist() == [0, 0, 4, 1, 0, 3]
    assert counts.one.tolist() == [1, 5, 0, 2, 0, 0]
    assert counts.none.tolist() == [4, 0, 0, 1, 0, 1]
    assert counts.missing.tolist() == [0, 0, 1, 1, 5, 1]
    np.testing.assert_allclose(counts.minor_frequency, [0.1, 0.5, 0, 0.5, np.nan, 0.25])
    # all heterozygous is constant too
    assert counts.is_constant.tolist() == [False, True, True, False, True, False]


def test_read_bim__has_contigs_places_and_alleles(tmp_path: Path) -> None:
    path = tmp_path / "a.bim"
    for text in (BIM, BIM.replace("\t", "  "), BIM.replace("\n", "\r\n"), BIM.rstrip("\n")):
        path.write_bytes(text.encode())
        variants = read_bim(path)
        assert variants.contig_rows() == [("1", slice(0, 2)), ("2", slice(2, 3))]
        assert variants.position.tolist() == [99, 99, 6]
        assert variants.centimorgan.tolist() == [0.5, 0.5, 0.001]
        assert variants.id.tolist() == ["rs1", "rs2", "rs3"]
        assert list(zip(variants.first_allele, variants.second_allele, strict=True)) == [
            ("A", "G"),
            ("AT", "A"),
            ("C", "T"),
        ]


def test_read_bim__takes_na_as_a_word(tmp_path: Path) -> None:
    path = tmp_path / "a.bim"
    path.write_text('1 NA 0 100 A N\n1 "a 0 101 null nan\n')
    assert read_bim(path).id.tolist() == ["NA", '"a']
    assert read_bim(path).second_allele.tolist() == ["N", "nan"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "the file is empty; expected a line for each variant"),
        ("\n\n", "the file is empty"),
        ("1\trs1\t0\t5\tA\n", "line 1: the line has 5 columns; expected 6: chromosome, id, centimorgan"),
        (BIM + "2\trs4\t0\t9\tA\n", "line 4: the line has 5 columns"),
        (BIM + "2\trs4\t0\t9\tA\tC\tG\n", "line 4: the line has 7 columns"),
        ("1 rs1 0 5 A C x\n1 rs2 0 6 A C x\n", "line 1: the line has 7 columns"),
        (BIM.replace("2\trs3", "\n2\trs3"), "line 3: the line has 0 columns"),
        (BIM.replace("0.5\t100\tAT", "x\t100\tAT"), "line 2: the centimorgan .* is 'x'; expected a number"),
        (BIM.replace("0.5\t100\tAT", "nan\t100\tAT"), "line 2: the centimorgan .* is 'nan'; expected a number"),
        (BIM.replace("100\tAT", "1e\tAT"), r"line 2: the position \(column 4\) is '1e'"),
        (BIM.replace("100\tAT", "-100\tAT"), "line 2: the position .* is -100; expected a position .* from 1"),
        (BIM.replace("100\tAT", "100.5\tAT"), "line 2: the position .* is 100.5"),
        (BIM.replace("100\tAT", "99\tAT"), "line 2: position 99 follows 100; expected ascending .*--make-bed"),
        (BIM + "1\trs4\t0\t200\tA\tC\n", r"line 4: chromosome 1 comes again \(first on line 1\)"),
    ],
)
def test_read_bim__names_the_line_that_is_wrong(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "a.bim"
    path.write_text(text)
    with pytest.raises(FileFormatError, match=words):
        read_bim(path)


def test_open_plink__refuses_a_bed_file_that_is_cut_short_or_too_long(tmp_path: Path) -> None:
    prefix = small(tmp_path)
    bed = prefix.with_suffix(".bed")
    content = bed.read_bytes()
    bed.write_bytes(content[:-1])
    with pytest.raises(FileFormatError, match=r"panel.bed: the file is cut short: 12 bytes; 5 variants .* take 13\."):
        open_plink(prefix)
    bed.write_bytes(content + b"\0\0")
    with pytest.raises(FileFormatError, match="the file is too long: 15 bytes"):
        open_plink(prefix)


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (b"", "the first bytes are absent; expected the magic number 6c 1b"),
        (b"chr1\t0\t5\n", "the first bytes are 63 68; expected the magic number 6c 1b .*not the BED file of intervals"),
        (b"\x6c\x1b\x00", "the third byte is 00; expected 01, genotypes variant by variant"),
        (b"\x6c\x1b", "the third byte is absent"),
        (b"\x6c\x1b\x10", "the third byte is 10"),
    ],
)
def test_open_plink__refuses_another_magic_number(tmp_path: Path, head: bytes, words: str) -> None:
    prefix = small(tmp_path)
    prefix.with_suffix(".bed").write_bytes(head)
    with pytest.raises(FileFormatError, match=words):
        open_plink(prefix)


def test_open_plink__names_the_file_that_is_absent_or_wrong(tmp_path: Path) -> None:
    prefix = small(tmp_path)
    fam = prefix.with_suffix(".fam")
    lines = fam.read_text()
    fam.write_text(lines.replace("0 person2 0", "person2 0"))
    with pytest.raises(FileFormatError, match=r"panel.fam, line 3: the line has 5 columns; expected 6"):
        open_plink(prefix)
    fam.write_text("")
    with pytest.raises(FileFormatError, match=r"panel.fam: the file is empty; expected a line for each individual"):
        open_plink(prefix)
    fam.unlink()
    with pytest.raises(FileFormatError, match=r"panel.fam: there is no such file"):
        open_plink(prefix)
    with pytest.raises(FileFormatError, match=r"nothing.bim: there is no such file"):
        open_plink(tmp_path / "nothing")


def test_open_plink__takes_the_name_of_the_bed_file_too(tmp_path: Path) -> None:
    assert open_plink(small(tmp_path).with_suffix(".bed")).n_individuals == 7


def test_blocks__tell_when_the_file_shrinks_meanwhile(tmp_path: Path) -> None:
    files = open_plink(small(tmp_path))
    files.path.write_bytes(files.path.read_bytes()[:-1])
    with pytest.raises(FileFormatError, match="became shorter while it was read"):
        list(files.blocks(slice(0, 5)))


def test_minor_frequency__is_the_same_whichever_allele_is_counted(tmp_path: Path) -> None:
    # 1 - 0.95 is more than 0.05 in binary numbers
    genotypes = np.array([[0, 2], *[[2, 0]] * 19])
    counts = open_plink(write_plink(tmp_path / "a", genotypes, [0, 1])).count(slice(0, 2))
    assert counts.minor_frequency.tolist() == [0.05, 0.05]
