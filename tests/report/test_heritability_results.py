from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ambergen.atomic import write_json
from ambergen.errors import FileFormatError
from ambergen.io.annotations import open_annotation
from ambergen.io.summary_statistics import read_summary_statistics
from ambergen.report.heritability_page import PAGE, heritability_page, write_study_page
from ambergen.report.heritability_results import plain_results, study_results
from ambergen.validation.heritability.annotation_sums import PanelWithFrequencies, annotation_sums
from ambergen.validation.heritability.reference import read_reference
from ambergen.validation.heritability.tables import COMPARISON, QUINTILES, TRACKS, frame_of, write_table
from ambergen.validation.heritability.traits import RegressionConfig, TraitResult, regress_trait
from tests.validation.heritability.panel import write


@pytest.fixture(scope="module")
def traits(tmp_path_factory: pytest.TempPathFactory) -> list[TraitResult]:
    files = write(tmp_path_factory.mktemp("panel"), n_traits=2)
    panel = PanelWithFrequencies(files.frequencies, [open_annotation(Path(files.ld))])
    sums = annotation_sums(panel, ["level"])
    reference, config = read_reference(files.ld, files.weights), RegressionConfig(n_blocks=30)
    statistics = [read_summary_statistics(files.sumstats(number))[0] for number in range(2)]
    return [regress_trait(f"trait{k}", reference, one, config, sums) for k, one in enumerate(statistics)]


def test_plain_results__have_every_number_of_the_regressions(traits: list[TraitResult]) -> None:
    found = plain_results(traits, {"trait0": {"dropped: incomplete": 3}})
    assert list(found.tracks.columns) == list(TRACKS)
    row = found.tracks.set_index(["trait", "track"]).loc[("trait1", "active")]
    enrichment, tau_star = traits[1].enrichment, traits[1].tau_star
    assert enrichment is not None
    assert tau_star is not None
    assert row["enrichment"] == enrichment.enrichment[1]
    assert row["enrichment_p"] == enrichment.enrichment_p[1]
    assert row["tau_star"] == tau_star.estimate[1]
    assert row["coefficient_z"] == pytest.approx(tau_star.z[1])
    # Four annotations with a test, two of each trait: the base annotation has none
    p = np.sort(found.tracks["enrichment_p"].dropna())
    assert len(p) == 4
    assert found.tracks["enrichment_q"].min() == pytest.approx(min(p * 4 / np.arange(1, 5)))
    assert found.quintiles.groupby("trait")["quintile"].apply(list)["trait0"] == [f"{k} of 5" for k in range(1, 6)]
    assert found.traits["intercept_se"].tolist() == [one.result.intercept_error for one in traits]
    page = heritability_page(found, "two traits")
    assert "dropped: incomplete" in page


def test_plain_results__of_coefficients_alone_have_no_enrichment_tests(traits: list[TraitResult]) -> None:
    bare = [replace(one, enrichment=None, tau_star=None, quantiles={}, quantile_labels={}) for one in traits]
    found = plain_results(bare)
    assert found.tracks["enrichment_p"].isna().all()
    assert found.tracks["tau_star"].isna().all()
    assert found.tracks["coefficient_p"].notna().all()
    assert len(found.quintiles) == 0


def study(folder: Path, is_compared: bool) -> None:
    """A folder as `ambergen heritability tracks` leaves it, with one row in each table."""
    place = {"arm": "amber", "model": "m", "trait": "height", "track": "CTCF"}
    numbers = {"enrichment": 3.0, "enrichment_se": 0.5, "enrichment_p": 1e-4, "enrichment_q": 1e-3, "prop_snps": 0.02}
    rows = [{**place, **numbers, "status": "ok", "n_snps": 900}]
    rows.append({**place, "arm": "random", "track": "SPI1", "status": "failed", "reason": "collinear", "n_snps": 0})
    write_table(folder, "tracks", frame_of("tracks", rows))
    write_table(folder, "quintiles", frame_of("quintiles", [{**place, "quintile": "5", **numbers}]))
    counts = {"rows": 1000, "incomplete": 2, "duplicates": 0, "dropped": {"chi-square of 80 or more": 7}}
    record = {
        "inputs": {"files": {}, "traits": {"height": "height.sumstats.gz"}},
        "settings": {"regression": {"n_blocks": 25}},
        "arms": {"amber": {"m": {}}, "random": {"m": {}}},
        "panel": {},
        "baseline": {"annotations": ["base"], "dropped": {"in the MHC (chr6:25-34 Mb)": 11}},
        "traits": {"height": {**counts, "variants": 980, "mean_chi2": 1.5}},
        "sentences": ["One regression says much."],
        "provenance": {"versions": {"ambergen": "0"}},
    }
    if is_compared:
        one = {"trait": "height", "measure": "tau_star", "view": "all", "test": "jackknife", "difference": 0.1}
        kept = {"n_tracks": 1, "n_searched": 1, "n_sampled": 1, "n_dropped": 0, "low": 0.05, "high": 0.15}
        write_table(folder, "comparison", frame_of("comparison", [{**one, **kept, "p": 1e-3, "q": 1e-3}]))
        record["comparison"] = {"searched": "amber", "sampled": "random", "sentences": ["A difference."]}
    write_json(folder / "heritability.json", record)


def test_write_study_page__shows_what_the_folder_holds(tmp_path: Path) -> None:
    study(tmp_path, is_compared=True)
    results, made = study_results(tmp_path)
    assert results.compared == ("amber", "random")
    assert results.filters["height"] == {
        "dropped: incomplete": 2,
        "dropped: chi-square of 80 or more": 7,
        "no reference: in the MHC (chr6:25-34 Mb)": 11,
    }
    assert json.loads(made)["inputs"]["traits"] == {"height": "height.sumstats.gz"}
    assert list(results.quintiles.columns) == list(QUINTILES)
    assert list(results.comparison.columns) == list(COMPARISON)
    assert write_study_page(tmp_path) == tmp_path / PAGE
    page = (tmp_path / PAGE).read_text()
    for words in ("One regression says much.", "A difference.", "amber against random models", "collinear", "980"):
        assert words in page


def test_write_study_page__without_a_comparison_has_no_section_of_it(tmp_path: Path) -> None:
    study(tmp_path, is_compared=False)
    write_study_page(tmp_path)
    assert "against" not in (tmp_path / PAGE).read_text()
    results, _ = study_results(tmp_path)
    assert isinstance(results.comparison, pd.DataFrame)
    assert results.comparison.empty


def test_study_results__of_another_folder_say_what_is_absent(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match=r"heritability.json: cannot be read .*`ambergen heritability tracks`"):
        write_study_page(tmp_path)
    study(tmp_path, is_compared=False)
    (tmp_path / "tracks.parquet").unlink()
    with pytest.raises(FileFormatError, match=r"tracks.parquet: there is no such file"):
        write_study_page(tmp_path)
    assert not (tmp_path / PAGE).exists()
