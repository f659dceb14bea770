from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray

from ambergen.errors import AlphabetError, InputError
from ambergen.sequence.alphabets import DNA, Alphabet
from ambergen.sequence.onehot import one_hot, reverse_complement, tokens_of

TOKENS = arrays(np.uint8, array_shapes(max_dims=3, max_side=12), elements=st.integers(0, 4))


@given(TOKENS)
def test_one_hot__has_a_single_one_where_the_symbol_is_known(tokens: NDArray[np.uint8]) -> None:
    encoded = one_hot(tokens)
    assert encoded.shape == (*tokens.shape[:-1], 4, tokens.shape[-1])
    assert encoded.dtype == np.float32
    for index in np.ndindex(tokens.shape):
        expected = [float(symbol == tokens[index]) for symbol in range(4)]
        assert encoded[*index[:-1], :, index[-1]].tolist() == expected


@given(TOKENS, st.sampled_from([np.float32, np.float64, np.uint8, bool]))
def test_tokens_of__undoes_one_hot(tokens: NDArray[np.uint8], dtype: type) -> None:
    decoded = tokens_of(one_hot(tokens, dtype=dtype))
    assert decoded.dtype == np.uint8
    np.testing.assert_array_equal(decoded, tokens)


@pytest.mark.parametrize("column", [[0.5, 0.5, 0, 0], [1, 1, 0, 0], [0, 2, 0, 0], [0.25] * 4, [0, -1, 0, 0]])
def test_tokens_of__refuses_what_is_not_one_hot(column: list[float]) -> None:
    encoded = one_hot(DNA.encode("ACGT", "here")[None])
    encoded[0, :, 2] = column
    with pytest.raises(InputError, match=r"not one-hot at index \(0, 2\).*expected a single 1, or zeros.*Pass tokens"):
        tokens_of(encoded)


@given(TOKENS)
def test_reverse_complement__twice_is_the_identity(tokens: NDArray[np.uint8]) -> None:
    np.testing.assert_array_equal(reverse_complement(reverse_complement(tokens)), tokens)


@given(TOKENS)
def test_reverse_complement__turns_both_axes_of_a_one_hot_array(tokens: NDArray[np.uint8]) -> None:
    np.testing.assert_array_equal(one_hot(reverse_complement(tokens)), one_hot(tokens)[..., ::-1, ::-1])


def test_reverse_complement__of_a_known_sequence() -> None:
    assert DNA.decode(reverse_complement(DNA.encode("AACGTN", "here"))) == "NACGTT"


def test_reverse_complement__needs_strands() -> None:
    one_strand = Alphabet(name="words", symbols="XYZ", unknown="?")
    with pytest.raises(AlphabetError, match="no complement"):
        reverse_complement(np.zeros(3, dtype=np.uint8), one_strand)
