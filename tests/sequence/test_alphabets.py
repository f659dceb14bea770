from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambergen.errors import AlphabetError, ConfigError
from ambergen.sequence.alphabets import DNA, Alphabet, by_name

WORDS = Alphabet(name="words", symbols="XYZ", unknown="?")


@given(st.text("ACGTN"))
def test_decode__undoes_encode(text: str) -> None:
    assert DNA.decode(DNA.encode(text, "here")) == text


@given(st.text("ACGTNacgtnRYSWKMBDHVryswkmbdhv"))
def test_encode__ignores_case_and_reads_ambiguous_letters_as_unknown(text: str) -> None:
    slow = ["ACGT".index(letter) if letter in "ACGT" else 4 for letter in text.upper()]
    tokens = DNA.encode(text, "here")
    assert tokens.dtype == np.uint8
    assert tokens.tolist() == slow


@given(st.binary(max_size=30))
def test_encode__takes_bytes_as_it_takes_text(letters: bytes) -> None:
    valid = bytes(letter for letter in letters if chr(letter) in "ACGTNacgtn")
    np.testing.assert_array_equal(DNA.encode(valid, "here"), DNA.encode(valid.decode(), "here"))


@given(st.text("ACGT", max_size=20), st.characters(exclude_characters="ACGTNRYSWKMBDHVacgtnryswkmbdhv"))
def test_encode__every_other_letter_is_an_error(prefix: str, letter: str) -> None:
    with pytest.raises(AlphabetError):
        DNA.encode(prefix + letter + "A", "here")


def test_encode__error_names_place_position_and_letter() -> None:
    with pytest.raises(AlphabetError) as error:
        DNA.encode("ACGTJ", "table.csv, line 7")
    assert str(error.value) == (
        "table.csv, line 7, base 5: 'J' is not a DNA symbol; expected A, C, G, T or N (RYSWKMBDHV are read as N), "
        "in upper or lower case. Replace the letter by N if the base is not known."
    )


@pytest.mark.parametrize(("text", "letter"), [("AC-T", "'-'"), ("ACéT", "'é'"), (b"AC\xffT", "'ÿ'"), ("AC T", "' '")])
def test_encode__error_shows_the_letter_that_was_read(text: str | bytes, letter: str) -> None:
    with pytest.raises(AlphabetError, match=f"base 3: {letter} is not"):
        DNA.encode(text, "here")


def test_complement_table__pairs_a_with_t_and_c_with_g() -> None:
    assert DNA.complement_table.tolist() == [3, 2, 1, 0, 4]


def test_complement_table__is_an_error_without_strands() -> None:
    with pytest.raises(AlphabetError, match=r"'words' has no complement.*Switch reverse complements off"):
        _ = WORDS.complement_table


def test_alphabet__may_have_any_symbols() -> None:
    assert (WORDS.n_symbols, WORDS.unknown_token) == (3, 3)
    assert WORDS.encode("xYz?", "here").tolist() == [0, 1, 2, 3]
    with pytest.raises(AlphabetError, match=r"base 1: 'A' is not a WORDS symbol; expected X, Y, Z or \?, in upper"):
        WORDS.encode("A", "here")


def test_by_name__knows_dna_and_names_what_it_knows() -> None:
    assert by_name("dna") is DNA
    with pytest.raises(ConfigError, match="no alphabet 'rna'; expected one of dna"):
        by_name("rna")
