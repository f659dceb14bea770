from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ambergen.errors import ConfigError, SpaceError, StoreError
from ambergen.evaluators.tabular import CURVES, Table, TabularEvaluator
from ambergen.spaces.architecture import Architecture
from tests.tables import SPACE, made_up_table


@pytest.fixture(scope="module")
def table() -> Table:
    return made_up_table(noise=0.01)


def test_table__finds_every_architecture_at_its_row(table: Table) -> None:
    assert [table.index(a) for a in table.architectures] == list(range(SPACE.size))


def test_table__gives_the_numbers_of_an_architecture(table: Table) -> None:
    architecture = table.architectures[40]
    assert table.score(architecture, 2, 3) == pytest.approx(table.auroc[40, 2, 2])
    assert table.score(architecture, 0, objective="average_precision") == pytest.approx(
        table.average_precision[40, 0, -1]
    )
    assert table.cost(architecture, 1, 2).device_seconds == pytest.approx(table.seconds[40, 1, :2].sum())
    assert table.value()[40] == pytest.approx(table.selection_auroc[40, :, -1].mean())


def test_table__is_read_as_it_was_written(table: Table, tmp_path: Path) -> None:
    path = tmp_path / "tables" / "made_up.npz"
    table.save(path)
    again = Table.open(path)
    assert again.space == table.space
    assert again.facts == table.facts
    for name in ("tokens", "parameters", "multiply_adds", *CURVES):
        np.testing.assert_array_equal(getattr(again, name), getattr(table, name))
    assert [p.name for p in path.parent.iterdir()] == ["made_up.npz"]


def test_table__damaged_or_absent_files_are_named(table: Table, tmp_path: Path) -> None:
    path = tmp_path / "table.npz"
    with pytest.raises(StoreError, match=r"table\.npz: no such table"):
        Table.open(path)
    path.write_bytes(b"not a zip file at all")
    with pytest.raises(StoreError, match=r"table\.npz: not a table of trainings .* Make it anew"):
        Table.open(path)
    table.save(path)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(StoreError, match="not a table of trainings"):
        Table.open(path)


def test_table__of_another_format_says_so(table: Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("ambergen.evaluators.tabular.FORMAT", 7)
        table.save(tmp_path / "table.npz")
    with pytest.raises(StoreError, match="a table of format 7; expected 1"):
        Table.open(tmp_path / "table.npz")


def test_table__has_a_row_for_every_architecture(table: Table) -> None:
    with pytest.raises(StoreError, match=r"tokens have the shape .342, 3. .* expected .343, 3."):
        replace(table, tokens=table.tokens[1:])
    doubled = table.tokens.copy()
    doubled[0] = doubled[1]
    with pytest.raises(StoreError, match="342 distinct rows"):
        replace(table, tokens=doubled)
    holed = table.auroc.copy()
    holed[3, 0, 0] = np.nan
    with pytest.raises(StoreError, match=r"auroc .* holds nan"):
        replace(table, auroc=holed)


def test_table__says_what_it_has(table: Table) -> None:
    architecture = table.architectures[0]
    with pytest.raises(ConfigError, match="epochs is 5; expected 1 to 4"):
        table.score(architecture, 0, 5)
    with pytest.raises(ConfigError, match="seed is 3; expected 0 to 2"):
        table.cost(architecture, 3)
    with pytest.raises(SpaceError, match="2 layers; this space has 3"):
        table.index(Architecture(("conv8", "conv8"), ((), ())))


def test_evaluator__sees_one_training_of_an_architecture(table: Table) -> None:
    evaluator = TabularEvaluator(table, seed=5, epochs=2)
    for architecture in table.architectures[::50]:
        rating = evaluator.rating(architecture)
        assert rating == evaluator.rating(architecture)
        assert rating.score == table.score(architecture, evaluator.training(architecture), 2)
        assert rating.cost == table.cost(architecture, evaluator.training(architecture), 2)


def test_evaluator__searches_see_all_trainings_about_as_often(table: Table) -> None:
    seen = [TabularEvaluator(table, seed).training(table.architectures[9]) for seed in range(300)]
    counts = np.bincount(seen, minlength=3)
    # 99.99% of Binomial(300, 1/3) lies within
    assert counts.min() > 65
    assert counts.max() < 135
