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
    from ambergen.spaces.base import Candidate
    from ambergen.spaces.genotype import Genotype
    from ambergen.spaces.hierarchical_space import HierarchicalSpace
    from ambergen.spaces.space import Space

# The published data set of the field: 919 tracks, windows of 1000 base pairs (DeepSEA).
TRACKS, LENGTH = 919, 1000
SAMPLED = 16


@dataclass(frozen=True)
class Subject:
    """What is described: a space, and an architecture (of a hierarchical space: a genotype) or None.

    n_tracks, length : what the subject itself knows of them; None where it knows nothing
    """

    name: str
    space: Space | HierarchicalSpace | None
    architecture: Candidate | None = None
    n_tracks: int | None = None
    length: int | None = None
    facts: dict[str, Any] | None = None


def describe(
    subject: Annotated[
        str,
        typer.Argument(
            metavar="SUBJECT",
            help="A preset (amber, compact, hierarchical), a run file, a saved model's folder, or an architecture's "
            "JSON file.",
        ),
    ],
    tracks: Annotated[
        int | None, typer.Option(min=1, help=f"Outputs of the network (of the subject, else {TRACKS}).")
    ] = None,
    length: Annotated[int | None, typer.Option(min=1, help=f"Window length (of the subject, else {LENGTH}).")] = None,
    as_json: AsJson = False,
) -> None:
    """Sizes, layers, parameters, multiply-adds and receptive field, with a drawing.

    A search space is layers x operations x skip connections, or a cell made of
    motifs of motifs; an architecture is one point of it; tokens are the decisions
    that name the point.

    Examples:

      ambergen describe amber --tracks 919
      ambergen describe hierarchical
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
    except FileNotFoundError as error:
        raise InputError(f"{path}: there is no such file. Check the path for a misspelling.") from error
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise InputError(f"{path}: cannot be read as JSON: {error}. Give the file that ambergen wrote.") from error
    if not isinstance(record, dict):
        raise InputError(f"{path}: found a {type(record).__name__}; expected an object with keys.")
    return record


def _model(folder: Path) -> Subject:
    record = _record(folder / "model.json")
    spec, n_tracks, length = record.get("spec", {}), len(record.get("tracks", [])), record.get("length")
    facts = {"kind": record.get("kind"), "tracks": record.get("tracks", [])}
    if "space" not in spec:
        return Subject(str(folder), None, None, n_tracks, length, {**facts, "spec": spec})
    space = _space(spec["space"])
    return Subject(str(folder), space, space.read(spec["architecture"]), n_tracks, length, facts)


def _space(record: dict[str, Any]) -> Space | HierarchicalSpace:
    from ambergen.spaces.hierarchical_space import HierarchicalSpace
    from ambergen.spaces.reading import space_from_dict
    from ambergen.spaces.space import Space

    space = space_from_dict(record)
    assert isinstance(space, Space | HierarchicalSpace)
    return space


def _architecture(path: Path) -> Subject:
    from ambergen.errors import SpaceError
    from ambergen.spaces.architecture import Architecture
    from ambergen.spaces.genotype import Genotype
    from ambergen.spaces.presets import PRESETS

    record = _record(path)
    written = record.get("architecture", record)
    if "space" in record:
        space = _space(record["space"])
        return Subject(str(path), space, space.read(written))
    hierarchical = isinstance(written, dict) and "levels" in written
    Genotype.from_json(written) if hierarchical else Architecture.from_json(written)  # refuses what is neither
    for make in PRESETS.values():
        space = make()
        try:
            found = space.read(written)
        except SpaceError:
            continue
        return Subject(str(path), space, found)
    what = f"a genotype of {len(written['levels'])} levels" if hierarchical else f"{len(written['operations'])} layers"
    raise SpaceError(
        f"{path}: an architecture of {what} that lies in none of the spaces {', '.join(PRESETS)}. "
        'Put the key "space" beside it, as in a saved model\'s model.json.'
    )


# ---- figures


def describe_space(space: Space | HierarchicalSpace, n_tracks: int, length: int) -> dict[str, Any]:
    """Sizes of a space, and of networks sampled from it."""
    import numpy as np

    from ambergen.models.summary import child_parameters, multiply_adds, supernet_parameters
    from ambergen.seeds import generator
    from ambergen.spaces.space import Space

    rng = generator(0, "describe")
    drawn = [space.sample(rng) for _ in range(SAMPLED)]
    parameters = [child_parameters(space, a, n_tracks, length) for a in drawn]
    work = [multiply_adds(space, a, n_tracks, length) for a in drawn]
    record: dict[str, Any] = {
        "space": space.to_dict(),
        "tokens": len(space.gene_sizes),
        "architectures": str(space.size),
        "lengths": list(space.lengths(length)),
        "widths": list(space.widths),
        "sampled_parameters": {
            "mean": round(float(np.mean(parameters))),
            "low": min(parameters),
            "high": max(parameters),
        },
        "sampled_multiply_adds": {"mean": round(float(np.mean(work))), "low": min(work), "high": max(work)},
    }
    if isinstance(space, Space):
        record["supernet_parameters"] = supernet_parameters(space, n_tracks, length)
        record["skip_connections"] = space.n_skips
    return record


def describe_architecture(
    space: Space | HierarchicalSpace, architecture: Candidate, n_tracks: int, length: int
) -> dict[str, Any]:
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
                    _joins(found.architecture),
                ]
            )
        )
        parts.append(draw(found.space, found.architecture, record["length"]))
    parts.append("The space:\n" + _space_text(found.space, record))
    if found.architecture is None:
        parts.append(draw(found.space, None, record["length"]))
    return "\n\n".join(parts)


def _joins(architecture: Candidate) -> tuple[str, object]:
    """How the parts of a network are joined, as a line of figures."""
    from ambergen.spaces.architecture import Architecture
    from ambergen.spaces.genotype import Genotype

    if isinstance(architecture, Architecture):
        return "skip connections", architecture.n_skips
    assert isinstance(architecture, Genotype)
    merges = sum(step.operation is None for step in architecture.program)
    return "a cell", f"{len(architecture.program) - merges} operations, {merges} merges"


def _space_text(space: Space | HierarchicalSpace, record: dict[str, Any]) -> str:
    size = int(record["architectures"])
    return pairs(
        [
            *_shape(space),
            ("tokens", record["tokens"]),
            ("architectures", f"{size:,}" if size < 10**9 else f"{_scientific(size)} (exactly {size})"),
            *(
                [("supernet parameters", f"{record['supernet_parameters']:,}")]
                if "supernet_parameters" in record
                else []
            ),
            ("parameters of a network", _spread(record["sampled_parameters"])),
            ("multiply-adds a window", _spread(record["sampled_multiply_adds"])),
        ]
    )


def _shape(space: Space | HierarchicalSpace) -> list[tuple[str, object]]:
    """What a space is made of, as lines of figures."""
    from ambergen.spaces.space import Space

    names = ", ".join(space.operations)
    if not isinstance(space, Space):
        levels = [
            (f"level {k}", f"{m} motifs of {n} nodes")
            for k, (m, n) in enumerate(zip(space.motifs, space.nodes[:-1], strict=True), start=2)
        ]
        return [
            ("operations", f"{len(space.operations)} ({names})"),
            *levels,
            ("cell", f"{space.nodes[-1]} nodes, {space.cells} a stage in {space.stages} stages"),
        ]
    if space.layer_operations is None:
        choice = f"{space.layers} x {len(space.operations)} ({names})"
    else:
        choice = f"{space.layers} x {' '.join(str(len(own)) for own in space.choices)} ({names})"
    skips = f"{space.n_skips} possible ({space.skips}{', from the stem on' if space.sources == 'enas' else ''})"
    if space.combine == "concat1x1":
        skips += ", concatenated, then ReLU and a 1x1 convolution"
    return [("layers x operations", choice), ("skip connections", skips)]


def _scientific(number: int) -> str:
    digits = str(number)
    return f"{int(digits[:6]) / 1e5:.4f}e+{len(digits) - 1}"


def _spread(figures: dict[str, int]) -> str:
    return f"{figures['mean']:,} on average ({figures['low']:,} to {figures['high']:,} in {SAMPLED} sampled ones)"


def draw(space: Space | HierarchicalSpace, architecture: Candidate | None, length: int) -> str:
    """The network from the input to the output as text."""
    from ambergen.spaces.architecture import Architecture
    from ambergen.spaces.genotype import Genotype
    from ambergen.spaces.space import Space

    if isinstance(space, Space):
        assert architecture is None or isinstance(architecture, Architecture)
        return _layers(space, architecture, length)
    assert architecture is None or isinstance(architecture, Genotype)
    if architecture is not None:
        return f"{_stages(space, length)}\n\n{_cell(architecture)}"
    from ambergen.seeds import generator

    example = space.sample(generator(0, "describe"))
    return f"{_stages(space, length)}\n\nOne of them, drawn at random ({example.id}):\n\n{_cell(example)}"


def _layers(space: Space, architecture: Architecture | None, length: int) -> str:
    """One line a layer; the widths and lengths change where a reduction stands."""
    from ambergen.spaces.architecture import source_name

    lengths, widths = space.lengths(length), space.widths
    rows: list[tuple[object, ...]] = [("stem", f"conv{space.stem_kernel}", widths[0], lengths[0], "")]
    for layer in range(space.layers):
        stage = space.stage(layer)
        if architecture is None:
            choice = space.choices[layer]
            name = ", ".join(choice) if space.layer_operations is not None else f"one of {len(choice)}"
            sources = space.skip_sources[layer]
        else:
            name, sources = architecture.operations[layer], architecture.skips[layer]
        rows.append((layer, name, widths[stage], lengths[stage], " ".join(map(source_name, sources)) or "-"))
        if layer in space.reduce:
            rows.append(("", "reduce", widths[stage + 1], lengths[stage + 1], ""))
    rows.append(("head", f"{space.head}, dense {space.hidden}", "", "", ""))
    verb = "add" if space.combine == "add" else "concatenate"
    last = f"may {verb}" if architecture is None else f"{verb}s"
    return table(("layer", "operation", "channels", "positions", f"{last} outputs of layers"), rows, left=(0, 1, 4))


def _stages(space: HierarchicalSpace, length: int) -> str:
    """One line a part of the template around the cells."""
    widths, lengths = space.widths, space.lengths(length)
    rows: list[tuple[object, ...]] = [("stem", f"conv{space.stem_kernel}", widths[0], lengths[0])]
    for stage in range(space.stages):
        if stage:
            rows.append(("", "reduce", widths[stage], lengths[stage]))
        rows += [(f"stage {stage}", "cell", widths[stage], lengths[stage])] * space.cells
    rows.append(("head", f"{space.head}, dense {space.hidden}", "", ""))
    return table(("part", "operation", "channels", "positions"), rows, left=(0, 1))


def _cell(genotype: Genotype) -> str:
    """The cell and the motifs that it uses: a line a node, and what comes to it from each node before."""
    top = len(genotype.levels) - 1
    parts = [_motif("cell", genotype.cell, top)]
    used: set[int] = {edge for edge in genotype.cell if isinstance(edge, int)}
    for level in range(top - 1, -1, -1):
        below: set[int] = set()
        for number in sorted(used):
            motif = genotype.levels[level][number]
            parts.append(_motif(f"motif {level + 2}.{number}", motif, level))
            below |= {edge for edge in motif if isinstance(edge, int)}
        used = below
    return "\n\n".join(parts)


def _motif(name: str, motif: tuple[object, ...], level: int) -> str:
    from ambergen.spaces.assembly import count_nodes

    held, rows = iter(motif), []
    n_nodes = count_nodes(len(motif)) or 0
    for node in range(1, n_nodes):
        row = [next(held) for _ in range(node)] + [""] * (n_nodes - 1 - node)
        shown = ["-" if e is None else f"motif {level + 1}.{e}" if isinstance(e, int) else e for e in row]
        rows.append((node, *shown))
    columns = (f"{name}: to", *(f"from {i}" for i in range(n_nodes - 1)))
    return table(columns, rows, left=tuple(range(len(columns))))
