"""The judgement of a comparison in plain words, from its summary."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import comb
from typing import Any

Record = dict[str, Any]

_SIGNIFICANT = 0.05
_METRICS = {"auroc": "mean AUROC", "average_precision": "mean average precision"}


def sentences(summary: Record) -> list[str]:
    """What a reader should take home, most important first."""
    groups = {g["group"]: g for g in summary["groups"]}
    tests = [t for t in summary["tests"] if t["metric"] == summary["metric"]]
    said = []
    if "searched" not in groups:
        said.append("No searched model could be compared.")
    for family in ("sampled", "matched"):
        said += [_against(groups, t, summary["metric"]) for t in tests if t["b"] == family]
    said += _rivals([t for t in tests if t["b"] not in groups])
    said += _best_of_n(summary["best_of_n"])
    said += _spread(summary["spread"])
    said += _ensembles(summary["models"])
    said += _undefined(summary["tracks"])
    return said


def _against(groups: dict[str, Record], test: Record, metric: str) -> str:
    """Searched against sampled, with what the number of architectures allows to say."""
    a, b = groups["searched"][metric], groups[test["b"]][metric]
    difference = a["mean"] - b["mean"]
    spread = "" if b["sd"] is None else f", s.d. {b['sd']:.3f}"
    rivals = "sampled ones" if test["b"] == "sampled" else "sampled ones of about as many parameters"
    counts = f"{_count(test['n_b'], 'sampled architecture')}, {_count(test['n_a'], 'search', 'searches')}"
    relative = f"{100 * difference / b['mean']:+.1f} %".replace("-", "−")
    verb = "beat" if difference > 0 else "fall short of"
    text = (
        f"Searched models {verb} {rivals} by {abs(difference):.3f} {_METRICS[metric]} ({a['mean']:.3f} against "
        f"{b['mean']:.3f}{spread}; {counts}), which is {relative} of the average random architecture; "
    )
    if test["p"] is None:
        single = "one search" if test["n_a"] == 1 else "one sampled architecture"
        return f"{text}with {single} no p-value can be given."
    p, corrected = (test["p"], "") if test["p_adjusted"] is None else (test["p_adjusted"], ", corrected")
    verdict = "significant" if p < _SIGNIFICANT else "not significant"
    smallest = 2 / comb(test["n_a"] + test["n_b"], test["n_a"])
    few = f"; so few cannot give a p-value below {smallest:.2g}" if smallest > _SIGNIFICANT else ""
    numbers = f"Mann-Whitney, {_p(p)}{corrected}{few}"
    return f"{text}{verdict} with {test['n_a']} against {test['n_b']} architectures ({numbers})."


def _p(p: float) -> str:
    return f"p = {p:.3f}" if p >= 0.001 else f"p = {p:.0e}"


def _rivals(tests: Sequence[Record]) -> Iterator[str]:
    """Single models against the searched ones; an interval that holds 0 is called undecided."""
    for test in tests:
        words = "above" if test["difference"] > 0 else "below"
        words += " the" if test["b"] == "k-mer regression" else ""
        text = f"Searched models are {abs(test['difference']):.3f} {_METRICS[test['metric']]} {words} {test['b']}"
        if test["low"] is not None and test["high"] is not None:
            text += f" (95 % interval {_signed(test['low'])} to {_signed(test['high'])}"
            text += ": undecided)" if test["low"] <= 0 <= test["high"] else ")"
        yield text + "."


def _signed(value: float) -> str:
    return f"{value:+.3f}".replace("-", "−")


def _best_of_n(record: Record | None) -> Iterator[str]:
    """Search against random sampling at equal cost."""
    if not record or record["searched"] is None:
        return
    cost, paid = record["cost"], len(record["n"])
    if record["falls_short"]:
        share = cost[-1] / record["search_cost"]
        where = f"all {paid} trained cost {share:.0%} of one search with its training, so the curve ends short of it"
    else:
        paid = max([n for n, c in zip(record["n"], cost, strict=True) if c <= record["search_cost"]], default=1)
        where = f"{paid} cost as much as one search with its training"
    best = record["expected"][paid - 1]
    difference = record["searched"] - best
    words = "above" if difference > 0 else "below"
    text = (
        f"Against random sampling at its cost: the best of {paid} sampled architectures is expected at {best:.3f} by "
        f"test score"
    )
    if record["chosen_by_selection"] is not None:
        text += f" ({record['chosen_by_selection'][paid - 1]:.3f} when the selection split chooses it)"
    yield f"{text}; searched models are {abs(difference):.3f} {words} ({where})."


def _spread(record: Record | None) -> Iterator[str]:
    if not record:
        return
    seeds, architectures = record["seeds_sd"], record["architectures_sd"]
    if seeds is not None and architectures is not None:
        yield (
            f"The same architecture trained with another seed moves by {seeds:.3f} (s.d.), another architecture by "
            f"{architectures:.3f}."
        )
    if record["architectures_needed"] is not None:
        yield (
            f"A true difference of {abs(record['difference']):.3f} would need {record['architectures_needed']:,} "
            "architectures on either side to be found with 80 % probability."
        )


def _ensembles(models: Sequence[Record]) -> Iterator[str]:
    for model in models:
        if model["group"] == "ensemble":
            score = f"{model['auroc']['mean']:.3f} {_METRICS['auroc']}"
            yield f"{model['model'].capitalize()} ({len(model['seeds'])} models together): {score}."


def _undefined(tracks: Record) -> Iterator[str]:
    names = [t["track"] for t in tracks["undefined"]]
    if names:
        shown = ", ".join(names[:10]) + (f" and {len(names) - 10:,} more" if len(names) > 10 else "")
        yield f"Means leave out {_count(len(names), 'track')} with too few positives or negatives: {shown}."


def _count(n: int, one: str, several: str | None = None) -> str:
    return f"{n:,} {one if n == 1 else several or one + 's'}"
