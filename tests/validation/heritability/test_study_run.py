from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ambergen.atomic import only_writer, write_bytes
from ambergen.errors import InputError, RunError
from ambergen.executors.processes import ProcessExecutor
from ambergen.io.annotation_output import annotation_path, write_annotations
from ambergen.io.annotations import open_annotation
from ambergen.io.genotypes import read_bim
from ambergen.io.ld_score_files import LDScoreOutput
from ambergen.validation.heritability import track_jobs, track_scores
from ambergen.validation.heritability.effect_annotations import AnnotationConfig
from ambergen.validation.heritability.tables import TRACKS, read_table
from ambergen.validation.heritability.track_study import StudyConfig
from ambergen.validation.ld_scoring import LDScoreConfig, Panel, panel_ld_scores
from tests.effects.conftest import make_model
from tests.validation.heritability.study import Study, settings, write_study

NAMES = ("tracks", "quintiles", "comparison")
NUMBERS = [name for name, kind in TRACKS.items() if kind is np.float64 and not name.endswith("q")]
CLOSE = {"rtol": 1e-9, "atol": 1e-13}


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return write_study(tmp_path_factory.mktemp("study"))


@pytest.fixture(scope="module")
def done(study: Study) -> Path:
    """The results of two arms of two models and two traits."""
    return study.run("done")


KILLED = """
import os, signal, sys
from pathlib import Path
from ambergen.validation.heritability import track_jobs, track_scores
from tests.validation.heritability.study import Study

module, name, left = (track_scores, "_write", 2) if sys.argv[1] == "scores" else (track_jobs, "write_json", 5)
write = getattr(module, name)

def dying(*arguments):
    global left
    left -= 1
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)
    write(*arguments)

setattr(module, name, dying)
Study(Path(sys.argv[2])).run("killed")
"""


def test_run_study__killed_twice_goes_on_and_gives_the_same_tables(study: Study, done: Path) -> None:
    out, root = study.folder / "killed", Path(__file__).parents[3]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(root)}
    for stage in ("scores", "regressions"):
        child = [sys.executable, "-c", KILLED, stage, str(study.folder)]
        process = subprocess.run(child, capture_output=True, env=environment, check=False)
        assert process.returncode == -signal.SIGKILL, process.stderr.decode()
        assert not (out / "tracks.tsv").exists()
    kept = {path: path.stat().st_mtime_ns for path in (out / "results").rglob("*.json")}
    assert len(kept) == 4
    study.run("killed")
    assert all(path.stat().st_mtime_ns == before for path, before in kept.items())
    for name in NAMES:
        assert (out / f"{name}.tsv").read_bytes() == (done / f"{name}.tsv").read_bytes()


def test_run_study__two_workers_give_what_one_gives(study: Study, done: Path) -> None:
    out = study.run("two", executor=ProcessExecutor(2))
    for name in NAMES:
        pd.testing.assert_frame_equal(read_table(out, name), read_table(done, name), **CLOSE)


def test_run_study__a_further_model_or_trait_adds_only_its_own_work(study: Study, done: Path) -> None:
    out = study.run("grown", models=1, traits=1)
    kept = {path: path.stat().st_mtime_ns for ending in ("*.npy", "*.json") for path in (out / "work").rglob(ending)}
    kept |= {path: path.stat().st_mtime_ns for path in (out / "results").rglob("*.json")}
    study.run("grown")
    assert len(kept) > 8
    assert all(path.stat().st_mtime_ns == before for path, before in kept.items())
    for name in NAMES:
        pd.testing.assert_frame_equal(read_table(out, name), read_table(done, name), **CLOSE)
    # other settings are another study: no old result is taken for it
    study.run("grown", config=settings(largest_chi2=60.0))
    assert not read_table(out, "tracks")["h2"].equals(read_table(done, "tracks")["h2"])


def test_run_study__one_command_at_a_time_works_in_a_folder(study: Study) -> None:
    (study.folder / "shared").mkdir()
    with only_writer(study.folder / "shared"), pytest.raises(RunError, match="another ambergen is at work in this"):
        study.run("shared", models=1, traits=1)
    assert not (study.folder / "shared" / "tracks.tsv").exists()


def test_run_study__without_two_arms_leaves_no_comparison(study: Study) -> None:
    out = study.run("alone", models=1, traits=1)
    assert (out / "comparison.parquet").exists()
    study.run("alone", traits=1, sources=[str(study.annotations("searched0"))])
    assert not (out / "comparison.parquet").exists()
    assert not (out / "comparison.tsv").exists()
    assert "comparison" not in json.loads((out / "heritability.json").read_text())
    assert set(read_table(out, "tracks")["arm"]) == {"model"}


def test_run_study__files_of_a_baseline_give_what_the_computed_one_gives(
    study: Study, done: Path, tmp_path: Path
) -> None:
    for number in (1, 2):
        variants = read_bim(study.folder / f"panel.{number}.bim")
        write_annotations(annotation_path(tmp_path / "base.@", str(number)), variants, ["base"], np.ones((500, 1)))
    for name, files in (("base", [open_annotation(tmp_path / "base.@")]), ("w", [])):
        with LDScoreOutput(tmp_path / f"{name}.@") as output:
            for part in panel_ld_scores(Panel(study.bfile, files), LDScoreConfig()):
                output.add(part.summary.chromosome, part.scores)
    given = {"ld_scores": str(tmp_path / "base.@"), "weights": str(tmp_path / "w.@")}
    out = study.run("files", models=1, **given)
    found, expected = read_table(out, "tracks"), read_table(done, "tracks")
    expected = expected[expected["model"].isin(found["model"])].reset_index(drop=True)
    pd.testing.assert_frame_equal(found[NUMBERS], expected[NUMBERS], rtol=1e-9)
    record = json.loads((out / "heritability.json").read_text())
    assert len(record["inputs"]["files"]["ld_scores"]) == 4
    assert record["baseline"]["variants"] == 999


def test_run_study__annotations_of_another_baseline_are_refused(study: Study, tmp_path: Path) -> None:
    with LDScoreOutput(tmp_path / "b.@") as output:
        for part in panel_ld_scores(Panel(study.bfile), LDScoreConfig()):
            output.add(part.summary.chromosome, part.scores)
    other = (study.annotations("searched1"),)
    given = {"ld_scores": str(tmp_path / "b.@"), "annotations": other}
    with pytest.raises(InputError, match="expected one for each column of LD scores"):
        study.run("other", models=1, traits=1, **given)


def test_run_study__a_file_of_effects_is_a_source(study: Study, tmp_path: Path) -> None:
    """The largest fifth over all tracks as one annotation, which has no quintiles."""
    make_model().save(tmp_path / "model")
    config = StudyConfig(AnnotationConfig(over_tracks="max", form="top", share=0.2), regression=settings().regression)
    common = {"traits": 1, "config": config}
    out = study.run("scored", sources=[str(tmp_path / "model")], genome=study.genome, **common)
    (first,) = read_table(out, "tracks").to_dict("records")
    assert (first["model"], first["track"], first["status"]) == ("model", "max_over_tracks", "ok")
    assert first["prop_snps"] == pytest.approx(0.2, abs=0.02)
    assert len(read_table(out, "quintiles")) == 0
    parts = [pd.read_parquet(out / "effects" / "model" / f"model.{number}.parquet") for number in (1, 2)]
    assert [len(part) for part in parts] == [500, 500]
    facts = json.loads((out / "heritability.json").read_text())["arms"]["model"]["model"]
    assert facts["variants"] == {"unscored": 0, "of another genome": 0}
    assert len(facts["checksum"]) == 64


def test_run_study__a_chromosome_without_enough_effects_is_refused_whole(study: Study, tmp_path: Path) -> None:
    """Effects that lack a chromosome: the message of the annotation, not of a failed job."""
    make_model().save(tmp_path / "model")
    study.run("half", traits=1, sources=[str(tmp_path / "model")], genome=study.genome)
    only = study.folder / "half" / "effects" / "model" / "model.1.parquet"
    write_bytes(tmp_path / "only.parquet", only.read_bytes())
    with pytest.raises(InputError, match="500 of 500 variants of chromosome 2 have no effect"):
        study.run("lacking", traits=1, sources=[str(tmp_path / "only.parquet")])


def test_score_chromosome__in_many_passes_gives_what_one_pass_gives(
    study: Study, done: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(track_scores, "_VALUES_AT_ONCE", 1000)
    out = study.run("passes", models=1, traits=1)
    found, expected = read_table(out, "tracks"), read_table(done, "tracks")
    expected = expected[expected["model"].isin(found["model"]) & (expected["trait"] == "trait0")]
    pd.testing.assert_frame_equal(found[NUMBERS], expected[NUMBERS].reset_index(drop=True), **CLOSE)


def test_run_study__a_damaged_part_or_result_is_made_again(study: Study, done: Path) -> None:
    out = study.run("damaged", traits=1, models=1)
    path = next((out / "results").rglob("0000.json"))
    path.write_text(path.read_text()[:50])
    before = (out / "tracks.tsv").read_bytes()
    study.run("damaged", traits=1, models=1)
    assert (out / "tracks.tsv").read_bytes() == before
    assert json.loads(path.read_text())["outcome"]["status"] == "ok"


def test_run_study__a_track_that_repeats_the_baseline_fails_with_its_reason(study: Study, tmp_path: Path) -> None:
    own = study.annotations("searched0")
    for number in (1, 2):
        variants = read_bim(study.folder / f"panel.{number}.bim")
        active = open_annotation(own).values(variants, slice(0, 500), str(number))[:, 0]
        columns = np.column_stack([np.ones(500), active])
        write_annotations(annotation_path(tmp_path / "b.@", str(number)), variants, ["base", "active"], columns)
    out = study.run("repeated", traits=1, sources=[str(own)], annotations=(tmp_path / "b.@",))
    rows = read_table(out, "tracks").set_index("track")
    assert rows["status"].to_dict() == {"active": "failed", "level": "ok", "nothing": "constant"}
    assert "the LD scores of active, active (track) are collinear" in rows.loc["active", "reason"]
    assert np.isnan(rows.loc["active", "q"])
    sentences = json.loads((out / "heritability.json").read_text())["sentences"]
    assert any("1 of 3 regressions failed" in sentence for sentence in sentences)


def test_run_study__ld_scores_of_one_column_need_no_annotation_and_those_of_another_panel_are_refused(
    study: Study, done: Path, tmp_path: Path
) -> None:
    with LDScoreOutput(tmp_path / "all.@") as output:
        for part in panel_ld_scores(Panel(study.bfile), LDScoreConfig()):
            output.add(part.summary.chromosome, part.scores)
    out = study.run("column", models=1, ld_scores=str(tmp_path / "all.@"))
    found, expected = read_table(out, "tracks"), read_table(done, "tracks")
    expected = expected[expected["model"].isin(found["model"])].reset_index(drop=True)
    pd.testing.assert_frame_equal(found[NUMBERS], expected[NUMBERS], rtol=1e-9)
    (tmp_path / "all.2.l2.M_5_50").write_text("700\n")
    words = r"all\.@: the annotation base adds up to 1,199 over the common variants .* and to 999 over those of"
    with pytest.raises(InputError, match=words):
        study.run("other", models=1, traits=1, ld_scores=str(tmp_path / "all.@"))
    for number in (1, 2):
        path = tmp_path / f"all.{number}.l2.ldscore.gz"
        path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()).replace(b"\tL2", b"\tgenesL2")))
    with pytest.raises(InputError, match="need the annotations too, and they are not beside the LD scores"):
        study.run("other", models=1, traits=1, ld_scores=str(tmp_path / "all.@"))


def test_run_study__a_job_that_is_lost_is_a_row_and_is_tried_again(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcome = track_jobs._outcome

    def short_of_memory(job: track_jobs.TrackJob) -> track_jobs.TrackOutcome:
        if job.track == "level":
            raise MemoryError("cannot allocate")
        return outcome(job)

    monkeypatch.setattr(track_jobs, "_outcome", short_of_memory)
    out = study.run("lost", models=1, traits=1)
    rows = read_table(out, "tracks").set_index(["arm", "track"])
    assert rows["status"].to_list() == ["ok", "failed", "constant"] * 2
    reason = rows.loc[("searched", "level"), "reason"]
    assert reason == "out of memory (MemoryError: cannot allocate). The same command tries it again."
    assert read_table(out, "comparison")["n_tracks"].max() == 1
    monkeypatch.undo()
    study.run("lost", models=1, traits=1)
    assert read_table(out, "tracks")["status"].to_list() == ["ok", "ok", "constant"] * 2
