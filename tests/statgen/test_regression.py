from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import ambergen as ag
from ambergen.errors import InputError
from ambergen.seeds import generator
from ambergen.statgen.regression import HeritabilityResult, partitioned_heritability
from ambergen.statgen.simulation import (
    H2,
    SimulatedGenome,
    permuted_ld_scores,
    simulate_chi2,
    simulate_genome,
)
from tests.statgen.oracle import Study, study

CASES = [(1, None, None), (1, None, 30.0), (1, 1.0, None), (1, 1.1, 30.0), (4, None, None), (4, 1.0, None)]
# h2, h2_error, intercept, intercept_error (0 where given), last tau and its error, of pyldsc 0.1.0 on `study(k)` with
# 50 blocks: Hsq(chi2, ld, weights, n, m, n_blocks=50, intercept=…, twostep=…, old_weights=k > 1)
STORED: dict[tuple[int, float | None, float | None], list[float]] = {
    (1, None, None): [0.00952913331, 0.00250804351, 1.57346932, 0.213631895, 4.76456666e-07, 1.25402175e-07],
    (1, None, 30.0): [0.0103861468, 0.00301635087, 1.51094428, 0.206661114, 5.19307342e-07, 1.50817544e-07],
    (1, 1.0, None): [0.0196022094, 0.00217056298, 1, 0, 9.80110471e-07, 1.08528149e-07],
    (1, 1.1, 30.0): [0.0174656768, 0.00199351616, 1.1, 0, 8.73283838e-07, 9.96758078e-08],
    (4, None, None): [0.138152087, 0.0627253502, 0.766044063, 0.397678866, 3.11001322e-06, 3.10339741e-06],
    (4, 1.0, None): [0.132940543, 0.0560689907, 1, 0, 3.1748055e-06, 3.1154519e-06],
}


def fit(data: Study, **settings: Any) -> HeritabilityResult:
    return partitioned_heritability(data.chi2, data.n, data.ld_scores, data.weight_ld, data.m, 50, **settings)


@pytest.mark.parametrize(("k", "intercept", "two_step"), CASES)
def test_partitioned_heritability__equals_pyldsc(k: int, intercept: float | None, two_step: float | None) -> None:
    pyldsc = pytest.importorskip("pyldsc")
    data = study(k)
    column = (slice(None), None)
    theirs = pyldsc.Hsq(
        data.chi2[column],
        data.ld_scores,
        data.weight_ld[column],
        data.n[column],
        data.m[None],
        n_blocks=50,
        intercept=intercept,
        twostep=two_step if intercept is None else None,
        old_weights=k > 1,
    )
    ours = fit(data, intercept=intercept, two_step=two_step)
    pairs = [
        (ours.h2, theirs.tot),
        (ours.h2_error, theirs.tot_se),
        (ours.intercept, theirs.intercept),
        (ours.tau, theirs.coef),
        (ours.tau_error, theirs.coef_se),
        (ours.tau_covariance, theirs.coef_cov),
        (ours.proportion, theirs.prop[0]),
        (ours.proportion_error, theirs.prop_se[0]) if k > 1 else (0, 0),
        (ours.delete_tau, theirs.part_delete_values),
    ]
    if intercept is None:
        pairs += [
            (ours.intercept_error, theirs.intercept_se),
            (ours.delete_intercept, theirs.intercept_delete_values),
        ]
    for mine, other in pairs:
        assert mine == pytest.approx(np.asarray(other), rel=1e-6, abs=0)


@pytest.mark.parametrize(("k", "intercept", "two_step"), CASES)
def test_partitioned_heritability__equals_stored_numbers(
    k: int, intercept: float | None, two_step: float | None
) -> None:
    ours = fit(study(k), intercept=intercept, two_step=two_step)
    error = 0.0 if intercept is not None else ours.intercept_error
    found = [ours.h2, ours.h2_error, ours.intercept, error, ours.tau[-1], ours.tau_error[-1]]
    assert found == pytest.approx(STORED[k, intercept, two_step], rel=1e-6, abs=0)


def test_partitioned_heritability__several_annotations_are_one_weighted_fit() -> None:
    """Written out from the formulas, with the model matrix as a whole."""
    data = study(4)
    m, total = data.m.sum(), data.ld_scores.sum(axis=1)
    guess = np.clip(m * (data.chi2.mean() - 1) / (data.n * total).mean(), 0, 1)
    variance = 2 * (1 + data.n * guess * np.maximum(total, 1) / m) ** 2
    root = np.sqrt(1 / (np.maximum(data.weight_ld, 1) * variance))[:, None]
    x = np.column_stack([data.ld_scores * data.n[:, None] / data.n.mean(), np.ones(len(data.n))])

    def solve(keep: np.ndarray) -> np.ndarray:
        return np.linalg.lstsq(x[keep] * root[keep], data.chi2[keep] * root[keep, 0], rcond=None)[0]

    ours = fit(data)
    everything = np.ones(len(data.n), bool)
    estimate = solve(everything)
    assert ours.tau == pytest.approx(estimate[:-1] / data.n.mean(), rel=1e-8)
    assert ours.intercept == pytest.approx(estimate[-1], rel=1e-8)
    borders = np.floor(np.linspace(0, len(data.n), 51)).astype(int)
    for block in (0, 17, 49):
        keep = everything.copy()
        keep[borders[block] : borders[block + 1]] = False
        assert ours.delete_tau[block] == pytest.approx(solve(keep)[:-1] / data.n.mean(), rel=1e-7)
    assert ours.proportion == pytest.approx(data.m * ours.tau / (data.m @ ours.tau))


def test_partitioned_heritability__order_of_annotations_does_not_matter() -> None:
    data = study(4)
    order = [2, 0, 3, 1]
    turned = replace(data, ld_scores=data.ld_scores[:, order], annotations=data.annotations[:, order])
    ours, other = fit(data), fit(turned)
    assert other.tau == pytest.approx(ours.tau[order], rel=1e-8)
    assert other.h2_error == pytest.approx(ours.h2_error, rel=1e-8)


def test_partitioned_heritability__a_noise_free_trait_is_found_exactly() -> None:
    data = study(4)
    tau = np.array([2e-7, 3e-7, -1e-7, 5e-8])
    exact = replace(data, chi2=1.25 + data.n * (data.ld_scores @ tau))
    found = fit(exact)
    assert found.tau == pytest.approx(tau, rel=1e-8)
    assert found.intercept == pytest.approx(1.25, rel=1e-10)
    assert found.tau_error == pytest.approx(np.zeros(4), abs=1e-14)


def test_partitioned_heritability__one_number_for_n_and_public_name() -> None:
    data = study(1)
    assert ag.statgen.partitioned_heritability is partitioned_heritability
    each = partitioned_heritability(data.chi2, np.full(1200, 5e4), data.ld_scores, data.weight_ld, data.m, 50)
    one = partitioned_heritability(data.chi2, 5e4, data.ld_scores, data.weight_ld, data.m, n_blocks=50)
    assert one.h2 == each.h2


def test_partitioned_heritability__a_given_intercept_has_no_error() -> None:
    result = fit(study(4), intercept=1.0)
    assert result.intercept == 1.0
    assert np.isnan(result.intercept_error)
    assert (result.delete_intercept == 1.0).all()


# ---- simulated traits


REPLICATES = 100


@pytest.fixture(scope="module")
def genome() -> SimulatedGenome:
    return simulate_genome(generator(0, "genome"))


@pytest.fixture(scope="module")
def replicates(genome: SimulatedGenome) -> list[HeritabilityResult]:
    traits = (simulate_chi2(genome, generator(0, "trait", number)) for number in range(REPLICATES))
    return [
        partitioned_heritability(chi2, 5000, genome.ld_scores, genome.weight_ld, genome.m, n_blocks=200)
        for chi2 in traits
    ]


def test_simulation__estimates_are_unbiased_and_errors_are_right(
    genome: SimulatedGenome, replicates: list[HeritabilityResult]
) -> None:
    enriched = [result.tau[1] for result in replicates]
    for values, errors, truth in (
        ([result.h2 for result in replicates], [result.h2_error for result in replicates], H2),
        ([result.intercept for result in replicates], [result.intercept_error for result in replicates], 1.0),
        (enriched, [result.tau_error[1] for result in replicates], genome.tau[1]),
        ([r.tau[2] for r in replicates], [r.tau_error[2] for r in replicates], 0.0),
    ):
        spread = np.std(values, ddof=1)
        assert abs(np.mean(values) - truth) < 3 * spread / np.sqrt(REPLICATES)
        assert np.mean(errors) == pytest.approx(spread, rel=0.2)


def test_simulation__a_planted_enrichment_is_found_and_a_null_annotation_is_not(
    genome: SimulatedGenome, replicates: list[HeritabilityResult]
) -> None:
    z = np.array([result.tau / result.tau_error for result in replicates])
    assert np.mean(z[:, 1] > 1.96) > 0.9
    assert 0.01 <= np.mean(np.abs(z[:, 2]) > 1.96) <= 0.11


def test_simulation__a_permuted_annotation_is_not_enriched(genome: SimulatedGenome) -> None:
    ld_scores = permuted_ld_scores(genome, generator(0, "permuted"))
    z = []
    for number in range(REPLICATES):
        chi2 = simulate_chi2(genome, generator(0, "trait", number))
        result = partitioned_heritability(chi2, 5000, ld_scores, genome.weight_ld, genome.m, n_blocks=200)
        z.append(result.tau[1] / result.tau_error[1])
    assert 0.01 <= np.mean(np.abs(z) > 1.96) <= 0.11


# ---- what is refused


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("n", lambda n: np.where(np.arange(len(n)) == 3, -9, n), r"n: is -9 in row 3; .*positive number"),
        ("chi2", lambda x: -x, r"chi2: is -.* in row 0; a chi-square is never negative"),
        ("chi2", lambda x: np.where(np.arange(len(x)) == 7, np.nan, x), r"chi2: is nan in row 7"),
        ("weight_ld", lambda x: x[:-1], r"weight_ld: has shape \(1199,\); expected \(1200,\)"),
        ("ld_scores", lambda x: x[:, 0], r"ld_scores \(1200,\); expected \(n_variants,\) and"),
        ("ld_scores", lambda x: x * [1, 1, 0, 1], r"annotation 3: the LD score is 0 for every variant"),
        ("ld_scores", lambda x: x * [1, 1, 0, 1] + [0, 0, 7, 0], r"annotation 3: the LD score is 7 for every variant"),
        (
            "ld_scores",
            lambda x: np.column_stack([x[:, :3], x[:, 0] + x[:, 1]]),
            r"LD scores of annotation 1, annotation 2, annotation 4 are collinear .*Leave one of them out",
        ),
    ],
)
def test_partitioned_heritability__refuses(name: str, change: Any, words: str) -> None:
    data = study(4)
    inputs = {field: getattr(data, field) for field in ("chi2", "n", "ld_scores", "weight_ld", "m")}
    inputs[name] = change(inputs[name])
    with pytest.raises(InputError, match=words):
        partitioned_heritability(**inputs, n_blocks=50)


def test_partitioned_heritability__too_few_variants_for_blocks_or_annotations() -> None:
    data = study(4)
    few = [array[:60] for array in (data.chi2, data.n, data.ld_scores, data.weight_ld)]
    with pytest.raises(InputError, match=r"n_blocks: is 200, but there are 60 variants"):
        partitioned_heritability(*few, data.m)
    with pytest.raises(InputError, match=r"6 variants are too few for 4 annotations and 2 blocks, as 3 are left"):
        partitioned_heritability(*(array[:6] for array in few), data.m, n_blocks=2)
    loud = replace(study(1), chi2=study(1).chi2 + 30)
    with pytest.raises(InputError, match=r"two_step: 0 variants have a chi-square below 30.*two_step=None"):
        fit(loud)


def test_partitioned_heritability__ill_conditioned_annotations_can_be_forced() -> None:
    data = study(4)
    noise = generator(1, "noise").normal(size=1200) * 1e-4
    twice = replace(data, ld_scores=np.column_stack([data.ld_scores[:, :3], data.ld_scores[:, 1] + noise]))
    with pytest.raises(InputError, match=r"annotation 2, annotation 4 are collinear \(condition number"):
        fit(twice)
    assert np.isfinite(fit(twice, largest_condition=None).tau).all()
