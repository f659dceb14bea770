from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from ambergen.errors import InputError, StoreError
from ambergen.report.evidence import (
    SearchLog,
    compared_folders,
    group_events,
    last_ratings,
    read_evidence,
    read_summary,
)
from tests.report.conftest import write_audit


def test_read_evidence__finds_everything(simulated_run: Path) -> None:
    evidence = read_evidence(simulated_run)
    (log,) = evidence.searches
    assert log.started["method"] == "enas"
    assert (len(log.steps), len(log.trials), len(log.finalists)) == (30, 300, 5)
    assert log.finished["winner"] == log.finalists[0]["id"]
    assert evidence.scores is not None
    assert evidence.scores["track"].nunique() == 24
    assert all(seed in ("seed0", "seed1") for _, seed in evidence.histories)


def test_read_evidence__an_empty_directory_is_no_error(tmp_path: Path) -> None:
    evidence = read_evidence(tmp_path)
    assert evidence.searches == ()
    assert evidence.scores is None
    assert evidence.summary == evidence.provenance == {}


def test_read_evidence__a_missing_directory_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere: not a folder; expected a run directory.*out:"):
        read_evidence(tmp_path / "nowhere")


@pytest.mark.parametrize("name", ["compare.json", "provenance.json"])
def test_read_evidence__damaged_json_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text('{"models": [')
    with pytest.raises(StoreError, match=rf"{name}: not JSON .*Delete it and run the same command again"):
        read_evidence(tmp_path)


def test_read_evidence__damaged_parquet_is_named(tmp_path: Path) -> None:
    (tmp_path / "compare.parquet").write_text("half a file")
    with pytest.raises(StoreError, match=r"compare\.parquet: not a Parquet file"):
        read_evidence(tmp_path)


def test_read_evidence__an_audit_is_read_with_its_table(tmp_path: Path) -> None:
    write_audit(tmp_path)
    evidence = read_evidence(tmp_path)
    assert evidence.audit["n"] == 40
    assert evidence.audited is not None
    assert len(evidence.audited) == 40
    pd.DataFrame({"id": ["a"]}).to_parquet(tmp_path / "audit.parquet")
    with pytest.raises(StoreError, match=r"audit\.parquet: lacks the columns parameters, stand_alone"):
        read_evidence(tmp_path)


def test_read_evidence__parquet_with_other_columns_is_named(tmp_path: Path) -> None:
    pd.DataFrame({"model": ["searched"], "auroc": [0.8]}).to_parquet(tmp_path / "compare.parquet")
    with pytest.raises(StoreError, match="lacks the columns group, architecture, search"):
        read_evidence(tmp_path)


def test_read_evidence__a_torn_last_line_of_a_history_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "models" / "abc" / "seed0" / "history.jsonl"
    path.parent.mkdir(parents=True)
    path.write_text('{"epoch": 0, "loss": 1.0}\n{"epoch": 1, "lo')
    assert read_evidence(tmp_path).histories == {("abc", "seed0"): [{"epoch": 0, "loss": 1.0}]}
    path.write_text('{"epoch": 0\n{"epoch": 1}\n')
    with pytest.raises(StoreError, match=r"history\.jsonl: line 1 is not JSON"):
        read_evidence(tmp_path)


def test_group_events__parts_searches() -> None:
    events = [{"event": "trial", "search": 1, "trial": 0}, {"event": "trial", "search": 0, "trial": 0}]
    assert [log.number for log in group_events(events)] == [0, 1]


def test_last_ratings__are_those_of_the_highest_rung() -> None:
    def trial(number: int, score: float | None, rung: int = 0) -> dict[str, object]:
        return {"trial": number, "score": score, "rung": rung}

    flat = SearchLog(0, trials=[trial(0, 0.5), trial(1, None), trial(2, 0.7)])
    assert [t["trial"] for t in last_ratings(flat)] == [0, 2]
    ladder = SearchLog(0, trials=[trial(0, 0.5), trial(1, 0.6), trial(1, 0.8, 1), trial(0, None, 1), trial(2, 0.9)])
    assert [(t["trial"], t["score"]) for t in last_ratings(ladder)] == [(1, 0.8)]
    assert last_ratings(SearchLog(0)) == []


def test_read_summary__says_what_to_do_without_a_comparison(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no comparison found\. Run `ambergen compare`"):
        read_summary(tmp_path)


def test_compared_folders__one_for_all_seeds_of_a_network(tmp_path: Path) -> None:
    rows = [("searched", "searched", "abc"), ("searched", "searched", "abc"), ("gkm-SVM", "rival", "rival-gkm")]
    rows.append(("searched, ensemble of seeds", "ensemble", "abc"))
    pd.DataFrame(rows, columns=["model", "group", "architecture"]).to_parquet(tmp_path / "compare.parquet")
    assert compared_folders(tmp_path) == [
        ("searched", tmp_path / "models" / "abc"),
        ("gkm-SVM", tmp_path / "rivals" / "gkm"),
    ]
