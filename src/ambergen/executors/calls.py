"""Calls on their way to a worker, and their results on the way back."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from concurrent.futures import as_completed as futures_as_completed
from typing import Any, cast

from ambergen.errors import JobError
from ambergen.executors.base import Job, JobResult, attempt, reason

Dumps = Callable[..., bytes]
"""How a call is pickled: `pickle.dumps`, or Ray's, which takes a function of a script along."""


class PackedJob:
    """A pickled call and the place where its result arrives.

    losses : workers that were lost with it
    """

    def __init__(self, call: bytes) -> None:
        self.call = call
        self.losses = 0
        self.future: Future[JobResult] = Future()

    def result(self) -> JobResult:
        return self.future.result()


def packed(function: Callable[..., Any], args: tuple[Any, ...], dumps: Dumps = pickle.dumps) -> PackedJob:
    """The call as a job.

    Raises
    ------
    JobError
        If it cannot be pickled.
    """
    try:
        return PackedJob(dumps((function, args), protocol=pickle.HIGHEST_PROTOCOL))
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise JobError(
            f"executor: {getattr(function, '__name__', function)} or its arguments cannot be sent to a worker "
            f"process ({reason(error)}); expected a function of an importable module and arguments that can be "
            "pickled. Move the function to a module, or use the engine `inline`."
        ) from error


def completed(jobs: Iterable[Job]) -> Iterator[Job]:
    """Each of the packed jobs once, as they end."""
    of_future = {cast(PackedJob, job).future: job for job in jobs}
    for future in futures_as_completed(of_future):
        yield of_future[future]


def perform(call: bytes, threads: int, dumps: Dumps = pickle.dumps) -> bytes:
    """Make the call in this worker; what became of it, pickled."""
    result = attempt(_call, call, threads)
    try:
        return dumps(result, protocol=pickle.HIGHEST_PROTOCOL)
    except Exception as error:  # pickling runs code of the value's class, which may raise anything
        text = f"the value cannot be sent back from the worker process ({reason(error)})"
        return pickle.dumps(JobResult("failed", None, text, result.seconds))


def unpacked(answer: bytes, seconds: float) -> JobResult:
    """The result that a worker sent.

    seconds : wall time of the call, for one that cannot be read
    """
    try:
        return pickle.loads(answer)
    except Exception as error:  # unpickling runs code of the value's class, which may raise anything
        return JobResult("failed", None, f"the value of a worker process cannot be read ({reason(error)})", seconds)


def _call(call: bytes, threads: int) -> Any:
    function, args = pickle.loads(call)
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(threads)
    return function(*args)
