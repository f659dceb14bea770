from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ambergen.baselines.gkm_svm import GkmConfig, GkmSVM
from ambergen.baselines.kmer import KmerRegression
from ambergen.baselines.motif_scorer import MotifScorer
from ambergen.baselines.pwm import PWM
from ambergen.datasets.store import Store
from ambergen.errors import InputError
from ambergen.metrics.ranking import auroc
from ambergen.sequence.alphabets import DNA
from ambergen.validation.asb.rehearsal import (
    Contestant,
    RehearsalConfig,
    draw_variants,
    rehearse,
    scaled,
    window_effects,
    windows_table,
)
from tests.simulated import build_store
from tests.sites import LENGTH, motif_counts, sites_store


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return sites_store(tmp_path_factory.mktemp("rehearsal"))


@pytest.fixture(scope="module")
def words(store: Store) -> Contestant:
    return Contestant("words", "words", (KmerRegression.fit(store),))


@pytest.fixture(scope="module")
def matrix() -> Contestant:
    return Contestant("matrix", "matrix", (MotifScorer({"bound": (PWM(motif_counts()),)}, LENGTH),))


def test_draw_variants__are_single_bases_of_bound_windows(store: Store) -> None:
    drawn = draw_variants(store, "bound", "test", 300, 1)
    again, other = draw_variants(store, "bound", "test", 300, 1), draw_variants(store, "bound", "test", 300, 2)
    assert drawn.table.equals(again.table)
    assert not drawn.table.equals(other.table)
    rows = drawn.table["chrom"].str.removeprefix("window").astype(int).to_numpy()
    assert (store.split[rows] == 3).all()
    assert store.labels(rows).all()
    differ = drawn.ref != drawn.alt
    assert (differ.sum(axis=1) == 1).all()
    assert (differ.argmax(axis=1) == drawn.index).all()
    assert (drawn.table["pos"] == drawn.index + 1).all()
    for letter, tokens in (("ref", drawn.ref), ("alt", drawn.alt)):
        found = tokens[np.arange(300), drawn.index]
        assert "".join(drawn.table[letter]) == DNA.decode(found)
    genome = (store.tokens(rows) == drawn.ref).all(axis=1)
    assert 0.35 < genome.mean() < 0.65
    assert (genome | (store.tokens(rows) == drawn.alt).all(axis=1)).all()
    assert not drawn.table.duplicated().any()


def test_draw_variants__takes_every_one_where_more_are_asked_for(store: Store) -> None:
    bound = int(store.positives("test")[0])
    assert len(draw_variants(store, "bound", "test", 10**6, 0).table) == bound * LENGTH * 3


def test_window_effects__are_differences_of_scores_or_the_scorers_own(
    store: Store, words: Contestant, matrix: Contestant
) -> None:
    drawn = draw_variants(store, "bound", "test", 40, 0)
    (model,) = words.models
    expected = model.predict(drawn.alt)[:, 0] - model.predict(drawn.ref)[:, 0]
    np.testing.assert_allclose(window_effects(words, drawn, "bound"), expected, atol=1e-6)
    (motif,) = matrix.models
    assert isinstance(motif, MotifScorer)
    own = [
        motif.variant_effect(drawn.ref[[n]], drawn.alt[[n]], int(drawn.index[n]))[0, 0] for n in range(len(drawn.ref))
    ]
    np.testing.assert_allclose(window_effects(matrix, drawn, "bound"), own, atol=1e-6)
    both = Contestant("both", "words", (model, model))
    np.testing.assert_allclose(window_effects(both, drawn, "bound"), expected, atol=1e-6)


def test_scaled__has_the_spread_and_keeps_signs() -> None:
    effects = np.array([-2.0, 0, 1, 5])
    found = scaled(effects, 0.7, "truth")
    assert np.sqrt((found**2).mean()) == pytest.approx(0.7)
    np.testing.assert_array_equal(np.sign(found), np.sign(effects))
    for wrong, words in ((np.zeros(3), "all 0"), (np.array([1.0, np.nan]), "not all numbers")):
        with pytest.raises(InputError, match=f"truth: its effects are {words}; expected a truth"):
            scaled(wrong, 1, "truth")


def test_windows_table__is_the_auroc_of_the_split(store: Store, words: Contestant, matrix: Contestant) -> None:
    table = windows_table((words,), (matrix,), store, "bound", "test")
    rows = store.indices("test")
    for one, row in zip((words, matrix), table.itertuples(), strict=True):
        expected = auroc(one.models[0].predict(store.tokens(rows)), store.labels(rows))[0]
        assert row.auroc == pytest.approx(expected)
        assert row.low < row.auroc <= row.high <= 1
    assert list(table["role"]) == ["scorer", "truth"]


def test_rehearse__the_scorer_that_is_the_truth_is_never_beaten(
    store: Store, words: Contestant, matrix: Contestant
) -> None:
    noise = PWM(np.random.default_rng(0).integers(1, 30, (4, 9)).astype(float))
    scorers = (
        Contestant("itself", "words", words.models),
        matrix,
        Contestant("noise", "matrix", (MotifScorer({"x": (noise,)}, LENGTH),)),
    )
    config = RehearsalConfig(variants=1500, spread=1.5, depths=(40.0, 200.0), rho=0.01)
    found = rehearse(scorers, (words,), store, config=config, seed=3)
    assert [(one.truth, one.depth) for one in found.settings] == [("words", 40.0), ("words", 200.0)]
    for _, rows in found.figures.groupby("depth"):
        value = rows.set_index("scorer")
        assert value["direction_auroc"]["itself"] > 0.98
        assert value["direction_auroc"]["itself"] >= value["direction_auroc"]["matrix"] > 0.7
        assert value["direction_auroc"]["noise"] < value["direction_auroc"]["matrix"]
        assert value["true_spearman"]["itself"] == pytest.approx(1)
        assert list(value["same_kind"]) == [True, False, False]
    few, many = (rows["n_gain"].iloc[0] for _, rows in found.figures.groupby("depth"))
    assert few < many
    assert (found.track, found.split, found.n_sites) == ("bound", "test", 1500)


def test_rehearse__scores_stand_at_their_sites(store: Store, words: Contestant, matrix: Contestant) -> None:
    found = rehearse((matrix,), (words,), store, config=RehearsalConfig(variants=200), seed=1)
    drawn = draw_variants(store, "bound", "test", 200, 1)
    sites = found.settings[0].evaluation.sites
    key = ["chrom", "pos", "ref", "alt"]
    both = sites.merge(drawn.table.assign(expected=window_effects(matrix, drawn, "bound")), on=key)
    assert len(both) == 200
    np.testing.assert_allclose(both["matrix_score"], both["expected"])


def test_rehearse__refuses_what_does_not_fit(store: Store, words: Contestant, tmp_path: Path) -> None:
    longer = MotifScorer({"bound": (PWM(motif_counts()),)}, LENGTH + 1)
    with pytest.raises(InputError, match=f"reads windows of {LENGTH + 1} bases, those of the store have {LENGTH}"):
        rehearse((Contestant("longer", "matrix", (longer,)),), (words,), store)
    several = MotifScorer({"a": (PWM(motif_counts()),), "b": (PWM(motif_counts()),)}, LENGTH)
    with pytest.raises(InputError, match="several: has no track 'bound'; its tracks are a, b"):
        rehearse((Contestant("several", "matrix", (several,)),), (words,), store)
    with pytest.raises(InputError, match="there is no track 'open'; expected one of bound"):
        rehearse((words,), (words,), store, track="open")
    many = build_store(tmp_path)
    with pytest.raises(InputError, match="no track is named; expected one of palindrome"):
        rehearse((words,), (words,), many)
    with pytest.raises(InputError, match="a spread of 0 and depths of 60; expected numbers above 0"):
        RehearsalConfig(spread=0)


def test_rehearse__a_gkm_svm_is_better_than_chance_under_a_matrix(store: Store, matrix: Contestant) -> None:
    config = GkmConfig(l=6, k=4, d=2)
    machine = Contestant("gkm", "words", (GkmSVM.fit(store, config=config),))
    found = rehearse((machine,), (matrix,), store, config=RehearsalConfig(variants=1000, spread=1.5))
    assert found.figures["direction_auroc"].iloc[0] > 0.7
