"""From the trials of a search to its winner: the best are rated again, the best of those trained alone."""

from __future__ import annotations

from collections.abc import Sequence

from ambergen.errors import RunError
from ambergen.evaluators.base import Rating
from ambergen.runs.records import Finalist, Trial
from ambergen.spaces.base import Candidate


def best_distinct(trials: Sequence[Trial], n: int) -> list[Candidate]:
    """The `n` best architectures by their last rating, best first; ratings of a growing supernet rise with time.

    With successive halving, those of a higher rung come first. Of genotypes that build the same network the one that
    came first stands for all.
    """
    candidates: dict[str, Candidate] = {}
    last: dict[str, tuple[int, float]] = {}
    for trial in trials:
        if trial.score is not None:
            name = trial.architecture.id
            candidates.setdefault(name, trial.architecture)
            last[name] = trial.rung, trial.score
    return [candidates[name] for name in sorted(last, key=lambda name: (-last[name][0], -last[name][1], name))[:n]]


def best_ratings(ratings: Sequence[Rating], n: int) -> list[Rating]:
    """The `n` best ratings that succeeded, best first; ties by the architecture's id."""
    done = {r.architecture: r for r in ratings if r.score is not None}
    return sorted(done.values(), key=lambda r: (-(r.score or 0.0), r.architecture.id))[:n]


def best_first(finalists: Sequence[Finalist]) -> list[Finalist]:
    """By their stand-alone score, ties by id; those that failed last."""
    return sorted(
        finalists,
        key=lambda f: (f.stand_alone_score is None, -(f.stand_alone_score or 0.0), f.architecture.id),
    )


def winner(finalists: Sequence[Finalist]) -> Finalist:
    """The finalist with the best stand-alone score.

    Raises
    ------
    RunError
        If none could be trained.
    """
    trained = [f for f in finalists if f.stand_alone_score is not None]
    if not trained:
        reasons = "; ".join(sorted({f.reason or "unknown" for f in finalists})) or "there was none"
        raise RunError(
            f"search: no finalist could be trained ({reasons}). Mend the cause and give the same command again: the "
            "search itself is kept."
        )
    return best_first(trained)[0]
