"""Ratings by training: every architecture from scratch for a few epochs, in parallel through the executor."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from ambergen.cost import Cost
from ambergen.datasets.store import Store
from ambergen.errors import StoreError
from ambergen.evaluators.base import Objective, Rating
from ambergen.executors.base import Executor, Job, JobResult
from ambergen.metrics.ranking import defined, mean_defined
from ambergen.progress import Task
from ambergen.spaces.base import Candidate, SearchSpace
from ambergen.training.checkpoint import load_checkpoint, remove_checkpoint
from ambergen.training.config import TrainConfig
from ambergen.training.jobs import TrainingJob, TrainingResult, train_network
from ambergen.training.loop import read_costs


@dataclass(frozen=True)
class StandAloneConfig:
    """Short training of one candidate.

    train : its epochs are all run, and no split stops them
    """

    train: TrainConfig = field(default_factory=lambda: TrainConfig(epochs=5))


class StandAlone:
    """Trains every architecture for a number of epochs and scores it on one split.

    Parameters
    ----------
    folder : where trainings leave their checkpoints, by architecture; another evaluator with the same settings but for
        its split goes on from there. None for no checkpoints
    """

    name = "stand-alone"

    def __init__(
        self,
        space: SearchSpace,
        store: Store,
        config: StandAloneConfig,
        objective: Objective,
        seed: int,
        dtype: str,
        executor: Executor,
        split: str = "search",
        folder: Path | None = None,
    ) -> None:
        self.space, self.store, self.config, self.objective = space, store, config, objective
        self.seed, self.dtype, self.executor, self.folder, self.split = seed, dtype, executor, folder, split

    def completed(
        self, architectures: Sequence[Candidate], task: Task, paid_epochs: Mapping[str, int] | None = None
    ) -> Iterator[Rating]:
        """The ratings one by one, in order, each as soon as it and those before it are there.

        Parameters
        ----------
        paid_epochs : as in `submit`, by identifier; 0 where there is none
        """
        paid = paid_epochs or {}
        jobs = [self.submit(architecture, paid_epochs=paid.get(architecture.id, 0)) for architecture in architectures]
        for architecture, job in zip(architectures, jobs, strict=True):
            rating = self.rating(architecture, job.result())
            if rating.score is None:
                self.forget(architecture)
            task.advance()
            yield rating

    def checkpoint(self, architecture: Candidate) -> Path | None:
        """Where the training of an architecture is continued from."""
        return None if self.folder is None else self.folder / f"{architecture.id}.pt"

    def forget(self, architecture: Candidate) -> None:
        """Remove the checkpoint of a training that failed, or that nobody will go on with."""
        path = self.checkpoint(architecture)
        if path is not None:
            remove_checkpoint(path)

    def begun(self) -> set[str]:
        """Identifiers of the architectures whose training has left a checkpoint."""
        return set() if self.folder is None else {path.stem for path in self.folder.glob("*.pt")}

    def unpaid(self, architecture: Candidate, paid_epochs: int) -> Cost:
        """What a checkpoint holds beyond the epochs that are paid: the work of a job that was killed."""
        path = self.checkpoint(architecture)
        with suppress(StoreError):  # a damaged one fails the training that it is for
            record = None if path is None else load_checkpoint(path)
            if record is not None:
                costs, n_paid = read_costs(record, paid_epochs)
                return sum(costs[n_paid:], Cost())
        return Cost()

    def submit(self, architecture: Candidate, until: int | None = None, paid_epochs: int = 0) -> Job:
        """Begin or continue the training of one architecture.

        Parameters
        ----------
        until : epochs after which it pauses and is scored; None for all
        paid_epochs : the first epochs, which ratings before this one were charged with; where their checkpoint is gone
            they are trained, and charged, again
        """
        return self.executor.submit(
            train_network,
            TrainingJob(
                store=self.store.path,
                kind="child",
                spec={"space": self.space.to_dict(), "architecture": architecture.to_dict()},
                config=self.config.train,
                seed=self.seed,
                dtype=self.dtype,
                learned=("train",),
                watch=None,
                scored=(self.split,),
                strands="forward",
                until=until,
                checkpoint=self.checkpoint(architecture),
                paid_epochs=paid_epochs,
                objective=self.objective,
            ),
        )

    def rating(self, architecture: Candidate, result: JobResult) -> Rating:
        """The rating of a finished job; its cost is what the job is charged with (`TrainingResult.charged`)."""
        if result.status == "failed":
            return Rating(architecture, None, result.reason, Cost(device_seconds=result.seconds))
        trained: TrainingResult = result.value
        scores = trained.scores[self.split]
        value = mean_defined(trained.objective[self.split], defined(scores.positives, scores.negatives))
        return Rating(architecture, value, cost=trained.charged)
