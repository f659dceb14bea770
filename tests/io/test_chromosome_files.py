from __future__ import annotations

from pathlib import Path

import pytest

from ambergen.errors import FileFormatError
from ambergen.io.chromosome_files import chromosomes, is_pattern, of_chromosome


def test_of_chromosome__takes_the_place_of_the_at_sign_or_follows_a_dot() -> None:
    assert of_chromosome(Path("x/1000G.@.qc"), "7") == Path("x/1000G.7.qc")
    assert of_chromosome(Path("x/1000G."), "X") == Path("x/1000G.X")
    assert of_chromosome(Path("x/@"), "7") == Path("x/7")
    assert of_chromosome(Path("x/1000G"), "7") == Path("x/1000G")
    assert [is_pattern(Path(p)) for p in ("a.@", "a.", "a@/b")] == [True, True, False]


def test_chromosomes__are_those_that_have_a_file_in_the_order_of_numbers(tmp_path: Path) -> None:
    for name in ("p.10.bed", "p.2.bed", "p.1.bed", "p.X.bed", "p.3.bim", "p.2.copy.bed", "p..bed", "q.4.bed"):
        (tmp_path / name).touch()
    assert chromosomes(tmp_path / "p.@", (".bed",)) == ["1", "2", "10", "X"]
    assert chromosomes(tmp_path / "p.", (".bed", ".bim")) == ["1", "2", "3", "10", "X"]
    assert chromosomes(tmp_path / "p.@.copy", (".bed",)) == ["2"]
    assert chromosomes(tmp_path / "p.@.bed", ("",)) == ["1", "2", "10", "X"]


def test_chromosomes__of_nothing_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match=r"p\.@: there is no such file for any chromosome \(as .*p\.1\.bed\)"):
        chromosomes(tmp_path / "p.@", (".bed",))
