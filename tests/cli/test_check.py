from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Command


def test_check__a_sound_run_is_well_and_nothing_is_written(
    project: Path, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("check", project / "run.yaml") == 0
    text = capsys.readouterr().out
    assert "3 tracks, positive in" in text
    assert "splits: train 750, search 187, selection 187, test 125 bins" in text
    assert f"Next: ambergen run {project / 'run.yaml'}" in text
    assert not (project / "out").exists()


def problems(command: Command, capsys: pytest.CaptureFixture[str], *arguments: object) -> list[str]:
    status = command("check", *arguments, "--json")
    found = [f for f in json.loads(capsys.readouterr().out) if f["level"] == "problem"]
    assert status == (2 if found else 0)
    return [f"{f['subject']}: {f['message']}" for f in found]


def test_check__says_where_the_trainings_of_a_cluster_run(
    project: Path, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--set", "execute.engine=ray", "--set", "execute.ray.address=10.0.0.1:6379", "--json"]
    command("check", project / "run.yaml", *arguments)
    found = json.loads(capsys.readouterr().out)
    assert any("trainings run in Ray's workers on the cluster at 10.0.0.1:6379" in f["message"] for f in found)


def test_check__names_settings_that_the_method_does_not_look_at(
    project: Path, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = ("search.rungs.epochs=[1, 2]", "search.prescreen.score=naswot", "search.against=parameters")
    given = [word for s in settings for word in ("--set", s)]
    assert command("check", project / "run.yaml", *given, "--set", "search.method=enas") == 0
    text = capsys.readouterr().out
    for key in ("rungs", "prescreen"):
        alone = f"search.{key} is for methods that train each candidate alone"
        assert f"note    search: {alone}; the method enas does not look at it" in text
    assert "search.against is for hierarchical, evolution, oneshot; the method enas does not" in text
    evolution = ("search.method=evolution", "search.budget=5 trials")
    assert command("check", project / "run.yaml", *given, *(w for s in evolution for w in ("--set", s))) == 0
    assert "does not look at" not in capsys.readouterr().out


def test_check__names_a_rival_that_was_not_trained(
    project: Path, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    (problem,) = problems(command, capsys, project / "run.yaml", "--set", "compare.trained=[gkm]")
    assert problem.startswith("compare: compare.trained: gkm is named, and there is no model of it in ")
    assert "--scorer gkm" in problem


def test_check__counts_the_space_that_the_method_searches(
    project: Path, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    sizes = []
    for method in ("evolution", "hierarchical"):
        settings = (f"search.method={method}", "search.budget=5 trials")
        assert command("check", project / "run.yaml", *(w for s in settings for w in ("--set", s))) == 0
        sizes.append(next(x for x in capsys.readouterr().out.splitlines() if x.startswith("ok      space:")))
    assert "216 architectures" in sizes[0]
    assert "216 architectures" not in sizes[1]


def test_check__tells_all_missing_files(project: Path, command: Command, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "forward.bed").unlink()
    (project / "reverse.bed").write_text("")
    found = problems(command, capsys, project / "run.yaml")
    assert any("track forward" in f and "there is no such file" in f for f in found)
    assert any("track reverse" in f and "the file is empty" in f for f in found)


def test_check__a_rule_that_labels_nothing_is_told_with_its_remedy(
    project: Path, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    found = problems(command, capsys, project / "run.yaml", "--set", "data.windows.label=half")
    assert "3 of 3 tracks label no bin" in found[0]
    assert "8 bases wide at the median" in found[0]
    assert "set data.windows.label to any" in found[0]


def test_check__peaks_of_another_genome(project: Path, command: Command, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "forward.bed").write_text("chr21\t10\t20\n")
    found = problems(command, capsys, project / "run.yaml")
    assert any("track forward" in f and "chr21" in f for f in found)


def test_check__a_split_that_leaves_no_positives(
    project: Path, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "forward.bed").write_text("train\t10\t20\n")
    found = problems(command, capsys, project / "run.yaml")
    assert any("1 of 3 tracks have no positive in test: forward" in f for f in found)


def test_check__a_contig_that_is_not_there(project: Path, command: Command, capsys: pytest.CaptureFixture[str]) -> None:
    found = problems(command, capsys, project / "run.yaml", "--set", "data.split.test=chr8")
    assert any("'chr8' is not a contig of the genome" in f for f in found)


def test_check__a_folder_that_cannot_be_made(
    project: Path, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    found = problems(command, capsys, project / "run.yaml", "--set", f"out={project / 'genome.fa' / 'x'}")
    assert any("is a file" in f and "Name another folder" in f for f in found)


def test_check__a_table_is_tried_as_it_is(tmp_path: Path, command: Command, capsys: pytest.CaptureFixture[str]) -> None:
    rows = "".join(f"{s},{n % 2}\n" for n, s in enumerate(_sequences(60)))
    (tmp_path / "a.csv").write_text("sequence,label\n" + rows)
    (tmp_path / "b.csv").write_text("sequence,label\n" + rows)
    (tmp_path / "run.yaml").write_text("data: {table: {train: a.csv, selection: b.csv, test: b.csv}}\n")
    found = problems(command, capsys, tmp_path / "run.yaml")
    assert "data.on_leak" in found[0]


def _sequences(n: int) -> list[str]:
    return [f"{number:08b}".replace("0", "A").replace("1", "C") * 3 for number in range(n)]
