"""The summary from simulated measures: every figure is counted again by hand."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from ambergen.cost import Cost
from ambergen.metrics.ranking import Ranking
from ambergen.spaces.architecture import Architecture
from ambergen.validation.entrants import Entrant, Winner
from ambergen.validation.scoring import Scored, Searched
from ambergen.validation.summary import Failure, Findings, Measured, long_table, summarise, told
from ambergen.validation.verdict import sentences

TRACKS = ("a", "b", "rare")
POSITIVES, NEGATIVES = np.array([50, 60, 4]), np.array([150, 140, 196])


def scored(level: float, rng: np.random.Generator, seconds: float = 10.0) -> Scored:
    """A model whose mean AUROC on the two tracks that count is `level`."""

    def split(shift: float) -> Ranking:
        auroc = np.array([level - 0.01 + shift, level + 0.01 + shift, 0.1])
        return Ranking(auroc, auroc / 2, POSITIVES, NEGATIVES)

    influence = rng.normal(0, 0.002, 20)
    influence -= influence.mean()
    return Scored(split(0), split(-0.02), {"auroc": influence, "average_precision": influence / 2}, Cost(seconds, 100))


def entrant(name: str, group: str, seeds: int, search: int | None = None) -> Entrant:
    folders = tuple(Path(f"{name}/seed{k}") for k in range(seeds))
    return Entrant(name, group, f"id of {name}", "child", {}, folders, search, 1000, 5000)


def findings(searched: Sequence[float], sampled: Sequence[float], seeds: int = 2, sd: float = 0.004) -> Findings:
    """Models with these levels, moved by a seed."""
    rng = np.random.default_rng(0)
    measured = []
    for group, levels in (("searched", searched), ("sampled", sampled), ("expert", [0.8])):
        for k, level in enumerate(levels):
            models = {s: scored(level + sd * (s - (seeds - 1) / 2), rng) for s in range(seeds)}
            search = k if group == "searched" else None
            measured.append(Measured(entrant(f"{group} {k + 1}", group, seeds, search), models))
    winners = tuple(Winner(Architecture(("conv4",), ((),)), k, Cost(100.0)) for k in range(len(searched)))
    ensembles = {f"searched {k + 1}": Searched(scored(level + 0.01, rng), {}) for k, level in enumerate(searched)}
    return Findings(TRACKS, 200, winners, tuple(measured), ensembles, ())


def test_summary__means_are_over_tracks_with_enough_labels_then_over_seeds() -> None:
    summary = summarise(findings([0.85], [0.83, 0.84]), 0)
    assert summary["tracks"]["used"] == 2
    assert summary["tracks"]["undefined"][0]["track"] == "rare"
    by_name = {m["model"]: m for m in summary["models"]}
    assert by_name["searched 1"]["auroc"]["mean"] == pytest.approx(0.85)
    assert by_name["searched 1"]["auroc"]["seed_sd"] == pytest.approx(np.std([0.848, 0.852], ddof=1))
    assert by_name["searched 1"]["average_precision"]["mean"] == pytest.approx(0.425)
    low, high = by_name["searched 1"]["auroc"]["low"], by_name["searched 1"]["auroc"]["high"]
    assert low < 0.85 < high


def test_summary__an_ensemble_has_its_own_row_and_leaves_the_searched_figure_alone() -> None:
    summary = summarise(findings([0.85], [0.83]), 0)
    by_name = {m["model"]: m for m in summary["models"]}
    ensemble = by_name["searched 1, ensemble of seeds"]
    assert (ensemble["group"], ensemble["parameters"]) == ("ensemble", 2000)
    assert ensemble["auroc"]["mean"] == pytest.approx(0.86)
    assert [g["auroc"]["mean"] for g in summary["groups"] if g["group"] == "searched"] == pytest.approx([0.85])
    assert "ensemble" not in {m["group"] for m in summarise(findings([0.85], [0.83], seeds=1), 0)["models"]}


def test_summary__one_search_gives_no_p_value_and_says_so() -> None:
    summary = summarise(findings([0.85], [0.83, 0.84, 0.82]), 0)
    test = summary["tests"][0]
    assert (test["a"], test["b"], test["p"], test["n_a"], test["n_b"]) == ("searched", "sampled", None, 1, 3)
    assert test["difference"] == pytest.approx(0.02)
    assert "one search is one architecture" in test["reason"]
    said = sentences(summary)
    assert said[0] == (
        "Searched models beat sampled ones by 0.020 mean AUROC (0.850 against 0.830, s.d. 0.010; 3 sampled "
        "architectures, 1 search), which is +2.4 % of the average random architecture; with one search no p-value can "
        "be given."
    )


def test_summary__several_searches_are_tested_over_architectures() -> None:
    summary = summarise(findings([0.85, 0.86, 0.87, 0.88, 0.89], [0.80, 0.81, 0.82, 0.83, 0.84]), 0)
    first, second = summary["tests"][:2]
    assert (first["metric"], second["metric"]) == ("auroc", "average_precision")
    # All of five above all of five: two of the C(10, 5) = 252 arrangements are as extreme.
    assert first["p"] == pytest.approx(2 / 252)
    assert first["p_adjusted"] == pytest.approx(4 / 252)
    assert first["cliffs_delta"] == 1
    assert first["difference"] == pytest.approx(0.05)
    assert first["low"] < 0.05 < first["high"]
    assert "; significant with 5 against 5 architectures (Mann-Whitney, p = 0.016, corrected)." in sentences(summary)[0]


def test_sentences__say_when_no_outcome_could_be_significant() -> None:
    said = sentences(summarise(findings([0.85, 0.86], [0.80, 0.81, 0.82]), 0))[0]
    assert "not significant with 2 against 3 architectures" in said
    assert "so few cannot give a p-value below 0.2" in said


def test_sentences__do_not_hide_a_search_that_lost() -> None:
    said = sentences(summarise(findings([0.80], [0.83, 0.84]), 0))
    assert said[0].startswith("Searched models fall short of sampled ones by 0.035 mean AUROC")
    assert "−4.2 %" in said[0]


def test_summary__a_single_rival_gets_a_paired_interval_and_no_p_value() -> None:
    test = summarise(findings([0.85], [0.83]), 0)["tests"][-1]
    assert (test["b"], test["p"]) == ("expert 1", None)
    assert test["difference"] == pytest.approx(0.05)
    assert test["low"] < 0.05 < test["high"]


# ---- best of n


def brute_force(figures: Sequence[float], choosing: Sequence[float], n: int) -> float:
    """Mean over all draws of n of the figure of the one that `choosing` likes best."""
    drawn = [max(rows, key=lambda r: choosing[r]) for rows in combinations(range(len(figures)), n)]
    return float(np.mean([figures[r] for r in drawn]))


def test_best_of_n__equals_all_draws() -> None:
    levels = [0.83, 0.80, 0.86, 0.81, 0.84]
    record = summarise(findings([0.85], levels), 0)["best_of_n"]
    for n in range(1, 6):
        assert record["expected"][n - 1] == pytest.approx(brute_force(levels, levels, n))
        draws = [max(levels[r] for r in rows) for rows in combinations(range(5), n)]
        assert record["sd"][n - 1] == pytest.approx(np.std(draws), abs=1e-7)
    # The selection score orders these as the test score does.
    assert record["chosen_by_selection"] == pytest.approx(record["expected"])


def test_best_of_n__the_selection_split_may_choose_wrongly() -> None:
    found = findings([0.85], [0.83, 0.80, 0.86])
    rng = np.random.default_rng(1)
    worst = {0: scored(0.80, rng)}
    worst[0].selection.auroc[:2] = 0.99
    measured = tuple(Measured(m.entrant, worst) if m.entrant.model == "sampled 2" else m for m in found.measured)
    summary = summarise(Findings(TRACKS, 200, found.winners, measured, found.ensembles, ()), 0)
    assert summary["best_of_n"]["chosen_by_selection"][-1] == pytest.approx(0.80)
    assert summary["best_of_n"]["expected"][-1] == pytest.approx(0.86)


@pytest.mark.parametrize(("n_sampled", "short"), [(3, True), (7, False)])
def test_best_of_n__is_marked_where_it_ends_short_of_the_searchs_cost(n_sampled: int, short: bool) -> None:
    # A search of 100 s with two trainings of 10 s costs as much as six sampled architectures of two trainings.
    summary = summarise(findings([0.85], list(np.linspace(0.8, 0.84, n_sampled))), 0)
    record = summary["best_of_n"]
    assert record["cost"][-1] == pytest.approx(20 * n_sampled)
    assert record["search_cost"] == pytest.approx(120)
    assert record["falls_short"] == short
    said = next(s for s in sentences(summary) if s.startswith("Against random sampling"))
    assert ("the curve ends short" in said) == short
    assert f"the best of {3 if short else 6} sampled" in said


# ---- spread


def test_spread__parts_seeds_from_architectures() -> None:
    record = summarise(findings([0.85], [0.83, 0.84, 0.82], seeds=3, sd=0.001), 0)["spread"]
    assert record["seeds_sd"] == pytest.approx(0.001)
    assert record["architectures_sd"] == pytest.approx(np.sqrt(0.01**2 - 0.001**2 / 3), rel=1e-3)
    assert record["difference"] == pytest.approx(0.02)
    # The rule of thumb, 16 (sd / difference)^2 = 4, is a little low for so few.
    assert 4 <= record["architectures_needed"] <= 6


def test_spread__with_nothing_sampled_leaves_the_number_open() -> None:
    summary = summarise(findings([0.85], []), 0)
    assert summary["best_of_n"] is None
    assert summary["spread"]["architectures_needed"] is None
    assert summary["spread"]["architectures_sd"] is None


# ---- table and failures


def test_long_table__one_row_a_model_seed_and_track() -> None:
    table = long_table(findings([0.85], [0.83]))
    assert list(table.columns) == [
        "model", "group", "architecture", "search", "seed", "track", "auroc", "average_precision", "positives",
        "negatives", "parameters", "multiply_adds", "device_seconds", "windows",
    ]  # fmt: skip
    assert len(table) == (3 * 2 + 1) * len(TRACKS)
    assert table[table["group"] == "ensemble"]["seed"].isna().all()
    assert set(table[table["group"] == "searched"]["seed"]) == {0, 1}


def test_told__gathers_failures_of_one_reason() -> None:
    failures = [Failure("DanQ", 0, "out of memory"), Failure("DanQ", 1, "out of memory"), Failure("x", 0, "nan.")]
    assert told(failures) == [
        "Could not be trained: DanQ (seed 0), DanQ (seed 1). Reason: out of memory.",
        "Could not be trained: x (seed 0). Reason: nan.",
    ]
