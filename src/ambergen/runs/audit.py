"""The ranking audit: architectures of all sizes are trained alone, and what the search believed of them is held against
that.

Scores see the training split, and shared weights the search split too. The truth, a short training from scratch, is
measured on the selection split: on the search split both would share the luck of the same windows, and agree too well.
Nothing is chosen by the audit, so the selection split stays what it was; the test split is never read.
"""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ambergen import seeds
from ambergen.atomic import write_json
from ambergen.cost import Cost
from ambergen.datasets.store import Store
from ambergen.errors import ConfigError, RunError
from ambergen.evaluators.base import check_measurable
from ambergen.evaluators.zero_cost import ZERO_COST, zero_cost_table
from ambergen.executors.base import Executor
from ambergen.metrics.objectives import code_mark
from ambergen.metrics.rank_agreement import LEAST, Agreement, Reliability, agreement, reliability
from ambergen.models.summary import child_parameters
from ambergen.progress import SILENT, Progress, Task
from ambergen.runs.config import SearchConfig
from ambergen.runs.course import Setting
from ambergen.runs.events import EventLog
from ambergen.runs.methods import searched_space, shared_weights, stand_alone
from ambergen.settings import differences, plain_data
from ambergen.spaces.base import Candidate, SearchSpace
from ambergen.training.checkpoint import load_checkpoint
from ambergen.training.precision import default_device

LOG, SUMMARY, TABLE = "audit.jsonl", "audit.json", "audit.parquet"

SHARED = "shared_weights"
"""What the score of the search is called beside the zero-cost ones."""

Record = dict[str, Any]

_DRAWN_FOR_EACH = 10
"""Architectures that are looked at for each that is taken."""


@dataclass(frozen=True)
class AuditConfig:
    """How an audit is made.

    n : architectures. Under chance tau has a standard error of 0.13 with 30, 0.10 with 50 and 0.07 with 100
    seeds : trainings of each architecture. The truth is their mean, and two or more tell how far one can be trusted
    top : share of them that counts as the best
    zero_cost : scores of untrained networks that are audited as well
    rows : windows of the training split that these look at
    level : of the intervals
    resamples, permutations : of architectures, for intervals and p-values
    """

    n: int = 50
    seeds: int = 1
    top: float = 0.2
    zero_cost: tuple[str, ...] = ZERO_COST
    rows: int = 128
    level: float = 0.95
    resamples: int = 2000
    permutations: int = 2000

    def __post_init__(self) -> None:
        if self.n < LEAST:
            raise ConfigError(f"audit: {self.n} architectures; expected at least {LEAST}, and 50 to tell anything.")
        if self.seeds < 1:
            raise ConfigError(f"audit: {self.seeds} trainings of each architecture; expected at least 1.")
        if not 0 < self.top <= 1:
            raise ConfigError(f"audit: top is {self.top}; expected a share above 0, at most 1.")


def refuse_too_many(space: SearchSpace, n: int) -> None:
    """Raise ConfigError where the space has fewer than `n` architectures."""
    if n > space.size:
        raise ConfigError(
            f"audit: {n:,} architectures were asked for, and the space has {space.size:,}. Ask for fewer, or take a "
            "larger space."
        )


def stratified(space: SearchSpace, n: int, seed: int, parameters: Callable[[Candidate], float]) -> list[Candidate]:
    """Distinct architectures of all sizes, the smallest first.

    A large sample of the space is ordered by size and cut into `n` parts of equally many, and one is drawn of each: a
    sample of the space, only more even.

    Parameters
    ----------
    parameters : of an architecture; any measure of size

    Raises
    ------
    ConfigError
        If the space does not give so many.
    """
    refuse_too_many(space, n)
    rng, pool, wanted = seeds.generator(seed, "audit sample"), dict[str, Candidate](), _DRAWN_FOR_EACH * n
    for _ in range(4 * wanted):  # a small space repeats itself
        candidate = space.sample(rng)
        pool.setdefault(candidate.id, candidate)
        if len(pool) == wanted:
            break
    if len(pool) < n:
        raise ConfigError(
            f"audit: {n} architectures were asked for, but {4 * wanted:,} draws from the space gave only {len(pool)} "
            f"different ones. Ask for at most {len(pool)}, or take a larger space."
        )
    size = {candidate_id: parameters(candidate) for candidate_id, candidate in pool.items()}
    ordered = sorted(pool, key=lambda candidate_id: (size[candidate_id], candidate_id))
    return [pool[str(rng.choice(part))] for part in np.array_split(np.array(ordered), n)]


def audit(
    space: SearchSpace,
    store: Store,
    config: SearchConfig,
    out: Path,
    executor: Executor,
    how: AuditConfig | None = None,
    number: int = 0,
    progress: Progress = SILENT,
) -> Record:
    """Hold the scores of a search against training alone; an interrupted audit in `out` is continued.

    Parameters
    ----------
    config : of the search, as it was run. Its short training is that of the audit
    out : run directory: the checkpoint of the search is read; ``audit.jsonl`` takes each training as it ends,
        ``audit.parquet`` one row an architecture, and ``audit.json`` what follows
    number : of the search in the run directory

    Returns
    -------
    What ``audit.json`` holds; where it is current it is read.

    Raises
    ------
    RunError
        If there is no such search, or fewer than three architectures could be trained.
    ConfigError
        If the audit was begun with other settings, or the space has too few architectures.
    """
    how = how or AuditConfig()
    setting = _setting(space, store, config, out, executor, number)
    checkpoint = _checkpoint(setting)
    truth = _truth(setting)
    inputs = {"audit": plain_data(how), "truth": truth, "steps": (checkpoint.get("evaluator") or {}).get("steps_done")}
    current = _current(out, number, inputs)
    if current is not None:
        return current
    check_measurable("selection", len(store.indices("selection")), store.positives("selection"))
    log = EventLog(out / LOG)
    _refuse_others(log, {"event": "audit_started", "search": number, **truth})
    size = store.n_tracks, store.length, store.alphabet.n_symbols
    drawn = stratified(setting.space, how.n, setting.seed, lambda c: child_parameters(setting.space, c, *size))
    trained = _train(setting, log, drawn, how.seeds, progress)
    reached = np.array([[e["score"] for e in trained[c.id]] for c in drawn], np.float64)  # (n, seeds); nan if it failed
    frame = pd.DataFrame(
        {
            "id": [c.id for c in drawn],
            "architecture": [c.to_json() for c in drawn],
            "parameters": [child_parameters(setting.space, c, *size) for c in drawn],
            "stand_alone": reached.mean(axis=1),
            "reason": [next((e["reason"] for e in trained[c.id] if e["reason"]), None) for c in drawn],
            **{f"stand_alone_seed{k}": reached[:, k] for k in range(how.seeds) if how.seeds > 1},
        }
    )
    frame[SHARED] = _shared_scores(setting, checkpoint, drawn, progress)
    with progress.task("audit: zero-cost scores", total=how.n) as task:
        table = zero_cost_table(setting.space, drawn, store, how.zero_cost, setting.seed, how.rows, task)
    for name, values in table.items():
        if name not in frame:  # parameters are there, as whole numbers
            frame[name] = values
    record = _record(setting, how, frame, reached, inputs, [event for c in drawn for event in trained[c.id]])
    _write_table(out / TABLE, frame)
    write_json(out / SUMMARY, record)
    return record


# ---- what the audit stands on


def _setting(
    space: SearchSpace, store: Store, config: SearchConfig, out: Path, executor: Executor, number: int
) -> Setting:
    log = EventLog(out / "events.jsonl")
    started = log.find(event="search_started", search=number)
    if not started:
        raise RunError(
            f"{log.path}: there is no search {number} to audit. Run `ambergen search` with the run file of this folder "
            "first."
        )
    dtype = started[0]["dtype"]
    return Setting(searched_space(space, config), store, config, out, log, executor, number, dtype, default_device())


def _checkpoint(setting: Setting) -> Record:
    path = setting.checkpoints / f"search{setting.number}.pt"
    record = load_checkpoint(path)
    if record is None:
        raise RunError(
            f"{path}: the checkpoint of the search is not there, so its scores cannot be had again. Let the search go "
            "on, or search into another folder."
        )
    return record


def _truth(setting: Setting) -> Record:
    """All that decides what an architecture reaches alone."""
    mark = code_mark(setting.config.objective)
    return {
        "split": "selection",
        "objective": setting.config.objective,
        **({} if mark is None else {"objective_code": mark}),
        "short_training": plain_data(setting.config.short_training),
        "seed": setting.seed,
        "dtype": setting.dtype,
        "store": setting.store.checksum,
        "space": json.loads(json.dumps(setting.space.to_dict())),
    }


def _current(out: Path, number: int, inputs: Record) -> Record | None:
    """The finished audit of the same inputs, if there is one; one with failed trainings is not finished."""
    if not (out / TABLE).exists():
        return None
    try:
        record = json.loads((out / SUMMARY).read_text(encoding="utf-8"))
        same = record["search"] == number and record["inputs"] == json.loads(json.dumps(inputs))
        return record if same and not record["failed"] else None
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None  # it is written anew from what the log has


def _refuse_others(log: EventLog, event: Record) -> None:
    for key, before, now in differences(log.append(event), json.loads(json.dumps(event))):
        raise ConfigError(
            f"{log.path}: the audit was begun with other settings: {key} was {before!r} and is now {now!r}. Go back to "
            f"the settings that it began with, or remove {log.path.name} to train its architectures anew."
        )


# ---- what is measured


def _train(
    setting: Setting, log: EventLog, drawn: Sequence[Candidate], n_seeds: int, progress: Progress
) -> dict[str, list[Record]]:
    """By id: score, reason and cost of the training with each seed; what succeeded is in the log as soon as it ends."""
    done = {
        (event["id"], event.get("training_seed", setting.seed)): event
        for event in log.find(event="audited", search=setting.number)
    }
    training_seeds = range(setting.seed, setting.seed + n_seeds)
    with progress.task("audit: training alone", total=len(drawn) * n_seeds) as task:
        task.advance(sum((c.id, seed) in done for c in drawn for seed in training_seeds))
        for seed in training_seeds:
            _train_once(setting, log, [c for c in drawn if (c.id, seed) not in done], seed, done, task)
    trained = {c.id: [done[c.id, seed] for seed in training_seeds] for c in drawn}
    scored = sum(all(event["score"] is not None for event in events) for events in trained.values())
    if scored < LEAST:
        reasons = sorted({str(e["reason"]) for events in trained.values() for e in events if e["score"] is None})
        raise RunError(
            f"audit: only {scored} of {len(drawn)} architectures could be trained ({'; '.join(reasons[:3])}). Mend the "
            "cause and give the same command again: those that were trained are kept."
        )
    return trained


def _train_once(
    setting: Setting,
    log: EventLog,
    candidates: Sequence[Candidate],
    seed: int,
    done: dict[tuple[str, int], Record],
    task: Task,
) -> None:
    """Train with one seed, and put what comes of it into `done`."""
    folder = setting.checkpoints / f"audit{setting.number}"
    alone = stand_alone(setting, "selection", folder, seed)
    jobs = {alone.submit(c): c for c in candidates}
    for job in setting.executor.as_completed(jobs):
        rating = alone.rating(jobs[job], job.result())
        if rating.score is None:
            alone.forget(jobs[job])
        event = {
            "event": "audited",
            "search": setting.number,
            "training_seed": seed,
            "id": rating.architecture.id,
            "architecture": rating.architecture.to_dict(),
            "score": rating.score,
            "reason": rating.reason,
            "split": "selection",
            "cost": rating.cost.to_dict(),
        }
        # One that failed is tried again by the next call.
        done[rating.architecture.id, seed] = event if rating.score is None else log.append(event)
        task.advance()
    shutil.rmtree(folder, ignore_errors=True)


def _shared_scores(setting: Setting, checkpoint: Record, drawn: Sequence[Any], progress: Progress) -> list[float]:
    """Ratings as the search gives them, on the same rows; nan where the search has no shared weights or one failed."""
    if "evaluator" not in checkpoint:
        return [math.nan] * len(drawn)
    shared = shared_weights(setting)
    shared.load(checkpoint["evaluator"])
    with progress.task("audit: ratings by shared weights", total=len(drawn)) as task:
        ratings = shared.rate(drawn, task)
    return [math.nan if r.score is None else r.score for r in ratings]


# ---- what follows


def _record(
    setting: Setting,
    how: AuditConfig,
    frame: pd.DataFrame,
    reached: NDArray[np.float64],
    inputs: Record,
    trained: Sequence[Record],
) -> Record:
    k = max(1, round(how.top * how.n))
    log_parameters = np.log(frame["parameters"].to_numpy(np.float64))
    truth = frame["stand_alone"].to_numpy()
    has_shared = bool(frame[SHARED].notna().any())
    scores = [SHARED, *how.zero_cost] if has_shared else list(how.zero_cost)
    results = []
    for name in scores:
        rng = seeds.generator(setting.seed, "audit resamples")  # the same architectures for every score
        found = agreement(
            frame[name].to_numpy(np.float64), truth, log_parameters, k, rng, how.level, how.resamples, how.permutations
        )
        results.append({"score": name, **_plain(found)})
    supernet = setting.config.shared
    record = {
        "format": 1,
        "search": setting.number,
        "method": setting.config.method,
        "n": how.n,
        "seeds": how.seeds,
        "reliability": _plain(reliability(reached)) if how.seeds > 1 else None,
        "objective": setting.config.objective,
        "split": "selection",
        "epochs": setting.config.short_training.train.epochs,
        "shared": {"split": "search", "rows": supernet.rows, "steps": inputs["steps"]} if has_shared else None,
        "zero_cost_rows": how.rows,
        "level": how.level,
        "agreements": results,
        "failed": [{"id": e["id"], "reason": e["reason"]} for e in trained if e["score"] is None],
        "cost": sum((Cost(**e["cost"]) for e in trained), Cost()).to_dict(),
        "inputs": inputs,
    }
    return {**record, "sentences": sentences(record)}


def _plain(found: Agreement | Reliability) -> Record:
    """As JSON can hold it: nan becomes null."""

    def number(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: number(inner) for key, inner in value.items()}
        return None if isinstance(value, float) and math.isnan(value) else value

    return number(asdict(found))


def sentences(record: Record) -> list[str]:
    """The audit in plain words, most important first."""
    by_name = {a["score"]: a for a in record["agreements"]}
    shared, size = by_name.get(SHARED), by_name.get("parameters")
    level, told = f"{record['level']:.0%}", []
    if shared is None:
        told.append("This search trains every candidate alone: it has no shared weights to be audited.")
    else:
        told += [_ranking(shared, level), *_ceiling(record), _best(shared)]
        told += _at_equal_size(shared, size)
    free = [a for a in record["agreements"] if a["score"] != SHARED and a["tau"]["estimate"] is not None]
    if free:
        best = max(free, key=lambda a: a["tau"]["estimate"])
        told.append(
            f"Of the scores that need no training {best['score']} ranks best, with tau "
            f"{_interval_text(best['tau'], level)}; it was picked among {len(free)}, so this flatters it."
            if len(free) > 1
            else f"The score {best['score']}, which needs no training, has tau {_interval_text(best['tau'], level)}."
        )
    if record["failed"]:
        told.append(f"{len(record['failed'])} of {record['n']} architectures could not be trained and are left out.")
    return told


def _ranking(shared: Record, level: str) -> str:
    tau = shared["tau"]["estimate"]
    if tau is None:
        return (
            "All of these networks have the same score, with shared weights or trained alone, so there is no order to "
            "compare."
        )
    verdict = (
        "better than a coin, which is right in 50%"
        if shared["tau"]["low"] > 0
        else "worse than a coin"
        if shared["tau"]["high"] < 0
        else f"which {shared['n']} architectures cannot tell from a coin"
    )
    return (
        f"Of two networks, the score with shared weights names the one that is better when both are trained alone in "
        f"{(1 + tau) / 2:.0%} of cases, {verdict}: Kendall's tau-b is {_interval_text(shared['tau'], level)}, over "
        f"{shared['n']} networks of all sizes."
    )


def _ceiling(record: Record) -> list[str]:
    found = record.get("reliability")
    if found is None or found["tau"] is None:
        return []
    words = f"Trainings of the same networks with two seeds have tau {found['tau']:.2f} between them"
    if found["ceiling"] is None:
        return [f"{words}: they do not agree about what is better, so nothing can be held against them."]
    return [
        f"{words}, so a score that knew what every network is worth would come to about {found['ceiling']:.2f} against "
        f"the mean of {record['seeds']} trainings."
    ]


def _best(shared: Record) -> str:
    k, precision, regret = shared["k"], shared["precision"]["estimate"], _below(shared["regret"]["estimate"])
    if k == 1:
        is_it = "is the best alone too" if precision == 1 else "is not the best alone"
        return f"The network that it puts first {is_it}; it is {regret} below the best of all."
    return (
        f"Of the {k} networks that it puts first, {_count(precision * k)} are among the {k} best alone (by chance "
        f"{_count(k * k / shared['n'])}), and the best of them is {regret} below the best of all."
    )


def _below(regret: float) -> str:
    """Three decimals, or two digits of what would be nothing with them, as the differences of some objectives are."""
    return f"{regret:.2g}" if 1e-12 < regret < 0.001 else f"{regret:.3f}"


def _at_equal_size(shared: Record, size: Record | None) -> list[str]:
    partial = shared["partial_tau"]["estimate"]
    if partial is None or shared["tau"]["estimate"] is None:
        return []
    low, alone = shared["partial_tau"]["low"], None if size is None else size["tau"]["estimate"]
    words = f"With the number of parameters held equal, tau is {partial:.2f}"
    words += "" if alone is None else f"; the number of parameters by itself has tau {alone:.2f}"
    if low is not None and low <= 0:
        words += ". What the score knows beyond size cannot be told from nothing"
    return [words + "."]


def _interval_text(interval: Record, level: str) -> str:
    text = f"{interval['estimate']:.2f}"
    if interval["low"] is None:
        return text
    return f"{text} ({level} interval {interval['low']:.2f} to {interval['high']:.2f})"


def _count(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _write_table(path: Path, frame: pd.DataFrame) -> None:
    part = path.with_name(f".{path.name}.part")
    try:
        frame.to_parquet(part, index=False)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
