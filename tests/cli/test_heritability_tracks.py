from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from ambergen.validation.heritability.tables import COMPARISON, QUINTILES, TRACKS, read_table
from tests.cli.conftest import Command, Refused
from tests.effects.conftest import make_model
from tests.validation.heritability.study import N_JACKKNIFE, Study, write_study


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return write_study(tmp_path_factory.mktemp("study"))


@pytest.fixture(scope="module")
def done(study: Study, command: Command) -> Path:
    """The results of two arms of two models and two traits."""
    assert command(*study.arguments("done")) == 0
    return study.folder / "done"


def test_tracks__the_planted_track_is_found_and_the_permuted_one_is_not(done: Path) -> None:
    frame = read_table(done, "tracks")
    assert list(frame.columns) == list(TRACKS)
    active = frame[frame["track"] == "active"]
    searched, sampled = active[active["arm"] == "searched"], active[active["arm"] == "sampled"]
    assert len(searched) == len(sampled) == 4
    assert (searched["q"] < 0.01).all()
    assert (searched["enrichment"] > 2).all()
    assert (sampled["q"] > 0.05).all()
    quintiles = read_table(done, "quintiles")
    assert list(quintiles.columns) == list(QUINTILES)
    highest = quintiles[quintiles["quintile"] == "5"].set_index(["arm", "model", "trait", "track"])["enrichment"]
    assert highest["searched", "searched0", "trait0", "active"] > 2
    said = json.loads((done / "heritability.json").read_text())
    assert "of 8 regressions over 3 tracks, 2 models, 2 traits" in said["sentences"][0]
    assert said["panel"]["constant_or_rare"] == 1
    assert said["baseline"]["annotations"] == ["base"]
    assert len(said["inputs"]["files"]["panel"]) == 6
    assert all(len(one["sha256"]) == 64 for one in said["inputs"]["files"]["statistics"])


def test_tracks__an_annotation_that_does_not_vary_is_a_row_with_its_reason(done: Path) -> None:
    frame = read_table(done, "tracks")
    nothing = frame[frame["track"] == "nothing"]
    assert set(nothing["status"]) == {"constant"}
    assert nothing["reason"].iloc[0] == "the annotation is 0 for all 999 variants that vary in the panel"
    assert nothing["q"].isna().all()
    assert (frame[frame["track"] != "nothing"]["status"] == "ok").all()


def test_compare__finds_the_difference_and_runs_on_the_folder_alone(
    done: Path, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (done / "comparison.tsv").read_bytes()
    assert command("heritability", "compare", done, "--json") == 0
    assert (done / "comparison.tsv").read_bytes() == before
    rows = pd.DataFrame(json.loads(capsys.readouterr().out)["comparison"])
    assert list(rows.columns) == list(COMPARISON)
    over = rows[(rows["trait"] == "all") & (rows["view"] == "all") & (rows["test"] == "random_effects")]
    assert set(over["measure"]) == {"log_enrichment", "enrichment", "tau_star"}
    assert (over["low"] > 0).all()
    assert (rows["n_searched"] == 2).all()


def test_tracks__equal_the_commands_by_hand(
    study: Study, command: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_model().save(tmp_path / "model")
    baseline = study.annotations("searched0")
    (tmp_path / "base.bed").write_text("1\t0\t2000\n2\t1000\t4000\n")
    shared = ["--annot", tmp_path / "ones.@", "--annot", tmp_path / "base.bed"]
    for number in (1, 2):
        rows = pd.read_csv(str(baseline).replace("@", f"{number}.annot.gz"), sep="\t")[["CHR", "BP", "SNP", "CM"]]
        rows.assign(ones=1).to_csv(tmp_path / f"ones.{number}.annot.gz", sep="\t", index=False)
    command_line = [
        "heritability", "tracks", study.sumstats(0), study.sumstats(1), "--model", tmp_path / "model",
        "--genome", study.genome, "--bfile", study.bfile, *shared, "--n-blocks", N_JACKKNIFE, "--intercept-h2", 1,
        "-o", tmp_path / "out",
    ]  # fmt: skip
    assert command(*command_line) == 0
    found = read_table(tmp_path / "out", "tracks").set_index(["trait", "track"])
    quintiles = read_table(tmp_path / "out", "quintiles").set_index(["trait", "track"])
    scored = (tmp_path / "out" / "effects" / "model").glob("*.parquet")
    assert sorted(path.name for path in scored) == ["model.1.parquet", "model.2.parquet"]
    # by hand
    scores = ["ldscore", study.bfile, "--ld-wind-cm", 1, "-o"]
    assert command(*scores, tmp_path / "w.@") == 0
    assert command(*scores, tmp_path / "b.@", *shared) == 0
    source: list[object] = [tmp_path / "model", "--genome", study.genome]
    annotate = ["heritability", "annotate", *source, "--bfile", study.bfile, "--track"]
    for track in ("both", "forward"):
        mine = tmp_path / f"{track}.@"
        assert command(*annotate, track, "-o", mine) == 0
        assert command(*scores, mine, "--annot", mine) == 0
        arguments = [
            "--ref-ld", f"{tmp_path / 'b.@'},{mine}", "--w-ld", tmp_path / "w.@", "--bfile", study.bfile, *shared,
            "--annot", mine, "--quantiles-of", track, "--n-blocks", N_JACKKNIFE, "--intercept-h2", 1, "--json",
        ]  # fmt: skip
        capsys.readouterr()
        assert command("heritability", "run", study.sumstats(0), study.sumstats(1), *arguments) == 0
        for trait in json.loads(capsys.readouterr().out)["traits"]:
            expected = next(row for row in trait["annotations"] if row["Category"] == track)
            own = found.loc[(trait["trait"], track)]
            for name, column in (
                ("Prop._SNPs", "prop_snps"), ("Prop._h2", "prop_h2"), ("Prop._h2_std_error", "prop_h2_se"),
                ("Enrichment", "enrichment"), ("Enrichment_std_error", "enrichment_se"),
                ("Enrichment_p", "enrichment_p"), ("Coefficient", "coefficient"),
                ("Coefficient_std_error", "coefficient_se"), ("Coefficient_z-score", "coefficient_z"),
                ("Coefficient_p", "coefficient_p"), ("tau_star", "tau_star"), ("tau_star_std_error", "tau_star_se"),
            ):  # fmt: skip
                assert own[column] == pytest.approx(expected[name], rel=1e-10), column
            assert own["h2"] == pytest.approx(trait["h2"], rel=1e-10)
            assert own["h2_se"] == pytest.approx(trait["h2_error"], rel=1e-10)
            assert own["n_snps"] == trait["variants"]
            bins = quintiles.loc[(trait["trait"], track)]
            by_hand = [row["Enrichment"] for row in trait["quantiles"]]
            assert bins["enrichment"].to_numpy() == pytest.approx(by_hand, rel=1e-9)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--arm", "searched"], "--arm searched: expected NAME=PATH"),
        (["--arm", "a b={study}/searched0.@"], "expected NAME=PATH, such as"),
        (["--arm", "x={study}/none*"], "no file or folder fits this pattern"),
        (["--model", "{study}/searched0.@", "--model", "{study}/searched0.@"], "both are called searched0 in the arm"),
        (["--model", "{tmp}"], "a model scores windows of a genome; expected --genome FASTA"),
        (["--model", "{study}/searched0.@", "--genome", "{study}/genome.fa"], "--genome: is for models"),
        (["--model", "{tmp}", "--genome", "{study}/genome.fa"], "there is no model; expected a folder with"),
        (["--model", "{study}/searched0.@", "--track", "what"], "there is no annotation what"),
        (
            ["--model", "{study}/searched0.@", "--n-blocks", 200],
            "876 of 1,000 variants are left for the regression, whose reference has 1,000, 124 chi-",
        ),
        (["--model", "{study}/searched0.@", "{study}/trait0.sumstats.gz"], "two files give the name trait0"),
        (["--model", "{study}/searched0.@", "{tmp}/all.sumstats"], "a trait cannot be called all"),
        (
            ["--model", "{study}/searched0.@", "{tmp}/other.sumstats"],
            "other.sumstats: no variant of the study has LD scores",
        ),
        (["--model", "{study}/searched0.@", "--chisq-max", 1e-9], "no variant of the study has a chi-square below"),
        (["--model", "{study}/searched0.@", "{tmp}/few.sumstats"], "1 of 1 variants are left for the regression"),
        (["--model", "{study}/searched0.@", "--baseline", "{tmp}/none.@"], "there is no such file for any chromosome"),
        (["--model", "{study}/searched0.@", "--print-snps", "{tmp}/list"], "none of the variants of the regression"),
        (["--model", "{tmp}/long", "--genome", "{tmp}/short.fa"], "has 40 bases, the model's windows have 101"),
        (["--model", "{tmp}/model", "--genome", "{tmp}/one.fa"], "chromosome 2 is not in"),
        (["--model", "{tmp}/model", "--genome", "{tmp}/other.fa"], "have neither of their alleles in"),
        (["--model", "{tmp}/model", "--genome", "{tmp}/cut.fa"], "stands at 1:5000, and"),
    ],
)
def test_tracks__wrong_input_is_told_and_leaves_no_table(
    study: Study, refused: Refused, tmp_path: Path, more: list[object], words: str
) -> None:
    row = "SNP\tA1\tA2\tN\tZ\nsnp1\tA\tG\t100\t1\n"
    (tmp_path / "all.sumstats").write_text(row)
    (tmp_path / "other.sumstats").write_text(row)
    (tmp_path / "few.sumstats").write_text(row.replace("snp1", "rs1"))
    (tmp_path / "list").write_text("one\ntwo\n")
    if any("{tmp}/" in str(one) and not str(one).endswith((".sumstats", "list", ".@")) for one in more):
        make_model().save(tmp_path / "model")
        make_model(101).save(tmp_path / "long")
        text = study.genome.read_text().split()
        (tmp_path / "short.fa").write_text(f">1\n{text[1][:40]}\n>2\n{text[3]}\n")
        (tmp_path / "cut.fa").write_text(f">1\n{text[1][:4000]}\n>2\n{text[3]}\n")
        (tmp_path / "one.fa").write_text(f">1\n{text[1]}\n")
        (tmp_path / "other.fa").write_text(f">1\n{text[1][1:]}A\n>2\n{text[3][1:]}A\n")
    filled = [str(one).replace("{study}", str(study.folder)).replace("{tmp}", str(tmp_path)) for one in more]
    base = ["heritability", "tracks", study.sumstats(0), "--bfile", study.bfile, "-o", tmp_path / "out"]
    blocks = [] if "--n-blocks" in more else ["--n-blocks", N_JACKKNIFE]
    assert words in refused(*base, *blocks, *filled)
    assert not (tmp_path / "out" / "tracks.tsv").exists()


def test_compare__wrong_input_is_told(done: Path, study: Study, refused: Refused, tmp_path: Path) -> None:
    assert "expected the folder of a finished" in refused("heritability", "compare", tmp_path)
    assert "there is no arm random; the study has searched, sampled" in refused(
        "heritability", "compare", done, "--sampled", "random"
    )
    assert "both are searched; expected two arms" in refused("heritability", "compare", done, "--sampled", "searched")
