"""The page of an evaluation of allele-specific binding."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
from markupsafe import Markup

from ambergen.atomic import write_text
from ambergen.errors import InputError
from ambergen.io.allele_counts import SCORE
from ambergen.metrics.proportions import wilson
from ambergen.report.asb_figures import (
    coverage_figure,
    direction_figure,
    imbalance_figure,
    margins_figure,
    roc_figure,
)
from ambergen.report.canvas import LINES
from ambergen.report.sentences import interval_text, known, score_text
from ambergen.validation.asb.calls import Calls
from ambergen.validation.asb.evaluation import CONVENTION, OWN, SHARED, Evaluation
from ambergen.validation.asb.records import sentences

# Variants that are shown alone where none is asked for.
N_CARDS = 6


def write_asb_page(
    path: Path, name: str, calls: Calls, evaluation: Evaluation, cards: Sequence[str] = (), made: str = ""
) -> None:
    """Write the page; it is replaced at once or not at all.

    Parameters
    ----------
    name : of the page
    cards : variants that are shown alone, by identifier or CONTIG:POSITION; empty: those that tell scorers apart
    made : how it was made, one line for the end of the page

    Raises
    ------
    InputError
        If a variant of `cards` is not among the sites.
    """
    chosen = choose_cards(evaluation, cards)  # first, since it may refuse
    loader = jinja2.FileSystemLoader(Path(__file__).parent)
    environment = jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined)
    page = environment.get_template("asb.html.j2").render(
        name=name, made=made, **_context(calls, evaluation), cards=chosen
    )
    write_text(path, page)


def _context(calls: Calls, evaluation: Evaluation) -> dict[str, Any]:
    labels = calls.table["label"].value_counts()
    tested = int((calls.table["status"] == "ok").sum())
    facts = [
        ("sites tested", f"{tested:,}"),
        ("of all sites", f"{len(calls.table):,}"),
        ("gains (alternate preferred)", f"{labels.get('gain', 0):,}"),
        ("losses (reference preferred)", f"{labels.get('loss', 0):,}"),
        ("background", f"{labels.get('background', 0):,}"),
        ("expected share of reference reads, p0", f"{calls.p0:.4f}"),
        ("overdispersion, rho", f"{calls.rho:.4f}" if calls.rho else "0 (binomial)"),
        ("false discovery rate within", f"each {calls.fdr_within}" if calls.fdr_within else "the whole table"),
    ]
    figures = evaluation.figures
    subsets = [subset for subset in ("all", "held_out") if (figures["subset"] == subset).any()]
    directed = figures[(figures["subset"] == "all") & (figures["rows"] == SHARED)]["direction_auroc"].notna().any()
    return {
        "sentences": sentences(calls, evaluation),
        "warnings": evaluation.warnings,
        "convention": CONVENTION,
        "rule": calls.rule,
        "facts": facts,
        "subsets": [
            {
                "name": {"all": "All sites", "held_out": "Sites outside the training data"}[subset],
                "rows": [
                    _row(row, number)
                    for kind in (SHARED, OWN)
                    for number, (_, row) in enumerate(
                        figures[(figures["subset"] == subset) & (figures["rows"] == kind)].iterrows()
                    )
                    if kind == SHARED or _differs(figures, subset, row)
                ],
            }
            for subset in subsets
        ],
        "pairs": [_pair(row) for _, row in evaluation.pairs.iterrows()],
        "tracks": _tracks(evaluation),
        "scorers": evaluation.scorers,
        "direction": Markup(direction_figure(evaluation)) if directed else None,
        "roc": Markup(roc_figure(evaluation)) if directed else None,
        "coverage": Markup(coverage_figure(evaluation)) if len(evaluation.coverage) else None,
        "margins": Markup(margins_figure(evaluation.margins)) if len(evaluation.margins) else None,
        "imbalance": Markup(imbalance_figure(evaluation.sites, calls.p0)),
    }


def _differs(figures: pd.DataFrame, subset: str, row: pd.Series) -> bool:
    """Whether a scorer has more sites than those that all scored."""
    same = figures[(figures["subset"] == subset) & (figures["rows"] == SHARED) & (figures["scorer"] == row["scorer"])]
    return bool(same["n_scored"].iloc[0] != row["n_scored"])


def _row(row: pd.Series, number: int) -> dict[str, str]:
    return {
        "scorer": row["scorer"],
        "own": "all that it scored" if row["rows"] == OWN else "",
        "colour": LINES[number % len(LINES)],
        "n": f"{row['n_gain']} + {row['n_loss']}",
        "scored": f"{row['n_scored']:,}",
        "share": f"{row['coverage']:.1%}" if known(row["coverage"]) else "–",
        "direction": score_text(row["direction_auroc"]),
        "interval": interval_text(row["direction_low"], row["direction_high"]),
        "loss": score_text(row["loss_auroc"]),
        "gain": score_text(row["gain_auroc"]),
        "accuracy": score_text(row["accuracy"]),
        "accuracy_interval": interval_text(row["accuracy_low"], row["accuracy_high"]),
        "half": score_text(row["accuracy_ties_half"]),
        "ties": f"{row['n_ties']:,} ties" if row["n_ties"] else "",
        "spearman": score_text(row["spearman"]).replace("-", "−"),
        "likelihood": score_text(row["log_likelihood_gain"]),
    }


def _pair(row: pd.Series) -> dict[str, str]:
    def p(name: str) -> str:
        return f"{row[name]:.2g}" if known(row[name]) else "–"

    def signed(value: float) -> str:
        return f"{value:+.3f}".replace("-", "−") if known(value) else "–"

    interval = f"{signed(row['low'])} to {signed(row['high'])}" if known(row["low"]) else ""
    return {
        "name": f"{row['b']} – {row['a']}",
        "difference": signed(row["difference"]),
        "interval": interval,
        "delong": p("delong_p_adjusted"),
        "bootstrap": p("bootstrap_p_adjusted"),
        "only": f"{row['only_b']} : {row['only_a']}",
        "mcnemar": p("mcnemar_p_adjusted"),
        "tracks": f"{row['n_tracks']}",
        "wilcoxon": p("wilcoxon_p_adjusted"),
    }


def _tracks(evaluation: Evaluation) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for track, part in evaluation.tracks.groupby("track", sort=False) if len(evaluation.tracks) else ():
        first = part.iloc[0]
        rows.append(
            {
                "track": track,
                "n": f"{first['n_gain']} + {first['n_loss']}",
                "background": f"{first['n_background']:,}",
                "scores": [score_text(value) for value in part["direction_auroc"]],
                "accuracies": [score_text(value) for value in part["accuracy_ties_half"]],
            }
        )
    return rows


# ---- one variant


def choose_cards(evaluation: Evaluation, wanted: Sequence[str] = ()) -> list[dict[str, Any]]:
    """What the page shows of single variants.

    Parameters
    ----------
    wanted : identifiers or CONTIG:POSITION; empty: called sites, those first at which scorers disagree, then by p-value

    Raises
    ------
    InputError
        If one is not among the sites.
    """
    sites = evaluation.sites
    places = sites["chrom"].astype(str) + ":" + sites["pos"].astype(str)
    if wanted:
        rows: list[Any] = []
        for name in wanted:
            match = (places == name) | ((sites["id"] == name) if "id" in sites else False)
            if not match.any():
                raise InputError(
                    f"--card {name}: is not among the sites; expected an identifier of the column id (rsid), or "
                    "CONTIG:POSITION. Check the spelling."
                )
            rows.extend(sites[match].itertuples(index=True))
        chosen = sites.loc[[row.Index for row in rows]]
    else:
        called = sites[sites["label"].isin(["gain", "loss"])]
        columns = [f"{name}{SCORE}" for name in evaluation.scorers]
        up = called["label"] == "gain"
        right = pd.DataFrame({c: (called[c] > 0) & up | (called[c] < 0) & ~up for c in columns}).sum(axis=1)
        wrong = pd.DataFrame({c: (called[c] < 0) & up | (called[c] > 0) & ~up for c in columns}).sum(axis=1)
        divided = (right > 0) & (wrong > 0)
        order = called.assign(divided=~divided).sort_values(["divided", "p"], kind="stable")
        chosen = sites.loc[order.index[:N_CARDS]]
    return [_card(row, evaluation.scorers) for _, row in chosen.iterrows()]


def _card(site: pd.Series, scorers: Sequence[str]) -> dict[str, Any]:
    tested = site["status"] == "ok"
    total = site["total"] if tested else 0
    place = f"{site['chrom']}:{site['pos']:,}"
    of = [str(site[column]) for column in ("tf", "track") if column in site.index and site[column]]
    share = "not tested"
    if tested:
        found = wilson(site["alt_reads"], int(total))
        share = f"{found.estimate:.1%} of reads alternate ({found.low:.1%} to {found.high:.1%})"
    preferred = None
    if tested and site["ratio"] != site["p0"]:
        preferred = "ref" if site["ratio"] > site["p0"] else "alt"
    return {
        "name": site.get("id") or place,
        "place": " · ".join([*([place] if site.get("id") else []), *of]),
        "label": site["label"],
        "alleles": [
            {
                "name": site[allele],
                "role": role,
                "reads": f"{site[f'{allele}_reads']:,.0f}" if tested else "–",
                "width": f"{100 * site[f'{allele}_reads'] / total:.1f}" if tested else "0",
                "preferred": preferred == allele,
            }
            for allele, role in (("ref", "reference"), ("alt", "alternate"))
        ],
        "share": share,
        "p": f"p = {site['p']:.2g}, FDR {site['fdr']:.2g}" if tested else site["status"],
        "scores": [_verdict(site, name, preferred) for name in scorers],
    }


def _verdict(site: pd.Series, name: str, preferred: str | None) -> dict[str, str]:
    value = site[f"{name}{SCORE}"]
    if not known(value):
        return {"name": name, "score": "–", "sign": "none", "words": "no score"}
    chosen = "alt" if value > 0 else "ref" if value < 0 else ""
    words = f"prefers {site[chosen]}" if chosen else "no preference"
    sign = "none" if not chosen or preferred is None else "right" if chosen == preferred else "wrong"
    return {"name": name, "score": f"{value:+.3g}".replace("-", "−") if value else "0", "sign": sign, "words": words}
