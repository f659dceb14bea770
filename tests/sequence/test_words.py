from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambergen.sequence.alphabets import DNA
from ambergen.sequence.onehot import reverse_complement
from ambergen.sequence.words import canonical_words, complement_codes, spelled, word_codes

TEXT = st.text("ACGTN", min_size=1, max_size=30)


@given(TEXT, st.integers(1, 12))
def test_word_codes__spell_the_words_that_are_known(text: str, l: int) -> None:
    codes, known = word_codes(DNA.encode(text, "here")[None], l)
    words = [text[at : at + l] for at in range(len(text) - l + 1)]
    assert codes.shape == known.shape == (1, len(words))
    assert known[0].tolist() == ["N" not in word for word in words]
    for word, found, is_known in zip(words, spelled(codes[0], l), known[0], strict=True):
        assert found == (word if is_known else "A" * l)


@given(st.text("ACGT", min_size=1, max_size=12))
def test_complement_codes__are_those_of_the_other_strand(word: str) -> None:
    tokens, l = DNA.encode(word, "here"), len(word)
    code, other = (word_codes(strand[None], l)[0][0] for strand in (tokens, reverse_complement(tokens)))
    np.testing.assert_array_equal(complement_codes(code, l), other)
    np.testing.assert_array_equal(complement_codes(other, l), code)


@pytest.mark.parametrize(("l", "expected"), [(1, 2), (2, 10), (3, 32), (6, 2080), (7, 8192), (10, 524_800)])
def test_canonical_words__have_one_of_each_pair(l: int, expected: int) -> None:
    words, place = canonical_words(l)
    assert len(words) == expected
    codes = np.arange(4**l, dtype=np.int32)
    np.testing.assert_array_equal(words[place], np.minimum(codes, complement_codes(codes, l)))
