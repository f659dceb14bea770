"""JASPAR and MEME files: what is in them, and what is said of wrong ones."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from ambergen.errors import FileFormatError
from ambergen.io.motifs import read_motifs

JASPAR = """>MA0001.1\tAGL3
A  [ 0  3 79 ]
C  [94 75  4 ]
G  [ 1  0  3 ]
T  [ 2 19 11 ]
>MA0002.1 RUNX1 long
A [10 12]
C [ 2  2]
G [ 3  1]
T [11  2]
"""
COUNTS = np.array([[0, 3, 79], [94, 75, 4], [1, 0, 3], [2, 19, 11]])
BARE = ">only\n0 3 79\n94 75 4\n1 0 3\n2 19 11\n"
MEME = """MEME version 4

ALPHABET= ACGT

strands: + -

Background letter frequencies
A 0.3 C 0.2 G 0.2 T 0.3

MOTIF crp Crp site
letter-probability matrix: alength= 4 w= 2 nsites= 17 E= 4.1e-009
 0.000000  0.176471  0.000000  0.823529
 0.5\t0.5 0 0
URL http://example.org/crp

MOTIF lexA
log-odds matrix: alength= 4 w= 1 E= 0
 -10 20 30 -40
letter-probability matrix:
 0.25 0.25 0.25 0.25
"""


def write(folder: Path, text: str, name: str = "motifs.txt") -> Path:
    (folder / name).write_text(text)
    return folder / name


def test_read__jaspar(tmp_path: Path) -> None:
    first, second = read_motifs(write(tmp_path, JASPAR))
    assert (first.id, first.name, second.id, second.name) == ("MA0001.1", "AGL3", "MA0002.1", "RUNX1 long")
    np.testing.assert_array_equal(first.counts, COUNTS)
    np.testing.assert_array_equal(second.counts, [[10, 12], [2, 2], [3, 1], [11, 2]])


def test_read__jaspar_rows_without_letters_and_in_another_order(tmp_path: Path) -> None:
    (bare,) = read_motifs(write(tmp_path, BARE))
    assert (bare.id, bare.name) == ("only", "only")
    np.testing.assert_array_equal(bare.counts, COUNTS)
    lines = JASPAR.splitlines()[:5]
    (turned,) = read_motifs(write(tmp_path, "\r\n".join([lines[0], *lines[:0:-1]])))
    np.testing.assert_array_equal(turned.counts, COUNTS)


def test_read__meme(tmp_path: Path) -> None:
    crp, lexa = read_motifs(write(tmp_path, MEME))
    assert (crp.id, crp.name, lexa.id, lexa.name) == ("crp", "Crp site", "lexA", "lexA")
    np.testing.assert_allclose(crp.counts, [[0, 8.5], [3, 8.5], [0, 0], [14, 0]], atol=1e-5)
    np.testing.assert_allclose(lexa.counts, np.full((4, 1), 5.0))


def test_read__packed(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "motifs.gz", "wt") as file:
        file.write(JASPAR)
    assert len(read_motifs(tmp_path / "motifs.gz")) == 2


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "the file is empty; expected motifs in JASPAR's or MEME's format"),
        ("ID\tAC1\nP0 A C G T\n", r"line 1: 'ID\\tAC1' begins neither a JASPAR motif .* nor a MEME file"),
        (">\nA [1]\n", "line 1: the motif has no name; expected '>ID NAME'"),
        (">m\nA [1 2]\nC [1]\n", r"line 3: m has 1 counts for C, in the row before 2"),
        (">m\nA [1]\nC [1]\nG [1]\n", "line 1: m has 3 rows; expected four"),
        (
            ">m\nA [1]\nA [1]\nG [1]\nT [1]\n",
            r"line 3: 'A \[1\]' is not a row of m; expected each of A, C, G",
        ),
        (">m\nA [1]\nC [1]\nG [1]\nU [1]\n", r"line 5: 'U \[1\]' is not a row of m"),
        (">m\nA [1\nC [1]\nG [1]\nT [1]\n", r"line 2: 'A \[1' is not a row of m"),
        (">m\n1\n1\n1\n1\n1\n", "line 6: '1' is not a row of m"),
        (">m\nA [x]\nC [1]\nG [1]\nT [1]\n", "line 2: 'x' of m; expected numbers from 0 on"),
        (">m\nA [-1]\nC [1]\nG [1]\nT [1]\n", "line 2: '-1' of m; expected numbers from 0 on"),
        (">m\nA []\nC []\nG []\nT []\n", "line 1: m has no columns; expected at least one"),
        (">m\nA [1 0]\nC [1 0]\nG [1 0]\nT [1 0]\n", "line 1: column 2 of m has no counts"),
        (BARE + BARE, "two motifs are called only; identifiers must differ"),
        ("MEME version 4\nALPHABET= ACGT\n", "there is no motif in the file"),
        ("MEME version 4\nALPHABET= ACDEFGHIKLMNPQRSTVWY\n", "line 2: the alphabet is 'ACDEFG.*'; expected ACGT"),
        ("MEME version 4\nMOTIF\n", "line 2: the motif has no name"),
        ("MEME version 4\nMOTIF a\nMOTIF b\n", "line 2: a has no letter-probability matrix"),
        ("MEME version 4\nMOTIF a\n", "line 2: a has no letter-probability matrix"),
        (
            "MEME version 4\nletter-probability matrix: w= 1\n1 0 0 0\n",
            "line 2: a matrix stands before any 'MOTIF'",
        ),
        ("MEME version 4\nMOTIF a\nletter-probability matrix: w= 2\n1 0 0 0\n", "line 3: a states w= 2, but has 1"),
        ("MEME version 4\nMOTIF a\nletter-probability matrix: w= 0\n", "line 3: a has no columns"),
        ("MEME version 4\nMOTIF a\nletter-probability matrix: w= x\n", "line 3: 'w= x' of a; expected numbers"),
        ("MEME version 4\nMOTIF a\nletter-probability matrix: alength= 20\n1 0 0 0\n", "line 3: a states alength= 20"),
        ("MEME version 4\nMOTIF a\nletter-probability matrix:\n1 1 0 0\n", "line 4: '1 1 0 0' of a; expected 4 prob"),
        ("MEME version 4\nMOTIF a\nletter-probability matrix:\n0.5 0.5\n", "line 4: '0.5 0.5' of a; expected 4 prob"),
    ],
)
def test_read__says_what_is_wrong(text: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match=words):
        read_motifs(write(tmp_path, text))


def test_read__jaspar_of_all_vertebrates(shared_data: Path) -> None:
    motifs = {m.id: m for m in read_motifs(shared_data / "jaspar" / "JASPAR2024_CORE_vertebrates_latest.jaspar.gz")}
    assert len(motifs) == 879
    assert (motifs["MA0080.7"].name, motifs["MA0139.2"].name) == ("Spi1", "CTCF")
