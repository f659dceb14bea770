"""Calls: labels by the published rule, rows pooled and never counted twice, and planted truth found again."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2, false_discovery_control

from ambergen.errors import InputError
from ambergen.validation.asb.calls import Calls, LabelRule, call
from ambergen.validation.asb.imbalance import imbalance_p


def counts(ref: list[float], alt: list[float], **more: object) -> pd.DataFrame:
    n = len(ref)
    places = {"chrom": ["chr1"] * n, "pos": np.arange(n) * 1000 + 1, "ref": ["A"] * n, "alt": ["G"] * n}
    return pd.DataFrame({**places, "ref_reads": ref, "alt_reads": alt, **more})


def by_rule(table: pd.DataFrame, rule: LabelRule) -> list[str]:
    """The published labels, row by row."""
    labels = []
    for _, row in table.iterrows():
        n = row["ref_reads"] + row["alt_reads"]
        label = ""
        if n and (row["ref_reads"] > rule.min_reads or row["alt_reads"] > rule.min_reads):
            if row["fdr"] < rule.fdr and row["ref_reads"] / n > 0.6:
                label = "loss"
            elif row["fdr"] < rule.fdr and row["ref_reads"] / n < 0.4:
                label = "gain"
            elif row["fdr"] > 0.9:
                label = "background"
        labels.append(label)
    return labels


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 90), st.integers(0, 90)), min_size=2, max_size=25))
def test_call__of_amber_is_the_published_rule(reads: list[tuple[int, int]]) -> None:
    ref, alt = (list(side) for side in zip(*reads, strict=True))
    table = call(counts(ref, alt), p0=0.5, rho=0.0).table
    n = np.add(ref, alt)
    np.testing.assert_allclose(table["p"], imbalance_p(ref, alt))
    np.testing.assert_allclose(table["fdr"][n > 0], false_discovery_control(table["p"][n > 0]) if (n > 0).any() else [])
    assert table["label"].tolist() == by_rule(table, LabelRule())
    assert (table["status"] == np.where(n > 0, "ok", "no_reads")).all()


@settings(max_examples=25)
@given(st.integers(0, 2**32), st.sampled_from([(None, None), (0.5, 0.0), (0.45, 0.02)]))
def test_call__swapping_the_alleles_mirrors_everything(seed: int, null: tuple[float | None, float | None]) -> None:
    rng = np.random.default_rng(seed)
    total = rng.poisson(60, 40) + 2
    ref = rng.binomial(total, rng.beta(5, 5, 40))
    p0, rho = null
    forward = call(counts(ref, total - ref), p0, rho)
    backward = call(counts(total - ref, ref), None if p0 is None else 1 - p0, rho)
    assert forward.p0 == pytest.approx(1 - backward.p0)
    assert forward.rho == pytest.approx(backward.rho)
    np.testing.assert_allclose(forward.table["p"], backward.table["p"], rtol=1e-6)
    np.testing.assert_allclose(forward.table["effect"], -backward.table["effect"])
    mirrored = backward.table["label"].replace({"gain": "loss", "loss": "gain"})
    assert forward.table["label"].tolist() == mirrored.tolist()


def test_call__rows_of_one_variant_are_added_up_within_a_track() -> None:
    table = counts([10, 20, 30, 5], [5, 5, 5, 50], individual=["a", "b", "a", "a"], track=["x", "x", "y", "x"])
    table["pos"] = [7, 7, 7, 9]
    calls = call(table, 0.5, 0.0)
    assert calls.table[["pos", "track", "ref_reads", "alt_reads", "n_rows"]].to_numpy().tolist() == [
        [7, "x", 30, 10, 2],
        [7, "y", 30, 5, 1],
        [9, "x", 5, 50, 1],
    ]
    assert any("4 rows are counts of 3 sites" in warning for warning in calls.warnings)
    assert calls.repeated  # one variant in two tracks
    assert calls.fdr_within == "track"
    alone = call(table, 0.5, 0.0, pool=False)
    assert len(alone.table) == 4
    assert alone.repeated


def test_call__false_discovery_is_within_a_track() -> None:
    calls = call(counts([30, 30, 30], [10, 10, 30], track=["x", "y", "y"]), 0.5, 0.0)
    p = float(imbalance_p(30, 10))
    np.testing.assert_allclose(calls.table["fdr"], [p, 2 * p, 1.0])


def test_call__what_cannot_be_tested_keeps_its_row_and_is_never_background() -> None:
    table = counts([20, np.nan, 0, 20, 20], [20, 3, 0, 20, 20], bad=[1, 1, 1, 2, 1])
    table.loc[4, "alt"] = "<DEL>"
    calls = call(table, 0.5, 0.0)
    assert sorted(calls.table["status"]) == ["copy_number", "missing_counts", "no_reads", "ok", "unsupported"]
    untested = calls.table[calls.table["status"] != "ok"]
    assert untested[["p", "fdr", "ratio"]].isna().all(axis=None)
    assert (untested["label"] == "").all()
    text = " ".join(calls.warnings)
    for words in ("BAD) other than 1", "have no counts", "counts of 0 on both alleles", "symbolic"):
        assert words in text


def test_call__a_variant_without_reads_in_one_sample_is_one_site() -> None:
    table = counts([20, 0], [10, 0])
    table["pos"] = 5
    assert call(table, 0.5, 0.0).table[["ref_reads", "status"]].to_numpy().tolist() == [[20, "ok"]]


def test_call__bias_and_dispersion_are_of_autosomes() -> None:
    rng = np.random.default_rng(0)
    total = rng.poisson(80, 400)
    ref = rng.binomial(total, 0.5)
    table = counts(ref, total - ref)
    table.loc[300:, "chrom"] = "chrX"
    table.loc[300:, "ref_reads"] = total[300:] - 1
    table.loc[300:, "alt_reads"] = 1
    assert call(table).p0 == pytest.approx(0.5, abs=0.01)
    roman = table.assign(chrom=np.where(np.arange(400) < 300, "IV", "X"))
    assert call(roman).p0 > 0.55  # X is the tenth contig where others are called IV


def test_call__warns_of_a_strong_reference_bias_and_of_binomial_tests() -> None:
    rng = np.random.default_rng(1)
    total = rng.poisson(100, 300)
    ref = rng.binomial(total, rng.beta(0.56 * 30, 0.44 * 30, 300))
    calls = call(counts(ref, total - ref), rho=0.0)
    text = " ".join(calls.warnings)
    assert "more than 0.02 from one half" in text
    assert "times the binomial variance" in text
    assert "The overdispersion is large" in " ".join(
        call(counts(rng.binomial(total, rng.beta(2, 2, 300)), total - ref)).warnings
    )


def test_call__controls_false_discoveries_where_the_binomial_does_not() -> None:
    rng = np.random.default_rng(2)
    total = rng.poisson(200, 2000)
    ref = rng.binomial(total, rng.beta(24.5, 24.5, 2000))  # rho 0.02, nothing allele-specific
    table = counts(ref, total - ref)
    found = call(table)
    assert found.rho == pytest.approx(0.02, abs=0.003)
    assert found.table["label"].isin(["gain", "loss"]).sum() <= 2
    assert call(table, 0.5, 0.0).table["label"].isin(["gain", "loss"]).sum() > 200


def test_call__a_robust_dispersion_withstands_allele_specific_sites() -> None:
    rng = np.random.default_rng(3)
    total = rng.poisson(100, 3000)
    share = rng.beta(24.5, 24.5, 3000)
    share[:450] = np.where(np.arange(450) % 2, 0.9, 0.1)
    ref = rng.binomial(total, share)
    cautious, robust = call(counts(ref, total - ref)), call(counts(ref, total - ref), rho="robust")
    assert cautious.rho > 0.08
    # The median of all is the quantile 0.5 / 0.85 of the sites at rho 0.02, whose variance is 1 + 99 rho.
    inflation = chi2.ppf(0.5 / 0.85, 1) / chi2.median(1)
    assert robust.rho == pytest.approx((inflation * (1 + 99 * 0.02) - 1) / 99, abs=0.004)
    assert robust.table["label"].isin(["gain", "loss"])[:450].mean() > 0.95


def test_call__expected_share_of_each_base_pair() -> None:
    table = counts([60] * 30 + [50] * 30 + [9], [40] * 30 + [50] * 30 + [1])
    table["ref"] = ["A"] * 30 + ["C"] * 30 + ["T"]
    calls = call(table, "pair", 0.0)
    assert calls.table["p0"][[0, 30]].tolist() == [0.6, 0.5]
    assert calls.table["p0"][60] == calls.p0
    assert any("T>G" in warning for warning in calls.warnings)


def test_call__few_rows_say_so() -> None:
    calls = call(counts([30, 20], [20, 30]))
    assert calls.rho == 0
    assert any("too few to estimate the overdispersion" in w for w in calls.warnings)
    shallow = call(counts([9] * 15 + [6] * 15, [6] * 15 + [9] * 15))
    assert any("Only 0 rows have 30 reads or more" in w for w in shallow.warnings)


@pytest.mark.parametrize(
    ("change", "arguments", "message"),
    [
        ({"alt_reads": [0, 0]}, {}, "none with reads on both alleles, so the reference bias cannot be estimated"),
        ({"pos": [5, 5], "ref": ["A", "G"], "alt": ["G", "A"]}, {"p0": 0.5}, "the other way round in another"),
        ({}, {"p0": 1.5}, "p0 is 1.5"),
        ({}, {"rho": 1.0}, "rho is 1.0"),
        ({"pos": [5, 5], "x_score": [1.0, 2.0]}, {"p0": 0.5}, "x_score differs between rows of one variant"),
    ],
)
def test_call__says_what_is_wrong(change: dict, arguments: dict, message: str) -> None:
    with pytest.raises(InputError) as caught:
        call(counts([30, 20], [20, 30]).assign(**change), **arguments)
    assert message in str(caught.value)


def test_calls__are_not_repeated_when_each_variant_has_one_row() -> None:
    calls: Calls = call(counts([30, 20], [20, 30]), 0.5, 0.0)
    assert not calls.repeated


def test_call__a_column_of_the_users_named_status_is_not_believed() -> None:
    table = counts([20, 20], [10, 10], status=["ok", "ok"])
    table.loc[1, "alt"] = "<DEL>"
    assert call(table, 0.5, 0.0).table["status"].tolist() == ["ok", "unsupported"]
