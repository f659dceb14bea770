"""gkm-SVM: a support vector machine on gapped k-mers, trained without a matrix of all pairs of sequences."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file
from scipy.sparse import csr_array

from ambergen import seeds
from ambergen.baselines.gkm_delta import DeltaSVM, folded, unfolded, word_effects
from ambergen.baselines.gkm_similarity import padded, self_similarities, word_weights
from ambergen.baselines.hamming import HammingTransform, check_words, similarities
from ambergen.baselines.squared_hinge import fit_machine
from ambergen.cost import Stopwatch
from ambergen.datasets.store import Store
from ambergen.errors import ConfigError, InputError
from ambergen.metrics.ranking import auroc, defined
from ambergen.progress import SILENT, Progress
from ambergen.sequence.alphabets import DNA, Alphabet
from ambergen.sequence.words import complement_codes, word_codes
from ambergen.settings import plain_data
from ambergen.training.saving import check_windows, loading, save_scorer

_MOST_WORDS = 20_000_000
"""Of the windows that one machine is fitted on, both strands: 160 MB."""
_MOST_SPAN_TRACKS = 4
"""Tracks on which the part of the window is chosen."""
_CHUNK = 2048

Floats = NDArray[np.float32]
Span = tuple[int, int]


@dataclass(frozen=True)
class GkmConfig:
    """Settings of a gkm-SVM.

    l, k, d : letters of a word, those that are not gaps, most mismatches; the defaults of LS-GKM
    kernel : "estimated" (LS-GKM's default of old), "weighted" (its newer one) or "count"
    penalties : C is chosen among these on the selection split, from the strongest penalty on until it gets no better
    most : windows of either class that a machine is fitted on
    """

    l: int = 11
    k: int = 7
    d: int = 3
    kernel: Literal["estimated", "count", "weighted"] = "estimated"
    penalties: tuple[float, ...] = (0.01, 0.1, 1.0, 10.0)
    most: int = 10_000

    def __post_init__(self) -> None:
        check_words(self.l, self.k, self.d, self.kernel)
        if not self.penalties or min(self.penalties) <= 0:
            raise ConfigError(f"gkm-SVM: penalties are {self.penalties}; expected one or more values of C above 0.")
        if self.most < 1:
            raise ConfigError(f"gkm-SVM: most is {self.most}; expected at least 1 window of either class.")


class GkmSVM:
    """One machine a track on the gapped k-mers of a window, both strands taken together; a Scorer.

    Attributes
    ----------
    potential : (n_tracks, 4^l) float32
        What each word adds to the score of a window, before that is divided by the window's norm.
    bias : (n_tracks,)
    span : first and last position (half-open) of a window that are looked at
    config : l, k, d and the kernel
    penalty : (n_tracks,), the C of each machine

    Notes
    -----
    The hinge is squared, which LS-GKM's is not: scores correlate to 0.999, and a Newton method applies. Strands are
    one, so a track and its partner on the other strand get one machine, the mean of both.

    References
    ----------
    Ghandi et al., PLoS Computational Biology 10, e1003711 (2014); Lee, Bioinformatics 32, 2196-2198 (2016).
    """

    output: Literal["logit", "raw"] = "raw"

    def __init__(
        self,
        potential: Floats,
        bias: Floats,
        length: int,
        tracks: tuple[str, ...],
        config: GkmConfig,
        span: Span | None = None,
        penalty: NDArray[np.float64] | None = None,
        provenance: dict[str, Any] | None = None,
    ) -> None:
        self.potential, self.bias, self.config = potential, np.asarray(bias, np.float32), config
        self.length, self.tracks, self.span = length, tracks, span or (0, length)
        self.penalty = np.ones(len(tracks)) if penalty is None else penalty
        self.provenance = provenance or {}
        self._similarity = unit_similarities(config)

    @property
    def n_parameters(self) -> int:
        """Weights of words that are not each other's reverse complement, and offsets."""
        return folded(self.potential[:1]).size * len(self.tracks) + self.bias.size

    # ---- training

    @classmethod
    def fit(
        cls,
        store: Store,
        seed: int = 0,
        learned: Sequence[str] = ("train", "search"),
        watch: str = "selection",
        config: GkmConfig | None = None,
        provenance: dict[str, Any] | None = None,
        progress: Progress = SILENT,
    ) -> GkmSVM:
        """Train one machine a track; C and the part of the window (all, or its bin) are chosen on the `watch` split.

        Parameters
        ----------
        seed : draws windows where there are too many
        learned : splits that are fitted

        Raises
        ------
        ConfigError
            If the store's sequences are not DNA, or their part is shorter than a word.

        Notes
        -----
        A machine learns from as many negatives as positives, drawn to have the same content of G and C where there are
        more. Where the `watch` split has too few windows of a class for a figure, C is 1, or the first of `penalties`.
        """
        config = config or GkmConfig()
        check_alphabet(store.alphabet)
        fits, n_rows = [], 0
        with Stopwatch() as watched, progress.task("gkm-SVM", store.n_tracks) as task:

            def examples(track: int) -> _Examples:
                return _Examples.of(store, track, learned, watch, config, seed)

            span = _best_span(store, map(examples, range(store.n_tracks)), config)
            for track in range(store.n_tracks):
                one = examples(track)
                n_rows += len(one.tokens)
                fits.append(_fit_best(one, span, config))
                task.advance(1)
        fits = [_merged(fit, fits[partner]) for fit, partner in zip(fits, store.reverse_partner.tolist(), strict=True)]
        training = {
            "cost": watched.cost(n_rows).to_dict(),
            "rows": n_rows,
            "selection_auroc": [fit.score if np.isfinite(fit.score) else None for fit in fits],
            "best_epoch": 0,
            "n_epochs": 1,
        }
        return cls(
            np.stack([fit.potential for fit in fits]),
            np.array([fit.bias for fit in fits]),
            store.length,
            store.tracks,
            config,
            span,
            np.array([fit.penalty for fit in fits]),
            {**(provenance or {}), "seed": seed, "config": plain_data(config), "training": training},
        )

    @classmethod
    def fit_sequences(
        cls,
        positives: Sequence[str],
        negatives: Sequence[str],
        C: float = 1.0,
        config: GkmConfig | None = None,
        length: int | None = None,
        track: str = "track",
    ) -> GkmSVM:
        """Train one machine on sequences, all of them and with one C.

        Parameters
        ----------
        positives, negatives : upper or lower case, lengths may differ
        length : of the windows that the machine will score; default: the longest sequence

        Raises
        ------
        InputError
            If a class is empty or a sequence has no word of l known letters.
        AlphabetError
            If a letter is not of DNA.
        """
        config = config or GkmConfig()
        if not positives or not negatives:
            raise InputError(
                f"gkm-SVM: there are {len(positives)} positive and {len(negatives)} negative sequences; expected at "
                "least one of either. Give both."
            )
        if C <= 0:
            raise ConfigError(f"gkm-SVM: C is {C}; expected a number above 0. LS-GKM's default is 1.")
        named = [("positive", n, text) for n, text in enumerate(positives, start=1)]
        named += [("negative", n, text) for n, text in enumerate(negatives, start=1)]
        tokens = padded([DNA.encode(text, f"{kind} sequence {n}") for kind, n, text in named])
        lengths = np.array([len(text) for _, _, text in named])
        words = _Words.of(tokens, config, lengths)
        for row in np.flatnonzero(words.norms == 0)[:1].tolist():
            kind, number, text = named[row]
            raise InputError(
                f"gkm-SVM: {kind} sequence {number} has no word of {config.l} known letters (it has {len(text)} "
                "letters); expected at least one. Leave the sequence out, or use a smaller l."
            )
        labels = np.repeat([1.0, -1.0], [len(positives), len(negatives)])
        with Stopwatch() as watched:
            machine = fit_machine(words.gram(config), labels, C)
        potential = words.potential(machine.coefficients, config)
        training = {"cost": watched.cost(len(named)).to_dict(), "rows": len(named), "best_epoch": 0, "n_epochs": 1}
        return cls(
            potential[None],
            np.array([machine.bias]),
            length or tokens.shape[1],
            (track,),
            config,
            None,
            np.array([C]),
            {"config": plain_data(config), "training": training},
        )

    # ---- scoring

    def predict(self, tokens: NDArray[np.uint8]) -> Floats:
        """Distance of windows from the separating plane, in margins; the offset alone where a window has no word.

        Parameters
        ----------
        tokens : (n, length), uint8

        Returns
        -------
        (n, n_tracks), float32
        """
        check_windows(tokens, self.length, "gkm-SVM")
        out = np.empty((len(tokens), len(self.tracks)), np.float32)
        for part in _chunks(len(tokens)):
            words = _Words.of(tokens[part, slice(*self.span)], self.config)
            for track, potential in enumerate(self.potential):
                out[part, track] = words.scores(potential, float(self.bias[track]))
        return out

    def score_sequences(self, sequences: Sequence[str]) -> Floats:
        """Scores of sequences of any length; see `predict`.

        Returns
        -------
        (n, n_tracks)
        """
        tokens = padded([DNA.encode(text, f"sequence {n}") for n, text in enumerate(sequences, start=1)])
        words = _Words.of(tokens, self.config, np.array([len(text) for text in sequences], dtype=np.int64))
        scores = [words.scores(values, float(bias)) for values, bias in zip(self.potential, self.bias, strict=True)]
        return np.stack(scores, axis=1).astype(np.float32)

    @cached_property
    def word_weights(self) -> Floats:
        """(n_tracks, 4^l): the score of every word as a sequence of its own, without the offset."""
        codes = np.arange(4**self.config.l, dtype=np.int32)
        turned = codes ^ complement_codes(codes, self.config.l)
        mismatches = np.zeros(len(codes), np.uint8)
        for _ in range(self.config.l):
            mismatches += (turned & 3) != 0
            turned >>= 2
        alone = 1 / np.sqrt(self._similarity[0] + self._similarity)
        return self.potential * alone.astype(np.float32)[mismatches]

    def delta(self) -> DeltaSVM:
        """The weights of all words as a Scorer of their own, which can be written for other programs."""
        return DeltaSVM(self.word_weights, self.length, self.tracks, self.provenance)

    def variant_effect(self, ref: NDArray[np.uint8], alt: NDArray[np.uint8], index: int) -> Floats:
        """deltaSVM of variants; see `ambergen.sequence.scorer.VariantScorer` and `DeltaSVM`."""
        check_windows(ref, self.length, "gkm-SVM")
        check_windows(alt, self.length, "gkm-SVM")
        return word_effects(self.word_weights, ref, alt, index)

    def describe(self) -> str:
        """What was chosen, in a few words."""
        c = self.config
        part = (
            "the whole window" if self.span == (0, self.length) else f"the central {self.span[1] - self.span[0]} bases"
        )
        values = ", ".join(f"{value:g}" for value in np.unique(self.penalty))
        return f"gapped k-mers (l = {c.l}, k = {c.k}, d = {c.d}, {c.kernel}) of {part}, C = {values}"

    # ---- saving

    def save(self, folder: str | Path) -> Path:
        """Write the machines into a folder; see `ambergen.training.saving.save_scorer`."""
        spec = {"config": plain_data(self.config), "span": list(self.span), "C": self.penalty.tolist()}
        arrays = {"potential": folded(self.potential), "bias": self.bias}
        return save_scorer(self, folder, "gkm", spec, arrays, "skipped")

    @classmethod
    def load(cls, folder: str | Path) -> GkmSVM:
        """The machines that `save` wrote.

        Raises
        ------
        StoreError
            If they are absent, damaged, or of another version.
        """
        with loading(folder) as (path, record):
            arrays, spec = load_file(path), record["spec"]
            settings = {**spec["config"], "penalties": tuple(spec["config"]["penalties"])}
            config, (start, stop) = GkmConfig(**settings), spec["span"]
            return cls(
                unfolded(arrays["potential"], config.l),
                arrays["bias"],
                record["length"],
                tuple(record["tracks"]),
                config,
                (start, stop),
                np.array(spec["C"]),
                record["provenance"],
            )


def check_alphabet(alphabet: Alphabet) -> None:
    """Raise ConfigError where sequences are not DNA."""
    if alphabet.name != DNA.name:
        raise ConfigError(
            f"gkm-SVM: the alphabet is '{alphabet.name}'; expected '{DNA.name}', as words are taken together with "
            "their reverse complements. Leave gkm out."
        )


def unit_similarities(config: GkmConfig) -> NDArray[np.float64]:
    """(l + 1,): similarity of words by mismatches, 1 for a word with itself."""
    values = similarities(config.l, config.k, config.d, config.kernel)
    return values / values[0]


# ---- words of windows


@dataclass(frozen=True, eq=False)
class _Words:
    """The words of windows.

    codes, weights : (n, n_words); a weight is 0 where the word is not known
    norms : (n,), the root of K(s, s); 0 where a window has no word
    """

    codes: NDArray[np.int32]
    weights: NDArray[np.float64]
    norms: NDArray[np.float64]

    @classmethod
    def of(cls, tokens: NDArray[np.uint8], config: GkmConfig, lengths: NDArray[np.int64] | None = None) -> _Words:
        weights = word_weights(tokens, config.l, config.kernel, lengths)
        norms = np.sqrt(self_similarities(tokens, weights, unit_similarities(config)))
        return cls(word_codes(tokens, config.l)[0], weights, norms)

    def scores(self, potential: Floats, bias: float = 0.0) -> NDArray[np.float64]:
        """(n,): sums of word potentials over the norms of the windows, plus the offset."""
        sums = np.einsum("ij,ij->i", potential[self.codes], self.weights)
        return np.divide(sums, self.norms, out=np.zeros(len(sums)), where=self.norms > 0) + bias

    def gram(self, config: GkmConfig) -> _Gram:
        l = config.l
        indices = np.concatenate([self.codes, complement_codes(self.codes, l)], axis=1)
        values = np.tile(self.weights / np.where(self.norms > 0, self.norms, 1)[:, None], 2).astype(np.float32)
        starts = np.arange(len(indices) + 1) * indices.shape[1]
        words = csr_array((values.ravel(), indices.ravel(), starts), shape=(len(indices), 4**l))
        return _Gram(words, HammingTransform(unit_similarities(config)))

    def potential(self, coefficients: NDArray[np.float64], config: GkmConfig) -> Floats:
        """(4^l,): what each word adds, given what each window counts; in double precision."""
        l = config.l
        scale = coefficients / np.where(self.norms > 0, self.norms, 1)
        sums = np.bincount(self.codes.ravel(), (self.weights * scale[:, None]).ravel(), minlength=4**l)
        sums += sums[complement_codes(np.arange(4**l, dtype=np.int32), l)]
        return HammingTransform(unit_similarities(config), np.float64)(sums).astype(np.float32)


@dataclass(frozen=True, eq=False)
class _Gram:
    """The kernel between windows, as half of X H X' with the words of both strands in the rows of X."""

    words: csr_array
    transform: HammingTransform

    def __len__(self) -> int:
        return self.words.shape[0]

    def times(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        sums = self.words.T @ values.astype(np.float32)
        return (self.words @ self.transform(sums)).astype(np.float64) / 2

    def among(self, rows: NDArray[np.int64]) -> _Gram:
        return self if len(rows) == len(self) else _Gram(self.words[rows], self.transform)


# ---- fitting


@dataclass(frozen=True, eq=False)
class _Examples:
    """Windows and labels of one track.

    is_measured : whether the watched windows have enough of both classes for a figure
    """

    tokens: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    watched: NDArray[np.uint8]
    watched_labels: NDArray[np.uint8]
    is_measured: bool

    @classmethod
    def of(
        cls, store: Store, track: int, learned: Sequence[str], watch: str, config: GkmConfig, seed: int
    ) -> _Examples:
        most = max(1, min(config.most, _MOST_WORDS // (4 * store.length)))
        tokens, labels = _drawn(store, learned, track, most, seeds.generator(seed, "gkm rows", "learned", track))
        watched, of_watched = _drawn(store, (watch,), track, most, seeds.generator(seed, "gkm rows", "watched", track))
        positives = int(of_watched.sum())
        is_measured = defined(np.array([positives]), np.array([len(of_watched) - positives]))
        return cls(tokens, labels, watched, of_watched, bool(is_measured[0]))


def _drawn(
    store: Store, splits: Sequence[str], track: int, most: int, rng: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Windows and labels of a track: as many negatives as positives, of the same content of G and C."""
    rows = np.sort(np.concatenate([store.indices(split) for split in splits]))
    labels, known = store.labels(rows)[:, track], store.mask(rows)
    usable = np.ones(len(rows), bool) if known is None else known[:, track]
    positives, negatives = rows[usable & (labels == 1)], rows[usable & (labels == 0)]
    if len(positives) > most:
        positives = np.sort(rng.choice(positives, most, replace=False))
    if len(negatives) > len(positives) > 0:
        negatives = negatives[_matched(_content(store, positives), _content(store, negatives), rng)]
    chosen = np.sort(np.concatenate([positives, negatives[:most]]))
    return store.tokens(chosen), store.labels(chosen)[:, track]


def _content(store: Store, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """(n,): share of G and C among the known letters of each window."""
    parts = [np.empty(0)]
    for part in _chunks(len(rows)):
        tokens = store.tokens(rows[part])
        n_known = (tokens < DNA.n_symbols).sum(axis=1)
        parts.append(((tokens == 1) | (tokens == 2)).sum(axis=1) / np.maximum(1, n_known))
    return np.concatenate(parts)


def _matched(wanted: NDArray[np.float64], found: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.int64]:
    """As many of `found` as there are `wanted`, with their distribution over bins of 0.02 as far as it goes."""
    wanted_bin, found_bin = (np.floor(50 * values).astype(int) for values in (wanted, found))
    order = rng.permutation(len(found))
    taken = np.zeros(len(found), bool)
    for content, number in zip(*np.unique(wanted_bin, return_counts=True), strict=True):
        taken[order[found_bin[order] == content][:number]] = True
    # Where a bin has too few, any window will do
    taken[order[~taken[order]][: len(wanted) - int(taken.sum())]] = True
    return np.flatnonzero(taken)


@dataclass(frozen=True, eq=False)
class _Fitted:
    """A machine and its AUROC on the watched windows; -inf where that is not defined."""

    potential: Floats
    bias: float
    penalty: float
    score: float


def _best_span(store: Store, examples: Iterable[_Examples], config: GkmConfig) -> Span:
    """The whole window, or its bin where that is shorter and ranks the watched windows of a few tracks better."""
    start = (store.length - store.bin) // 2
    spans = [(0, store.length), (start, start + store.bin)]
    if store.length < config.l:
        raise ConfigError(
            f"gkm-SVM: windows have {store.length} letters; expected at least l = {config.l}. Use a smaller l."
        )
    if not config.l <= store.bin < store.length:
        return spans[0]
    measured = list(islice((one for one in examples if one.is_measured), _MOST_SPAN_TRACKS))
    penalty = (_default_penalty(config),)
    scores = [sum(_fit_best(one, span, config, penalty).score for one in measured) for span in spans]
    return spans[int(np.argmax(scores))]


def _fit_best(examples: _Examples, span: Span, config: GkmConfig, penalties: Sequence[float] | None = None) -> _Fitted:
    """The machine of the C that ranks the watched windows best, each begun from the one before it."""
    labels = 2 * examples.labels.astype(np.float64) - 1
    if len(np.unique(labels)) < 2:
        return _Fitted(np.zeros(4**config.l, np.float32), 0.0, _default_penalty(config), -np.inf)
    words = _Words.of(examples.tokens[:, slice(*span)], config)
    gram = words.gram(config)
    if not examples.is_measured:
        penalties = (_default_penalty(config),)
    watched = _Words.of(examples.watched[:, slice(*span)], config)
    best: _Fitted | None = None
    start = None
    for penalty in sorted(penalties or config.penalties):
        machine = fit_machine(gram, labels, penalty, start)
        start = machine.coefficients
        potential = words.potential(machine.coefficients, config)
        score = -np.inf
        if examples.is_measured:
            score = float(auroc(watched.scores(potential)[:, None], examples.watched_labels[:, None])[0])
        if best is not None and score <= best.score:
            break
        best = _Fitted(potential, machine.bias, penalty, score)
    assert best is not None  # there is a first penalty
    return best


def _default_penalty(config: GkmConfig) -> float:
    return 1.0 if 1.0 in config.penalties else config.penalties[0]


def _merged(fit: _Fitted, partner: _Fitted) -> _Fitted:
    """Mean of the machines of two tracks that are each other's on the other strand, which gapped k-mers do not tell."""
    if fit is partner:
        return fit
    potential = ((fit.potential + partner.potential) / 2).astype(np.float32)
    return _Fitted(potential, (fit.bias + partner.bias) / 2, fit.penalty, fit.score)


def _chunks(n: int) -> Iterator[slice]:
    for start in range(0, n, _CHUNK):
        yield slice(start, min(start + _CHUNK, n))
