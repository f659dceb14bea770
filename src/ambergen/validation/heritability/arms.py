"""Searched against sampled models: do their tracks carry more heritability? Differences, their errors, and tests.

Three sources of chance are kept apart. The trait: every regression of a trait has the same blocks, so that delete
values of two arms belong in pairs, and their difference has an error. The track: the paired test over tracks is
descriptive, since tracks of one model are correlated. The architecture: only several of them in each arm say something
about searching.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from ambergen.errors import InputError
from ambergen.metrics.comparison import compare_groups, paired_wilcoxon
from ambergen.metrics.false_discovery import benjamini_hochberg
from ambergen.seeds import generator
from ambergen.statgen.enrichment import normal_test
from ambergen.statgen.jackknife import jackknife_error
from ambergen.statgen.meta import random_effects
from ambergen.validation.heritability.tables import ALL_TRAITS, frame_of

Array = NDArray[np.float64]
Measure = Literal["log_enrichment", "enrichment", "tau_star"]
MEASURES: tuple[Measure, ...] = ("log_enrichment", "enrichment", "tau_star")
VIEWS = ("all", "selected")
_WIDTH = float(stats.norm.ppf(0.975))
_LEVEL = 0.05


@dataclass(frozen=True, eq=False)
class ArmOfTrait:
    """What the models of one arm say about a trait; nan where a regression has no result.

    models : names
    enrichment, tau_star, enrichment_q, q : (n_models, n_tracks)
    delete_enrichment, delete_tau_star : (n_models, n_tracks, n_blocks)
    """

    models: tuple[str, ...]
    enrichment: Array
    tau_star: Array
    enrichment_q: Array
    q: Array
    delete_enrichment: Array
    delete_tau_star: Array

    def rows(self, chosen: NDArray[np.bool_]) -> ArmOfTrait:
        """The same of some tracks."""
        return ArmOfTrait(
            self.models,
            self.enrichment[:, chosen],
            self.tau_star[:, chosen],
            self.enrichment_q[:, chosen],
            self.q[:, chosen],
            self.delete_enrichment[:, chosen],
            self.delete_tau_star[:, chosen],
        )


@dataclass(frozen=True, eq=False)
class PairedTracks:
    """One value a track and arm, those without a value in both left out.

    searched, sampled : (n_tracks,)
    delete : (n_blocks,), the mean difference over tracks without each block
    n_dropped : tracks left out
    """

    searched: Array
    sampled: Array
    delete: Array
    n_dropped: int

    @property
    def difference(self) -> float:
        """Mean over tracks."""
        return float((self.searched - self.sampled).mean())

    @property
    def error(self) -> float:
        """Of the mean difference, from the trait's noise."""
        return float(jackknife_error(self.delete))


def paired_tracks(searched: ArmOfTrait, sampled: ArmOfTrait, measure: Measure) -> PairedTracks:
    """Tracks of two arms in pairs, the architectures of an arm averaged.

    Notes
    -----
    The log is taken of the mean enrichment of an arm's architectures, so that one architecture with a share below 0
    does not remove the track. Where that mean is not above 0 the track drops and is counted. Delete values of the log
    are linear in those of the enrichment, e(-b) -> log e + (e(-b) - e) / e, since without a block an enrichment may be
    negative. The log of an enrichment near 0 is nearly unknown, so that few such tracks decide the error of the mean;
    the difference of the enrichments themselves has no such weakness, and no track drops.
    """
    values, deletes = [], []
    for arm in (searched, sampled):
        own, delete = _of(arm, measure)
        if measure != "log_enrichment":
            values.append(own.mean(axis=0))
            deletes.append(delete.mean(axis=0))
            continue
        mean = own.mean(axis=0)
        mean = np.where(mean > 0, mean, np.nan)
        values.append(np.log(mean))
        deletes.append(np.log(mean)[:, None] + (delete.mean(axis=0) - mean[:, None]) / mean[:, None])
    kept = np.isfinite(values[0]) & np.isfinite(values[1])
    delete = (deletes[0] - deletes[1])[kept].mean(axis=0) if kept.any() else np.full(deletes[0].shape[1], np.nan)
    return PairedTracks(values[0][kept], values[1][kept], delete, int((~kept).sum()))


def _of(arm: ArmOfTrait, measure: Measure) -> tuple[Array, Array]:
    """Values and delete values, before any log."""
    if measure == "tau_star":
        return arm.tau_star, arm.delete_tau_star
    return arm.enrichment, arm.delete_enrichment


def selected_tracks(searched: ArmOfTrait, sampled: ArmOfTrait, measure: Measure) -> NDArray[np.bool_]:
    """(n_tracks,), where an arm is significantly above: AMBER's view, which favours the arm with more noise.

    An arm is where its mean is above 1 (an enrichment) or 0 (tau*), and at least half of its architectures have q below
    5 %.
    """
    chosen = np.zeros(searched.q.shape[1], dtype=bool)
    for arm in (searched, sampled):
        value, q, zero = (
            (arm.tau_star, arm.q, 0.0) if measure == "tau_star" else (arm.enrichment, arm.enrichment_q, 1.0)
        )
        chosen |= (value.mean(axis=0) > zero) & ((q < _LEVEL).mean(axis=0) >= 0.5)
    return chosen


def figures_of_architectures(
    searched: ArmOfTrait, sampled: ArmOfTrait, measure: Measure
) -> tuple[Array, Array, NDArray[np.bool_]]:
    """Mean over tracks of each architecture of either arm, and the tracks that count: those with a value in all.

    Returns
    -------
    (n_searched,), (n_sampled,) and (n_tracks,)
    """
    values = []
    for arm in (searched, sampled):
        own, _ = _of(arm, measure)
        values.append(np.log(np.where(own > 0, own, np.nan)) if measure == "log_enrichment" else own)
    kept: NDArray[np.bool_] = np.atleast_1d(np.isfinite(np.vstack(values)).all(axis=0))
    if not kept.any():
        nothing = np.full(1, np.nan)
        return nothing, nothing, kept
    return values[0][:, kept].mean(axis=1), values[1][:, kept].mean(axis=1), kept


def compare_arms(traits: Mapping[str, tuple[ArmOfTrait, ArmOfTrait]], seed: int = 0) -> pd.DataFrame:
    """The table of comparison: a row a trait, measure, view and test; see `tables.COMPARISON`.

    Parameters
    ----------
    traits : trait -> searched and sampled, over the same tracks in the same order
    seed : of the bootstrap of the architectures' difference

    Raises
    ------
    InputError
        If two arms of a trait differ in their tracks.
    """
    rows: list[dict[str, Any]] = []
    for measure in MEASURES:
        for view in VIEWS:
            rows += _of_measure(traits, measure, view, seed)
    frame = frame_of("comparison", rows)
    of_traits = frame[frame["trait"] != ALL_TRAITS]
    for _, family in of_traits.groupby(["measure", "view", "test"], sort=False):
        frame.loc[family.index, "q"] = benjamini_hochberg(family["p"])
    return frame


def _of_measure(
    traits: Mapping[str, tuple[ArmOfTrait, ArmOfTrait]], measure: Measure, view: str, seed: int
) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    found: list[PairedTracks] = []
    figures: list[tuple[Array, Array, NDArray[np.bool_]]] = []
    head: dict[str, Any] = {}
    for trait, (searched, sampled) in traits.items():
        if searched.q.shape[1] != sampled.q.shape[1]:
            raise InputError(f"{trait}: the arms have different tracks; expected the same in the same order.")
        if view == "selected":
            chosen = selected_tracks(searched, sampled, measure)
            searched, sampled = searched.rows(chosen), sampled.rows(chosen)
        head = {
            "measure": measure, "view": view,
            "n_searched": len(searched.models), "n_sampled": len(sampled.models),
        }  # fmt: skip
        pairs = paired_tracks(searched, sampled, measure)
        if not len(pairs.searched):
            continue
        found.append(pairs)
        means = {
            "trait": trait, "n_tracks": len(pairs.searched), "n_dropped": pairs.n_dropped,
            "searched": pairs.searched.mean(), "sampled": pairs.sampled.mean(),
        }  # fmt: skip
        rows.append({**head, **means, "test": "jackknife", **_normal(pairs.difference, pairs.error)})
        over_tracks = paired_wilcoxon(pairs.searched, pairs.sampled)
        rows.append(
            {
                **head, **means, "test": "wilcoxon_tracks",
                "difference": over_tracks.median_difference, "p": over_tracks.p,
            }
        )  # fmt: skip
        one, other, kept = figures_of_architectures(searched, sampled, measure)
        if kept.any():
            figures.append((one, other, kept))
            rows += _of_architectures({**head, "trait": trait}, one, other, kept, seed)
    return rows + (_over_traits(head, found, figures, seed) if len(found) > 1 else [])


def _of_architectures(
    head: Mapping[str, Any], searched: Array, sampled: Array, kept: NDArray[np.bool_], seed: int
) -> list[dict[str, Any]]:
    if min(len(searched), len(sampled)) < 2:
        return []
    rng = generator(seed, f"comparison {head['trait']} {head['measure']} {head['view']}")
    groups = compare_groups(searched, sampled, rng)
    assert groups.mann_whitney is not None
    return [
        {
            **head,
            "test": "mann_whitney_architectures",
            "n_tracks": int(kept.sum()),
            "n_dropped": int((~kept).sum()),
            "searched": groups.mean_a.estimate,
            "sampled": groups.mean_b.estimate,
            "difference": groups.difference.estimate,
            "low": groups.difference.low,
            "high": groups.difference.high,
            "p": groups.mann_whitney.p,
        }
    ]


def _over_traits(
    head: Mapping[str, Any],
    found: Sequence[PairedTracks],
    figures: Sequence[tuple[Array, Array, NDArray[np.bool_]]],
    seed: int,
) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    usable = [pairs for pairs in found if np.isfinite(pairs.error) and pairs.error > 0]
    if len(usable) > 1:
        pooled = random_effects([pairs.difference for pairs in usable], [pairs.error for pairs in usable])
        rows.append(
            {
                **head, "trait": ALL_TRAITS, "test": "random_effects",
                "n_tracks": sum(len(pairs.searched) for pairs in usable),
                "n_dropped": sum(pairs.n_dropped for pairs in usable),
                "searched": np.mean([pairs.searched.mean() for pairs in usable]),
                "sampled": np.mean([pairs.sampled.mean() for pairs in usable]),
                **_normal(pooled.estimate, pooled.error),
            }
        )  # fmt: skip
    if len(figures) > 1:
        one, other = (np.mean([figure[side] for figure in figures], axis=0) for side in (0, 1))
        every = np.concatenate([kept for *_, kept in figures])
        rows += _of_architectures({**head, "trait": ALL_TRAITS}, one, other, every, seed)
    return rows


def _normal(difference: float, error: float) -> dict[str, float]:
    """An estimate with its interval and p; identical arms have no error and no p."""
    p = float(normal_test(difference, error).p)
    return {"difference": difference, "low": difference - _WIDTH * error, "high": difference + _WIDTH * error, "p": p}


def comparison_sentences(frame: pd.DataFrame) -> list[str]:
    """What the comparison says, in plain words."""
    words = {"log_enrichment": "log-enrichment", "enrichment": "enrichment", "tau_star": "tau*"}
    found = []
    for measure, what in words.items():
        own = frame[(frame["measure"] == measure) & (frame["view"] == "all")]
        of_traits = own[(own["test"] == "jackknife") & (own["trait"] != ALL_TRAITS)]
        if not len(of_traits):
            found.append(f"{what}: no track has a value in both arms, so that nothing is compared.")
            continue
        above, below = ((of_traits["q"] < _LEVEL) & (sign * of_traits["difference"] > 0) for sign in (1, -1))
        found.append(
            f"{what}: the mean difference over tracks, searched minus sampled, is significantly above 0 in "
            f"{int(above.sum())} and below 0 in {int(below.sum())} of {len(of_traits)} traits (q < 0.05, errors of "
            "paired delete values)."
        )
        over = own[own["trait"] == ALL_TRAITS].set_index("test")
        if "random_effects" in over.index:
            one = over.loc["random_effects"]
            found.append(
                f"{what}: over the traits the difference is {one['difference']:.3g} ({one['low']:.3g} to "
                f"{one['high']:.3g}, p = {one['p']:.2g}), for these architectures."
            )
    if len(frame) and not (frame["test"] == "mann_whitney_architectures").any():
        found.append(
            "An arm has a single architecture, so that nothing follows for searching itself; that takes several "
            "architectures in each arm."
        )
    return found
