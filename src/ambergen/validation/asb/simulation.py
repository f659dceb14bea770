"""Allelic counts of variants whose effects are known: what an evaluation must find again."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, logit

from ambergen.errors import InputError
from ambergen.seeds import generator
from ambergen.validation.asb.imbalance import check_share
from ambergen.validation.asb.scores import VariantScores


def simulate(
    effects: ArrayLike,
    depth: ArrayLike = 60.0,
    p0: float = 0.5,
    rho: float = 0.02,
    n_individuals: int = 1,
    depth_spread: float = 0.5,
    seed: int = 0,
) -> pd.DataFrame:
    """Allelic read counts of heterozygous sites.

    Parameters
    ----------
    effects : (n_sites,), log odds of an alternate against a reference read, natural units; 0 is no allelic effect
    depth : mean reads at a site in one individual, one or (n_sites,)
    p0 : share of reference reads without allelic effect
    rho : overdispersion of a site's share of reads, in [0, 1); 0 is binomial
    n_individuals : counts of each site, each with its own depth and share
    depth_spread : variance of depth over its mean squared, beyond Poisson's (negative binomial); 0: Poisson
    seed : counts are a function of it

    Returns
    -------
    One row a site and individual: ``site`` (number from 0), ``individual``, ``ref_reads``, ``alt_reads``, and the
    truth: ``true_effect`` and ``true_ratio``, the expected share of reference reads, 1 / (1 + exp(effect - logit(p0)))

    Raises
    ------
    InputError
        If an effect is nan, or a setting is out of range.
    """
    log_odds = np.atleast_1d(np.asarray(effects, dtype=np.float64))
    if log_odds.ndim != 1 or not np.isfinite(log_odds).all():
        raise InputError(
            f"simulate: effects have the shape {np.shape(effects)} and {int((~np.isfinite(log_odds)).sum())} are no "
            "numbers; expected one finite log odds a site. Leave out sites without an effect."
        )
    check_share(p0, rho)
    mean = np.broadcast_to(np.asarray(depth, dtype=np.float64), log_odds.shape)
    if not (mean > 0).all() or n_individuals < 1 or depth_spread < 0:
        raise InputError(
            f"simulate: depth {np.min(mean)}, {n_individuals} individuals, spread {depth_spread}; expected a depth "
            "above 0, at least 1 individual and a spread of 0 or more."
        )
    share = expit(logit(p0) - log_odds)
    site = np.repeat(np.arange(len(log_odds)), n_individuals)
    rng = generator(seed, "asb", "counts")
    total = _depths(mean[site], depth_spread, rng)
    drawn = _shares(share[site], rho, rng)
    ref = rng.binomial(total, drawn)
    return pd.DataFrame(
        {
            "site": site,
            "individual": [f"individual{n}" for n in np.tile(np.arange(n_individuals), len(log_odds))],
            "ref_reads": ref,
            "alt_reads": total - ref,
            "true_effect": log_odds[site],
            "true_ratio": share[site],
        }
    )


def _depths(mean: NDArray[np.float64], spread: float, rng: np.random.Generator) -> NDArray[np.int64]:
    rates = mean * rng.gamma(1 / spread, spread, len(mean)) if spread else mean
    return rng.poisson(rates)


def _shares(share: NDArray[np.float64], rho: float, rng: np.random.Generator) -> NDArray[np.float64]:
    if rho == 0:
        return share
    scale = (1 - rho) / rho
    # An expected share that rounds to 0 or 1 leaves a beta distribution without a shape.
    inside = np.clip(share, 1e-9, 1 - 1e-9)
    return rng.beta(inside * scale, (1 - inside) * scale)


def simulated_table(
    truth: VariantScores,
    scale: float,
    affected: float,
    depth: float,
    p0: float,
    rho: float,
    n_individuals: int,
    seed: int,
) -> pd.DataFrame:
    """Counts of variants in the form of a table of allelic counts.

    Parameters
    ----------
    truth : effects of variants on tracks; variants and tracks without a number are left out
    scale : log odds of an alternate read that one unit of the effect makes
    affected : share of variants whose effect is real, drawn at random
    depth, p0, rho, n_individuals, seed : see `simulate`

    Returns
    -------
    Columns chrom pos ref alt (track) individual ref_reads alt_reads true_effect true_ratio

    Raises
    ------
    InputError
        If there is no effect, or a setting is out of range.
    """
    variant, track = np.nonzero(np.isfinite(truth.score))
    if not len(variant):
        raise InputError(
            f"{truth.name}: no variant has the number {truth.kind}; expected some. Name another with --score."
        )
    real = generator(seed, "asb", "affected").random(len(truth.variants)) < affected
    effects = np.where(real[variant], scale * truth.score[variant, track], 0.0)
    counts = simulate(effects, depth, p0, rho, n_individuals, seed=seed)
    sites = truth.variants.iloc[variant[counts["site"]]].reset_index(drop=True)
    if truth.tracks != ("",):
        sites["track"] = np.array(truth.tracks, dtype=object)[track[counts["site"]]]
    return pd.concat([sites, counts.drop(columns="site")], axis=1)
