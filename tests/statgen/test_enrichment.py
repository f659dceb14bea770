from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from ambergen.errors import InputError
from ambergen.seeds import generator
from ambergen.statgen.enrichment import (
    bins_between,
    contrast,
    joint_test,
    overlap_enrichment,
    quantile_bins,
    quantile_borders,
    quantile_enrichment,
    tau_star,
)
from ambergen.statgen.regression import HeritabilityResult, partitioned_heritability
from ambergen.statgen.simulation import simulate_chi2, simulate_genome
from tests.statgen.oracle import study

N_VARIANTS = 20_000
# Proportion, its error, enrichment, its error and p of annotations 2 to 4 of `study(4)`, of pyldsc 0.1.0 with 50
# blocks: Hsq(…, old_weights=True)._overlap_output(names, overlap, m, 20000, True)
STORED = [
    [0.0467696933, 0.946818143, 0.395666236],
    [0.0776018743, 0.134989636, 0.113002616],
    [0.470756853, 1.17794937, 1.31844797],
    [0.781095867, 0.167942447, 0.376549871],
    [0.473119407, 0.430927929, 0.314892966],
]


@cache
def result() -> HeritabilityResult:
    data = study(4)
    return partitioned_heritability(data.chi2, data.n, data.ld_scores, data.weight_ld, data.m, n_blocks=50)


def test_overlap_enrichment__equals_pyldsc() -> None:
    pyldsc = pytest.importorskip("pyldsc")
    data = study(4)
    theirs = pyldsc.Hsq(
        data.chi2[:, None], data.ld_scores, data.weight_ld[:, None], data.n[:, None], data.m[None],
        n_blocks=50, old_weights=True,
    )  # fmt: skip
    table = theirs._overlap_output(list("abcd"), data.overlap, data.m[None], N_VARIANTS, True)
    ours = overlap_enrichment(result(), data.overlap, data.m)
    for mine, column in (
        (ours.proportion_variants, "Prop._SNPs"),
        (ours.proportion, "Prop._h2"),
        (ours.proportion_error[1:], "Prop._h2_std_error"),
        (ours.enrichment, "Enrichment"),
        (ours.enrichment_error[1:], "Enrichment_std_error"),
        (ours.enrichment_p[1:], "Enrichment_p"),
    ):
        assert mine == pytest.approx(table[column].to_numpy()[-len(mine) :].astype(float), rel=1e-6)


def test_overlap_enrichment__equals_stored_numbers() -> None:
    data = study(4)
    ours = overlap_enrichment(result(), data.overlap, data.m)
    found = [ours.proportion, ours.proportion_error, ours.enrichment, ours.enrichment_error, ours.enrichment_p]
    assert np.array(found)[:, 1:] == pytest.approx(np.array(STORED), rel=1e-6)


def test_overlap_enrichment__is_the_heritability_of_the_variants_inside() -> None:
    data = study(4)
    ours = overlap_enrichment(result(), data.overlap, data.m)
    per_variant = data.annotations @ result().tau
    inside = data.annotations[:, 1] == 1
    assert ours.proportion[1] == pytest.approx(per_variant[inside].sum() / per_variant.sum())
    assert ours.enrichment[1] == pytest.approx(per_variant[inside].mean() / per_variant.mean())
    assert ours.proportion[0] == pytest.approx(1)
    assert ours.proportion_error[0] == pytest.approx(0, abs=1e-10)
    assert np.isnan(ours.enrichment_p[0])


def test_overlap_enrichment__an_annotation_without_variants_has_none() -> None:
    data = study(4)
    annotations = data.annotations.copy()
    annotations[:, 3] = 0
    ours = overlap_enrichment(result(), annotations.T @ annotations, annotations.sum(axis=0))
    assert np.isnan([ours.enrichment[3], ours.enrichment_p[3]]).all()
    assert np.isfinite(ours.enrichment[:3]).all()


def test_overlap_enrichment__refuses_what_does_not_fit() -> None:
    data = study(4)
    with pytest.raises(InputError, match=r"overlap has shape \(3, 3\) and m \(4,\); expected \(4, 4\)"):
        overlap_enrichment(result(), data.overlap[:3, :3], data.m)
    with pytest.raises(InputError, match="not symmetric"):
        overlap_enrichment(result(), np.triu(data.overlap), data.m)
    without_base = data.overlap.copy()
    without_base[0, 1] = without_base[1, 0] = data.overlap[0, 1] + 5
    with pytest.raises(InputError, match="no annotation is 1 for every variant"):
        overlap_enrichment(result(), without_base, data.m)


def test_tau_star__does_not_depend_on_the_unit_of_the_annotation() -> None:
    data = study(4)
    unit = np.array([1, 1, 40.0, 1])
    other = replace(
        result(), tau=result().tau / unit, tau_error=result().tau_error / unit, tau_covariance=np.zeros((4, 4))
    )
    sd = data.annotations.std(axis=0)
    ours, scaled = tau_star(result(), sd, N_VARIANTS), tau_star(other, sd * unit, N_VARIANTS)
    assert scaled.estimate == pytest.approx(ours.estimate)
    assert ours.z[1:] == pytest.approx((result().tau / result().tau_error)[1:])
    assert ours.estimate[2] == pytest.approx(result().tau[2] * sd[2] * N_VARIANTS / result().h2)
    assert np.isnan(ours.z[0])  # the base annotation does not vary
    with pytest.raises(InputError, match=r"shape \(2,\); expected \(4,\)"):
        tau_star(result(), sd[:2], N_VARIANTS)


def test_contrast__one_annotation_is_its_own_coefficient() -> None:
    own = contrast(result(), [0, 1, 0, 0])
    assert float(own.estimate) == result().tau[1]
    assert float(own.error) == pytest.approx(result().tau_error[1])


def test_contrast__uses_the_covariance() -> None:
    both = contrast(result(), [0, 1, -1, 0])
    delete = result().delete_tau[:, 1] - result().delete_tau[:, 2]
    variance = 49 / 50 * ((delete - delete.mean()) ** 2).sum()
    assert float(both.error) == pytest.approx(np.sqrt(variance))
    with pytest.raises(InputError, match="one for each annotation"):
        contrast(result(), [1.0])


def test_joint_test__of_one_annotation_is_its_squared_z() -> None:
    one = joint_test(result(), [2])
    z = result().tau[2] / result().tau_error[2]
    assert one.chi2 == pytest.approx(z**2)
    assert one.p == pytest.approx(2 * stats.norm.sf(abs(z)))
    assert joint_test(result(), [1, 2]).degrees == 2
    with pytest.raises(InputError, match="fewer than half of the 50 blocks"):
        joint_test(result(), [])


def test_conditional_tests__under_the_null_reject_as_often_as_they_say() -> None:
    """Two annotations without effect beside the enriched one: their difference, and both together."""
    genome = simulate_genome(generator(3, "genome"), n_blocks=200)
    rng = generator(3, "extra")
    extra = genome.ld_scores[:, 0] * rng.uniform(0.05, 0.15, len(genome.ld_scores))
    ld_scores, m = np.column_stack([genome.ld_scores, extra]), np.append(genome.m, 1000.0)
    differences, together = [], []
    for number in range(100):
        chi2 = simulate_chi2(genome, generator(3, "trait", number))
        fitted = partitioned_heritability(chi2, 5000, ld_scores, genome.weight_ld, m, n_blocks=200)
        differences.append(float(contrast(fitted, [0, 0, 1, -1]).p))
        together.append(joint_test(fitted, [2, 3]).p)
    assert 0.01 <= np.mean(np.array(differences) < 0.05) <= 0.11
    assert 0.01 <= np.mean(np.array(together) < 0.05) <= 0.12


@given(st.integers(0, 1000), st.integers(2, 10))
def test_quantile_bins__rise_with_the_value_and_are_equally_full(seed: int, n_quantiles: int) -> None:
    values = np.abs(generator(seed, "values").normal(size=300))
    values[::7] = 0
    bins = quantile_bins(values, n_quantiles)
    assert ((bins == 0) == (values == 0)).all()
    sizes = np.bincount(bins)[1:]
    assert len(sizes) == n_quantiles
    assert sizes.max() - sizes.min() <= 1
    for low in range(n_quantiles):
        assert values[bins == low].max() < values[bins == low + 1].min()
    assert quantile_bins(values - 1, n_quantiles).min() == 1


def test_quantile_bins__zeros_and_ones_have_no_quantiles() -> None:
    with pytest.raises(InputError, match=r"4 of 5 quantiles are empty, as 2 variants have 1 distinct values"):
        quantile_bins([0, 0, 1, 1])


def test_quantile_enrichment__sums_to_everything_and_of_one_bin_is_one() -> None:
    data = study(4)
    bins = quantile_bins(data.annotations[:, 2])
    counts = np.bincount(bins)[1:]
    sums = np.array([data.annotations[bins == q].sum(axis=0) for q in range(1, 6)])
    ours = quantile_enrichment(result(), sums, counts)
    assert ours.proportion.sum() == pytest.approx(1)
    per_variant = data.annotations @ result().tau
    assert ours.enrichment[4] == pytest.approx(per_variant[bins == 5].mean() / per_variant.mean())
    # A bin is an annotation of 0 and 1, so that its p is that of the enrichment with overlap
    as_annotation = np.column_stack([data.annotations, bins == 5])
    padded = replace(
        result(),
        tau=np.append(result().tau, 0),
        delete_tau=np.column_stack([result().delete_tau, np.zeros(50)]),
        tau_covariance=np.pad(result().tau_covariance, (0, 1)),
    )
    theirs = overlap_enrichment(padded, as_annotation.T @ as_annotation, as_annotation.sum(axis=0))
    assert ours.p[4] == pytest.approx(theirs.enrichment_p[4])
    assert ours.enrichment_error[4] == pytest.approx(theirs.enrichment_error[4])
    whole = quantile_enrichment(result(), data.m[None], np.array([N_VARIANTS]))
    assert whole.enrichment == pytest.approx([1])
    assert np.isnan(whole.p[0])


def test_quantile_enrichment__refuses_an_empty_bin() -> None:
    with pytest.raises(InputError, match="every bin with a variant"):
        quantile_enrichment(result(), np.zeros((2, 4)), [5, 0])


@given(st.integers(0, 1000), st.booleans())
def test_bins_between__parts_of_a_panel_have_the_bins_of_the_whole(seed: int, zeros_apart: bool) -> None:
    rng = np.random.default_rng(seed)
    values = np.where(rng.random(200) < 0.3, 0, rng.normal(size=200).round(3))
    if not zeros_apart:
        values = values + 0.0001 * np.arange(200)  # zeros together would leave bins empty
    borders = quantile_borders(values, 4, zeros_apart)
    parts = [bins_between(part, borders, zeros_apart) for part in np.split(values, [30, 130])]
    assert np.concatenate(parts).tolist() == quantile_bins(values, 4, zeros_apart).tolist()
    assert np.isnan(quantile_borders(np.zeros(3))).all()
