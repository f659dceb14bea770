"""Search methods on one data set at equal cost: searches with several seeds each, one final recipe, one test.

Everything counts: device seconds of shared weights, of ratings and of finalists. A search is a job of the executor and
holds one worker, so that a device second is the same thing for all methods. Its folder is a run directory of its own,
which continues by itself; what is finished is read.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from ambergen.atomic import write_json
from ambergen.budgets import Budget
from ambergen.cost import Cost
from ambergen.datasets.store import Store
from ambergen.errors import ConfigError, RunError, StoreError
from ambergen.executors.base import Executor
from ambergen.executors.inline import InlineExecutor
from ambergen.metrics.comparison import best_of, compare_groups, holm, mean_interval, variance_components
from ambergen.metrics.ranking import Ranking, defined, mean_defined
from ambergen.models.summary import child_parameters, multiply_adds
from ambergen.progress import SILENT, Progress
from ambergen.runs.config import SHARED, Method, SearchConfig
from ambergen.runs.events import read_events
from ambergen.runs.loop import search
from ambergen.runs.methods import searched_space
from ambergen.seeds import generator
from ambergen.settings import differences, plain_data
from ambergen.spaces.base import SearchSpace
from ambergen.spaces.reading import space_from_dict
from ambergen.training.config import TrainConfig
from ambergen.training.jobs import TrainingJob, train_network
from ambergen.training.precision import default_device, resolve
from ambergen.validation.compare import plain
from ambergen.validation.scoring import METRICS, Scored, score_network
from ambergen.validation.summary import MINIMUM

FOLDER, SUMMARY, SETTINGS = "methods", "methods.json", "settings.json"
METHODS: tuple[str, ...] = get_args(Method)
REFERENCE = "random"
_CALIBRATED = 3
"""Sampled architectures whose short training tells what finalists will cost."""
_POINTS = 60
"""Costs at which curves are averaged over seeds."""

Record = dict[str, Any]


@dataclass(frozen=True)
class MethodsConfig:
    """What is compared.

    methods : names of search methods
    budget : of one search with everything in it, as device seconds; a time of the wall clock is taken as such
    seeds : independent searches of each method
    """

    methods: tuple[str, ...]
    budget: Budget
    seeds: int = 3

    def __post_init__(self) -> None:
        for name in self.methods:
            if name not in METHODS:
                near = get_close_matches(name, METHODS, n=1)
                hint = f" Did you mean {near[0]!r}?" if near else ""
                raise ConfigError(
                    f"methods: {name!r} is not a search method; expected some of {', '.join(METHODS)}.{hint}"
                )
        if not self.methods or len(set(self.methods)) != len(self.methods):
            raise ConfigError(f"methods are {', '.join(self.methods) or 'none'}; expected at least one, each once.")
        if self.seeds < 1:
            raise ConfigError(f"seeds is {self.seeds}; expected at least 1.")
        if self.budget.unit not in ("seconds", "device_seconds"):
            raise ConfigError(
                f"the budget is {self.budget}; expected a time, such as '10min device', for {self.budget.unit} of one "
                "method are not those of another. Methods are compared at equal cost."
            )
        object.__setattr__(self, "budget", Budget(self.budget.amount, "device_seconds"))


# ---- one search, in a worker


@dataclass(frozen=True)
class SearchJob:
    """One search in a folder of its own; a finished one is read, an unfinished one continued."""

    store: Path
    space: Record
    config: SearchConfig
    out: Path
    dtype: str


@dataclass(frozen=True)
class Found:
    """What one search gave.

    space, architecture : of the winner, as plain data
    selection : score of the winner after its short training alone, on the selection split
    curve : (n, 2), device seconds and the score of what the search held for the best by then, on the search split
    scores, costs : of all trials that succeeded, in the order of the log
    cost : of everything
    """

    space: Record
    architecture: Record
    id: str
    selection: float | None
    n_trials: int
    n_failed: int
    curve: NDArray[np.float64]
    scores: NDArray[np.float64]
    costs: NDArray[np.float64]
    cost: Cost


def run_search(job: SearchJob) -> Found:
    """Do the search of `job` with this process as its one worker."""
    store, space = Store.open(job.store), space_from_dict(job.space)
    with InlineExecutor() as executor:
        result = search(space, store, job.config, job.out, executor, dtype=job.dtype)
    done = [t for t in result.trials if t.score is not None]
    best = next(f for f in result.finalists if f.architecture == result.architecture)
    return Found(
        result.space.to_dict(),
        result.architecture.to_dict(),
        result.architecture.id,
        best.stand_alone_score,
        len({t.number for t in result.trials}),
        len(result.trials) - len(done),
        anytime(list(read_events(job.out / "events.jsonl"))),
        np.array([t.score for t in done], float),
        np.array([t.cost.device_seconds for t in done]),
        result.cost,
    )


def anytime(events: Sequence[Record]) -> NDArray[np.float64]:
    """(n, 2) device seconds, and the score of what a search held for the best by then, from its event log.

    Trials of stand-alone searches are paid one by one, those of shared weights with the round they are in. Of trials on
    several rungs the best of the highest rung counts, whose score may be lower than one on a rung below.
    """
    trials = [e for e in events if e["event"] == "trial"]
    points: list[tuple[float, float]] = []
    best: tuple[int, float] | None = None
    if any(t["evaluator"] == "shared" for t in trials):
        paid = {e["step"]: e["cost"]["device_seconds"] for e in events if e["event"] == "step"}
        # what was rated after the last whole round has no cost yet
        trials = sorted((t for t in trials if t["step"] in paid), key=lambda t: t["step"])
    spent = 0.0
    for trial in trials:
        spent = paid[trial["step"]] if trial["evaluator"] == "shared" else spent + trial["cost"]["device_seconds"]
        if trial["score"] is None:
            continue
        held = trial.get("rung", 0), trial["score"]
        if best is None or held > best:
            best = held
            points.append((spent, trial["score"]))
    if points and spent > points[-1][0]:
        points.append((spent, points[-1][1]))
    return np.array(points, float).reshape(-1, 2)


def at_costs(curve: NDArray[np.float64], costs: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n,) score of a step curve at each cost; nan before its first point.

    Parameters
    ----------
    curve : (m, 2), cost and score
    costs : (n,)
    """
    place = np.searchsorted(curve[:, 0], costs, side="right") - 1
    return np.where(place < 0, np.nan, curve[np.maximum(place, 0), 1]) if len(curve) else np.full(len(costs), np.nan)


# ---- all of them


@dataclass(frozen=True)
class Setup:
    """What all methods have in common.

    search : settings of the searches; the k-th search of each method has the seed `search.seed` + k
    train : the final recipe, `train_seeds` times for each winner
    """

    space: SearchSpace
    store: Store
    search: SearchConfig
    train: TrainConfig
    train_seeds: int = 1


def compare_methods(
    setup: Setup, config: MethodsConfig, executor: Executor, out: Path, progress: Progress = SILENT
) -> Record:
    """Run every method with every seed, train all winners the same way, measure them once on the test split.

    Parameters
    ----------
    executor : runs whole searches, one a worker
    out : run directory; searches are in ``methods/METHOD/seedK``, models in ``methods/models``

    Returns
    -------
    As in ``methods.json``, which is written into `out`.

    Raises
    ------
    ConfigError
        If the folder holds searches of other settings, or the budget does not pay for the finalists.
    RunError
        If no search, or no final training, succeeded.
    """
    folder = out / FOLDER
    begun = _begin(setup, config, folder, executor, progress)
    jobs = {
        (method, k): SearchJob(
            setup.store.path,
            setup.space.to_dict(),
            replace(_search_config(setup, config, method, begun), seed=setup.search.seed + k),
            folder / method / f"seed{k}",
            begun.dtype,
        )
        for k in range(config.seeds)
        for method in config.methods
    }
    found, failures = _searches(jobs, executor, progress)
    if not found:
        raise RunError(f"{folder}: no search succeeded. {failures[0]['reason']}")
    # Only now, when no search can learn from it any more, is the test split looked at.
    final = _final_jobs(setup, found, folder / "models", begun.final_dtype)
    scored, untrained = _train_winners(final, executor, progress)
    if not scored:
        raise RunError(f"{folder}: no winner could be trained. {untrained[0]['reason']}")
    summary = plain(summarise(setup, config, begun, found, scored, [*failures, *untrained]))
    write_json(out / SUMMARY, summary)
    return summary


Key = tuple[str, int]


def _searches(
    jobs: dict[Key, SearchJob], executor: Executor, progress: Progress
) -> tuple[dict[Key, Found], list[Record]]:
    found, failures = {}, []
    with progress.task("searches", total=len(jobs)) as task:
        handles = {executor.submit(run_search, job): key for key, job in jobs.items()}
        for handle in executor.as_completed(handles):
            (method, k), result = handles[handle], handle.result()
            task.advance()
            if result.status == "done":
                found[method, k] = result.value
                task.note(f"{method}, seed {k}: {result.value.n_trials} trials")
            else:
                failures.append({"method": method, "seed": k, "reason": result.reason})
                progress.say(f"{method}, seed {k}: {result.reason}")
    return {key: found[key] for key in jobs if key in found}, failures


def _final_jobs(setup: Setup, found: dict[Key, Found], models: Path, dtype: str) -> list[TrainingJob]:
    """The final trainings; a winner of two searches is trained once."""
    store, jobs = setup.store, {}
    for one in found.values():
        spec = {"space": one.space, "architecture": one.architecture}
        for k in range(setup.train_seeds):
            out, seed, facts = models / one.id / f"seed{k}", setup.search.seed + k, {"store": store.checksum}
            jobs[out] = TrainingJob(store.path, "child", spec, setup.train, seed, dtype, out=out, provenance=facts)
    return list(jobs.values())


def _train_winners(
    jobs: Sequence[TrainingJob], executor: Executor, progress: Progress
) -> tuple[dict[str, list[Scored]], list[Record]]:
    """Measures of every winner's trainings by identifier, in the order of their seeds, and what failed."""
    scored: dict[str, dict[int, Scored]] = {}
    failures = []
    with progress.task("final training of winners", total=len(jobs)) as task:
        handles = {executor.submit(score_network, job): job for job in jobs}
        for handle in executor.as_completed(handles):
            job, result = handles[handle], handle.result()
            assert job.out is not None
            task.advance()
            if result.status == "done":
                scored.setdefault(job.out.parent.name, {})[job.seed] = result.value
            else:
                failures.append({"method": None, "seed": None, "reason": f"{job.out}: {result.reason}"})
                progress.say(f"{job.out}: {result.reason}")
    return {name: [of[seed] for seed in sorted(of)] for name, of in scored.items()}, failures


# ---- equal cost


@dataclass(frozen=True)
class Begun:
    """What a comparison began with and keeps wherever it is continued.

    finalist_seconds : by kind of space, device seconds of a short training, the mean of a few sampled architectures
    dtype, final_dtype : of the searches and of the final trainings
    """

    finalist_seconds: dict[str, float]
    dtype: str
    final_dtype: str


def _begin(setup: Setup, config: MethodsConfig, folder: Path, executor: Executor, progress: Progress) -> Begun:
    """Measure what a finalist costs, or read what the first command measured.

    Methods and seeds may be added later; all else has to be as it was.
    """
    settings = {
        "budget": config.budget.amount,
        "space": setup.space.to_dict(),
        "search": plain_data(replace(setup.search, method="random", budget=config.budget)),
        "train": plain_data(setup.train),
        "store": setup.store.checksum,
    }
    path = folder / SETTINGS
    if path.exists():
        begun = _begun_before(path, json.loads(json.dumps(settings)))
    else:
        precisions = setup.search.supernet.train.precision, setup.train.precision
        names = [str(resolve(p, default_device())).removeprefix("torch.") for p in precisions]
        begun = Begun({}, *names)
    for method in config.methods:
        space = _space_of(setup, config, method)
        if _kind(space) not in begun.finalist_seconds:
            begun.finalist_seconds[_kind(space)] = _calibrate(setup, space, executor, begun.dtype, progress)
            write_json(path, {"settings": settings, "begun": asdict(begun)})
    return begun


def _space_of(setup: Setup, config: MethodsConfig, method: str) -> SearchSpace:
    """What a method searches where the run's space is the macro space."""
    settings = replace(setup.search, method=method, budget=config.budget)  # type: ignore[arg-type]
    return searched_space(setup.space, settings)


def _kind(space: SearchSpace) -> str:
    return str(space.to_dict().get("kind", "macro"))


def _search_config(setup: Setup, config: MethodsConfig, method: str, begun: Begun) -> SearchConfig:
    """Settings of a search; its budget is what is left when its finalists are paid."""
    alone = begun.finalist_seconds[_kind(_space_of(setup, config, method))]
    left = config.budget.amount - setup.search.finalists * alone
    if left <= 0:
        raise ConfigError(
            f"the budget of {config.budget} does not pay for the {setup.search.finalists} finalists of a search by "
            f"{method}, of about {alone:.3g} device seconds each; expected more. Raise it, or lower search.finalists "
            "or the epochs of search.short_training."
        )
    budget = Budget(round(left, 3), "device_seconds")
    return replace(setup.search, method=method, budget=budget)  # type: ignore[arg-type]


def _begun_before(path: Path, settings: Record) -> Begun:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        before, begun = record["settings"], Begun(**record["begun"])
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(
            f"{path}: not the settings of a comparison of methods ({type(error).__name__}). It is damaged; remove "
            f"{path.parent} to compare anew."
        ) from error
    for key, old, new in differences(before, settings):
        raise ConfigError(
            f"{path.parent}: this comparison was begun with other settings: {key} was {old!r} and is now {new!r}. Go "
            f"back to them, give the run another folder (--set out=…), or remove {path.parent}."
        )
    return begun


def _calibrate(setup: Setup, space: SearchSpace, executor: Executor, dtype: str, progress: Progress) -> float:
    base = setup.search
    short = base.short_training.train
    if base.rungs.epochs:
        short = replace(short, epochs=base.rungs.epochs[-1])
    handles = []
    for k in range(_CALIBRATED):
        architecture = space.sample(generator(base.seed, "calibration", k))
        spec = {"space": space.to_dict(), "architecture": architecture.to_dict()}
        job = TrainingJob(setup.store.path, "child", spec, short, base.seed, dtype, learned=("train",), watch=None)
        handles.append(executor.submit(train_network, job))
    seconds = []
    with progress.task(f"cost of a short training, {_kind(space)} space", total=len(handles)) as task:
        for handle in executor.as_completed(handles):
            result = handle.result()
            task.advance()
            if result.status == "failed":
                raise RunError(f"a short training failed: {result.reason}. Mend the cause and give the command again.")
            seconds.append(result.value.cost.device_seconds)
    return round(float(np.mean(seconds)), 3)


# ---- what is said


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
        _search_record(store, method, k, one, scored[one.id]) for (method, k), one in found.items() if one.id in scored
    ]
    methods = [_method_record(m, [s for s in searches if s["method"] == m], base) for m in config.methods]
    methods = sorted((m for m in methods if m["n"]), key=lambda m: -m["test"]["mean"])
    summary: Record = {
        "format": 1,
        "objective": base.objective,
        "budget": {"text": str(config.budget), "device_seconds": config.budget.amount},
        "finalist_seconds": begun.finalist_seconds,
        "finalists": base.finalists,
        "seeds": config.seeds,
        "store": store.checksum,
        "searches": searches,
        "methods": methods,
        "curves": {m["method"]: _curve_record(m["method"], found) for m in methods},
        "best_of_n": _best_of_n(found),
        "tests": _tests(searches, methods, base.objective),
        "spread": _spread(searches, base.objective),
        "failures": failures,
    }
    return {**summary, "sentences": list(sentences(summary))}


def _mean(scores: Ranking, metric: str) -> float:
    return mean_defined(getattr(scores, metric), defined(scores.positives, scores.negatives, MINIMUM))


def _search_record(store: Store, method: str, k: int, one: Found, scored: list[Scored]) -> Record:
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
        "test": {metric: [_mean(s.test, metric) for s in scored] for metric in METRICS},
        "selection": {metric: [_mean(s.selection, metric) for s in scored] for metric in METRICS},
    }


def _method_record(method: str, searches: list[Record], base: SearchConfig) -> Record:
    if not searches:
        return {"method": method, "n": 0}
    costs = [s["device_seconds"] for s in searches]
    n_trials = float(np.mean([s["trials"] for s in searches]))
    first = {"evolution": base.evolution.population, "hierarchical": base.hierarchical.initial}.get(method)
    return {
        "method": method,
        "kind": "shared" if method in SHARED else "stand-alone",
        "n": len(searches),
        "test": _interval([np.mean(s["test"][base.objective]) for s in searches]),
        "selection": _interval([np.mean(s["selection"][base.objective]) for s in searches]),
        "finalist_selection": _interval([s["finalist_selection"] for s in searches]),
        "trials": n_trials,
        "device_seconds": {"mean": float(np.mean(costs)), "low": min(costs), "high": max(costs)},
        "parameters": float(np.mean([s["parameters"] for s in searches])),
        "random_start": first,
    }


def _interval(values: Sequence[Any]) -> Record:
    interval = mean_interval(np.array(values, float))
    sd = float(np.std(values, ddof=1)) if len(values) > 1 else None
    return {"mean": interval.estimate, "low": interval.low, "high": interval.high, "sd": sd}


def _curve_record(method: str, found: dict[Key, Found]) -> Record:
    """Mean over seeds of what a method held for the best, with its interval, on a grid of costs."""
    curves = [one.curve for (name, _), one in found.items() if name == method and len(one.curve)]
    if not curves:
        return {"cost": [], "mean": [], "low": [], "high": []}
    first, last = max(c[0, 0] for c in curves), min(c[-1, 0] for c in curves)
    # Where not every search has a first score, or one has ended, a mean would be of other searches than before.
    grid = np.linspace(first, max(first, last), _POINTS)
    values = np.stack([at_costs(c, grid) for c in curves])
    intervals = [mean_interval(column) for column in values.T]
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


_NAMES = {"auroc": "mean AUROC", "average_precision": "mean average precision"}
_FAR = 0.1
"""Share of the budget by which a method may miss it before that is said."""


def sentences(summary: Record) -> Iterator[str]:
    """The result in words, most important first."""
    methods, metric = summary["methods"], _NAMES[summary["objective"]]
    searches = f"{summary['seeds']} searches" if summary["seeds"] > 1 else "one search"
    ranked = ", ".join(f"{m['method']} {m['test']['mean']:.4f}" for m in methods)
    yield (
        f"At {summary['budget']['text'].removesuffix(' device')} of device time a search, with everything counted, the "
        f"winners of {searches} a method score on the test split ({metric}): {ranked}."
    )
    yield from _against_random(summary)
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
    if not summary["tests"]:
        yield "Random search was not among the methods, so that nothing is said of whether a search pays at all."
    for test in summary["tests"]:
        text = f"{test['method']} against random search: {test['difference']:+.4f}"
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
