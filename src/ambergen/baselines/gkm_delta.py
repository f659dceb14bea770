"""deltaSVM: the weight of every word of l letters, and what a variant changes in their sum."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from ambergen.errors import StoreError
from ambergen.io.word_weights import read_word_weights, write_word_weights
from ambergen.sequence.words import canonical_words, word_codes
from ambergen.training.saving import check_windows, loading, save_scorer

_CHUNK = 4096

Floats = NDArray[np.float32]


class DeltaSVM:
    """Weights of words, as a gkm-SVM or a weight file gives them; a Scorer whose score is their sum over a window.

    Attributes
    ----------
    weights : (n_tracks, 4^l) float32
        By `ambergen.sequence.words.word_codes`; a word and its reverse complement weigh the same.
    l : letters of a word

    Notes
    -----
    A substitution changes the l words that cover it; for insertions and deletions the words of both windows are added
    up. Both windows have equally many, so the offset of the machine cancels. Words with an N weigh nothing.

    References
    ----------
    Lee et al., Nature Genetics 47, 955-961 (2015).
    """

    output: Literal["logit", "raw"] = "raw"

    def __init__(
        self,
        weights: Floats,
        length: int | None = None,
        tracks: Sequence[str] = ("deltaSVM",),
        provenance: dict[str, Any] | None = None,
    ) -> None:
        self.weights = np.atleast_2d(np.asarray(weights, np.float32))
        self.l = _letters(self.weights.shape[1])
        self.length, self.tracks = length or 2 * self.l - 1, tuple(tracks)
        self.provenance = provenance or {}

    @classmethod
    def read(cls, *paths: str | Path, length: int | None = None, tracks: Sequence[str] | None = None) -> DeltaSVM:
        """The weights in files of LS-GKM's form, one track a file; see `ambergen.io.word_weights.read_word_weights`.

        Parameters
        ----------
        length : letters of a window; default: 2l - 1, which holds all words that a substitution changes
        tracks : names; default: the names of the files

        Raises
        ------
        FileFormatError
            If a file is malformed, or lacks a word.
        StoreError
            If the files' words differ in length.
        """
        read = [read_word_weights(Path(path)) for path in paths]
        sizes = {len(weights) for weights in read}
        if len(sizes) != 1:
            raise StoreError(
                f"deltaSVM: the weight files have words of {sorted(map(_letters, sizes))} letters; expected files "
                "with words of one length. Read the others by themselves."
            )
        names = tuple(tracks or (Path(path).name.split(".")[0] for path in paths))
        return cls(np.stack(read).astype(np.float32), length, names, {"weights": [str(path) for path in paths]})

    def predict(self, tokens: NDArray[np.uint8]) -> Floats:
        """Sum of the weights of the words of windows.

        Parameters
        ----------
        tokens : (n, length), uint8

        Returns
        -------
        (n, n_tracks), float32
        """
        check_windows(tokens, self.length, "deltaSVM")
        return word_sums(self.weights, tokens)

    def variant_effect(self, ref: NDArray[np.uint8], alt: NDArray[np.uint8], index: int) -> Floats:
        """deltaSVM of variants; see `ambergen.sequence.scorer.VariantScorer`."""
        check_windows(ref, self.length, "deltaSVM")
        check_windows(alt, self.length, "deltaSVM")
        return word_effects(self.weights, ref, alt, index)

    def write(self, path: str | Path, track: int = 0) -> None:
        """The weights of a track as a file in LS-GKM's form, for other programs."""
        write_word_weights(Path(path), self.weights[track])

    def save(self, folder: str | Path) -> Path:
        """Write the weights into a folder; see `ambergen.training.saving.save_scorer`."""
        return save_scorer(self, folder, "deltasvm", {"l": self.l}, {"weights": folded(self.weights)}, "skipped")

    @classmethod
    def load(cls, folder: str | Path) -> DeltaSVM:
        """The weights that `save` wrote.

        Raises
        ------
        StoreError
            If they are absent, damaged, or of another version.
        """
        with loading(folder) as (arrays, record):
            weights = unfolded(load_file(arrays)["weights"], record["spec"]["l"])
            return cls(weights, record["length"], record["tracks"], record["provenance"])


def word_sums(weights: Floats, tokens: NDArray[np.uint8]) -> Floats:
    """Sum of the weights of the known words of windows.

    Parameters
    ----------
    weights : (n_tracks, 4^l)
    tokens : (n, length)

    Returns
    -------
    (n, n_tracks)
    """
    out = np.empty((len(tokens), len(weights)), np.float32)
    for start in range(0, len(tokens), _CHUNK):
        part = slice(start, start + _CHUNK)
        codes, known = word_codes(tokens[part], _letters(weights.shape[1]))
        for track, weight in enumerate(weights):
            out[part, track] = np.where(known, weight[codes], 0).sum(axis=1, dtype=np.float64)
    return out


def word_effects(weights: Floats, ref: NDArray[np.uint8], alt: NDArray[np.uint8], index: int) -> Floats:
    """What alternate alleles change in the sums of word weights.

    Parameters
    ----------
    weights : (n_tracks, 4^l)
    ref, alt : (n, length), which agree left of `index`

    Returns
    -------
    (n, n_tracks)
    """
    # Words that end left of the variant are the same in both.
    first = max(0, index - _letters(weights.shape[1]) + 1)
    out = np.zeros((len(ref), len(weights)), np.float32)
    for start in range(0, len(ref), _CHUNK):
        part = slice(start, start + _CHUNK)
        (refs, ref_known), (alts, alt_known) = (
            word_codes(tokens[part, first:], _letters(weights.shape[1])) for tokens in (ref, alt)
        )
        for track, weight in enumerate(weights):
            # Word by word, so that those that agree leave nothing behind
            change = np.where(alt_known, weight[alts], 0) - np.where(ref_known, weight[refs], 0)
            out[part, track] = change.sum(axis=1, dtype=np.float64)
    return out


def folded(weights: Floats) -> Floats:
    """(n_tracks, n_canonical): the weights of one word of each pair of reverse complements."""
    return np.ascontiguousarray(weights[:, canonical_words(_letters(weights.shape[1]))[0]])


def unfolded(weights: Floats, l: int) -> Floats:
    """(n_tracks, 4^l); undoes `folded`."""
    return np.ascontiguousarray(weights[:, canonical_words(l)[1]])


def _letters(n_words: int) -> int:
    return (n_words.bit_length() - 1) // 2
