"""The k-mer regression: its features against slow loops, its fits against scikit-learn on plain arrays."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from ambergen.baselines import kmer
from ambergen.baselines.kmer import KmerRegression, check_alphabet, features, kmer_counts, kmer_table
from ambergen.baselines.loading import load
from ambergen.datasets.building import build
from ambergen.datasets.config import DataConfig, GenomeSource, SplitConfig, TableSource, TrackSource, WindowConfig
from ambergen.datasets.store import Store
from ambergen.errors import ConfigError, StoreError
from ambergen.metrics.ranking import auroc
from ambergen.sequence.alphabets import DNA, Alphabet
from ambergen.sequence.onehot import reverse_complement
from ambergen.sequence.scorer import Scorer
from tests.conformance.scorers import ScorerContract
from tests.simulated import BIN, LENGTH, MOTIFS

TOKENS = st.lists(st.integers(0, 4), min_size=1, max_size=40).map(lambda tokens: np.array([tokens], np.uint8))


@pytest.fixture(scope="module")
def merged_store(small_store: Store) -> Store:
    """The simulated genome without partner tracks: strands mean the same."""
    folder = small_store.path.parent
    config = DataConfig(
        GenomeSource(folder / "genome.fa", tuple(TrackSource(n, folder / f"{n}.bed") for n in MOTIFS)),
        WindowConfig(length=LENGTH, bin=BIN, step=BIN, label="any", unlabelled="all"),
        SplitConfig(test=("test",), selection=("selection",), search=("search",)),
    )
    return build(config, folder / "merged")


@pytest.fixture(scope="module")
def regression(merged_store: Store) -> KmerRegression:
    return KmerRegression.fit(merged_store)


@pytest.fixture(scope="module")
def stranded(small_store: Store) -> KmerRegression:
    return KmerRegression.fit(small_store)


class TestMerged(ScorerContract):
    @pytest.fixture
    def scorer(self, regression: KmerRegression) -> KmerRegression:
        return regression


class TestStranded(ScorerContract):
    @pytest.fixture
    def scorer(self, stranded: KmerRegression) -> KmerRegression:
        return stranded


# ---- features


def count_slowly(text: str, k: int, canonical: bool) -> dict[str, int]:
    counts: dict[str, int] = {}
    for start in range(len(text) - k + 1):
        word = text[start : start + k]
        if "N" in word:
            continue
        other = word[::-1].translate(str.maketrans("ACGT", "TGCA"))
        word = min(word, other) if canonical else word
        counts[word] = counts.get(word, 0) + 1
    return counts


@given(TOKENS, st.integers(1, 4), st.booleans())
def test_kmer_counts__equal_a_slow_loop(tokens: np.ndarray, k: int, canonical: bool) -> None:
    counts = kmer_counts(tokens, DNA, k, canonical)[0]
    expected = count_slowly(DNA.decode(tokens[0]), k, canonical)
    feature, n_features = kmer_table(DNA, k, canonical)
    assert counts.shape == (n_features,)
    code = {word: sum("ACGT".index(c) * 4 ** (k - 1 - i) for i, c in enumerate(word)) for word in expected}
    wanted = np.zeros(n_features)
    for word, count in expected.items():
        wanted[feature[code[word]]] += count
    np.testing.assert_array_equal(counts, wanted)


@given(TOKENS)
def test_kmer_counts__of_merged_strands_are_those_of_the_other_strand(tokens: np.ndarray) -> None:
    np.testing.assert_array_equal(kmer_counts(tokens, DNA, 3), kmer_counts(reverse_complement(tokens), DNA, 3))


def test_kmer_table__merging_leaves_2080_of_4096() -> None:
    assert kmer_table(DNA, 6, canonical=True)[1] == 2080
    assert kmer_table(DNA, 6, canonical=False)[1] == 4096


def test_features__have_length_1_but_where_nothing_is_known() -> None:
    rng = np.random.default_rng(0)
    tokens = rng.integers(0, 4, (3, 50)).astype(np.uint8)
    tokens[1] = 4
    np.testing.assert_allclose(np.linalg.norm(features(tokens, DNA, True), axis=1), [1, 0, 1], rtol=1e-6)


# ---- the model


def test_fit__finds_the_planted_motifs(regression: KmerRegression, merged_store: Store) -> None:
    rows = merged_store.indices("test")
    scores = regression.predict(merged_store.tokens(rows))
    assert scores.dtype == np.float32
    # `forward` and `reverse` are one motif once strands are merged.
    assert auroc(scores, merged_store.labels(rows))[0] > 0.9


def test_fit__keeps_what_the_selection_split_likes_best(regression: KmerRegression, merged_store: Store) -> None:
    def features_of(split: list[str], span: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        rows = np.sort(np.concatenate([merged_store.indices(s) for s in split]))
        return features(merged_store.tokens(rows)[:, slice(*span)], DNA, True), merged_store.labels(rows)

    best = []
    for span in ((0, LENGTH), (LENGTH // 2 - BIN // 2, LENGTH // 2 + BIN // 2)):
        (x, y), (watched, labels) = features_of(["train", "search"], span), features_of(["selection"], span)
        centre = x.mean(axis=0)
        scale = np.sqrt(((x - centre) ** 2).sum(axis=1).mean())
        for penalty in (0.1, 1.0, 10.0):
            fits = [LogisticRegression(C=penalty, max_iter=300).fit((x - centre) / scale, y[:, t]) for t in range(3)]
            scores = np.stack([f.decision_function((watched - centre) / scale) for f in fits], axis=1)
            best.append((auroc(scores, labels).mean(), span))
    assert regression.provenance["training"]["selection_auroc"] > max(best)[0] - 0.01
    assert regression.span == max(best)[1]


def test_predict__does_not_ask_which_strand_it_is_given(regression: KmerRegression, merged_store: Store) -> None:
    tokens = merged_store.tokens(np.arange(20))
    np.testing.assert_allclose(regression.predict(tokens), regression.predict(reverse_complement(tokens)), atol=1e-5)


def test_predict__stranded_tracks_swap_on_the_other_strand(stranded: KmerRegression, small_store: Store) -> None:
    model = stranded
    assert not model.canonical
    assert model.weights.shape == (4096, 3)
    rows = small_store.indices("test")
    tokens = small_store.tokens(rows)
    scores = model.predict(tokens)
    np.testing.assert_allclose(model.predict(reverse_complement(tokens)), scores[:, model.reverse_partner], atol=1e-5)
    assert auroc(scores, small_store.labels(rows)).min() > 0.8


def test_save__load_gives_the_same_predictions(regression: KmerRegression, merged_store: Store, tmp_path: Path) -> None:
    again = load(regression.save(tmp_path / "kmer"))
    assert isinstance(again, Scorer)
    assert isinstance(again, KmerRegression)
    tokens = merged_store.tokens(np.arange(10))
    np.testing.assert_array_equal(again.predict(tokens), regression.predict(tokens))
    assert (again.describe(), again.tracks, again.length) == (regression.describe(), regression.tracks, LENGTH)
    assert again.describe().startswith("6-mers of the whole window, strands merged, C = ")


def test_load__says_what_is_damaged(regression: KmerRegression, tmp_path: Path) -> None:
    folder = regression.save(tmp_path)
    (folder / "model.safetensors").write_bytes(b"torn")
    with pytest.raises(StoreError, match=r"the model does not load.*damaged or incomplete; train the model again"):
        load(folder)


def test_predict__refuses_windows_of_another_length(regression: KmerRegression) -> None:
    with pytest.raises(StoreError, match=r"windows have the shape \(2, 50\); expected \(n, 64\)"):
        regression.predict(np.zeros((2, 50), np.uint8))
    assert regression.predict(np.zeros((0, LENGTH), np.uint8)).shape == (0, 3)


# ---- rows


def write_table(path: Path, masked: bool) -> Store:
    """A motif decides `signal`; `always` has one class; `signal` is unknown for rows that would lie about it."""
    rng = np.random.default_rng(4)
    rows = []
    for number in range(420):
        letters = rng.choice(list("ACGT"), 40)
        hit, liar = number % 3 == 0, masked and number < 240 and number % 4 == 1
        if hit:
            letters[10:18] = list("TGACTCAT")
        split = "train" if number < 240 else "selection" if number < 330 else "test"
        rows.append(("".join(letters), "" if liar else int(hit), 1, split))
    table = pd.DataFrame(rows, columns=["sequence", "signal", "always", "split"])
    table.to_csv(path / "table.csv", index=False)
    source = TableSource(path / "table.csv", labels=("signal", "always"), split_column="split")
    return build(DataConfig(source), path / "store")


@pytest.mark.parametrize("masked", [False, True])
def test_fit__leaves_out_rows_whose_label_is_not_known(masked: bool, tmp_path: Path) -> None:
    store = write_table(tmp_path, masked)
    assert (store.mask(store.indices("train")) is None) != masked
    model = KmerRegression.fit(store)
    rows = store.indices("test")
    scores = model.predict(store.tokens(rows))
    assert auroc(scores[:, :1], store.labels(rows)[:, :1])[0] > 0.9
    assert model.span == (0, 40)  # labels of a table are of the whole window
    # A track of one class has nothing to tell apart.
    assert np.ptp(scores[:, 1]) == 0
    assert scores[0, 1] > 5


def test_fit__draws_rows_where_there_are_too_many(merged_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kmer, "_MOST_BYTES", 4 * 2080 * 200)
    first, second = KmerRegression.fit(merged_store, seed=1), KmerRegression.fit(merged_store, seed=1)
    assert first.provenance["training"]["rows"] == 200
    np.testing.assert_array_equal(first.weights, second.weights)


def test_check_alphabet__refuses_one_with_too_many_kmers() -> None:
    letters = Alphabet("protein", "ACDEFGHIKLMNPQRSTVWY", "X")
    with pytest.raises(ConfigError, match=r"20 symbols, so 64,000,000 6-mers.*Leave kmer out of compare.scorers"):
        check_alphabet(letters)
    check_alphabet(replace(DNA, complement=None))
