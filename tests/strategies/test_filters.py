from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from ambergen.errors import ConfigError, LimitError, StoreError
from ambergen.spaces.base import Candidate
from ambergen.spaces.presets import compact
from ambergen.spaces.space import Space
from ambergen.strategies.base import Strategy
from ambergen.strategies.evolution import AgeingEvolution, EvolutionConfig
from ambergen.strategies.filters import MOST_REFUSED, Feasible, Limit, Prescreened
from ambergen.strategies.random import RandomStrategy
from tests.conformance.strategies import SMALL, StrategyContract, rate, saved


def cheap(space: Space, most: int = 1) -> Limit:
    """At most so many layers that are the first operation of the space."""
    return Limit("max_convolutions", most, lambda a: a.operations.count(space.operations[0]))  # type: ignore[attr-defined]


def simple(candidates: Sequence[Any]) -> list[float]:
    """The fewer skip connections the better."""
    return [-float(c.n_skips) for c in candidates]


class TestFeasible(StrategyContract):
    program = (
        "from ambergen.strategies.evolution import AgeingEvolution, EvolutionConfig\n"
        "from ambergen.strategies.filters import Feasible\n"
        "from tests.strategies.test_filters import cheap\n"
        "def make(space, seed):\n"
        "    return Feasible(AgeingEvolution(space, seed, EvolutionConfig(12, 4)), [cheap(space)])"
    )
    trials_to_optimum = 108
    reachable = 20 * 8  # 8 + 12 of the 27 choices of operations have no or one convolution

    def make(self, space: Space, seed: int, repeats: bool | None = None) -> Strategy:
        return Feasible(AgeingEvolution(space, seed, EvolutionConfig(12, 4), bool(repeats)), [cheap(space)])


class TestPrescreened(StrategyContract):
    program = (
        "from ambergen.strategies.evolution import AgeingEvolution, EvolutionConfig\n"
        "from ambergen.strategies.filters import Prescreened\n"
        "from tests.strategies.test_filters import simple\n"
        "def make(space, seed):\n"
        "    return Prescreened(AgeingEvolution(space, seed, EvolutionConfig(12, 4)), simple, 2.0)"
    )
    trials_to_optimum = reachable = 108  # the other half is withdrawn

    def make(self, space: Space, seed: int, repeats: bool | None = None) -> Strategy:
        return Prescreened(AgeingEvolution(space, seed, EvolutionConfig(12, 4), bool(repeats)), simple, 2.0)


# ---- limits


def test_feasible__lets_through_what_keeps_all_limits() -> None:
    limits = [cheap(SMALL), Limit("max_skips", 2, lambda a: a.n_skips)]  # type: ignore[attr-defined]
    strategy = Feasible(AgeingEvolution(SMALL, 0, EvolutionConfig(12, 4)), limits)
    for _ in range(8):
        asked, proposed = strategy.ask(6), strategy.propose(3)
        for limit in limits:
            assert all(limit.measure(c) <= limit.most for c in asked + proposed)
        strategy.tell(rate(asked))


def test_feasible__counts_what_breaks_a_limit() -> None:
    inner, strategy = RandomStrategy(compact(), 0), Feasible(RandomStrategy(compact(), 0), [cheap(compact())])
    kept = strategy.ask(20)
    drawn = []
    while kept[-1] not in drawn:
        drawn += inner.ask(1)
    assert [a for a in drawn if a in kept] == kept
    assert strategy.summary()["infeasible"] == len(drawn) - 20
    other = Feasible(RandomStrategy(compact(), 0), [cheap(compact())])
    other.load(saved(strategy))
    assert other.summary() == strategy.summary()


def test_feasible__is_looked_through_beforehand_without_a_trace() -> None:
    inner = Feasible(AgeingEvolution(SMALL, 0, EvolutionConfig(12, 4)), [cheap(SMALL)])
    looked = Prescreened(inner, simple, 2.0)
    looked.refuse_impossible()
    assert inner.summary()["infeasible"] == 0
    plain = Prescreened(Feasible(AgeingEvolution(SMALL, 0, EvolutionConfig(12, 4)), [cheap(SMALL)]), simple, 2.0)
    for _ in range(4):
        asked = plain.ask(5)
        assert looked.ask(5) == asked
        for strategy in (looked, plain):
            strategy.tell(rate(asked))
    nothing = Limit("max_parameters", 1000, lambda a: 2000)
    with pytest.raises(ConfigError, match="max_parameters is 1,000"):
        Prescreened(Feasible(RandomStrategy(SMALL, 0), [nothing]), simple).refuse_impossible()


def test_feasible__gives_what_is_left_and_then_says_that_there_is_no_more() -> None:
    plain = Limit("max_others", 0.5, lambda a: sum(o != "identity" for o in a.operations))  # type: ignore[attr-defined]
    names = ("identity", *(f"conv{k}" for k in range(2, 18)))
    strategy = Feasible(
        AgeingEvolution(Space(layers=3, operations=names, reduce=()), 0, EvolutionConfig(12, 4)), [plain]
    )
    left: list[Candidate] = []
    while len(left) < 8:  # identities alone, with any of three skip connections
        new = strategy.ask(20)
        assert 0 < len(new) <= 8
        strategy.tell(rate(new))
        left += new
    assert len({a.id for a in left}) == 8
    with pytest.raises(LimitError, match="max_others is 0"):
        strategy.ask(1)
    with pytest.raises(LimitError, match="max_others is 0"):
        strategy.propose(3000)


def test_feasible__says_which_limit_nothing_keeps_and_how_far_it_is() -> None:
    limits = [cheap(SMALL, most=3), Limit("max_parameters", 1000, lambda a: 2000 + a.n_skips)]  # type: ignore[attr-defined]
    strategy = Feasible(RandomStrategy(SMALL, 0), limits)
    words = (
        rf"max_parameters is 1,000; {MOST_REFUSED:,} of the last {MOST_REFUSED:,} .*smallest of them has 2,001. Raise"
    )
    with pytest.raises(ConfigError, match=words):
        strategy.ask(2)
    with pytest.raises(ConfigError, match=words):
        strategy.propose(2)


def test_feasible__does_not_take_nan_for_small() -> None:
    strategy = Feasible(RandomStrategy(SMALL, 0), [Limit("max_parameters", 1000, lambda a: float("nan"))])
    with pytest.raises(ConfigError, match="max_parameters"):
        strategy.ask(1)


@pytest.mark.parametrize("most", [0, -5, float("nan"), float("inf")])
def test_limit__is_a_positive_number(most: float) -> None:
    with pytest.raises(ConfigError, match=r"max_parameters is .*; expected a finite number above 0"):
        Limit("max_parameters", most, lambda a: 1)


def test_load__refuses_other_limits() -> None:
    state = Feasible(RandomStrategy(SMALL, 0), [cheap(SMALL)]).state()
    with pytest.raises(StoreError, match="limits is another: max_convolutions was 1 and is now 2"):
        Feasible(RandomStrategy(SMALL, 0), [cheap(SMALL, most=2)]).load(state)


# ---- the pre-screen


def test_prescreened__lets_through_what_scores_best() -> None:
    inner, strategy = (AgeingEvolution(compact(), 0, EvolutionConfig(50, 10)) for _ in range(2))
    drawn = inner.ask(20)
    scores = dict(zip(drawn, [k * 7 % 20 for k in range(20)]))
    asked = Prescreened(strategy, lambda candidates: [scores[c] for c in candidates], 4.0).ask(5)
    assert [scores[c] for c in asked] == [19, 18, 17, 16, 15]
    assert not set(strategy.ask(20)) & set(drawn)


def test_prescreened__puts_what_has_no_score_last() -> None:
    inner, strategy = RandomStrategy(compact(), 0), RandomStrategy(compact(), 0)
    drawn = inner.ask(4)
    scores = dict(zip(drawn, [float("nan"), -5.0, float("nan"), -9.0]))
    assert Prescreened(strategy, lambda candidates: [scores[c] for c in candidates], 2.0).ask(2) == [drawn[1], drawn[3]]


def test_prescreened__start_is_as_large_as_without() -> None:
    """What is left over takes no place among the random candidates that come first."""
    strategy = Prescreened(AgeingEvolution(compact(), 0, EvolutionConfig(12, 4)), lambda c: [0.0] * len(c), 3.0)
    asked = [a for _ in range(4) for a in strategy.ask(3)]
    strategy.tell(rate(asked[:1]))
    first, child = compact().genes(asked[0]), compact().genes(strategy.ask(1)[0])  # type: ignore[arg-type]
    assert {a.n_skips for a in asked} == {int(0.4 * compact().n_skips)}  # type: ignore[attr-defined]
    assert sum(a != b for a, b in zip(first, child)) == 1


@pytest.mark.parametrize("ratio", [0.5, float("nan"), float("inf")])
def test_prescreened__refuses_to_look_at_fewer_than_it_gives(ratio: float) -> None:
    with pytest.raises(ConfigError, match="ratio of the pre-screen is"):
        Prescreened(RandomStrategy(SMALL, 0), simple, ratio)
