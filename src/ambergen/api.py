"""The few functions that tie the parts together for Python users; `ambergen.pipeline` does the same for run files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from ambergen.budgets import Budget
from ambergen.config import Engine, ExecuteConfig, load_run
from ambergen.contest import contenders, decide, folder, write_champions
from ambergen.datasets.building import build as build_store
from ambergen.datasets.config import DataConfig
from ambergen.datasets.store import Store
from ambergen.errors import ConfigError, RunError
from ambergen.executors.ray import RayConfig
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
from ambergen.workers import open_executor


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
    method: str = "evolution",
    budget: str = "30min",
    seed: int = 0,
    out: str | Path = "runs/search",
    config: SearchConfig | None = None,
    workers: int | None = None,
    engine: Engine | None = None,
    ray_address: str | None = None,
    progress: Progress = SILENT,
    **settings: Any,
) -> SearchedRun:
    """Search a space; the same call on the same `out` continues an interrupted search and rereads a finished one.

    Parameters
    ----------
    method : evolution, nas, hierarchical, enas, oneshot or random
    budget : ``30min``, ``20 epochs``, ``500 steps`` or ``40 trials``
    out : run directory
    config : all settings; `method`, `budget`, `seed` and `settings` are put into it
    workers : trainings at a time; default: one, or with an engine that is named as many as there are cores (one where
        an accelerator does the work) or room for in the cluster
    engine : where candidates, finalists and contenders are trained, as ``execute.engine`` of a run file: ``inline``
        (this process), ``processes`` or ``ray``; default: ``ray`` with an address, ``processes`` with several workers,
        else ``inline``. Processes need a script with the usual guard, ``if __name__ == "__main__":``, because every
        worker imports it
    ray_address : of a Ray cluster, ``auto`` (that of this machine) or ``host:port`` of its head; default: a Ray of this
        machine alone
    settings : further fields of `SearchConfig`
    """
    settings = {"method": method, "budget": Budget.parse(budget), "seed": seed, **settings}
    full = replace(config or SearchConfig(), **settings)
    execute = _execute(workers, engine, ray_address)
    with alone(Path(out)), open_executor(execute) as executor:
        result = run_search(space, store, full, Path(out), executor, progress=progress)
    return SearchedRun(store, full, Path(out), result, execute)


def _execute(workers: int | None, engine: Engine | None, ray_address: str | None) -> ExecuteConfig:
    if ray_address is not None:
        if engine not in (None, "ray"):
            raise ConfigError(
                f"search: ray_address is {ray_address!r} and the engine is {engine!r}; expected an address with the "
                "engine 'ray' alone. Leave one of the two out."
            )
        return ExecuteConfig(workers, "ray", RayConfig(ray_address))
    return ExecuteConfig(workers, engine or ("inline" if workers in (None, 1) else "processes"))


class SearchedRun:
    """A finished search: its winner, its trials, and the training of the winner."""

    def __init__(
        self, store: Store, config: SearchConfig, out: Path, result: SearchResult, execute: ExecuteConfig
    ) -> None:
        self.store, self.config, self.out, self.execute = store, config, out, execute
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
                objective=self.config.objective,
                provenance={**settings, "search": plain_data(self.config)},
            )
            for rival in rivals
            for number in range(seeds)
        ]
        with alone(self.out), open_executor(self.execute) as executor:
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
