"""`ambergen compare-methods`: search methods against each other at equal cost, on one's own data or on a table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ambergen.cli.arguments import AsJson, Overrides

if TYPE_CHECKING:
    from ambergen.budgets import Budget
    from ambergen.config import Run
    from ambergen.progress import Progress
    from ambergen.validation.method_records import MethodsConfig


def compare_methods(
    run_file: Annotated[
        Path | None, typer.Argument(metavar="[RUN.yaml]", help="The run file; not needed with --tabular.")
    ] = None,
    methods: Annotated[
        str | None,
        typer.Option("--methods", metavar="A,B,…", help="Names, with commas; default: all that can search the space."),
    ] = None,
    budget: Annotated[
        str | None,
        typer.Option("--budget", metavar="BUDGET", help="Of one search; see above."),
    ] = None,
    seeds: Annotated[int | None, typer.Option("--seeds", help="Searches a method; default 3, on a table 50.")] = None,
    tabular: Annotated[bool, typer.Option("--tabular", help="Search the bundled table of trainings.")] = False,
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, help="Simulated trainings at a time, on a table; default 1.")
    ] = None,
    plot: Annotated[Path | None, typer.Option("--plot", metavar="FILE.svg", help="Draw the curves.")] = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Which search method for my budget?

    With a run file every method (enas, nas, hierarchical, evolution, oneshot,
    random) searches your data, several times with other seeds, for the same
    device time with everything counted. The winners are trained alike and
    measured on the test split. The budget is a time, such as 20min: device time
    of one search; without --budget it is that of the run file. The same command
    continues where it was stopped, and takes more methods and seeds later.

    With --tabular methods (random, nas, evolution, tournament) search a table of
    343 architectures that come trained with the package, in seconds. The budget
    is a number of trainings, such as 100, or a time, such as '10min device'.

    Examples:

      ambergen compare-methods --tabular --budget 100 --seeds 50
      ambergen compare-methods study/run.yaml --methods enas,random --budget 20min
    """
    if tabular:
        if run_file is not None:
            raise typer.BadParameter("--tabular needs no run file; leave one of the two out.")
        if overrides:
            raise typer.BadParameter("--set changes a run file, and --tabular has none; leave one of the two out.")
        _on_table(_names(methods), budget or "100", 50 if seeds is None else seeds, workers or 1, plot, as_json)
        return
    if run_file is None:
        raise typer.BadParameter("name a run file, or give --tabular to search the bundled table.")
    if workers is not None:
        raise typer.BadParameter("--workers is of --tabular; with a run file say --set execute.workers=N.")
    _on_data(run_file, _names(methods), budget, 3 if seeds is None else seeds, plot, overrides, as_json)


def _names(methods: str | None) -> list[str] | None:
    """None where they are not given, which means all."""
    if methods is None:
        return None
    names = [name.strip() for name in methods.split(",") if name.strip()]
    if not names:
        raise typer.BadParameter(f"--methods {methods!r} names no method; expected names with commas, or leave it out.")
    return names


# ---- on a table


def _on_table(
    methods: list[str] | None, budget: str, seeds: int, workers: int, plot: Path | None, as_json: bool
) -> None:
    from ambergen.cli.progress_bars import progress_for_terminal
    from ambergen.evaluators.tabular import three_layers
    from ambergen.validation.tabular import METHODS, run_methods, summarise

    table, limit = three_layers(), _trainings(budget)
    found = run_methods(table, methods or list(METHODS), limit, seeds, workers, progress=progress_for_terminal())
    summary = summarise(table, found, limit, "auroc")
    if plot is not None:
        from ambergen.atomic import write_text
        from ambergen.report.method_figures import tabular_figure

        write_text(plot, tabular_figure(summary))
    print(json.dumps(summary, indent=2) if as_json else _tabular_text(summary))


def _trainings(text: str) -> Budget:
    """A bare number counts trainings."""
    from ambergen.budgets import Budget

    return Budget.parse(f"{text} trials" if text.strip().isdigit() else text)


def _tabular_text(summary: dict[str, Any]) -> str:
    from ambergen.cli.tables import score, table

    marks = [f"regret after {n}" for n in summary["marks"]]
    header = ("method", "best score", "interval", "optimum found", "A against random", "interval", *marks)
    rows = []
    for m in summary["methods"]:
        a, value = m.get("superiority"), m["value"]
        rows.append(
            (
                m["method"],
                score(value["mean"]),
                f"{value['low']:.4f}–{value['high']:.4f}",
                f"{m['optimum_found']:.0%}",
                "-" if a is None else f"{a['mean']:.2f}",
                "" if a is None else f"{a['low']:.2f}–{a['high']:.2f}",
                *map(score, m["regret_after"]),
            )
        )
    title = (
        f"{summary['architectures']} architectures, {summary['seeds']} searches a method, a budget of "
        f"{summary['budget']} each; the optimum scores {summary['optimum']:.4f}, the mean {summary['mean']:.4f}"
    )
    return "\n\n".join([title, table(header, rows), *summary["sentences"]])


# ---- on the user's data


def _on_data(
    run_file: Path,
    methods: list[str] | None,
    budget: str | None,
    seeds: int,
    plot: Path | None,
    overrides: list[str] | None,
    as_json: bool,
) -> None:
    from ambergen.budgets import Budget
    from ambergen.cli.progress_bars import progress_for_terminal
    from ambergen.config import load_run
    from ambergen.validation.method_records import MethodsConfig
    from ambergen.validation.methods import methods_of

    run = load_run(run_file, overrides or ())
    limit = run.search.budget if budget is None else Budget.parse(budget)
    config = MethodsConfig(tuple(methods or methods_of(run.space)), limit, seeds)
    summary = _compared(run, config, progress_for_terminal())
    if plot is not None:
        from ambergen.atomic import write_text
        from ambergen.report.method_figures import anytime_figure

        write_text(plot, anytime_figure(summary))
    print(json.dumps(summary, indent=2) if as_json else f"{_text(summary)}\n\nPage: {run.out / 'methods.html'}")


def _compared(run: Run, config: MethodsConfig, progress: Progress) -> dict[str, Any]:
    """The comparison in the run's folder, and its page."""
    from ambergen.datasets.building import build
    from ambergen.report.methods_page import write_methods_page
    from ambergen.stages import alone
    from ambergen.validation.method_records import Setup
    from ambergen.validation.methods import compare_methods
    from ambergen.workers import open_executor

    with alone(run.out), open_executor(run.execute) as executor:
        store = build(run.data, run.out / "store", run.search.seed, progress)
        setup = Setup(run.space, store, run.search, run.train, run.seeds)
        summary = compare_methods(setup, config, executor, run.out, progress)
        write_methods_page(run.out)
    return summary


def _text(summary: dict[str, Any]) -> str:
    from ambergen.cli.progress_bars import duration
    from ambergen.cli.tables import score, table

    header = ("method", "test", "interval", "selection", "trials", "device time")
    rows = []
    for m in summary["methods"]:
        test = m["test"]
        interval = "" if test["low"] is None else f"{test['low']:.4f}–{test['high']:.4f}"
        cost = duration(m["device_seconds"]["mean"])
        rows.append(
            (m["method"], score(test["mean"]), interval, score(m["selection"]["mean"]), f"{m['trials']:.0f}", cost)
        )
    return "\n\n".join([table(header, rows), *summary["sentences"]])
