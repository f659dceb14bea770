"""Logistic regression on counts of 6-mers: the rival that knows no positions and no layers, tuned to be a fair one."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from ambergen import seeds
from ambergen.cost import Stopwatch
from ambergen.datasets.store import Store
from ambergen.errors import ConfigError
from ambergen.metrics.ranking import auroc, defined, mean_defined, ranking
from ambergen.sequence.alphabets import Alphabet, by_name
from ambergen.sequence.onehot import reverse_complement
from ambergen.training.saving import check_windows, loading, save_scorer

K = 6
GRID = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
"""Inverse strengths of the penalty, for rows of mean square norm 1; tried from the strongest penalty on."""

_MOST_FEATURES = 1 << 17
_MOST_BYTES = 1 << 29
"""Of the counts that are fitted; a larger training split is drawn from."""
_MOST_CHOOSING = 32
"""Tracks on which penalty and input are chosen; more cost time and change the choice no more."""
_CHUNK = 2000
_TOLERANCE = 1e-5
# Penalties are ranked before the coefficients are settled: the order of windows settles first.
_ITERATIONS_TO_CHOOSE, _ITERATIONS = 15, 100

Floats = NDArray[np.float32]


# ---- features


def kmer_table(alphabet: Alphabet, k: int, canonical: bool) -> tuple[NDArray[np.int32], int]:
    """Feature of every k-mer code, and the number of features.

    Parameters
    ----------
    canonical : whether a k-mer and its reverse complement are one feature: 2,080 for k = 6, else 4,096

    Returns
    -------
    (n_symbols ** k,), the code being the number that the k-mer's tokens spell in base n_symbols
    """
    codes = np.arange(alphabet.n_symbols**k)
    if not canonical:
        return codes.astype(np.int32), len(codes)
    partner, rest = np.zeros_like(codes), codes
    for _ in range(k):
        partner = partner * alphabet.n_symbols + alphabet.complement_table[rest % alphabet.n_symbols]
        rest = rest // alphabet.n_symbols
    kept, feature = np.unique(np.minimum(codes, partner), return_inverse=True)
    return feature.astype(np.int32), len(kept)


def kmer_counts(tokens: NDArray[np.uint8], alphabet: Alphabet, k: int = K, canonical: bool = True) -> Floats:
    """How often each k-mer stands in each window; k-mers with an unknown symbol are skipped.

    Parameters
    ----------
    tokens : (n_windows, length)

    Returns
    -------
    (n_windows, n_features)
    """
    feature, n_features = kmer_table(alphabet, k, canonical)
    n, places = len(tokens), max(0, tokens.shape[1] - k + 1)
    codes, unknown = np.zeros((n, places), np.int32), np.zeros((n, places), bool)
    for j in range(k):
        letters = tokens[:, j : j + places]
        unknown |= letters == alphabet.unknown_token
        codes *= alphabet.n_symbols
        codes += letters
    # One more column takes what is skipped.
    columns = np.where(unknown, n_features, feature[np.where(unknown, 0, codes)])
    columns += (n_features + 1) * np.arange(n, dtype=columns.dtype)[:, None]
    counts = np.bincount(columns.ravel(), minlength=n * (n_features + 1))
    return counts.reshape(n, n_features + 1)[:, :n_features].astype(np.float32)


def features(tokens: NDArray[np.uint8], alphabet: Alphabet, canonical: bool) -> Floats:
    """log(1 + count) of each k-mer, every window scaled to length 1; zeros where a window has no k-mer.

    Parameters
    ----------
    tokens : (n_windows, length)

    Returns
    -------
    (n_windows, n_features)
    """
    logs = np.log1p(kmer_counts(tokens, alphabet, K, canonical))
    norms = np.linalg.norm(logs, axis=1, keepdims=True)
    logs /= np.where(norms > 0, norms, 1)
    return logs


# ---- the model


class KmerRegression:
    """A logistic regression a track on the k-mers of a window; a Scorer.

    Attributes
    ----------
    weights, bias : (n_features, n_tracks) and (n_tracks,)
    span : first and last position (half-open) of a window that are looked at
    canonical : whether strands are merged; else both are scored and averaged, with partner tracks swapped
    """

    output: Literal["logit", "raw"] = "logit"

    def __init__(
        self,
        weights: Floats,
        bias: Floats,
        span: tuple[int, int],
        canonical: bool,
        length: int,
        tracks: tuple[str, ...],
        reverse_partner: NDArray[np.int64],
        alphabet: str = "dna",
        penalty: float = 1.0,
        provenance: dict[str, Any] | None = None,
    ) -> None:
        self.weights, self.bias, self.span, self.canonical, self.penalty = weights, bias, span, canonical, penalty
        self.length, self.tracks = length, tracks
        self.reverse_partner = np.asarray(reverse_partner, dtype=np.int64)
        self.alphabet, self.provenance = by_name(alphabet), provenance or {}

    @property
    def n_parameters(self) -> int:
        return self.weights.size + self.bias.size

    @classmethod
    def fit(
        cls,
        store: Store,
        seed: int = 0,
        learned: Sequence[str] = ("train", "search"),
        watch: str = "selection",
        provenance: dict[str, Any] | None = None,
    ) -> KmerRegression:
        """Fit one regression a track; the penalty and the input (bin or window) are chosen on the `watch` split.

        Parameters
        ----------
        seed : draws the rows where the training split is too large for memory
        learned : splits that are fitted

        Raises
        ------
        ConfigError
            If the alphabet has too many k-mers.

        Notes
        -----
        Both choices are by mean AUROC over at most 32 tracks, from few positives to many. Penalties are tried from the
        strongest on until the mean falls. Where the `watch` split measures no track, the whole window and C = 1 are
        taken.
        """
        check_alphabet(store.alphabet)
        canonical = store.alphabet.complement is not None and bool(
            (store.reverse_partner == np.arange(store.n_tracks)).all()
        )
        with Stopwatch() as watched:
            rows = _Rows.of(store, learned, watch, canonical, seed)
            tried = [_search_penalty(rows, span, canonical) for span in _spans(store)]
            best = max(tried, key=lambda fit: fit.score)
            weights, bias = best.complete(rows, canonical)
        cost = watched.cost(len(rows.learned) + len(rows.watched))
        training = {
            "cost": cost.to_dict(),
            "rows": len(rows.learned),
            "selection_auroc": best.score if np.isfinite(best.score) else None,
            "best_epoch": 0,
            "n_epochs": 1,
        }
        return cls(
            weights,
            bias,
            best.span,
            canonical,
            store.length,
            store.tracks,
            store.reverse_partner,
            store.alphabet.name,
            best.penalty,
            {**(provenance or {}), "seed": seed, "training": training},
        )

    def predict(self, tokens: NDArray[np.uint8]) -> Floats:
        """Logits of windows, both strands taken together.

        Parameters
        ----------
        tokens : (n, length), uint8

        Returns
        -------
        (n, n_tracks), float32
        """
        return self._in_chunks(self._both_strands, tokens)

    def predict_strand(self, tokens: NDArray[np.uint8]) -> Floats:
        """Logits of windows on the strand that is given; the same as `predict` where k-mers are merged."""
        return self._in_chunks(self._logits, tokens)

    def _in_chunks(self, score: Callable[[NDArray[np.uint8]], Floats], tokens: NDArray[np.uint8]) -> Floats:
        check_windows(tokens, self.length, "k-mer regression")
        out = np.empty((len(tokens), len(self.tracks)), np.float32)
        for rows in _chunks(len(tokens)):
            out[rows] = score(tokens[rows])
        return out

    def _both_strands(self, tokens: NDArray[np.uint8]) -> Floats:
        forward = self._logits(tokens)
        if self.canonical or self.alphabet.complement is None:
            return forward
        reverse = self._logits(reverse_complement(tokens, self.alphabet))[:, self.reverse_partner]
        return (forward + reverse) / np.float32(2)

    def _logits(self, tokens: NDArray[np.uint8]) -> Floats:
        return features(tokens[:, slice(*self.span)], self.alphabet, self.canonical) @ self.weights + self.bias

    def describe(self) -> str:
        """What was chosen, in a few words."""
        whole = self.span == (0, self.length)
        part = "the whole window" if whole else f"the central {self.span[1] - self.span[0]} bases"
        strands = "strands merged" if self.canonical else "both strands scored and averaged"
        return f"{K}-mers of {part}, {strands}, C = {self.penalty:g}; input and C chosen on the selection split"

    def save(self, folder: str | Path) -> Path:
        """Write the regression into a folder; see `ambergen.training.saving.save_scorer`."""
        spec = {"k": K, "canonical": self.canonical, "span": list(self.span), "C": self.penalty}
        arrays, partner = {"weights": self.weights, "bias": self.bias}, self.reverse_partner.tolist()
        return save_scorer(self, folder, "kmer", spec, arrays, "skipped", self.alphabet.name, partner)

    @classmethod
    def load(cls, folder: str | Path) -> KmerRegression:
        """The regression that `save` wrote.

        Raises
        ------
        StoreError
            If it is absent, damaged, or of another version.
        """
        with loading(folder) as (path, record):
            arrays, spec = load_file(path), record["spec"]
            start, stop = spec["span"]
            return cls(
                arrays["weights"],
                arrays["bias"],
                (start, stop),
                spec["canonical"],
                record["length"],
                tuple(record["tracks"]),
                np.array(record["reverse_partner"]),
                record["alphabet"],
                spec["C"],
                record["provenance"],
            )


def check_alphabet(alphabet: Alphabet) -> None:
    """Raise ConfigError where an alphabet has more k-mers than a regression can hold."""
    if alphabet.n_symbols**K > _MOST_FEATURES:
        raise ConfigError(
            f"k-mer regression: the alphabet '{alphabet.name}' has {alphabet.n_symbols} symbols, so "
            f"{alphabet.n_symbols**K:,} {K}-mers; expected at most {_MOST_FEATURES:,}. Leave kmer out of "
            "compare.scorers."
        )


# ---- fitting


@dataclass(frozen=True)
class _Rows:
    """Windows and labels that are fitted and watched, and the tracks on which choices are made."""

    alphabet: Alphabet
    learned: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    known: NDArray[np.bool_] | None
    watched: NDArray[np.uint8]
    watched_labels: NDArray[np.uint8]
    watched_known: NDArray[np.bool_] | None
    choosing: NDArray[np.int64]

    @classmethod
    def of(cls, store: Store, learned: Sequence[str], watch: str, canonical: bool, seed: int) -> _Rows:
        most = _MOST_BYTES // (4 * kmer_table(store.alphabet, K, canonical)[1])
        rng = seeds.generator(seed, "k-mer rows")
        fitted = _drawn(np.sort(np.concatenate([store.indices(split) for split in learned])), most, rng)
        watched = _drawn(store.indices(watch), most // 2, rng)
        labels, known = store.labels(watched), store.mask(watched)
        # Any scores will do: only the numbers of either class are looked at.
        counted = ranking(np.zeros(labels.shape, np.float32), labels, known)
        measured = defined(counted.positives, counted.negatives)
        by_size = np.flatnonzero(measured)[np.argsort(counted.positives[measured], kind="stable")]
        spread = np.unique(np.linspace(0, len(by_size) - 1, min(len(by_size), _MOST_CHOOSING)).astype(int))
        return cls(
            store.alphabet,
            store.tokens(fitted),
            store.labels(fitted),
            store.mask(fitted),
            store.tokens(watched),
            labels,
            known,
            np.sort(by_size[spread]) if len(by_size) else by_size,
        )


@dataclass
class _Fitted:
    """The regressions of the choosing tracks for one input and penalty.

    score : mean AUROC of the choosing tracks on the watched split; -inf where there is none
    weights, bias : for features that are centred at `centre` and divided by `scale`
    """

    span: tuple[int, int]
    penalty: float
    score: float
    weights: Floats
    bias: Floats
    centre: Floats
    scale: float

    def complete(self, rows: _Rows, canonical: bool) -> tuple[Floats, Floats]:
        """Weights and bias of all tracks, fitted to the end, for features as they are."""
        x = _features(rows.learned, self.span, rows.alphabet, canonical)
        x -= self.centre
        x /= self.scale
        _fit_tracks(x, rows, np.arange(rows.labels.shape[1]), self.penalty, _ITERATIONS, self.weights, self.bias)
        weights = self.weights / self.scale
        return weights, self.bias - self.centre @ weights


def _search_penalty(rows: _Rows, span: tuple[int, int], canonical: bool) -> _Fitted:
    """The best penalty for one input, each begun from the stronger one before it."""
    x = _features(rows.learned, span, rows.alphabet, canonical)
    centre = x.mean(axis=0)
    x -= centre
    scale = float(np.sqrt(np.einsum("ij,ij->", x, x, dtype=np.float64) / max(1, len(x)))) or 1.0
    x /= scale
    n_tracks = rows.labels.shape[1]
    weights, bias = np.zeros((x.shape[1], n_tracks), np.float32), np.zeros(n_tracks, np.float32)
    best = _Fitted(span, 1.0, -np.inf, weights.copy(), bias.copy(), centre, scale)
    if not len(rows.choosing):
        return best
    watched = (_features(rows.watched, span, rows.alphabet, canonical) - centre) / scale
    for penalty in GRID:
        _fit_tracks(x, rows, rows.choosing, penalty, _ITERATIONS_TO_CHOOSE, weights, bias)
        score = _score(watched @ weights[:, rows.choosing] + bias[rows.choosing], rows)
        if score <= best.score:
            break
        best = _Fitted(span, penalty, score, weights.copy(), bias.copy(), centre, scale)
    return best


def _score(logits: Floats, rows: _Rows) -> float:
    known = None if rows.watched_known is None else rows.watched_known[:, rows.choosing]
    return mean_defined(auroc(logits, rows.watched_labels[:, rows.choosing], known), np.ones(len(rows.choosing)))


def _fit_tracks(
    x: Floats,
    rows: _Rows,
    tracks: NDArray[np.int64],
    penalty: float,
    iterations: int,
    weights: Floats,
    bias: Floats,
) -> None:
    """Fit `tracks` on the rows whose label is known, from and into the columns of `weights` and `bias`."""
    for track in tracks:
        chosen = slice(None) if rows.known is None else np.flatnonzero(rows.known[:, track])
        y = rows.labels[chosen, track]
        positives = int(y.sum())
        if positives in (0, len(y)):
            # Nothing to tell apart: every window gets the prevalence, kept off 0 and 1.
            bias[track] = np.log((positives + 0.5) / (len(y) - positives + 0.5))
            continue
        regression = LogisticRegression(C=penalty, tol=_TOLERANCE, max_iter=iterations, warm_start=True)
        regression.coef_, regression.intercept_ = weights[None, :, track].copy(), bias[track : track + 1].copy()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            regression.fit(x[chosen], y)
        weights[:, track], bias[track] = regression.coef_[0], regression.intercept_[0]


def _features(tokens: NDArray[np.uint8], span: tuple[int, int], alphabet: Alphabet, canonical: bool) -> Floats:
    """Features of many windows, in chunks: the codes of the k-mers take more room than the counts."""
    n_features = kmer_table(alphabet, K, canonical)[1]
    out = np.empty((len(tokens), n_features), np.float32)
    for rows in _chunks(len(tokens)):
        out[rows] = features(tokens[rows, slice(*span)], alphabet, canonical)
    return out


def _chunks(n: int) -> Iterator[slice]:
    for start in range(0, n, _CHUNK):
        yield slice(start, min(start + _CHUNK, n))


def _spans(store: Store) -> list[tuple[int, int]]:
    """The whole window, and the central bin where it is shorter and holds a k-mer."""
    start = (store.length - store.bin) // 2
    bins = [(start, start + store.bin)] if K <= store.bin < store.length else []
    return [(0, store.length), *bins]


def _drawn(indices: NDArray[np.int64], most: int, rng: np.random.Generator) -> NDArray[np.int64]:
    return indices if len(indices) <= most else np.sort(rng.choice(indices, size=most, replace=False))
