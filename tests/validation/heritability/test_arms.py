from __future__ import annotations

import math
from dataclasses import fields, replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from ambergen.errors import InputError
from ambergen.seeds import generator
from ambergen.statgen.enrichment import overlap_enrichment, tau_star
from ambergen.statgen.regression import partitioned_heritability
from ambergen.statgen.simulation import SimulatedGenome, permuted_ld_scores, simulate_chi2, simulate_genome
from ambergen.validation.heritability.arms import (
    ArmOfTrait,
    compare_arms,
    comparison_sentences,
    paired_tracks,
    selected_tracks,
)
from ambergen.validation.heritability.tables import COMPARISON

N_BLOCKS = 12


def arm(rng: np.random.Generator, n_models: int, n_tracks: int, shift: float = 0.0) -> ArmOfTrait:
    """Enrichments about 2 and tau* about 1, a few of them below 0, with delete values about them."""
    shape = (n_models, n_tracks)
    enrichment, star = 2 + shift + rng.standard_normal(shape), 1 + shift + 0.5 * rng.standard_normal(shape)
    return ArmOfTrait(
        tuple(f"m{k}" for k in range(n_models)),
        enrichment,
        star,
        rng.uniform(0, 0.1, shape),
        rng.uniform(0, 0.1, shape),
        enrichment[..., None] + 0.05 * rng.standard_normal((*shape, N_BLOCKS)),
        star[..., None] + 0.05 * rng.standard_normal((*shape, N_BLOCKS)),
    )


def study(seed: int, n_searched: int = 3, n_sampled: int = 2, n_tracks: int = 9) -> dict[str, tuple]:
    rng = np.random.default_rng(seed)
    return {trait: (arm(rng, n_searched, n_tracks, 0.3), arm(rng, n_sampled, n_tracks)) for trait in ("a", "b", "c")}


def error_of(delete: list[float]) -> float:
    """The jackknife's, from its pseudo-values."""
    n = len(delete)
    mean = sum(delete) / n
    return math.sqrt((n - 1) / n * sum((value - mean) ** 2 for value in delete))


def slow_rows(traits: dict[str, tuple], measure: str) -> dict[str, tuple[int, int, float, float]]:
    """Trait -> pairs, dropped, mean difference and its error, written from the definition with loops."""
    found = {}
    for trait, (searched, sampled) in traits.items():
        pairs, n_dropped = [], 0
        for track in range(searched.q.shape[1]):
            sides = []
            for side in (searched, sampled):
                name = "tau_star" if measure == "tau_star" else "enrichment"
                values, deletes = getattr(side, name), getattr(side, f"delete_{name}")
                n = len(side.models)
                mean = sum(values[k, track] for k in range(n)) / n
                delete = [sum(deletes[k, track, b] for k in range(n)) / n for b in range(N_BLOCKS)]
                if measure == "log_enrichment":
                    if not mean > 0:
                        sides.append(None)
                        continue
                    delete = [math.log(mean) + (one - mean) / mean for one in delete]
                    mean = math.log(mean)
                sides.append((mean, delete))
            if None in sides:
                n_dropped += 1
            else:
                pairs.append(sides)
        difference = sum(one[0] - other[0] for one, other in pairs) / len(pairs)
        delete = [sum(one[1][b] - other[1][b] for one, other in pairs) / len(pairs) for b in range(N_BLOCKS)]
        found[trait] = (len(pairs), n_dropped, difference, error_of(delete))
    return found


@pytest.mark.parametrize("measure", ["log_enrichment", "enrichment", "tau_star"])
def test_compare_arms__equals_a_slow_loop(measure: str) -> None:
    traits = study(1)
    frame = compare_arms(traits)
    own = frame[(frame["measure"] == measure) & (frame["view"] == "all")]
    assert list(frame.columns) == list(COMPARISON)
    expected = slow_rows(traits, measure)
    p_values = []
    for trait, (n, n_dropped, difference, error) in expected.items():
        row = own[(own["trait"] == trait) & (own["test"] == "jackknife")].iloc[0]
        assert (row["n_tracks"], row["n_dropped"]) == (n, n_dropped)
        assert row["difference"] == pytest.approx(difference, rel=1e-12)
        assert row["difference"] == pytest.approx(row["searched"] - row["sampled"], abs=1e-12)
        assert (row["high"] - row["low"]) / 2 == pytest.approx(1.959963984540054 * error, rel=1e-10)
        p_values.append(2 * stats.norm.sf(abs(difference) / error))
        assert row["p"] == pytest.approx(p_values[-1], rel=1e-9)
    family = own[(own["test"] == "jackknife") & (own["trait"] != "all")]
    assert family["q"].to_numpy() == pytest.approx(stats.false_discovery_control(p_values), rel=1e-9)
    # over the traits: DerSimonian and Laird by hand
    d, w = np.array([v[2] for v in expected.values()]), np.array([v[3] ** -2 for v in expected.values()])
    q = (w * (d - (w * d).sum() / w.sum()) ** 2).sum()
    between = max(0.0, (q - (len(d) - 1)) / (w.sum() - (w**2).sum() / w.sum()))
    w = 1 / (1 / w + between)
    over = own[(own["trait"] == "all") & (own["test"] == "random_effects")].iloc[0]
    assert over["difference"] == pytest.approx((w * d).sum() / w.sum(), rel=1e-10)
    assert np.isnan(over["q"])


def test_compare_arms__tests_over_tracks_and_architectures() -> None:
    traits = study(2, n_searched=4, n_sampled=5, n_tracks=12)
    frame = compare_arms(traits)
    searched, sampled = traits["b"]
    own = frame[(frame["trait"] == "b") & (frame["view"] == "all") & (frame["measure"] == "tau_star")].set_index("test")
    differences = searched.tau_star.mean(axis=0) - sampled.tau_star.mean(axis=0)
    assert own.loc["wilcoxon_tracks", "p"] == pytest.approx(stats.wilcoxon(differences).pvalue)
    assert own.loc["wilcoxon_tracks", "difference"] == pytest.approx(np.median(differences))
    groups = [side.tau_star.mean(axis=1) for side in (searched, sampled)]
    row = own.loc["mann_whitney_architectures"]
    assert row["p"] == pytest.approx(stats.mannwhitneyu(*groups, method="exact").pvalue)
    assert row["difference"] == pytest.approx(np.median(np.subtract.outer(*groups)))
    # the log of an enrichment that is not above 0 takes the track from all architectures
    own = frame[(frame["trait"] == "b") & (frame["view"] == "all") & (frame["measure"] == "log_enrichment")]
    row = own.set_index("test").loc["mann_whitney_architectures"]
    kept = (np.vstack([searched.enrichment, sampled.enrichment]) > 0).all(axis=0)
    assert 0 < kept.sum() < 12
    assert (row["n_tracks"], row["n_dropped"]) == (kept.sum(), (~kept).sum())
    assert row["searched"] == pytest.approx(np.log(searched.enrichment[:, kept]).mean())


def test_compare_arms__one_architecture_in_an_arm_tests_nothing_over_architectures() -> None:
    frame = compare_arms(study(3, n_searched=1))
    assert "mann_whitney_architectures" not in set(frame["test"])
    assert "An arm has a single architecture" in comparison_sentences(frame)[-1]
    assert "single" not in " ".join(comparison_sentences(compare_arms(study(3))))


def test_compare_arms__one_trait_has_no_row_over_the_traits() -> None:
    traits = study(4)
    frame = compare_arms({"a": traits["a"]})
    assert set(frame["trait"]) == {"a"}


def test_compare_arms__a_regression_without_result_drops_its_track() -> None:
    traits = study(5)
    searched, sampled = traits["a"]
    star, delete = searched.tau_star.copy(), searched.delete_tau_star.copy()
    star[1, 3], delete[1, 3] = np.nan, np.nan
    lost = {**traits, "a": (replace(searched, tau_star=star, delete_tau_star=delete), sampled)}
    rows = compare_arms(lost).set_index(["trait", "measure", "view", "test"])
    row = rows.loc[("a", "tau_star", "all", "jackknife")]
    assert (row["n_tracks"], row["n_dropped"]) == (8, 1)
    assert np.isfinite(row["p"])


def test_compare_arms__identical_arms_differ_by_nothing() -> None:
    searched = arm(np.random.default_rng(6), 2, 5)
    frame = compare_arms({"a": (searched, searched), "b": (searched, searched)})
    assert (frame["difference"] == 0).all()
    assert not (frame["q"] < 0.05).any()


def test_compare_arms__nothing_to_compare_is_an_empty_table_and_a_sentence() -> None:
    searched = arm(np.random.default_rng(6), 2, 5)
    nothing = replace(
        searched, **{f.name: np.full_like(getattr(searched, f.name), np.nan) for f in fields(searched)[1:]}
    )
    frame = compare_arms({"a": (searched, nothing)})
    assert len(frame) == 0
    assert "no track has a value in both arms" in comparison_sentences(frame)[0]


def test_compare_arms__refuse_arms_of_other_tracks() -> None:
    rng = np.random.default_rng(7)
    with pytest.raises(InputError, match="different tracks"):
        compare_arms({"a": (arm(rng, 1, 3), arm(rng, 1, 4))})


@given(st.integers(0, 10_000))
@settings(max_examples=4, deadline=None)
def test_compare_arms__turned_round_has_the_negative_differences(seed: int) -> None:
    traits = study(seed, n_searched=2, n_sampled=2, n_tracks=4)
    first = compare_arms(traits)
    second = compare_arms({trait: (other, one) for trait, (one, other) in traits.items()})
    key = ["trait", "measure", "view", "test"]
    joined = pd.merge(first, second, on=key)
    assert len(joined) == len(first) == len(second)
    assert joined["difference_x"].to_numpy() == pytest.approx(-joined["difference_y"].to_numpy(), abs=1e-12)
    assert joined["p_x"].to_numpy() == pytest.approx(joined["p_y"].to_numpy(), abs=1e-12, nan_ok=True)


def test_selected_tracks__are_those_where_an_arm_is_significantly_above() -> None:
    searched = arm(np.random.default_rng(8), 2, 5)
    q = np.full((2, 5), 0.5)
    q[:, 1], q[0, 2], q[:, 3] = 0.01, 0.01, 0.01
    star = np.ones((2, 5))
    star[:, 3] = -1  # significant, but below
    quiet = replace(searched, q=np.ones((2, 5)), tau_star=star)
    loud = replace(searched, q=q, tau_star=star)
    assert selected_tracks(loud, quiet, "tau_star").tolist() == [False, True, True, False, False]
    assert selected_tracks(quiet, loud, "tau_star").tolist() == [False, True, True, False, False]


def arm_of_permuted_annotation(genome: SimulatedGenome, chi2: np.ndarray, rng: np.random.Generator) -> ArmOfTrait:
    """One model whose track is the enriched annotation at random places, so that nothing is there to be found."""
    ld_scores = permuted_ld_scores(genome, rng)[:, :2]
    n, inside = len(chi2), genome.m[1]
    m, overlap = np.array([n, inside]), np.array([[n, inside], [inside, inside]])
    result = partitioned_heritability(chi2, 5000, ld_scores, genome.weight_ld, m, 100, intercept=1.0)
    shares, sd = overlap_enrichment(result, overlap, m), np.sqrt(inside / n * (1 - inside / n))
    star = tau_star(result, np.array([0.0, sd]), n)
    delete = (result.delete_tau @ overlap[1]) / (result.delete_tau @ m) / shares.proportion_variants[1]
    unknown = np.ones((1, 1))
    return ArmOfTrait(
        ("m",),
        shares.enrichment[None, 1:],
        star.estimate[None, 1:],
        unknown,
        unknown,
        delete[None, None],
        (result.delete_tau[:, 1] * sd * n / result.h2)[None, None],
    )


def test_paired_tracks__the_error_is_the_spread_of_differences_and_the_null_is_rejected_as_it_should() -> None:
    genome = simulate_genome(generator(1, "arms"), n_blocks=200, block_size=10)
    found: dict[str, list[tuple[float, float]]] = {"enrichment": [], "tau_star": []}
    for replicate in range(100):
        rng = generator(1, "trait", replicate)
        chi2 = simulate_chi2(genome, rng)
        searched, sampled = (arm_of_permuted_annotation(genome, chi2, rng) for _ in range(2))
        for measure, values in found.items():
            pairs = paired_tracks(searched, sampled, measure)  # type: ignore[arg-type]
            values.append((pairs.difference, pairs.error))
    for values in found.values():
        difference, error = np.array(values).T
        assert abs(difference.mean()) < 3 * difference.std(ddof=1) / 10
        assert error.mean() == pytest.approx(difference.std(ddof=1), rel=0.2)
        rejected = (2 * stats.norm.sf(np.abs(difference / error)) < 0.05).mean()
        assert 0.01 <= rejected <= 0.11
