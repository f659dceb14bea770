"""The page of partitioned heritability: whole in itself, names escaped, and true to its tables."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import unescape

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from ambergen.metrics.false_discovery import benjamini_hochberg
from ambergen.report.heritability_figures import (
    FALSE_DISCOVERY,
    MOST_ROWS,
    chosen,
    difference_figure,
    forest_figure,
    minus_log10,
    number_text,
    pooled,
    quantile_figure,
    quantiles,
    scale_of,
    short,
    volcano_figure,
)
from ambergen.report.heritability_page import heritability_page, sentences
from ambergen.report.heritability_results import HeritabilityResults
from ambergen.validation.heritability.tables import COMPARISON, QUINTILES, TRACKS, frame_of

NAMES = [
    "CTCF",
    "<b>SPI1</b> & $co$",
    "K562_H3K27ac_fold_change_over_control_replicate_2",
    *(f"t{k}" for k in range(9)),
]


def tracks(
    arms: Sequence[tuple[str, str]] = (("searched", "a"), ("sampled", "b")),
    traits: Sequence[str] = ("height", "asthma <self-reported>"),
    names: Sequence[str] = NAMES,
    noise: float = 0.1,
) -> pd.DataFrame:
    """Estimates of true enrichments from 0.5 to 6 with known errors."""
    rng = np.random.default_rng(0)
    rows = []
    for arm, model in arms:
        for trait in traits:
            for number, name in enumerate(names):
                error = noise * rng.uniform(0.5, 1.5)
                enrichment = 0.5 + 5.5 * number / len(names) + rng.normal() * error
                z = rng.normal() + (3 if number > 8 else 0)
                rows.append(
                    {
                        "arm": arm, "model": model, "trait": trait, "track": name, "status": "ok", "reason": "",
                        "n_snps": 1000, "prop_snps": 0.02, "h2": 0.4, "h2_se": 0.03 if trait == "height" else 0.1,
                        "prop_h2": 0.02 * enrichment, "prop_h2_se": 0.02 * error, "enrichment": enrichment,
                        "enrichment_se": error, "enrichment_p": 2 * stats.norm.sf(abs(enrichment - 1) / error),
                        "coefficient": z * 1e-9, "coefficient_se": 1e-9, "coefficient_z": z,
                        "coefficient_p": 2 * stats.norm.sf(abs(z)), "tau_star": 0.1 * z, "tau_star_se": 0.1,
                        "tau_star_p": 2 * stats.norm.sf(abs(z)),
                    }
                )  # fmt: skip
    table = pd.DataFrame(rows)
    table["q"] = benjamini_hochberg(table["coefficient_p"].to_numpy())
    table["enrichment_q"] = benjamini_hochberg(table["enrichment_p"].to_numpy())
    return table.reindex(columns=list(TRACKS))


def results() -> HeritabilityResults:
    table = tracks()
    quintiles = pd.DataFrame(
        [
            {**row, "quintile": bin_, "enrichment": 0.5 + 0.4 * k, "enrichment_se": 0.2}
            for row in table[["arm", "model", "trait", "track"]].head(8).to_dict("records")
            for k, bin_ in enumerate(["zero", "1", "2", "3", "4", "5"])
        ]
    ).reindex(columns=list(QUINTILES))
    rows = []
    for measure in ("log_enrichment", "tau_star"):
        common = {"measure": measure, "n_tracks": 12, "n_searched": 1, "n_sampled": 1, "n_dropped": 2}
        for view in ("all", "selected"):
            for k, trait in enumerate(("height", "asthma <self-reported>")):
                numbers = {"difference": 0.2 - 0.3 * k, "low": 0.1 - 0.3 * k, "high": 0.3 - 0.3 * k, "p": 0.001}
                rows.append({**common, **numbers, "trait": trait, "test": "jackknife", "view": view, "q": 0.002})
        numbers = {"difference": 0.07, "low": -0.02, "high": 0.16, "p": 0.13}
        rows.append({**common, **numbers, "trait": "all", "test": "random_effects", "view": "all"})
    comparison = pd.DataFrame(rows).reindex(columns=list(COMPARISON))
    traits = pd.DataFrame({"trait": ["height"], "n_variants": [1_100_000], "intercept": [1.02], "intercept_se": [0.01]})
    return HeritabilityResults(table, quintiles, comparison, traits, {"height": {"chi-square of 80 or more": 12}})


def words_of(page: str) -> str:
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", re.sub(r"(?s)<style>.*?</style>", "", page))))


@pytest.fixture(scope="module")
def page() -> str:
    return heritability_page(results(), "atlas & co", made="ambergen heritability <tracks>")


def test_heritability_page__needs_nothing_outside_itself(page: str) -> None:
    assert not re.search(r'(?:src|href)="(?!#)', page)
    assert "atlas &amp; co" in page
    assert "<b>" not in page.replace("</b>", "")
    assert page.count("<svg") == 2 + 1 + 1 + 1 + 1 + 1  # forests, volcano, quantiles of p, bins, differences, pairs
    for heading in ("Where the heritability lies", "Quantiles of continuous annotations", "What was left out"):
        assert heading in page
    assert "ambergen heritability &lt;tracks&gt;" in page


def test_heritability_page__says_in_words_what_the_tables_hold(page: str) -> None:
    given = results()
    words = words_of(page)
    found = given.tracks[given.tracks["enrichment_q"] < FALSE_DISCOVERY]
    up, down = (found["enrichment"] > 1).sum(), (found["enrichment"] <= 1).sum()
    assert down > 0
    assert f"Of 48 tests of enrichment in 2 traits, {up} find more heritability" in words
    assert f"and {down} less, at a false discovery rate of 5 %" in words
    assert f"{(given.tracks['q'] < FALSE_DISCOVERY).sum()} of 48 coefficients differ from 0" in words
    assert "all traits random effects over traits" in words
    assert "+0.07 −0.02 to +0.16 0.13 –" in words
    assert "less than 7 standard errors above 0 for asthma <self-reported>:" in words
    assert "height chi-square of 80 or more" not in words
    assert "1,100,000" in words


def test_heritability_page__failed_and_constant_annotations_are_named_with_their_reason() -> None:
    given = results()
    table = given.tracks.copy()
    numbers = table.columns[list(table.columns).index("n_snps") :]
    table.loc[1, ["status", "reason"]] = ["failed", "too few <variants>"]
    table.loc[1, numbers] = np.nan
    table.loc[2, "status"], table.loc[2, "track"] = "constant", "all ones"
    words = words_of(heritability_page(HeritabilityResults(table, sentences=("Only this.",)), "atlas"))
    assert "too few <variants> 1 <b>SPI1</b> & $co$ (height)" in words
    assert "constant 1 all ones (height)" in words
    assert "Only this." in words
    assert "tests of enrichment" not in words
    assert "Of 46 tests" in sentences(table)[0]
    nothing = HeritabilityResults(table.assign(status="failed"))
    assert "No annotation has a result" in words_of(heritability_page(nothing, "atlas"))


def test_heritability_page__of_coefficients_alone_says_what_is_needed_for_enrichment() -> None:
    table = tracks((("model", "m"),)).assign(enrichment_p=np.nan, enrichment_q=np.nan, tau_star=np.nan)
    words = words_of(heritability_page(HeritabilityResults(table.head(4)), "atlas"))
    assert "no tests of enrichment, which need the annotations" in words
    assert "model m" in words
    assert heritability_page(HeritabilityResults(table[["trait", "track", "coefficient"]]), "atlas").count("<svg") == 0


def test_pooled__one_model_has_its_error_and_several_their_range() -> None:
    one = tracks((("model", "m"),), ("height",))
    points = pooled(one, ["track"], "enrichment", "enrichment_se")
    assert (points["high"] - points["centre"]).to_numpy() == pytest.approx(1.96 * one["enrichment_se"].to_numpy())
    assert points["found"].tolist() == (one["enrichment_q"] < FALSE_DISCOVERY).tolist()
    three = tracks((("model", "a"), ("model", "b"), ("model", "c")), ("height",))
    points = pooled(three, ["track"], "enrichment", "enrichment_se").set_index("track")
    values = three[three["track"] == "CTCF"]["enrichment"]
    assert points.loc["CTCF", ["centre", "low", "high"]].tolist() == pytest.approx(
        [values.mean(), values.min(), values.max()]
    )
    assert points.loc["CTCF", "n_models"] == 3
    alone = pooled(three.drop(index=three.index[(three["track"] == "CTCF") & (three["model"] != "b")]),
                   ["track"], "enrichment", "enrichment_se").set_index("track")  # fmt: skip
    assert np.isnan(alone.loc["CTCF", ["low", "high"]].to_numpy(float)).all()


estimates = st.lists(st.tuples(st.floats(-50, 200), st.floats(0.01, 30)), min_size=1, max_size=30)


@given(estimates, st.booleans())
def test_scale_of__holds_one_and_the_middle_half_of_the_estimates(values: list[tuple[float, float]], r: bool) -> None:
    centre, error = map(np.array, zip(*values, strict=True))
    scale = scale_of(pd.DataFrame({"centre": centre, "low": centre - error, "high": centre + error}), ratios=r)
    first, third = np.quantile(centre, [0.25, 0.75])
    assert scale.low <= min(1, first) <= max(1, third) <= scale.high
    assert np.isfinite([scale.low, scale.high]).all()
    if scale.is_logarithmic:
        assert scale.low > 0
    assert scale.low <= scale.inside(1e9) <= scale.high


def test_scale_of__one_wide_interval_and_one_outlier_do_not_squeeze_the_others() -> None:
    centre, error = np.linspace(1, 3, 20), np.full(20, 0.3)
    error[3] = 400
    centre[7] = -900
    scale = scale_of(pd.DataFrame({"centre": centre, "low": centre - error, "high": centre + error}))
    assert not scale.is_logarithmic
    assert -20 < scale.low < 1
    assert 3 < scale.high < 20
    apart = pd.DataFrame({"centre": [0.5, 2, 9], "low": [0.2, 1, 5], "high": [0.8, 3, 13]})
    assert scale_of(apart).is_logarithmic
    assert not scale_of(apart, ratios=False).is_logarithmic


@settings(max_examples=4)
@given(st.integers(1, 60), st.booleans(), st.sampled_from([0.1, 3.0]))
def test_forest_figure__shows_the_surest_tracks_once(n: int, two: bool, noise: float) -> None:
    arms = (("searched", "a"), ("sampled", "b"))[: 1 + two]
    rows = tracks(arms, ("height",), [f"name{k}" for k in range(n)], noise)
    svg = forest_figure(rows)
    best = rows.groupby("track")["enrichment_p"].min().nsmallest(MOST_ROWS)
    shown = re.findall(r">(name\d+)<", svg)
    assert sorted(shown) == sorted(best.index)
    assert set(chosen(rows, MOST_ROWS)["track"]) == set(best.index)
    if not two:
        values = rows.set_index("track").loc[shown, "enrichment"]
        assert (np.diff(values) <= 0).all()


def test_figures__of_nothing_and_of_few_are_left_out() -> None:
    table = tracks((("model", "m"),), ("height",))
    assert volcano_figure(table.head(9)) is None
    assert quantile_figure(table.head(9)) is None
    assert "<svg" in str(volcano_figure(table))
    assert difference_figure(frame_of("comparison", [])) is None


def test_minus_log10__goes_on_where_p_has_ended() -> None:
    z = np.array([0.0, 2.0, 10.0, 45.0])
    p = 2 * stats.norm.sf(z)
    assert p[-1] == 0
    exact = minus_log10(p, z)
    assert exact[:3] == pytest.approx(-np.log10(p[:3]))
    tail = 45**2 / 2 / np.log(10) + np.log10(45 * np.sqrt(2 * np.pi) / 2)  # of a normal, far out
    assert exact[3] == pytest.approx(tail, rel=1e-3)
    assert minus_log10(p)[-1] == 300


def test_quantiles__of_uniform_p_values_lie_on_the_diagonal() -> None:
    n = 5000
    expected, observed = quantiles((np.arange(n) + 0.5) / n)
    assert len(expected) < n
    assert observed == pytest.approx(expected)
    assert expected[0] == pytest.approx(-np.log10(0.5 / n))


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "–"), (float("nan"), "–"), (0.0, "0.00"), (-4.56, "−4.56"), (0.0123, "0.012"), (0.00695, "0.0069"),
     (12.34, "12.3"), (1234.5, "1,234"), (3.2e-9, "3.20e−09"), (0.5, "0.50")],
)  # fmt: skip
def test_number_text__has_three_digits_and_a_minus(value: float | None, text: str) -> None:
    assert number_text(value) == text


@given(st.text(min_size=1, max_size=80), st.integers(8, 40))
def test_short__keeps_both_ends_of_a_name(name: str, most: int) -> None:
    found = short(name, most)
    assert len(found) <= most
    if len(name) > most:
        head, tail = found.split("…", 1) if name.count("…") == 0 else (found[:1], found[-1:])
        assert name.startswith(head)
        assert name.endswith(tail)
    else:
        assert found == name
