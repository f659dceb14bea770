"""Imports point down only: the floors of docs/architecture.md, held against every import in the package."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import ambergen

PACKAGE = Path(ambergen.__file__).parent

FLOORS = [
    {"errors", "seeds", "progress", "cost", "budgets", "atomic", "provenance", "lazy", "processor", "own_code"},
    {"sequence", "metrics", "statgen", "spaces", "executors", "settings"},
    {"io", "models"},
    {"datasets", "training"},
    {"strategies", "evaluators", "runs", "baselines", "effects"},
    {"interpret", "validation"},
    {"report"},
    {"config", "template", "stages", "contest", "workers", "pipeline", "checks", "api"},
    {"cli", "__main__"},
    {"ambergen"},
]
FLOOR_OF = {part: floor for floor, parts in enumerate(FLOORS) for part in parts}


def module_name(path: Path) -> str:
    parts = ("ambergen", *path.relative_to(PACKAGE).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}
TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in FILES.items()}


def part_of(module: str) -> str:
    return "ambergen" if module == "ambergen" else module.split(".")[1]


def floor(module: str) -> int:
    return FLOOR_OF[part_of(module)]


def is_init(module: str) -> bool:
    return FILES[module].name == "__init__.py"


def imports(module: str) -> Iterator[tuple[int, str]]:
    """Line and target of every import of ours; those under TYPE_CHECKING too, as to know a type is to know its file."""
    for node in ast.walk(TREES[module]):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] == "ambergen":
                    yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module is not None:
            if node.module.split(".")[0] != "ambergen":
                continue
            for alias in node.names:
                if (node.module, alias.name) == ("ambergen", "__version__"):
                    continue  # a constant of the file's head; it brings nothing else of the top floor
                submodule = f"{node.module}.{alias.name}"
                yield node.lineno, submodule if submodule in FILES else node.module


def place(module: str, line: int) -> str:
    return f"{FILES[module].relative_to(PACKAGE.parent)}:{line}"


def test_floors__every_part_has_one() -> None:
    unknown = sorted({part_of(module) for module in FILES} - FLOOR_OF.keys())
    assert not unknown, f"give these parts a floor in docs/architecture.md and here: {', '.join(unknown)}"


def test_floors__imports_point_down() -> None:
    upward = [
        f"{place(module, line)} (floor {floor(module)}) imports {target} (floor {floor(target)})"
        for module in FILES
        for line, target in imports(module)
        if floor(target) > floor(module)
    ]
    assert not upward, "\n" + "\n".join(upward)


def test_floors__imports_name_the_file_that_defines() -> None:
    vague = [
        f"{place(module, line)} imports from {target}, which is no file that defines things; name one"
        for module in FILES
        for line, target in imports(module)
        if target not in FILES or is_init(target)
    ]
    assert not vague, "\n" + "\n".join(vague)


def test_floors__imports_are_absolute() -> None:
    relative = [
        place(module, node.lineno)
        for module, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.level > 0
    ]
    assert not relative, "\n" + "\n".join(relative)


def test_floors__files_of_one_floor_do_not_go_in_circles() -> None:
    graph = {module: {target for _, target in imports(module)} for module in FILES if module != "ambergen"}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        raise AssertionError(f"imports in a circle: {' -> '.join(error.args[1])}") from None


def test_floors__imports_stand_at_the_head_of_the_file() -> None:
    hidden = [
        f"{place(module, inner.lineno)} in {outer.name}()"
        for module, tree in TREES.items()
        if part_of(module) not in {"cli", "ambergen"}
        for outer in ast.walk(tree)
        if isinstance(outer, ast.FunctionDef | ast.AsyncFunctionDef)
        for inner in ast.walk(outer)
        if isinstance(inner, ast.Import | ast.ImportFrom)
    ]
    assert not hidden, "\n" + "\n".join(hidden)


def test_floors__only_the_command_line_prints() -> None:
    printing = [
        place(module, node.lineno)
        for module, tree in TREES.items()
        if part_of(module) != "cli"
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert not printing, "\n" + "\n".join(printing)


def test_floors__init_files_hold_nothing_but_names_that_load_lazily() -> None:
    allowed = ("from ambergen.lazy import lazy", "__getattr__, __dir__ = lazy(", "__version__ = ")
    full = [
        place(module, statement.lineno)
        for module, tree in TREES.items()
        if is_init(module)
        for statement in tree.body[ast.get_docstring(tree) is not None :]
        if not (ast.get_source_segment(FILES[module].read_text(encoding="utf-8"), statement) or "").startswith(allowed)
    ]
    assert not full, "\n" + "\n".join(full)


def test_floors__no_file_is_a_drawer_for_odds_and_ends() -> None:
    drawers = [name for name in FILES if name.rsplit(".", 1)[-1] in {"utils", "util", "common", "helpers", "misc"}]
    assert not drawers, f"name the subject: {drawers}"
