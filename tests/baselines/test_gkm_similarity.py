"""The kernel between sequences against a slow loop over words, and its two ways against each other."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambergen.baselines import gkm_similarity
from ambergen.baselines.gkm_similarity import gkm_kernel, padded, position_weights, self_similarities, word_weights
from ambergen.baselines.hamming import similarities
from ambergen.errors import AlphabetError, ConfigError, InputError
from ambergen.sequence.alphabets import DNA


def other_strand(text: str) -> str:
    return text[::-1].translate(str.maketrans("ACGTN", "TGCAN"))


def slowly(sequences: list[str], l: int, k: int, d: int, kernel: str) -> np.ndarray:
    h = similarities(l, k, d, kernel)

    def words(text: str) -> list[tuple[str, float]]:
        n = len(text) - l + 1
        weights = [min(50, int(50 * 2 ** (-abs(i - n // 2) / 50) + 1)) if kernel == "weighted" else 1 for i in range(n)]
        return [(text[i : i + l], weights[i]) for i in range(n) if "N" not in text[i : i + l]]

    def similarity(s: str, t: str) -> float:
        return sum(
            a * b * (h[mismatches(u, v)] + h[mismatches(u, other_strand(v))]) for u, a in words(s) for v, b in words(t)
        )

    def mismatches(u: str, v: str) -> int:
        return sum(x != y for x, y in zip(u, v, strict=True))

    values = np.array([[similarity(s, t) for t in sequences] for s in sequences])
    return values / np.sqrt(np.outer(np.diag(values), np.diag(values)))


def drawn(lengths: list[int], seed: int = 0) -> list[str]:
    rng = np.random.default_rng(seed)
    return ["".join(rng.choice(list("ACGT"), n)) for n in lengths]


@pytest.mark.parametrize("kernel", ["estimated", "count", "weighted"])
@pytest.mark.parametrize(("l", "k", "d"), [(3, 2, 3), (5, 3, 2), (6, 4, 3), (7, 7, 0), (10, 6, 3), (11, 7, 3)])
def test_kernel__equals_a_slow_loop(l: int, k: int, d: int, kernel: str) -> None:
    sequences = drawn([14, 22, 17])
    sequences.append(sequences[1][2:16].lower().upper() + "N" + sequences[0])
    expected = slowly(sequences, l, k, d, kernel)
    np.testing.assert_allclose(gkm_kernel(sequences, l, k, d, kernel), expected, atol=1e-12)


def test_kernel__counts_shared_gapped_kmers() -> None:
    """From the definition: each choice of k places of a word, with its letters, is a feature of its own."""
    l, k = 5, 3
    sequences = drawn([15, 20, 12], seed=3)

    def features(text: str) -> dict[tuple[tuple[int, ...], str], int]:
        counts: dict[tuple[tuple[int, ...], str], int] = {}
        for strand in (text, other_strand(text)):
            for at in range(len(strand) - l + 1):
                for places in combinations(range(l), k):
                    key = (places, "".join(strand[at + place] for place in places))
                    counts[key] = counts.get(key, 0) + 1
        return counts

    counted = [features(text) for text in sequences]
    values = np.array([[sum(n * b.get(key, 0) for key, n in a.items()) for b in counted] for a in counted])
    expected = values / np.sqrt(np.outer(np.diag(values), np.diag(values)))
    np.testing.assert_allclose(gkm_kernel(sequences, l, k, l - k, "count"), expected, atol=1e-12)


@given(st.lists(st.text("ACGT", min_size=6, max_size=25), min_size=1, max_size=4))
def test_kernel__does_not_ask_for_strand_or_case(sequences: list[str]) -> None:
    values = gkm_kernel(sequences, 5, 3, 2)
    turned = [other_strand(text) if n % 2 else text.lower() for n, text in enumerate(sequences)]
    np.testing.assert_allclose(gkm_kernel(turned, 5, 3, 2), values, atol=1e-12)
    np.testing.assert_array_equal(np.diag(values), 1)
    np.testing.assert_array_equal(values, values.T)


@pytest.mark.parametrize("kernel", ["estimated", "weighted"])
def test_kernel__by_transforms_is_that_by_pairs(kernel: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sequences = drawn([40, 60, 33, 60, 51])
    by_pairs = gkm_kernel(sequences, 6, 4, 3, kernel)
    monkeypatch.setattr(gkm_similarity, "_PAIRS_OF_A_TRANSFORM", 0)
    np.testing.assert_allclose(gkm_kernel(sequences, 6, 4, 3, kernel), by_pairs, atol=1e-12)
    assert np.abs(by_pairs - np.eye(5)).max() > 0.01


def test_kernel__in_parts_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    sequences = drawn([30] * 7)
    whole = gkm_kernel(sequences, 6, 4, 3)
    monkeypatch.setattr(gkm_similarity, "_BLOCK", 64)
    np.testing.assert_allclose(gkm_kernel(sequences, 6, 4, 3), whole, atol=1e-12)


def test_self_similarities__are_the_diagonal(monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = padded([DNA.encode(text, "here") for text in [*drawn([25, 30]), "ACGNNNNNNACG"]])
    h, weights = similarities(5, 4, 2, "count"), word_weights(tokens, 5, "count")
    expected = np.diag(gkm_similarity._by_pairs(tokens, weights, h))
    np.testing.assert_allclose(self_similarities(tokens, weights, h), expected, rtol=1e-12)
    assert expected[2] == 0
    monkeypatch.setattr(gkm_similarity, "_BLOCK", 32)
    np.testing.assert_allclose(self_similarities(tokens, weights, h), expected, rtol=1e-12)


def test_position_weights__fall_from_the_middle() -> None:
    weights = position_weights(300)
    assert (weights[150], weights[149], weights[151], weights[100], weights[0]) == (50, 50, 50, 26, 7)
    assert position_weights(1).tolist() == [50]


def test_word_weights__of_padded_rows_go_by_the_own_length() -> None:
    tokens = padded([DNA.encode(text, "here") for text in drawn([120, 300])])
    weights = word_weights(tokens, 11, "weighted", np.array([120, 300]))
    np.testing.assert_array_equal(weights[0], np.concatenate([position_weights(110), np.zeros(180)]))


def test_kernel__says_which_sequence_has_no_word() -> None:
    with pytest.raises(
        InputError, match=r"sequence 2 has no word of 11 known letters \(it has 12 letters\).*smaller l"
    ):
        gkm_kernel(["ACGTACGTACGT", "ACGTANGTACGT"])
    with pytest.raises(AlphabetError, match="sequence 1, base 2: 'J' is not a DNA symbol"):
        gkm_kernel(["AJ"])
    with pytest.raises(ConfigError, match="k is 9; expected 1 to l = 6"):
        gkm_kernel(["ACGT"], l=6, k=9)
    assert gkm_kernel([]).shape == (0, 0)
