"""LD scores against the formula written out as loops, and against what must hold of any LD score."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from ambergen.errors import PanelError
from ambergen.statgen import linkage
from ambergen.statgen.linkage import banded_ld_scores, ld_scores, reach_ends


def slow_ld_scores(genotypes: NDArray, positions: NDArray, annotations: NDArray, reach: float) -> NDArray:
    """The definition, pair by pair, of `ld_scores`."""
    n, m = genotypes.shape
    standardised = []
    for j in range(m):
        column = [float(g) for g in genotypes[:, j]]
        known = [g for g in column if not math.isnan(g)]
        mean = math.fsum(known) / len(known)
        filled = [mean if math.isnan(g) else g for g in column]
        sd = math.sqrt(math.fsum((g - mean) ** 2 for g in filled) / n)
        standardised.append([(g - mean) / sd for g in filled])
    scores = np.zeros(annotations.shape)
    for j in range(m):
        for k in range(m):
            if abs(positions[j] - positions[k]) <= reach:
                r2 = (math.fsum(a * b for a, b in zip(standardised[j], standardised[k], strict=True)) / n) ** 2
                scores[j] += annotations[k] * (r2 - (1 - r2) / (n - 2))
    return scores


def panel(seed: int, n: int = 31, m: int = 90, missing: float = 0.0) -> tuple[NDArray, NDArray, NDArray]:
    """Genotypes in linkage, positions with ties and gaps, and four annotations of all sizes; no variant is constant."""
    rng = np.random.default_rng(seed)
    haplotypes = np.empty((2 * n, m))
    haplotypes[:, 0] = rng.random(2 * n)
    for j in range(1, m):
        haplotypes[:, j] = np.where(rng.random(2 * n) < 0.8, haplotypes[:, j - 1], rng.random(2 * n))
    genotypes = (haplotypes < rng.uniform(0.1, 0.9, m)).reshape(2, n, m).sum(axis=0).astype(float)
    genotypes[0], genotypes[1] = 0, 2
    genotypes[2:][rng.random((n - 2, m)) < missing] = np.nan
    positions = np.sort(np.round(rng.random(m) * 4, 1)) + (np.arange(m) > m // 2) * rng.integers(0, 3)
    annotations = np.stack([np.ones(m), rng.random(m), 1e-5 * rng.normal(size=m), rng.random(m) < 0.1], axis=1)
    return genotypes, positions, annotations


@pytest.mark.parametrize("missing", [0.0, 0.002, 0.1])
@pytest.mark.parametrize("reach", [0.0, 0.3, 100.0])
def test_ld_scores__equal_the_double_loop(missing: float, reach: float, monkeypatch: pytest.MonkeyPatch) -> None:
    # Small blocks, so that variants come and go, and blocks with and without missing genotypes follow each other
    monkeypatch.setattr(linkage, "_SMALLEST_BLOCK", 4)
    monkeypatch.setattr(linkage, "_LARGEST_BLOCK", 8)
    genotypes, positions, annotations = panel(1, missing=missing)
    expected = slow_ld_scores(genotypes, positions, annotations, reach)
    np.testing.assert_allclose(ld_scores(genotypes, positions, annotations, reach), expected, rtol=1e-8, atol=1e-12)


def test_ld_scores__are_exact_in_blocks_of_the_usual_size() -> None:
    genotypes, positions, annotations = panel(2, n=11, m=400, missing=0.05)
    genotypes[:, :250] = panel(3, n=11, m=250)[0]
    for reach in (0.05, 0.8, 9.0):
        expected = fast_formula(genotypes, positions, annotations, reach)
        np.testing.assert_allclose(ld_scores(genotypes, positions, annotations, reach), expected, rtol=1e-8, atol=1e-12)


def fast_formula(genotypes: NDArray, positions: NDArray, annotations: NDArray, reach: float) -> NDArray:
    """The definition with whole matrices."""
    n = len(genotypes)
    filled = np.where(np.isnan(genotypes), np.nanmean(genotypes, axis=0), genotypes)
    r2 = np.corrcoef(filled, rowvar=False) ** 2
    within = np.abs(positions[:, None] - positions) <= reach
    return (within * (r2 - (1 - r2) / (n - 2))) @ annotations


@given(seed=st.integers(0, 10**6), reach=st.sampled_from([0.0, 0.1, 0.5, 2.0]), missing=st.sampled_from([0.0, 0.05]))
def test_ld_scores__do_not_depend_on_the_counted_allele_nor_on_the_order_of_individuals(
    seed: int, reach: float, missing: float
) -> None:
    genotypes, positions, annotations = panel(seed, n=9, m=30, missing=missing)
    rng = np.random.default_rng(seed)
    turned = np.where(rng.random(30) < 0.5, genotypes, 2 - genotypes)[rng.permutation(9)]
    scores = ld_scores(genotypes, positions, annotations, reach)
    np.testing.assert_allclose(ld_scores(turned, positions, annotations, reach), scores, rtol=1e-9, atol=1e-12)


@given(seed=st.integers(0, 10**6), factor=st.floats(-1e6, 1e6), missing=st.sampled_from([0.0, 0.05]))
def test_ld_scores__are_linear_in_the_annotations(seed: int, factor: float, missing: float) -> None:
    genotypes, positions, annotations = panel(seed, n=9, m=30, missing=missing)
    first, second = annotations[:, :1], annotations[:, 1:2]
    both = ld_scores(genotypes, positions, np.hstack([first, second]), 0.5)
    mixed = ld_scores(genotypes, positions, factor * first + second, 0.5)
    np.testing.assert_allclose(mixed, factor * both[:, :1] + both[:, 1:], rtol=1e-9, atol=1e-9 * (1 + abs(factor)))


@given(seed=st.integers(0, 10**6))
def test_ld_scores__read_backwards_are_the_same_backwards(seed: int) -> None:
    genotypes, positions, annotations = panel(seed, n=9, m=40, missing=0.02)
    positions = np.round(positions * 8) / 8  # differences without rounding
    scores = ld_scores(genotypes, positions, annotations, 0.5)
    backwards = ld_scores(genotypes[:, ::-1], 64 - positions[::-1], annotations[::-1], 0.5)
    np.testing.assert_allclose(backwards[::-1], scores, rtol=1e-9, atol=1e-12)


def test_ld_scores__of_dosages_follow_the_same_formula() -> None:
    genotypes, positions, annotations = panel(4, missing=0.03)
    dosages = np.clip(genotypes + 0.1 * np.random.default_rng(0).normal(size=genotypes.shape), 0, 2)
    expected = fast_formula(dosages, positions, annotations, 0.4)
    np.testing.assert_allclose(ld_scores(dosages, positions, annotations, 0.4), expected, rtol=1e-8, atol=1e-12)


def test_ld_scores__include_a_distance_of_exactly_the_reach() -> None:
    genotypes = np.array([[0, 0, 1], [1, 1, 0], [2, 2, 1], [1, 1, 2]])
    # 0.3 - 0.1 is a little less than 0.2 in binary numbers, and 0.3 - 0.2 a little less than 0.1
    near = ld_scores(genotypes, [0.1, 0.3, 5.0], np.ones(3), reach=0.2)[:, 0]
    far = ld_scores(genotypes, [0.1, 0.3, 5.0], np.ones(3), reach=0.19)[:, 0]
    np.testing.assert_allclose(near, [2, 2, 1])
    np.testing.assert_allclose(far, [1, 1, 1])


@given(
    positions=st.lists(st.floats(0, 3).map(lambda x: round(x, 1)), max_size=30).map(sorted),
    reach=st.floats(0, 2).map(lambda x: round(x, 1)),
)
def test_reach_ends__are_those_of_the_subtraction(positions: list[float], reach: float) -> None:
    n = len(positions)
    expected = [max(k + 1 for k in range(j, n) if positions[k] - positions[j] <= reach) for j in range(n)]
    assert reach_ends(np.array(positions), reach).tolist() == expected


def test_banded_ld_scores__do_not_depend_on_how_the_blocks_are_cut() -> None:
    genotypes, positions, annotations = panel(5, m=120, missing=0.001)
    counts = np.where(np.isnan(genotypes), -1, genotypes).astype(np.int8).T
    ends = reach_ends(positions, 0.5)
    taken: list[int] = []
    whole = banded_ld_scores([counts], ends, annotations)
    parts = banded_ld_scores(np.array_split(counts, 7), ends, annotations, taken.append)
    np.testing.assert_allclose(parts, whole, rtol=1e-12)
    np.testing.assert_allclose(whole, ld_scores(genotypes, positions, annotations, 0.5), rtol=1e-12)
    assert sum(taken) == 120


def test_ld_scores__of_no_variant_are_an_empty_table() -> None:
    assert ld_scores(np.zeros((5, 0)), np.zeros(0), np.zeros((0, 2))).shape == (0, 2)


def test_ld_scores__leave_their_arguments_alone() -> None:
    arguments = panel(6, missing=0.05)
    copies = [array.copy() for array in arguments]
    ld_scores(*arguments, reach=0.3)
    for array, copy in zip(arguments, copies, strict=True):
        np.testing.assert_array_equal(array, copy)


COUNTS = np.array([[0, 1, 2], [1, 1, 0], [2, 0, 0], [0, 2, 1]], dtype=float)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"genotypes": COUNTS.T}, "4 variants, positions of 3 and annotations of 3.*transpose them"),
        ({"genotypes": COUNTS[:2]}, "2 individuals; expected at least 3"),
        ({"genotypes": np.where(COUNTS == 2, 1, 1.0)}, r"variant 0 \(counted from 0\): all individuals"),
        ({"genotypes": COUNTS * [1, 1, 0]}, "variant 2 .* have the same one"),
        ({"genotypes": np.where([False, True, False], np.nan, COUNTS)}, "variant 1 .* have the same one"),
        (
            {"genotypes": np.where([False, True, False], [[0.1], [0.1], [np.nan], [0.1]], COUNTS)},
            "variant 1 .*same one",
        ),
        ({"genotypes": np.where(COUNTS == 2, np.inf, COUNTS)}, "a genotype is infinite"),
        ({"positions_cm": [0, 2, 1]}, "position 1 of variant 2 .* follows 2; expected ascending positions"),
        ({"positions_cm": [0, np.nan, 1]}, "position of variant 1 .* is nan; expected a number"),
        ({"annotations": [[1.0], [np.nan], [1.0]]}, "annotation 0 of variant 1 .* is nan; expected a number. Use 0"),
        ({"reach": -1.0}, "reach is -1.0; expected 0 or more"),
        ({"reach": math.nan}, "reach is nan; expected 0 or more"),
        ({"positions_cm": [[0, 1, 2]]}, r"have 2, 2 and 2 dimensions; expected \(n_individuals, n_variants\)"),
    ],
)
def test_ld_scores__name_what_is_wrong_with_their_input(change: dict, words: str) -> None:
    arguments = {"genotypes": COUNTS, "positions_cm": [0, 1, 2], "annotations": np.ones((3, 1)), **change}
    with pytest.raises(PanelError, match=words):
        ld_scores(**arguments)
