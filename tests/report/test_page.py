from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest

from ambergen.errors import StoreError
from ambergen.report.page import CONTENTS, write_report
from tests.report.conftest import write_audit

VOID = {"meta", "br", "hr", "img", "link", "input"}


class Page(HTMLParser):
    """Checks that elements close in order; collects ids, attributes, and text by section."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.addresses: list[str] = []
        self.section = ""
        self.text: dict[str, str] = {}
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "section":
            self.section = values["id"] or ""
            self.ids.append(self.section)
        self.addresses += [v for k, v in attrs if k in ("src", "href", "xlink:href", "action", "data") and v]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text[self.section] = self.text.get(self.section, "") + data


@pytest.fixture(scope="module")
def text(simulated_run: Path) -> str:
    path = write_report(simulated_run)
    assert path == simulated_run / "report.html"
    return path.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(text: str) -> Page:
    return Page(text)


def test_page__needs_nothing_outside_itself(text: str, page: Page) -> None:
    assert all(address.startswith(("#", "data:")) for address in page.addresses)
    assert not re.search(r"@import|url\((?!#)", text)
    assert set(re.findall(r"https?://[^\"' <]+", text)) <= {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xlink",
    }
    assert len(text) < 1_000_000


def test_page__has_every_section_of_its_table_of_contents(page: Page) -> None:
    assert page.ids == [name for name, _ in CONTENTS]
    assert {f"#{name}" for name, _ in CONTENTS} <= set(page.addresses)


def test_page__judgement_stands_on_top(page: Page) -> None:
    assert "The searched model scores 0.800 mean AUROC on the test contigs" in page.text["judgement"]
    assert "With one search no p-value can be given" in page.text["judgement"]
    assert "Near random for every model" in page.text["judgement"]


def test_page__every_figure_with_scores_says_its_split(text: str) -> None:
    captions = re.findall(r"<figcaption>(.*?)</figcaption>", text, re.DOTALL)
    assert len(captions) == 12
    without = [c for c in captions if not re.search(r"\b(test|search|selection) split", c)]
    # three on choices of the controller, the drawing, the cost: no scores
    assert len(without) == 5


def test_page__names_models_tracks_costs_and_provenance(page: Page) -> None:
    assert all(name in page.text["models"] for name in ("DeepSEA ×0.25", "DanQ ×0.25", "k-mer regression"))
    assert "STE12 (4 positive windows in the test split" in page.text["tracks"]
    assert "The curve ends at 75% of that cost" in page.text["best-of-n"]
    assert "3f9ac04be1d2" in page.text["provenance"]
    assert "11,814 windows; contigs II, VIII and XIV" in page.text["provenance"]
    assert "ambergen run examples/yeast.yaml" in page.text["provenance"]


def test_page__text_from_files_is_escaped(text: str, page: Page) -> None:
    assert "<script>alert" not in text
    assert "# <script>alert('escaped')</script>" in page.text["provenance"]


def test_page__of_candidates_trained_alone_speaks_of_no_shared_weights(simulated_run: Path, tmp_path: Path) -> None:
    out = tmp_path / "alone"
    shutil.copytree(simulated_run, out)
    log = (out / "events.jsonl").read_text().replace('"shared"', '"stand-alone"')
    (out / "events.jsonl").write_text(log.replace('"method": "enas"', '"method": "evolution"'))
    text = " ".join(write_report(out).read_text(encoding="utf-8").split())
    assert "Small and good" in text
    assert "What the population came to prefer" in text
    assert "with shared weights" not in text
    assert "Small and good" not in write_report(simulated_run).read_text(encoding="utf-8")


def test_page__several_searches_get_a_p_value_and_all_winners(simulate: Callable[..., Path]) -> None:
    run = simulate(searches=2, sampled=14, steps=6, n_tracks=70, seeds=1)
    page = Page(write_report(run).read_text(encoding="utf-8"))
    assert "searched, mean of 2" in page.text["models"]
    assert "The 14 sampled networks one by one" in page.text["models"]
    assert "0.036" in page.text["models"]
    assert "Winners of the other searches" in page.text["winner"]
    assert "Table of all 70 tracks" in page.text["tracks"]


def test_page__an_unfinished_search_is_shown_as_such(simulated_run: Path, tmp_path: Path) -> None:
    lines = (simulated_run / "events.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "events.jsonl").write_text("".join(lines[:60]))
    page = Page(write_report(tmp_path).read_text(encoding="utf-8"))
    assert "The run is not finished: 54 candidate networks have been scored" in page.text["judgement"]
    assert "It has not finished: the same command continues." in page.text["search"]
    assert "No search has finished" in page.text["winner"]
    assert "compare.json is missing" in page.text["models"]


def test_page__an_empty_directory_says_what_is_missing(tmp_path: Path) -> None:
    page = Page(write_report(tmp_path).read_text(encoding="utf-8"))
    assert page.ids == [name for name, _ in CONTENTS]
    assert "holds no results yet" in page.text["judgement"]
    for section in ("models", "best-of-n", "tracks", "curves", "search", "winner", "training", "cost"):
        assert re.search(r"missing|No |no ", page.text[section])


def test_page__a_summary_with_models_alone_is_enough(tmp_path: Path) -> None:
    models = [{"model": "searched", "group": "searched", "architecture": "abc", "auroc": {"mean": 0.8}}]
    (tmp_path / "compare.json").write_text(json.dumps({"models": models}))
    page = Page(write_report(tmp_path).read_text(encoding="utf-8"))
    assert "0.800" in page.text["models"]
    assert "compare.json holds no curves" in page.text["curves"]


def test_page__scores_may_be_missing_everywhere(tmp_path: Path) -> None:
    nothing = {"mean": None, "low": None, "high": None, "seed_sd": None}
    models = [{"model": "searched", "group": "searched", "architecture": "abc", "auroc": nothing}]
    best = {"n": [1], "expected": [None], "cost": [3.0]}
    (tmp_path / "compare.json").write_text(json.dumps({"models": models, "best_of_n": best}))
    assert "No curve of sampled networks" in Page(write_report(tmp_path).read_text(encoding="utf-8")).text["best-of-n"]


@pytest.mark.parametrize("shared", [True, False])
def test_page__an_audit_has_its_section_where_there_is_one(simulate: Callable[..., Path], shared: bool) -> None:
    run = simulate(steps=6, n_tracks=4, seeds=1)
    write_audit(run, shared)
    text = write_report(run).read_text(encoding="utf-8")
    page = Page(text)
    assert page.ids == [name for name, _ in CONTENTS[:6]] + ["audit"] + [name for name, _ in CONTENTS[6:]]
    assert "#audit" in page.addresses
    section = page.text["audit"]
    assert "40 networks of all sizes were trained alone, for 5 epochs each" in section
    assert "in 81% of cases" in section
    assert "<b>Not bold</b>" in section
    assert "share of the 8 best by the score" in section
    assert ("AUROC with shared weights, search split" in section) == shared
    assert ("no shared weights to be set against the truth" in section) == (not shared)
    assert "+0.41" in section
    assert "networks of the ranking audit, trained alone" in page.text["provenance"]


def test_page__an_audit_without_its_table_has_no_figure(simulate: Callable[..., Path]) -> None:
    run = simulate(steps=6, n_tracks=4, seeds=1)
    write_audit(run)
    (run / "audit.parquet").unlink()
    assert "+0.62" in Page(write_report(run).read_text(encoding="utf-8")).text["audit"]


def test_write_report__a_damaged_file_leaves_the_old_page(simulated_run: Path, tmp_path: Path) -> None:
    shutil.copy(simulated_run / "events.jsonl", tmp_path)
    before = write_report(tmp_path).read_text(encoding="utf-8")
    (tmp_path / "compare.json").write_text("{")
    with pytest.raises(StoreError, match=r"compare\.json: not JSON"):
        write_report(tmp_path)
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == before
    assert not list(tmp_path.glob(".*"))
