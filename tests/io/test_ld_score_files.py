from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambergen.errors import FileFormatError
from ambergen.io.ld_score_files import LDScoreOutput, LDScores, read_ld_scores

# The first rows of the published LD scores of chromosome 1 (1000 Genomes, European individuals, Broad Institute)
PUBLISHED = (
    "CHR\tSNP\tBP\tCM\tMAF\tL2\n"
    "1\trs12565286\t721290\t0.41029204\t0.0435356200528\t1.24413433285\n"
    "1\trs3094315\t752566\t0.48877594\t0.163588390501\t6.40854689239\n"
)


def scores(contig: str = "1", values: float | list = 1.0, names: tuple[str, ...] = ("aL2", "bL2")) -> LDScores:
    return LDScores(
        np.array([contig] * 2, dtype=object),
        np.array([f"rs{contig}1", f"rs{contig}2"], dtype=object),
        np.array([9, 19]),
        names,
        np.broadcast_to(np.array(values, dtype=float), (2, len(names))).copy(),
        np.arange(len(names)) + 1.5,
        np.arange(len(names)) + 1.0,
    )


def test_read_ld_scores__takes_the_published_files(tmp_path: Path) -> None:
    (tmp_path / "1.l2.ldscore.gz").write_bytes(gzip.compress(PUBLISHED.encode()))
    (tmp_path / "1.l2.M_5_50").write_text("96098\n")
    found = read_ld_scores(str(tmp_path / "1"))
    assert found.names == ("L2",)
    assert found.id.tolist() == ["rs12565286", "rs3094315"]
    assert found.position.tolist() == [721289, 752565]
    assert found.scores[:, 0].tolist() == [1.24413433285, 6.40854689239]
    assert found.m is None
    assert found.m_5_50 is not None and found.m_5_50.tolist() == [96098]  # noqa: PT018


@given(st.lists(st.floats(-1e12, 1e12).filter(lambda x: x == 0 or abs(x) > 1e-12), min_size=4, max_size=4))
def test_written_scores__read_back_to_nine_digits(tmp_path_factory: pytest.TempPathFactory, values: list) -> None:
    prefix = tmp_path_factory.mktemp("scores") / "a"
    given_scores = scores(values=np.reshape(values, (2, 2)).tolist())
    with LDScoreOutput(prefix) as output:
        output.add("1", given_scores)
    found = read_ld_scores(str(prefix))
    np.testing.assert_allclose(found.scores, given_scores.scores, rtol=1e-8 / 2, atol=0)
    assert found.names == given_scores.names
    assert found.contig.tolist() == ["1", "1"]
    assert found.position.tolist() == [9, 19]
    np.testing.assert_array_equal(found.m, [1.5, 2.5])
    np.testing.assert_array_equal(found.m_5_50, [1, 2])


def test_written_scores__look_as_ldsc_reads_them(tmp_path: Path) -> None:
    with LDScoreOutput(tmp_path / "a") as output:
        output.add("1", scores(values=[[1.23456789012, 1e-3 / 3], [0.1, 12345.0]]))
    assert gzip.decompress((tmp_path / "a.l2.ldscore.gz").read_bytes()).decode() == (
        "CHR\tSNP\tBP\taL2\tbL2\n1\trs11\t10\t1.23456789\t0.000333333333\n1\trs12\t20\t0.1\t12345\n"
    )
    assert (tmp_path / "a.l2.M").read_text() == "1.5\t2.5\n"
    assert (tmp_path / "a.l2.M_5_50").read_text() == "1\t2\n"


@pytest.mark.parametrize("prefix", ["all", "each.@", "each."])
def test_read_ld_scores__joins_chromosomes_and_adds_sizes(tmp_path: Path, prefix: str) -> None:
    with LDScoreOutput(tmp_path / prefix) as output:
        output.add("10", scores("10", 3.0))
        output.add("2", scores("2", 5.0))
    found = read_ld_scores(str(tmp_path / prefix))
    order = ["2", "2", "10", "10"] if prefix != "all" else ["10", "10", "2", "2"]
    assert found.contig.tolist() == order
    np.testing.assert_array_equal(found.m, [3, 5])
    np.testing.assert_array_equal(found.m_5_50, [2, 4])


def test_read_ld_scores__of_several_prefixes_have_all_columns(tmp_path: Path) -> None:
    for name, columns in (("a", ("xL2",)), ("b", ("yL2", "zL2"))):
        with LDScoreOutput(tmp_path / name) as output:
            output.add("1", scores(names=columns))
    found = read_ld_scores(f"{tmp_path / 'a'},{tmp_path / 'b'}")
    assert found.names == ("xL2", "yL2", "zL2")
    np.testing.assert_array_equal(found.m, [1.5, 1.5, 2.5])
    with pytest.raises(FileFormatError, match="the column xL2 is there twice"):
        read_ld_scores(f"{tmp_path / 'a'},{tmp_path / 'a'}")
    with LDScoreOutput(tmp_path / "c") as output:
        output.add("2", scores("2"))
    with pytest.raises(FileFormatError, match=r"c: variant 1 is rs21, in .*a it is rs11; expected the same variants"):
        read_ld_scores(f"{tmp_path / 'a'},{tmp_path / 'c'}")


def _add_and_fail(output: LDScoreOutput) -> None:
    output.add("1", scores())
    output.add_text("note.json", "{}")
    raise FileFormatError("the next file is wrong")


def test_output__appears_when_the_block_ends_well_and_not_otherwise(tmp_path: Path) -> None:
    for prefix in ("all", "each.@"):
        with pytest.raises(FileFormatError), LDScoreOutput(tmp_path / prefix) as output:
            _add_and_fail(output)
        assert list(tmp_path.iterdir()) == []
    with LDScoreOutput(tmp_path / "sub" / "each.@") as output:
        output.add("1", scores())
        output.add_text("note.json", "{}")
        assert not any(path.exists() for path in output.paths)
    assert sorted(path.name for path in (tmp_path / "sub").iterdir()) == [
        "each.1.l2.M",
        "each.1.l2.M_5_50",
        "each.1.l2.ldscore.gz",
        "note.json",
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "line 1: the columns are none; expected CHR, SNP, BP"),
        ("SNP A1 A2 Z\nrs1 A G 1\n", "line 1: the columns are SNP, A1, A2, Z; expected CHR, SNP, BP"),
        ("CHR SNP BP L2 L2\n1 rs1 5 1 1\n", "each name once"),
        ("CHR SNP BP L2\n1 rs1 5 x\n", "a line is no row of LD scores .*x"),
        ("CHR SNP BP L2\n1 rs1 5 1\n1 rs2 6 NA\n", "a line is no row of LD scores .*NA"),
        ("CHR SNP BP L2\n1 rs1 5 1 7\n1 rs1 5 1 7 8\n", "a line is no row of LD scores"),
        ("CHR SNP BP L2\n1 rs1 5 1\n1 rs2 6 inf\n", "line 3: L2 is not finite"),
        ("CHR SNP BP L2\n1 rs1 5 1\n1 rs2 6\n", "a line is no row of LD scores"),
        ("CHR SNP BP L2\n", "a.l2.ldscore: there is no score; expected rows"),
    ],
)
def test_read_ld_scores__names_what_is_wrong(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "a.l2.ldscore").write_text(text)
    with pytest.raises(FileFormatError, match=words):
        read_ld_scores(str(tmp_path / "a"))


def test_read_ld_scores__want_sizes_that_fit(tmp_path: Path) -> None:
    with LDScoreOutput(tmp_path / "a") as output:
        output.add("1", scores())
    (tmp_path / "a.l2.M").write_text("1\n")
    with pytest.raises(FileFormatError, match=r"a.l2.M: the file has 1 numbers; expected 2, one for each column"):
        read_ld_scores(str(tmp_path / "a"))
    (tmp_path / "a.l2.M").write_text("1 many\n")
    with pytest.raises(FileFormatError, match=r"a.l2.M: could not convert string to float: 'many'"):
        read_ld_scores(str(tmp_path / "a"))
    with pytest.raises(FileFormatError, match=r"b.l2.ldscore.gz: there is no such file"):
        read_ld_scores(str(tmp_path / "b"))


def test_read_ld_scores__want_the_same_columns_in_every_chromosome(tmp_path: Path) -> None:
    for chromosome, names in (("1", ("aL2",)), ("2", ("bL2",))):
        with LDScoreOutput(tmp_path / f"x.{chromosome}") as output:
            output.add(chromosome, scores(chromosome, names=names))
    with pytest.raises(FileFormatError, match="chromosome 2 have the columns bL2, those of chromosome 1 have aL2"):
        read_ld_scores(str(tmp_path / "x.@"))
