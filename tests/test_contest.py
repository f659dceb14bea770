from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from ambergen.contest import contenders, decide, folder, write_champions
from ambergen.cost import Cost
from ambergen.report.evidence import read_evidence
from ambergen.runs.loop import SearchResult
from ambergen.runs.records import Finalist
from ambergen.spaces.architecture import Architecture
from ambergen.training.saving import write_model
from tests.simulated import SPACE

DRAWN = [SPACE.sample(np.random.default_rng(k)) for k in range(4)]


def result(scores: list[float | None]) -> SearchResult:
    finalists = tuple(
        Finalist(a, 0.5, s, None if s is not None else "died", Cost()) for a, s in zip(DRAWN, scores, strict=True)
    )
    return SearchResult(SPACE, DRAWN[0], finalists, (), Cost(100.0, 1000))


def trained(models: Path, architecture: Architecture, *scores: float | None) -> None:
    for k, score in enumerate(scores):
        record = {"best_epoch": 0, "n_epochs": 1, "selection_auroc": score, "cost": Cost(10.0, 7).to_dict()}
        write_model(folder(models, architecture, k), {}, {"provenance": {"training": record}})


def test_contenders__are_the_best_finalists_that_could_be_trained() -> None:
    assert contenders(result([0.8, 0.7, None, 0.6]), 3) == [DRAWN[0], DRAWN[1], DRAWN[3]]
    assert contenders(result([0.8, 0.7, None, 0.6]), 1) == [DRAWN[0]]


def test_decide__the_best_mean_over_seeds_wins_and_the_losers_are_paid_for(tmp_path: Path) -> None:
    trained(tmp_path, DRAWN[0], 0.80, 0.70)
    trained(tmp_path, DRAWN[1], 0.77, 0.78)
    trained(tmp_path, DRAWN[2], 0.60, 0.61)
    champion = decide(0, result([0.8, 0.7, 0.6, 0.5]), 3, 2, tmp_path)
    assert champion.architecture == DRAWN[1]
    assert list(champion.scores) == [DRAWN[1].id, DRAWN[0].id, DRAWN[2].id]
    assert champion.scores[DRAWN[0].id] == pytest.approx(0.75)
    assert champion.cost == Cost(140.0, 1028)


def test_decide__goes_by_the_objective_of_the_search(tmp_path: Path) -> None:
    for architecture, auroc, precision in zip(DRAWN, (0.8, 0.7), (0.2, 0.3), strict=False):
        scores = {"selection_auroc": auroc, "selection_average_precision": precision}
        record = {"best_epoch": 0, "n_epochs": 1, "cost": Cost(10.0, 7).to_dict(), **scores}
        write_model(folder(tmp_path, architecture, 0), {}, {"provenance": {"training": record}})
    finalists = result([0.8, 0.7, 0.6, 0.5])
    assert decide(0, finalists, 2, 1, tmp_path).architecture == DRAWN[0]
    champion = decide(0, finalists, 2, 1, tmp_path, "average_precision")
    assert champion.architecture == DRAWN[1]
    assert champion.scores == {DRAWN[1].id: 0.3, DRAWN[0].id: 0.2}


def test_decide__of_a_tie_the_better_finalist_wins(tmp_path: Path) -> None:
    for architecture in DRAWN[:2]:
        trained(tmp_path, architecture, None)  # a selection split that measures nothing
    assert decide(0, result([0.8, 0.7, 0.6, 0.5]), 2, 1, tmp_path).architecture == DRAWN[0]


def test_write_champions__reports_read_the_winner_for_good(tmp_path: Path) -> None:
    trained(tmp_path / "models", DRAWN[0], 0.70)
    trained(tmp_path / "models", DRAWN[1], 0.75)
    events = [
        {"event": "search_started", "search": 0},
        {"event": "search_finished", "search": 0, "winner": DRAWN[0].id, "architecture": DRAWN[0].to_dict()},
    ]
    (tmp_path / "events.jsonl").write_text("".join(json.dumps(e) + "\n" for e in events))
    assert read_evidence(tmp_path).searches[0].finished["winner"] == DRAWN[0].id
    write_champions(tmp_path, [decide(0, result([0.8, 0.7, 0.6, 0.5]), 2, 1, tmp_path / "models")])
    log = read_evidence(tmp_path).searches[0]
    assert log.finished["winner"] == DRAWN[1].id
    assert log.finished["architecture"] == DRAWN[1].to_dict()
    assert log.contest == {DRAWN[1].id: 0.75, DRAWN[0].id: 0.7}
