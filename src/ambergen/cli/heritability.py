"""`ambergen heritability`: what share of a trait's heritability falls to each annotation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ambergen.cli.arguments import AsJson
from ambergen.cli.failures import reported
from ambergen.cli.heritability_annotate import annotate
from ambergen.cli.heritability_tracks import compare, tracks
from ambergen.cli.tables import pairs, table

if TYPE_CHECKING:
    import pandas as pd

    from ambergen.io.gwas_tables import MungeReport
    from ambergen.progress import Progress
    from ambergen.statgen.enrichment import Test
    from ambergen.validation.heritability.annotation_sums import AnnotationSums
    from ambergen.validation.heritability.traits import TraitResult

heritability = typer.Typer(
    no_args_is_help=True, help="Heritability of traits by annotation: stratified LD-score regression."
)


# ---- munge


def munge(
    source: Annotated[
        Path, typer.Argument(metavar="TABLE", help="Results of an association study, one row a variant.")
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FILE", help="The file to write; .sumstats.gz is added if absent.")
    ],
    n: Annotated[
        float | None, typer.Option("--n", metavar="N", help="Individuals, where the table has no column of them.")
    ] = None,
    p_column: Annotated[
        str | None, typer.Option(metavar="NAME", help="The p-values to take, where a table has several.")
    ] = None,
    merge_alleles: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Keep variants of this list (SNP, A1, A2) with its alleles.")
    ] = None,
    info_min: Annotated[float, typer.Option(metavar="INFO", help="Drop less well imputed variants.")] = 0.9,
    maf_min: Annotated[float, typer.Option(metavar="MAF", help="Drop variants that are not more frequent.")] = 0.01,
    n_min: Annotated[
        float | None, typer.Option(metavar="N", help="Drop variants with fewer individuals (q90 of N over 1.5).")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make summary statistics for `heritability run` from a table of results.

    Knows BOLT-LMM, REGENIE, SAIGE, PLINK 2 and the GWAS catalog by their
    columns, and the usual names of other tables. Says which columns it took,
    and how many rows each filter dropped. Chi-square comes from a chi-square or
    from logarithms of p where there are such, so that nothing underflows.

    Examples:

      ambergen heritability munge height.bgen.stats.gz --n 337000 -o height
      ambergen heritability munge t2d.regenie.gz --merge-alleles w_hm3.snplist -o t2d.sumstats.gz
    """
    from dataclasses import asdict

    from ambergen.atomic import write_bytes
    from ambergen.cli.progress_bars import progress_for_terminal
    from ambergen.io.gwas_tables import MungeConfig, read_allele_list
    from ambergen.io.gwas_tables import munge as read
    from ambergen.io.summary_statistics import packed_statistics

    config = MungeConfig(n, p_column, info_min, maf_min, n_min)
    listed = None if merge_alleles is None else read_allele_list(merge_alleles)
    statistics, report = read(source, config, listed, progress_for_terminal())
    path = out if out.name.endswith(".gz") else out.with_name(out.name.removesuffix(".sumstats") + ".sumstats.gz")
    write_bytes(path, packed_statistics(statistics))
    if as_json:
        print(json.dumps({"file": str(path), **asdict(report)}, indent=2, ensure_ascii=False))
        return
    print(_munge_text(path, report))


def _munge_text(path: Path, report: MungeReport) -> str:
    columns = ", ".join(f"{role} {name}" for role, name in report.columns.items())
    rows: list[tuple[str, object]] = [
        ("table of", report.dialect),
        ("columns", columns),
        ("chi-square", report.statistic),
        ("sign", report.sign),
        ("rows", f"{report.n_rows:,}"),
        *((f"  dropped: {reason}", f"{count:,}") for reason, count in report.dropped.items()),
        ("rows written", f"{report.n_kept:,}"),
        ("mean chi-square", f"{report.mean_chi2:.4g} (largest {report.largest_chi2:.4g})"),
        ("lambda GC", f"{report.inflation:.4g}"),
        *(("note", note) for note in report.notes),
        ("file", path),
    ]
    return pairs(rows)


# ---- run


def run(
    sumstats: Annotated[
        list[Path], typer.Argument(metavar="SUMSTATS...", help="Summary statistics, one .sumstats(.gz) file a trait.")
    ],
    ref_ld: Annotated[
        str, typer.Option(metavar="PREFIX", help="LD scores of the annotations; @ is the chromosome, commas join.")
    ],
    w_ld: Annotated[str, typer.Option(metavar="PREFIX", help="LD scores of the regression's variants (weights).")],
    annot: Annotated[
        list[Path] | None,
        typer.Option("--annot", "-a", metavar="FILE", help="The annotations themselves, for enrichment; repeatable."),
    ] = None,
    frqfile: Annotated[
        Path | None,
        typer.Option(metavar="PREFIX", help="Frequencies of the panel (.frq); without --annot those beside --ref-ld."),
    ] = None,
    bfile: Annotated[
        Path | None, typer.Option(metavar="PREFIX", help="The panel's PLINK files, instead of --frqfile.")
    ] = None,
    quantiles_of: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Enrichment of the quantiles of this annotation; repeatable."),
    ] = None,
    quantiles: Annotated[int, typer.Option(min=2, metavar="N", help="How many quantiles; zeros stand apart.")] = 5,
    test: Annotated[
        list[str] | None,
        typer.Option(metavar="A,B", help="Do these annotations together add to all others? Repeatable."),
    ] = None,
    versus: Annotated[
        list[str] | None, typer.Option(metavar="A,B", help="Is tau* of A larger than that of B? Repeatable.")
    ] = None,
    n_blocks: Annotated[int, typer.Option(min=2, help="Blocks of the jackknife.")] = 200,
    intercept_h2: Annotated[
        float | None, typer.Option(metavar="VALUE", help="A known intercept; 1: no confounding.")
    ] = None,
    two_step: Annotated[
        float, typer.Option(metavar="CHISQ", help="One annotation: intercept from smaller chi-squares; 0: from all.")
    ] = 30.0,
    chisq_max: Annotated[
        float | None, typer.Option(metavar="CHISQ", help="Drop larger ones (several annotations: max of 80, N/1000).")
    ] = None,
    keep_mhc: Annotated[bool, typer.Option("--keep-mhc", help="Keep chr6:25-34 Mb.")] = False,
    not_m_5_50: Annotated[
        bool, typer.Option("--not-m-5-50", help="Sizes of annotations over all variants (.l2.M).")
    ] = False,
    samp_prev: Annotated[float | None, typer.Option(metavar="P", help="Share of cases in the study.")] = None,
    pop_prev: Annotated[float | None, typer.Option(metavar="K", help="Share of cases in the population.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Fit annotations that are nearly collinear.")] = False,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="DIR", help="A folder for tables, delete values and settings."),
    ] = None,
    report: Annotated[
        Path | None, typer.Option(metavar="PAGE", help="A page with figures, such as traits.html.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Stratified LD-score regression of one or several traits.

    LD scores and weights are files of LDSC (baseline-LD as you have it) or of
    `ambergen ldscore`. With the annotations and the panel's frequencies it
    gives enrichment with regard to overlap, tau* and quantiles; with several
    traits also their meta-analysis. Every filter says what it dropped.

    --out writes TRAIT.results with the columns of LDSC, TRAIT.quantiles,
    TRAIT.delete and TRAIT.part_delete, TRAIT.json, and meta.tsv. --report
    writes one page with figures: enrichments, quantiles, what was dropped.

    Examples:

      ambergen heritability run height.sumstats.gz --ref-ld baselineLD.@ \\
          --w-ld weights.hm3_noMHC.@ --frqfile 1000G.EUR.QC.@ -o height/
      ambergen heritability run *.sumstats.gz --ref-ld baselineLD.@,mine.@ \\
          --w-ld weights.@ --bfile 1000G.EUR.@ -a baselineLD.@ -a effects.tsv.gz \\
          --quantiles-of CTCF --test CTCF,SPI1 -o traits/
    """
    from ambergen.cli.progress_bars import progress_for_terminal
    from ambergen.errors import InputError
    from ambergen.io.summary_statistics import read_summary_statistics
    from ambergen.validation.heritability.reference import check_sizes, read_reference
    from ambergen.validation.heritability.traits import RegressionConfig, regress_trait

    progress = progress_for_terminal()
    names = _trait_names(sumstats)
    if samp_prev is not None and len(names) > 1:
        raise InputError("--samp-prev: belongs to one trait, several are given. Run each disease for itself.")
    if report is not None and report.is_dir():
        raise InputError(f"--report {report}: is a folder; expected the name of a page. Give {report / 'traits.html'}.")
    config = RegressionConfig(n_blocks, intercept_h2, two_step or None, chisq_max, samp_prev, pop_prev, force)
    comparisons = _comparisons(test, versus)
    sums = _sums(ref_ld, annot, frqfile, bfile, quantiles_of or [], quantiles, progress)
    if sums is None and (quantiles_of or versus):
        raise InputError("--quantiles-of and --versus: need the annotations. Give --annot and --frqfile or --bfile.")
    reference = read_reference(ref_ld, w_ld, not_m_5_50, keep_mhc)
    if sums is not None and not not_m_5_50:
        own = sums.of(reference.names)
        check_sizes(ref_ld, reference.names, reference.m, own.sums, str(frqfile or bfile))
    settings = {"ref_ld": ref_ld, "w_ld": w_ld, "keep_mhc": keep_mhc, "not_m_5_50": not_m_5_50, **vars(config)}
    results, records = [], []
    with progress.task("Traits", len(names)) as task:
        for name, path in zip(names, sumstats, strict=True):
            task.note(name)
            statistics, reading = read_summary_statistics(path)
            trait = regress_trait(name, reference, statistics, config, sums)
            record = _record(trait, comparisons, sums)
            record["inputs"] = {
                "file": str(path), "rows": reading.n_rows, "incomplete": reading.n_incomplete,
                "duplicates": reading.n_duplicates, "reference_variants": len(reference),
                "reference_dropped": reference.dropped,
            }  # fmt: skip
            results.append(trait)
            records.append(record)
            task.advance()
    if out is not None:
        _write(out, results, records, settings)
    if report is not None:
        _write_page(report, results, records, settings)
    if as_json:
        print(json.dumps({"settings": settings, "traits": records, "meta": _meta(results)}, indent=2))
        return
    print("\n\n\n".join(_text(trait, record) for trait, record in zip(results, records, strict=True)))
    if meta := _meta(results):
        print("\n\n" + _meta_text(meta))


def _trait_names(paths: list[Path]) -> list[str]:
    from ambergen.errors import InputError

    names = [path.name.removesuffix(".gz").removesuffix(".sumstats") for path in paths]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"{name}: two files give this name of a trait; expected different ones. Rename one.")
    return names


def _comparisons(test: list[str] | None, versus: list[str] | None) -> tuple[list[list[str]], list[list[str]]]:
    from ambergen.errors import InputError

    joint, paired = ([text.split(",") for text in texts or []] for texts in (test, versus))
    for one in paired:
        if len(one) != 2:
            raise InputError(f"--versus {','.join(one)}: expected two annotations, separated by a comma.")
    return joint, paired


def _sums(
    ref_ld: str,
    annot: list[Path] | None,
    frqfile: Path | None,
    bfile: Path | None,
    continuous: list[str],
    n_quantiles: int,
    progress: Progress,
) -> AnnotationSums | None:
    """What enrichment needs, or None if no frequencies are given."""
    from ambergen.errors import InputError
    from ambergen.io.annotations import open_annotation
    from ambergen.validation.heritability.annotation_sums import (
        PanelWithFrequencies,
        PanelWithGenotypes,
        annotation_sums,
    )
    from ambergen.validation.ld_scoring import LDScoreConfig, Panel

    if frqfile is not None and bfile is not None:
        raise InputError("--frqfile and --bfile: both give the panel's frequencies; expected one of them.")
    if frqfile is None and bfile is None:
        if annot:
            raise InputError("--annot: needs the frequencies of the panel's variants. Give --frqfile or --bfile.")
        return None
    # LDSC has the annotations beside the LD scores, under the same prefixes.
    opened = [open_annotation(path) for path in annot or map(Path, ref_ld.split(","))]
    if bfile is not None:
        return annotation_sums(
            PanelWithGenotypes(Panel(bfile, opened), LDScoreConfig()), continuous, n_quantiles, progress
        )
    assert frqfile is not None
    return annotation_sums(PanelWithFrequencies(frqfile, opened), continuous, n_quantiles, progress)


# ---- what comes out


def _record(
    trait: TraitResult, comparisons: tuple[list[list[str]], list[list[str]]], sums: AnnotationSums | None
) -> dict[str, Any]:
    """Everything about a trait for JSON; nan is null."""
    from ambergen.validation.heritability.traits import (
        added_by,
        annotation_table,
        difference_in_tau_star,
        quantile_table,
    )

    joint, paired = comparisons
    result = trait.result
    record: dict[str, Any] = {
        "trait": trait.trait,
        "variants": trait.n_variants,
        "blocks": trait.n_blocks,
        "dropped": trait.dropped,
        "largest_chi2": trait.largest_chi2,
        "constant_annotations": list(trait.constant),
        "h2": _number(result.h2),
        "h2_error": _number(result.h2_error),
        "h2_liability": _number(result.h2 * trait.liability) if trait.liability != 1 else None,
        "h2_liability_error": _number(result.h2_error * trait.liability) if trait.liability != 1 else None,
        "intercept": _number(result.intercept),
        "intercept_error": _number(result.intercept_error),
        "mean_chi2": _number(trait.mean_chi2),
        "lambda_gc": _number(trait.inflation),
        "ratio": _number(trait.ratio),
        "ratio_error": _number(trait.ratio_error),
        "annotations": _rows(annotation_table(trait)),
        "quantiles": _rows(quantile_table(trait)),
        "joint_tests": [{"annotations": one, **vars(added_by(trait, one))} for one in joint],
        "differences": [],
    }
    if sums is not None:
        for first, second in paired:
            found = _test(difference_in_tau_star(trait, first, second, sums))
            record["differences"].append({"first": first, "second": second, **found})
    return record


def _test(found: Test) -> dict[str, float | None]:
    return {name: _number(float(value)) for name, value in vars(found).items()}


def _number(value: float) -> float | None:
    return None if value != value else float(value)


def _rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [
        {str(name): _number(value) if isinstance(value, float) else value for name, value in row.items()}
        for row in frame.to_dict("records")
    ]


def _meta(traits: list[TraitResult]) -> list[dict[str, Any]]:
    from ambergen.validation.heritability.traits import meta_analyses

    return _rows(meta_analyses(traits)) if len(traits) > 1 else []


def _write(out: Path, traits: list[TraitResult], records: list[dict[str, Any]], settings: dict[str, Any]) -> None:
    """The files of all traits, each whole or not at all."""
    from ambergen.atomic import write_json, write_text
    from ambergen.provenance import provenance
    from ambergen.validation.heritability.traits import annotation_table, meta_analyses, quantile_table

    made = provenance(seed=0, device="cpu", dtype="float64", threads=1)
    for trait, record in zip(traits, records, strict=True):
        files = {"results": annotation_table(trait), "quantiles": quantile_table(trait)}
        for ending, frame in files.items():
            if len(frame):
                write_text(out / f"{trait.trait}.{ending}", _tsv(frame))
        delete = trait.result.delete_tau
        write_text(out / f"{trait.trait}.delete", "".join(f"{h2:.12g}\n" for h2 in delete @ trait.m))
        lines = [" ".join(f"{value:.12g}" for value in block) + "\n" for block in delete]
        write_text(out / f"{trait.trait}.part_delete", "".join(lines))
        write_json(out / f"{trait.trait}.json", {"settings": settings, **record, "provenance": made})
    if len(traits) > 1:
        meta = meta_analyses(traits)
        if len(meta):
            write_text(out / "meta.tsv", _tsv(meta))


def _write_page(path: Path, traits: list[TraitResult], records: list[dict[str, Any]], settings: dict[str, Any]) -> None:
    """All traits on one page."""
    from ambergen.provenance import provenance
    from ambergen.report.heritability_page import write_heritability_page
    from ambergen.report.heritability_results import plain_results

    filters = {record["trait"]: {reason: n for reason, n in _dropped(record).items() if n} for record in records}
    made = provenance(seed=0, device="cpu", dtype="float64", threads=1)
    files = {record["trait"]: record["inputs"]["file"] for record in records}
    told = json.dumps({"provenance": made, "settings": settings, "traits": files}, indent=1, ensure_ascii=False)
    write_heritability_page(path, plain_results(traits, filters), path.stem, told)


def _dropped(record: dict[str, Any]) -> dict[str, int]:
    """What was left out of a trait's variants and of the reference, by reason."""
    inputs = record["inputs"]
    own = {"incomplete": inputs["incomplete"], "of an id that came before": inputs["duplicates"], **record["dropped"]}
    return {
        **{f"dropped: {reason}": n for reason, n in own.items()},
        **{f"no reference: {reason}": n for reason, n in inputs["reference_dropped"].items()},
    }


def _tsv(frame: pd.DataFrame) -> str:
    return frame.to_csv(sep="\t", index=False, float_format="%.9g", na_rep="NA")


def _text(trait: TraitResult, record: dict[str, Any]) -> str:
    def with_error(name: str) -> str:
        error = record[f"{name}_error"]
        return f"{_short(record[name])} ({_short(error)})" if error is not None else _short(record[name])

    rows: list[tuple[str, object]] = [
        ("trait", trait.trait),
        ("variants in the regression", f"{trait.n_variants:,} in {trait.n_blocks} blocks"),
        *((f"  {reason}", f"{count:,}") for reason, count in _dropped(record).items() if count),
        ("h2, observed scale", with_error("h2")),
        *((("h2, scale of liability", with_error("h2_liability")),) if record["h2_liability"] is not None else ()),
        ("intercept", with_error("intercept")),
        ("mean chi-square", _short(record["mean_chi2"])),
        ("lambda GC", _short(record["lambda_gc"])),
        *((("ratio", with_error("ratio")),) if record["ratio"] is not None else ()),
        *(("left out, does not vary", name) for name in record["constant_annotations"]),
    ]
    parts = [pairs(rows), _annotation_text(record["annotations"])]
    if record["quantiles"]:
        columns = (
            "Category",
            "Quantile",
            "Prop._SNPs",
            "Prop._h2",
            "Enrichment",
            "Enrichment_std_error",
            "Enrichment_p",
        )
        parts.append(_frame_text(columns, record["quantiles"], left=(0, 1)))
    for one in record["joint_tests"]:
        parts.append(
            f"{', '.join(one['annotations'])} beside all others: chi-square {_short(one['chi2'])} with "
            f"{one['degrees']} degrees of freedom, p = {_short(one['p'])}"
        )
    for one in record["differences"]:
        parts.append(
            f"tau* of {one['first']} minus that of {one['second']}: {_short(one['estimate'])} "
            f"({_short(one['error'])}), p = {_short(one['p'])}"
        )
    return "\n\n".join(parts)


def _annotation_text(rows: list[dict[str, Any]]) -> str:
    columns = ["Category", "Prop._SNPs", "Prop._h2", "Enrichment", "Enrichment_std_error", "Enrichment_p"]
    columns += ["Coefficient", "Coefficient_z-score", "Coefficient_p"]
    columns += ["tau_star", "tau_star_std_error"] if "tau_star" in rows[0] else []
    return _frame_text(columns, rows)


def _frame_text(columns: Any, rows: list[dict[str, Any]], left: tuple[int, ...] = (0,)) -> str:
    return table(columns, [[_short(row[name]) for name in columns] for row in rows], left)


def _meta_text(rows: list[dict[str, Any]]) -> str:
    columns = ("annotation", "quantity", "model", "n", "estimate", "error", "p", "i2")
    return "over all traits\n\n" + _frame_text(columns, rows, left=(0, 1, 2))


def _short(value: Any) -> str:
    """Four digits; NA where there is no value."""
    if value is None:
        return "NA"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


heritability.command("munge")(reported(munge))
heritability.command("annotate")(reported(annotate))
heritability.command("run")(reported(run))
heritability.command("tracks")(reported(tracks))
heritability.command("compare")(reported(compare))
