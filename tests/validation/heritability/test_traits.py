from __future__ import annotations

import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ambergen.errors import ConfigError, InputError
from ambergen.io.annotations import open_annotation
from ambergen.io.gwas_tables import MungeConfig, munge
from ambergen.io.ld_score_files import LDScores, read_ld_scores
from ambergen.io.summary_statistics import SummaryStatistics, read_summary_statistics
from ambergen.validation.heritability.annotation_sums import (
    AnnotationSums,
    PanelWithFrequencies,
    PanelWithGenotypes,
    annotation_sums,
)
from ambergen.validation.heritability.reference import Reference, join_reference, read_reference
from ambergen.validation.heritability.traits import (
    RegressionConfig,
    added_by,
    annotation_table,
    difference_in_tau_star,
    meta_analyses,
    quantile_table,
    regress_trait,
    regression_rows,
)
from ambergen.validation.ld_scoring import LDScoreConfig, Panel, panel_ld_scores
from tests.validation.heritability.panel import N, write

CONFIG = RegressionConfig(n_blocks=30)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> tuple[Reference, list[SummaryStatistics], AnnotationSums]:
    files = write(tmp_path_factory.mktemp("panel"), n_traits=3)
    panel = PanelWithFrequencies(files.frequencies, [open_annotation(Path(files.ld))])
    traits = [read_summary_statistics(files.sumstats(trait))[0] for trait in range(3)]
    return read_reference(files.ld, files.weights), traits, annotation_sums(panel, ["level"])


def only(statistics: SummaryStatistics, rows: np.ndarray, **changes: np.ndarray) -> SummaryStatistics:
    cut = SummaryStatistics(statistics.id[rows], statistics.z[rows], statistics.n[rows], None, None)
    return replace(cut, **changes)


def test_regress_trait__equals_pyldsc_from_files_to_enrichment(study) -> None:  # type: ignore[no-untyped-def]
    pyldsc = pytest.importorskip("pyldsc")
    reference, (statistics, *_), sums = study
    trait = regress_trait("trait", reference, statistics, CONFIG, sums)
    keep = statistics.chi2 < max(0.001 * N, 80)
    theirs = pyldsc.Hsq(
        statistics.chi2[keep, None],
        reference.ld_scores[keep],
        reference.weight_ld[keep, None],
        statistics.n[keep, None],
        reference.m[None],
        n_blocks=30,
        old_weights=True,
    )
    table = theirs._overlap_output(list(reference.names), sums.overlap, reference.m[None], sums.n_variants, True)
    ours = annotation_table(trait)
    for column in (
        "Prop._SNPs",
        "Prop._h2",
        "Enrichment",
        "Coefficient",
        "Coefficient_std_error",
        "Coefficient_z-score",
    ):
        assert ours[column].to_numpy() == pytest.approx(table[column].to_numpy().astype(float), rel=1e-6)
    for column in ("Prop._h2_std_error", "Enrichment_std_error", "Enrichment_p"):
        assert ours[column].to_numpy()[1:] == pytest.approx(table[column].to_numpy()[1:].astype(float), rel=1e-6)
    assert trait.result.intercept == pytest.approx(theirs.intercept, rel=1e-6)
    assert trait.ratio == pytest.approx(theirs.ratio, rel=1e-6)
    assert trait.ratio_error == pytest.approx(theirs.ratio_se, rel=1e-6)
    assert trait.inflation == pytest.approx(theirs.lambda_gc, rel=1e-3)  # its median of chi-square has four digits


def test_regress_trait__finds_the_active_variants_and_their_quantiles_of_nothing(study) -> None:  # type: ignore[no-untyped-def]
    reference, (statistics, *_), sums = study
    trait = regress_trait("trait", reference, statistics, CONFIG, sums)
    assert trait.enrichment is not None
    assert trait.enrichment.enrichment[1] > 2
    assert trait.coefficient.z[1] > 2
    assert abs(trait.coefficient.z[2]) < 3
    quantiles = quantile_table(trait)
    assert quantiles["Quantile"].tolist() == [f"{q} of 5" for q in range(1, 6)]
    assert quantiles["Prop._h2"].sum() == pytest.approx(1)
    assert trait.n_variants + sum(trait.dropped.values()) == len(statistics)


def test_regress_trait__the_scale_of_liability(study) -> None:  # type: ignore[no-untyped-def]
    reference, (statistics, *_), _ = study
    trait = regress_trait("trait", reference, statistics, replace(CONFIG, cases=0.5, prevalence=0.01))
    assert trait.liability == pytest.approx(0.551907298)
    with pytest.raises(ConfigError, match="one of --samp-prev and --pop-prev is absent"):
        RegressionConfig(cases=0.5)


def test_regression_rows__counts_what_it_leaves_out(study) -> None:  # type: ignore[no-untyped-def]
    reference, (statistics, *_), _ = study
    rows = np.arange(100)
    loud = only(statistics, rows, z=np.where(rows < 3, 9.5, 1.0))
    strange = replace(loud, id=np.array([*loud.id[:98], "rsX", "rsY"], object))
    found = regression_rows(reference, strange, CONFIG)
    assert found.dropped == {"without LD score or weight": 2, "chi-square of 80 or more": 3}
    assert len(found.chi2) == 95
    many = replace(strange, n=np.full(100, 1e5))  # the limit grows with the study
    assert regression_rows(reference, many, CONFIG).largest_chi2 == 100
    assert regression_rows(reference, strange, replace(CONFIG, largest_chi2=0.5 + 9.5**2)).largest_chi2 == 90.75
    single = replace(reference, ld_scores=reference.ld_scores[:, :1], names=("base",), m=reference.m[:1])
    assert regression_rows(single, strange, CONFIG).largest_chi2 is None


def test_regression_rows__an_annotation_that_does_not_vary_is_left_out_and_named(study) -> None:  # type: ignore[no-untyped-def]
    reference, (statistics, *_), sums = study
    nothing = replace(reference, ld_scores=reference.ld_scores * [1, 1, 0])
    trait = regress_trait("trait", nothing, statistics, CONFIG, sums)
    assert trait.constant == ("level",)
    assert trait.names == ("base", "active")
    with pytest.raises(InputError, match=r"level: there is no such annotation .* It was dropped, as its LD score"):
        added_by(trait, ["level"])
    with pytest.raises(InputError, match=r"trait: the LD scores of base, active, level are the same for all"):
        regress_trait("trait", replace(reference, ld_scores=np.ones_like(reference.ld_scores)), statistics, CONFIG)


def test_regress_trait__collinear_annotations_are_named_and_can_be_forced(study) -> None:  # type: ignore[no-untyped-def]
    reference, (statistics, *_), _ = study
    near = reference.ld_scores[:, 1] * (1 + 1e-7 * np.sin(np.arange(len(reference))))
    twice = replace(reference, ld_scores=np.column_stack([reference.ld_scores[:, :2], near]))
    with pytest.raises(InputError, match=r"trait: annotations: the LD scores of active, level are collinear"):
        regress_trait("trait", twice, statistics, CONFIG)
    assert np.isfinite(regress_trait("trait", twice, statistics, replace(CONFIG, force=True)).result.h2)


def test_regress_trait__too_few_variants_and_ids_of_another_kind(study) -> None:  # type: ignore[no-untyped-def]
    reference, (statistics, *_), _ = study
    with pytest.raises(InputError, match=r"trait: 2,000 variants are left for 300 blocks; .*--n-blocks"):
        regress_trait("trait", reference, statistics, RegressionConfig(n_blocks=300))
    places = replace(statistics, id=np.array([f"1:{k}" for k in range(len(statistics))], object))
    with pytest.raises(InputError, match=r"trait: no variant of the study has LD scores: its ids begin with 1:0, 1:1"):
        regress_trait("trait", reference, places, CONFIG)
    with pytest.raises(InputError, match=r"no variant of the study has a chi-square below 1e-12"):
        regress_trait("trait", reference, statistics, replace(CONFIG, largest_chi2=1e-12))


def test_comparisons__of_annotations_in_one_model(study) -> None:  # type: ignore[no-untyped-def]
    reference, (statistics, *_), sums = study
    trait = regress_trait("trait", reference, statistics, CONFIG, sums)
    assert trait.tau_star is not None
    difference = difference_in_tau_star(trait, "active", "level", sums)
    assert float(difference.estimate) == pytest.approx(trait.tau_star.estimate[1] - trait.tau_star.estimate[2])
    apart = trait.tau_star.error[1] ** 2 + trait.tau_star.error[2] ** 2
    assert float(difference.error) ** 2 != pytest.approx(apart, rel=1e-6)  # the covariance counts
    assert added_by(trait, ["active"]).p == pytest.approx(trait.coefficient.p[1])
    assert added_by(trait, ["active", "level"]).p < 0.05


def test_meta_analyses__of_three_traits(study) -> None:  # type: ignore[no-untyped-def]
    reference, traits, sums = study
    results = [regress_trait(f"trait{k}", reference, one, CONFIG, sums) for k, one in enumerate(traits)]
    table = meta_analyses(results).set_index(["annotation", "quantity", "model"])
    row = table.loc[("active", "enrichment", "common")]
    errors = np.array([one.enrichment.enrichment_error[1] for one in results])  # type: ignore[union-attr]
    assert row["error"] == pytest.approx((errors**-2).sum() ** -0.5)
    assert row["n"] == 3
    assert table.loc[("active", "tau_star", "random"), "p"] < 0.01
    assert ("base", "tau_star", "common") not in table.index  # it does not vary
    assert meta_analyses(results[:1]).empty


# ---- real files


def test_regress_trait__of_published_ld_scores_equals_pyldsc(shared_data: Path) -> None:
    """Chi-square of BOLT-LMM, N given, published LD scores of chromosomes 1 to 11, no cut, 11 regions."""
    pyldsc = pytest.importorskip("pyldsc")
    statistics, _ = munge(shared_data / "gwas" / "ukb_bolt_22x1Mb.sumstats.txt.gz", MungeConfig(n=337_000))
    scores = read_ld_scores(str(shared_data / "gwas" / "@"))
    reference = join_reference(scores, scores)
    trait = regress_trait("height", reference, statistics, RegressionConfig(n_blocks=11))
    rows = regression_rows(reference, statistics, RegressionConfig())
    theirs = pyldsc.Hsq(
        rows.chi2[:, None], rows.ld_scores, rows.weight_ld[:, None], rows.n[:, None], rows.m[None],
        n_blocks=11, twostep=30,
    )  # fmt: skip
    assert trait.result.h2 == pytest.approx(theirs.tot, rel=1e-6)
    assert trait.result.h2_error == pytest.approx(theirs.tot_se, rel=1e-6)
    assert trait.result.intercept == pytest.approx(theirs.intercept, rel=1e-6)
    assert trait.result.intercept_error == pytest.approx(theirs.intercept_se, rel=1e-6)


def test_regress_trait__of_encode_sites_and_real_genomes_equals_pyldsc(shared_data: Path, tmp_path: Path) -> None:
    """A base annotation and ENCODE's sites, LD scores of 489 genomes in six regions, chi-square below 337, 6 blocks.

    All regions, through the commands: `benchmarks/heritability_real.py`.
    """
    pyldsc = pytest.importorskip("pyldsc")
    chromosomes = [str(number) for number in range(17, 23)]
    with tarfile.open(shared_data / "gwas" / "1000G_eur489_22x1Mb_plink.tar.gz") as tar:
        wanted = [f"1000G.subset.{c}.{ending}" for c in chromosomes for ending in ("bed", "bim", "fam")]
        tar.extractall(tmp_path, members=wanted, filter="data")
    sites = pd.read_csv(shared_data / "human_tf" / "sites.tsv.gz", sep="\t", usecols=["chrom", "start", "end"])
    wide = sites.assign(start=(sites["start"] - 450).clip(lower=0), end=sites["end"] + 450)
    wide.to_csv(tmp_path / "bound.bed", sep="\t", header=False, index=False)
    (tmp_path / "all.bed").write_text("".join(f"{c}\t0\t300000000\n" for c in chromosomes))
    files = [open_annotation(tmp_path / name) for name in ("all.bed", "bound.bed")]
    panel = Panel(tmp_path / "1000G.subset.@", files)
    parts = [part.scores for part in panel_ld_scores(panel)]
    scores = LDScores(
        np.concatenate([one.contig for one in parts]), np.concatenate([one.id for one in parts]),
        np.concatenate([one.position for one in parts]), panel.names, np.concatenate([one.scores for one in parts]),
        None, np.sum([one.m_5_50 for one in parts], axis=0),
    )  # fmt: skip
    weights = replace(scores, names=("L2",), scores=scores.scores[:, :1])
    sums = annotation_sums(PanelWithGenotypes(panel, LDScoreConfig()))
    statistics, _ = munge(shared_data / "gwas" / "ukb_bolt_22x1Mb.sumstats.txt.gz", MungeConfig(n=337_000))
    reference, config = join_reference(scores, weights), RegressionConfig(n_blocks=6)
    trait = regress_trait("height", reference, statistics, config, sums)
    rows = regression_rows(reference, statistics, config)
    assert trait.largest_chi2 == pytest.approx(337)
    assert rows.dropped["chi-square of 337 or more"] > 0
    theirs = pyldsc.Hsq(
        rows.chi2[:, None], rows.ld_scores, rows.weight_ld[:, None], rows.n[:, None], rows.m[None], n_blocks=6,
        old_weights=True,
    )  # fmt: skip
    table = theirs._overlap_output(list(rows.names), sums.overlap, rows.m[None], sums.n_variants, True)
    ours = annotation_table(trait)
    for column in ("Prop._SNPs", "Prop._h2", "Enrichment", "Coefficient", "Coefficient_std_error"):
        assert ours[column].to_numpy() == pytest.approx(table[column].to_numpy().astype(float), rel=1e-6)
    for column in ("Prop._h2_std_error", "Enrichment_std_error", "Enrichment_p"):
        assert ours[column][1] == pytest.approx(float(table[column].iloc[1]), rel=1e-6)
    assert trait.result.intercept == pytest.approx(theirs.intercept, rel=1e-6)
    assert trait.result.intercept_error == pytest.approx(theirs.intercept_se, rel=1e-6)
    assert 0.003 < ours["Prop._SNPs"][1] < 0.1
    assert 0 < trait.result.h2_error < 1
