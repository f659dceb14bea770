"""deltaSVM against sums over words that are written out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ambergen.baselines.gkm_delta import DeltaSVM
from ambergen.errors import StoreError
from ambergen.io.word_weights import read_word_weights
from ambergen.sequence.alphabets import DNA
from ambergen.sequence.words import canonical_words, spelled
from tests.conformance.scorers import VariantScorerContract, drawn, edited

L = 5


def make(n_tracks: int = 2, length: int | None = 41) -> DeltaSVM:
    canonical, place = canonical_words(L)
    weights = np.random.default_rng(0).normal(size=(n_tracks, len(canonical))).astype(np.float32)[:, place]
    return DeltaSVM(weights, length, [f"t{number}" for number in range(n_tracks)], {"seed": 0})


class TestDeltaSVM(VariantScorerContract):
    @pytest.fixture
    def scorer(self) -> DeltaSVM:
        return make()


def by_words(model: DeltaSVM, tokens: np.ndarray) -> np.ndarray:
    weight = dict(zip(spelled(np.arange(4**L, dtype=np.int32), L), model.weights.T.astype(float), strict=True))
    sums = np.zeros((len(tokens), len(model.tracks)))
    for row, text in zip(sums, map(DNA.decode, tokens), strict=True):
        for at in range(len(text) - L + 1):
            row += weight.get(text[at : at + L], 0)
    return sums


def test_predict__adds_up_the_known_words() -> None:
    model, tokens = make(), drawn(6, 41, unknown=0.1)
    np.testing.assert_allclose(model.predict(tokens), by_words(model, tokens), atol=1e-5)


@pytest.mark.parametrize(("ref", "alt"), VariantScorerContract.ALLELES)
@pytest.mark.parametrize("index", [0, 2, 20, 38])
def test_effect__is_the_difference_of_all_words(ref: str, alt: str, index: int) -> None:
    model = make()
    refs, alts = edited(41, index, ref, alt)
    expected = by_words(model, alts) - by_words(model, refs)
    np.testing.assert_allclose(model.variant_effect(refs, alts, index), expected, atol=1e-5)


def test_effect__of_a_substitution_fits_into_2l_minus_1() -> None:
    short, long = make(length=None), make()
    assert short.length == 2 * L - 1
    refs, alts = edited(41, 20, "C", "T")
    inner = slice(20 - L + 1, 20 + L)
    expected = long.variant_effect(refs, alts, 20)
    np.testing.assert_array_equal(short.variant_effect(refs[:, inner], alts[:, inner], L - 1), expected)


def test_read__takes_a_file_a_track(tmp_path: Path) -> None:
    model = make()
    for track, name in enumerate(("first.txt", "second.txt")):
        model.write(tmp_path / name, track)
    again = DeltaSVM.read(tmp_path / "first.txt", tmp_path / "second.txt", length=41)
    assert again.tracks == ("first", "second")
    np.testing.assert_allclose(again.weights, model.weights, rtol=1e-6)
    np.testing.assert_allclose(read_word_weights(tmp_path / "second.txt"), model.weights[1], rtol=1e-6)


def test_read__refuses_words_of_several_lengths(tmp_path: Path) -> None:
    make().write(tmp_path / "five.txt")
    (tmp_path / "one.txt").write_text("A 1\nC 2\n")
    with pytest.raises(StoreError, match=r"words of \[1, 5\] letters; expected files with words of one length"):
        DeltaSVM.read(tmp_path / "five.txt", tmp_path / "one.txt")
