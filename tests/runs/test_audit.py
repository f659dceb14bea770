from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ambergen.datasets.batches import DeviceStore
from ambergen.datasets.store import Store
from ambergen.errors import ConfigError, RunError
from ambergen.evaluators.shared_weights import SharedWeights
from ambergen.evaluators.stand_alone import StandAlone, StandAloneConfig
from ambergen.evaluators.zero_cost import zero_cost_table
from ambergen.executors.base import Job, JobResult
from ambergen.executors.inline import InlineExecutor
from ambergen.metrics.rank_agreement import kendall_tau, partial_kendall_tau, top_k_precision, top_k_regret
from ambergen.models.summary import child_parameters
from ambergen.progress import SILENT
from ambergen.runs.audit import SHARED, AuditConfig, audit, sentences, stratified
from ambergen.runs.config import SearchConfig
from ambergen.runs.loop import search
from ambergen.spaces.architecture import Architecture
from ambergen.spaces.space import Space
from ambergen.training.checkpoint import load_checkpoint
from tests.simulated import SPACE, TRAIN, search_config

N = 6
HOW = AuditConfig(n=N, top=0.34, zero_cost=("parameters", "synflow", "naswot"), rows=16, resamples=50, permutations=50)
BUDGET = {"enas": "6 steps", "random": "2 trials"}


class Counting(InlineExecutor):
    """Counts jobs that were run; the one of number `stop` is interrupted, those in `doomed` fail."""

    def __init__(self, stop: int | None = None, doomed: Iterable[int] = ()) -> None:
        super().__init__()
        self.stop, self.doomed, self.done = stop, set(doomed), 0

    def as_completed(self, jobs: Iterable[Job]) -> Iterator[Job]:
        for job in list(jobs):
            if self.done == self.stop:
                raise KeyboardInterrupt
            self.done += 1
            yield Failed() if self.done - 1 in self.doomed else next(super().as_completed([job]))


class Failed:
    """A job that fails."""


@pytest.fixture(scope="module")
def searched(small_store: Store, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The run directory of a finished search of a method; the tests copy what they change."""
    folders: dict[str, Path] = {}

    def run(method: str) -> Path:
        if method not in folders:
            folders[method] = tmp_path_factory.mktemp(method)
            with InlineExecutor() as executor:
                search(SPACE, small_store, config(method), folders[method], executor)
        return folders[method]

    return run
