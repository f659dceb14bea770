"""The whole evaluation on simulated counts whose truth is known."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from scipy.stats import fisher_exact, norm

from ambergen.errors import InputError
from ambergen.metrics.comparison import holm
from ambergen.validation.asb.calls import Calls, call
from ambergen.validation.asb.evaluation import Evaluation, evaluate
from ambergen.validation.asb.measures import Accuracy
from ambergen.validation.asb.pairs import fisher_p
from ambergen.validation.asb.records import record
from ambergen.validation.asb.simulation import simulate

N = 1000


def simulated(seed: int = 0, individuals: int = 1, tracks: int = 1) -> tuple[pd.DataFrame, np.ndarray]:
    """Counts of N sites, and the true effect of each."""
    rng = np.random.default_rng(seed)
    effects = np.where(rng.random(N) < 0.3, rng.normal(0, 2, N), 0)
    counts = simulate(effects, depth=100, p0=0.51, rho=0.01, n_individuals=individuals, depth_spread=0.2, seed=seed)
    places = pd.DataFrame({"chrom": "chr1", "pos": np.arange(N) * 240_000 + 1, "ref": "A", "alt": "G"})
    if tracks > 1:
        places["track"] = [f"track{n % tracks}" for n in range(N)]
    return pd.concat([places.iloc[counts["site"]].reset_index(drop=True), counts.drop(columns="site")], axis=1), effects


@pytest.fixture(scope="module")
def calls() -> Calls:
    return call(simulated(tracks=2)[0], rho=0.01)


@pytest.fixture(scope="module")
def evaluation(calls: Calls) -> Evaluation:
    rng = np.random.default_rng(1)
    truth = calls.table["true_effect"].to_numpy()
    good, poor = truth + rng.normal(0, 1.5, N), truth + rng.normal(0, 6, N)
    sparse = np.where(rng.random(N) < 0.4, 0, truth + rng.normal(0, 3, N))
    sparse[:50] = np.nan
    differences = {"good": np.tanh(good / 4), "poor": np.tanh(poor / 4)}
    held_out = np.arange(N) >= N // 2
    return evaluate(calls, {"good": good, "poor": poor, "sparse": sparse}, differences, held_out, resamples=300)


def row(evaluation: Evaluation, scorer: str, subset: str = "all", rows: str = "shared") -> pd.Series:
    f = evaluation.figures
    return f[(f["scorer"] == scorer) & (f["subset"] == subset) & (f["rows"] == rows)].iloc[0]


def test_evaluate__the_truth_foretells_every_direction(calls: Calls) -> None:
    truth = calls.table["true_effect"].to_numpy()
    found = evaluate(calls, {"truth": truth, "opposite": -truth}, resamples=50)
    best, worst = row(found, "truth"), row(found, "opposite")
    assert best["n_gain"] + best["n_loss"] > 60
    assert best["direction_auroc"] > 0.999
    assert best["accuracy"] > 0.97
    assert best["slope"] == pytest.approx(1, abs=0.05)
    assert worst["direction_auroc"] == pytest.approx(1 - best["direction_auroc"])
    assert worst["spearman"] == pytest.approx(-best["spearman"])
    assert worst["log_likelihood_gain"] == pytest.approx(best["log_likelihood_gain"], rel=1e-3)


def test_evaluate__a_noisy_scorer_reaches_the_auroc_of_its_noise(calls: Calls) -> None:
    truth = calls.table["true_effect"].to_numpy()
    labels = calls.table["label"].to_numpy()
    noise = np.random.default_rng(2).normal(0, 2, (5, N))
    found = [row(evaluate(calls, {"s": truth + e}, resamples=2), "s")["direction_auroc"] for e in noise]
    gains, losses = truth[labels == "gain"], truth[labels == "loss"]
    # P(gain + noise > loss + noise), the noise of a pair being normal with s.d. 2 sqrt 2
    expected = norm.cdf((gains[:, None] - losses[None, :]) / (2 * np.sqrt(2))).mean()
    assert np.mean(found) == pytest.approx(expected, abs=0.03)


def test_evaluate__scorers_share_their_sites_and_each_has_its_own(evaluation: Evaluation) -> None:
    assert {row(evaluation, name)["n_scored"] for name in evaluation.scorers} == {N - 50}
    assert row(evaluation, "good", rows="own")["n_scored"] == N
    assert row(evaluation, "sparse", rows="own")["coverage"] == pytest.approx(1 - 50 / N)


def test_evaluate__held_out_rows_are_figures_of_their_own(evaluation: Evaluation) -> None:
    assert row(evaluation, "good", "held_out")["n_scored"] == N // 2
    assert any("lie where a scorer was trained" in warning for warning in evaluation.warnings)


def test_evaluate__tells_better_scorers_from_worse(evaluation: Evaluation) -> None:
    pairs = evaluation.pairs.set_index("b")
    for rival in ("poor", "sparse"):
        assert pairs.loc[rival, "difference"] < 0
        assert pairs.loc[rival, "high"] < 0
        for test in ("delong_p_adjusted", "bootstrap_p_adjusted", "mcnemar_p_adjusted"):
            assert pairs.loc[rival, test] < 0.05
    np.testing.assert_allclose(pairs["delong_p_adjusted"], holm(pairs["delong_p"]))
    assert (pairs["n_tracks"] == 2).all()


def test_evaluate__tracks_with_few_sites_have_no_auroc(calls: Calls) -> None:
    truth = calls.table["true_effect"].to_numpy()
    found = evaluate(calls, {"a": truth, "b": truth + 1}, resamples=2, min_class=20).tracks
    assert found["direction_auroc"].notna().all()
    none = evaluate(calls, {"a": truth, "b": truth + 1}, resamples=2, min_class=500)
    assert none.tracks[["direction_auroc", "loss_auroc", "gain_auroc"]].isna().all(axis=None)
    assert none.pairs["wilcoxon_p"].isna().all()  # no value is put in the place of a missing one


def test_evaluate__coverage_ends_with_the_accuracy_of_all(evaluation: Evaluation) -> None:
    last = evaluation.coverage[evaluation.coverage["percent"] == 100].set_index("scorer")
    for name in evaluation.scorers:
        assert last.loc[name, "accuracy"] == pytest.approx(row(evaluation, name)["accuracy"])
        assert last.loc[name, "accuracy_ties_half"] == pytest.approx(row(evaluation, name)["accuracy_ties_half"])


def test_evaluate__margins_are_of_scorers_with_probabilities(evaluation: Evaluation) -> None:
    margins = evaluation.margins
    assert list(dict.fromkeys(margins["scorer"])) == ["good", "poor"]
    assert margins.groupby("scorer")["n"].apply(lambda n: n.is_monotonic_decreasing).all()
    assert evaluate(call(simulated()[0]), {"a": np.ones(N)}, resamples=2).margins.empty


def test_fisher_p__is_of_right_and_wrong() -> None:
    a, b = Accuracy(40, 30, 0), Accuracy(25, 10, 3)
    assert fisher_p(a, b) == pytest.approx(fisher_exact([[30, 10], [10, 15]]).pvalue)
    assert np.isnan(fisher_p(a, Accuracy(0, 0, 0)))


def test_evaluate__exchanging_the_alleles_mirrors_every_figure() -> None:
    counts, truth = simulated(3)
    noisy = truth + np.random.default_rng(4).normal(0, 3, N).round()
    swapped = counts.rename(columns={"ref": "alt", "alt": "ref", "ref_reads": "alt_reads", "alt_reads": "ref_reads"})
    forward = row(evaluate(call(counts, rho=0.01), {"s": noisy}, seed=7, resamples=100), "s")
    backward = row(evaluate(call(swapped, rho=0.01), {"s": -noisy}, seed=7, resamples=100), "s")
    for name in ("direction_auroc", "direction_low", "accuracy", "accuracy_ties_half", "n_ties", "spearman"):
        assert forward[name] == pytest.approx(backward[name]), name
    assert forward["slope"] == pytest.approx(backward["slope"], rel=1e-2)
    assert (forward["loss_auroc"], forward["n_loss"]) == pytest.approx((backward["gain_auroc"], backward["n_gain"]))


def test_evaluate__rows_of_one_variant_are_never_independent() -> None:
    counts, _ = simulated(5, individuals=3)
    pooled, alone = call(counts, rho=0.01), call(counts, rho=0.01, pool=False)
    rng = np.random.default_rng(6)
    for calls in (pooled, alone):
        noise = {pos: rng.normal(0, 3, 2) for pos in calls.table["pos"].unique()}
        scores = {
            name: calls.table["true_effect"] + np.array([noise[p][n] for p in calls.table["pos"]])
            for n, name in enumerate(("a", "b"))
        }
        found = evaluate(calls, scores, resamples=100)
        expected = calls is pooled
        assert found.pairs[["delong_p", "mcnemar_p"]].notna().all(axis=None) == expected
        assert found.pairs["bootstrap_p"].notna().all()
        assert set(found.figures["accuracy_interval"]) == {"Wilson" if expected else "cluster bootstrap"}
        assert any("several rows" in warning for warning in found.warnings) != expected


def test_evaluate__is_a_function_of_its_seed(calls: Calls) -> None:
    scores = {"a": np.random.default_rng(8).normal(size=N)}
    one, two, three = (evaluate(calls, scores, seed=seed, resamples=50).figures for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(one, two)
    assert one["direction_low"].iloc[0] != three["direction_low"].iloc[0]


def test_evaluate__takes_scores_from_the_counts() -> None:
    counts, truth = simulated(9)
    found = evaluate(call(counts.assign(mine_score=truth)), resamples=2)
    assert found.scorers == ("mine",)


def test_record__is_json_and_says_who_is_best(calls: Calls, evaluation: Evaluation) -> None:
    made = json.loads(json.dumps(record(calls, evaluation), allow_nan=False))
    assert made["sentences"][0].startswith("Of 3 scorers good tells best which allele is bound more")
    assert made["pairs"][0]["a"] == "good"
    assert made["calls"]["n_tested"] == N


def test_evaluate__without_any_shared_site_says_so(calls: Calls) -> None:
    a, b = np.ones(N), np.ones(N)
    a[: N // 2], b[N // 2 :] = np.nan, np.nan
    found = evaluate(calls, {"a": a, "b": b}, resamples=2)
    assert any("cannot be compared" in warning for warning in found.warnings)
    assert found.pairs.empty
    assert "No scorer can be judged" in record(calls, found)["sentences"][0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "or columns <name>_score in the table of counts. Give either."),
        ({"scores": {"a": [1.0]}}, "the scores of a have the shape (1,), the calls 1000 rows"),
        (
            {"scores": {"a": np.ones(N)}, "held_out": np.ones(N)},
            "expected bool, one for each of 1000 rows of the calls.",
        ),
    ],
)
def test_evaluate__says_what_is_wrong(calls: Calls, arguments: dict, message: str) -> None:
    with pytest.raises(InputError) as caught:
        evaluate(calls, **arguments)
    assert message in str(caught.value)
