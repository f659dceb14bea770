from __future__ import annotations

import gzip
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from ambergen.errors import FileFormatError, InputError
from ambergen.io.gwas_tables import MungeConfig, MungeReport, munge, read_allele_list, z_of_log_p
from ambergen.io.summary_statistics import SummaryStatistics


def table(tmp_path: Path, text: str, name: str = "study.txt") -> Path:
    path = tmp_path / name
    path.write_text(text)
    return path


def run(tmp_path: Path, text: str, **settings: object) -> tuple[SummaryStatistics, MungeReport]:
    return munge(table(tmp_path, text), MungeConfig(**settings))  # type: ignore[arg-type]


def alleles(statistics: SummaryStatistics) -> list[str]:
    assert statistics.first_allele is not None
    assert statistics.second_allele is not None
    return [f"{a}{b}" for a, b in zip(statistics.first_allele, statistics.second_allele, strict=True)]


# ---- what programs write: header and one or two rows in their own form

BOLT = (
    "SNP\tCHR\tBP\tGENPOS\tALLELE1\tALLELE0\tA1FREQ\tINFO\tCHISQ_LINREG\tP_LINREG\tBETA\tSE\tCHISQ_BOLT_LMM_INF\t"
    "P_BOLT_LMM_INF\tCHISQ_BOLT_LMM\tP_BOLT_LMM\n"
    "rs1\t1\t20000475\t0.40299\tG\tA\t0.33\t0.995\t3.3\t0.067\t0.001\t0.002\t0.56\t0.45\t1600\t0\n"
    "rs2\t1\t20000612\t0.40300\tC\tA\t0.68\t0.985\t4.6\t0.032\t-0.013\t0.008\t2.87\t0.09\t2.99\t0.084\n"
)
REGENIE = (
    "CHROM GENPOS ID ALLELE0 ALLELE1 A1FREQ INFO N TEST BETA SE CHISQ LOG10P EXTRA\n"
    "1 1000 rs1 A G 0.3 0.99 5000 ADD 0.5 0.01 NA 512.25 NA\n"
    "1 1000 rs1 A G 0.3 0.99 5000 DOM 0.5 0.01 NA 1 NA\n"
    "1 2000 rs2 C A 0.3 0.99 5000 ADD -0.1 0.05 4 1.342 NA\n"
)
SAIGE = (
    "CHR\tPOS\tMarkerID\tAllele1\tAllele2\tAC_Allele2\tAF_Allele2\tMissingRate\tBETA\tSE\tTstat\tvar\tp.value\tN_case\t"
    "N_ctrl\n1\t1000\trs1\tA\tG\t10\t0.4\t0\t0.2\t0.05\t80\t400\t6.33e-05\t400\t600\n"
    "1\t1001\trs2\tC\tA\t10\t0.4\t0\t-2\t0.05\t80\t400\t0\t400\t600\n"
)
PLINK2 = (
    "#CHROM\tPOS\tID\tREF\tALT\tA1\tTEST\tOBS_CT\tOR\tLOG(OR)_SE\tZ_STAT\tP\tERRCODE\n"
    "1\t1000\trs1\tA\tG\tG\tADD\t900\t0.8\t0.1\t-2.23\t0.0257\t.\n"
    "1\t1000\trs1\tA\tG\tG\tAGE\t900\t1.1\t0.1\t1\t0.3\t.\n"
    "1\t1001\trs2\tC\tA\tC\tADD\t900\t1.5\t0.1\t4.05\t5e-5\t.\n"
)
CATALOG = (
    "chromosome\tbase_pair_location\teffect_allele\tother_allele\tbeta\tstandard_error\teffect_allele_frequency\t"
    "p_value\tvariant_id\trsid\tn\n1\t1000\tG\tA\t-0.5\t0.01\t0.2\t3.5e-546\t1_1000_A_G\trs1\t5000\n"
)
METAL = (
    "MarkerName\tAllele1\tAllele2\tFreq1\tWeight\tN\tZscore\tP-value\tDirection\n"
    "rs1\ta\tg\t0.5\t100\t100\t-2\t0.0455\t--\n"
)


def test_munge__bolt_takes_the_chi_square_of_its_first_p_column_and_says_so(tmp_path: Path) -> None:
    statistics, report = run(tmp_path, BOLT, n=1000)
    assert report.dialect == "BOLT-LMM"
    assert statistics.chi2 == pytest.approx([1600, 2.99])  # a p of 0 is no obstacle
    assert np.sign(statistics.z).tolist() == [1, -1]
    assert alleles(statistics) == ["GA", "CA"]
    assert report.statistic == "chi-square of CHISQ_BOLT_LMM, which belongs to P_BOLT_LMM; not used: P_BOLT_LMM_INF"
    statistics, report = run(tmp_path, BOLT, n=1000, p_column="P_BOLT_LMM_INF")
    assert statistics.chi2 == pytest.approx([0.56, 2.87])
    assert "belongs to P_BOLT_LMM_INF; not used: P_BOLT_LMM" in report.statistic


def test_munge__bolt_without_chi_squares_takes_p(tmp_path: Path) -> None:
    lines = [line.split("\t") for line in BOLT.splitlines()]
    keep = [i for i, name in enumerate(lines[0]) if not name.startswith("CHISQ")]
    text = "\n".join("\t".join(line[i] for i in keep) for line in lines) + "\n"
    statistics, report = run(tmp_path, text, n=1000)
    assert report.statistic == "p of P_BOLT_LMM; not used: P_BOLT_LMM_INF"
    assert statistics.chi2 == pytest.approx([0.25, stats.chi2.isf(0.084, 1)])
    assert "1 rows have a p of 0; their chi-square comes from the effect and its standard error" in report.notes
    only_infinitesimal = text.replace("\tP_BOLT_LMM\n", "\tOTHER\n")
    assert run(tmp_path, only_infinitesimal, n=1000)[1].statistic == "p of P_BOLT_LMM_INF"


def test_munge__regenie_has_no_underflow_and_one_test(tmp_path: Path) -> None:
    statistics, report = run(tmp_path, REGENIE)
    assert report.dialect == "REGENIE"
    assert alleles(statistics) == ["GA", "AC"]
    assert statistics.z[1] == pytest.approx(-2.0, abs=1e-3)
    # log10 p of z, from the first terms of the tail's expansion
    z = statistics.z[0]
    tail = -(z**2) / 2 - math.log(z * math.sqrt(2 * math.pi)) + math.log(2) + math.log1p(-1 / z**2)
    assert -tail / math.log(10) == pytest.approx(512.25, abs=1e-5)
    assert report.dropped == {"another test than ADD": 1}


def test_munge__saige_has_its_effect_on_the_second_allele(tmp_path: Path) -> None:
    statistics, report = run(tmp_path, SAIGE)
    assert report.dialect == "SAIGE"
    assert alleles(statistics) == ["GA", "AC"]
    assert statistics.z == pytest.approx([4.0, -40.0], abs=1e-3)
    assert statistics.n.tolist() == [1000, 1000]


def test_munge__plink2_finds_the_other_allele(tmp_path: Path) -> None:
    statistics, report = run(tmp_path, PLINK2)
    assert report.dialect == "PLINK 2"
    assert alleles(statistics) == ["GA", "CA"]
    assert statistics.z == pytest.approx([-2.23, 4.056], abs=2e-3)
    assert statistics.n.tolist() == [900, 900]


def test_munge__plink2_may_write_logarithms(tmp_path: Path) -> None:
    text = PLINK2.replace("\tP\t", "\tLOG10_P\t").replace("0.0257", "400")
    statistics, report = run(tmp_path, text.replace("5e-5", "1"))
    assert report.statistic == "minus log10 p of LOG10_P"
    assert statistics.z[0] < -42


def test_munge__gwas_catalog_prefers_rs_numbers_and_reads_p_below_the_smallest_double(tmp_path: Path) -> None:
    statistics, report = run(tmp_path, CATALOG)
    assert report.dialect == "GWAS catalog"
    assert statistics.id.tolist() == ["rs1"]
    assert alleles(statistics) == ["GA"]
    assert statistics.z[0] == pytest.approx(-z_of_log_p(np.array([math.log(3.5) - 546 * math.log(10)]))[0])
    assert statistics.z[0] < -49


def test_munge__usual_names_of_metal(tmp_path: Path) -> None:
    statistics, report = run(tmp_path, METAL)
    assert alleles(statistics) == ["AG"]
    assert statistics.z == pytest.approx([-2.0], abs=1e-3)
    assert report.columns["effect"] == "Allele1"


def test_munge__tells_the_separators_and_packing_apart(tmp_path: Path) -> None:
    rows = "SNP A1 A2 P BETA N\nrs1 A G 0.05 -1 100\nrs2 C A 0.5 1 100\n"
    expected = run(tmp_path, rows)[0].z
    for text in (rows.replace(" ", "\t"), rows.replace(" ", ","), rows.replace(" ", "   "), "  " + rows):
        assert run(tmp_path, text)[0].z.tolist() == expected.tolist()
    packed = tmp_path / "study.gz"
    packed.write_bytes(gzip.compress(rows.encode()))
    assert munge(packed)[0].z.tolist() == expected.tolist()


@given(st.floats(-1e5, -1e-9))
def test_z_of_log_p__is_the_inverse_of_the_normal_tail(log_p: float) -> None:
    z = z_of_log_p(np.array([log_p]))
    assert z[0] >= 0
    assert stats.norm.logsf(z[0]) + math.log(2) == pytest.approx(log_p, rel=1e-9, abs=1e-12)


# ---- filters

FILTERED = """SNP A1 A2 P BETA N INFO MAF
rs1 A G 0.5 1 1000 0.95 0.3
rs2 A G 0.5 -1 1000 0.85 0.3
rs3 A G 0.5 1 1000 NA 0.3
rs4 A G 0.5 -1 1000 1 0.005
rs5 A T 0.5 -1 1000 1 0.3
rs6 A AG 0.5 -1 1000 1 0.3
rs7 a c NA -1 1000 1 0.3
rs8 a c 0.3 -1 500 1 0.3
rs1 C A 0.2 -1 1000 1 0.3
rs9 G T 0.2 -1 1000 1 0.995
rs10 g t 0.2 -1 1000 1 0.6
rs11 g t 0.2 NA 1000 1 0.6
"""


def test_munge__counts_what_each_filter_drops(tmp_path: Path) -> None:
    statistics, report = run(tmp_path, FILTERED)
    assert statistics.id.tolist() == ["rs1", "rs3", "rs10"]
    assert report.dropped == {
        "a missing value": 2,
        "INFO": 1,
        "minor allele frequency": 2,
        "alleles that are not two of A, C, G, T": 1,
        "alleles that are the same on both strands": 1,
        "an id that came before": 1,
        "N below 666.667": 1,
    }
    assert report.n_rows == report.n_kept + sum(report.dropped.values())


def test_munge__the_filters_can_be_set(tmp_path: Path) -> None:
    statistics, _ = run(tmp_path, FILTERED, smallest_info=0.8, smallest_maf=0.0, smallest_n=1)
    assert statistics.id.tolist() == ["rs1", "rs2", "rs3", "rs4", "rs8", "rs9", "rs10"]


def test_munge__many_rows_are_filtered_like_few(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = run(tmp_path, FILTERED)
    monkeypatch.setattr("ambergen.io.gwas_tables._ROWS_AT_ONCE", 2)
    parts = run(tmp_path, FILTERED)
    assert parts[0].id.tolist() == whole[0].id.tolist()
    assert parts[1] == whole[1]
    with pytest.raises(FileFormatError, match=r"line 9: N is -500; expected a positive number"):
        run(tmp_path, FILTERED.replace("500", "-500"))


def test_munge__alleles_match_in_any_orientation_and_on_either_strand(tmp_path: Path) -> None:
    listed = table(tmp_path, "SNP A1 A2\nrs1 G A\nrs2 C T\nrs3 A C\nrs5 A C\n", "list.txt")
    rows = "SNP A1 A2 P BETA N\n" + "".join(f"rs{k} A G 0.5 {(-1) ** k} 9\n" for k in range(1, 5))
    statistics, report = munge(table(tmp_path, rows), listed=read_allele_list(listed))
    assert statistics.id.tolist() == ["rs1", "rs2"]
    assert report.dropped == {"not in the list": 1, "other alleles than in the list": 1}


def test_munge__a_p_of_zero_alone_is_dropped_and_counted(tmp_path: Path) -> None:
    rows = "SNP A1 A2 P N\nrs1 A G 0 9\nrs2 A G 1e-310 9\nrs3 A G 1 9\n"
    statistics, report = run(tmp_path, rows)
    assert statistics.id.tolist() == ["rs2", "rs3"]
    assert statistics.z == pytest.approx([z_of_log_p(np.array([-310 * math.log(10)]))[0], 0])
    assert report.dropped == {"a p of 0, and nothing else to take chi-square from": 1}
    assert report.sign == "unknown, all written as positive"


def test_munge__effects_of_one_sign_are_noted_or_refused(tmp_path: Path) -> None:
    rows = "".join(f"rs{k} A G 0.{k + 1:03d} 1.02 0.5 9\n" for k in range(200))
    _, report = run(tmp_path, "SNP A1 A2 P BETA SE N\n" + rows)
    assert any("100% of the signs in BETA are positive" in note for note in report.notes)
    with pytest.raises(InputError, match=r"100% of the effects in BETA are positive.*Name odds ratios OR"):
        run(tmp_path, "SNP A1 A2 X BETA SE N\n" + rows)


@pytest.mark.parametrize(
    ("text", "settings", "words"),
    [
        ("SNP A1 A2 P\nrs1 A G 1\n", {}, r"no column of sample sizes.*with --n"),
        ("SNP A1 A2 P\nrs1 A G 1\n", {"n": -5}, r"--n: is -5; expected a positive number"),
        ("A1 A2 P N\nA G 1 5\n", {}, r"line 1: no column has the variants' ids"),
        ("SNP A1 A2 N\nrs1 A G 5\n", {}, r"no column has p, chi-square, z, or beta with its error"),
        ("SNP A1 A2 P N\nrs1 A G 1.5 5\n", {}, r"line 2: P is 1.5; a p-value lies between 0 and 1"),
        ("SNP A1 A2 P N\nrs1 A G x 5\n", {}, r"line 2: P is 'x'; expected a number"),
        ("SNP A1 A2 CHISQ N\nrs1 A G -1 5\n", {}, r"line 2: CHISQ is -1; a chi-square is never negative"),
        ("SNP A1 A2 P N FRQ\nrs1 A G 1 5 30\n", {}, r"line 2: FRQ is 30; a frequency lies between 0 and 1"),
        ("SNP A1 A2 P N\nrs1 A T 1 5\n", {}, r"none of 1 rows is left: alleles that are the same on both strands 1"),
        ("SNP A1 A2 P N\nrs1 A T 1 5 6 7\n", {}, r"no row of the table \(line 2 has more cells than the header"),
        ("SNP A1 A2 P N\nrs1 A G 1 5\nrs2 A G 1 5 6\n", {}, r"no row of the table .*line 3, saw 6"),
        ("SNP A1 A2 P N\nrs1 A G 1 5\nrs2 A G 5\n", {}, r"line 3 has fewer cells .*write NA in cells without"),
        ("SNP A1 A2 P N\n", {}, r"there is no row below the header"),
        ("SNP A1 A2 P N\nrs1 A T 1 5\n", {"p_column": "PP"}, r"--p-column PP: .* has no such column; it has SNP, A1"),
    ],
)
def test_munge__refuses(tmp_path: Path, text: str, settings: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        run(tmp_path, text, **settings)


def test_munge__refuses_what_is_not_text(tmp_path: Path) -> None:
    (tmp_path / "study.bed").write_bytes(b"\x6c\x1b\x01\xff\xfe\x00")
    with pytest.raises(FileFormatError, match=r"study.bed, line 1: this is not text"):
        munge(tmp_path / "study.bed")


def test_read_allele_list__needs_a_header(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match=r"line 1: the columns are rs1, A, G; expected SNP, A1 and A2"):
        read_allele_list(table(tmp_path, "rs1 A G\n"))


def test_munge__real_table_of_a_uk_biobank_trait(shared_data: Path) -> None:
    statistics, report = munge(shared_data / "gwas" / "ukb_bolt_22x1Mb.sumstats.txt.gz", MungeConfig(n=337_000))
    assert report.dialect == "BOLT-LMM"
    assert report.n_rows == 82_448
    assert report.n_rows == report.n_kept + sum(report.dropped.values())
    assert len(statistics) > 50_000
    assert report.inflation > 1.5
