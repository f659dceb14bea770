from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambergen.errors import StoreError
from ambergen.runs.events import EventLog, read_events


def event(trial: int, **more: object) -> dict[str, object]:
    return {"event": "trial", "search": 0, "step": 0, "trial": trial, "id": "a", **more}


def test_append__what_is_written_is_read_back(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "events.jsonl")
    for trial in range(3):
        log.append(event(trial, score=trial / 3))
    assert [e["trial"] for e in read_events(log.path)] == [0, 1, 2]
    assert EventLog(log.path).find(trial=2)[0]["score"] == 2 / 3


def test_append__an_event_is_kept_as_it_was_first_written(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "events.jsonl")
    log.append(event(0, score=0.5))
    assert EventLog(log.path).append(event(0, score=0.9))["score"] == 0.5
    assert len(list(read_events(log.path))) == 1


@given(cut=st.integers(min_value=1, max_value=40))
def test_open__a_torn_last_line_is_removed(tmp_path_factory: pytest.TempPathFactory, cut: int) -> None:
    path = tmp_path_factory.mktemp("log") / "events.jsonl"
    log = EventLog(path)
    log.append(event(0))
    log.append(event(1, text="x" * 40))
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])
    assert [e["trial"] for e in read_events(path)] == [0]
    EventLog(path).append(event(1, text="x" * 40))
    assert path.read_bytes() == whole


def test_read__a_damaged_line_is_named(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text(json.dumps(event(0)) + "\nnot json\n" + json.dumps(event(1)) + "\n")
    with pytest.raises(StoreError, match=r"events.jsonl, line 2: 'not json' is not an event.*restore it"):
        list(read_events(path))


def test_append__refuses_numbers_that_json_cannot_hold(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "events.jsonl")
    with pytest.raises(ValueError, match="JSON compliant"):
        log.append(event(0, score=float("nan")))
    assert not log.path.exists() or log.path.read_text() == ""
