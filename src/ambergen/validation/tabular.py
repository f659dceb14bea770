"""Which search method for which budget? Strategies compared on a table of trainings, in seconds over many seeds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ambergen.budgets import Budget
from ambergen.errors import ConfigError
from ambergen.evaluators.base import Objective
from ambergen.evaluators.simulation import Simulated, simulate
from ambergen.evaluators.tabular import Table, TabularEvaluator
from ambergen.metrics.comparison import Interval, bootstrap_interval, probability_of_superiority
from ambergen.progress import SILENT, Progress
from ambergen.seeds import generator
from ambergen.spaces.base import SearchSpace
from ambergen.strategies.base import Strategy
from ambergen.strategies.evolution import AgeingEvolution, EvolutionConfig
from ambergen.strategies.random import RandomStrategy
from ambergen.strategies.reinforce import ControllerConfig, ControllerStrategy
from ambergen.strategies.tournament import TournamentConfig, TournamentEvolution

REFERENCE = "random"
RESAMPLES = 10_000
LEVEL = 0.95


def _random(space: SearchSpace, seed: int, trainings: int) -> Strategy:
    return RandomStrategy(space, seed)


def _controller(space: Any, seed: int, trainings: int) -> Strategy:
    return ControllerStrategy(space, seed, ControllerConfig.preset("nas"), repeats=False)


def _evolution(space: SearchSpace, seed: int, trainings: int) -> Strategy:
    population = _first(EvolutionConfig().population, trainings)
    config = EvolutionConfig(population, min(EvolutionConfig().sample, max(2, population // 4)))
    return AgeingEvolution(space, seed, config)


def _tournament(space: SearchSpace, seed: int, trainings: int) -> Strategy:
    return TournamentEvolution(space, seed, TournamentConfig(_first(TournamentConfig().initial, trainings)))


def _first(preset: int, trainings: int) -> int:
    """Random architectures that come first: as published, but no more than a quarter of what the budget pays for."""
    return max(4, min(preset, trainings // 4))


METHODS: dict[str, Callable[[SearchSpace, int, int], Strategy]] = {
    "random": _random,
    "nas": _controller,
    "evolution": _evolution,
    "tournament": _tournament,
}
"""Name -> strategy of (space, seed, trainings that the budget pays for)."""


@dataclass(frozen=True, eq=False)
class MethodRuns:
    """Simulated searches of one method, one a seed.

    runs : (n_seeds,)
    value : (n_seeds,), selection score, mean over trainings, of what each search held for the best at its end
    regret : (n_seeds,), the best value in the table less that value
    found : (n_seeds,), whether the architecture with the best value was trained at all
    """

    method: str
    runs: tuple[Simulated, ...]
    value: NDArray[np.float64]
    regret: NDArray[np.float64]
    found: NDArray[np.bool_]


@dataclass(frozen=True)
class Effect:
    """A method against random search.

    difference : of mean values
    superiority : Vargha and Delaney's A, the probability that a search of the method ends better than a random one,
        ties counting half
    """

    difference: Interval
    superiority: Interval


def run_methods(
    table: Table,
    methods: Sequence[str],
    budget: Budget,
    seeds: int,
    workers: int = 1,
    objective: Objective = "auroc",
    epochs: int | None = None,
    seed: int = 0,
    progress: Progress = SILENT,
) -> list[MethodRuns]:
    """Search the table with every method and seed.

    Parameters
    ----------
    methods : names in METHODS
    seeds : searches a method; the k-th of each sees the same trainings
    epochs : of a training; None: all

    Raises
    ------
    ConfigError
        If a method is unknown or the budget is nothing for a table.
    """
    for method in methods:
        if method not in METHODS:
            near = get_close_matches(method, METHODS, n=1)
            raise ConfigError(
                f"methods: {method!r} cannot be run on a table; expected some of {', '.join(METHODS)}. Methods that "
                "share weights (enas, oneshot) need a run file, for a table has no shared weights."
                + (f" Did you mean {near[0]!r}?" if near else "")
            )
    if seeds < 2:
        raise ConfigError(f"seeds is {seeds}; expected at least 2, for one search has no spread.")
    value = table.value(objective)
    trainings = affordable(table, budget, workers, epochs)
    found = []
    with progress.task("simulated searches", total=len(methods) * seeds) as task:
        for method in methods:
            task.note(method)
            runs = []
            for k in range(seeds):
                strategy = METHODS[method](table.space, seed + k, trainings)
                runs.append(simulate(strategy, TabularEvaluator(table, seed + k, epochs, objective), budget, workers))
                task.advance()
            found.append(_method_runs(method, runs, value))
    return found


def affordable(table: Table, budget: Budget, workers: int, epochs: int | None) -> int:
    """Trainings that a budget pays for, by their mean cost."""
    if budget.unit == "trials":
        return int(budget.amount)
    mean = float(table.seconds[:, :, : table.check_epochs(epochs)].sum(axis=2).mean())
    together = workers if budget.unit == "seconds" else 1
    return min(table.space.size, max(1, int(budget.amount * together / mean)))


def _method_runs(method: str, runs: Sequence[Simulated], value: NDArray[np.float64]) -> MethodRuns:
    last = np.array([value[run.incumbents[-1]] for run in runs])
    optimum = int(value.argmax())
    found = np.array([optimum in run.rows for run in runs])
    return MethodRuns(method, tuple(runs), last, value.max() - last, found)


def effect(
    method: NDArray[np.float64],
    reference: NDArray[np.float64],
    rng: np.random.Generator,
    resamples: int = RESAMPLES,
) -> Effect:
    """How much better a method's searches end than those of the reference.

    Parameters
    ----------
    method, reference : (n_seeds,), independent searches

    Notes
    -----
    Percentile bootstrap of either group. The groups are taken as independent, although searches of one seed see the
    same trainings, which makes the interval a little wide.

    References
    ----------
    Vargha and Delaney, Journal of Educational and Behavioral Statistics 25, 101-132 (2000).
    """
    wins = np.sign(np.subtract.outer(method, reference)) / 2 + 0.5
    n, m = wins.shape
    a = rng.multinomial(n, np.full(n, 1 / n), size=resamples) / n
    b = rng.multinomial(m, np.full(m, 1 / m), size=resamples) / m
    quantiles = [0.5 - LEVEL / 2, 0.5 + LEVEL / 2]
    superiority = np.quantile(((a @ wins) * b).sum(axis=1), quantiles)
    difference = np.quantile(a @ method - b @ reference, quantiles)
    return Effect(
        Interval(float(method.mean() - reference.mean()), *map(float, difference)),
        Interval(probability_of_superiority(method, reference), *map(float, superiority)),
    )


def curve(runs: MethodRuns, value: NDArray[np.float64], n: int) -> NDArray[np.float64]:
    """(n_seeds, n), value of what a search held for the best after 1 to n trainings; the last one goes on."""
    curves = np.empty((len(runs.runs), n))
    for row, run in zip(curves, runs.runs, strict=True):
        held = value[run.incumbents[:n]]
        row[: len(held)], row[len(held) :] = held, held[-1]
    return curves


def summarise(table: Table, found: Sequence[MethodRuns], budget: Budget, objective: Objective) -> dict[str, Any]:
    """Everything that is said of the methods, as JSON can hold it; the best method first."""
    value = table.value(objective)
    reference = next((f for f in found if f.method == REFERENCE), None)
    n = max(len(run.rows) for f in found for run in f.runs)
    marks = sorted({max(1, round(n * share)) for share in (0.1, 0.25, 0.5, 1)})
    methods = []
    for f in sorted(found, key=lambda f: -f.value.mean()):
        curves = curve(f, value, n)
        record: dict[str, Any] = {
            "method": f.method,
            "value": _interval(bootstrap_interval(f.value, generator(0, "value", f.method), LEVEL, RESAMPLES)),
            "regret": float(f.regret.mean()),
            "optimum_found": float(f.found.mean()),
            "trainings": float(np.mean([len(run.rows) for run in f.runs])),
            "device_seconds": float(np.mean([run.costs[-1] for run in f.runs])),
            "clock_seconds": float(np.mean([run.clock[-1] for run in f.runs])),
            "regret_after": [float(value.max() - curves[:, k - 1].mean()) for k in marks],
            "curve": {"mean": curves.mean(axis=0).tolist(), "sd": curves.std(axis=0, ddof=1).tolist()},
        }
        if reference is not None and f is not reference:
            against = effect(f.value, reference.value, generator(0, "effect", f.method))
            record["difference"] = _interval(against.difference)
            record["superiority"] = _interval(against.superiority)
        methods.append(record)
    summary = {
        "table": {key: table.facts.get(key) for key in ("data", "store", "versions", "machine")},
        "architectures": table.space.size,
        "objective": objective,
        "budget": str(budget),
        "seeds": len(found[0].runs),
        "optimum": float(value.max()),
        "mean": float(value.mean()),
        "marks": marks,
        "methods": methods,
    }
    return {**summary, "sentences": sentences(summary)}


def _interval(interval: Interval) -> dict[str, float]:
    return {"mean": interval.estimate, "low": interval.low, "high": interval.high}


def sentences(summary: dict[str, Any]) -> list[str]:
    """The answer in words."""
    best = summary["methods"][0]
    said = [
        f"With a budget of {summary['budget']}, {best['method']} ends best: it is {best['regret']:.4f} below "
        f"the best of the {summary['architectures']} architectures on average over {summary['seeds']} searches."
    ]
    for record in summary["methods"]:
        if "superiority" not in record:
            continue
        a, d = record["superiority"], record["difference"]
        if a["low"] > 0.5:
            verdict = "beats random search"
        elif a["high"] < 0.5:
            verdict = "is beaten by random search"
        else:
            verdict = "cannot be told from random search"
        said.append(
            f"{record['method']} {verdict}: a search of it ends better with probability {a['mean']:.2f} "
            f"({a['low']:.2f} to {a['high']:.2f}); the mean differs by {d['mean']:+.4f} ({d['low']:+.4f} to "
            f"{d['high']:+.4f})."
        )
    said.append(
        "Values are means over an architecture's trainings on the selection split, which no search saw. Shared weights "
        "have no place in a table, so enas and oneshot are not here."
    )
    return said
