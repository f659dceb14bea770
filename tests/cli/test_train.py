"""`ambergen train --scorer`: a rival on the run's store, and what is wrong with a request."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from ambergen.baselines.deepbind_scorer import DeepBindScorer
from ambergen.baselines.loading import load
from tests.cli.conftest import Command, Refused

if TYPE_CHECKING:
    from ambergen.datasets.store import Store


def test_train__a_rival_needs_no_search(
    project: Path, command: Command, refused: Refused, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("train", project / "run.yaml", "--set", "train.seeds=1", "--set", "train.epochs=1", "--recipe", "run")
    assert command(*arguments, "--scorer", "deepbind", "--settings", 0, "--json") == 0
    (record,) = json.loads(capsys.readouterr().out)
    assert record["epochs"] == 1
    folder = project / "out" / "rivals" / "deepbind" / "seed0"
    assert record["model"] == str(folder)
    assert isinstance(load(folder), DeepBindScorer)
    assert not (project / "out" / "events.jsonl").exists()
    # Another recipe is another model
    assert "trained with settings 0, not 1" in refused(*arguments, "--scorer", "deepbind", "--settings", 1)
    assert "the scorer is pwm and no file of motifs is given" in refused(
        "train", project / "run.yaml", "--scorer", "pwm"
    )
    assert "Did you mean 'deepsea'?" in refused(*arguments[:-1], "deepse", "--scorer", "danq")


def test_train__motifs_are_read_before_anything_is_built(project: Path, refused: Refused) -> None:
    (project / "m.jaspar").write_text(">M1 GATA\nA [1 0]\nC [0 1]\nG [0 1]\nT [1 0]\n")
    arguments = ("train", project / "run.yaml", "--scorer", "pwm", "--motifs")
    assert "absent: there is no such file" in refused(*arguments, project / "absent")
    assert "train: --scale says how a rival is trained, and there is none; expected it with --scorer" in refused(
        "train", project / "run.yaml", "--scale", 0.5
    )
    assert "no motif is called SPI1" in refused(*arguments, project / "m.jaspar", "--motif", "SPI1")
    assert not (project / "out").exists()


def test_train__bpnet_learns_counts_and_scores_variants(
    count_store: Store, tmp_path: Path, command: Command, refused: Refused, capsys: pytest.CaptureFixture[str]
) -> None:
    files = count_store.path.parent
    run = tmp_path / "run.yaml"
    run.write_text(
        f"data:\n  genome: {files}/genome.fa\n  tracks: {files}/sites.bed\n"
        f"  counts: {{tracks: [{{name: chip, plus: {files}/plus.bw, minus: {files}/minus.bw}}], shift: 8}}\n"
        "  windows: {length: 64, bin: 32, step: 64, label: any}\n"
        "  split: {test: [test], selection: [selection], search: [search]}\n"
        "train: {preset: bpnet, seeds: 1, epochs: 1, batch: 64, shift: 8, precision: float32}\n"
        "execute: {engine: inline}\nout: out\n"
    )
    assert command("check", run) == 0
    assert "1 track of reads, 2 files on this genome" in capsys.readouterr().out
    assert command("build", run, "--json") == 0
    built = json.loads(capsys.readouterr().out)
    assert built["mean_reads"]["chip+"]["train"] > 1
    assert command("build", run) == 0
    assert f"{built['mean_reads']['chip-']['train']:.1f}" in capsys.readouterr().out.splitlines()[-1]
    arguments = ("train", run, "--scorer", "bpnet", "--scale", 0.1)
    assert "train.shift: 200 bases, and the counts of" in refused(*arguments)
    assert "--count-weight: 'much'; expected a number above 0, or balanced" in refused(
        *arguments, "--recipe", "run", "--count-weight", "much"
    )
    assert command(*arguments, "--recipe", "run", "--count-weight", "balanced") == 0
    text = capsys.readouterr().out
    assert [line.split()[-10:-8] for line in text.splitlines()[2:4]] == [["selection", "chip"], ["test", "chip"]]
    assert command(*arguments, "--recipe", "run", "--count-weight", "balanced", "--json") == 0
    (record,) = json.loads(capsys.readouterr().out)
    assert [row["split"] for row in record["coverage"]] == ["selection", "test"]

    model = tmp_path / "out" / "rivals" / "bpnet" / "seed0"
    genome = ("--genome", files / "genome.fa")
    assert command("effects", model, *genome, "--saturation", "test:1000-1004", "-o", tmp_path / "effects.tsv") == 0
    effects = pd.read_csv(tmp_path / "effects.tsv", sep="\t")
    assert (len(effects), set(effects["track"]), set(effects["strand"])) == (15, {"chip"}, {"mean_scores"})
    assert effects["diff"].abs().min() > 0
    assert effects["logit_diff"].isna().all()
    (tmp_path / "sites.bed").write_text("test\t1000\t1010\ntest\t2000\t2064\n")
    assert command("predict", model, tmp_path / "sites.bed", *genome, "-o", tmp_path / "tracks.tsv") == 0
    reads = np.exp(pd.read_csv(tmp_path / "tracks.tsv", sep="\t")["chip"])
    assert ((reads > 1) & (reads < 100)).all()
    assert command("describe", model) == 0
    assert "bpnet" in capsys.readouterr().out
