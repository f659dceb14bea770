"""Frozen records of a search: what was tried, how it went, what it cost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from ambergen.cost import Cost
from ambergen.spaces.base import Candidate

Status = Literal["done", "failed"]
Read = Callable[[dict[str, Any]], Candidate]


@dataclass(frozen=True)
class Trial:
    """One architecture that a search had rated; with successive halving, one of its ratings.

    number : counts from 0 within its search
    step : the round of the search
    score : the objective on the search split; None where the trial failed
    reason : why it failed
    rung : of successive halving; a promoted trial has one rating a rung
    cost : of this rating alone
    """

    number: int
    step: int
    architecture: Candidate
    score: float | None
    status: Status
    reason: str | None = None
    parameters: int = 0
    multiply_adds: int = 0
    cost: Cost = field(default_factory=Cost)
    rung: int = 0

    def to_event(self, search: int, evaluator: str) -> dict[str, Any]:
        """The line of the event log."""
        return {
            "event": "trial",
            "search": search,
            "trial": self.number,
            "rung": self.rung,
            "step": self.step,
            "architecture": self.architecture.to_dict(),
            "id": self.architecture.id,
            "score": self.score,
            "status": self.status,
            "reason": self.reason,
            "split": "search",
            "evaluator": evaluator,
            "parameters": self.parameters,
            "multiply_adds": self.multiply_adds,
            "cost": self.cost.to_dict(),
        }

    @classmethod
    def from_event(cls, event: dict[str, Any], read: Read) -> Trial:
        """The trial of a line of the event log.

        Parameters
        ----------
        read : of the space that was searched
        """
        return cls(
            number=event["trial"],
            step=event["step"],
            architecture=read(event["architecture"]),
            score=event["score"],
            status=event["status"],
            reason=event["reason"],
            parameters=event["parameters"],
            multiply_adds=event["multiply_adds"],
            cost=Cost(**event["cost"]),
            rung=event.get("rung", 0),
        )


@dataclass(frozen=True)
class Finalist:
    """An architecture of the last round.

    shared_score : rating that made it a finalist, on the search split
    stand_alone_score : after its short training, on the selection split; None where that failed
    """

    architecture: Candidate
    shared_score: float
    stand_alone_score: float | None
    reason: str | None
    cost: Cost

    def to_event(self, search: int) -> dict[str, Any]:
        """The line of the event log."""
        return {
            "event": "finalist",
            "search": search,
            "id": self.architecture.id,
            "architecture": self.architecture.to_dict(),
            "shared_score": self.shared_score,
            "stand_alone_score": self.stand_alone_score,
            "reason": self.reason,
            "split": "selection",
            "cost": self.cost.to_dict(),
        }

    @classmethod
    def from_event(cls, event: dict[str, Any], read: Read) -> Finalist:
        """The finalist of a line of the event log."""
        return cls(
            read(event["architecture"]),
            event["shared_score"],
            event["stand_alone_score"],
            event["reason"],
            Cost(**event["cost"]),
        )
