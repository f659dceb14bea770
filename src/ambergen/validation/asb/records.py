"""An evaluation as plain values and as sentences, for files, the terminal and the page."""

from __future__ import annotations

import math
from typing import Any

from ambergen.validation.asb.calls import Calls
from ambergen.validation.asb.evaluation import CONVENTION, SHARED, Evaluation
from ambergen.validation.json_values import plain


def record(calls: Calls, evaluation: Evaluation) -> dict[str, Any]:
    """Values that JSON can hold; nan is null."""
    labels = calls.table["label"].value_counts()
    return {
        "convention": CONVENTION,
        "calls": {
            "p0": calls.p0,
            "rho": calls.rho,
            "rule": vars(calls.rule),
            "fdr_within": calls.fdr_within or None,
            "pooled": calls.pooled,
            "n_sites": len(calls.table),
            "n_tested": int((calls.table["status"] == "ok").sum()),
            **{f"n_{label}": int(labels.get(label, 0)) for label in ("gain", "loss", "background")},
        },
        "scorers": list(evaluation.scorers),
        "sentences": sentences(calls, evaluation),
        "figures": plain(evaluation.figures.to_dict("records")),
        "tracks": plain(evaluation.tracks.to_dict("records")),
        "pairs": plain(evaluation.pairs.to_dict("records")),
        "margins": plain(evaluation.margins.to_dict("records")),
        "warnings": list(evaluation.warnings),
    }


def sentences(calls: Calls, evaluation: Evaluation) -> list[str]:
    """The findings in plain words, most important first."""
    figures = evaluation.figures
    main = figures[(figures["subset"] == "all") & (figures["rows"] == SHARED)].reset_index(drop=True)
    tested = int((calls.table["status"] == "ok").sum())
    first = main.iloc[0]
    n_gain, n_loss = int(first["n_gain"]), int(first["n_loss"])
    said = []
    if main["direction_auroc"].isna().all():
        said.append(
            f"No scorer can be judged by direction: of {tested:,} tested sites that all scored, {n_gain} prefer the "
            f"alternate and {n_loss} the reference allele."
        )
    else:
        best = main.iloc[int(main["direction_auroc"].argmax())]
        low, high = best["direction_low"], best["direction_high"]
        interval = f" (95% interval {low:.3f} to {high:.3f})" if not math.isnan(low) else ""
        lead = f"Of {len(main)} scorers {best['scorer']} tells best" if len(main) > 1 else f"{best['scorer']} tells"
        said.append(
            f"{lead} which allele is bound more: direction AUROC {best['direction_auroc']:.3f}{interval} on {n_gain} "
            f"gains and {n_loss} losses, the right sign at {best['accuracy']:.1%} of them."
        )
    for _, pair in evaluation.pairs.iterrows():
        p, test = pair["delong_p_adjusted"], "DeLong"
        if math.isnan(p):
            p, test = pair["bootstrap_p_adjusted"], "cluster bootstrap"
        said.append(
            f"{pair['b']} against {pair['a']}: {pair['difference']:+.3f} in direction AUROC"
            + (f" ({pair['low']:+.3f} to {pair['high']:+.3f})" if not math.isnan(pair["low"]) else "")
            + (f", p = {p:.2g} ({test}, Holm)." if not math.isnan(p) else "; too few blocks of the genome for a test.")
        )
    return said
