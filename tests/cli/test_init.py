from __future__ import annotations

from pathlib import Path

import pytest

from ambergen.config import load_run
from ambergen.datasets.config import GenomeSource
from tests.cli.conftest import Command, Refused


def test_init__writes_a_run_file_that_loads(
    project: Path, command: Command, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    assert command("init", "study", "--genome", "genome.fa", "--tracks", "*.bed") == 0
    assert capsys.readouterr().out == "study/run.yaml\n"
    source = load_run(Path("study/run.yaml")).data.source
    assert isinstance(source, GenomeSource)
    assert source.genome.resolve() == project / "genome.fa"
    assert [t.name for t in source.tracks] == ["forward", "palindrome", "reverse"]


def test_init__never_overwrites(tmp_path: Path, command: Command, refused: Refused) -> None:
    assert command("init", tmp_path) == 0
    assert "exists already" in refused("init", tmp_path)


def test_init__keeps_variables_and_absolute_paths(tmp_path: Path, command: Command) -> None:
    assert command("init", tmp_path, "--genome", "${GENOMES}/hg38.fa", "--tracks", "/peaks/*.bed") == 0
    text = (tmp_path / "run.yaml").read_text()
    assert "genome: ${GENOMES}/hg38.fa" in text
    assert "tracks: /peaks/*.bed" in text


def test_init__a_table_is_a_data_set_of_its_own(tmp_path: Path, command: Command, refused: Refused) -> None:
    assert "give either --table" in refused("init", tmp_path, "--table", "a.csv", "--genome", "b.fa")
    assert command("init", tmp_path, "--table", "/a.csv") == 0
    assert load_run(tmp_path / "run.yaml").n_tracks is None
