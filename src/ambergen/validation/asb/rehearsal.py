"""Scorers on simulated allelic counts: random variants of held-out windows, whose true effects other models give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ambergen.datasets.store import Store
from ambergen.errors import InputError
from ambergen.metrics.influence import auroc_influence
from ambergen.metrics.ranking import auroc
from ambergen.seeds import generator
from ambergen.sequence.alphabets import DNA
from ambergen.sequence.scorer import Scorer, VariantScorer
from ambergen.validation.asb.calls import Calls, call
from ambergen.validation.asb.evaluation import SHARED, Evaluation, evaluate
from ambergen.validation.asb.measures import spearman
from ambergen.validation.asb.simulation import simulate

Tokens = NDArray[np.uint8]
Floats = NDArray[np.float64]

_BATCH = 2048
_NORMAL = 1.959964
"""Standard deviations to either side that hold 95 % of a normal distribution."""


@dataclass(frozen=True)
class RehearsalConfig:
    """How counts are made.

    variants : number of sites
    spread : standard deviation of the true log odds of an alternate read (natural logarithm) over the sites
    depths : mean reads at a site, one evaluation each
    p0, rho : share of reference reads where nothing is allele-specific, and overdispersion
    """

    variants: int = 5000
    spread: float = 1.0
    depths: tuple[float, ...] = (60.0,)
    p0: float = 0.5
    rho: float = 0.02

    def __post_init__(self) -> None:
        if self.variants < 1 or not self.spread > 0 or not self.depths or min(self.depths) <= 0:
            raise InputError(
                f"rehearsal: {self.variants} variants, a spread of {self.spread} and depths of "
                f"{', '.join(f'{depth:g}' for depth in self.depths) or 'nothing'}; expected numbers above 0."
            )


@dataclass(frozen=True, eq=False)
class DrawnVariants:
    """Single-base variants of windows, which stay where they are: the variant lies anywhere in them.

    table : (n,) rows chrom pos ref alt; chrom is the window, `pos` counts from 1 within it
    ref, alt : (n, length) tokens of the window with either allele
    index : (n,), place of the variant in the window
    """

    table: pd.DataFrame
    ref: Tokens
    alt: Tokens
    index: NDArray[np.int64]


@dataclass(frozen=True)
class Contestant:
    """A scorer, or a truth, by name: one model or several whose mean counts.

    kind : what sort of model it is; a truth of the same sort favours it
    """

    name: str
    kind: str
    models: tuple[Scorer, ...]


@dataclass(frozen=True, eq=False)
class Setting:
    """The evaluation under one truth at one depth."""

    truth: str
    depth: float
    calls: Calls
    evaluation: Evaluation


@dataclass(frozen=True, eq=False)
class Rehearsal:
    """What came of it.

    windows : one row a scorer and truth: `name`, `role`, `kind`, `auroc`, `low`, `high` of the windows of the split
    figures : one row a truth, depth and scorer: see `ambergen.validation.asb.evaluation.Evaluation.figures`, and
        `true_spearman` with the true effects, `same_kind` where the truth is of the scorer's kind
    settings : the evaluation behind each
    n_windows : of the split
    """

    windows: pd.DataFrame
    figures: pd.DataFrame
    settings: tuple[Setting, ...]
    config: RehearsalConfig
    track: str
    split: str
    n_windows: int
    n_sites: int


def rehearse(
    scorers: Sequence[Contestant],
    truths: Sequence[Contestant],
    store: Store,
    track: str | None = None,
    split: str = "test",
    config: RehearsalConfig | None = None,
    seed: int = 0,
) -> Rehearsal:
    """Measure scorers on allelic counts that follow each truth in turn.

    Parameters
    ----------
    scorers : the first is the one that others are compared with
    truths : models whose effects are taken for true; none may be among the scorers
    store : whose windows of `split` hold the variants; nothing should have learned from that split but the truths
    track : the one that is meant; may be left out where the store has one

    Raises
    ------
    InputError
        If a scorer lacks the track or reads windows of another length, the split has no bound window, or a truth moves
        nothing.
    """
    config = config or RehearsalConfig()
    name = track_of(store, track)
    drawn = draw_variants(store, name, split, config.variants, seed)
    effects = {one.name: window_effects(one, drawn, name) for one in (*scorers, *truths)}
    chosen = {one.name: effects[one.name] for one in scorers}
    settings, figures = [], []
    for truth in truths:
        log_odds = scaled(effects[truth.name], config.spread, truth.name)
        for depth in config.depths:
            counts = simulate(log_odds, depth, config.p0, config.rho, seed=seed).drop(columns=["site", "individual"])
            calls = call(pd.concat([drawn.table, counts], axis=1), config.p0, config.rho)
            found = evaluate(calls, _in_order(chosen, drawn.table, calls.table), seed=seed)
            settings.append(Setting(truth.name, depth, calls, found))
            figures.append(_figures(found, truth, depth, scorers, effects))
    return Rehearsal(
        windows_table(scorers, truths, store, name, split),
        pd.concat(figures, ignore_index=True),
        tuple(settings),
        config,
        name,
        split,
        len(store.indices(split)),
        len(drawn.table),
    )


def draw_variants(store: Store, track: str, split: str, n: int, seed: int) -> DrawnVariants:
    """Random single-base variants of the windows of a split that are positive for a track.

    In half of them the base of the window is the alternate allele, since which allele of a bound site the genome has is
    no matter of binding. No variant comes twice.

    Raises
    ------
    InputError
        If the store's sequences are not DNA, or no window is positive.
    """
    if store.alphabet.name != DNA.name:
        raise InputError(f"{store.path}: sequences are '{store.alphabet.name}'; expected DNA, which has alleles.")
    rows = store.indices(split)
    rows = rows[store.labels(rows)[:, store.tracks.index(track)] == 1]
    tokens = store.tokens(rows)
    places = np.flatnonzero((tokens < DNA.n_symbols).ravel()) if len(rows) else np.empty(0, np.int64)
    if not len(places):
        raise InputError(
            f"{store.path}: no window of the split {split} is positive for {track}; expected bound windows to put "
            "variants into. Name another split or track."
        )
    rng = generator(seed, "rehearsal", "variants")
    code = rng.choice(3 * len(places), min(n, 3 * len(places)), replace=False)
    window, index = np.divmod(places[code // 3], store.length)
    at = np.arange(len(code))
    ref = tokens[window]
    alt = ref.copy()
    alt[at, index] = (ref[at, index] + 1 + code % 3) % DNA.n_symbols
    turned = rng.random(len(code)) < 0.5
    ref[turned], alt[turned] = alt[turned], ref[turned]
    letters = np.array(list(DNA.symbols), dtype=object)
    table = pd.DataFrame(
        {
            "chrom": [f"window{row}" for row in rows[window]],
            "pos": index + 1,
            "ref": letters[ref[at, index]],
            "alt": letters[alt[at, index]],
        }
    )
    return DrawnVariants(table, ref, alt, index)


def window_effects(scorer: Contestant, drawn: DrawnVariants, track: str) -> Floats:
    """(n,): alternate minus reference allele, in logits or in the scorer's own units; mean over its models."""
    total = np.zeros(len(drawn.index))
    for model in scorer.models:
        column = _column(scorer, model, track, drawn.ref.shape[1])
        if isinstance(model, VariantScorer):
            for index in np.unique(drawn.index):  # a variant's index is one for all windows of a call
                here = np.flatnonzero(drawn.index == index)
                total[here] += model.variant_effect(drawn.ref[here], drawn.alt[here], int(index))[:, column]
        else:
            for start in range(0, len(total), _BATCH):
                part = slice(start, start + _BATCH)
                ref, alt = (model.predict(tokens[part])[:, column] for tokens in (drawn.ref, drawn.alt))
                total[part] += alt.astype(np.float64) - ref
    return total / len(scorer.models)


def scaled(effects: Floats, spread: float, name: str) -> Floats:
    """Effects in any unit as log odds with a standard deviation of `spread` about 0; no effect stays none.

    Raises
    ------
    InputError
        If all are 0 or some are no number.
    """
    size = float(np.sqrt(np.mean(effects**2)))
    if not np.isfinite(size) or size == 0:
        raise InputError(
            f"{name}: its effects are {'all 0' if size == 0 else 'not all numbers'}; expected a truth that tells the "
            "alleles of variants apart. Take another model."
        )
    return effects * (spread / size)


def windows_table(
    scorers: Sequence[Contestant], truths: Sequence[Contestant], store: Store, track: str, split: str
) -> pd.DataFrame:
    """AUROC of bound against unbound windows with a 95 % interval (DeLong), one row a scorer and truth."""
    rows = store.indices(split)
    column = store.tracks.index(track)
    known = store.mask(rows)
    rows = rows if known is None else rows[known[:, column]]
    positive = store.labels(rows)[:, column] == 1
    tokens = store.tokens(rows)
    table = []
    for role, group in (("scorer", scorers), ("truth", truths)):
        for one in group:
            each = [model.predict(tokens)[:, _column(one, model, track, store.length)] for model in one.models]
            scores = np.stack(each).mean(axis=0, dtype=np.float64)
            value, error = np.nan, np.nan
            if 0 < positive.sum() < len(positive):
                value = float(auroc(scores[:, None], positive[:, None])[0])
                error = float(np.sqrt((auroc_influence(scores, positive) ** 2).sum()))
            low, high = max(0.0, value - _NORMAL * error), min(1.0, value + _NORMAL * error)
            table.append({"name": one.name, "role": role, "kind": one.kind, "auroc": value, "low": low, "high": high})
    return pd.DataFrame(table)


def track_of(store: Store, track: str | None) -> str:
    """The track that is meant; InputError where it is unknown, or none is named and there are several."""
    if track is None and store.n_tracks == 1:
        return store.tracks[0]
    if track not in store.tracks:
        found = "no track is named" if track is None else f"there is no track {track!r}"
        raise InputError(
            f"{store.path}: {found}; expected one of {', '.join(store.tracks[:8])}"
            f"{', …' if store.n_tracks > 8 else ''}. Name it with --track."
        )
    return track


def _column(scorer: Contestant, model: Scorer, track: str, length: int) -> int:
    if model.length != length:
        raise InputError(
            f"{scorer.name}: reads windows of {model.length} bases, those of the store have {length}; expected one "
            "length. Train it on the same store, or one with windows of the same length."
        )
    if track in model.tracks:
        return model.tracks.index(track)
    if len(model.tracks) == 1:
        return 0
    raise InputError(
        f"{scorer.name}: has no track {track!r}; its tracks are {', '.join(model.tracks[:8])}"
        f"{', …' if len(model.tracks) > 8 else ''}. Leave it out, or name a track that all have."
    )


def _in_order(scores: Mapping[str, Floats], drawn: pd.DataFrame, sites: pd.DataFrame) -> dict[str, Floats]:
    """Scores in the order of called sites."""
    key = ["chrom", "pos", "ref", "alt"]
    row_of = {row: number for number, row in enumerate(drawn[key].itertuples(index=False, name=None))}
    order = [row_of[row] for row in sites[key].itertuples(index=False, name=None)]
    return {name: values[order] for name, values in scores.items()}


def _figures(
    found: Evaluation, truth: Contestant, depth: float, scorers: Sequence[Contestant], effects: Mapping[str, Floats]
) -> pd.DataFrame:
    rows = found.figures[(found.figures["subset"] == "all") & (found.figures["rows"] == SHARED)].drop(
        columns=["subset", "rows"]
    )
    kinds = {one.name: one.kind for one in scorers}
    rows = rows.assign(
        kind=[kinds[name] for name in rows["scorer"]],
        same_kind=[kinds[name] == truth.kind for name in rows["scorer"]],
        true_spearman=[_spearman(effects[name], effects[truth.name]) for name in rows["scorer"]],
    )
    rows.insert(0, "truth", truth.name)
    rows.insert(1, "depth", depth)
    return rows


def _spearman(scores: Floats, truth: Floats) -> float:
    both = ~(np.isnan(scores) | np.isnan(truth))
    return spearman(scores[both], truth[both])
