from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyfaidx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from ambergen.errors import AlphabetError, FileFormatError
from ambergen.io import fasta
from ambergen.io.fasta import contig_lengths, read_contigs
from ambergen.sequence.alphabets import DNA, Alphabet


def write(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "genome.fa"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def sequences(path: Path) -> dict[str, str]:
    return {contig.name: DNA.decode(contig.tokens) for contig in read_contigs(path)}


@st.composite
def fasta_files(draw: DrawFn) -> tuple[str, dict[str, str]]:
    """A file with lines of any widths and either line end, and what is in it."""
    line_end = draw(st.sampled_from(["\n", "\r\n"]))
    names = draw(st.lists(st.text("abXY12._|", min_size=1, max_size=5), min_size=1, max_size=5, unique=True))
    lines: list[str] = []
    expected: dict[str, str] = {}
    for name in names:
        lines.append(f">{name}" + draw(st.sampled_from(["", " chromosome > 1", "\tREF"])))
        parts = draw(st.lists(st.text("ACGTNacgtn", max_size=9), max_size=4))
        sequence = "".join(parts) + draw(st.text("ACGT", min_size=1, max_size=3))
        lines += [*parts, sequence[len("".join(parts)) :]]
        expected[name] = sequence.upper()
    return line_end.join(lines) + draw(st.sampled_from(["", line_end])), expected


@given(fasta_files(), st.integers(1, 40))
def test_read_contigs__gives_what_was_written_wherever_blocks_end(
    tmp_path_factory: pytest.TempPathFactory, file: tuple[str, dict[str, str]], block: int
) -> None:
    text, expected = file
    path = write(tmp_path_factory.mktemp("fasta"), text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fasta, "_BLOCK", block)
        assert sequences(path) == expected
        assert contig_lengths(path) == {name: len(sequence) for name, sequence in expected.items()}


def test_read_contigs__agrees_with_pyfaidx(tmp_path: Path, bgzip: Callable[[bytes], bytes]) -> None:
    rng = np.random.default_rng(0)
    letters = np.frombuffer(b"ACGTacgtNnRyKm", dtype=np.uint8)
    text = b""
    for name, length in (("chrI", 90_001), ("chrII extra words", 60), ("Mito", 1)):
        sequence = rng.choice(letters, length).tobytes()
        text += f">{name}\n".encode() + b"\n".join(sequence[i : i + 60] for i in range(0, length, 60)) + b"\n"
    path = write(tmp_path, text)
    with pyfaidx.Fasta(str(path)) as oracle:
        expected = {record.name: str(record[:]) for record in oracle}
    for packed in (text, gzip.compress(text), bgzip(text)):
        path.write_bytes(packed)
        contigs = list(read_contigs(path))
        assert [contig.name for contig in contigs] == list(expected)
        for contig in contigs:
            assert contig.tokens.dtype == np.uint8
            np.testing.assert_array_equal(contig.tokens, DNA.encode(expected[contig.name], "oracle"))


def test_read_contigs__reads_the_yeast_genome(shared_data: Path) -> None:
    lengths = contig_lengths(shared_data / "yeast" / "genome.R64-1-1.fa.gz")
    assert len(lengths) == 17
    assert sum(lengths.values()) == 12_157_105
    assert next(iter(lengths)) == "I"
    assert lengths["Mito"] == 85_779


def test_read_contigs__takes_any_alphabet(tmp_path: Path) -> None:
    words = Alphabet(name="words", symbols="XYZ", unknown="?")
    (contig,) = read_contigs(write(tmp_path, ">a\nXy\nZ?\n"), words)
    assert contig.tokens.tolist() == [0, 1, 2, 3]


def test_read_contigs__passes_over_blanks(tmp_path: Path) -> None:
    assert sequences(write(tmp_path, "\n\n>a \nAC GT \n\n\tA\n\n>b\nC")) == {"a": "ACGTA", "b": "C"}


@pytest.mark.parametrize("text", ["", "\n", "\r\n\n  \n"])
def test_read_contigs__empty_file_is_an_error(tmp_path: Path, text: str) -> None:
    with pytest.raises(FileFormatError, match=r"genome\.fa: the file is empty; expected FASTA.*Fetch or make"):
        list(read_contigs(write(tmp_path, text)))


def test_read_contigs__sequence_without_a_header_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match=r"genome\.fa, line 3: the file begins with 'ACGT'; expected a FASTA h"):
        list(read_contigs(write(tmp_path, "\n\nACGT\n>a\nACGT\n")))


@pytest.mark.parametrize("header", [">", "> a"])
def test_read_contigs__header_without_a_name_is_an_error(tmp_path: Path, header: str) -> None:
    with pytest.raises(FileFormatError, match=r"genome\.fa, line 3: the header has no name.*Give the contig a name"):
        list(read_contigs(write(tmp_path, f">x\nA\n{header}\nACGT\n")))


def test_read_contigs__name_given_twice_is_an_error(tmp_path: Path) -> None:
    message = r"genome\.fa, line 6: the contig 'a' was already given on line 1.*Rename or remove"
    with pytest.raises(FileFormatError, match=message):
        list(read_contigs(write(tmp_path, ">a first\nACGT\nAC\n>b\nA\n>a second\nACGT\n")))


@pytest.mark.parametrize("text", [">a\nACGT\n>b\n>c\nACGT\n", ">a\nACGT\n>b", ">a\nACGT\n>b\n\n"])
def test_read_contigs__contig_without_sequence_is_an_error(tmp_path: Path, text: str) -> None:
    with pytest.raises(FileFormatError, match=r"genome\.fa, line 3: the contig 'b' has no sequence.*Remove the header"):
        list(read_contigs(write(tmp_path, text)))


@pytest.mark.parametrize("block", [1, 7, 1 << 20])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("letter", ["J", "-", ">", "é"])
def test_read_contigs__letter_outside_the_alphabet_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int, line_end: str, letter: str
) -> None:
    monkeypatch.setattr(fasta, "_BLOCK", block)
    path = write(tmp_path, line_end.join([">a", "ACGT", ">b", "ACGT", "", "AC" + letter + "T", ""]))
    shown = letter.encode()[:1].decode("latin-1")
    message = rf"genome\.fa, line 6 \(contig b, base 7\): '{shown}' is not a DNA symbol; expected A, C, G, T or N"
    with pytest.raises(AlphabetError, match=message):
        list(read_contigs(path))


def test_read_contigs__truncated_gzip_is_an_error(tmp_path: Path) -> None:
    text = b">a\n" + np.random.default_rng(0).choice(np.frombuffer(b"ACGT", np.uint8), 100_000).tobytes()
    with pytest.raises(FileFormatError, match=r"genome\.fa: the gzip data end too early"):
        list(read_contigs(write(tmp_path, gzip.compress(text)[:10_000])))


def test_read_contigs__holds_one_contig_at_a_time(tmp_path: Path) -> None:
    contigs = read_contigs(write(tmp_path, ">a\nACGT\n>b\nAC?T\n"))
    assert next(contigs).name == "a"
    with pytest.raises(AlphabetError, match="contig b, base 3"):
        next(contigs)
