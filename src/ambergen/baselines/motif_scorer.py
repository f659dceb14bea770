"""Known motifs as a Scorer: the best place of the matrices of a factor, and what a variant makes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from ambergen.baselines.pwm import PWM, letter_groups, scan
from ambergen.datasets.store import Store
from ambergen.errors import ConfigError
from ambergen.metrics.ranking import auroc
from ambergen.sequence.changed_spans import changed_spans
from ambergen.training.saving import check_windows, loading, save_scorer

Unit = Literal["bits", "p", "occupancy"]
SITE_P = 1e-4
"""A place is half occupied where a random word scores as much with this probability, the usual limit of a match."""

_PLACES = 1 << 20
"""Places that are scanned at a time."""


class MotifScorer:
    """One or several matrices a track; a Scorer.

    Attributes
    ----------
    motifs : the matrices of each track
    unit : "bits" for log-odds, "p" for -log10 of the p-value of a place, which matrices of different widths share, or
        "occupancy", the bits by which all places together exceed a match, and about 0 where none comes near to one

    Notes
    -----
    A window's score is that of its best place on either strand, over all matrices of the track; -inf in bits where
    there is no place without unknown bases (0 in "p"). A variant's effect is the best score among the places that it
    touches, alternate minus reference; of several matrices, that of the largest absolute value counts (Wagih et al.,
    2018). It is nan where no matrix has such a place without unknown bases for both alleles.

    Occupancy is log2(1 + sum of 2^(b - t)) over the places and strands of a window, or those that a variant touches,
    with the bits b of a place and t those of a match (`SITE_P`): what a change far from any match does is no change.

    References
    ----------
    Wagih, Merico, Delong & Frey, bioRxiv 253427 (2018).
    """

    output: Literal["logit", "raw"] = "raw"

    def __init__(
        self,
        motifs: Mapping[str, Sequence[PWM]],
        length: int,
        unit: Unit = "bits",
        provenance: dict[str, Any] | None = None,
    ) -> None:
        self.motifs = {track: tuple(matrices) for track, matrices in motifs.items()}
        self.length, self.unit, self.provenance = length, unit, provenance or {}
        _check(self.motifs, length, unit)

    @property
    def tracks(self) -> tuple[str, ...]:
        """Names of the tracks."""
        return tuple(self.motifs)

    @classmethod
    def choose(
        cls,
        store: Store,
        candidates: Mapping[str, Sequence[PWM]],
        unit: Unit = "bits",
        splits: Sequence[str] = ("train", "search"),
    ) -> MotifScorer:
        """For each track of a store the one matrix that ranks the windows of the training splits best.

        Parameters
        ----------
        candidates : the matrices among which to choose, for every track of the store

        Raises
        ------
        ConfigError
            If a track has no candidates.
        """
        missing = [track for track in store.tracks if not candidates.get(track)]
        if missing:
            raise ConfigError(
                f"motifs: the track {missing[0]} has no matrix to choose from; expected at least one for each of the "
                f"{store.n_tracks} tracks. Name the matrices of its factor."
            )
        rows = np.sort(np.concatenate([store.indices(split) for split in splits]))
        tokens, labels, known = store.tokens(rows), store.labels(rows), store.mask(rows)
        chosen, figures = {}, {}
        for number, track in enumerate(store.tracks):
            label = labels[:, number : number + 1]
            mask = None if known is None else known[:, number : number + 1]
            values = []
            for matrix in candidates[track]:
                scores = cls({track: (matrix,)}, store.length, unit).predict(tokens)
                values.append(float(auroc(scores, label, mask)[0]))
            best = int(np.argmax(np.nan_to_num(values, nan=-1.0)))
            chosen[track] = (candidates[track][best],)
            figures[track] = None if np.isnan(values[best]) else values[best]
        return cls(chosen, store.length, unit, {"store": store.checksum, "splits": list(splits), "auroc": figures})

    def predict(self, tokens: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Score of the best place in windows, on either strand.

        Parameters
        ----------
        tokens : (n, length), uint8

        Returns
        -------
        (n, n_tracks), float32
        """
        check_windows(tokens, self.length, "motifs")
        out = np.empty((len(tokens), len(self.tracks)), np.float32)
        step = max(1, _PLACES // self.length)
        for start in range(0, len(tokens), step):
            groups = letter_groups(tokens[start : start + step])
            for column, matrices in enumerate(self.motifs.values()):
                best = [self._total(m, scan(groups, self.length, m.matrix)) for m in matrices]
                out[start : start + step, column] = np.max(best, axis=0)
        return out

    def variant_effect(self, ref: NDArray[np.uint8], alt: NDArray[np.uint8], index: int) -> NDArray[np.float32]:
        """Best score of the places that overlap the variant, alternate minus reference.

        See `ambergen.sequence.scorer.VariantScorer`.
        """
        check_windows(ref, self.length, "motifs")
        check_windows(alt, self.length, "motifs")
        out = np.empty((len(ref), len(self.tracks)), np.float32)
        step = max(1, _PLACES // self.length)
        for start in range(0, len(ref), step):
            part = slice(start, start + step)
            out[part] = self._effects(ref[part], alt[part], index)
        return out

    def _effects(self, ref: NDArray[np.uint8], alt: NDArray[np.uint8], index: int) -> NDArray[np.float64]:
        spans = changed_spans(ref, alt, index)
        groups = letter_groups(ref), letter_groups(alt)
        out = np.empty((len(ref), len(self.tracks)))
        for column, matrices in enumerate(self.motifs.values()):
            effects = []
            for m in matrices:
                both = []
                for is_alt, letters in enumerate(groups):
                    scores = scan(letters, self.length, m.matrix)
                    touched = spans.touched(m.width, scores.shape[2], bool(is_alt))
                    both.append(np.where(np.expand_dims(touched, 1), scores, -np.inf))
                defined = np.isfinite([scores.max(axis=(1, 2)) for scores in both]).all(axis=0)
                # Where a side has no place any number will do, for it is not taken
                before, after = (
                    self._total(m, np.where(np.expand_dims(defined, (1, 2)), scores, 0)) for scores in both
                )
                effects.append(np.where(defined, after - before, np.nan))
            out[:, column] = _largest(np.array(effects))
        return out

    def _total(self, matrix: PWM, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n,) of the bits (n, 2, n_places) of all places."""
        if self.unit == "occupancy":
            match = matrix.distribution.threshold(SITE_P)
            return np.log2(1 + np.exp2(scores - match).sum(axis=(1, 2)))
        best = scores.max(axis=(1, 2))
        return best if self.unit == "bits" else -np.log10(matrix.p_value(best)) + 0.0

    def describe(self) -> str:
        """What it is, in a few words."""
        n = sum(len(matrices) for matrices in self.motifs.values())
        unit = {"bits": "in bits", "p": "in -log10 p", "occupancy": "as occupancy"}[self.unit]
        place = "all places" if self.unit == "occupancy" else "best place"
        return f"{n} position weight matrices for {len(self.tracks)} tracks, {place} on either strand, {unit}"

    def save(self, folder: str | Path) -> Path:
        """Write the counts into a folder; see `ambergen.training.saving.save_scorer`."""
        arrays, spec = {}, []
        for number, matrices in enumerate(self.motifs.values()):
            for place, matrix in enumerate(matrices):
                arrays[f"{number}.{place}.counts"] = matrix.counts
                arrays[f"{number}.{place}.background"] = matrix.background
            spec.append([{"name": matrix.name, "pseudocount": matrix.pseudocount} for matrix in matrices])
        return save_scorer(self, folder, "motifs", {"matrices": spec, "unit": self.unit}, arrays, "no place")

    @classmethod
    def load(cls, folder: str | Path) -> MotifScorer:
        """The matrices that `save` wrote.

        Raises
        ------
        StoreError
            If they are absent, damaged, or of another version.
        """
        with loading(folder) as (path, record):
            arrays, spec = load_file(path), record["spec"]
            motifs = {
                track: tuple(
                    PWM(
                        arrays[f"{number}.{place}.counts"],
                        arrays[f"{number}.{place}.background"].tolist(),
                        fact["pseudocount"],
                        fact["name"],
                    )
                    for place, fact in enumerate(facts)
                )
                for number, (track, facts) in enumerate(zip(record["tracks"], spec["matrices"], strict=True))
            }
            return cls(motifs, record["length"], spec["unit"], record["provenance"])


def _largest(effects: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of (n_matrices, n), the value with the largest magnitude; nan where all are."""
    size = np.where(np.isnan(effects), -1, np.abs(effects))
    return np.take_along_axis(effects, size.argmax(axis=0)[None], axis=0)[0]


def _check(motifs: Mapping[str, Sequence[PWM]], length: int, unit: str) -> None:
    if unit not in get_args(Unit):
        raise ConfigError(f"motifs: there is no unit {unit!r}; expected one of {', '.join(get_args(Unit))}.")
    if not motifs or not all(motifs.values()):
        empty = next((track for track, matrices in motifs.items() if not matrices), None)
        what = "there is no track" if empty is None else f"the track {empty} has no matrix"
        raise ConfigError(f"motifs: {what}; expected at least one matrix for each track. Read them with read_motifs.")
    for track, matrices in motifs.items():
        for matrix in matrices:
            if matrix.width > length:
                raise ConfigError(
                    f"motifs: {matrix.name} of the track {track} has {matrix.width} columns, the windows {length} "
                    "bases; expected windows that hold the motif. Use longer windows."
                )
