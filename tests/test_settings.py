from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ambergen.budgets import Budget
from ambergen.errors import ConfigError
from ambergen.settings import (
    Section,
    build,
    differences,
    dotted,
    model_of,
    parse_document,
    plain_data,
    read_document,
    validate,
)


@dataclass(frozen=True)
class Cake:
    layers: int
    sizes: tuple[int, ...] = (3, 2, 1)
    cream: Literal["sweet", "sour"] = "sweet"
    time: Budget = field(default_factory=lambda: Budget(60, "seconds"))
    share: float | Literal["all"] = 0.5

    def __post_init__(self) -> None:
        if self.layers < 1:
            raise ConfigError(f"layers is {self.layers}; expected at least 1.")


class Kitchen(Section):
    cake: model_of(Cake)  # type: ignore[valid-type]
    cakes: list[model_of(Cake)] = []  # type: ignore[valid-type]


def write(folder: Path, text: str) -> Path:
    path = folder / "kitchen.yaml"
    path.write_text(text)
    return path


def test_document__knows_the_line_of_every_key() -> None:
    document = parse_document("a:\n  b: 1\n  c:\n    - x\n    - y\n", Path("a.yaml"))
    assert document.tree == {"a": {"b": 1, "c": ["x", "y"]}}
    assert [document.line(k) for k in (("a",), ("a", "b"), ("a", "c", 1), ("a", "b", "deeper"))] == [1, 2, 5, 2]


keys = st.text("abcdef", min_size=1, max_size=4)
trees = st.dictionaries(
    keys, st.recursive(st.integers() | st.booleans(), lambda t: st.lists(t) | st.dictionaries(keys, t))
)


@given(trees)
def test_document__is_what_yaml_reads(tree: dict) -> None:
    text = yaml.safe_dump(tree)
    assert parse_document(text, Path("a.yaml")).tree == yaml.safe_load(text)


def test_document__refuses_a_key_that_stands_twice() -> None:
    with pytest.raises(ConfigError, match=r"a\.yaml, line 1, b: the key stands twice, also in line 3"):
        parse_document("b: 1\nc: 2\nb: 3\n", Path("a.yaml"))


def test_document__says_where_it_is_not_yaml() -> None:
    with pytest.raises(ConfigError, match=r"a\.yaml, line 2, column 1: not YAML.*Indent with spaces, never tabs"):
        parse_document("a:\n\tb: 1\n", Path("a.yaml"))


def test_document__refuses_a_list_at_the_top() -> None:
    with pytest.raises(ConfigError, match="expected keys like 'data:'"):
        parse_document("- 1\n", Path("a.yaml"))


def test_document__says_that_a_file_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no\.yaml: cannot read the run file: No such file"):
        read_document(tmp_path / "no.yaml")


def test_override__replaces_one_key_and_makes_missing_ones(tmp_path: Path) -> None:
    path = write(tmp_path, "cake: {layers: 3, cream: sweet}\n")
    document = read_document(path, ["cake.layers=5", "oven.heat=[1, 2]"])
    assert document.tree == {"cake": {"layers": 5, "cream": "sweet"}, "oven": {"heat": [1, 2]}}
    assert document.where(("cake", "layers")) == "--set cake.layers=5"
    assert document.where(("oven", "heat", 1)) == "--set oven.heat=[1, 2]"
    assert document.where(("cake", "cream")) == "line 1, cake.cream"
    assert document.where(("oven",)) == "--set oven.heat=[1, 2]"
    assert document.where(("cake",)) == "line 1, cake"


def test_override__needs_a_key_and_a_value(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"--set budget: expected key=value, for example --set search\.budget=2h"):
        read_document(write(tmp_path, "a: 1\n"), ["budget"])


def test_variables__are_expanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLOUR", "/store/flour")
    assert read_document(write(tmp_path, "a: ${FLOUR}/fine\n")).tree == {"a": "/store/flour/fine"}


def test_variables__that_are_not_set_are_named_with_a_remedy(tmp_path: Path) -> None:
    path = write(tmp_path, "data:\n  genome: ${NO_SUCH_FOLDER}/x.fa\n")
    with pytest.raises(ConfigError, match=r"line 2, data\.genome: .*NO_SUCH_FOLDER.*Set it.*--set data\.genome="):
        read_document(path)


def test_variables__of_an_overridden_key_do_not_matter(tmp_path: Path) -> None:
    path = write(tmp_path, "data:\n  genome: ${NO_SUCH_FOLDER}/x.fa\n")
    assert read_document(path, ["data.genome=x.fa"]).tree == {"data": {"genome": "x.fa"}}


def cake(text: str) -> Cake:
    document = parse_document(text, Path("a.yaml"))
    model = validate(document, Kitchen)
    return build(document, ("cake",), Cake, dict(model.cake))  # type: ignore[attr-defined]


def test_model__has_the_defaults_of_the_dataclass() -> None:
    assert cake("cake: {layers: 2}") == Cake(2)


def test_model__round_trips_through_plain_data() -> None:
    whole = Cake(4, (1,), "sour", Budget(20, "epochs"), "all")
    assert cake(yaml.safe_dump({"cake": plain_data(whole)})) == whole


def test_model__takes_one_item_for_a_list_and_numbers_that_yaml_leaves_as_text() -> None:
    assert cake("cake: {layers: 2, sizes: 4, share: 1e-3}") == Cake(2, sizes=(4,), share=1e-3)


def test_validate__tells_all_faults_with_line_and_key() -> None:
    text = "cake:\n  layers: many\n  creme: sour\n  cream: salty\n  time: 3 moons\ncakes:\n  - layers: 1\n  - size: 3\n"
    with pytest.raises(ConfigError) as caught:
        cake(text)
    lines = str(caught.value).splitlines()
    assert lines[0] == "a.yaml has 6 faults:"
    assert "line 2, cake.layers: found 'many'; expected a whole number." in lines[1]
    assert "line 3, cake.creme: 'creme' is unknown. Did you mean 'cream'? Known: layers, sizes, cream, time" in lines[2]
    assert "line 4, cake.cream: found 'salty'; expected 'sweet' or 'sour'" in lines[3]
    assert "line 5, cake.time: '3 moons' has the unknown unit 'moons'" in lines[4]
    assert any("line 8, cakes[1].size: 'size' is unknown. Did you mean 'sizes'?" in line for line in lines)
    assert any("cakes[1].layers: the key is missing" in line for line in lines)


def test_validate__tells_what_a_section_holds_when_it_is_none() -> None:
    with pytest.raises(ConfigError, match="found 7; expected keys: layers, sizes, cream, time, share"):
        cake("cake: 7")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("layers: 1.5", "found 1.5; expected a whole number."),
        ("layers: 10k", "found '10k'; expected a whole number."),
        ("layers: 1, sizes: {a: 1}", "found {'a': 1}; expected a list."),
        ("layers: 1, share: much", "found 'much'; expected a number or 'all'."),
        ("layers: 1, share: .inf", "found inf; expected a finite number or 'all'."),
    ],
)
def test_validate__speaks_of_numbers_and_lists_not_of_types(value: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        cake(f"cake: {{{value}}}")
    assert str(caught.value).endswith(words)


def test_build__adds_the_place_to_what_a_dataclass_refuses() -> None:
    with pytest.raises(ConfigError, match=r"a\.yaml, line 1, cake.layers: layers is 0; expected at least 1"):
        cake("cake: {layers: 0}")


def test_dotted__is_how_a_user_writes_a_key() -> None:
    assert dotted(("data", "tracks", 3, "peaks")) == "data.tracks[3].peaks"


def test_differences__name_the_key_at_any_depth() -> None:
    assert list(differences({"a": {"b": 1}, "c": 2}, {"a": {"b": 2}, "d": 3})) == [
        ("a.b", 1, 2),
        ("c", 2, None),
        ("d", None, 3),
    ]
