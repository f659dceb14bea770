"""Who takes part in a comparison: winners of searches, sampled architectures, experts' networks and other rivals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ambergen import seeds
from ambergen.baselines.kmer import check_alphabet
from ambergen.cost import Cost
from ambergen.datasets.store import Store
from ambergen.errors import ConfigError
from ambergen.models import danq, deepsea
from ambergen.models.factory import KINDS, make_network
from ambergen.models.summary import child_parameters, multiply_adds, n_parameters
from ambergen.spaces.base import Candidate, SearchSpace
from ambergen.training.saving import read_description
from ambergen.validation.config import CompareConfig

SCALES = tuple(k / 16 for k in range(1, 17))
"""Shares of the published widths that an expert's network may have."""

MATCHED_WITHIN = 0.2
"""Largest relative difference from the winners' mean number of parameters at which a sampled network matches it."""

_MOST_DRAWS = 2000

MultiplyAdds = Callable[[int, int, float, int], int]
_EXPERTS: dict[str, tuple[str, MultiplyAdds]] = {
    "deepsea": ("DeepSEA", deepsea.multiply_adds),
    "danq": ("DanQ", danq.multiply_adds),
}


_TRAINED = {
    "deepsea": "DeepSEA",
    "danq": "DanQ",
    "basset": "Basset",
    "deepbind": "DeepBind",
    "gkm": "gkm-SVM",
    "pwm": "known motifs",
}


@dataclass(frozen=True)
class Winner:
    """What a search found.

    search : its number
    cost : of the search, finalists included, the final training left out
    folders : of its trained models, one a seed; where there is none yet, the model is trained into the usual place
    """

    architecture: Candidate
    search: int
    cost: Cost
    folders: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Entrant:
    """One model of the comparison, trained with several seeds.

    model : name to show
    group : searched, sampled, matched, expert, kmer, or rival for one that was trained before, by its own recipe
    architecture : id, or a name for a rival
    kind, spec : see `ambergen.models.factory.make_network`; kinds that are no network have no spec
    folders : of its models, one a seed
    """

    model: str
    group: str
    architecture: str
    kind: str
    spec: dict[str, Any]
    folders: tuple[Path, ...]
    search: int | None = None
    parameters: int | None = None
    multiply_adds: int | None = None
    note: str | None = None

    @property
    def is_network(self) -> bool:
        """Whether its trainings differ by their seeds."""
        return self.kind in KINDS


def make_entrants(
    store: Store,
    space: SearchSpace,
    winners: Sequence[Winner],
    config: CompareConfig,
    n_seeds: int,
    seed: int,
    models: Path,
) -> list[Entrant]:
    """Everyone who takes part, the winners first.

    Parameters
    ----------
    seed : draws the sampled architectures
    models : folder in which models are kept; rivals that are trained already lie beside it, in ``rivals``

    Raises
    ------
    ConfigError
        If the space does not hold the architectures that are asked for, the k-mers are too many, or a rival that should
        have been trained was not.
    """
    maker = _Maker(store, space, n_seeds, models)
    searched = [w.architecture for w in winners]
    sampled = sample(space, config.sampled, seed)
    sizes = [maker.parameters(a) for a in searched]
    matched = (
        sample_matched(space, config.sampled, seed, sum(sizes) / len(sizes), maker.parameters)
        if config.matched_parameters and sizes
        else []
    )
    entrants = [maker.searched(winner, len(winners)) for winner in winners]
    entrants += [maker.sampled(a, "sampled", k) for k, a in enumerate(sampled)]
    entrants += [maker.sampled(a, "matched", k) for k, a in enumerate(matched)]
    size = [multiply_adds(space, a, store.n_tracks, store.length, maker.n_symbols) for a in searched or sampled]
    target = None if config.published_widths or not size else sum(size) / len(size)
    entrants += [maker.expert(name, target) for name in config.scorers if name in _EXPERTS]
    if "kmer" in config.scorers:
        entrants.append(maker.kmer())
    trained = trained_rivals(models.parent / "rivals", config.rivals)
    return entrants + [maker.rival(name, folders) for name, folders in trained.items()]


def trained_rivals(rivals: Path, names: Sequence[str]) -> dict[str, tuple[Path, ...]]:
    """The models of rivals that `ambergen train --scorer` has trained, one a seed.

    Raises
    ------
    ConfigError
        If there is none of a name.
    """
    found = {}
    for name in names:
        folders = sorted(rivals.glob(f"{name}/seed*/model.json"), key=lambda path: (len(path.parent.name), path))
        if not folders:
            raise ConfigError(
                f"compare.trained: {name} is named, and there is no model of it in {rivals / name}; expected what "
                f"`ambergen train RUN.yaml --scorer {name}` writes. Train it first, or leave it out."
            )
        found[name] = tuple(path.parent for path in folders)
    return found


class _Maker:
    """Makes entrants for one store."""

    def __init__(self, store: Store, space: SearchSpace, n_seeds: int, models: Path) -> None:
        self.store, self.space, self.n_seeds, self.models = store, space, n_seeds, models
        self.n_symbols = store.alphabet.n_symbols

    def parameters(self, architecture: Candidate) -> int:
        return child_parameters(self.space, architecture, self.store.n_tracks, self.store.length, self.n_symbols)

    def folders(self, name: str, n: int) -> tuple[Path, ...]:
        return tuple(self.models / name / f"seed{k}" for k in range(n))

    def searched(self, winner: Winner, n_searches: int) -> Entrant:
        name = "searched" if n_searches == 1 else f"searched {winner.search + 1}"
        usual = self.folders(winner.architecture.id, self.n_seeds)
        folders = winner.folders[: self.n_seeds] + usual[len(winner.folders) :]
        return self._child(winner.architecture, name, "searched", folders, winner.search)

    def sampled(self, architecture: Candidate, group: str, number: int) -> Entrant:
        folders = self.folders(architecture.id, self.n_seeds)
        return self._child(architecture, f"{group} {number + 1}", group, folders, None)

    def _child(
        self, architecture: Candidate, name: str, group: str, folders: tuple[Path, ...], search: int | None
    ) -> Entrant:
        return Entrant(
            name,
            group,
            architecture.id,
            "child",
            {"space": self.space.to_dict(), "architecture": architecture.to_dict()},
            folders,
            search,
            self.parameters(architecture),
            multiply_adds(self.space, architecture, self.store.n_tracks, self.store.length, self.n_symbols),
        )

    def expert(self, name: str, target: float | None) -> Entrant:
        """An expert's network at the scale whose multiply-adds are nearest to `target`; None keeps published widths."""
        shown, count = _EXPERTS[name]
        tracks, length = self.store.n_tracks, self.store.length
        scale = 1.0 if target is None else nearest_scale(count, tracks, length, target, self.n_symbols)
        scaled = scale != 1
        architecture = f"{name}-x{scale:g}" if scaled else name
        notes = []
        if scaled and target is not None:
            own = count(tracks, length, scale, self.n_symbols)
            notes.append(
                f"{scale:g} of the published widths, the multiple of 1/16 whose multiply-adds ({own:,}) are nearest to "
                f"the searched network's ({target:,.0f})"
            )
        if name == "deepsea" and deepsea.valid_length(length) < 1:
            notes.append(f"padding SAME, since windows of {length} bp are too short for the published network")
        spec = {"scale": scale}
        with torch.device("meta"):
            parameters = n_parameters(make_network(name, spec, tracks, length, self.n_symbols))
        return Entrant(
            f"{shown} ×{scale:g}" if scaled else shown,
            "expert",
            architecture,
            name,
            spec,
            self.folders(architecture, self.n_seeds),
            None,
            parameters,
            count(tracks, length, scale, self.n_symbols),
            "; ".join(notes) or None,
        )

    def kmer(self) -> Entrant:
        check_alphabet(self.store.alphabet)
        # One fit: the solver has one answer, whatever the seed.
        return Entrant("k-mer regression", "kmer", "kmer", "kmer", {}, self.folders("kmer", 1))

    def rival(self, name: str, folders: tuple[Path, ...]) -> Entrant:
        shown, kind = _TRAINED[name], read_description(folders[0])["kind"]
        note = "trained by its own recipe, before this comparison"
        return Entrant(
            f"{shown}, own recipe" if kind in KINDS else shown, "rival", f"rival-{name}", kind, {}, folders, note=note
        )


def nearest_scale(count: MultiplyAdds, n_tracks: int, length: int, target: float, n_symbols: int = 4) -> float:
    """The share of the published widths whose multiply-adds are nearest to `target`; the smaller one of a tie.

    Parameters
    ----------
    count : multiply-adds of one window by tracks, length, scale and symbols
    """
    return min(SCALES, key=lambda scale: abs(count(n_tracks, length, scale, n_symbols) - target))


# ---- sampled architectures


def sample(space: SearchSpace, n: int, seed: int) -> list[Candidate]:
    """`n` distinct architectures, drawn as AMBER-Base draws them; the first ones are the same whatever `n` is.

    Raises
    ------
    ConfigError
        If the space has no more distinct ones to give.
    """
    drawn: list[Candidate] = []
    for number in range(n):
        rng = seeds.generator(seed, "sampled", number)
        candidates = (space.sample(rng) for _ in range(_MOST_DRAWS))
        new = next((a for a in candidates if a not in drawn), None)
        if new is None:
            raise ConfigError(
                f"compare.sampled is {n}; found only {number} distinct architectures in the space. Lower it, or widen "
                "the space."
            )
        drawn.append(new)
    return drawn


def sample_matched(
    space: SearchSpace, n: int, seed: int, target: float, parameters: Callable[[Candidate], int]
) -> list[Candidate]:
    """`n` distinct sampled architectures whose parameters lie within 20 % of `target`, by rejection.

    Raises
    ------
    ConfigError
        If 2,000 draws do not hold so many.
    """
    rng = seeds.generator(seed, "matched")
    found: dict[Candidate, None] = {}
    for _ in range(_MOST_DRAWS):
        if len(found) == n:
            break
        architecture = space.sample(rng)
        if abs(parameters(architecture) / target - 1) <= MATCHED_WITHIN:
            found[architecture] = None
    if len(found) < n:
        raise ConfigError(
            f"compare.matched_parameters: {_MOST_DRAWS:,} sampled architectures hold {len(found)} distinct ones with "
            f"{target * (1 - MATCHED_WITHIN):,.0f} to {target * (1 + MATCHED_WITHIN):,.0f} parameters, as the winners "
            f"have; expected compare.sampled = {n}. Lower it, or leave matched_parameters out."
        )
    return list(found)
