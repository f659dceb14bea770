from __future__ import annotations

from math import comb, log

import numpy as np
import pytest

from ambergen.spaces.base import SearchSpace
from ambergen.spaces.presets import amber, compact
from ambergen.strategies.base import Strategy
from ambergen.strategies.random import RandomStrategy
from tests.conformance.strategies import SMALL, AnySpaceContract, rate


class TestRandomStrategy(AnySpaceContract):
    program = "from ambergen.strategies.random import RandomStrategy as make"
    trials_to_optimum = reachable = 81  # 27 operations x 3 places of the one skip connection: all there is

    def make(self, space: SearchSpace, seed: int, repeats: bool | None = None) -> Strategy:
        return RandomStrategy(space, seed, bool(repeats))


def test_ask__never_repeats_an_architecture() -> None:
    strategy = RandomStrategy(SMALL, 0)
    asked = [a.id for n in (1, 30, 20, 30) for a in strategy.ask(n)]
    assert len(set(asked)) == len(asked) == 81


def test_ask__begins_a_new_round_when_the_space_is_exhausted() -> None:
    strategy = RandomStrategy(SMALL, 0)
    first, second = strategy.ask(81), strategy.ask(81)
    assert first != second
    assert set(first) == set(second)


def test_ask__does_not_repeat_across_a_save() -> None:
    strategy = RandomStrategy(SMALL, 0)
    first = strategy.ask(60)
    other = RandomStrategy(SMALL, 0)
    other.load(strategy.state())
    assert not set(first) & set(other.ask(21))


def test_learn__takes_out_of_the_round_only_what_can_be_drawn() -> None:
    """An architecture without skip connections is never drawn, so it must not stand for one that is."""
    strategy = RandomStrategy(SMALL, 0)
    other = [SMALL.decode(tokens) for tokens in ((0, 0, 0, 0, 0, 0), (1, 0, 0, 1, 0, 0))]
    known = RandomStrategy(SMALL, 5).ask(30)
    strategy.learn(rate([*other, *known]))
    asked = strategy.ask(51)
    assert set(asked) == set(RandomStrategy(SMALL, 5).ask(81)) - set(known)


def test_ask__does_not_depend_on_how_many_are_asked_at_once() -> None:
    one, many = RandomStrategy(compact(), 5), RandomStrategy(compact(), 5)
    assert [one.ask(1)[0] for _ in range(10)] == many.ask(10)


def test_draws__are_those_of_amber_base() -> None:
    space = amber()
    strategy = RandomStrategy(space, 0)
    drawn = strategy.ask(300) + strategy.propose(300)
    assert {a.n_skips for a in drawn} == {26}
    shares = np.array([sum(a.operations.count(o) for a in drawn) for o in space.operations]) / (600 * 12)
    assert np.abs(shares - 1 / 7).max() < 0.021  # five standard errors


def test_summary__says_what_is_uniform() -> None:
    summary = RandomStrategy(amber(), 0).summary()
    assert summary["entropy"] == pytest.approx(12 * log(7) + log(comb(66, 26)))
    assert summary["skip_density"] == pytest.approx(26 / 66)
    assert summary["reward_baseline"] is None
