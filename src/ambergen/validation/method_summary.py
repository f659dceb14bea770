"""What follows from searches by several methods: curves, tests, and the result in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ambergen.datasets.store import Store
from ambergen.metrics.comparison import Interval, best_of, compare_groups, holm, mean_interval, variance_components
from ambergen.metrics.objectives import scale
from ambergen.metrics.ranking import Ranking, defined, mean_defined
from ambergen.models.summary import child_parameters, multiply_adds
from ambergen.runs.config import SHARED, SearchConfig
from ambergen.seeds import generator
from ambergen.spaces.reading import space_from_dict
from ambergen.validation.method_costs import kept_back
from ambergen.validation.method_records import Begun, Found, Key, MethodsConfig, Record, Setup, at_costs
from ambergen.validation.scoring import METRICS, Scored
from ambergen.validation.summary import MINIMUM

REFERENCE = "random"
_POINTS = 60
"""Costs at which curves are averaged over seeds."""


def summarise(
    setup: Setup,
    config: MethodsConfig,
    begun: Begun,
    found: dict[Key, Found],
    scored: dict[str, list[Scored]],
    failures: list[Record],
) -> Record:
    """The comparison as JSON can hold it, methods in the order of their mean test score."""
    store, base = setup.store, setup.search
    searches = [
        _search_record(store, method, k, one, scored[one.id], base.objective)
        for (method, k), one in found.items()
        if one.id in scored
    ]
    methods = [_method_record(m, [s for s in searches if s["method"] == m], base) for m in config.methods]
    methods = sorted((m for m in methods if m["n"]), key=lambda m: -m["test"]["mean"])
    summary: Record = {
        "format": 1,
        "objective": base.objective,
        "budget": {"text": str(config.budget), "device_seconds": config.budget.amount},
        "finalist_seconds": begun.finalist_seconds,
        "kept_back": {m: kept_back(setup, config, m, begun) for m in config.methods},
        "finalists": base.finalists,
        "seeds": config.seeds,
        "store": store.checksum,
        "searches": searches,
        "methods": methods,
        "curves": {m["method"]: _curve_record(m["method"], found, base.objective) for m in methods},
        # with rungs most of random search's trials are stopped early, and none of them is a sample of the whole
        "best_of_n": None if base.rungs.epochs else _best_of_n(found),
        "tests": _tests(searches, methods, base.objective),
        "spread": _spread(searches, base.objective),
        "failures": failures,
    }
    return {**summary, "sentences": list(sentences(summary))}


def _figures(scored: Sequence[tuple[Ranking, NDArray[np.float64]]], objective: str) -> dict[str, list[float]]:
    """The means over tracks of every training, by metric; the objective of the searches is one of them."""
    figures: dict[str, list[float]] = {name: [] for name in dict.fromkeys((*METRICS, objective))}
    for ranked, values in scored:
        enough = defined(ranked.positives, ranked.negatives, MINIMUM)
        for name, means in figures.items():
            means.append(mean_defined(values if name == objective else getattr(ranked, name), enough))
    return figures


def _search_record(store: Store, method: str, k: int, one: Found, scored: list[Scored], objective: str) -> Record:
    space = space_from_dict(one.space)
    architecture = space.read(one.architecture)
    size = store.n_tracks, store.length, store.alphabet.n_symbols
    return {
        "method": method,
        "seed": k,
        "architecture": one.id,
        "trials": one.n_trials,
        "failed": one.n_failed,
        "device_seconds": one.cost.device_seconds,
        "finalist_selection": one.selection,
        "parameters": child_parameters(space, architecture, *size),
        "multiply_adds": multiply_adds(space, architecture, *size),
        "test": _figures([(s.test, s.objective["test"]) for s in scored], objective),
        "selection": _figures([(s.selection, s.objective["selection"]) for s in scored], objective),
    }


def _method_record(method: str, searches: list[Record], base: SearchConfig) -> Record:
    if not searches:
        return {"method": method, "n": 0}
    costs, objective = [s["device_seconds"] for s in searches], base.objective
    n_trials = float(np.mean([s["trials"] for s in searches]))
    first = {"evolution": base.evolution.population, "hierarchical": base.hierarchical.initial}.get(method)
    return {
        "method": method,
        "kind": "shared" if method in SHARED else "stand-alone",
        "n": len(searches),
        "test": _interval([np.mean(s["test"][objective]) for s in searches], objective),
        "selection": _interval([np.mean(s["selection"][objective]) for s in searches], objective),
        "finalist_selection": _interval([s["finalist_selection"] for s in searches], objective),
        "trials": n_trials,
        "device_seconds": {"mean": float(np.mean(costs)), "low": min(costs), "high": max(costs)},
        "parameters": float(np.mean([s["parameters"] for s in searches])),
        "random_start": first,
    }


def _interval(values: Sequence[Any], objective: str) -> Record:
    interval = _mean_interval(np.array(values, float), objective)
    sd = float(np.std(values, ddof=1)) if len(values) > 1 else None
    return {"mean": interval.estimate, "low": interval.low, "high": interval.high, "sd": sd}


def _mean_interval(values: NDArray[np.float64], objective: str) -> Interval:
    """Within the range of the objective, which a mean cannot leave; Student's interval of two or three values does."""
    interval, known = mean_interval(values), scale(objective)
    return Interval(interval.estimate, *np.clip([interval.low, interval.high], known.low, known.high).tolist())


def _curve_record(method: str, found: dict[Key, Found], objective: str) -> Record:
    """Mean over seeds of what a method held for the best, with its interval, on a grid of costs."""
    curves = [one.curve for (name, _), one in found.items() if name == method and len(one.curve)]
    if not curves:
        return {"cost": [], "mean": [], "low": [], "high": []}
    first, last = max(c[0, 0] for c in curves), min(c[-1, 0] for c in curves)
    # Where not every search has a first score, or one has ended, a mean would be of other searches than before.
    grid = np.linspace(first, max(first, last), _POINTS)
    values = np.stack([at_costs(c, grid) for c in curves])
    intervals = [_mean_interval(column, objective) for column in values.T]
    return {
        "cost": grid.tolist(),
        "mean": [i.estimate for i in intervals],
        "low": [i.low for i in intervals],
        "high": [i.high for i in intervals],
    }


def _best_of_n(found: dict[Key, Found]) -> Record | None:
    """Exact expected best of n random architectures, of all that the random searches trained."""
    ones = [one for (method, _), one in found.items() if method == REFERENCE]
    if not ones or not sum(len(one.scores) for one in ones):
        return None
    curve = best_of(np.concatenate([o.scores for o in ones]), np.concatenate([o.costs for o in ones]))
    return {"n": curve.n.tolist(), "expected": curve.figure.tolist(), "cost": curve.cost.tolist()}


def _tests(searches: list[Record], methods: list[Record], metric: str) -> list[Record]:
    """Every method against random search, corrected for their number."""

    def figures(method: str) -> NDArray[np.float64]:
        return np.array([np.mean(s["test"][metric]) for s in searches if s["method"] == method])

    names = [m["method"] for m in methods]
    if REFERENCE not in names:
        return []
    tests = []
    for name in names:
        if name == REFERENCE:
            continue
        compared = compare_groups(figures(name), figures(REFERENCE), generator(0, "methods", name))
        tested = compared.mann_whitney
        tests.append(
            {
                "method": name,
                "n": compared.n_a,
                "n_random": compared.n_b,
                "difference": compared.difference.estimate,
                "low": compared.difference.low,
                "high": compared.difference.high,
                "superiority": compared.superiority,
                "p": None if tested is None else tested.p,
                "smallest_p": None if tested is None else tested.smallest_p,
                "p_adjusted": None,
            }
        )
    known = [t for t in tests if t["p"] is not None]
    for test, adjusted in zip(known, holm([t["p"] for t in known]) if known else (), strict=True):
        test["p_adjusted"] = float(adjusted)
    return tests


def _spread(searches: list[Record], metric: str) -> Record:
    figures = {s["architecture"]: s["test"][metric] for s in searches}
    parts = variance_components(
        [f for values in figures.values() for f in values], [a for a, values in figures.items() for _ in values]
    )
    return {"seeds_sd": parts.seed_sd, "architectures_sd": parts.architecture_sd}


_FAR = 0.1
"""Share of the budget by which a method may miss it before that is said."""


def sentences(summary: Record) -> Iterator[str]:
    """The result in words, most important first."""
    methods, metric = summary["methods"], f"mean {scale(summary['objective']).label}"
    searches = f"{summary['seeds']} searches" if summary["seeds"] > 1 else "one search"
    ranked = ", ".join(f"{m['method']} {m['test']['mean']:.4f}" for m in methods)
    yield (
        f"At {summary['budget']['text'].removesuffix(' device')} of device time a search, with everything counted, the "
        f"winners of {searches} a method score on the test split ({metric}): {ranked}."
    )
    yield from _against_random(summary)
    yield _kept_back(summary)
    yield from _costs(summary)
    spread = summary["spread"]
    if spread["seeds_sd"] == spread["seeds_sd"]:
        yield f"Training one winner with another seed moves its figure by {spread['seeds_sd']:.4f} (s.d.)."
    if {m["kind"] for m in methods} == {"shared", "stand-alone"}:
        yield (
            "Scores with shared weights are not those of networks trained alone, so that the two kinds of methods have "
            "curves of their own; what can be compared is the winners."
        )
    for failure in summary["failures"]:
        which = "" if failure["method"] is None else f"{failure['method']}, seed {failure['seed']}: "
        yield f"Failed and left out: {which}{failure['reason']}"


def _against_random(summary: Record) -> Iterator[str]:
    if [m["method"] for m in summary["methods"]] == [REFERENCE]:
        yield "Random search was the only method, so that there is nothing to compare it with."
    elif not summary["tests"]:
        yield "Random search was not among the methods, so that nothing is said of whether a search pays at all."
    for test in summary["tests"]:
        several = max(test["n"], test["n_random"]) > 1  # the estimate is Hodges and Lehmann's
        what = "median difference of two searches " if several else ""
        text = f"{test['method']} against random search: {what}{test['difference']:+.4f}"
        if test["p"] is None:
            yield f"{text}; one search is one sample, from which nothing follows."
            continue
        verdict = "better" if test["difference"] > 0 else "worse"
        clear = test["p_adjusted"] < 0.05
        few = f"; {test['n']} and {test['n_random']} searches cannot give p below {test['smallest_p']:.2g}"
        yield (
            f"{text} ({test['low']:+.4f} to {test['high']:+.4f}), "
            f"{f'significantly {verdict}' if clear else 'which may be chance'} (a search of it is better than a random "
            f"one with probability {test['superiority']:.2f}; Mann-Whitney p = {test['p']:.2g}, corrected "
            f"{test['p_adjusted']:.2g}{few if test['smallest_p'] > 0.05 else ''})."
        )


def _kept_back(summary: Record) -> str:
    kept = summary["kept_back"]

    def listed(methods: list[str]) -> str:
        return ", ".join(f"{kept[method]:.3g} of {method}" for method in methods)

    shared, alone = [m for m in kept if m in SHARED], [m for m in kept if m not in SHARED]
    parts = []
    if shared:
        parts.append(f"{listed(shared)}, where the best are rated again and finalists are trained")
    if alone:
        parts.append(f"{listed(alone)}, where finalists are trained already and only scored")
    return f"Kept back of a search's device seconds for its finalists: {'; '.join(parts)}."


def _costs(summary: Record) -> Iterator[str]:
    budget = summary["budget"]["device_seconds"]
    for m in summary["methods"]:
        off = m["device_seconds"]["mean"] / budget - 1
        if abs(off) > _FAR:
            yield (
                f"{m['method']} spent {m['device_seconds']['mean']:,.4g} device seconds a search, {abs(off):.0%} "
                f"{'more' if off > 0 else 'less'} than the budget of {budget:,.4g}."
            )
        if m["random_start"] is not None and m["trials"] <= m["random_start"]:
            yield (
                f"{m['method']} begins with {m['random_start']} random candidates, and the budget paid for "
                f"{m['trials']:.0f}: here it was a random search. Lower its "
                f"{'population' if m['method'] == 'evolution' else 'initial'}, or raise the budget."
            )
