"""Estimates of bias and overdispersion recover what was planted, and equal SciPy's likelihood and the formula."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.stats import betabinom

from ambergen.errors import InputError
from ambergen.validation.asb.dispersion import likeliest, log_likelihood, overdispersion, reference_bias


def planted(seed: int, n: int, depth: int, p0: float, rho: float) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    total = rng.poisson(depth, n)
    share = rng.beta(p0 * (1 - rho) / rho, (1 - p0) * (1 - rho) / rho, n) if rho else p0
    ref = rng.binomial(total, share)
    return ref, total - ref


def test_estimates__recover_what_was_planted() -> None:
    ref, alt = planted(0, 6000, 80, 0.53, 0.02)
    # s.d. of p0: sqrt(p q (1 / n + rho) / sites) = 0.0012; of rho about 0.0006
    assert reference_bias(ref, alt) == pytest.approx(0.53, abs=0.004)
    assert overdispersion(ref, alt, 0.53) == pytest.approx(0.02, abs=0.002)
    found = likeliest(ref, alt)
    assert found.p0 == pytest.approx(0.53, abs=0.004)
    assert found.rho == pytest.approx(0.02, abs=0.002)


def test_overdispersion__is_the_formula_site_by_site() -> None:
    ref, alt, p0 = [40, 12, 33, 90], [20, 30, 31, 20], 0.52
    terms = [
        ((k - (k + m) * p0) ** 2 / ((k + m) * p0 * (1 - p0)) - 1) / (k + m - 1) for k, m in zip(ref, alt, strict=True)
    ]
    assert overdispersion(ref, alt, p0) == pytest.approx(np.mean(terms), rel=1e-12)
    assert overdispersion([*ref, 10], [*alt, 1], p0) == pytest.approx(np.mean(terms), rel=1e-12)  # 11 reads: too few


def test_overdispersion__of_binomial_counts_is_none() -> None:
    ref, alt = planted(1, 3000, 60, 0.5, 0.0)
    assert overdispersion(ref, alt) == pytest.approx(0, abs=0.002)
    assert likeliest(ref, alt, 0.5).rho == pytest.approx(0, abs=0.002)
    assert overdispersion([30, 31], [30, 29]) == 0  # more even than chance is not negative


def test_likeliest__is_the_top_of_scipys_likelihood() -> None:
    ref, alt = planted(2, 300, 50, 0.45, 0.05)

    def loss(at: np.ndarray) -> float:
        return -float(betabinom.logpmf(ref, ref + alt, *np.exp(at)).sum())

    # SciPy counts alpha and beta; its optimum is ours in other coordinates.
    top = minimize(loss, [2.0, 2.0], method="Nelder-Mead", options={"xatol": 1e-8, "fatol": 1e-10}).x
    alpha, beta = np.exp(top)
    found = likeliest(ref, alt, min_total=1)
    assert (found.p0, found.rho) == pytest.approx((alpha / (alpha + beta), 1 / (1 + alpha + beta)), rel=1e-3)
    assert found.log_likelihood == pytest.approx(-loss(top), abs=1e-5)


@given(st.integers(0, 2**32), st.sampled_from([0.0, 0.01, 0.2]))
def test_log_likelihood__swapping_the_alleles_changes_nothing(seed: int, rho: float) -> None:
    ref, alt = planted(seed, 20, 30, 0.4, 0.1)
    assert log_likelihood(ref, alt, 0.4, rho) == pytest.approx(log_likelihood(alt, ref, 0.6, rho), rel=1e-10)


def test_reference_bias__leaves_out_sites_that_are_no_heterozygotes() -> None:
    assert reference_bias([10, 20, 50], [10, 10, 0]) == pytest.approx(30 / 50)


def test_estimates__say_what_they_lack() -> None:
    with pytest.raises(InputError, match="none of 2 sites has reads on both alleles"):
        reference_bias([5, 0], [0, 3])
    with pytest.raises(InputError, match="none of 1 sites has at least 30 reads"):
        overdispersion([5], [3])
    with pytest.raises(InputError, match="none of 1 sites has at least 30 reads"):
        likeliest([5], [3])
