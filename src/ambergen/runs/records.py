"""Frozen records of a search: what was tried, how it went, what it cost."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from ambergen.cost import Cost
from ambergen.spaces.architecture import Architecture

Status = Literal["done", "failed"]


@dataclass(frozen=True)
class Trial:
    """One architecture that a search had rated.

    number : counts from 0 within its search
    step : the round of the search
    score : the objective on the search split; None where the trial failed
    reason : why it failed
    """

    number: int
    step: int
    architecture: Architecture
    score: float | None
    status: Status
    reason: str | None = None
    parameters: int = 0
    multiply_adds: int = 0
    cost: Cost = field(default_factory=Cost)

    def to_event(self, search: int, evaluator: str) -> dict[str, Any]:
        """The line of the event log."""
        return {
            "event": "trial",
            "search": search,
            "trial": self.number,
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
    def from_event(cls, event: dict[str, Any]) -> Trial:
        """The trial of a line of the event log."""
        return cls(
            number=event["trial"],
            step=event["step"],
            architecture=Architecture.from_json(event["architecture"]),
            score=event["score"],
            status=event["status"],
            reason=event["reason"],
            parameters=event["parameters"],
            multiply_adds=event["multiply_adds"],
            cost=Cost(**event["cost"]),
        )
