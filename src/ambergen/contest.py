"""The last choice of a search: its best finalists are trained as the winner will be, and the better mean wins.

One short training moves by about as much with another seed as with another architecture, so that it is no safe judge of
the few best; what decides is the mean over the seeds of the final training, on the selection split. The trainings are
not wasted: those of the winner are its models.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ambergen.atomic import write_json
from ambergen.cost import Cost
from ambergen.errors import StoreError
from ambergen.evaluators.base import Objective
from ambergen.runs.loop import SearchResult
from ambergen.spaces.base import Candidate, SearchSpace
from ambergen.training.saving import read_description

FILE = "winners.json"


@dataclass(frozen=True)
class Champion:
    """What a search came to in the end.

    scores : contender's id to its mean score on the selection split, the best first; None where that has no value
    cost : of the search and of training those contenders that lost
    """

    search: int
    space: SearchSpace
    architecture: Candidate
    scores: Mapping[str, float | None]
    cost: Cost


def contenders(result: SearchResult, n: int) -> list[Candidate]:
    """The `n` best finalists; the search's own winner first."""
    return [f.architecture for f in result.finalists if f.stand_alone_score is not None][:n]


def folder(models: Path, architecture: Candidate, k: int) -> Path:
    """Where the k-th training of an architecture is kept."""
    return models / architecture.id / f"seed{k}"


def decide(
    number: int, result: SearchResult, n: int, seeds: int, models: Path, objective: Objective = "auroc"
) -> Champion:
    """The contender with the best mean score over its trained models; the earlier one of a tie.

    Parameters
    ----------
    number : of the search
    objective : of the search, here on the selection split
    models : folder in which all contenders have been trained with all seeds

    Raises
    ------
    StoreError
        If one of them was trained without looking at this objective.
    """
    records = {
        c: [read_description(folder(models, c, k))["provenance"]["training"] for k in range(seeds)]
        for c in contenders(result, n)
    }
    for c, rows in records.items():
        for k, record in enumerate(rows):
            if f"selection_{objective}" not in record:
                raise StoreError(
                    f"{folder(models, c, k)}: this model was trained for a search with another objective, and does not "
                    f"say its {objective} on the selection split. Remove the folder, and give the command again to "
                    "train it anew."
                )
    means = {c: _mean([r[f"selection_{objective}"] for r in rows]) for c, rows in records.items()}
    order = sorted(means, key=lambda c: -_or_worst(means[c]))
    lost = [Cost(**r["cost"]) for c in order[1:] for r in records[c]]
    return Champion(number, result.space, order[0], {c.id: means[c] for c in order}, sum(lost, result.cost))


def _mean(scores: Sequence[float | None]) -> float | None:
    known = [score for score in scores if score is not None]
    return sum(known) / len(scores) if len(known) == len(scores) else None


def _or_worst(score: float | None) -> float:
    return -math.inf if score is None else score


def write_champions(out: Path, champions: Sequence[Champion]) -> None:
    """Write ``winners.json`` for reports."""
    record: dict[str, Any] = {
        str(c.search): {"winner": c.architecture.id, "architecture": c.architecture.to_dict(), "scores": dict(c.scores)}
        for c in champions
    }
    write_json(out / FILE, record)
