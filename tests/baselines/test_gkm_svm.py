"""gkm-SVM against machines on the matrix of all pairs, its word weights against words scored one by one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import minimize

from ambergen.baselines.gkm_similarity import gkm_kernel
from ambergen.baselines.gkm_svm import GkmConfig, GkmSVM, check_alphabet
from ambergen.baselines.hamming import similarities
from ambergen.datasets.building import build
from ambergen.datasets.config import DataConfig, GenomeSource, SplitConfig, TableSource, TrackSource, WindowConfig
from ambergen.datasets.store import Store
from ambergen.errors import AlphabetError, ConfigError, InputError
from ambergen.metrics.ranking import auroc
from ambergen.sequence.alphabets import DNA, Alphabet
from ambergen.sequence.words import spelled
from tests.conformance.scorers import VariantScorerContract, drawn
from tests.simulated import BIN, LENGTH, MOTIFS

SMALL = GkmConfig(l=6, k=4, d=3, penalties=(0.1, 1.0, 10.0))


def sequences(n: int, motif: str = "", seed: int = 0) -> list[str]:
    rng = np.random.default_rng(seed)
    out = []
    for length in rng.integers(25, 40, n):
        text = "".join(rng.choice(list("ACGT"), length))
        out.append(text[:8] + motif + text[8:])
    return out


POSITIVES, NEGATIVES = sequences(20, "TGACTCAT", 1), sequences(25, "", 2)


@pytest.fixture(scope="module")
def merged_store(small_store: Store) -> Store:
    folder = small_store.path.parent
    config = DataConfig(
        GenomeSource(folder / "genome.fa", tuple(TrackSource(n, folder / f"{n}.bed") for n in MOTIFS)),
        WindowConfig(length=LENGTH, bin=BIN, step=BIN, label="any", unlabelled="all"),
        SplitConfig(test=("test",), selection=("selection",), search=("search",)),
    )
    return build(config, folder / "merged_for_gkm")


@pytest.fixture(scope="module")
def trained(merged_store: Store) -> GkmSVM:
    return GkmSVM.fit(merged_store, config=SMALL, provenance={"store": "simulated"})


class TestGkmSVM(VariantScorerContract):
    @pytest.fixture
    def scorer(self, trained: GkmSVM) -> GkmSVM:
        return trained


# ---- one machine


def dense_machine(kernel: np.ndarray, labels: np.ndarray, penalty: float) -> tuple[np.ndarray, float]:
    """Coefficients and offset by a general minimiser on the matrix of all pairs."""

    def objective(values: np.ndarray) -> tuple[float, np.ndarray]:
        outputs = kernel @ values[:-1]
        gaps = np.maximum(0, 1 - labels * (outputs + values[-1]))
        slope = -2 * penalty * labels * gaps
        return values[:-1] @ outputs / 2 + penalty * gaps @ gaps, np.append(outputs + kernel @ slope, slope.sum())

    start = np.zeros(len(labels) + 1)
    options = {"ftol": 1e-16, "gtol": 1e-11, "maxiter": 10_000, "maxfun": 100_000}
    found = minimize(objective, start, jac=True, method="L-BFGS-B", options=options)
    return found.x[:-1], found.x[-1]


@pytest.mark.parametrize("kernel", ["estimated", "count", "weighted"])
def test_fit_sequences__is_the_machine_on_the_matrix_of_all_pairs(kernel: str) -> None:
    config = GkmConfig(l=6, k=4, d=3, kernel=kernel)  # type: ignore[arg-type]
    machine = GkmSVM.fit_sequences(POSITIVES, NEGATIVES, C=2.0, config=config)
    others = sequences(8, "GATTACA", 5)
    gram = gkm_kernel([*POSITIVES, *NEGATIVES, *others], 6, 4, 3, kernel)
    n = len(POSITIVES) + len(NEGATIVES)
    labels = np.repeat([1.0, -1.0], [len(POSITIVES), len(NEGATIVES)])
    coefficients, bias = dense_machine(gram[:n, :n], labels, 2.0)
    expected = gram[n:, :n] @ coefficients + bias
    np.testing.assert_allclose(machine.score_sequences(others)[:, 0], expected, atol=2e-3)


@pytest.mark.parametrize("kernel", ["estimated", "count", "weighted"])
@pytest.mark.parametrize(("l", "k", "d"), [(1, 1, 1), (2, 1, 2), (3, 2, 2), (4, 3, 2), (5, 3, 2), (6, 4, 3), (7, 5, 3)])
def test_word_weights__are_the_scores_of_all_words(l: int, k: int, d: int, kernel: str) -> None:
    config = GkmConfig(l=l, k=k, d=d, kernel=kernel)  # type: ignore[arg-type]
    machine = GkmSVM.fit_sequences(POSITIVES, NEGATIVES, config=config)
    words = spelled(np.arange(4**l, dtype=np.int32), l)
    alone = machine.score_sequences(words)[:, 0] - machine.bias[0]
    np.testing.assert_allclose(machine.word_weights[0], alone, atol=1e-5)


def test_word_weights__of_eleven_letters_are_sums_over_the_training_words() -> None:
    """1,000 words one by one, pairs of words compared letter by letter.

    The coefficients of the machine are what its margins are missed by, so the scores of its training sequences tell
    them.
    """
    l, texts = 11, [*POSITIVES[:6], *NEGATIVES[:6]]
    machine = GkmSVM.fit_sequences(texts[:6], texts[6:], C=1.0)
    labels = np.repeat([1.0, -1.0], 6)
    coefficients = 2 * 1.0 * labels * np.maximum(0, 1 - labels * machine.score_sequences(texts)[:, 0])
    h = similarities(l, 7, 3, "estimated")

    def words_of(text: str) -> np.ndarray:
        letters = np.array(["ACGT".index(letter) for letter in text])
        return np.lib.stride_tricks.sliding_window_view(letters, l)

    def similarity(one: np.ndarray, other: np.ndarray) -> np.ndarray:
        """Of each word of `one` with all of `other`, both strands of it."""
        both = np.concatenate([other, 3 - other[:, ::-1]])
        return h[(one[:, None] != both).sum(axis=2)].sum(axis=1)

    training = [words_of(text) for text in texts]
    drawn_words = np.random.default_rng(0).integers(0, 4, (988, l))
    near = np.concatenate([words[[3, 8]] for words in training[:6]])
    words = np.concatenate([drawn_words, near])
    alone = np.array([similarity(word[None], word[None])[0] for word in words])
    norms = [np.sqrt(similarity(own, own).sum()) for own in training]
    gram = np.stack([similarity(words, own) / norm for own, norm in zip(training, norms, strict=True)], axis=1)
    found = machine.word_weights[0][words @ 4 ** np.arange(l - 1, -1, -1)]
    # the solver stops at a tolerance, so the coefficients are known to four digits
    np.testing.assert_allclose(found, gram @ coefficients / np.sqrt(alone), atol=1e-4)
    assert len(words) == 1000
    assert (np.abs(found) > 0.05).sum() >= 6


def test_fit_sequences__ranks_what_it_has_not_seen() -> None:
    machine = GkmSVM.fit_sequences(POSITIVES, NEGATIVES, config=SMALL, track="ap1")
    unseen = [*sequences(30, "TGACTCAT", 8), *sequences(30, "", 9)]
    labels = np.repeat([1, 0], 30)[:, None]
    assert auroc(machine.score_sequences(unseen), labels)[0] > 0.9
    assert machine.tracks == ("ap1",)
    assert machine.length == max(map(len, [*POSITIVES, *NEGATIVES]))
    windows = ["C" * 16 + motif + "C" * (machine.length - 24) for motif in ("TGACTCAT", "TGAGGCAT")]
    ref, alt = (DNA.encode(window, "here")[None] for window in windows)
    assert machine.variant_effect(ref, alt, 19)[0, 0] < -1


def test_fit_sequences__swapped_classes_swap_the_sign() -> None:
    one = GkmSVM.fit_sequences(POSITIVES, NEGATIVES, config=SMALL)
    other = GkmSVM.fit_sequences(NEGATIVES, POSITIVES, config=SMALL)
    np.testing.assert_allclose(one.score_sequences(POSITIVES), -other.score_sequences(POSITIVES), atol=2e-3)


@pytest.mark.parametrize(
    ("positives", "negatives", "error", "words"),
    [
        ([], ["ACGTACGT"], InputError, "0 positive and 1 negative sequences; expected at least one of either"),
        (["ACGTACGT"], ["ACGTACGT", "ACGTN"], InputError, "negative sequence 2 has no word of 6 known letters"),
        (["ACGUACGT"], ["ACGTACGT"], AlphabetError, "positive sequence 1, base 4: 'U' is not a DNA symbol"),
    ],
)
def test_fit_sequences__says_what_is_wrong(
    positives: list[str], negatives: list[str], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        GkmSVM.fit_sequences(positives, negatives, config=SMALL)


def test_fit_sequences__refuses_an_impossible_penalty() -> None:
    with pytest.raises(ConfigError, match="C is 0; expected a number above 0"):
        GkmSVM.fit_sequences(POSITIVES, NEGATIVES, C=0, config=SMALL)
    with pytest.raises(ConfigError, match=r"penalties are \(1.0, -1.0\)"):
        GkmConfig(penalties=(1.0, -1.0))
    with pytest.raises(ConfigError, match="most is 0"):
        GkmConfig(most=0)


# ---- on a store


def test_fit__finds_the_planted_motifs(trained: GkmSVM, merged_store: Store) -> None:
    rows = merged_store.indices("test")
    scores = trained.predict(merged_store.tokens(rows))
    assert auroc(scores, merged_store.labels(rows)).min() > 0.85
    assert trained.provenance["store"] == "simulated"
    training = trained.provenance["training"]
    assert min(training["selection_auroc"]) > 0.85
    assert set(trained.penalty.tolist()) <= {0.1, 1.0, 10.0}
    # The motif lies in the bin; the rest of the window says nothing.
    assert trained.span == ((LENGTH - BIN) // 2, (LENGTH + BIN) // 2)
    assert trained.describe().startswith("gapped k-mers (l = 6, k = 4, d = 3, estimated) of the central 32 bases, C = ")


def test_fit__repeats_itself_and_draws_by_the_seed(merged_store: Store) -> None:
    config = GkmConfig(l=4, k=3, d=2, penalties=(1.0,), most=40)
    first, again, other = (GkmSVM.fit(merged_store, seed=seed, config=config) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.potential, again.potential)
    assert (first.potential != other.potential).any()
    assert first.provenance["training"]["rows"] == 3 * 80


def test_fit__a_track_and_its_partner_get_one_machine(small_store: Store) -> None:
    machine = GkmSVM.fit(small_store, config=GkmConfig(l=5, k=4, d=2, penalties=(1.0,), most=100))
    forward, reverse = (small_store.tracks.index(name) for name in ("forward", "reverse"))
    scores = machine.predict(drawn(5, LENGTH))
    np.testing.assert_array_equal(scores[:, forward], scores[:, reverse])
    assert (scores[:, forward] != scores[:, small_store.tracks.index("palindrome")]).any()


def test_fit__negatives_have_the_content_of_the_positives(tmp_path: Path) -> None:
    """Positives are rich in G and C, negatives of all kinds: without matching, content alone would tell them apart."""
    rng = np.random.default_rng(3)
    lines = ["sequence,label,split"]
    for number in range(900):
        label = int(number % 9 == 0)
        share = 0.65 if label else rng.choice([0.35, 0.65])
        letters = rng.choice(list("ACGT"), 40, p=[(1 - share) / 2, share / 2, share / 2, (1 - share) / 2])
        lines.append(
            f"{''.join(letters)},{label},{'train' if number < 600 else 'selection' if number < 750 else 'test'}"
        )
    (tmp_path / "table.csv").write_text("\n".join(lines))
    source = TableSource(tmp_path / "table.csv", labels=("label",), split_column="split")
    store = build(DataConfig(source), tmp_path / "store")
    machine = GkmSVM.fit(store, config=GkmConfig(l=4, k=3, d=2, penalties=(1.0,)))
    rows = store.indices("test")
    tokens, labels = store.tokens(rows), store.labels(rows)
    content = ((tokens == 1) | (tokens == 2)).mean(axis=1)
    assert auroc(content[:, None], labels)[0] > 0.7
    assert abs(auroc(machine.predict(tokens), labels)[0] - 0.5) < 0.2
    n_positives = sum(int(store.positives(split).sum()) for split in ("train", "search"))
    assert machine.provenance["training"]["rows"] == 2 * n_positives


def test_fit__a_track_of_one_class_scores_nothing(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    rows = ["sequence,signal,always,split"]
    for number in range(120):
        text = "".join(rng.choice(list("ACGT"), 30))
        hit = number % 2
        rows.append(
            f"{text[:10] + 'TGACTCAT' * hit + text[10 : 30 - 8 * hit]},{hit},1,"
            f"{'train' if number < 80 else 'selection' if number < 100 else 'test'}"
        )
    (tmp_path / "table.csv").write_text("\n".join(rows))
    source = TableSource(tmp_path / "table.csv", labels=("signal", "always"), split_column="split")
    store = build(DataConfig(source), tmp_path / "store")
    machine = GkmSVM.fit(store, config=SMALL)
    scores = machine.predict(store.tokens(store.indices("test")))
    assert np.ptp(scores[:, 1]) == 0
    assert auroc(scores[:, :1], store.labels(store.indices("test"))[:, :1])[0] > 0.8
    assert machine.provenance["training"]["selection_auroc"][1] is None


def test_fit__refuses_windows_that_hold_no_word(tmp_path: Path) -> None:
    words = spelled(np.arange(0, 4**5, 12, dtype=np.int32), 5)
    rows = [f"{word},{n % 2},{('train', 'train', 'selection', 'test')[n // 2 % 4]}" for n, word in enumerate(words)]
    (tmp_path / "table.csv").write_text("\n".join(["sequence,label,split", *rows]))
    source = TableSource(tmp_path / "table.csv", labels=("label",), split_column="split")
    store = build(DataConfig(source, on_leak="allow"), tmp_path / "store")
    with pytest.raises(ConfigError, match=r"windows have 5 letters; expected at least l = 6\. Use a smaller l"):
        GkmSVM.fit(store, config=SMALL)


def test_delta__is_the_machine_without_norm_and_offset(trained: GkmSVM) -> None:
    delta = trained.delta()
    ref, alt = drawn(5, LENGTH), drawn(5, LENGTH)
    alt[:, :30] = ref[:, :30]
    np.testing.assert_array_equal(delta.variant_effect(ref, alt, 30), trained.variant_effect(ref, alt, 30))


def test_predict__a_window_without_words_has_the_offset_alone(trained: GkmSVM) -> None:
    scores = trained.predict(np.full((1, LENGTH), 4, np.uint8))
    np.testing.assert_array_equal(scores[0], trained.bias)


def test_check_alphabet__refuses_what_is_not_dna() -> None:
    with pytest.raises(ConfigError, match=r"the alphabet is 'protein'; expected 'dna'.*Leave gkm out"):
        check_alphabet(Alphabet("protein", "ACDEFGHIKLMNPQRSTVWY", "X"))
    check_alphabet(DNA)
