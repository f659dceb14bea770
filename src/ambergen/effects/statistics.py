"""From the scores of two alleles to the size of an effect, always alternate minus reference, in float64."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, logit

from ambergen.errors import InputError

Floats = NDArray[np.float64]

LEAST_PROBABILITY = 1e-7
"""Probabilities are kept this far from 0 and 1 before their logit is taken: no logit is beyond 16.118096."""


class EffectScores(NamedTuple):
    """Sizes of effects, in the shape of what they are of.

    Attributes
    ----------
    diff : difference of the probabilities
    logit_diff : difference of their logits, the natural logarithm of the odds ratio
    log2_odds : the same to base 2
    deepsea_effect : |logit_diff| times |diff|, not negative
    """

    diff: Floats
    logit_diff: Floats
    log2_odds: Floats
    deepsea_effect: Floats


def scores(ref: ArrayLike, alt: ArrayLike, logits: bool = False) -> EffectScores:
    """Effects of alternate alleles.

    Parameters
    ----------
    ref, alt : any shape, probabilities
        nan where there is none; effects are nan there.
    logits : whether `ref` and `alt` are logits instead, which lose nothing near 0 and 1

    Raises
    ------
    InputError
        If the shapes differ, or a probability is not between 0 and 1.

    References
    ----------
    Zhou & Troyanskaya, Nature Methods 12, 931-934 (2015), for `deepsea_effect`.
    """
    ref, alt = np.asarray(ref, dtype=np.float64), np.asarray(alt, dtype=np.float64)
    if ref.shape != alt.shape:
        raise InputError(
            f"scores: the reference alleles have the shape {ref.shape}, the alternate ones {alt.shape}; expected one "
            "value of each. Repeat the reference for each of its alternate alleles."
        )
    if logits:
        return _effects(expit(alt) - expit(ref), alt - ref)
    for name, values in (("ref", ref), ("alt", alt)):
        outside = (values < 0) | (values > 1)
        if outside.any():
            raise InputError(
                f"scores: {name} has the value {values[outside].flat[0]:g}; expected probabilities, 0 to 1. "
                "Pass logits=True if these are logits."
            )
    return _effects(alt - ref, _bounded_logit(alt) - _bounded_logit(ref))


def _bounded_logit(probability: Floats) -> Floats:
    return logit(np.clip(probability, LEAST_PROBABILITY, 1 - LEAST_PROBABILITY))


def _effects(diff: Floats, logit_diff: Floats) -> EffectScores:
    return EffectScores(diff, logit_diff, logit_diff / np.log(2), np.abs(logit_diff) * np.abs(diff))


class Aggregate(NamedTuple):
    """One number an allele from the effects on several tracks.

    Attributes
    ----------
    mean : (n,)
    max_abs : (n,), the largest size
    max_track : (n,), the column that has it, -1 where there is no effect
    l2 : (n,), square root of the sum of squares
    sum_abs : (n,), sum of the sizes
    """

    mean: Floats
    max_abs: Floats
    max_track: NDArray[np.int64]
    l2: Floats
    sum_abs: Floats


def aggregate(effects: ArrayLike) -> Aggregate:
    """Effects on several tracks taken together.

    Parameters
    ----------
    effects : (n, n_tracks), n_tracks at least 1
        Rows of nan only stay nan.
    """
    effects = np.asarray(effects, dtype=np.float64)
    size = np.abs(effects)
    missing = np.isnan(size).any(axis=1)
    return Aggregate(
        mean=effects.mean(axis=1),
        max_abs=size.max(axis=1),
        max_track=np.where(missing, -1, np.where(np.isnan(size), -1, size).argmax(axis=1)),
        l2=np.sqrt((effects**2).sum(axis=1)),
        sum_abs=size.sum(axis=1),
    )
