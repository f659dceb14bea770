"""Which sites are allele-specific: pooled counts, p-values, false discovery rates and labels."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ambergen.errors import InputError
from ambergen.io.allele_counts import SCORE, standard_counts
from ambergen.metrics.false_discovery import benjamini_hochberg
from ambergen.validation.asb.dispersion import MIN_TOTAL, likeliest, overdispersion, reference_bias
from ambergen.validation.asb.imbalance import check_share, imbalance_p

# Further from one half than this, mapping prefers an allele more than sound pipelines let it.
MOST_BIAS = 0.02
# A larger overdispersion is seldom that of sequencing alone.
MUCH_DISPERSION = 0.06
# Sites that an estimate needs at least; fewer move it by more than it is worth.
FEWEST_SITES = 20
VARIANT = ("chrom", "pos", "ref", "alt")
_SEX_AND_ORGANELLES = frozenset({"X", "Y", "M", "MT", "W", "Z", "PT", "MITO"})
_SURELY_ROMAN = frozenset({"II", "III", "IV", "VI", "VII", "VIII", "IX"})


@dataclass(frozen=True)
class LabelRule:
    """When a site is a loss (the reference allele is preferred), a gain or background; published values of AMBER.

    fdr, loss_above, gain_below : a loss has a larger, a gain a smaller share of reference reads, and less than this FDR
    background_fdr : background has more
    min_reads : more reads than this on at least one allele
    accurate_p, accurate_total : what enters the accuracy by margin has a smaller binomial p and more reads, and the
        share of a loss or a gain

    Source: the pipeline published with AMBER, after Wagih et al. (2018), bioRxiv 253427.
    """

    fdr: float = 0.01
    loss_above: float = 0.6
    gain_below: float = 0.4
    background_fdr: float = 0.9
    min_reads: int = 10
    accurate_p: float = 0.01
    accurate_total: int = 50


@dataclass(frozen=True, eq=False)
class Calls:
    """Sites with what their counts say.

    table : one row a variant and track (and factor); where rows were not pooled one row an observation
        ``n_rows`` observations, ``total`` reads, ``ratio`` of them reference, ``effect`` = log2((alt + 1) / (ref + 1)),
        ``p0`` expected ratio, ``p_binomial``, ``p`` (with overdispersion), ``fdr``, ``label`` ("loss", "gain",
        "background" or ""), ``direction`` ("loss", "gain" or ""; the accuracy's rule) and ``status``. Rows whose status
        is not "ok" have nan for all that is tested.
    p0, rho : of the test; of the whole table
    fdr_within : column whose values are families of tests of their own; "" where all rows are one family
    repeated : whether a variant has several rows, of several tracks or because rows were not pooled
    """

    table: pd.DataFrame
    p0: float
    rho: float
    rule: LabelRule
    fdr_within: str
    pooled: bool
    warnings: tuple[str, ...] = field(default=())

    @property
    def repeated(self) -> bool:
        tested = self.table[self.table["status"] == "ok"]
        return bool(tested.duplicated(list(VARIANT)).any())


def call(
    table: pd.DataFrame,
    p0: float | Literal["pair"] | None = None,
    rho: float | Literal["robust"] | None = None,
    rule: LabelRule = LabelRule(),
    pool: bool = True,
) -> Calls:
    """Call allele-specific sites from allelic read counts.

    Parameters
    ----------
    table : one row a site and sample, columns under any of the names of `ambergen.io.allele_counts.ALIASES`
    p0 : expected share of reference reads
        None: estimated, all reference reads over all reads; "pair": so for each pair of reference and alternate base.
    rho : overdispersion of the beta-binomial test; 0: binomial
        None: estimated from rows with at least 30 reads by moments, which allele-specific sites raise, so that calls
        are cautious; "robust": from the median of their deviations. AMBER's own calls have p0 = 0.5 and rho = 0.
    rule : of the labels
    pool : add up the counts of one variant in all individuals, cells and samples, within a track and factor
        Otherwise each row is called alone, and what follows from the calls treats rows of one variant as a cluster.

    Raises
    ------
    FileFormatError
        If the table is malformed.
    InputError
        If p0 has to be estimated and no site has reads on both alleles, if p0 or rho is out of range, or if one
        variant is in the table in both orientations.

    Notes
    -----
    p0 and rho are of rows, before pooling: the counts of one variant in several samples share what is wrong with the
    site, so its rows do not cancel each other's errors, and using the rows' rho for their sum is cautious. Rows with a
    background allelic dosage (BAD) other than 1 are kept with the status "copy_number" and are not tested. Contigs of
    sex and organelles are tested, but p0 and rho are estimated without them.
    """
    rows = standard_counts(table)
    rows = rows.assign(status=_status(rows))
    _refuse_both_orientations(rows)
    warnings: list[str] = []
    usable = (rows["status"] == "ok") & _autosomal(rows["chrom"])
    share, shares = _expected_share(rows, usable, p0, warnings)
    rows["p0"] = shares
    used_rho = _overdispersion(rows[usable], rho, warnings)
    check_share(shares, used_rho)
    if abs(share - 0.5) > MOST_BIAS:
        warnings.append(
            f"The expected share of reference reads is {share:.4f}, more than {MOST_BIAS} from one half: reads of one "
            "allele are lost in mapping. Filter the reads (WASP) or map to personal genomes; p0 corrects only the mean."
        )
    sites = _pooled(rows, warnings) if pool else rows.assign(n_rows=1)
    empty = (sites["status"] == "ok") & (sites["ref_reads"] + sites["alt_reads"] == 0)
    sites["status"] = sites["status"].mask(empty, "no_reads")
    warnings.extend(_counted(sites))
    family = next((name for name in ("track", "tf") if name in sites), "")
    return Calls(_tested(sites, used_rho, rule, family), share, used_rho, rule, family, pool, tuple(warnings))


def _status(rows: pd.DataFrame) -> NDArray:
    status = rows["status"].to_numpy(dtype=object, copy=True)
    ok = status == "ok"
    if "bad" in rows:
        status[ok & rows["bad"].notna().to_numpy() & (rows["bad"] != 1).to_numpy()] = "copy_number"
    return status


def _refuse_both_orientations(rows: pd.DataFrame) -> None:
    ordered = rows["ref"] < rows["alt"]
    alleles = rows["ref"].where(ordered, rows["alt"]) + ">" + rows["alt"].where(ordered, rows["ref"])
    first = rows.groupby(["chrom", "pos", alleles])["ref"].transform("first")
    turned = ((first != rows["ref"]) & (rows["status"] == "ok")).to_numpy()
    if turned.any():
        row = rows.iloc[int(turned.argmax())]
        raise InputError(
            f"allelic counts, {row['chrom']}:{row['pos']}: {row['ref']} is the reference and {row['alt']} the "
            "alternate allele of one row, and the other way round in another; expected one orientation for a variant. "
            "Turn alleles and counts to the genome's reference allele."
        )


def _autosomal(chrom: pd.Series) -> pd.Series:
    stems = chrom.str.replace("^chr", "", case=False, regex=True).str.upper()
    # X is ten where contigs count in Roman numerals.
    apart = _SEX_AND_ORGANELLES - ({"X"} if stems.isin(_SURELY_ROMAN).any() else set())
    return ~stems.isin(apart)


def _expected_share(
    rows: pd.DataFrame, usable: pd.Series, p0: float | Literal["pair"] | None, warnings: list[str]
) -> tuple[float, NDArray[np.float64]]:
    """Of the whole table, and of each row."""
    if isinstance(p0, int | float):
        return float(p0), np.full(len(rows), float(p0))
    chosen = rows[usable]
    try:
        overall = reference_bias(chosen["ref_reads"], chosen["alt_reads"])
    except InputError as error:
        raise InputError(
            f"allelic counts: {len(chosen)} autosomal rows can be tested, none with reads on both alleles, so the "
            "reference bias cannot be estimated; expected counts of heterozygous sites. State p0, for example 0.5."
        ) from error
    if len(chosen) < FEWEST_SITES:
        warnings.append(f"The reference bias comes from {len(chosen)} rows only; state p0 if it is known.")
    shares = np.full(len(rows), overall)
    if p0 == "pair":
        pairs = rows["ref"] + ">" + rows["alt"]
        for pair, part in rows[usable].groupby(pairs[usable]):
            if len(part) >= FEWEST_SITES:
                shares[(pairs == pair).to_numpy()] = reference_bias(part["ref_reads"], part["alt_reads"])
        few = sorted(set(pairs) - {pair for pair, n in pairs[usable].value_counts().items() if n >= FEWEST_SITES})
        if few:
            warnings.append(f"Fewer than {FEWEST_SITES} rows, so the overall p0 holds for: {', '.join(few[:12])}.")
    return overall, shares


def _overdispersion(rows: pd.DataFrame, rho: float | Literal["robust"] | None, warnings: list[str]) -> float:
    total = rows["ref_reads"] + rows["alt_reads"]
    deep = rows[total >= MIN_TOTAL]
    if isinstance(rho, int | float):
        if rho == 0 and len(deep) >= FEWEST_SITES:
            seen = overdispersion(deep["ref_reads"], deep["alt_reads"], deep["p0"])
            inflation = 1 + (float(total[deep.index].mean()) - 1) * seen
            if inflation > 1.25:
                warnings.append(
                    f"Counts are overdispersed (rho {seen:.3f}: {inflation:.1f} times the binomial variance at the "
                    f"mean depth of rows with {MIN_TOTAL} reads or more), so binomial calls have more false positives "
                    "than they state."
                )
        return float(rho)
    if len(deep) >= FEWEST_SITES:
        found = overdispersion(deep["ref_reads"], deep["alt_reads"], deep["p0"], robust=rho == "robust")
        if found > MUCH_DISPERSION:
            warnings.append(
                f"The overdispersion is large (rho {found:.3f}): samples are noisy, or so many sites are "
                "allele-specific that they pass for noise, and few will be called. State rho, or estimate it with "
                "'robust', which a minority of such sites does not move."
            )
        return found
    if len(rows) >= FEWEST_SITES:
        warnings.append(
            f"Only {len(deep)} rows have {MIN_TOTAL} reads or more, so the overdispersion is the likeliest of all "
            "rows; a least count for either allele in their making biases it downwards."
        )
        return likeliest(rows["ref_reads"], rows["alt_reads"], float(rows["p0"].mean()), min_total=1).rho
    warnings.append(
        f"{len(rows)} rows are too few to estimate the overdispersion, so the test is binomial and calls more than it "
        "states. State rho, for example 0.02."
    )
    return 0.0


def _counted(sites: pd.DataFrame) -> list[str]:
    words = {
        "copy_number": "have a background allelic dosage (BAD) other than 1 and are not tested",
        "missing_counts": "have no counts",
        "no_reads": "have counts of 0 on both alleles",
        "unsupported": "have alleles that cannot be scored (symbolic, several, or equal ones)",
    }
    counts = sites["status"].value_counts()
    return [f"{counts[status]:,} of {len(sites):,} rows {text}." for status, text in words.items() if status in counts]


def _pooled(rows: pd.DataFrame, warnings: list[str]) -> pd.DataFrame:
    """One row a variant, track and factor; rows that are not tested stay as they are."""
    ok = rows["status"] == "ok"
    keys = [*VARIANT, *(name for name in ("track", "tf") if name in rows)]
    groups = rows[ok].groupby(keys, sort=False, dropna=False)
    kept = [c for c in rows.columns if c not in {*keys, "ref_reads", "alt_reads", "individual", "cell"}]
    sites = groups[kept].first()
    sites["n_rows"] = groups.size()
    sites[["ref_reads", "alt_reads"]] = groups[["ref_reads", "alt_reads"]].sum()
    scores = [c for c in kept if c.endswith(SCORE)]
    differ = [c for c in scores if (groups[c].nunique() > 1).any()]
    if differ:
        raise InputError(
            f"allelic counts: {', '.join(differ)} differs between rows of one variant and track; expected one score a "
            "variant. Take the scores from a table of their own."
        )
    sites = sites.reset_index()
    several = int((sites["n_rows"] > 1).sum())
    if several:
        warnings.append(
            f"{int(ok.sum()):,} rows are counts of {len(sites):,} sites: those of one variant in several individuals, "
            "cells or samples were added up."
        )
    rest = rows[~ok].assign(n_rows=1)
    both = pd.concat([sites, rest], ignore_index=True) if len(rest) else sites
    return both[[c for c in [*rows.columns, "n_rows"] if c in sites]]


def _tested(sites: pd.DataFrame, rho: float, rule: LabelRule, family: str) -> pd.DataFrame:
    sites = sites.copy()
    ok = (sites["status"] == "ok").to_numpy()
    ref, alt = sites["ref_reads"].to_numpy(), sites["alt_reads"].to_numpy()
    for name in ("total", "ratio", "effect", "p_binomial", "p", "fdr"):
        sites[name] = np.nan
    sites["total"] = ref + alt
    sites.loc[ok, "ratio"] = ref[ok] / (ref + alt)[ok]
    sites.loc[ok, "effect"] = np.log2((alt[ok] + 1) / (ref[ok] + 1))
    p0 = sites["p0"].to_numpy()[ok]
    sites.loc[ok, "p_binomial"] = imbalance_p(ref[ok], alt[ok], p0)
    sites.loc[ok, "p"] = imbalance_p(ref[ok], alt[ok], p0, rho) if rho else sites["p_binomial"][ok]
    families = sites[family].to_numpy(str) if family else np.zeros(len(sites), dtype=str)
    fdr = np.full(len(sites), np.nan)
    for name in np.unique(families):
        fdr[families == name] = benjamini_hochberg(sites["p"].to_numpy()[families == name])
    sites["fdr"] = fdr
    sites["label"], sites["direction"] = _labels(sites, rule)
    last = sites.pop("status")
    return sites.assign(status=last)


def _labels(sites: pd.DataFrame, rule: LabelRule) -> tuple[NDArray, NDArray]:
    """Labels, and directions for the accuracy by margin."""
    ratio, p0 = sites["ratio"].to_numpy(), sites["p0"].to_numpy()
    # An excess that is less than the reference bias favours the other allele.
    reference = (ratio > rule.loss_above) & (ratio > p0)
    alternate = (ratio < rule.gain_below) & (ratio < p0)
    counted = sites[["ref_reads", "alt_reads"]].max(axis=1).to_numpy() > rule.min_reads
    fdr = sites["fdr"].to_numpy()
    called, background = counted & (fdr < rule.fdr), counted & (fdr > rule.background_fdr)
    accurate = (sites["p_binomial"] < rule.accurate_p).to_numpy() & (sites["total"] > rule.accurate_total).to_numpy()
    label = np.select([called & reference, called & alternate, background], ["loss", "gain", "background"], "")
    return label, np.select([accurate & reference, accurate & alternate], ["loss", "gain"], "")
