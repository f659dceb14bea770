from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from ambergen.datasets.config import DataConfig, GenomeSource, TableSource, TrackSource
from ambergen.datasets.inputs import describe, input_paths, same_content
from ambergen.errors import FileFormatError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a.bed"
    path.write_text("chr1\t1\t2\n")
    return path


def test_input_paths__are_all_files_of_a_data_set() -> None:
    source = GenomeSource(Path("g.fa"), (TrackSource("a", Path("a.bed")), TrackSource("b", bigwig=Path("b.bw"))))
    assert input_paths(DataConfig(source)) == {
        "genome": Path("g.fa"),
        "track a": Path("a.bed"),
        "track b": Path("b.bw"),
    }
    table = TableSource(Path("a.csv"), test=Path("b.csv"))
    assert input_paths(DataConfig(table)) == {"train": Path("a.csv"), "test": Path("b.csv")}


def test_describe__tells_size_and_checksum(file: Path) -> None:
    (entry,) = describe({"track a": file})
    assert (entry.role, entry.path, entry.size) == ("track a", str(file), 9)
    assert entry.sha256 == "259ca9001488a9727a17fbfc1d5e6af2699b82f6d33361aa7343b3e1b43dbc9e"  # of sha256sum


def test_describe__trusts_path_size_and_time(file: Path) -> None:
    (entry,) = describe({"a": file})
    known = [replace(entry, sha256="known").to_dict()]
    assert describe({"a": file}, known)[0].sha256 == "known"
    os.utime(file, ns=(0, entry.modified + 1))
    assert describe({"a": file}, known)[0].sha256 == entry.sha256


def test_same_content__looks_at_content_not_at_place(file: Path, tmp_path: Path) -> None:
    known = [entry.to_dict() for entry in describe({"a": file})]
    moved = file.rename(tmp_path / "moved.bed")
    assert same_content(describe({"a": moved}), known)
    moved.write_text("chr1\t1\t3\n")
    assert not same_content(describe({"a": moved}), known)


def test_describe__names_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match=r"gone\.bed \(track a\): there is no such file; expected"):
        describe({"track a": tmp_path / "gone.bed"})
