from __future__ import annotations

from pathlib import Path

import pytest

from ambergen.errors import ConfigError, RunError, StoreError
from ambergen.stages import StageBook, alone


def test_stage__is_current_when_it_was_done_with_the_same_inputs(tmp_path: Path) -> None:
    book = StageBook(tmp_path)
    assert not book.is_current("build", {"a": (1, 2)})
    book.begin("build", {"a": (1, 2)})
    assert not book.is_current("build", {"a": (1, 2)})
    book.finish("build")
    again = StageBook(tmp_path)
    assert again.is_current("build", {"a": (1, 2)})
    assert not again.is_current("build", {"a": (1, 3)})
    assert set(again.done()) == {"build"}


def test_stage__that_leaves_something_refuses_other_settings(tmp_path: Path) -> None:
    log = tmp_path / "events.jsonl"
    book = StageBook(tmp_path)
    book.begin("search", {"space": {"width": 32, "layers": 6}, "store": "abc"})
    book.refuse_others("search", {"space": {"width": 24, "layers": 6}}, log)
    log.touch()
    book.refuse_others("search", {"space": {"width": 32, "layers": 6}}, log)
    with pytest.raises(ConfigError, match=r"space\.width was 32 and is now 24.*another folder.*remove .*events\.jsonl"):
        book.refuse_others("search", {"space": {"width": 24, "layers": 6}}, log)


def test_stage__that_leaves_nothing_begins_anew(tmp_path: Path) -> None:
    book = StageBook(tmp_path)
    book.begin("report", {"a": 1})
    book.finish("report")
    book.begin("report", {"a": 2})
    assert book.done() == {}


def test_book__refuses_a_damaged_record(tmp_path: Path) -> None:
    (tmp_path / "stages.json").write_text('{"build": 3}')
    with pytest.raises(StoreError, match="It is damaged; remove it"):
        StageBook(tmp_path)


def test_alone__refuses_a_second_run_in_the_folder(tmp_path: Path) -> None:
    with alone(tmp_path / "out"), pytest.raises(RunError, match="another ambergen is at work"), alone(tmp_path / "out"):
        pass
    with alone(tmp_path / "out"):
        pass
