from __future__ import annotations

import pytest

from ambergen.cost import Cost
from ambergen.errors import RunError
from ambergen.evaluators.base import Rating
from ambergen.runs.finalists import best_distinct, best_ratings, winner
from ambergen.runs.records import Finalist, Trial
from ambergen.spaces.architecture import Architecture
from ambergen.spaces.genotype import Genotype


def architecture(name: str) -> Architecture:
    return Architecture((name,), ((),))


def trial(number: int, name: str, score: float | None) -> Trial:
    return Trial(number, 0, architecture(name), score, "done" if score is not None else "failed")


def finalist(name: str, score: float | None) -> Finalist:
    return Finalist(architecture(name), 0.5, score, None if score is not None else "OutOfMemoryError", Cost())


def test_best_distinct__counts_the_last_rating_of_each_architecture() -> None:
    trials = [trial(0, "a", 0.9), trial(1, "b", 0.6), trial(2, "a", 0.5), trial(3, "c", None), trial(4, "d", 0.7)]
    assert best_distinct(trials, 2) == [architecture("d"), architecture("b")]


def test_best_distinct__knows_a_network_under_another_genotype() -> None:
    one, same = (Genotype(((("conv8",), (other,)), ((0,),))) for other in ("identity", "avg_pool4"))
    assert one != same
    assert one.id == same.id
    trials = [Trial(0, 0, one, 0.9, "done"), trial(1, "b", 0.5), Trial(2, 0, same, 0.9, "done")]
    assert best_distinct(trials, 3) == [one, architecture("b")]


def test_best_ratings__leaves_out_failures_and_repeats() -> None:
    ratings = [Rating(architecture("a"), 0.1), Rating(architecture("b"), None, "died"), Rating(architecture("a"), 0.1)]
    assert [r.architecture for r in best_ratings(ratings, 5)] == [architecture("a")]


def test_winner__has_the_best_stand_alone_score_whatever_its_shared_one() -> None:
    assert winner([finalist("a", 0.6), finalist("b", 0.8), finalist("c", None)]).architecture == architecture("b")


def test_winner__without_a_trained_finalist_is_an_error_that_gives_the_reasons() -> None:
    with pytest.raises(RunError, match=r"no finalist could be trained \(OutOfMemoryError\).*same command again"):
        winner([finalist("a", None)])


def test_trial__comes_back_from_its_event() -> None:
    one = Trial(3, 1, Architecture(("conv8", "identity"), ((), (0,))), 0.75, "done", None, 10, 20, Cost(1.5, 4, 8))
    assert Trial.from_event(one.to_event(0, "shared"), Architecture.from_json) == one
