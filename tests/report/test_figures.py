from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from ambergen.report.drawing import operation_label
from ambergen.report.evidence import Evidence, SearchLog, group_events, read_evidence
from ambergen.report.figures import (
    COLOURS,
    audit_figure,
    best_of_n_figure,
    cost_figure,
    curves_figure,
    front_figure,
    has_policy,
    heat_map_figure,
    models_figure,
    operations_figure,
    policy_figure,
    rewards_figure,
    tracks_figure,
    training_figure,
)
from ambergen.report.tables import track_table
from ambergen.spaces.operations import AMBER_OPERATIONS

NAMES = [o.name for o in AMBER_OPERATIONS]


@pytest.fixture(scope="module")
def evidence(simulated_run: Path) -> Evidence:
    return read_evidence(simulated_run)


def words(svg: str) -> list[str]:
    return [e.text or "" for e in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]


def test_svg__is_one_small_element_with_a_title_and_real_text(evidence: Evidence) -> None:
    svg = models_figure(evidence.summary, "auroc")
    assert svg.startswith("<svg viewBox=")
    assert "<title>Mean AUROC of every model with its interval</title>" in svg
    assert {"searched", "DeepSEA ×0.25", "k-mer regression"} <= set(words(svg))
    assert len(svg) < 30_000
    assert "DejaVu" not in svg
    assert not re.search(r' id="axes_\d', svg)


def test_svg__is_the_same_every_time(evidence: Evidence) -> None:
    assert models_figure(evidence.summary, "auroc") == models_figure(evidence.summary, "auroc")


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


def test_models_figure__many_sampled_models_share_a_row() -> None:
    score = {"mean": 0.8, "low": None, "high": None}
    models = [{"model": f"sampled {k}", "group": "sampled", "auroc": score} for k in range(40)]
    shown = words(models_figure({"models": models}, "auroc"))
    assert "sampled, all 40" in shown
    assert "sampled 7" not in shown


def test_tracks_figure__names_every_track_that_has_a_score(evidence: Evidence) -> None:
    assert evidence.scores is not None
    table = track_table(evidence.scores, 10)
    shown = words(tracks_figure(table))
    assert set(table.counts.index[table.counts["used"]]) <= set(shown)
    assert not set(table.counts.index[~table.counts["used"]]) & set(shown)


def test_tracks_figure__names_are_text_and_never_formulas(evidence: Evidence) -> None:
    assert evidence.scores is not None
    odd = evidence.scores.replace({"track": {"RAP1": "a$b_1$ <i>&"}})
    assert "a$b_1$ <i>&" in words(tracks_figure(track_table(odd, 10)))


def test_tracks_figure__919_tracks_stay_readable_and_small(evidence: Evidence) -> None:
    assert evidence.scores is not None
    one = evidence.scores[evidence.scores["track"] == "RAP1"]
    rng = np.random.default_rng(0)
    many = one.loc[one.index.repeat(919)].copy()
    many["track"] = np.tile([f"track {k}" for k in range(919)], len(one))
    many["auroc"] = rng.uniform(0.5, 1, len(many))
    svg = tracks_figure(track_table(many, 10))
    assert "tracks, every line sorted by itself" in words(svg)
    assert any(re.fullmatch(r"higher on \d+% of tracks", w) for w in words(svg))
    assert len(svg) < 200_000


def test_best_of_n_figure__names_both_ends_and_the_search(evidence: Evidence) -> None:
    shown = words(best_of_n_figure(evidence.summary["best_of_n"]))
    assert {"n = 1", "n = 5", "searched model", "20 min"} <= set(shown)
    assert "5 min 00 s" not in shown


def test_best_of_n_figure__works_without_costs_or_search() -> None:
    shown = words(best_of_n_figure({"n": [1, 2], "expected": [0.7, 0.72]}))
    assert "sampled networks" in shown


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


def test_curves_training_and_cost_figures__have_labelled_axes(evidence: Evidence) -> None:
    assert {"false positive rate", "recall", "precision"} <= set(words(curves_figure(evidence.summary["curves"])))
    assert "mean AUROC, selection split" in words(training_figure(evidence.histories, {}))
    assert {"device time", "44 s (25%)"} <= set(words(cost_figure([("search", 132.0), ("k-mer regression", 44.0)])))
