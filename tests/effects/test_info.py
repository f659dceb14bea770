from __future__ import annotations

import json
from pathlib import Path

import pytest

import ambergen as ag
from ambergen.effects.info import VcfOutput, check_number_of_tracks
from ambergen.errors import InputError
from ambergen.io.genome import Genome
from ambergen.io.vcf import read_vcf
from tests.effects.conftest import Linear, make_model

VCF = """\
##fileformat=VCFv4.2
##source=me "here"
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tNA1
chr1\t50\trs1\t{base}\tT,<DEL>,TA\t9\tPASS\tDP=3;DB\tGT\t0|1
chr1\t60\t.\tAAAAAA\tC\t.\t.\t.\tGT\t0/0
chr9\t60\t.\tA\tC\t.\t.\tX=1\tGT\t0/0
"""


def written(folder: Path, genome: Genome, model: object, text: str, name: str = "out.vcf") -> list[list[str]]:
    source = folder / "in.vcf"
    source.write_text(text)
    effects = ag.effects.score(model, genome, source)
    output = VcfOutput(folder / name, name, source, effects.tracks)
    for first, last in ((0, 3), (3, len(effects))):  # parts end with a record
        output.write(effects.rows(first, last))
    output.close()
    return [line.split("\t") for line in (folder / name).read_text().splitlines()]


def info(cell: str) -> dict[str, str]:
    return dict(entry.partition("=")[::2] for entry in cell.split(";"))


def test_vcf_output__adds_one_value_an_allele(tmp_path: Path, genome: Genome, sequences: dict[str, str]) -> None:
    model = Linear(21, n_tracks=1)
    text = VCF.format(base=sequences["chr1"][49])
    lines = written(tmp_path, genome, model, text)
    effects = ag.effects.score(model, genome, tmp_path / "in.vcf")
    body = [line for line in lines if not line[0].startswith("#")]
    found = info(body[0][7])
    assert found["DP"] == "3"
    assert "DB" in found
    assert found["AMBERGEN_STATUS"] == "ok,unsupported,ok"
    first, middle, last = found["AMBERGEN_DIFF"].split(",")
    assert middle == "."
    assert [float(first), float(last)] == pytest.approx(effects.diff[[0, 2], 0], rel=1e-5)
    assert "AMBERGEN_REF_MISMATCH" in info(body[1][7])
    assert "AMBERGEN_REF_MISMATCH" not in found
    assert info(body[2][7]) == {
        "X": "1",
        "AMBERGEN_STATUS": "unknown_contig",
        "AMBERGEN_DIFF": ".",
        "AMBERGEN_LOGIT_DIFF": ".",
    }
    given = [line.split("\t") for line in text.splitlines()]
    assert [line[:7] + line[8:] for line in body] == [line[:7] + line[8:] for line in given[3:]]
    assert lines[:2] == given[:2]
    header = [line[0] for line in lines if line[0].startswith("##INFO")]
    assert (
        '##INFO=<ID=AMBERGEN_DIFF,Number=A,Type=Float,Description="Alternate minus reference allele, track track0">'
        in (header)
    )
    keys = {line.split(",")[0].removeprefix("##INFO=<ID=") for line in header}
    assert keys >= {key for line in body for key in info(line[7]) if key.startswith("AMBERGEN")}


def test_vcf_output__numbers_tracks_and_completes_columns(tmp_path: Path, genome: Genome) -> None:
    lines = written(tmp_path, genome, make_model(), "chr1\t50\t.\tA\tC,G,T\nchr1\t51\t.\tA\tC\nchr1\t52\t.\tA\tC,G\n")
    assert lines[0] == ["##fileformat=VCFv4.3"]
    body = [line for line in lines if not line[0].startswith("##")]
    assert body[0] == ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO"]
    assert {len(line) for line in body} == {8}
    assert {f"AMBERGEN_DIFF_{track}" for track in (1, 2, 3)} <= set(info(body[1][7]))
    assert list(read_vcf(tmp_path / "out.vcf")) == list(read_vcf(tmp_path / "in.vcf"))


def test_vcf_output__of_a_file_without_records_has_a_header(tmp_path: Path, genome: Genome) -> None:
    (tmp_path / "in.vcf").write_text("##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\n")
    effects = ag.effects.score(make_model(), genome, tmp_path / "in.vcf")
    output = VcfOutput(tmp_path / "out.vcf", "out.vcf", tmp_path / "in.vcf", effects.tracks)
    output.write(effects)
    output.close()
    lines = (tmp_path / "out.vcf").read_text().splitlines()
    assert lines[-1].split("\t") == ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO"]
    assert any(line.startswith("##INFO=<ID=AMBERGEN_LOGIT_DIFF_3,") for line in lines)


def test_vcf_output__refuses_many_tracks() -> None:
    check_number_of_tracks("a.vcf", ["t"] * 50)
    with pytest.raises(InputError, match=r"a.vcf: 51 tracks do not go into the INFO column.*--track NAME"):
        check_number_of_tracks("a.vcf", ["t"] * 51)


def test_vcf_output__replaces_what_an_earlier_run_wrote(tmp_path: Path, genome: Genome) -> None:
    text = VCF.format(base="A")
    first = written(tmp_path, genome, Linear(21, n_tracks=1), text)
    again = written(tmp_path, genome, Linear(21, n_tracks=1), "\n".join("\t".join(line) for line in first) + "\n")
    assert again == first
    facts = [line[0] for line in first if line[0].startswith("##ambergen_effects=")]
    assert len(facts) == 1
    assert json.loads(facts[0].partition("=")[2])["strands"] == "mean_logits"


def test_vcf_output__is_read_and_indexed_by_htslib(tmp_path: Path, genome: Genome, sequences: dict[str, str]) -> None:
    pysam = pytest.importorskip("pysam")
    base = sequences["chr1"]
    header = "".join(f"##contig=<ID={name},length={len(text)}>\n" for name, text in sequences.items())
    rows = [f"chr1\t{p}\trs{p}\t{base[p - 1]}\tT,<DEL>,{base[p - 1]}A\t.\tPASS\t.\n" for p in range(20, 380)]
    source = tmp_path / "in.vcf"
    source.write_text(
        f'##fileformat=VCFv4.3\n{header}##FILTER=<ID=PASS,Description="">\n##ALT=<ID=DEL,Description="">\n'
        f"#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n{''.join(rows)}"
    )
    effects = ag.effects.score(make_model(), genome, source)
    output = VcfOutput(tmp_path / "out.vcf.gz", "out.vcf.gz", source, effects.tracks)
    output.write(effects)
    output.close()
    pysam.tabix_index(str(tmp_path / "out.vcf.gz"), preset="vcf")
    with pysam.VariantFile(str(tmp_path / "out.vcf.gz")) as file:
        found = list(file.fetch("chr1", 199, 202))
    assert [record.id for record in found] == ["rs200", "rs201", "rs202"]
    assert found[0].info["AMBERGEN_STATUS"] == ("ok", "unsupported", "ok")
    values = found[0].info["AMBERGEN_DIFF_2"]
    row = 3 * (200 - 20)
    assert values[0] == pytest.approx(effects.diff[row, 1], rel=1e-5)
    assert values[1] is None
    assert values[2] == pytest.approx(effects.diff[row + 2, 1], rel=1e-5)
