"""Matrices against the formula, scans against a loop over places."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambergen.baselines.pwm import PWM, Hit
from ambergen.errors import AlphabetError, InputError
from ambergen.io.motifs import Motif
from ambergen.sequence.alphabets import DNA

COUNTS = np.array([[10, 0, 1, 3, 2], [0, 8, 1, 3, 0], [0, 2, 1, 3, 9], [2, 0, 1, 3, 1]], float)
CAG = [[0, 12, 0, 0], [12, 0, 0, 0], [0, 0, 12, 0]]


def scan_slowly(matrix: np.ndarray, text: str) -> np.ndarray:
    width = matrix.shape[1]
    out = np.full((2, len(text) - width + 1), -np.inf)
    for at in range(out.shape[1]):
        word = text[at : at + width]
        if "N" in word:
            continue
        other = word[::-1].translate(str.maketrans("ACGT", "TGCA"))
        for strand, letters in enumerate((word, other)):
            out[strand, at] = sum(matrix["ACGT".index(letter), column] for column, letter in enumerate(letters))
    return out


def test_matrix__is_log_odds_with_shared_pseudocounts() -> None:
    background = np.array([0.3, 0.2, 0.2, 0.3])
    for pseudocount, added in ((1.0, np.ones(5)), (0.4, np.full(5, 0.4)), ("sqrt", np.sqrt(COUNTS.sum(axis=0)))):
        p = (COUNTS + added * background[:, None]) / (COUNTS.sum(axis=0) + added)
        np.testing.assert_allclose(p.sum(axis=0), 1)
        found = PWM(COUNTS, background, pseudocount).matrix
        np.testing.assert_allclose(found, np.log2(p / background[:, None]), atol=1e-12)
    assert PWM(COUNTS).matrix[0, 0] == pytest.approx(np.log2((10 + 0.25) / 13 / 0.25))


@given(st.text("ACGTN", min_size=1, max_size=40), st.integers(1, 8), st.integers(0, 2**32))
def test_scores__equal_a_loop_over_places(text: str, width: int, seed: int) -> None:
    pwm = PWM(np.random.default_rng(seed).integers(0, 20, (4, width)) + np.eye(4)[:, :1])
    tokens = DNA.encode(text, "here")[None]
    if len(text) < width:
        assert pwm.scores(tokens).shape == (1, 2, 0)
        return
    expected = scan_slowly(pwm.matrix, text)
    np.testing.assert_allclose(pwm.scores(tokens)[0], expected, atol=1e-12)
    hit = pwm.best(text)
    assert hit.score == pytest.approx(expected.max())
    if np.isfinite(hit.score):
        assert expected["+-".index(hit.strand), hit.position] == pytest.approx(hit.score)


def test_best__tells_place_and_strand() -> None:
    pwm = PWM(np.array(CAG).T)
    best = float(pwm.matrix.max(axis=0).sum())
    assert pwm.best("TTTTCAGTTT") == Hit(pytest.approx(best), 4, "+")
    assert pwm.best("ttttctgttt") == Hit(pytest.approx(best), 4, "-")


def test_best__of_equal_places_is_the_leftmost_and_forward() -> None:
    palindrome = PWM(np.array([[0, 9, 0, 0], [0, 0, 9, 0]]).T)  # CG
    assert palindrome.best("AACGAACGAA")[1:] == (2, "+")
    one_way = PWM(np.array([[9, 0, 0, 0], [9, 0, 0, 0]]).T)  # AA
    assert one_way.best("CTTCAAC")[1:] == (1, "-")
    assert one_way.best("NNNN") == Hit(-np.inf, 0, "+")


def test_p_value__falls_to_that_of_the_best_word() -> None:
    pwm = PWM(np.array(CAG).T)
    best = pwm.matrix.max(axis=0).sum()
    assert pwm.p_value(best) == pytest.approx(4.0**-3)
    assert pwm.p_value([-np.inf, pwm.matrix.min(axis=0).sum()]).tolist() == pytest.approx([1, 1])


def test_pwm__without_pseudocount_rules_letters_out() -> None:
    pwm = PWM(np.array(CAG).T, pseudocount=0)
    np.testing.assert_array_equal(pwm.matrix[0], [-np.inf, 2, -np.inf])
    assert pwm.best("TTTCAGTT").score == 6
    assert pwm.best("TTTCCATT").score == -np.inf


def test_of__takes_a_motif_from_a_file() -> None:
    pwm = PWM.of(Motif("MA1", "X", COUNTS), pseudocount=0.5)
    np.testing.assert_array_equal(pwm.matrix, PWM(COUNTS, pseudocount=0.5).matrix)
    assert (pwm.name, pwm.width) == ("MA1", 5)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"counts": COUNTS.T}, r"counts have the shape \(5, 4\); expected \(4, width\).*Turn the matrix"),
        ({"counts": np.zeros((4, 0))}, r"shape \(4, 0\); expected .* at least one column"),
        ({"counts": -COUNTS}, r"the count of A in column 1 is -10.0; expected a number from 0 on"),
        ({"counts": COUNTS * [1, 1, 0, 1, 1]}, r"column 3 has no counts"),
        ({"counts": COUNTS, "background": (0.5, 0.5, 0, 0)}, r"the background is \[0.5, 0.5, 0.0, 0.0\]; expected"),
        ({"counts": COUNTS, "background": (1, 1, 1, 1)}, r"with the sum 1"),
        ({"counts": COUNTS, "pseudocount": -1}, r"the pseudocount is -1; expected a number from 0 on, or 'sqrt'"),
        ({"counts": COUNTS, "pseudocount": "root"}, r"the pseudocount is 'root'"),
    ],
)
def test_pwm__says_what_is_wrong(arguments: dict, words: str) -> None:
    with pytest.raises(InputError, match=words):
        PWM(**arguments)


def test_best__says_what_is_wrong() -> None:
    with pytest.raises(InputError, match="the sequence has 3 letters, the motif 5"):
        PWM(COUNTS).best("ACG")
    with pytest.raises(AlphabetError, match="base 2: 'U' is not a DNA symbol"):
        PWM(COUNTS).best("AUGACGT")
