"""Simulated counts have the distribution that was asked for, and calls find the planted truth in them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit

from ambergen.errors import InputError
from ambergen.validation.asb.calls import call
from ambergen.validation.asb.dispersion import overdispersion, reference_bias
from ambergen.validation.asb.scores import VariantScores
from ambergen.validation.asb.simulation import simulate, simulated_table


def test_simulate__counts_have_the_planted_bias_dispersion_and_depth() -> None:
    counts = simulate(np.zeros(4000), depth=120, p0=0.53, rho=0.03, seed=1)
    total = counts["ref_reads"] + counts["alt_reads"]
    assert reference_bias(counts["ref_reads"], counts["alt_reads"]) == pytest.approx(0.53, abs=0.006)
    assert overdispersion(counts["ref_reads"], counts["alt_reads"], 0.53) == pytest.approx(0.03, abs=0.003)
    assert total.mean() == pytest.approx(120, rel=0.05)
    assert total.var() == pytest.approx(120 + 0.5 * 120**2, rel=0.12)  # negative binomial


def test_simulate__an_effect_is_a_log_odds_ratio() -> None:
    effects = np.repeat([-1.5, 0.0, 1.5], 2000)
    counts = simulate(effects, depth=200, p0=0.52, rho=0.01, seed=2)
    share = counts.groupby("true_effect")[["ref_reads", "alt_reads"]].sum()
    found = share["ref_reads"] / share.sum(axis=1)
    np.testing.assert_allclose(found, expit(logit(0.52) - np.array([-1.5, 0.0, 1.5])), atol=0.01)
    np.testing.assert_allclose(counts["true_ratio"], expit(logit(0.52) - counts["true_effect"]))


def test_simulate__binomial_and_poisson_are_the_limits() -> None:
    counts = simulate(np.zeros(3000), depth=80, rho=0.0, depth_spread=0.0, seed=3)
    total = counts["ref_reads"] + counts["alt_reads"]
    assert total.var() == pytest.approx(80, rel=0.1)
    assert overdispersion(counts["ref_reads"], counts["alt_reads"]) < 0.002


def test_simulate__is_a_function_of_its_seed() -> None:
    one, two, three = (simulate([0.0, 1.0], seed=seed) for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(one, two)
    assert not one.equals(three)


def test_simulate__each_individual_has_its_row() -> None:
    counts = simulate([0.0, 1.0], n_individuals=3)
    assert counts["site"].tolist() == [0, 0, 0, 1, 1, 1]
    assert counts["individual"].nunique() == 3


def test_simulate__strong_effects_are_called_in_their_direction() -> None:
    effects = np.where(np.arange(1000) < 60, np.where(np.arange(1000) % 2, 3.0, -3.0), 0.0)
    counts = simulate(effects, depth=150, rho=0.01, depth_spread=0.1, seed=4)
    places = pd.DataFrame({"chrom": "chr1", "pos": np.arange(1000) + 1, "ref": "A", "alt": "C"})
    table = call(pd.concat([places, counts], axis=1), rho=0.01).table
    assert (table["label"][:60] == np.where(np.arange(60) % 2, "gain", "loss")).mean() > 0.95
    assert table["label"][60:].isin(["gain", "loss"]).mean() < 0.005


def test_simulated_table__is_a_table_of_counts_for_each_track() -> None:
    variants = pd.DataFrame({"chrom": "chr1", "pos": [3, 9], "ref": "A", "alt": "C"})
    effects = np.array([[0.5, np.nan], [1.0, -1.0]])
    truth = VariantScores("truth", variants, ("x", "y"), effects, None, "effect", np.zeros(2, dtype=bool))
    table = simulated_table(truth, 2.0, 1.0, 50, 0.5, 0.0, 1, 0)
    assert table[["pos", "track", "true_effect"]].to_numpy().tolist() == [[3, "x", 1.0], [9, "x", 2.0], [9, "y", -2.0]]
    assert (call(table, 0.5, 0.0).table["status"] == "ok").all()
    none = simulated_table(truth, 2.0, 0.0, 50, 0.5, 0.0, 1, 0)
    assert (none["true_effect"] == 0).all()


@pytest.mark.parametrize(
    ("effects", "settings", "message"),
    [
        ([0.0, np.nan], {}, "1 are no numbers; expected one finite log odds a site"),
        ([0.0], {"depth": 0}, "expected a depth above 0"),
        ([0.0], {"n_individuals": 0}, "0 individuals"),
        ([0.0], {"p0": 0.0}, "p0 is 0.0"),
        ([0.0], {"rho": 1.0}, "rho is 1.0"),
    ],
)
def test_simulate__says_what_is_wrong(effects: list, settings: dict, message: str) -> None:
    with pytest.raises(InputError) as caught:
        simulate(effects, **settings)
    assert message in str(caught.value)
