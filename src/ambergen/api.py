"""The few functions that tie the parts together for Python users; `ambergen.pipeline` does the same for run files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from ambergen.budgets import Budget
from ambergen.config import load_run
from ambergen.contest import contenders, decide, folder, write_champions
from ambergen.datasets.building import build as build_store
from ambergen.datasets.config import DataConfig
from ambergen.datasets.store import Store
from ambergen.errors import RunError
from ambergen.executors.base import Executor
from ambergen.executors.engines import make_executor
from ambergen.progress import SILENT, Progress
from ambergen.runs.config import SearchConfig
from ambergen.runs.loop import SearchResult
from ambergen.runs.loop import search as run_search
from ambergen.settings import plain_data
from ambergen.spaces.base import SearchSpace
from ambergen.stages import StageBook, alone
from ambergen.training.config import TrainConfig
from ambergen.training.jobs import TrainingJob, train_network
from ambergen.training.model import Model
from ambergen.training.precision import default_device, resolve


def build(run: str | Path | DataConfig, out: str | Path | None = None, progress: Progress = SILENT) -> Store:
    """Build the store of a run file, or of a data configuration; one with the same inputs is not built again.

    Parameters
    ----------
    run : path of a run file, or a `DataConfig`
    out : folder of the store; default: ``store`` in the run file's ``out``
    """
    if isinstance(run, DataConfig):
        return build_store(run, Path(out or "store"), progress=progress)
    resolved = load_run(Path(run))
    return build_store(resolved.data, Path(out or resolved.out / "store"), resolved.search.seed, progress)


def search(
    space: SearchSpace,
    store: Store,
    method: str = "enas",
    budget: str = "30min",
    seed: int = 0,
    out: str | Path = "runs/search",
    config: SearchConfig | None = None,
    workers: int = 1,
    progress: Progress = SILENT,
    **settings: Any,
) -> SearchedRun:
    """Search a space; the same call on the same `out` continues an interrupted search and rereads a finished one.

    Parameters
    ----------
    method : enas or random
    budget : ``30min``, ``20 epochs``, ``500 steps`` or ``40 trials``
    out : run directory
    config : all settings; `method`, `budget`, `seed` and `settings` are put into it
    workers : processes that train candidates; 1 trains them in this one. More need a script with the usual guard,
        ``if __name__ == "__main__":``, because every worker imports it
    settings : further fields of `SearchConfig`
    """
    settings = {"method": method, "budget": Budget.parse(budget), "seed": seed, **settings}
    full = replace(config or SearchConfig(), **settings)
    with alone(Path(out)), _executor(workers) as executor:
        result = run_search(space, store, full, Path(out), executor, progress=progress)
    return SearchedRun(store, full, Path(out), result, workers)


class SearchedRun:
    """A finished search: its winner, its trials, and the training of the winner."""

    def __init__(self, store: Store, config: SearchConfig, out: Path, result: SearchResult, workers: int) -> None:
        self.store, self.config, self.out, self.workers = store, config, out, workers
        self.space, self.result = result.space, result
        self.architecture, self.trials, self.finalists = result.architecture, result.trials, result.finalists
        self.cost = result.cost

    def train(self, seeds: int = 3, config: TrainConfig | None = None) -> list[Model]:
        """Train the contenders from scratch with `seeds` seeds and give the models of the one that wins.

        A model that is there already is not trained again. Afterwards `architecture` and `cost` are those of the winner
        for good, which is the contender with the best mean score on the selection split.

        Raises
        ------
        ConfigError
            If models that were trained with another `config` are there.
        RunError
            If a training failed.
        """
        config = config or TrainConfig()
        settings = {"train": plain_data(config), "store": self.store.checksum}
        dtype = str(resolve(config.precision, default_device())).removeprefix("torch.")
        models, rivals = self.out / "models", contenders(self.result, self.config.contenders)
        jobs = [
            TrainingJob(
                store=self.store.path,
                kind="child",
                spec={"space": self.space.to_dict(), "architecture": rival.to_dict()},
                config=config,
                seed=self.config.seed + number,
                dtype=dtype,
                out=folder(models, rival, number),
                provenance={**settings, "search": plain_data(self.config)},
            )
            for rival in rivals
            for number in range(seeds)
        ]
        with alone(self.out), _executor(self.workers) as executor:
            book = StageBook(self.out)
            book.refuse_others("train", settings, models)
            book.begin("train", {**settings, "seeds": seeds, "contenders": [[rival.id for rival in rivals]]})
            handles = [executor.submit(train_network, job) for job in jobs]
            results = [handle.result() for handle in handles]
        for job, result in zip(jobs, results, strict=True):
            if result.status == "failed":
                raise RunError(f"{job.out}: the training failed ({result.reason}). The same call continues it.")
        champion = decide(0, self.result, self.config.contenders, seeds, models, self.config.objective)
        write_champions(self.out, [champion])
        book.finish("train")
        self.architecture, self.cost = champion.architecture, champion.cost
        return [Model.load(folder(models, champion.architecture, number)) for number in range(seeds)]


def _executor(workers: int) -> Executor:
    return make_executor("inline" if workers == 1 else "processes", workers)
