"""What everything after the search needs of a model, whatever it is."""

from __future__ import annotations

from typing import Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray


@runtime_checkable
class Scorer(Protocol):
    """Turns windows into one number a track.

    Attributes
    ----------
    length : symbols in a window
    tracks : names of the outputs, in the order of the columns
    output : "logit" where a number is the logarithm of the odds of a peak, "raw" where it is a score without a scale
    """

    @property
    def length(self) -> int: ...

    @property
    def tracks(self) -> tuple[str, ...]: ...

    @property
    def output(self) -> Literal["logit", "raw"]: ...

    def predict(self, tokens: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Scores of windows, averaged over both strands.

        Parameters
        ----------
        tokens : (n_windows, length) uint8

        Returns
        -------
        (n_windows, n_tracks) float32
        """
        ...


@runtime_checkable
class StrandScorer(Scorer, Protocol):
    """A scorer that can also read one strand alone.

    Attributes
    ----------
    reverse_partner : (n_tracks,), the track that each becomes on the other strand
    """

    @property
    def reverse_partner(self) -> NDArray[np.int64]: ...

    def predict_strand(self, tokens: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Scores of windows as they are given, without a look at their reverse complement.

        Parameters
        ----------
        tokens : (n_windows, length) uint8

        Returns
        -------
        (n_windows, n_tracks) float32
        """
        ...


@runtime_checkable
class TwinScorer(StrandScorer, Protocol):
    """A scorer to which windows that resemble each other, as those of a variant's alleles do, cost less together."""

    def predict_twins(
        self, tokens: NDArray[np.uint8], twin_of: NDArray[np.int64], both_strands: bool = True
    ) -> NDArray[np.float32]:
        """Scores as `predict` gives them, or as `predict_strand` does, but for rounding.

        Parameters
        ----------
        tokens : (n_windows, length) uint8
        twin_of : (n_windows,), the row of the window that each resembles, its own where there is none
            A window that another is the twin of is no twin itself.

        Returns
        -------
        (n_windows, n_tracks) float32
        """
        ...


@runtime_checkable
class VariantScorer(Scorer, Protocol):
    """A scorer that needs to know where the variant is: gkm-SVM and PWM look at the words that overlap it only."""

    def variant_effect(self, ref: NDArray[np.uint8], alt: NDArray[np.uint8], index: int) -> NDArray[np.float32]:
        """What the alternate allele adds to the score of the reference allele.

        Parameters
        ----------
        ref, alt : (n_alleles, length) uint8
            Windows that agree left of `index`.
        index : position of the first base of either allele in its window, 0-based

        Returns
        -------
        (n_alleles, n_tracks) float32
            Alternate minus reference.
        """
        ...
