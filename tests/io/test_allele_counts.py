"""Tables of allelic counts: every form gives the same table, and wrong ones say where and why."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ambergen.errors import FileFormatError
from ambergen.io.allele_counts import read_allele_counts, standard_counts

OURS = "chrom\tpos\tref\talt\trsid\ttf\tref_reads\talt_reads\tx_score\nchr1\t101\tA\tg\trs1\tSPI1\t12\t3\t-0.5\n"
# The header of Amber-Seq's table, and that of MixALime's files.
AMBER_SEQ = "CHR\tPOS\tREF\tALT\trsid\ttf\tRef.reads\tAlt.reads\tx_score\nchr1\t101\tA\tG\trs1\tSPI1\t12\t3\t-0.5\n"
MIXALIME = """\
#CHROM\tSTART\tEND\tID\tREF\tALT\tREF_COUNTS\tALT_COUNTS\tBAD\tSAMPLE_ID
chr1\t100\t101\trs1\tA\tG\t12\t3\t1.0\t7
"""


def written(folder: Path, text: str, name: str = "counts.tsv") -> Path:
    path = folder / name
    path.write_text(text)
    return path


@pytest.mark.parametrize("text", [OURS, AMBER_SEQ, OURS.replace("\n", "\r\n"), "##made by us\n" + OURS])
def test_read_allele_counts__names_of_other_programs_mean_the_same(tmp_path: Path, text: str) -> None:
    pd.testing.assert_frame_equal(
        read_allele_counts(written(tmp_path, text)), read_allele_counts(written(tmp_path, OURS, "ours.tsv"))
    )


def test_read_allele_counts__of_mixalime_counts_from_0(tmp_path: Path) -> None:
    row = read_allele_counts(written(tmp_path, MIXALIME)).iloc[0]
    assert [row["chrom"], row["pos"], row["ref"], row["alt"], row["id"]] == ["chr1", 101, "A", "G", "rs1"]
    assert [row["ref_reads"], row["alt_reads"], row["bad"], row["individual"]] == [12, 3, 1.0, "7"]


def test_read_allele_counts__of_a_packed_folder_is_all_its_files(tmp_path: Path) -> None:
    (tmp_path / "a.tsv.gz").write_bytes(gzip.compress(OURS.encode()))
    written(tmp_path, OURS.replace("101", "205"), "b.tsv")
    assert read_allele_counts(tmp_path)["pos"].tolist() == [101, 205]


def test_read_allele_counts__keeps_other_columns_and_given_statistics(tmp_path: Path) -> None:
    text = OURS.replace("\tx_score", "\tp_value\tfdr\tpeak").replace("\t-0.5", "\t0.01\t0.2\tyes")
    found = read_allele_counts(written(tmp_path, text))
    assert found[["given_p_value", "given_fdr", "peak"]].iloc[0].tolist() == ["0.01", "0.2", "yes"]


@pytest.mark.parametrize("missing", ["NA", "", ".", "nan"])
def test_read_allele_counts__a_missing_count_is_a_status(tmp_path: Path, missing: str) -> None:
    row = read_allele_counts(written(tmp_path, OURS.replace("\t12\t", f"\t{missing}\t"))).iloc[0]
    assert row["status"] == "missing_counts"
    assert np.isnan(row["ref_reads"])


@pytest.mark.parametrize(
    ("alleles", "status"),
    [
        ("A\tG", "ok"),
        ("a\tgt", "ok"),
        ("-\tG", "ok"),
        ("A\t<DEL>", "unsupported"),
        ("A\tG,T", "unsupported"),
        ("A\t*", "unsupported"),
        ("A\tA", "unsupported"),
        ("A\tR", "unsupported"),
    ],
)
def test_read_allele_counts__unusual_alleles_keep_their_row(tmp_path: Path, alleles: str, status: str) -> None:
    assert read_allele_counts(written(tmp_path, OURS.replace("A\tg", alleles)))["status"].tolist() == [status]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("\t12\t", "\t-1\t", "counts.tsv, line 2: reference reads is -1; expected 0 or more"),
        ("\t12\t", "\t1.5\t", "line 2: reference reads is '1.5'; expected a whole number"),
        ("\t12\t", "\tmany\t", "line 2: reference reads is 'many'; expected a whole number"),
        ("\t101\t", "\t0\t", "line 2: position is 0; expected 1 or more; positions count from 1"),
        ("\t101\t", "\t\t", "line 2: position is ''; expected a whole number"),
        ("\tA\tg", "\t\tg", "line 2: the reference allele is missing"),
        ("\t-0.5", "\tlow", "line 2: x_score is 'low'; expected a number"),
        ("\t-0.5", "", "line 2: 8 columns, the header (line 1) has 9"),
        ("ref_reads", "reads", "there is no column ref_reads; the header has chrom, pos"),
        ("chrom\tpos", "Chromosome!\tplace", "there is no column pos"),
        ("x_score", "REF_COUNTS", "ref_reads"),
        ("x_score", "tf", "two columns are called 'tf'"),
        ("rsid\ttf", "refCount\tRef.reads", "expected one. Remove or rename"),
    ],
)
def test_read_allele_counts__says_what_is_wrong(tmp_path: Path, old: str, new: str, message: str) -> None:
    text = OURS.replace(old, new, 1)
    if message == "ref_reads":  # our own name outweighs another program's beside it
        assert read_allele_counts(written(tmp_path, text))["ref_reads"].tolist() == [12]
        return
    if "expected one. Remove" in message:
        text = text.replace("ref_reads", "other", 1)
    with pytest.raises(FileFormatError) as caught:
        read_allele_counts(written(tmp_path, text))
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        (OURS.splitlines()[0] + "\n", "there is a header and no site below it"),
    ],
)
def test_read_allele_counts__refuses_what_holds_nothing(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(FileFormatError, match=message):
        read_allele_counts(written(tmp_path, text))


def test_read_allele_counts__refuses_other_files(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_bytes(b"\xff\xfe\x00\x9f")
    with pytest.raises(FileFormatError, match="this is not text"):
        read_allele_counts(tmp_path / "a.tsv")
    with pytest.raises(FileFormatError, match="there is no such file"):
        read_allele_counts(tmp_path / "b.tsv")
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileFormatError, match="the folder is empty"):
        read_allele_counts(tmp_path / "empty")


def test_standard_counts__takes_a_frame_with_numbers_and_names_its_rows() -> None:
    frame = pd.DataFrame(
        {"chr": ["1"], "pos": [5], "ref": ["A"], "alt": ["T"], "ref_reads": [3], "alt_reads": [np.nan]}
    )
    assert standard_counts(frame)["status"].tolist() == ["missing_counts"]
    with pytest.raises(FileFormatError, match=r"allelic counts, row 0: reference reads is -3"):
        standard_counts(frame.assign(ref_reads=-3))
