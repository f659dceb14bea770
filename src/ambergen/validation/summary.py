"""What a comparison found: the long table, and the summary that reports read (its keys: `ambergen.report.page`)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ambergen import seeds
from ambergen.metrics.comparison import (
    Interval,
    architectures_needed,
    best_of,
    compare_groups,
    holm,
    mean_interval,
    variance_components,
)
from ambergen.metrics.ranking import Ranking, defined
from ambergen.validation.entrants import Entrant, Winner
from ambergen.validation.intervals import LEVEL, Arm, arm_interval, difference_interval, pooled_noise
from ambergen.validation.json_values import number
from ambergen.validation.scoring import METRICS, Scored, Searched

Record = dict[str, Any]

MINIMUM = 10
"""Positives and negatives that a track needs to enter a mean."""
PRIMARY = "auroc"
FAMILIES = ("searched", "sampled", "matched")
"""Groups of architectures; the others are single models."""

_INTEGERS = ("search", "seed", "positives", "negatives", "parameters", "multiply_adds", "windows")


@dataclass(frozen=True)
class Measured:
    """An entrant with the models of it that could be trained.

    scored : by seed, at least one
    """

    entrant: Entrant
    scored: dict[int, Scored]

    @property
    def n_parameters(self) -> int | None:
        own = self.entrant.parameters
        return own if own is not None else next(iter(self.scored.values())).n_parameters

    @property
    def note(self) -> str | None:
        return self.entrant.note or next(iter(self.scored.values())).note


@dataclass(frozen=True)
class Failure:
    """A training that did not succeed."""

    model: str
    seed: int
    reason: str


@dataclass(frozen=True)
class Findings:
    """Everything that was measured.

    ensembles : by winner, in the order of `measured`
    """

    tracks: tuple[str, ...]
    n_windows: int
    winners: tuple[Winner, ...]
    measured: tuple[Measured, ...]
    ensembles: dict[str, Searched]
    failures: tuple[Failure, ...]

    @property
    def counts(self) -> Ranking:
        """A measure of the test split; positives and negatives are the same in all of them."""
        return next(iter(self.measured[0].scored.values())).test

    @property
    def used(self) -> NDArray[np.bool_]:
        """(n_tracks,): which tracks enter the means."""
        return defined(self.counts.positives, self.counts.negatives, MINIMUM)

    def group(self, name: str) -> list[Measured]:
        return [m for m in self.measured if m.entrant.group == name]

    def arm(self, members: Sequence[Measured], metric: str) -> Arm:
        """Trainings of `members`; the noise of networks is that of all of them."""
        networks = [m for m in self.measured if m.entrant.is_network]
        return Arm(
            [self.figures(m, metric) for m in members],
            [np.stack([s.influence[metric] for s in m.scored.values()]) for m in members],
            pooled_noise([self.figures(m, metric) for m in networks]) if members[0].entrant.is_network else None,
        )

    def figures(self, m: Measured, metric: str) -> NDArray[np.float64]:
        """(n_seeds,), means over the tracks that are used."""
        return np.array([self.figure(s, metric) for s in m.scored.values()])

    def figure(self, scored: Scored, metric: str) -> float:
        """Mean of one model over the tracks that are used, on the test split."""
        return float(getattr(scored.test, metric)[self.used].mean())


def told(failures: Sequence[Failure]) -> list[str]:
    """A sentence for every reason, with all trainings that ended by it."""
    by_reason: dict[str, list[str]] = {}
    for failure in failures:
        by_reason.setdefault(failure.reason, []).append(f"{failure.model} (seed {failure.seed})")
    return [
        f"Could not be trained: {', '.join(names)}. Reason: {reason.rstrip('.')}."
        for reason, names in by_reason.items()
    ]


# ---- the long table


def long_table(found: Findings) -> pd.DataFrame:
    """One row a model, seed and track; the seed of an ensemble is empty."""
    parts = [
        _rows(found, m.entrant, m.entrant.model, m.entrant.group, seed, scored, m.n_parameters, m.entrant.multiply_adds)
        for m in found.measured
        for seed, scored in m.scored.items()
    ]
    for m in found.group("searched"):
        searched = found.ensembles.get(m.entrant.model)
        if searched is not None and len(m.scored) > 1:
            sizes = [None if s is None else s * len(m.scored) for s in (m.n_parameters, m.entrant.multiply_adds)]
            name = ensemble_name(m.entrant)
            parts.append(_rows(found, m.entrant, name, "ensemble", None, searched.ensemble, sizes[0], sizes[1]))
    table = pd.concat(parts, ignore_index=True)
    return table.astype(dict.fromkeys(_INTEGERS, "Int64"))


def ensemble_name(entrant: Entrant) -> str:
    return f"{entrant.model}, ensemble of seeds"


def _rows(
    found: Findings,
    entrant: Entrant,
    model: str,
    group: str,
    seed: int | None,
    scored: Scored,
    parameters: int | None,
    multiply_adds: int | None,
) -> pd.DataFrame:
    n = len(found.tracks)
    return pd.DataFrame(
        {
            "model": model,
            "group": group,
            "architecture": entrant.architecture,
            "search": pd.array([entrant.search] * n, dtype="Int64"),
            "seed": pd.array([seed] * n, dtype="Int64"),
            "track": list(found.tracks),
            "auroc": scored.test.auroc,
            "average_precision": scored.test.average_precision,
            "positives": scored.test.positives,
            "negatives": scored.test.negatives,
            "parameters": pd.array([parameters] * n, dtype="Int64"),
            "multiply_adds": pd.array([multiply_adds] * n, dtype="Int64"),
            "device_seconds": scored.cost.device_seconds,
            "windows": scored.cost.windows,
        }
    )


# ---- the summary


def summarise(found: Findings, seed: int) -> Record:
    """The content of ``compare.json``, without the sentences.

    Parameters
    ----------
    seed : of bootstraps
    """
    tests = list(_tests(found, seed))
    _correct(tests)
    return {
        "format": 1,
        "split": "test",
        "n_windows": found.n_windows,
        "metric": PRIMARY,
        "minimum": MINIMUM,
        "tracks": _tracks(found),
        "interval": {"level": LEVEL, "method": _interval_method(found)},
        "models": [*_models(found)],
        "groups": [*_groups(found)],
        "tests": tests,
        "spread": _spread(found),
        "best_of_n": _best_of_n(found),
        "sentences": [],
        "notes": [*_notes(found)],
        "curves": _curves(found),
    }


def _tracks(found: Findings) -> Record:
    undefined = [
        {
            "track": found.tracks[t],
            "positives": int(found.counts.positives[t]),
            "negatives": int(found.counts.negatives[t]),
            "reason": f"{found.counts.positives[t]:,} positive and {found.counts.negatives[t]:,} negative windows in "
            f"the test split; at least {MINIMUM} of each are needed",
        }
        for t in np.flatnonzero(~found.used)
    ]
    return {"n": len(found.tracks), "used": int(found.used.sum()), "undefined": undefined}


def _interval_method(found: Findings) -> str:
    n_blocks = len(next(iter(found.measured[0].scored.values())).influence[PRIMARY])
    return (
        f"of a model: over {n_blocks:,} blocks of neighbouring test windows and over training seeds, whose spread is "
        "pooled over all networks (of an ensemble and of the k-mer regression: over blocks alone); of the mean of a "
        "group: over its architectures"
    )


def _models(found: Findings) -> Iterator[Record]:
    for m in found.measured:
        yield {
            "model": m.entrant.model,
            "group": m.entrant.group,
            "architecture": m.entrant.architecture,
            "search": m.entrant.search,
            "seeds": list(m.scored),
            **{metric: _figure(found.arm([m], metric)) for metric in METRICS},
            "parameters": m.n_parameters,
            "multiply_adds": m.entrant.multiply_adds,
            "device_seconds": float(np.mean([s.cost.device_seconds for s in m.scored.values()])),
            "windows": round(float(np.mean([s.cost.windows for s in m.scored.values()]))),
            "note": m.note,
        }
        searched = found.ensembles.get(m.entrant.model)
        if searched is not None and len(m.scored) > 1:
            yield _ensemble(found, m, searched.ensemble)


def _ensemble(found: Findings, m: Measured, scored: Scored) -> Record:
    return {
        "model": ensemble_name(m.entrant),
        "group": "ensemble",
        "architecture": m.entrant.architecture,
        "search": m.entrant.search,
        "seeds": list(m.scored),
        **{metric: _ensemble_figure(found, scored, metric) for metric in METRICS},
        "parameters": None if m.n_parameters is None else m.n_parameters * len(m.scored),
        "multiply_adds": None if m.entrant.multiply_adds is None else m.entrant.multiply_adds * len(m.scored),
        "device_seconds": None,
        "windows": None,
        "note": f"mean of the logits of {len(m.scored)} training seeds; the row above is the mean of single models",
    }


def _ensemble_figure(found: Findings, scored: Scored, metric: str) -> Record:
    return _figure(Arm([np.array([found.figure(scored, metric)])], [scored.influence[metric][None]]))


def _figure(arm: Arm) -> Record:
    interval, figures = arm_interval(arm), arm.figures[0]
    return {
        "mean": interval.estimate,
        **_edges(interval),
        "seed_sd": float(figures.std(ddof=1)) if len(figures) > 1 else None,
    }


def _groups(found: Findings) -> Iterator[Record]:
    for name in FAMILIES:
        members = found.group(name)
        if members:
            yield {
                "group": name,
                "n_architectures": len(members),
                **{metric: _group_figure(found.arm(members, metric).means) for metric in METRICS},
            }


def _group_figure(means: NDArray[np.float64]) -> Record:
    interval = mean_interval(means)
    sd = float(means.std(ddof=1)) if len(means) > 1 else None
    return {"mean": interval.estimate, **_edges(interval), "sd": sd}


def _edges(interval: Interval) -> Record:
    """Low and high within the range of a score."""
    low, high = np.clip([interval.low, interval.high], 0, 1).tolist()
    return {"low": number(low), "high": number(high)}


# ---- tests


def _tests(found: Findings, seed: int) -> Iterator[Record]:
    searched = found.group("searched")
    if not searched:
        return
    for family in FAMILIES[1:]:
        members = found.group(family)
        for metric in METRICS if members else ():
            yield _family_test(found, searched, members, family, metric, seed)
    for m in found.measured:
        if m.entrant.group not in FAMILIES:
            yield _rival_test(found, searched, m)


def _family_test(
    found: Findings, searched: list[Measured], members: list[Measured], family: str, metric: str, seed: int
) -> Record:
    a, b = found.arm(searched, metric), found.arm(members, metric)
    record = {"a": "searched", "b": family, "metric": metric, "n_a": len(a.figures), "n_b": len(b.figures)}
    groups = compare_groups(a.means, b.means, seeds.generator(seed, "bootstrap", family, metric), LEVEL)
    if groups.mann_whitney is not None:
        return record | {
            "difference": groups.difference.estimate,
            "low": number(groups.difference.low),
            "high": number(groups.difference.high),
            "cliffs_delta": groups.cliffs_delta,
            "p": groups.mann_whitney.p,
            "p_adjusted": None,
            "method": "Mann-Whitney over architectures"
            + (", exact" if groups.mann_whitney.exact else "")
            + "; difference: Hodges-Lehmann with bootstrap interval",
            "reason": None,
        }
    difference = difference_interval(a, b)
    single = "one search is one architecture" if len(a.figures) == 1 else "one sampled architecture"
    return record | {
        "difference": difference.estimate,
        "low": number(difference.low),
        "high": number(difference.high),
        "cliffs_delta": None,
        "p": None,
        "p_adjusted": None,
        "method": "difference of means",
        "reason": f"no p-value: {single}, without a spread to test. The interval speaks of this architecture (other "
        "test windows, training seeds and sampled architectures), not of what another search would find",
    }


def _rival_test(found: Findings, searched: list[Measured], rival: Measured) -> Record:
    a, b = found.arm(searched, PRIMARY), found.arm([rival], PRIMARY)
    difference = difference_interval(a, b)
    return {
        "a": "searched",
        "b": rival.entrant.model,
        "metric": PRIMARY,
        "n_a": len(a.figures),
        "n_b": 1,
        "difference": difference.estimate,
        "low": number(difference.low),
        "high": number(difference.high),
        "cliffs_delta": None,
        "p": None,
        "p_adjusted": None,
        "method": "difference of means, paired over blocks of test windows",
        "reason": "no p-value: the rival is a single architecture. The interval is over test windows and trainings",
    }


def _correct(tests: list[Record]) -> None:
    """Holm's correction over all tests that have a p-value."""
    tested = [t for t in tests if t["p"] is not None]
    if len(tested) > 1:
        for test, adjusted in zip(tested, holm([t["p"] for t in tested]), strict=True):
            test["p_adjusted"] = float(adjusted)


# ---- spread, best of n


def _spread(found: Findings) -> Record | None:
    """Standard deviations over seeds and over architectures, of the sampled ones where there are any."""
    members = found.group("sampled") or found.group("searched")
    if not members:
        return None
    arm = found.arm(members, PRIMARY)
    names = [m.entrant.model for m in members for _ in m.scored]
    components = variance_components(np.concatenate(arm.figures), names)
    searched = found.group("searched")
    difference = needed = None
    if searched and found.group("sampled"):
        difference = found.arm(searched, PRIMARY).mean - arm.mean
        if difference and not math.isnan(components.figure_sd):
            needed = architectures_needed(difference, components.figure_sd)
    return {
        "seeds_sd": number(components.seed_sd),
        "architectures_sd": number(components.architecture_sd),
        "difference": difference,
        "architectures_needed": needed,
    }


def _best_of_n(found: Findings) -> Record | None:
    """The best of n sampled architectures: by test score, which flatters sampling, and by selection score."""
    members, searched = found.group("sampled"), found.group("searched")
    if not members:
        return None
    figures = found.arm(members, PRIMARY).means
    costs = [_training_seconds(m) for m in members]
    best = best_of(figures, costs)
    squares = best_of(figures**2, costs, chosen_by=figures)
    choosing = [_selection_figure(m) for m in members]
    chosen = None if np.isnan(choosing).any() else best_of(figures, costs, chosen_by=choosing).figure.tolist()
    record: Record = {
        "metric": PRIMARY,
        "n": best.n.tolist(),
        "expected": best.figure.tolist(),
        "sd": np.sqrt(np.maximum(0, squares.figure - best.figure**2)).tolist(),
        "chosen_by_selection": chosen,
        "cost": best.cost.tolist(),
        "searched": None,
        "search_cost": None,
        "falls_short": False,
    }
    if searched:
        by_search = {w.search: w.cost.device_seconds for w in found.winners}
        spent = [by_search[m.entrant.search] + _training_seconds(m) for m in searched if m.entrant.search is not None]
        record["searched"] = found.arm(searched, PRIMARY).mean
        record["search_cost"] = float(np.mean(spent))
        record["falls_short"] = bool(best.cost[-1] < record["search_cost"])
    return record


def _training_seconds(m: Measured) -> float:
    """Of all seeds: the figures are means over them."""
    return sum(s.cost.device_seconds for s in m.scored.values())


def _selection_figure(m: Measured) -> float:
    """Mean over seeds and the tracks that the selection split measures; nan where it measures none."""
    values = [
        s.selection.auroc[defined(s.selection.positives, s.selection.negatives, MINIMUM)] for s in m.scored.values()
    ]
    return float(np.mean(values)) if values[0].size else math.nan


def _notes(found: Findings) -> Iterator[str]:
    yield (
        "All networks are trained by one recipe with the same seeds; a model's figure is the mean of single models "
        "over its seeds. Predictions are the mean logits of both strands."
    )
    if found.group("sampled"):
        yield (
            "Best of n: the cost is that of training n sampled architectures with all seeds; the best is picked by its "
            "test score, which a user cannot do and which flatters sampling."
        )


def _curves(found: Findings) -> Record:
    for m in found.group("searched"):
        searched = found.ensembles.get(m.entrant.model)
        if searched is not None:
            return {"model": m.entrant.model, "seed": min(m.scored), "tracks": searched.curves}
    return {}
