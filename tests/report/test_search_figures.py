from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from ambergen.report.canvas import COLOURS
from ambergen.report.drawing import operation_label
from ambergen.report.evidence import Evidence, SearchLog, group_events, read_evidence
from ambergen.report.search_figures import (
    audit_figure,
    front_figure,
    has_policy,
    heat_map_figure,
    operations_figure,
    policy_figure,
    rewards_figure,
)
from ambergen.spaces.operations import AMBER_OPERATIONS

NAMES = [o.name for o in AMBER_OPERATIONS]


@pytest.fixture(scope="module")
def evidence(simulated_run: Path) -> Evidence:
    return read_evidence(simulated_run)


def words(svg: str) -> list[str]:
    return [e.text or "" for e in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]


def test_svg__every_reference_has_its_target(evidence: Evidence) -> None:
    svg = rewards_figure(evidence.searches)
    targets = set(re.findall(r'id="([^"]+)"', svg))
    assert set(re.findall(r'href="#([^"]+)"', svg)) | set(re.findall(r"url\(#([^)]+)\)", svg)) <= targets


def test_front_figure__shows_those_that_none_beats_in_both() -> None:
    sizes, scores = [100, 200, 400, 800, 200], [0.6, 0.7, 0.65, 0.8, 0.7]
    trials = [
        {"trial": k, "id": str(k), "score": score, "parameters": size, "rung": 0}
        for k, (size, score) in enumerate(zip(sizes, scores, strict=True))
    ]
    log = SearchLog(0, trials=trials, finished={"winner": "3"})
    svg = front_figure(log, "parameters")
    assert {"parameters", "reward", "winner", "one candidate"} <= set(words(svg))
    # Three marks of the front, each drawn by reference: 100, 200 and 800 parameters.
    assert len(re.findall(rf"fill: {COLOURS['expert'].lower()}", svg)) >= 3
    assert "winner" not in words(front_figure(SearchLog(0, trials=trials), "parameters"))


def test_heat_map__shows_what_is_preferred_in_the_end(evidence: Evidence) -> None:
    last = np.array([s["operation_probability"] for s in evidence.searches[0].steps[-3:]]).mean(0)
    cells = [w for w in words(heat_map_figure(evidence.searches, NAMES)) if w.startswith(".")]
    assert cells == [f"{v:.2f}".lstrip("0") for v in last.ravel()]


def test_figures__leave_out_what_a_layer_cannot_be(evidence: Evidence) -> None:
    table = np.array(evidence.searches[0].steps[-1]["operation_probability"])
    choices = [NAMES[: 2 + layer % 2] for layer in range(len(table))]
    cells = [w for w in words(heat_map_figure(evidence.searches, NAMES, choices)) if w.startswith(".")]
    assert len(cells) == sum(map(len, choices)) < table.size
    shown = words(operations_figure(evidence.searches, NAMES, choices))
    assert {operation_label(name) for name in NAMES} <= set(shown)  # the legend has all


def test_policy__is_missing_where_the_method_has_none() -> None:
    steps = [{"event": "step", "search": 0, "step": 0, "entropy": None, "skip_density": 0.4}]
    logs = group_events(steps)
    assert not has_policy(logs)
    assert "share of skip connections" in words(policy_figure(logs))


def test_rewards_figure__thousands_of_trials_become_pixels() -> None:
    trials = [{"trial": k, "step": k // 100, "score": 0.7 + (k % 13) / 100} for k in range(20_000)]
    svg = rewards_figure([SearchLog(0, trials=trials)])
    assert "data:image/png;base64" in svg
    assert len(svg) < 1_500_000


def test_rewards_figure__every_search_has_its_panel(evidence: Evidence) -> None:
    logs = [SearchLog(k, trials=evidence.searches[0].trials[:40]) for k in range(3)]
    assert {"search 1", "search 2", "search 3"} <= set(words(rewards_figure(logs)))


def test_audit_figure__names_both_axes_and_the_sizes_at_the_ends() -> None:
    frame = pd.DataFrame(
        {"score": [0.6, 0.7, 0.65], "stand_alone": [0.7, 0.8, 0.75], "parameters": [900, 12_000, 10**6]}
    )
    svg = audit_figure(frame, "score", ("AUROC with shared weights", "AUROC alone"))
    assert {"AUROC with shared weights", "AUROC alone", "parameters", "900", "12.0 k", "1.00 M"} <= set(words(svg))
    assert len(svg) < 40_000


def test_audit_figure__networks_of_one_size_are_drawn_too() -> None:
    frame = pd.DataFrame({"score": [0.6, 0.7], "stand_alone": [0.7, 0.8], "parameters": [900, 900]})
    assert words(audit_figure(frame, "score", ("a", "b"))).count("900") == 1
