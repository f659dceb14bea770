from __future__ import annotations

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


def test_vcf_output__refuses_many_tracks() -> None:
    check_number_of_tracks("a.vcf", ["t"] * 50)
    with pytest.raises(InputError, match=r"a.vcf: 51 tracks do not go into the INFO column.*--track NAME"):
        check_number_of_tracks("a.vcf", ["t"] * 51)
