"""Ratings by training: every architecture from scratch for a few epochs, in parallel through the executor."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ambergen.cost import Cost
from ambergen.datasets.store import Store
from ambergen.evaluators.base import Objective, Rating
from ambergen.executors.base import Executor, Job, JobResult
from ambergen.metrics.ranking import defined, mean_defined
from ambergen.progress import Task
from ambergen.spaces.base import Candidate, SearchSpace
from ambergen.training.config import TrainConfig
from ambergen.training.jobs import TrainingJob, TrainingResult, train_network


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

    def completed(self, architectures: Sequence[Candidate], task: Task) -> Iterator[Rating]:
        """The ratings one by one, in order, each as soon as it and those before it are there."""
        jobs = [self.submit(architecture) for architecture in architectures]
        for architecture, job in zip(architectures, jobs, strict=True):
            rating = self.rating(architecture, job.result())
            task.advance()
            yield rating

    def checkpoint(self, architecture: Candidate) -> Path | None:
        """Where the training of an architecture is continued from."""
        return None if self.folder is None else self.folder / f"{architecture.id}.pt"

    def forget(self, architecture: Candidate) -> None:
        """Remove the checkpoint of a training that nobody will go on with."""
        path = self.checkpoint(architecture)
        if path is not None:
            path.unlink(missing_ok=True)

    def has_begun(self, architecture: Candidate) -> bool:
        """Whether there is a checkpoint to go on from."""
        path = self.checkpoint(architecture)
        return path is not None and path.exists()

    def submit(self, architecture: Candidate, until: int | None = None) -> Job:
        """Begin or continue the training of one architecture.

        Parameters
        ----------
        until : epochs after which it pauses and is scored; None for all
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
            ),
        )

    def rating(self, architecture: Candidate, result: JobResult) -> Rating:
        """The rating of a finished job; its cost is that of the whole training so far."""
        if result.status == "failed":
            self.forget(architecture)
            return Rating(architecture, None, result.reason, Cost(device_seconds=result.seconds))
        trained: TrainingResult = result.value
        scores = trained.scores[self.split]
        value = mean_defined(getattr(scores, self.objective), defined(scores.positives, scores.negatives))
        return Rating(architecture, value, cost=trained.cost)
