"""P-values of allelic imbalance against SciPy, and the symmetry of the two alleles."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import betabinom, binomtest

from ambergen.errors import InputError
from ambergen.validation.asb.imbalance import Rising, imbalance_p

READS = st.integers(0, 400)


@given(READS, READS, st.sampled_from([0.5, 0.5085, 0.31, 0.97]))
def test_imbalance_p__is_scipys_binomial_test(ref: int, alt: int, p0: float) -> None:
    if ref + alt:
        expected = binomtest(ref, ref + alt, p0).pvalue
        assert float(imbalance_p(ref, alt, p0)) == pytest.approx(expected, rel=1e-9, abs=1e-300)


@given(READS, READS, st.floats(0.1, 0.9), st.sampled_from([0.0005, 0.018, 0.4]))
def test_imbalance_p__is_the_definition_on_scipys_beta_binomial(ref: int, alt: int, p0: float, rho: float) -> None:
    n = ref + alt
    if n:
        masses = betabinom(n, p0 * (1 - rho) / rho, (1 - p0) * (1 - rho) / rho).pmf(np.arange(n + 1))
        expected = masses[masses <= masses[ref] * (1 + 1e-7)].sum()
        assert float(imbalance_p(ref, alt, p0, rho)) == pytest.approx(expected, rel=1e-6)


@given(READS, READS, st.floats(0.1, 0.9), st.sampled_from([0.0, 0.02]))
def test_imbalance_p__swapping_the_alleles_changes_nothing(ref: int, alt: int, p0: float, rho: float) -> None:
    swapped = imbalance_p(alt, ref, 1 - p0, rho)
    np.testing.assert_allclose(imbalance_p(ref, alt, p0, rho), swapped, rtol=1e-6)


@given(READS, READS)
def test_imbalance_p__a_vanishing_overdispersion_is_the_binomial(ref: int, alt: int) -> None:
    np.testing.assert_allclose(imbalance_p(ref, alt, 0.5, 1e-13), imbalance_p(ref, alt, 0.5), rtol=1e-6)


def test_imbalance_p__a_site_without_reads_has_none() -> None:
    np.testing.assert_allclose(imbalance_p([0, 5, 3], [0, 0, 3]), [np.nan, 0.0625, 1.0], rtol=1e-12)


def test_imbalance_p__overdispersion_and_depth_raise_it_and_lower_it() -> None:
    p = imbalance_p([70, 700], [30, 300], 0.5, 0.02)
    assert p[1] < p[0]
    assert imbalance_p(70, 30) < p[0]


def test_imbalance_p__takes_an_expected_share_for_each_site() -> None:
    p = imbalance_p([30, 30], [10, 10], [0.5, 0.75])
    assert p.tolist() == [imbalance_p(30, 10, 0.5), imbalance_p(30, 10, 0.75)]


def test_imbalance_p__is_uniform_on_its_own_distribution() -> None:
    """Under the null a test of level 0.05 rejects at most 5 in 100, and not far fewer at depth."""
    probabilities = np.exp(Rising(800, 0.5085, 0.018).log_probabilities(800))
    k = np.arange(801)
    rejected = probabilities[imbalance_p(k, 800 - k, 0.5085, 0.018) < 0.05].sum()
    assert 0.045 < rejected <= 0.05
    assert probabilities[imbalance_p(k, 800 - k, 0.5085) < 0.05].sum() > 0.5  # what the binomial test does to it


@pytest.mark.parametrize(
    ("ref", "alt", "p0", "rho", "message"),
    [
        ([3, -1], [2, 2], 0.5, 0.0, "site 1: -1.0 reference reads; expected a whole number from 0"),
        ([3, 1], [2, 2.5], 0.5, 0.0, "site 1: 2.5 alternate reads"),
        ([np.nan], [2], 0.5, 0.0, "site 0: nan reference reads"),
        ([3], [2, 2], 0.5, 0.0, "expected one of either a site"),
        ([3], [2], 1.0, 0.0, "p0 is 1.0; expected a share of reference reads between 0 and 1"),
        ([3], [2], 0.5, 1.0, "rho is 1.0; expected at least 0"),
        ([3], [2], 0.5, -0.1, "rho is -0.1"),
    ],
)
def test_imbalance_p__says_what_is_wrong(ref: list, alt: list, p0: float, rho: float, message: str) -> None:
    with pytest.raises(InputError, match="allelic") as caught:
        imbalance_p(ref, alt, p0, rho)
    assert message in str(caught.value)
