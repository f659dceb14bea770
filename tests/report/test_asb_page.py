"""The page of allele-specific binding: everything inside it, names escaped, the seed case as a card."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ambergen.errors import InputError
from ambergen.report.asb_figures import roc
from ambergen.report.asb_page import choose_cards, write_asb_page
from ambergen.validation.asb.calls import Calls, call
from ambergen.validation.asb.evaluation import Evaluation, evaluate
from ambergen.validation.asb.measures import area
from ambergen.validation.asb.simulation import simulate

N = 300
RSID = "rs11658786"


@pytest.fixture(scope="module")
def calls() -> Calls:
    effects = np.where(np.arange(N) < 80, np.where(np.arange(N) % 2, 2.0, -2.0), 0.0)
    counts = simulate(effects, depth=100, rho=0.01, depth_spread=0.1)
    places = pd.DataFrame({"chrom": "chr17", "pos": np.arange(N) * 900_000 + 1, "ref": "A", "alt": "G"})
    places["id"], places["tf"] = [RSID, *[f"rs{n}" for n in range(1, N)]], np.where(np.arange(N) % 3, "SPI1", "CTCF")
    counts.loc[0, ["ref_reads", "alt_reads"]] = [18, 71]  # of the case that the method was shown with, G over A
    return call(pd.concat([places, counts], axis=1), rho=0.01)


@pytest.fixture(scope="module")
def evaluation(calls: Calls) -> Evaluation:
    truth, rng = calls.table["true_effect"].to_numpy(), np.random.default_rng(0)
    scores = {"<searched>": truth + rng.normal(0, 1, N), "JASPAR": np.where(np.arange(N) % 2, 0, truth)}
    scores["<searched>"][0], scores["JASPAR"][0] = 1.5, -0.4
    return evaluate(calls, scores, {"<searched>": np.tanh(truth)}, np.arange(N) % 2 == 0, resamples=50, min_class=5)


def test_write_asb_page__needs_nothing_outside_itself(tmp_path: Path, calls: Calls, evaluation: Evaluation) -> None:
    write_asb_page(tmp_path / "asb.html", "study & co", calls, evaluation, made="ambergen asb …")
    page = (tmp_path / "asb.html").read_text()
    assert "study &amp; co" in page
    assert "<searched>" not in page
    assert "&lt;searched&gt;" in page
    assert not re.search(r'(?:src|href)="(?!#)', page)
    assert page.count("<svg") == 5  # shares, directions, ROC, coverage, margins
    for heading in ("Which sites are allele-specific", "Is one better than another?", "Tracks", "Single variants"):
        assert heading in page
    assert [p.name for p in tmp_path.iterdir()] == ["asb.html"]


def test_choose_cards__the_seed_case_shows_who_is_right(evaluation: Evaluation) -> None:
    (card,) = choose_cards(evaluation, [RSID])
    assert card["name"] == RSID
    assert [(a["name"], a["reads"], a["preferred"]) for a in card["alleles"]] == [("A", "18", False), ("G", "71", True)]
    assert [(s["name"], s["words"], s["sign"]) for s in card["scores"]] == [
        ("<searched>", "prefers G", "right"),
        ("JASPAR", "prefers A", "wrong"),
    ]
    assert choose_cards(evaluation, ["chr17:1"]) == [card]


def test_choose_cards__those_that_divide_the_scorers_come_first(evaluation: Evaluation) -> None:
    cards = choose_cards(evaluation)
    assert len(cards) == 6
    assert cards[0]["name"] == RSID


def test_choose_cards__refuses_an_unknown_variant(evaluation: Evaluation) -> None:
    with pytest.raises(InputError, match="--card rs0: is not among the sites"):
        choose_cards(evaluation, ["rs0"])


def test_write_asb_page__without_any_call_says_so(tmp_path: Path) -> None:
    table = pd.DataFrame(
        {"chrom": "1", "pos": [1, 2], "ref": "A", "alt": "G", "ref_reads": [20, 0], "alt_reads": [20, 0]}
    )
    calls = call(table, 0.5, 0.0)
    write_asb_page(tmp_path / "asb.html", "none", calls, evaluate(calls, {"a": [1.0, 1.0]}, resamples=2))
    page = (tmp_path / "asb.html").read_text()
    assert "No scorer can be judged by direction" in page
    assert "Single variants" not in page


def test_roc__encloses_the_auroc() -> None:
    rng = np.random.default_rng(1)
    positive = rng.random(400) < 0.4
    scores = (positive + rng.normal(size=400)).round(1)
    false, true = roc(scores, positive)
    assert (false[0], true[0], false[-1], true[-1]) == (0, 0, 1, 1)
    assert np.trapezoid(true, false) == pytest.approx(area(scores, positive)[0])
