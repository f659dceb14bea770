from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ambergen.errors import InputError, PanelError
from ambergen.io.annotations import open_annotation
from ambergen.seeds import generator
from ambergen.validation.heritability.annotation_sums import (
    PanelWithFrequencies,
    PanelWithGenotypes,
    annotation_sums,
)
from ambergen.validation.ld_scoring import LDScoreConfig, Panel, panel_ld_scores
from tests.plink import write_plink
from tests.validation.heritability.panel import Files, genome, is_common, write


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return write(tmp_path)


def panel(files: Files) -> PanelWithFrequencies:
    return PanelWithFrequencies(files.frequencies, [open_annotation(Path(files.ld))])


def test_annotation_sums__are_over_the_common_variants_of_all_chromosomes(files: Files) -> None:
    sums = annotation_sums(panel(files), ["level"])
    common = genome().annotations[is_common()]
    assert sums.names == ("base", "active", "level")
    assert sums.n_variants == len(common)
    assert sums.overlap == pytest.approx(common.T @ common, rel=1e-8)
    assert sums.standard_deviation == pytest.approx(common.std(axis=0), rel=1e-7, abs=1e-7)
    quantiles = sums.quantiles["level"]
    assert quantiles.labels == ("1 of 5", "2 of 5", "3 of 5", "4 of 5", "5 of 5")
    assert quantiles.counts.sum() == len(common)
    assert quantiles.sums.sum(axis=0) == pytest.approx(sums.sums)
    assert (np.diff(quantiles.sums[:, 2] / quantiles.counts) > 0).all()


def test_annotation_sums__in_another_order_and_for_some_annotations(files: Files) -> None:
    sums = annotation_sums(panel(files), ["level"])
    some = sums.of(["level", "base"])
    assert some.overlap == pytest.approx(sums.overlap[np.ix_([2, 0], [2, 0])])
    assert some.quantiles["level"].sums == pytest.approx(sums.quantiles["level"].sums[:, [2, 0]])
    with pytest.raises(InputError, match=r"there is no annotation promoter among base, active, level"):
        sums.of(["base", "promoter"])


def test_annotation_sums__refuse_rows_of_another_panel(files: Files) -> None:
    path = files.folder / "panel.2.frq"
    path.write_text(path.read_text().replace("rs1700 ", "rs7000 "))
    with pytest.raises(PanelError, match=r"the rows are not those of .*panel.2.frq .*same variants in the same order"):
        annotation_sums(panel(files))


def test_annotation_sums__refuse_quantiles_of_what_is_no_annotation_or_has_two_values(files: Files) -> None:
    with pytest.raises(InputError, match=r"--quantiles-of promoter: there is no such annotation; expected one of base"):
        annotation_sums(panel(files), ["promoter"])
    with pytest.raises(InputError, match=r"--quantiles-of active: quantile_bins: 4 of 5 quantiles are empty"):
        annotation_sums(panel(files), ["active"])


def test_annotation_sums__need_a_common_variant(files: Files) -> None:
    for number in (1, 2):
        path = files.folder / f"panel.{number}.frq"
        path.write_text(path.read_text().replace(" 0.3 ", " 0.01 "))
    with pytest.raises(InputError, match="no variant has a frequency above 5 %"):
        annotation_sums(panel(files))


def test_panel_with_frequencies__takes_annot_files_only(files: Files) -> None:
    bed = files.folder / "peaks.bed"
    bed.write_text("1\t0\t500\n")
    with pytest.raises(InputError, match=r"peaks.bed: with files of frequencies the annotations must be .annot files"):
        PanelWithFrequencies(files.frequencies, [open_annotation(bed)])


def test_annotation_sums__from_genotypes_are_the_sizes_that_ldscore_writes(tmp_path: Path) -> None:
    """Intervals and values; constant and rare variants do not count."""
    genotypes = generator(1, "genotypes").binomial(2, np.linspace(0, 0.5, 60), size=(40, 60)).astype(float)
    write_plink(tmp_path / "panel", genotypes, 0.1 * np.arange(60))
    (tmp_path / "peaks.bed").write_text("chr1\t0\t20000\n")
    values = generator(1, "values").random(60).round(6)
    (tmp_path / "level.annot").write_text("base level\n" + "".join(f"1 {value}\n" for value in values))
    annotations = [open_annotation(tmp_path / name) for name in ("level.annot", "peaks.bed")]
    panel = Panel(tmp_path / "panel", annotations)
    sums = annotation_sums(PanelWithGenotypes(panel, LDScoreConfig()), ["level"])
    (written,) = panel_ld_scores(panel)
    assert sums.names == ("base", "level", "peaks")
    assert sums.n_variants == written.summary.counts.common < 60
    assert sums.sums == pytest.approx(written.summary.m_5_50)
    frequency = genotypes.mean(axis=0) / 2
    common = np.minimum(frequency, 1 - frequency) > 0.05
    assert sums.overlap[1, 2] == pytest.approx(values[common & (1000 * np.arange(1, 61) <= 20_000)].sum())
    assert sums.quantiles["level"].counts.sum() == common.sum()
