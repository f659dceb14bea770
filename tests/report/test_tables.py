from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambergen.errors import InputError
from ambergen.report.evidence import read_evidence, read_summary
from ambergen.report.tables import (
    audit_rows,
    auroc_interval,
    comparison_json,
    comparison_table,
    cost_stages,
    flat,
    hint_table,
    model_rows,
    ordered_models,
    track_table,
)
from tests.report.conftest import write_audit


def test_comparison_table__columns_are_aligned_and_every_model_is_there(simulated_run: Path) -> None:
    text = comparison_table(simulated_run)
    lines = text.split("\n\n")[1].splitlines()
    assert len({len(line) for line in lines}) == 1
    for model in read_summary(simulated_run)["models"]:
        assert any(line.startswith(model["model"]) for line in lines)
    assert "sampled, mean of 5" in text
    assert "With one search no p-value can be given" in text
    assert text.startswith("Numbers are from the test split")


def test_comparison_json__is_the_summary_without_curves(simulated_run: Path) -> None:
    record = json.loads(comparison_json(simulated_run))
    assert "curves" not in record
    assert record["models"] == read_summary(simulated_run)["models"]


def test_comparison_table__without_a_comparison_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Run `ambergen compare`"):
        comparison_table(tmp_path)


def test_ordered_models__searched_first_then_by_score(simulated_run: Path) -> None:
    models = ordered_models(read_summary(simulated_run))
    assert models[0]["group"] == "searched"
    assert models[-1]["group"] == "kmer"
    sampled = [m["auroc"]["mean"] for m in models if m["group"] == "sampled"]
    assert sampled == sorted(sampled, reverse=True)


def test_ordered_models__a_model_without_a_score_stands_last_in_its_group() -> None:
    models = [{"model": "a", "group": "sampled", "auroc": {"mean": None}},
              {"model": "b", "group": "sampled", "auroc": {"mean": 0.6}}]  # fmt: skip
    assert [m["model"] for m in ordered_models({"models": models})] == ["b", "a"]


def test_model_rows__a_group_of_several_ends_with_its_mean(simulated_run: Path) -> None:
    rows = model_rows(read_summary(simulated_run))
    (mean,) = [row for row in rows if row.is_mean]
    assert mean.name == "sampled, mean of 5"
    assert rows[rows.index(mean) - 1].group == "sampled"


def test_track_table__architectures_weigh_the_same_whatever_their_seeds(simulated_run: Path) -> None:
    scores = read_evidence(simulated_run).scores
    assert scores is not None
    one_seed_less = scores[~((scores["model"] == "sampled 1") & (scores["seed"] == 1))]
    track = "RAP1"
    rows = one_seed_less[(one_seed_less["group"] == "sampled") & (one_seed_less["track"] == track)]
    expected = np.mean([rows[rows["architecture"] == a]["auroc"].mean() for a in rows["architecture"].unique()])
    assert track_table(one_seed_less, 10).auroc.loc[track, "sampled (mean)"] == pytest.approx(expected)


def test_track_table__best_first_and_left_out_tracks_last(simulated_run: Path) -> None:
    scores = read_evidence(simulated_run).scores
    assert scores is not None
    table = track_table(scores, minimum=10)
    assert table.own == "searched"
    used = table.counts["used"]
    assert list(table.counts.index[~used]) == list(table.counts.index[-(~used).sum() :])
    assert table.auroc.loc[used, "searched"].is_monotonic_decreasing
    assert (table.low <= table.high).all()
    assert list(hint_table(table).index) == list(table.auroc.index)


@given(st.floats(0.01, 0.99), st.integers(1, 10_000), st.integers(1, 10_000))
def test_auroc_interval__holds_the_score_and_shrinks_with_windows(auroc: float, positives: int, negatives: int) -> None:
    def interval(factor: int) -> tuple[float, float]:
        low, high = auroc_interval(np.array([auroc]), np.array([positives * factor]), np.array([negatives * factor]))
        return low[0], high[0]

    low, high = interval(1)
    assert 0 <= low <= auroc <= high <= 1
    narrow = interval(4)
    assert narrow[1] - narrow[0] <= high - low


def test_auroc_interval__covers_the_truth_as_often_as_it_says() -> None:
    # normal scores one standard deviation apart: AUROC 0.7602
    rng = np.random.default_rng(0)
    positives, negatives = rng.normal(1, 1, (2000, 60)), rng.normal(0, 1, (2000, 200))
    auroc = (positives[:, :, None] > negatives[:, None, :]).mean((1, 2))
    low, high = auroc_interval(auroc, np.full(2000, 60), np.full(2000, 200))
    assert 0.93 < ((low <= 0.76025) & (high >= 0.76025)).mean() < 0.975


def test_cost_stages__add_up_to_searches_and_trainings(simulated_run: Path) -> None:
    evidence = read_evidence(simulated_run)
    stages = dict(cost_stages(evidence))
    search = sum(seconds for label, seconds in stages.items() if label.startswith("search"))
    assert search == pytest.approx(evidence.searches[0].finished["cost"]["device_seconds"])
    assert stages["final training of the searched"] == pytest.approx(2 * 131)


def test_audit_rows__have_shared_weights_first_and_dashes_where_there_is_nothing(
    simulated_run: Path, tmp_path: Path
) -> None:
    write_audit(tmp_path)
    evidence = read_evidence(tmp_path)
    rows = audit_rows(evidence.audit)
    assert [r.name for r in rows] == ["shared weights", "number of parameters", "ZiCo", "NASWOT"]
    assert [r.is_shared for r in rows] == [True, False, False, False]
    first, size, zico, naswot = rows
    assert (first.tau, first.tau_interval, first.partial) == ("+0.62", "+0.42 to +0.77", "+0.48")
    assert (first.p, first.precision, first.precision_interval, first.regret) == ("5e-04", "62%", "25%–88%", "0.00400")
    assert (size.partial, size.partial_interval) == ("–", "")
    assert (zico.tau, zico.tau_interval) == ("−0.11", "−0.31 to +0.04")
    assert (naswot.tau, naswot.tau_interval, naswot.p) == ("–", "", "–")
    assert dict(cost_stages(evidence)) == {"ranking audit": 400.0}
    assert "ranking audit" not in dict(cost_stages(read_evidence(simulated_run)))


def test_flat__names_nested_values_by_their_path() -> None:
    assert flat({"a": {"b": 1, "c": [1, 2]}, "d": None, "e": [{"f": 2}]}) == [
        ("a.b", "1"), ("a.c", "1, 2"), ("d", "none"), ("e.0.f", "2"),
    ]  # fmt: skip
