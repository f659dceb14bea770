"""What is true of every Scorer. A test class inherits `ScorerContract` and says which scorer it stands for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ambergen.baselines.loading import load
from ambergen.errors import StoreError
from ambergen.sequence.onehot import reverse_complement
from ambergen.sequence.scorer import Scorer, VariantScorer


def drawn(n: int, length: int, seed: int = 0, unknown: float = 0.0) -> np.ndarray:
    """(n, length) tokens of DNA, a share of them not known."""
    rng = np.random.default_rng(seed)
    tokens = rng.integers(0, 4, (n, length)).astype(np.uint8)
    tokens[rng.random(tokens.shape) < unknown] = 4
    return tokens


class ScorerContract:
    """Inherited by the tests of every scorer, which give a fixture `scorer`: one that can be saved.

    tolerance : of scores that are to be equal
    """

    tolerance = 1e-5

    def scores(self, scorer: Scorer, tokens: np.ndarray) -> np.ndarray:
        scores = scorer.predict(tokens)
        assert (scores.shape, scores.dtype) == ((len(tokens), len(scorer.tracks)), np.float32)
        assert not np.isnan(scores).any()
        return scores

    def test_contract__is_kept(self, scorer: Scorer) -> None:
        assert isinstance(scorer, Scorer)
        assert scorer.length > 0
        assert scorer.output in ("logit", "raw")
        assert isinstance(scorer.tracks, tuple)
        assert len(set(scorer.tracks)) == len(scorer.tracks) > 0

    @pytest.mark.parametrize("n", [0, 1, 7])
    def test_predict__gives_a_row_a_window(self, scorer: Scorer, n: int) -> None:
        scores = self.scores(scorer, drawn(n, scorer.length))
        # Windows have nothing to do with each other
        if n > 1:
            alone = self.scores(scorer, drawn(n, scorer.length)[2:3])
            np.testing.assert_allclose(scores[2:3], alone, atol=self.tolerance)

    def test_predict__tells_windows_apart(self, scorer: Scorer) -> None:
        assert np.ptp(self.scores(scorer, drawn(30, scorer.length)), axis=0).min() > 0

    def test_predict__leaves_its_argument_alone(self, scorer: Scorer) -> None:
        tokens = drawn(5, scorer.length, unknown=0.1)
        self.scores(scorer, tokens)
        np.testing.assert_array_equal(tokens, drawn(5, scorer.length, unknown=0.1))

    def test_predict__does_not_ask_which_strand_it_is_given(self, scorer: Scorer) -> None:
        tokens = drawn(8, scorer.length, unknown=0.02)
        partner = np.asarray(getattr(scorer, "reverse_partner", np.arange(len(scorer.tracks))))
        reverse = self.scores(scorer, reverse_complement(tokens))[:, partner]
        np.testing.assert_allclose(reverse, self.scores(scorer, tokens), atol=self.tolerance)

    def test_predict__takes_unknown_bases(self, scorer: Scorer) -> None:
        some = drawn(6, scorer.length, unknown=0.3)
        none = np.full((2, scorer.length), 4, np.uint8)
        scores = self.scores(scorer, np.concatenate([some, none]))
        np.testing.assert_allclose(scores[-2], scores[-1], atol=self.tolerance)

    def test_predict__refuses_windows_of_another_length(self, scorer: Scorer) -> None:
        with pytest.raises(StoreError, match=rf"expected \(n, {scorer.length}\)"):
            scorer.predict(drawn(2, scorer.length + 1))

    def test_save__load_gives_the_same_scorer(self, scorer: Scorer, tmp_path: Path) -> None:
        again = load(scorer.save(tmp_path / "model"))  # type: ignore[attr-defined]
        assert type(again) is type(scorer)
        assert (again.length, again.tracks, again.output) == (scorer.length, scorer.tracks, scorer.output)
        tokens = drawn(9, scorer.length, unknown=0.05)
        np.testing.assert_array_equal(again.predict(tokens), scorer.predict(tokens))
        assert again.provenance == scorer.provenance  # type: ignore[attr-defined]

    def test_load__says_what_is_damaged(self, scorer: Scorer, tmp_path: Path) -> None:
        folder = scorer.save(tmp_path)  # type: ignore[attr-defined]
        (folder / "model.safetensors").write_bytes(b"torn")
        with pytest.raises(StoreError, match=r"do(es)? not load .*damaged or incomplete"):
            load(folder)


def edited(length: int, index: int, ref: str, alt: str, n: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """Windows of random sequence with either allele at `index`, by the anchored rule: flanks left of it agree."""
    line = drawn(n, 2 * length, seed=5)
    alleles = (np.array(["ACGT".index(letter) for letter in allele], np.uint8) for allele in (ref, alt))
    windows = [
        np.concatenate([line[:, :index], np.tile(allele, (n, 1)), line[:, index:]], axis=1)[:, :length]
        for allele in alleles
    ]
    return windows[0], windows[1]


class VariantScorerContract(ScorerContract):
    """Inherited by the tests of scorers with an effect of their own."""

    ALLELES = [("A", "G"), ("A", "ACCGT"), ("ACCGT", "A"), ("AC", "GT"), ("A", "CCGTT")]

    def effects(self, scorer: VariantScorer, ref: np.ndarray, alt: np.ndarray, index: int) -> np.ndarray:
        effects = scorer.variant_effect(ref, alt, index)
        assert (effects.shape, effects.dtype) == ((len(ref), len(scorer.tracks)), np.float32)
        return effects

    def test_contract__of_variants_is_kept(self, scorer: VariantScorer) -> None:
        assert isinstance(scorer, VariantScorer)

    @pytest.mark.parametrize(("ref", "alt"), ALLELES)
    def test_effect__changes_sign_with_the_alleles(self, scorer: VariantScorer, ref: str, alt: str) -> None:
        index = (scorer.length - 1) // 2
        refs, alts = edited(scorer.length, index, ref, alt)
        effects = self.effects(scorer, refs, alts, index)
        np.testing.assert_array_equal(self.effects(scorer, alts, refs, index), -effects)
        assert (effects != 0).any(axis=0).all()
        assert np.isfinite(effects).all()

    def test_effect__of_nothing_is_nothing(self, scorer: VariantScorer) -> None:
        tokens = drawn(6, scorer.length)
        index = (scorer.length - 1) // 2
        np.testing.assert_array_equal(self.effects(scorer, tokens, tokens, index), 0)
        assert self.effects(scorer, tokens[:0], tokens[:0], index).shape == (0, len(scorer.tracks))

    def test_effect__of_a_substitution_is_that_on_the_other_strand(self, scorer: VariantScorer) -> None:
        index = (scorer.length - 1) // 2
        ref, alt = edited(scorer.length, index, "A", "G")
        turned = self.effects(scorer, reverse_complement(ref), reverse_complement(alt), scorer.length - 1 - index)
        np.testing.assert_allclose(turned, self.effects(scorer, ref, alt, index), atol=self.tolerance)

    def test_effect__does_not_look_far_away(self, scorer: VariantScorer) -> None:
        index = (scorer.length - 1) // 2
        ref, alt = edited(scorer.length, index, "A", "G")
        effects = self.effects(scorer, ref, alt, index)
        for tokens in (ref, alt):
            tokens[:, 0], tokens[:, -1] = 4, 4
        np.testing.assert_array_equal(self.effects(scorer, ref, alt, index), effects)

    def test_effect__refuses_windows_of_another_length(self, scorer: VariantScorer) -> None:
        tokens = drawn(2, scorer.length + 1)
        with pytest.raises(StoreError, match=rf"expected \(n, {scorer.length}\)"):
            scorer.variant_effect(tokens, tokens, 3)
