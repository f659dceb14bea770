"""Settings from YAML text: with line numbers, overrides and environment variables, checked against dataclasses.

The dataclasses know nothing of this: a pydantic model is made from their fields, so that a default stands in one place.
All faults of a file are told at once, each with its line and key.
"""

from __future__ import annotations

import os
import re
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields, is_dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, ValidationError, create_model

from ambergen.budgets import Budget
from ambergen.errors import AmbergenError, ConfigError

Key = tuple[str | int, ...]
M = TypeVar("M", bound=BaseModel)

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong: the key and what to do about it."""

    key: Key
    message: str


@dataclass
class Document:
    """A YAML file as plain data that remembers where each key stands.

    source : the file
    tree : mappings, lists and scalars
    lines : 1-based line of every key
    overrides : text of the ``--set`` option that a key came from
    """

    source: Path
    tree: dict[str, Any]
    lines: dict[Key, int] = field(default_factory=dict)
    overrides: dict[Key, str] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """What relative paths of the file start from."""
        return self.source.absolute().parent

    def origin(self, key: Key) -> str | None:
        """The override that `key`, or what it is part of, came from; of a key that the file lacks, one within it."""
        around = (self.overrides[key[:n]] for n in range(len(key), 0, -1) if key[:n] in self.overrides)
        within = (text for k, text in self.overrides.items() if key and key not in self.lines and k[: len(key)] == key)
        return next(around, next(within, None))

    def line(self, key: Key) -> int:
        """Line of `key`, or of the nearest thing around it; 0 where it has none."""
        return next((self.lines[key[:n]] for n in range(len(key), -1, -1) if key[:n] in self.lines), 0)

    def where(self, key: Key) -> str:
        """``line 12, search.budget`` or ``--set search.budget=2h``."""
        origin = self.origin(key)
        if origin is not None:
            return f"--set {origin}"
        name, line = dotted(key), self.line(key)
        if not name:
            return f"line {max(line, 1)}"
        return f"line {line}, {name}" if line else name

    def get(self, *key: str | int) -> Any:
        """The value at `key`, None where there is none."""
        value: Any = self.tree
        for part in key:
            try:
                value = value[part]
            except (KeyError, IndexError, TypeError):
                return None
        return value

    def put(self, key: Key, value: Any) -> None:
        """Replace the value at `key`."""
        place: Any = self.get(*key[:-1]) if key[:-1] else self.tree
        place[key[-1]] = value

    def refuse(self, faults: Sequence[Fault]) -> None:
        """Raise one ConfigError that tells all `faults`, in the order of the file; do nothing where there is none."""
        if not faults:
            return
        ordered = sorted(faults, key=lambda f: (self.origin(f.key) is not None, self.line(f.key)))
        told = [f"{self.where(f.key)}: {f.message}" for f in ordered]
        if len(told) == 1:
            raise ConfigError(f"{self.source}, {told[0]}")
        raise ConfigError(f"{self.source} has {len(told)} faults:\n" + "\n".join(f"  {text}" for text in told))


def dotted(key: Key) -> str:
    """``data.tracks[3].peaks``: a key as a user writes it."""
    text = ""
    for part in key:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


# ---- reading


def read_document(path: Path, overrides: Iterable[str] = ()) -> Document:
    """Read a YAML mapping, apply ``a.b.c=value`` overrides, then expand ``${NAME}`` from the environment.

    Raises
    ------
    ConfigError
        If the file cannot be read, is no YAML mapping or has a key twice, if an override is malformed, or if an
        environment variable is not set.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except IsADirectoryError as error:
        raise ConfigError(
            f"{path}: is a folder; expected a run file. `ambergen init {path}` writes one there."
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigError(f"{path}: cannot read the run file: {reason}. `ambergen init DIR` writes one.") from error
    document = parse_document(text, path)
    for override in overrides:
        _override(document, override)
    faults: list[Fault] = []
    document.tree = _expand(document.tree, (), faults)
    document.refuse(faults)
    return document


def parse_document(text: str, source: Path) -> Document:
    """The YAML mapping in `text`; `source` is named in errors."""
    loader = yaml.SafeLoader(text)
    document, faults = Document(source, {}), []  # type: tuple[Document, list[Fault]]
    try:
        node = loader.get_single_node()
        tree = {} if node is None else _plain(loader, node, (), document.lines, faults)
    except yaml.YAMLError as error:
        raise ConfigError(_syntax(source, error)) from error
    finally:
        loader.dispose()
    if not isinstance(tree, dict):
        raise ConfigError(
            f"{source}, line 1: found {type(tree).__name__} {str(tree)[:40]!r}; expected keys like 'data:'."
        )
    document.refuse(faults)
    document.tree = tree
    return document


def _syntax(source: Path, error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error)
    place = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
    return f"{source}{place}: not YAML: {problem}. Indent with spaces, never tabs, and put a space after each colon."


def _plain(loader: yaml.SafeLoader, node: yaml.Node, key: Key, lines: dict[Key, int], faults: list[Fault]) -> Any:
    lines.setdefault(key, node.start_mark.line + 1)
    if isinstance(node, yaml.SequenceNode):
        return [_plain(loader, item, (*key, n), lines, faults) for n, item in enumerate(node.value)]
    if not isinstance(node, yaml.MappingNode):
        return loader.construct_object(node)
    loader.flatten_mapping(node)
    mapping: dict[str, Any] = {}
    for name_node, value_node in node.value:
        name = str(loader.construct_object(name_node, deep=True))
        inner = (*key, name)
        line = name_node.start_mark.line + 1
        if name in mapping:
            faults.append(Fault(inner, f"the key stands twice, also in line {line}. Keep one of them."))
            continue
        lines[inner] = line
        mapping[name] = _plain(loader, value_node, inner, lines, faults)
    return mapping


def _override(document: Document, text: str) -> None:
    name, equals, value = text.partition("=")
    parts = tuple(name.strip().split("."))
    if not equals or not all(parts):
        raise ConfigError(f"--set {text}: expected key=value, for example --set search.budget=2h.")
    try:
        parsed = yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise ConfigError(
            f"--set {text}: the value is not YAML. Quote it, for example --set 'out=\"a: b\"'."
        ) from error
    place = document.tree
    for part in parts[:-1]:
        # A preset given by its name (split: deepsea) gives way to single keys.
        if not isinstance(place.get(part), dict):
            place[part] = {}
        place = place[part]
    place[parts[-1]] = parsed
    for known in [k for k in document.lines if k[: len(parts)] == parts]:
        del document.lines[known]
    document.overrides[parts] = text


def _expand(value: Any, key: Key, faults: list[Fault]) -> Any:
    if isinstance(value, dict):
        return {name: _expand(inner, (*key, name), faults) for name, inner in value.items()}
    if isinstance(value, list):
        return [_expand(inner, (*key, n), faults) for n, inner in enumerate(value)]
    if not isinstance(value, str):
        return value
    for name in _VARIABLE.findall(value):
        if name not in os.environ:
            example = f"--set {dotted(key)}=…" if not any(isinstance(p, int) for p in key) else "--set"
            faults.append(
                Fault(
                    key,
                    f"the environment variable {name} of '{value}' is not set. Set it (export {name}=/a/folder), or "
                    f"override the key with {example}",
                )
            )
    return _VARIABLE.sub(lambda m: os.environ.get(m[1], m[0]), value)


# ---- checking


_SETTINGS = ConfigDict(extra="forbid", coerce_numbers_to_str=True, protected_namespaces=(), allow_inf_nan=False)


class Section(BaseModel):
    """Base of the models that are written by hand."""

    model_config = _SETTINGS


def _budget(value: Any) -> Any:
    if isinstance(value, Budget):
        return value
    try:
        return Budget.parse(str(value))
    except ConfigError as error:
        raise ValueError(str(error)) from error


BudgetText = typing.Annotated[Budget, BeforeValidator(_budget), PlainSerializer(str)]


Presets = Mapping[type, Callable[[str], Any]]
"""For a dataclass, what makes the instance that a preset's name stands for."""


def model_of(kind: type, presets: Presets | None = None, /, **extra: tuple[Any, Any]) -> type[BaseModel]:
    """A pydantic model with the fields, types and defaults of the dataclass `kind`, that refuses unknown keys.

    Parameters
    ----------
    presets : where given, no field is required and the dataclasses named here have the further key ``preset``: a model
        for `updated`. Else one for `build`
    extra : further fields, name=(type, default)
    """
    hints = typing.get_type_hints(kind)
    definitions: dict[str, Any] = {}
    for f in fields(kind):
        annotation = _annotation(hints[f.name], presets)
        if presets is not None:
            definitions[f.name] = (annotation, None)
        elif f.default is not MISSING:
            definitions[f.name] = (annotation, f.default)
        elif f.default_factory is not MISSING:
            definitions[f.name] = (annotation, Field(default_factory=f.default_factory))
        else:
            definitions[f.name] = (annotation, ...)
    if presets is not None and kind in presets:
        definitions["preset"] = (str, None)
    definitions |= extra
    return create_model(kind.__name__, __config__=_SETTINGS, **definitions)


def _annotation(hint: Any, presets: Presets | None) -> Any:
    """The type hint with dataclasses replaced by their models, and one item allowed for a tuple of one."""
    if hint is Budget:
        return BudgetText
    if isinstance(hint, type) and is_dataclass(hint):
        return model_of(hint, presets)
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        inner = tuple(_annotation(a, presets) for a in arguments)
        return typing.Union[inner]  # noqa: UP007 - built at run time
    if origin is tuple and len(arguments) == 2 and arguments[1] is Ellipsis:
        listed = types.GenericAlias(tuple, (_annotation(arguments[0], presets), ...))
        return typing.Annotated[listed, BeforeValidator(_listed)]
    return hint


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str | int | float) else value


def validate(document: Document, model: type[M]) -> M:
    """The document's tree as `model`.

    Raises
    ------
    ConfigError
        With every fault: its line, its key, what was found and what was expected.
    """
    try:
        return model.model_validate(document.tree)
    except ValidationError as error:
        faults: dict[Key, Fault] = {}
        for detail in error.errors(include_url=False):
            key = _real_key(document, detail["loc"], detail["type"])
            fault = Fault(key, _message(model, key, dict(detail)))
            # The members of a union each tell their own fault; one of a place is enough.
            if key in faults:
                fault = Fault(key, _either(faults[key].message, fault.message))
            faults[key] = fault
        document.refuse(list(faults.values()))
        raise  # unreachable: there is at least one fault


def _either(one: str, other: str) -> str:
    """What two members of a union say of one value, as one sentence."""
    if other in one:
        return one
    found, _, expected = other.partition("; expected ")
    if expected and one.startswith(f"{found}; expected "):
        return f"{one[:-1]} or {expected}"
    return f"{one[:-1]}, or: {other}"


def _real_key(document: Document, location: Sequence[str | int], kind: str) -> Key:
    """The location without the names of union members, which pydantic mixes in."""
    key: list[str | int] = []
    for n, part in enumerate(location):
        value = document.get(*key) if key else document.tree
        inside = part in value if isinstance(value, dict) else isinstance(value, list) and isinstance(part, int)
        if inside or (kind == "missing" and n == len(location) - 1):
            key.append(part)
    return tuple(key)


_EXPECTED = {
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "string_type": "a text",
    "tuple_type": "a list",
    "list_type": "a list",
    "dict_type": "keys with values",
    "path_type": "a path",
}
"""pydantic's types of faults, in words of a user."""


def _message(model: type[BaseModel], key: Key, detail: Mapping[str, Any]) -> str:
    if detail["type"] == "extra_forbidden":
        return unknown(str(key[-1]), known_keys(model, key[:-1]))
    if detail["type"] == "missing":
        return "the key is missing; it has no default."
    if detail["type"] == "value_error":
        return str(detail["ctx"]["error"])
    plain_words = _EXPECTED.get(detail["type"])
    text = f"expected {plain_words}" if plain_words else str(detail["msg"]).replace("Input should be", "expected")
    if detail["type"] in ("model_type", "model_attributes_type", "dataclass_type"):
        text = f"expected keys: {', '.join(known_keys(model, key))}"
    found = detail["input"]
    shown = "nothing" if found is None else repr(found) if len(repr(found)) < 80 else repr(found)[:77] + "..."
    return f"found {shown}; {text[0].lower() + text[1:]}."


def unknown(name: str, known: Sequence[str]) -> str:
    """What to say of an unknown key or value: the nearest known one, and all of them."""
    near = get_close_matches(name, known, n=1)
    hint = f" Did you mean '{near[0]}'?" if near else ""
    return f"'{name}' is unknown.{hint} Known: {', '.join(known)}."


def known_keys(model: type[BaseModel], key: Key) -> list[str]:
    """Keys that may stand at `key`."""
    for part in key:
        if isinstance(part, int):
            continue
        inner = _inner_model(model.model_fields[part].annotation) if part in model.model_fields else None
        if inner is None:
            return []
        model = inner
    return list(model.model_fields)


def _inner_model(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((m for m in map(_inner_model, typing.get_args(annotation)) if m is not None), None)


def build(document: Document, key: Key, kind: type, values: Mapping[str, Any]) -> Any:
    """The dataclass `kind` from checked `values`; what it refuses itself is told with its place.

    Raises
    ------
    ConfigError
        If the dataclass finds the values impossible together.
    """
    names = {f.name for f in fields(kind)}
    hints = typing.get_type_hints(kind)
    plain = {}
    for name, value in values.items():
        if name in names:
            plain[name] = _unwrap(document, (*key, name), hints[name], value)
    try:
        return kind(**plain)
    except (AmbergenError, ValueError) as error:
        raise ConfigError(f"{document.source}, {place(document, key, values, error)}: {error}") from error


def updated(document: Document, key: Key, base: Any, model: BaseModel, presets: Presets) -> Any:
    """The dataclass `base`, or the preset that `model` names instead, with the values that the user wrote.

    Raises
    ------
    ConfigError
        If there is no such preset, or the dataclass finds the values impossible together.
    """
    written = {name: getattr(model, name) for name in type(model).model_fields if name in model.model_fields_set}
    try:
        if "preset" in written:
            base = presets[type(base)](written["preset"])
        names = {f.name for f in fields(base)}
        changes = {
            name: updated(document, (*key, name), getattr(base, name), value, presets)
            if isinstance(value, BaseModel)
            else value
            for name, value in written.items()
            if name in names
        }
        return replace(base, **changes)
    except (AmbergenError, ValueError) as error:
        if isinstance(error, ConfigError) and str(error).startswith(str(document.source)):
            raise
        raise ConfigError(f"{document.source}, {place(document, key, written, error)}: {error}") from error


def place(document: Document, key: Key, names: Iterable[str], error: Exception) -> str:
    """Where to mend `error`, which a part raised for the section `key`: at the key that it speaks of first."""
    found = [(match.start(), name) for name in names if (match := re.search(rf"\b{re.escape(name)}\b", str(error)))]
    return document.where((*key, min(found)[1]) if found else key)


def _unwrap(document: Document, key: Key, hint: Any, value: Any) -> Any:
    if isinstance(value, BaseModel):
        options = [hint, *typing.get_args(hint)]
        kind = next(o for o in options if isinstance(o, type) and o.__name__ == type(value).__name__)
        return build(document, key, kind, dict(value))
    if isinstance(value, tuple):
        arguments = typing.get_args(hint)
        return tuple(_unwrap(document, (*key, n), arguments[0] if arguments else None, v) for n, v in enumerate(value))
    return value


def plain_data(value: Any) -> Any:
    """A config as mappings, lists and scalars that YAML and JSON can hold and `validate` reads back."""
    if is_dataclass(value) and not isinstance(value, type) and not isinstance(value, Budget):
        return {f.name: plain_data(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Mapping):
        return {str(name): plain_data(inner) for name, inner in value.items()}
    if isinstance(value, tuple | list):
        return [plain_data(inner) for inner in value]
    if isinstance(value, Path | Budget):
        return str(value)
    return value


def differences(before: Any, now: Any, key: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Dotted key, value before and value now, of everything that differs."""
    if isinstance(before, dict) and isinstance(now, dict):
        for name in [*before, *(n for n in now if n not in before)]:
            yield from differences(before.get(name), now.get(name), f"{key}.{name}" if key else name)
    elif before != now:
        yield key, before, now
