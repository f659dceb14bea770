"""The program under torchrun: one search, one output, and all ranks end together."""

from __future__ import annotations

import json
from pathlib import Path

from tests.ranks import end, start_ranks


def test_search__of_two_ranks_is_written_by_rank_0_alone(project: Path) -> None:
    words = ["-m", "ambergen", "search", str(project / "run.yaml"), "--json"]
    (status, out, messages), (other_status, other_out, other_messages) = end(start_ranks(*words))
    assert (status, other_status) == (0, 0), messages + other_messages
    assert len([finalist for finalist in json.loads(out)["finalists"] if finalist["winner"]]) == 1
    assert other_out == ""
    assert "Error" not in other_messages
    events = [json.loads(line) for line in (project / "out" / "events.jsonl").read_text().splitlines()]
    numbers = [e["trial"] for e in events if e["event"] == "trial"]
    assert numbers == list(range(6))
    # A step of 64 windows is one of both processes together.
    assert [e["supernet_steps"] for e in events if e["event"] == "step"] == [3, 6]


def test_mistakes__end_all_ranks_and_are_told_once() -> None:
    (status, _, messages), (other_status, _, other_messages) = end(
        start_ranks("-m", "ambergen", "search", "absent.yaml")
    )
    assert (status, other_status) == (2, 0)
    assert "absent.yaml" in messages
    assert "absent.yaml" not in other_messages
