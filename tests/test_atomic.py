from __future__ import annotations

from pathlib import Path

import pytest

from ambergen.atomic import only_writer, write_json, write_text
from ambergen.errors import RunError


def test_write_text__makes_folders_and_replaces(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b.txt"
    write_text(path, "old")
    write_text(path, "new")
    assert path.read_text() == "new"
    assert [p.name for p in path.parent.iterdir()] == ["b.txt"]


def test_write_text__leaves_the_old_file_where_it_fails(tmp_path: Path) -> None:
    path = tmp_path / "b.txt"
    write_text(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_text(path, "\ud800")
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["b.txt"]


def test_write_json__keeps_letters_as_they_are(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"name": "Jérôme"})
    assert (tmp_path / "a.json").read_text() == '{\n  "name": "Jérôme"\n}\n'


def test_only_writer__keeps_others_out_and_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "new" / "e.tsv"
    with only_writer(path):
        with pytest.raises(RunError, match=r"e\.tsv: another ambergen is at work on this file"), only_writer(path):
            pass
        with only_writer(path.with_name("other.tsv")):
            path.write_text("one")
    assert [found.name for found in path.parent.iterdir()] == ["e.tsv"]
    (path.parent / ".e.tsv.lock").write_text("")  # of a process that was killed
    with only_writer(path):
        pass
    assert [found.name for found in path.parent.iterdir()] == ["e.tsv"]
