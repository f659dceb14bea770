"""The run file: what to search, on which data, and how. Text from outside becomes the configs of the parts here.

The keys of a section are the fields of the part's own dataclass, with its defaults; unknown keys are refused.
"""

from __future__ import annotations

import glob
import re
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, Field

from ambergen.datasets.config import (
    CountConfig,
    DataConfig,
    GenomeSource,
    SplitConfig,
    TableSource,
    TrackSource,
    WindowConfig,
)
from ambergen.datasets.splits import PRESETS as SPLITS
from ambergen.errors import ConfigError
from ambergen.executors.ray import RayConfig
from ambergen.runs.config import LAYERED, SearchConfig
from ambergen.settings import (
    Document,
    Fault,
    Key,
    Presets,
    Section,
    build,
    model_of,
    plain_data,
    read_document,
    unknown,
    updated,
    validate,
)
from ambergen.spaces.hierarchical_space import HierarchicalSpace
from ambergen.spaces.presets import PRESETS as SPACE_PRESETS
from ambergen.spaces.presets import preset as space_preset
from ambergen.spaces.space import Space
from ambergen.strategies.evolution import PRESETS as EVOLUTION_PRESETS
from ambergen.strategies.evolution import EvolutionConfig
from ambergen.strategies.reinforce import PRESETS as CONTROLLER_PRESETS
from ambergen.strategies.reinforce import ControllerConfig
from ambergen.training.config import PRESETS as TRAIN_PRESETS
from ambergen.training.config import TrainConfig, train_preset
from ambergen.validation.config import CompareConfig

_SUFFIXES = (".gz", ".bgz", ".bed", ".narrowPeak", ".broadPeak", ".bigWig", ".bigwig", ".bw")


SEEDS = 3


Engine = Literal["processes", "inline", "ray"]


@dataclass(frozen=True)
class ExecuteConfig:
    """Where jobs run.

    workers : jobs at a time; None for one a core, a single one where an accelerator does the work, or with ray what the
        cluster has room for
    engine : processes, inline (this process), or ray; a run file with a section `ray` need not name it
    ray : the cluster of the engine ray
    """

    workers: int | None = None
    engine: Engine = "processes"
    ray: RayConfig = field(default_factory=RayConfig)

    def __post_init__(self) -> None:
        if self.workers is not None and self.workers < 1:
            raise ConfigError(f"execute: workers is {self.workers}; expected at least 1.")


@dataclass(frozen=True)
class Run:
    """A resolved run file: every key has its value and every path is absolute.

    seeds : independent trainings of each network
    out : the run directory
    """

    data: DataConfig
    space: Space | HierarchicalSpace
    search: SearchConfig
    train: TrainConfig
    seeds: int
    compare: CompareConfig
    execute: ExecuteConfig
    out: Path

    @property
    def n_tracks(self) -> int | None:
        """Tracks; None where a table's header tells them."""
        source = self.data.source
        if isinstance(source, GenomeSource):
            return len(source.tracks)
        return len(source.labels) + (source.sites is not None) or None

    @property
    def length(self) -> int | None:
        """Window length; None where a table's sequences tell it."""
        return self.data.windows.length if isinstance(self.data.source, GenomeSource) else None

    def to_dict(self) -> dict[str, Any]:
        """The run as the keys of a run file."""
        return {
            "data": _data_keys(self.data),
            "space": self.space.to_dict(),
            "search": plain_data(self.search),
            "train": {"seeds": self.seeds, **plain_data(self.train)},
            "compare": plain_data(self.compare),
            "execute": _stated(plain_data(self.execute)),
            "out": str(self.out),
        }

    def to_yaml(self) -> str:
        """Text that `load_run` reads back to an equal run."""
        return yaml.safe_dump(self.to_dict(), sort_keys=False, allow_unicode=True, width=120)


def load_run(path: Path, overrides: Iterable[str] = ()) -> Run:
    """Read a run file.

    Parameters
    ----------
    path : YAML; its relative paths start from its own folder
    overrides : ``key=value`` as after ``--set``; their relative paths start from the working directory

    Raises
    ------
    ConfigError
        With every fault that was found: line, key, what stands there and what was expected.
    """
    document = read_document(path, overrides)
    faults: list[Fault] = []
    _resolve_paths(document)
    _expand_tracks(document, faults)
    _expand_split(document, faults)
    _expand_engine(document)
    document.refuse(faults)
    hierarchical = "hierarchical" in (document.get("space", "preset"), document.get("space", "kind"))
    model = validate(document, _HierarchicalRunKeys if hierarchical else _RunKeys)
    run = Run(
        data=_data(document, model.data),
        space=_section(document, model, "space", space_preset("hierarchical" if hierarchical else "amber")),
        search=_section(document, model, "search", SearchConfig()),
        train=_section(document, model, "train", TrainConfig()),
        seeds=SEEDS if model.train is None else model.train.seeds,
        compare=_section(document, model, "compare", CompareConfig()),
        execute=_section(document, model, "execute", ExecuteConfig()),
        out=Path(model.out),
    )
    if hierarchical and run.search.method in LAYERED:
        remedy = "Set search.method to hierarchical, evolution or random, or space.preset to amber or compact."
        found = f"{run.search.method} needs layers, and the space is hierarchical. {remedy}"
        document.refuse([Fault(("search", "method"), found)])
    return run


# ---- keys


PRESET_NAMES = {
    Space: tuple(SPACE_PRESETS),
    ControllerConfig: tuple(CONTROLLER_PRESETS),
    EvolutionConfig: tuple(EVOLUTION_PRESETS),
    TrainConfig: tuple(TRAIN_PRESETS),
}
"""Names of the presets, the default first."""

PRESETS: Presets = {
    Space: space_preset,
    HierarchicalSpace: space_preset,
    ControllerConfig: ControllerConfig.preset,
    EvolutionConfig: EvolutionConfig.preset,
    TrainConfig: train_preset,
}


def _operations(value: Any) -> Any:
    """One name is a list of one; names beside lists are neither of the two forms."""
    if isinstance(value, list) and len({isinstance(v, list) for v in value}) > 1:
        name = next(v for v in value if not isinstance(v, list))
        raise ValueError(
            f"{name!r} stands beside lists of operations; expected names for all layers, or one list for each layer. "
            f"Write [{name}] for a layer with this operation alone."
        )
    return [value] if isinstance(value, str) else value


_Operations = typing.Annotated[tuple[str, ...] | tuple[tuple[str, ...], ...], BeforeValidator(_operations)]
"""One list for all layers, or one list a layer."""


class _DataKeys(Section):
    genome: Path | None = None
    tracks: list[model_of(TrackSource)] = []  # type: ignore[valid-type]
    aliases: Path | None = None
    counts: model_of(CountConfig) | None = None  # type: ignore[valid-type]
    table: model_of(TableSource) | None = None  # type: ignore[valid-type]
    windows: model_of(WindowConfig) = Field(default_factory=model_of(WindowConfig))  # type: ignore[valid-type]
    split: model_of(SplitConfig) | None = None  # type: ignore[valid-type]
    on_leak: Literal["refuse", "drop", "allow"] = "refuse"
    alphabet: str = "dna"


class _RunKeys(Section):
    data: _DataKeys
    space: model_of(Space, PRESETS, operations=(_Operations, None)) = None  # type: ignore[valid-type]
    search: model_of(SearchConfig, PRESETS) = None  # type: ignore[valid-type]
    train: model_of(TrainConfig, PRESETS, seeds=(typing.Annotated[int, Field(ge=1)], SEEDS)) = None  # type: ignore[valid-type]
    compare: model_of(CompareConfig, PRESETS) = None  # type: ignore[valid-type]
    execute: model_of(ExecuteConfig, PRESETS) = None  # type: ignore[valid-type]
    out: str


class _HierarchicalRunKeys(_RunKeys):
    space: model_of(HierarchicalSpace, PRESETS, kind=(Literal["hierarchical"], None)) = None  # type: ignore[valid-type]


def _section(document: Document, model: BaseModel, key: str, base: Any) -> Any:
    """`base` with what the user wrote in the section `key`."""
    section = getattr(model, key)
    return base if section is None else updated(document, (key,), base, section, PRESETS)


# ---- paths, tracks, splits


_PATHS: tuple[Key, ...] = (
    ("data", "genome"),
    ("data", "aliases"),
    ("data", "windows", "exclude"),
    ("data", "table", "train"),
    ("data", "table", "selection"),
    ("data", "table", "test"),
    ("data", "tracks"),
    ("search", "warm_start"),
    ("compare", "motifs"),
    ("out",),
)


def _resolve_paths(document: Document) -> None:
    document.tree.setdefault("out", "out")
    for key in _PATHS:
        _resolve(document, key)
    plugins = document.get("space", "plugins")
    names = enumerate(plugins) if isinstance(plugins, list) else [(None, plugins)]
    for place, name in names:
        if isinstance(name, str) and name.endswith(".py"):
            _resolve(document, ("space", "plugins") if place is None else ("space", "plugins", place))
    objective = document.get("search", "objective")
    if isinstance(objective, str) and objective.rpartition(":")[0].endswith(".py"):
        _resolve(document, ("search", "objective"))  # my_metrics.py:name
    tracks = document.get("data", "tracks")
    for n, track in enumerate(tracks if isinstance(tracks, list) else ()):
        if isinstance(track, str):
            _resolve(document, ("data", "tracks", n))
        else:
            _resolve(document, ("data", "tracks", n, "peaks"))
            _resolve(document, ("data", "tracks", n, "bigwig"))
    counted = document.get("data", "counts", "tracks")
    for n in range(len(counted) if isinstance(counted, list) else 0):
        for strand in ("bigwig", "plus", "minus"):
            _resolve(document, ("data", "counts", "tracks", n, strand))


def _resolve(document: Document, key: Key) -> None:
    """Make the path at `key` absolute, if there is one."""
    text = document.get(*key)
    if isinstance(text, str):
        base = document.folder if document.origin(key) is None else Path.cwd()
        document.put(key, str(base / Path(text).expanduser()))


def _expand_tracks(document: Document, faults: list[Fault]) -> None:
    """A pattern, or a list of paths, becomes a list of tracks with names."""
    tracks, key = document.get("data", "tracks"), ("data", "tracks")
    if isinstance(tracks, str):
        paths = sorted(glob.glob(tracks)) if glob.has_magic(tracks) else [tracks]
        if not paths:
            faults.append(
                Fault(
                    key, f"no file matches {tracks}. Correct the pattern; relative ones start from {document.folder}."
                )
            )
        document.put(key, [_track(path) for path in paths])
    elif isinstance(tracks, list):
        document.put(key, [_track(t) if isinstance(t, str) else t for t in tracks])
        for track in tracks:
            if isinstance(track, dict) and "name" not in track:
                path = track.get("peaks") or track.get("bigwig")
                if isinstance(path, str):
                    track["name"] = track_name(path)
    _refuse_twins(document, faults)


def _refuse_twins(document: Document, faults: list[Fault]) -> None:
    seen: dict[str, int] = {}
    tracks = document.get("data", "tracks")
    for n, track in enumerate(tracks if isinstance(tracks, list) else ()):
        name = track.get("name") if isinstance(track, dict) else None
        if name is None:
            continue
        if name in seen:
            files = [tracks[k].get("peaks") or tracks[k].get("bigwig") for k in (seen[name], n)]
            faults.append(
                Fault(
                    ("data", "tracks", n),
                    f"two tracks are named '{name}' ({files[0]} and {files[1]}). Rename a file, or list the tracks as "
                    "{name: …, peaks: …}.",
                )
            )
        seen.setdefault(name, n)


def _track(path: str) -> dict[str, Any]:
    kind = "bigwig" if re.search(r"\.(bigwig|bw)$", path, flags=re.IGNORECASE) else "peaks"
    return {"name": track_name(path), kind: path}


def track_name(path: str) -> str:
    """File name without ``.bed``, ``.narrowPeak`` and the like, and without ``.gz``."""
    name = Path(path).name
    while name.endswith(_SUFFIXES):
        name = name[: name.rindex(".")]
    return name


def _expand_split(document: Document, faults: list[Fault]) -> None:
    """The name of a split preset becomes its contigs."""
    name = document.get("data", "split")
    if not isinstance(name, str):
        return
    if name in SPLITS:
        document.put(("data", "split"), plain_data(SPLITS[name]))
    else:
        faults.append(Fault(("data", "split"), unknown(name, list(SPLITS)) + " Or name contigs: {test: [chr8], …}."))


def _expand_engine(document: Document) -> None:
    """A section for a cluster asks for the cluster, unless another engine is named."""
    if document.get("execute", "ray") is not None and document.get("execute", "engine") is None:
        document.put(("execute", "engine"), "ray")


# ---- data


def _data(document: Document, keys: Any) -> DataConfig:
    """The data section as the config of `datasets.building`."""
    faults = list(_data_faults(document, keys))
    document.refuse(faults)
    source: GenomeSource | TableSource
    if keys.table is not None:
        source = build(document, ("data", "table"), TableSource, dict(keys.table))
    else:
        tracks = tuple(
            build(document, ("data", "tracks", n), TrackSource, dict(track)) for n, track in enumerate(keys.tracks)
        )
        counts = keys.counts and build(document, ("data", "counts"), CountConfig, dict(keys.counts))
        genome = {"genome": keys.genome, "tracks": tracks, "aliases": keys.aliases, "counts": counts}
        source = build(document, ("data",), GenomeSource, genome)
    split = dict(keys.split) if keys.split is not None else {"test": (), "selection": ()}
    values = {
        "source": source,
        "windows": build(document, ("data", "windows"), WindowConfig, dict(keys.windows)),
        "split": build(document, ("data", "split"), SplitConfig, split),
        "on_leak": keys.on_leak,
        "alphabet": keys.alphabet,
    }
    return build(document, ("data",), DataConfig, values)


def _data_faults(document: Document, keys: Any) -> Iterable[Fault]:
    if keys.table is not None:
        for name in ("genome", "tracks", "aliases", "counts", "split"):
            divided = name == "split" and keys.table.contig is not None
            if document.get("data", name) is not None and not divided:
                hint = ", or name the column with the contigs (data.table.contig)" if name == "split" else ""
                yield Fault(
                    ("data", name),
                    f"stands beside `table`, which is a data set of its own. Remove one of the two{hint}.",
                )
        return
    if keys.genome is None:
        yield Fault(("data",), "has neither a `genome` with `tracks` nor a `table`. Name your genome's FASTA file.")
        return
    if not keys.tracks:
        yield Fault(("data",), "has a genome but no `tracks`. Name peak files, for example tracks: peaks/*.bed.gz")
    for n, track in enumerate(keys.tracks):
        if (track.peaks is None) == (track.bigwig is None):
            yield Fault(("data", "tracks", n), "expected one file, either `peaks` or `bigwig`.")
    if keys.split is None:
        yield Fault(
            ("data",),
            "has no `split`. Name whole contigs, for example split: {test: [chr8, chr9], selection: [chr7]}, or a "
            f"preset: {', '.join(SPLITS)}.",
        )


def _data_keys(data: DataConfig) -> dict[str, Any]:
    """The data section that `_data` reads back to `data`."""
    source = data.source
    keys: dict[str, Any] = {}
    if isinstance(source, GenomeSource):
        keys["genome"] = str(source.genome)
        keys["tracks"] = [_stated(plain_data(track)) for track in source.tracks]
        if source.aliases is not None:
            keys["aliases"] = str(source.aliases)
        if source.counts is not None:
            counts = plain_data(source.counts)
            keys["counts"] = _stated(counts | {"tracks": [_stated(track) for track in counts["tracks"]]})
        keys["split"] = plain_data(data.split)
    else:
        keys["table"] = _stated(plain_data(source))
        if source.contig is not None:
            keys["split"] = plain_data(data.split)
    return {**keys, "windows": plain_data(data.windows), "on_leak": data.on_leak, "alphabet": data.alphabet}


def _stated(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
