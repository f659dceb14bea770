from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from ambergen.report.evidence import Evidence, read_evidence
from ambergen.report.figures import (
    best_of_n_figure,
    cost_figure,
    curves_figure,
    models_figure,
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


def test_curves_training_and_cost_figures__have_labelled_axes(evidence: Evidence) -> None:
    assert {"false positive rate", "recall", "precision"} <= set(words(curves_figure(evidence.summary["curves"])))
    assert "mean AUROC, selection split" in words(training_figure(evidence.histories, {}))
    assert {"device time", "44 s (25%)"} <= set(words(cost_figure([("search", 132.0), ("k-mer regression", 44.0)])))
