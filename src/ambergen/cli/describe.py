"""`ambergen describe`: how large a space, a model or an architecture is, and what it looks like."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ambergen.cli.arguments import AsJson
from ambergen.cli.tables import pairs, table

if TYPE_CHECKING:
    from ambergen.spaces.architecture import Architecture
    from ambergen.spaces.space import Space

# The published data set of the field: 919 tracks, windows of 1000 base pairs (DeepSEA).
TRACKS, LENGTH = 919, 1000
SAMPLED = 16


@dataclass(frozen=True)
class Subject:
    """What is described: a space, and an architecture of it or None.

    n_tracks, length : what the subject itself knows of them; None where it knows nothing
    """

    name: str
    space: Space | None
    architecture: Architecture | None = None
    n_tracks: int | None = None
    length: int | None = None
    facts: dict[str, Any] | None = None


def describe(
    subject: Annotated[
        str,
        typer.Argument(
            metavar="SUBJECT",
            help="A preset (amber, compact), a run file, a saved model's folder, or an architecture's JSON file.",
        ),
    ],
    tracks: Annotated[
        int | None, typer.Option(min=1, help=f"Outputs of the network (of the subject, else {TRACKS}).")
    ] = None,
    length: Annotated[int | None, typer.Option(min=1, help=f"Window length (of the subject, else {LENGTH}).")] = None,
    as_json: AsJson = False,
) -> None:
    """Sizes, layers, parameters, multiply-adds and receptive field, with a drawing.

    A search space is layers x operations x skip connections; an architecture is
    one point of it; tokens are the decisions that name the point.

    Examples:

      ambergen describe amber --tracks 919
      ambergen describe study/run.yaml
      ambergen describe out/models/3f2a9c01b7/seed0
      ambergen describe compact --tracks 24 --length 600 --json
    """
    found = find_subject(subject)
    n_tracks, window = tracks or found.n_tracks or TRACKS, length or found.length or LENGTH
    record: dict[str, Any] = {"name": found.name, "n_tracks": n_tracks, "length": window, **(found.facts or {})}
    if found.space is not None:
        record |= describe_space(found.space, n_tracks, window)
        if found.architecture is not None:
            record |= describe_architecture(found.space, found.architecture, n_tracks, window)
    print(json.dumps(record, indent=2) if as_json else _text(found, record))


def find_subject(text: str) -> Subject:
    """What `text` names.

    Raises
    ------
    InputError
        If it is neither a preset nor a file or folder that can be described.
    """
    from ambergen.errors import InputError
    from ambergen.settings import unknown
    from ambergen.spaces.presets import PRESETS

    if text in PRESETS:
        return Subject(text, PRESETS[text]())
    path = Path(text)
    if path.is_dir() and (path / "model.json").is_file():
        return _model(path)
    if path.is_dir() and (path / "run.yaml").is_file():
        return _run_file(path / "run.yaml")
    if path.suffix in (".yaml", ".yml"):
        return _run_file(path)
    if path.suffix == ".json":
        return _architecture(path)
    raise InputError(
        f"{text}: {unknown(text, list(PRESETS))} Also described: a run file (.yaml), an architecture (.json), the "
        "folder of a saved model (with model.json) or of a run (with run.yaml)."
    )


def _run_file(path: Path) -> Subject:
    from ambergen.config import load_run

    run = load_run(path)
    return Subject(str(path), run.space, n_tracks=run.n_tracks, length=run.length)


def _record(path: Path) -> dict[str, Any]:
    from ambergen.errors import InputError

    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise InputError(f"{path}: cannot be read as JSON: {error}. Give the file that ambergen wrote.") from error
    if not isinstance(record, dict):
        raise InputError(f"{path}: found a {type(record).__name__}; expected an object with keys.")
    return record


def _model(folder: Path) -> Subject:
    from ambergen.spaces.architecture import Architecture
    from ambergen.spaces.space import Space

    record = _record(folder / "model.json")
    spec, n_tracks, length = record.get("spec", {}), len(record.get("tracks", [])), record.get("length")
    facts = {"kind": record.get("kind"), "tracks": record.get("tracks", [])}
    if "space" not in spec:
        return Subject(str(folder), None, None, n_tracks, length, {**facts, "spec": spec})
    architecture = Architecture.from_json(spec["architecture"])
    return Subject(str(folder), Space.from_dict(spec["space"]), architecture, n_tracks, length, facts)


def _architecture(path: Path) -> Subject:
    from ambergen.errors import SpaceError
    from ambergen.spaces.architecture import Architecture
    from ambergen.spaces.presets import PRESETS
    from ambergen.spaces.space import Space

    record = _record(path)
    architecture = Architecture.from_json(record.get("architecture", record))
    if "space" in record:
        space = Space.from_dict(record["space"])
        space.check(architecture)
        return Subject(str(path), space, architecture)
    for make in PRESETS.values():
        try:
            make().check(architecture)
        except SpaceError:
            continue
        return Subject(str(path), make(), architecture)
    raise SpaceError(
        f"{path}: an architecture of {len(architecture.operations)} layers that lies in none of the spaces "
        f'{", ".join(PRESETS)}. Put the key "space" beside it, as in a saved model\'s model.json.'
    )


# ---- figures


def describe_space(space: Space, n_tracks: int, length: int) -> dict[str, Any]:
    """Sizes of a space, and of networks sampled from it."""
    import numpy as np

    from ambergen.models.summary import child_parameters, multiply_adds, supernet_parameters
    from ambergen.seeds import generator

    rng = generator(0, "describe")
    drawn = [space.sample(rng) for _ in range(SAMPLED)]
    parameters = [child_parameters(space, a, n_tracks, length) for a in drawn]
    work = [multiply_adds(space, a, n_tracks, length) for a in drawn]
    return {
        "space": space.to_dict(),
        "tokens": space.n_tokens,
        "architectures": str(space.size),
        "supernet_parameters": supernet_parameters(space, n_tracks, length),
        "lengths": list(space.lengths(length)),
        "widths": list(space.widths),
        "skip_connections": space.n_skips,
        "sampled_parameters": {
            "mean": round(float(np.mean(parameters))),
            "low": min(parameters),
            "high": max(parameters),
        },
        "sampled_multiply_adds": {"mean": round(float(np.mean(work))), "low": min(work), "high": max(work)},
    }


def describe_architecture(space: Space, architecture: Architecture, n_tracks: int, length: int) -> dict[str, Any]:
    """Sizes of one network."""
    from ambergen.models.summary import child_parameters, multiply_adds, receptive_field

    return {
        "id": architecture.id,
        "architecture": architecture.to_dict(),
        "parameters": child_parameters(space, architecture, n_tracks, length),
        "multiply_adds": multiply_adds(space, architecture, n_tracks, length),
        "receptive_field": receptive_field(space, architecture),
    }


# ---- text


def _text(found: Subject, record: dict[str, Any]) -> str:
    parts = [f"{found.name}: {record['n_tracks']} tracks, windows of {record['length']} base pairs"]
    if found.space is None:
        parts.append(pairs([(name, value) for name, value in (found.facts or {}).items()]))
        return "\n\n".join(parts)
    if found.architecture is not None:
        parts.append(
            pairs(
                [
                    ("architecture", record["id"]),
                    ("parameters", f"{record['parameters']:,}"),
                    ("multiply-adds a window", f"{record['multiply_adds']:,}"),
                    ("receptive field", f"{record['receptive_field']:,} base pairs"),
                    ("skip connections", found.architecture.n_skips),
                ]
            )
        )
        parts.append(draw(found.space, found.architecture, record["length"]))
    parts.append("The space:\n" + _space_text(record))
    if found.architecture is None:
        parts.append(draw(found.space, None, record["length"]))
    return "\n\n".join(parts)


def _space_text(record: dict[str, Any]) -> str:
    space, size = record["space"], int(record["architectures"])
    parameters, work = record["sampled_parameters"], record["sampled_multiply_adds"]
    return pairs(
        [
            (
                "layers x operations",
                f"{space['layers']} x {len(space['operations'])} ({', '.join(space['operations'])})",
            ),
            ("skip connections", f"{record['skip_connections']} possible ({space['skips']})"),
            ("tokens", record["tokens"]),
            ("architectures", f"{size:,}" if size < 10**9 else f"{_scientific(size)} (exactly {size})"),
            ("supernet parameters", f"{record['supernet_parameters']:,}"),
            ("parameters of a network", _spread(parameters)),
            ("multiply-adds a window", _spread(work)),
        ]
    )


def _scientific(number: int) -> str:
    digits = str(number)
    return f"{int(digits[:6]) / 1e5:.4f}e+{len(digits) - 1}"


def _spread(figures: dict[str, int]) -> str:
    return f"{figures['mean']:,} on average ({figures['low']:,} to {figures['high']:,} in {SAMPLED} sampled ones)"


def draw(space: Space, architecture: Architecture | None, length: int) -> str:
    """One line a layer from the input to the output; the widths and lengths change where a reduction stands."""
    lengths, widths = space.lengths(length), space.widths
    rows: list[tuple[object, ...]] = [("stem", f"conv{space.stem_kernel}", widths[0], lengths[0], "")]
    for layer in range(space.layers):
        stage = space.stage(layer)
        if architecture is None:
            name, sources = f"one of {len(space.operations)}", space.skip_sources[layer]
        else:
            name, sources = architecture.operations[layer], architecture.skips[layer]
        rows.append((layer, name, widths[stage], lengths[stage], " ".join(map(str, sources)) or "-"))
        if layer in space.reduce:
            rows.append(("", "reduce", widths[stage + 1], lengths[stage + 1], ""))
    rows.append(("head", f"{space.head}, dense {space.hidden}", "", "", ""))
    last = "may add" if architecture is None else "adds"
    return table(("layer", "operation", "channels", "positions", f"{last} outputs of layers"), rows, left=(0, 1, 4))
