"""The chain build → search → train → compare → report over one run directory; what is current is skipped."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ambergen.atomic import write_json, write_text
from ambergen.baselines.rivals import RivalConfig, Trained, train_rival
from ambergen.config import Run
from ambergen.contest import Champion, contenders, decide, folder, write_champions
from ambergen.datasets.building import build
from ambergen.datasets.store import Store
from ambergen.errors import JobError
from ambergen.executors.base import Executor
from ambergen.progress import SILENT, Progress
from ambergen.provenance import provenance
from ambergen.report.page import write_report
from ambergen.runs.audit import AuditConfig, audit
from ambergen.runs.loop import SearchResult, search
from ambergen.settings import plain_data
from ambergen.spaces.base import Candidate, SearchSpace
from ambergen.stages import STAGES, Stage, StageBook, alone
from ambergen.training.jobs import TrainingJob, TrainingResult, train_network
from ambergen.training.precision import default_device, device_name, resolve
from ambergen.training.saving import read_description
from ambergen.validation.compare import SUMMARY, TABLE, compare
from ambergen.validation.entrants import Winner, trained_rivals
from ambergen.workers import open_executor


@dataclass(frozen=True)
class Workplace:
    """What the stages of one command share.

    probed : float32 or bfloat16, what the precision `auto` means
    """

    run: Run
    book: StageBook
    executor: Executor
    probed: str
    progress: Progress

    @property
    def out(self) -> Path:
        return self.run.out

    @property
    def log(self) -> Path:
        return self.out / "events.jsonl"

    @property
    def checkpoints(self) -> Path:
        return self.out / "checkpoints"

    @property
    def models(self) -> Path:
        return self.out / "models"

    def dtype(self, precision: str) -> str:
        """What a precision of the run file (auto, float32, bfloat16) means here."""
        return self.probed if precision == "auto" else precision


def run_stages(run: Run, stages: Iterable[Stage] = STAGES, progress: Progress = SILENT) -> None:
    """Do `stages` of a run, in their order, with what they need of earlier ones.

    Raises
    ------
    AmbergenError
        Whatever a stage raises; what was finished is kept, and the same call continues.
    """
    wanted = set(stages)
    with alone(run.out):
        book = StageBook(run.out)
        with open_executor(run.execute) as executor:
            place = Workplace(run, book, executor, _probed(run), progress)
            _refuse_other_settings(place)
            if "compare" in wanted:  # what is missing is told before the search
                trained_rivals(run.out / "rivals", run.compare.trained)
            write_text(run.out / "run.yaml", run.to_yaml())
            store = build_stage(place)
            _write_provenance(place, store)
            if "compare" in wanted:  # before the search, which is long, for what stands in their way
                own_recipes(place, store)
            if wanted & {"search", "train", "compare"}:
                found = search_stage(place, store)
                if wanted & {"train", "compare"}:
                    champions = train_stage(place, store, found)
                    if "compare" in wanted:
                        compare_stage(place, store, champions)
            if "report" in wanted:
                report_stage(place)


# ---- stages


def build_stage(place: Workplace) -> Store:
    """The store, built where the inputs are new."""
    run = place.run
    store = build(run.data, run.out / "store", run.search.seed, place.progress)
    inputs = {"store": store.checksum}
    if not place.book.is_current("build", inputs):
        place.book.begin("build", inputs)
        place.book.finish("build")
    return store


def search_stage(place: Workplace, store: Store) -> list[SearchResult]:
    """The searches: run, continued, or read where they are finished."""
    run = place.run
    inputs = {**_search_settings(run), "store": store.checksum}
    dtype = place.dtype(run.search.precision)
    place.book.refuse_others("search", inputs, place.log, place.checkpoints)
    inputs |= {"searches": run.compare.searches}
    finished = place.book.is_current("search", inputs)
    if not finished:
        place.book.begin("search", inputs)
    found = [
        search(run.space, store, run.search, place.out, place.executor, number, dtype, place.progress)
        for number in range(run.compare.searches)
    ]
    if not finished:
        place.book.finish("search")
    return found


def train_stage(place: Workplace, store: Store, found: list[SearchResult]) -> list[Champion]:
    """Final training of every contender with all seeds, and the choice among them; models that are there are kept.

    Raises
    ------
    JobError
        If a training failed.
    """
    run = place.run
    inputs = {**_train_settings(run), "store": store.checksum}
    place.book.refuse_others("train", inputs, place.models)
    n = run.search.contenders
    inputs |= {"seeds": run.seeds, "contenders": [[c.id for c in contenders(result, n)] for result in found]}
    jobs = [
        _job(place, store, result.space, c, k)
        for result in found
        for c in contenders(result, n)
        for k in range(run.seeds)
    ]
    jobs = list({job.out: job for job in jobs}.values())
    missing = [job for job in jobs if not _is_whole(job)]
    if not missing and place.book.is_current("train", inputs):
        return _decided(place, found)
    place.book.begin("train", inputs)
    with place.progress.task("final training", total=len(jobs)) as task:
        task.advance(len(jobs) - len(missing))
        handles = {place.executor.submit(train_network, job): job for job in missing}
        for handle in place.executor.as_completed(handles):
            result = handle.result()
            if result.status == "failed":
                raise JobError(
                    f"{handles[handle].out}: the training failed: {result.reason}. The same command tries it again; "
                    "where memory was short, use fewer workers (--set execute.workers=1)."
                )
            task.advance()
            task.note(_trained(result.value))
    champions = _decided(place, found)
    write_champions(place.out, champions)
    place.book.finish("train")
    return champions


def _decided(place: Workplace, found: list[SearchResult]) -> list[Champion]:
    run = place.run
    search = run.search
    return [
        decide(k, result, search.contenders, run.seeds, place.models, search.objective)
        for k, result in enumerate(found)
    ]


def compare_stage(place: Workplace, store: Store, champions: list[Champion]) -> None:
    """Train the rivals and measure all models on the test split; skipped where the comparison is current."""
    run = place.run
    inputs = {
        "compare": plain_data(run.compare),
        "seeds": run.seeds,
        "winners": [c.architecture.id for c in champions],
        **_search_settings(run),
        **_train_settings(run),
        "store": store.checksum,
        "trained": _trained_when(run),
    }
    there = all((place.out / name).exists() for name in (TABLE, SUMMARY))
    if there and place.book.is_current("compare", inputs):
        return
    place.book.begin("compare", inputs)
    compare(
        store,
        champions[0].space,
        [Winner(c.architecture, c.search, c.cost) for c in champions],
        run.compare,
        run.train,
        run.seeds,
        run.search.seed,
        place.executor,
        place.out,
        place.dtype(run.train.precision),
        place.progress,
        {"config": run.to_dict()},
    )
    place.book.finish("compare")


def _trained_when(run: Run) -> dict[str, list[str]]:
    """When each model of the rivals that were trained before was made."""
    found = trained_rivals(run.out / "rivals", run.compare.rivals)
    return {
        name: [str(read_description(folder)["provenance"].get("made")) for folder in folders]
        for name, folders in found.items()
    }


def _search_settings(run: Run) -> dict[str, Any]:
    return {"space": run.space.to_dict(), "search": plain_data(run.search)}


def _train_settings(run: Run) -> dict[str, Any]:
    return {"train": plain_data(run.train)}


def _refuse_other_settings(place: Workplace) -> None:
    """Before anything is touched: a folder holds one search and one way of training."""
    place.book.refuse_others("search", _search_settings(place.run), place.log, place.checkpoints)
    place.book.refuse_others("train", _train_settings(place.run), place.models)


def _job(place: Workplace, store: Store, space: SearchSpace, architecture: Candidate, k: int) -> TrainingJob:
    run = place.run
    return TrainingJob(
        store=store.path,
        kind="child",
        spec={"space": space.to_dict(), "architecture": architecture.to_dict()},
        config=run.train,
        seed=run.search.seed + k,
        dtype=place.dtype(run.train.precision),
        out=folder(place.models, architecture, k),
        objective=run.search.objective,
        provenance={"store": store.checksum, "config": run.to_dict()},
    )


def _is_whole(job: TrainingJob) -> bool:
    return job.out is not None and (job.out / "model.json").exists()


def _trained(result: TrainingResult) -> str:
    return f"best epoch {result.best_epoch + 1} of {result.n_epochs}"


def report_stage(place: Workplace) -> Path:
    """The page; it is made in seconds, so it is made anew each time."""
    place.book.begin("report", {})
    page = write_report(place.out)
    place.book.finish("report")
    return page


# ---- provenance


def _probed(run: Run) -> str:
    """What `auto` means here; a continued run keeps what its first command found, to count in the same digits."""
    path, device = run.out / "provenance.json", default_device()
    if path.exists():
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
            if record["device"] == device_name():
                return str(record["dtype"])
        except (ValueError, KeyError, TypeError):
            pass  # a damaged record is written anew
    return str(resolve("auto", device)).removeprefix("torch.")


def _write_provenance(place: Workplace, store: Store) -> None:
    record = provenance(
        place.run.search.seed,
        device_name(),
        place.probed,
        place.executor.threads,
        workers=place.executor.workers,
        store=store.checksum,
        config=place.run.to_dict(),
    )
    write_json(place.out / "provenance.json", record)


# ---- rivals


def rival_stage(run: Run, rival: RivalConfig, progress: Progress = SILENT) -> list[Trained]:
    """Train a rival on the run's store into ``rivals/`` of the run directory; see `ambergen.baselines.rivals`."""
    with alone(run.out), open_executor(run.execute) as executor:
        place = Workplace(run, StageBook(run.out), executor, _probed(run), progress)
        return _train_rival(place, build_stage(place), rival)


def own_recipes(place: Workplace, store: Store) -> None:
    """Train those scorers of the comparison that learn by recipes of their own; what is there is kept."""
    compare = place.run.compare
    for name in compare.own_recipe:
        if name == "pwm":
            rival = RivalConfig(name, motifs=compare.motifs, motif=compare.motif)
        else:
            rival = RivalConfig(name, settings=compare.settings)
        _train_rival(place, store, rival)


def _train_rival(place: Workplace, store: Store, rival: RivalConfig) -> list[Trained]:
    run = place.run
    return train_rival(
        store,
        rival,
        run.seeds,
        run.search.seed,
        place.executor,
        run.out / "rivals",
        place.dtype,
        {"data": run.to_dict()["data"]},
        place.progress,
    )


# ---- audit


def audit_stage(run: Run, how: AuditConfig, progress: Progress = SILENT) -> dict[str, Any]:
    """Train some architectures alone and hold the scores of the first search against them; see `runs.audit`.

    Returns
    -------
    What ``audit.json`` of the run directory holds.
    """
    with alone(run.out), open_executor(run.execute) as executor:
        store = Store.open(run.out / "store")
        return audit(run.space, store, run.search, run.out, executor, how, progress=progress)
