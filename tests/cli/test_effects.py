from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import ambergen as ag
from tests.cli.conftest import Command, Refused
from tests.effects.conftest import make_model


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model of two seeds, a genome and some variants."""
    rng = np.random.default_rng(0)
    text = {name: "".join(rng.choice(list("ACGT"), 300)) for name in ("chr1", "chr2")}
    (tmp_path / "g.fa").write_text("".join(f">{name}\n{letters}\n" for name, letters in text.items()))
    base = text["chr1"]
    rows = [
        f"1\t100\trs1\t{base[99]}\tA,C,G,T\t.\t.\tX=1",
        f"chr1\t200\t.\t{base[199:203]}\t{base[199]}\t.\t.\t.",
        "chr1\t7\t.\tG\t<INV>\t.\t.\t.",
        "chr7\t7\t.\tG\tC\t.\t.\t.",
    ]
    (tmp_path / "v.vcf").write_text("#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n" + "\n".join(rows) + "\n")
    for seed in range(2):
        make_model(seed=seed).save(tmp_path / "model" / f"seed{seed}")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_effects__text_to_stdout(folder: Path, command: Command, capsys: pytest.CaptureFixture[str]) -> None:
    assert command("effects", "model/seed0", "v.vcf", "--genome", "g.fa", "--strands", "forward") == 0
    printed = capsys.readouterr()
    rows = pd.read_csv(io.StringIO(printed.out), sep="\t")
    assert len(rows) == 7 * 3
    assert rows["status"].value_counts().to_dict() == {"ok": 15, "unsupported": 3, "unknown_contig": 3}
    assert rows["strand"].eq("forward").all()
    assert "v.vcf: 5 ok, 1 unsupported, 1 unknown_contig" in printed.err
    expected = ag.effects.score(make_model(), folder / "g.fa", folder / "v.vcf", strands="forward")
    assert rows["logit_diff"].to_numpy() == pytest.approx(expected.logit_diff.ravel(), abs=2e-6, nan_ok=True)


def test_effects__seeds_background_and_files(
    folder: Path, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    build = ["effects", "model", "--genome", "g.fa", "--build-background", "b.npz", "--random", 80]
    assert command(*build) == 0
    assert "b.npz: deepsea_effect of 80 alleles on 3 tracks, of 80 random single-base variants of g.fa, seed 0" in (
        capsys.readouterr().err
    )
    for name in ("e.parquet", "e.tsv", "e.vcf.gz"):
        options = ["--background", "b.npz", "--summary", "s.tsv", "-o", name]
        assert command("effects", "model", "v.vcf", "--genome", "g.fa", *options) == 0
    found = ag.effects.read("e.parquet")
    assert {"percentile", "e_value", "p_value", "z", "diff_spread"} <= set(found.matrices)
    assert "mean_log10_e" in pd.read_csv("s.tsv", sep="\t")
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        ["b.npz", "e.parquet", "e.tsv", "e.vcf.gz", "g.fa", "model", "s.tsv", "v.vcf"]
    )


def test_effects__saturation(folder: Path, command: Command) -> None:
    assert command("effects", "model", "--genome", "g.fa", "--saturation", "chr2:5-14", "-o", "e.tsv") == 0
    found = ag.effects.read("e.tsv")
    assert len(found) == 30
    assert found.variants["pos"].tolist() == [position for position in range(5, 15) for _ in range(3)]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["v.vcf", "-o", "e.xls"], "expected one of .tsv, .tsv.gz, .parquet"),
        (["v.vcf", "--track", "x"], "track 'x': the model has both, forward, reverse"),
        (["v.vcf", "--mismatch", "error", "--genome", "g2.fa"], "reference allele is"),
        (["v.vcf", "--saturation", "chr1:1-2"], "expected one source of variants"),
        ([], "there are no variants"),
        (["v.vcf", "--background", "none.npz"], "none.npz: there is no such file"),
        (["none.vcf"], "none.vcf: there is no such file"),
        (["g.fa"], "neither VCF nor a table of variants"),
        (["v.vcf", "--summary", "s.tsv"], "Name that one with --out"),
        (["v.vcf", "--groups", "s.tsv"], "s.tsv: there is no such file"),
        (["v.vcf", "--shift", "11"], "shift: 11 bases move the variant out"),
        (["--build-background", "b.npz", "--background", "b.npz"], "exclude each other"),
        (["--build-background", "b.txt"], "a background is a .npz file"),
        (["--saturation", "chr1:1-2", "-o", "e.vcf"], "is no VCF"),
        (["v.vcf", "-o", "e.tsv", "--summary", "v.vcf"], "v.vcf: the command reads it, and it would be overwritten"),
        (["v.vcf", "-o", "e.tsv", "--summary", "./e.tsv"], "e.tsv: another result goes there, too"),
        (["v.vcf", "-o", "g2.fa", "--groups", "g2.fa"], "g2.fa: the command reads it"),
        (["n.vcf", "--build-background", "b.npz"], "no allele can be scored (1 unsupported)"),
    ],
)
def test_effects__refuses_with_a_remedy(folder: Path, refused: Refused, arguments: list[str], words: str) -> None:
    (folder / "g2.fa").write_text(">chr1\n" + "N" * 300 + "\n")
    (folder / "n.vcf").write_text("##fileformat=VCFv4.2\nchr1\t5\t.\tA\t<DEL>\n")
    genome = [] if "--genome" in arguments else ["--genome", "g.fa"]
    before = sorted(folder.iterdir())
    assert words in refused("effects", "model/seed0", *arguments, *genome)
    assert sorted(folder.iterdir()) == before


def test_effects__says_when_nothing_lies_on_the_genome(
    folder: Path, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "v.vcf").write_text("chr8\t5\t.\tA\tC\n")
    assert command("effects", "model", "v.vcf", "--genome", "g.fa", "-o", "e.tsv") == 2
    said = capsys.readouterr().err
    assert "v.vcf: has no header; its columns are taken as CHROM, POS, ID, REF and ALT" in said
    assert "none of its contigs is in g.fa, which has chr1, chr2" in said
    assert ag.effects.read("e.tsv").variants["status"].tolist() == ["unknown_contig"]


def test_effects__refuses_another_assembly(folder: Path, refused: Refused) -> None:
    text = (folder / "v.vcf").read_text()
    (folder / "v.vcf").write_text(f"##fileformat=VCFv4.2\n##contig=<ID=1,length=301>\n{text}")
    assert "v.vcf, header: contig 1 has 301 bases; g.fa has 300" in refused(
        "effects", "model", "v.vcf", "--genome", "g.fa"
    )


def test_effects__agreement_with_measured_ones(
    folder: Path, command: Command, refused: Refused, capsys: pytest.CaptureFixture[str]
) -> None:
    region = ["--genome", "g.fa", "--saturation", "chr2:5-14", "-o", "e.tsv"]
    assert command("effects", "model", *region) == 0
    effects = ag.effects.read("e.tsv")
    table = effects.variants[["chrom", "pos", "ref", "alt"]].assign(Coefficient=-3 * effects.logit_diff[:, 0])
    table.to_csv("m.tsv", sep="\t", index=False)
    capsys.readouterr()
    assert command("effects", "model", *region, "--measured", "m.tsv", "--json") == 0
    first = json.loads(capsys.readouterr().out)[0]
    assert (first["track"], first["n"]) == ("both", 30)
    assert first["spearman"] == pytest.approx(-1)
    assert command("effects", "model", *region, "--measured", "m.tsv") == 0
    assert capsys.readouterr().out.splitlines()[3].split()[:5] == ["all", "both", "30", "30", "-1.0000"]
    assert "x is missing" in refused("effects", "model", *region, "--measured", "m.tsv", "--measured-column", "x")
