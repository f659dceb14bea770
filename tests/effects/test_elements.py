from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from ambergen.effects.elements import on_elements, read_elements
from ambergen.effects.measured import read_measured
from ambergen.errors import FileFormatError, InputError

FASTA = ">one GRCh38 chr7:101-110 (1-based, + strand)\nACGTACGTNA\n>two chrX:1,001-1,004\nGGTT\n"


def measured(*rows: tuple[str, str, int, str, str]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=["group", "chrom", "pos", "ref", "alt"])
    return table.assign(measured=1.0)


def test_read_elements__knows_where_they_lie(tmp_path: Path) -> None:
    (tmp_path / "e.fa").write_text(FASTA)
    found = read_elements(tmp_path / "e.fa")
    assert found.genome.names == ("one", "two")
    assert found.contig == {"one": "chr7", "two": "chrX"}
    assert found.start == {"one": 101, "two": 1001}


def test_on_elements__positions_are_within_the_element(tmp_path: Path) -> None:
    (tmp_path / "e.fa").write_text(FASTA)
    table = on_elements(
        measured(("one", "7", 101, "A", "C"), ("two", "X", 1004, "T", "G")), read_elements(tmp_path / "e.fa"), "m"
    )
    assert table[["chrom", "pos"]].to_numpy().tolist() == [["one", 1], ["two", 4]]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (("three", "7", 101, "A", "C"), "three is no element; the elements are one, two"),
        (
            ("one", "7", 102, "A", "C"),
            "m: 1 of 1 measurements do not fit .* first one 7:102 A>C; one begins at chr7:101",
        ),
        (("one", "7", 100, "A", "C"), "do not fit the sequences"),
        (("one", "7", 111, "A", "C"), "take rows of one assembly with --where"),
    ],
)
def test_on_elements__refuses_another_assembly(tmp_path: Path, row: tuple[str, str, int, str, str], words: str) -> None:
    (tmp_path / "e.fa").write_text(FASTA)
    with pytest.raises(InputError, match=words):
        on_elements(measured(row), read_elements(tmp_path / "e.fa"), "m")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (">one\nACGT\n", "line 1: the header '>one' does not say where the element lies"),
        (">one chr1:1-5\nACGT\n", "one has 4 bases, its header says 5"),
    ],
)
def test_read_elements__refuses_headers_without_a_place(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "e.fa").write_text(text)
    with pytest.raises(FileFormatError, match=words):
        read_elements(tmp_path / "e.fa")


def test_on_elements__the_published_elements_fit_their_measurements(shared_data: Path) -> None:
    folder = shared_data / "mpra"
    elements = read_elements(folder / "elements_GRCh38.fa")
    source = folder / "elements_LDLR_SORT1_F9.tsv.gz"
    new = read_measured(source, "Coefficient", "Element", {"Release": "GRCh38"})
    found = on_elements(new, elements, "mpra")
    assert len(found) == 9059
    assert found.groupby("group")["pos"].min().eq(1).all()
    with pytest.raises(InputError, match="take rows of one assembly with --where"):
        on_elements(read_measured(source, "Coefficient", "Element", {"Release": "GRCh37"}), elements, "mpra")
