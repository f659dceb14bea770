"""What effects other variants have: the background against which the effect of one is ranked."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from ambergen.errors import InputError, StoreError
from ambergen.io.genome import Genome
from ambergen.seeds import generator
from ambergen.sequence.alphabets import DNA
from ambergen.sequence.variants import Record

Floats = NDArray[np.float64]
Ranked = Literal["deepsea_effect", "diff", "logit_diff"]

N_QUANTILES = 1001
N_TOP = 1000
FORMAT = 1


@dataclass(frozen=True, eq=False)
class Background:
    """Sizes of the effects of background variants on each track.

    Attributes
    ----------
    tracks : names
    score : whose absolute value is ranked
    quantiles : (n_quantiles, n_tracks), ascending, evenly spaced in rank from the smallest to the largest
    top : (n_top, n_tracks), ascending: the largest ones, since quantiles alone end at 1 / n_quantiles
    n : background alleles
    rms : (n_tracks,), root mean square of `diff`
    strand : strands of the scores
    about : where the variants come from, the checksum of the model and the settings
    """

    tracks: tuple[str, ...]
    score: Ranked
    quantiles: NDArray[np.float32]
    top: NDArray[np.float32]
    n: int
    rms: Floats
    strand: str
    about: Mapping[str, Any]

    def check(self, tracks: tuple[str, ...], strand: str, model: str | None = None, settings: Any = None) -> None:
        """Refuse to rank what was made in another way.

        Parameters
        ----------
        model, settings : checksum of the models and how they are used; None where that is not known

        Raises
        ------
        InputError
            If tracks, strands, model or settings are not those of the background.
        """
        found = {"tracks": tracks, "strands": strand, "model": model, "settings": settings}
        own = {
            "tracks": self.tracks,
            "strands": self.strand,
            "model": self.about.get("model"),
            "settings": self.about.get("settings"),
        }
        for name, value in found.items():
            if value is not None and own[name] is not None and value != own[name]:
                differs = "model is not that" if name == "model" else f"{name} are not those"
                raise InputError(
                    f"background: its {differs} of this scoring ({_difference(own[name], value)}). Effects can be "
                    "ranked only among effects that were made alike; make the background again with this model and "
                    "these settings (--build-background)."
                )

    def ranks(self, values: Mapping[str, Floats]) -> dict[str, Floats]:
        """Where effects stand among those of the background.

        Parameters
        ----------
        values : (n, n_tracks) by name of the score, with `diff` and the score of this background

        Returns
        -------
        dict
            ``e_value``, the share of the background with a larger effect; ``percentile``, 100 times what is left of 1;
            ``p_value``, (number at least as large + 1) / (n + 1), which is never 0; ``z``, diff over its root mean
            square in the background, with its sign.
        """
        size = np.abs(values[self.score]).astype(np.float32)
        larger, at_least = np.full(size.shape, np.nan), np.full(size.shape, np.nan)
        for track in range(size.shape[1]):
            known = np.flatnonzero(~np.isnan(size[:, track]))
            sizes, top, quantiles = size[known, track], self.top[:, track], self.quantiles[:, track]
            larger[known, track] = _count_from(sizes, top, quantiles, self.n, "right")
            at_least[known, track] = _count_from(sizes, top, quantiles, self.n, "left")
        with np.errstate(divide="ignore", invalid="ignore"):
            z = np.where(values["diff"] == 0, 0.0, values["diff"] / self.rms)
        e_value = larger / self.n
        return {
            "percentile": 100 * (1 - e_value),
            "e_value": e_value,
            "p_value": (at_least + 1) / (self.n + 1),
            "z": z,
        }

    def save(self, path: Path) -> None:
        """Write a .npz file, whole or not at all."""
        facts = {
            "format": FORMAT,
            "tracks": self.tracks,
            "score": self.score,
            "n": self.n,
            "strand": self.strand,
            "about": dict(self.about),
        }
        part = path.with_name(f".{path.name}.part")
        try:
            with part.open("wb") as file:
                np.savez_compressed(
                    file,
                    quantiles=self.quantiles,
                    top=self.top,
                    rms=self.rms,
                    facts=np.frombuffer(json.dumps(facts).encode(), np.uint8),
                )
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)

    @classmethod
    def load(cls, path: Path) -> Background:
        """The background that `save` wrote.

        Raises
        ------
        StoreError
            If it is absent, damaged, or something else.
        """
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                facts = json.loads(arrays["facts"].tobytes())
                if facts["format"] != FORMAT:
                    raise ValueError(f"format {facts['format']}, expected {FORMAT}")
                return cls(
                    tuple(facts["tracks"]),
                    facts["score"],
                    arrays["quantiles"],
                    arrays["top"],
                    facts["n"],
                    arrays["rms"],
                    facts["strand"],
                    facts["about"],
                )
        except FileNotFoundError as error:
            raise StoreError(
                f"{path}: there is no such file. Check the path, or make it with --build-background."
            ) from error
        except (OSError, ValueError, KeyError, TypeError, EOFError, BadZipFile, zlib.error) as error:
            raise StoreError(
                f"{path}: not a background of effects, or damaged. Expected the .npz file that `ambergen effects "
                "--build-background` wrote; make it again."
            ) from error


def _difference(own: Any, value: Any) -> str:
    """What two values do not share: of settings those that differ, of tracks the first."""
    if isinstance(own, Mapping) and isinstance(value, Mapping):
        names = [name for name in {**own, **value} if own.get(name) != value.get(name)]
        return "; ".join(f"{name} {own.get(name)}, here {value.get(name)}" for name in names)
    if isinstance(own, tuple) and isinstance(value, tuple) and len(own) == len(value):
        at = next(at for at in range(len(own)) if own[at] != value[at])
        return f"track {at + 1} is {own[at]}; here {value[at]}"
    return f"{_short(own)}; here {_short(value)}"


def _short(value: Any) -> str:
    text = f"{len(value)} track{'s' * (len(value) != 1)}" if isinstance(value, tuple) else str(value)
    return text if len(text) <= 20 else f"{text[:12]}…"


def summarise(sizes: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Quantiles and largest values of some tracks, as `Background` has them.

    Parameters
    ----------
    sizes : (n, n_tracks), not negative, n at least 1
    """
    ordered = np.sort(sizes, axis=0)
    places = np.linspace(0, len(ordered) - 1, N_QUANTILES)
    below = np.floor(places).astype(int)
    above = np.minimum(below + 1, len(ordered) - 1)
    share = (places - below)[:, None]
    quantiles = ordered[below] * (1 - share) + ordered[above] * share
    return quantiles.astype(np.float32), ordered[-N_TOP:]


def _count_from(
    sizes: NDArray[np.float32],
    top: NDArray[np.float32],
    quantiles: NDArray[np.float32],
    n: int,
    side: Literal["left", "right"],
) -> Floats:
    """How many of the background are larger (right), or at least as large (left): exact among the top."""
    exact = len(top) - np.searchsorted(top, sizes, side=side)
    if len(top) == n:
        return exact.astype(np.float64)
    place = np.searchsorted(quantiles, sizes, side=side)
    low, high = np.clip(place - 1, 0, None), np.clip(place, None, len(quantiles) - 1)
    width = quantiles[high] - quantiles[low]
    within = np.divide(sizes - quantiles[low], width, out=np.zeros(len(sizes)), where=width > 0)
    share = np.where(place == 0, 0.0, (low + within) / (len(quantiles) - 1))
    estimate = np.clip((1 - share) * n, len(top), n)
    # ties with the smallest of the top may go on below it
    among_top = sizes > top[0] if side == "left" else sizes >= top[0]
    return np.where(among_top, exact, estimate)


def random_variants(genome: Genome, n: int, seed: int) -> list[Record]:
    """Single-base variants at random known bases of a genome, every other base being equally likely, in its order.

    Raises
    ------
    InputError
        If the genome has no known base.
    """
    rng = generator(seed, "background")
    found: list[NDArray[np.int64]] = []
    total = 0
    for _ in range(1000):
        places = rng.integers(0, len(genome.tokens), n)
        places = places[genome.tokens[places] < DNA.n_symbols]
        found.append(places)
        total += len(places)
        if total >= n:
            break
    else:
        raise InputError(
            f"{genome.source}: among {1000 * n:,} bases drawn at random only {total} are known. Give a genome of "
            "A, C, G and T."
        )
    places = np.sort(np.concatenate(found)[:n])
    ref = genome.tokens[places]
    alt = (ref + rng.integers(1, DNA.n_symbols, n)) % DNA.n_symbols
    contig = np.searchsorted(genome.first, places, side="right") - 1
    letters = DNA.symbols
    return [
        Record(genome.names[c], int(place - genome.first[c]), ".", letters[r], (letters[a],))
        for c, place, r, a in zip(contig.tolist(), places.tolist(), ref.tolist(), alt.tolist(), strict=True)
    ]
