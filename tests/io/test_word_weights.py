from __future__ import annotations

import gzip
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from ambergen.errors import FileFormatError
from ambergen.io.word_weights import read_word_weights, write_word_weights
from ambergen.sequence.words import canonical_words, complement_codes


def weights_of(l: int) -> np.ndarray:
    canonical, place = canonical_words(l)
    return np.random.default_rng(l).normal(size=len(canonical))[place]


@pytest.mark.parametrize("l", [1, 3, 4, 6])
def test_read__gives_back_what_was_written(l: int, tmp_path: Path) -> None:
    path = tmp_path / "weights.txt"
    write_word_weights(path, weights_of(l))
    read = read_word_weights(path)
    np.testing.assert_allclose(read, weights_of(l), rtol=1e-7)
    np.testing.assert_array_equal(read, read[complement_codes(np.arange(4**l), l)])
    assert path.read_text().startswith("A" * l + "\t")


@pytest.mark.parametrize(
    "head", ["", "-0.0123\n", "bias\t0.2\n", "kmer weight\n", "# made by hand\nkmer\tweight\tmore\n"]
)
def test_read__takes_files_with_and_without_a_header(head: str, tmp_path: Path) -> None:
    # All words, not only one of each pair; in lower case; with blanks between, packed
    weights = weights_of(3)
    lines = [f"{''.join(word)} {weight}\n" for word, weight in zip(product("acgt", repeat=3), weights, strict=True)]
    with gzip.open(tmp_path / "weights.gz", "wt") as file:
        file.write(head + "".join(lines) + "\n")
    np.testing.assert_allclose(read_word_weights(tmp_path / "weights.gz"), weights)


def lines_of(path: Path, l: int = 3) -> list[str]:
    write_word_weights(path, weights_of(l))
    return path.read_text().splitlines(keepends=True)


def test_read__misses_a_first_line_that_was_taken_for_a_header(tmp_path: Path) -> None:
    path = tmp_path / "weights.txt"
    path.write_text("".join(lines_of(path)[1:]))
    with pytest.raises(
        FileFormatError, match=r"1 of 32 words of 3 letters are missing, the first is AAA. The first line"
    ):
        read_word_weights(path)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", r"weights.txt: 1 of 32 words of 3 letters are missing, the first is AAG. Expected every word"),
        ("AAG\n", r"line 3: 'AAG' is not a word and its weight"),
        ("AAG\t0.1\t0.2\n", r"line 3: .* is not a word and its weight"),
        ("AAG\tnan\n", r"line 3: .* is not a word and its weight"),
        ("AAG\thigh\n", r"line 3: .* is not a word and its weight"),
        ("AAGC\t1\n", r"line 3: the word 'AAGC' has 4 letters, those before it 3"),
        ("AAN\t1\n", r"line 3: 'AAN' is not a word of A, C, G and T"),
        ("AAG\t1\nCTT\t2\n", r"line 3: AAG weighs 1, but elsewhere it, or its reverse complement CTT, weighs 2"),
    ],
)
def test_read__says_what_is_wrong(line: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "weights.txt"
    lines = lines_of(path)
    path.write_text("".join([*lines[:2], line, *lines[3:]]))
    with pytest.raises(FileFormatError, match=words):
        read_word_weights(path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "there is no word in the file"),
        ("bias\n", "there is no word in the file"),
        ("ACGTACGTACGTA 1\n", "the word has 13 letters; expected at most 12"),
    ],
)
def test_read__refuses_what_is_no_weight_file(text: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "weights.txt").write_text(text)
    with pytest.raises(FileFormatError, match=words):
        read_word_weights(tmp_path / "weights.txt")
