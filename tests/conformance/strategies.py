"""What is true of every strategy. A test class inherits `StrategyContract` and says how its strategy is made."""

from __future__ import annotations

import io
import json
import os
import random
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch

from ambergen.errors import RunError, SpaceError, StoreError
from ambergen.spaces.architecture import Architecture
from ambergen.spaces.base import Candidate, SearchSpace
from ambergen.spaces.genotype import Genotype
from ambergen.spaces.hierarchical_space import HierarchicalSpace
from ambergen.spaces.presets import compact
from ambergen.spaces.space import Space
from ambergen.strategies.base import Rated, Strategy

SMALL = Space(layers=3, operations=("conv8", "max_pool4", "identity"), reduce=())
HIERARCHICAL = HierarchicalSpace(motifs=(3,), nodes=(3, 3), mutations=30)
SPACES = {"all": SMALL, "stage": compact(), "none": Space(layers=3, reduce=(0,), skips="none")}
SPACES |= {"from the stem": Space(layers=4, reduce=(1,), sources="enas", combine="concat1x1")}


def score(architecture: Any) -> float:
    """A table of scores by formula, with one best architecture in SMALL: conv8, max_pool4, identity, skip 0 -> 2."""
    if isinstance(architecture, Genotype):
        return 0.7 + 0.001 * architecture.to_json().count("conv8")
    wanted = ("conv8", "max_pool4", "identity")
    right = sum(a == b for a, b in zip(architecture.operations, wanted))
    sources = {(i, j) for i, chosen in enumerate(architecture.skips) for j in chosen}
    return 0.7 + 0.01 * right + 0.005 * ((2, 0) in sources) - 0.004 * len(sources - {(2, 0)})


def rate(asked: Sequence[Candidate]) -> list[Rated]:
    return [Rated(a, score(a)) for a in asked]


def advance(strategy: Strategy, steps: int, n: int = 6) -> list[str]:
    """Ids of what is asked and proposed in so many steps of a search that takes turns."""
    ids = []
    for _ in range(steps):
        asked, proposed = strategy.ask(n), strategy.propose(2)
        strategy.tell(rate(asked))
        ids += [a.id for a in asked + proposed]
    return ids


def advance_unevenly(strategy: Strategy, pending: list[Candidate], steps: range) -> list[str]:
    """Ids of what is asked where trials end out of order, in twos, never, or twice.

    pending : what is out for rating, as the loop remembers it; changed in place
    """
    ids = []
    for step in steps:
        asked = strategy.ask(3)
        ids += [a.id for a in asked]
        pending += asked
        finished = rate([pending.pop(step * 7 % len(pending)) for _ in range(1 + step % 2)])
        strategy.tell(finished)
        if step % 3 == 0:
            strategy.tell([Rated(r.architecture, r.score + 0.002) for r in finished])
        if step % 4 == 0:
            pending.pop()
        if step % 5 == 0:
            strategy.withdraw([pending.pop(0)])
    return ids


def saved(strategy: Strategy) -> dict[str, Any]:
    """Its state, through a file."""
    file = io.BytesIO()
    torch.save(strategy.state(), file)
    file.seek(0)
    state: dict[str, Any] = torch.load(file, weights_only=True)
    return state


class StrategyContract:
    """Inherited by the tests of every strategy.

    program : Python source that defines ``make(space, seed)`` as the method does, run in another process
    trials_to_optimum : rated architectures within which the best of SMALL is found
    reachable : architectures of SMALL that it can ask for, nine at a time, before it must repeat one
    """

    program: str
    trials_to_optimum: int
    reachable: int = SMALL.size

    def make(self, space: Space, seed: int, repeats: bool | None = None) -> Strategy:
        """With its own `repeats` where None."""
        raise NotImplementedError

    @pytest.mark.parametrize("skips", SPACES)
    def test_draws__are_as_many_as_wanted_and_inside_the_space(self, skips: str) -> None:
        space = SPACES[skips]
        strategy = self.make(space, 0)
        assert isinstance(strategy, Strategy)
        for n in (1, 5, 0):
            asked, proposed = strategy.ask(n), strategy.propose(n)
            assert len(asked) == len(proposed) == n
            for architecture in asked + proposed:
                assert isinstance(architecture, Architecture)
                space.check(architecture)
            strategy.tell(rate(asked))

    # ---- repeats

    def test_ask__repeats_nothing_while_there_is_something_new(self) -> None:
        strategy = self.make(SMALL, 0, repeats=False)
        assert not strategy.repeats
        asked: list[str] = []
        while len(asked) < self.reachable:
            new = strategy.ask(min(9, self.reachable - len(asked)))
            asked += [a.id for a in new]
            strategy.tell(rate(new[::-3]))  # the others are still out, or have failed
        assert len(set(asked)) == len(asked)
        assert len(strategy.ask(3)) == 3

    def test_ask__may_repeat_where_it_is_told_so(self) -> None:
        strategy = self.make(SMALL, 0, repeats=True)
        assert strategy.repeats
        asked = [a.id for _ in range(12) for a in strategy.ask(9)]
        assert len(set(asked)) < len(asked)

    @pytest.mark.parametrize("repeats", [True, False])
    @pytest.mark.parametrize("operations", [("conv8",), ("conv8", "conv4")])
    def test_ask__ends_in_the_smallest_spaces(self, operations: tuple[str, ...], repeats: bool) -> None:
        space = Space(layers=1, operations=operations, reduce=())
        strategy = self.make(space, 0, repeats)
        for _ in range(2):
            asked = strategy.ask(5)
            assert len(asked) == len(strategy.propose(5)) == 5
            strategy.tell(rate(asked))
        if not repeats:
            assert len({a.id for a in asked}) == space.size

    def test_withdrawn__is_not_asked_for_again(self) -> None:
        strategy = self.make(SMALL, 0, repeats=False)
        asked = strategy.ask(20)
        strategy.withdraw(asked[5:])
        strategy.tell(rate(asked[:5]))
        assert not {a.id for a in asked} & {a.id for a in strategy.ask(20)}

    # ---- repeatability

    def test_seed__decides_everything(self) -> None:
        once, again = advance(self.make(compact(), 3), 4), advance(self.make(compact(), 3), 4)
        assert once == again
        assert once != advance(self.make(compact(), 4), 4)

    def test_seed__means_the_same_in_another_process(self) -> None:
        script = (
            "import torch; torch.set_num_threads(1)\n"
            "from ambergen.spaces.presets import compact\n"
            "from tests.conformance.strategies import advance, advance_unevenly\n"
            f"{self.program}\n"
            "strategy = make(compact(), 3)\n"
            "print(*advance(strategy, 3), *advance_unevenly(strategy, [], range(10)))"
        )
        environment = os.environ | {"PYTHONHASHSEED": "7", "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
        done = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, env=environment, check=False
        )
        assert done.returncode == 0, done.stderr
        strategy = self.make(compact(), 3)
        assert done.stdout.split() == advance(strategy, 3) + advance_unevenly(strategy, [], range(10))

    def test_draws__do_not_depend_on_each_other(self) -> None:
        plain, disturbed = self.make(compact(), 0), self.make(compact(), 0)
        for _ in range(3):
            disturbed.propose(4)
            asked = plain.ask(5)
            assert disturbed.ask(5) == asked
            disturbed.summary()
            plain.tell(rate(asked))
            disturbed.tell(rate(asked))

    def test_global_generators__are_left_alone(self) -> None:
        before = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state()  # type: ignore[index] # noqa: NPY002
        advance(self.make(SMALL, 0), 2)
        assert random.getstate() == before[0]
        assert np.random.get_state()[1].tolist() == before[1]  # type: ignore[index] # noqa: NPY002
        assert torch.equal(torch.get_rng_state(), before[2])

    # ---- continuation

    @pytest.mark.parametrize("steps", [0, 1, 3])
    def test_state__continues_exactly_after_a_save(self, steps: int) -> None:
        strategy = self.make(compact(), 1)
        advance(strategy, steps)
        other = self.make(compact(), 1)
        advance(other, 2)  # what it did before must not matter
        other.load(saved(strategy))
        assert other.summary() == strategy.summary()
        assert advance(other, 3) == advance(strategy, 3)
        assert other.summary() == strategy.summary()

    @pytest.mark.parametrize("steps", [2, 7])
    def test_state__taken_while_trials_are_out_continues_exactly(self, steps: int) -> None:
        strategy, other = self.make(compact(), 1), self.make(compact(), 1)
        pending: list[Candidate] = []
        advance_unevenly(strategy, pending, range(steps))
        also = list(pending)
        other.load(saved(strategy))
        later = range(steps, steps + 8)
        assert advance_unevenly(other, also, later) == advance_unevenly(strategy, pending, later)
        assert other.summary() == strategy.summary()

    def test_state__is_a_copy(self) -> None:
        strategy = self.make(compact(), 1)
        advance(strategy, 1)
        state = strategy.state()
        expected = advance(strategy, 2)
        for _ in range(2):
            other = self.make(compact(), 1)
            other.load(state)
            assert advance(other, 2) == expected

    def test_load__refuses_the_state_of_another_search(self) -> None:
        state = self.make(SMALL, 1).state()
        with pytest.raises(StoreError, match=r"seed is 1; this search has 2.*Continue with the settings"):
            self.make(SMALL, 2).load(state)
        with pytest.raises(StoreError, match=r"space is another: layers was 3 and is now 6"):
            self.make(compact(), 1).load(state)
        with pytest.raises(StoreError, match=r"does not say which strategy wrote it.*remove it"):
            self.make(SMALL, 1).load({})

    def test_load__refuses_a_damaged_state(self) -> None:
        strategy = self.make(SMALL, 1)
        for key in strategy.state():
            state = strategy.state()
            del state[key]
            with pytest.raises(StoreError, match=r"Remove the checkpoint to search anew|does not say which strategy"):
                strategy.load(state)

    # ---- what it is told

    def test_tell__takes_some_or_none_of_what_was_asked(self) -> None:
        strategy = self.make(SMALL, 0)
        strategy.tell([])
        strategy.tell(rate(strategy.ask(6))[::2])
        strategy.tell(rate(strategy.ask(3))[:1])
        strategy.tell([])
        assert len(strategy.ask(4)) == 4

    def test_tell__that_never_comes_holds_nothing_up(self) -> None:
        strategy = self.make(compact(), 0)
        for _ in range(8):
            strategy.ask(5)
        last = strategy.ask(5)
        strategy.tell(rate(last[:2]))
        strategy.tell(rate(last[:2]))  # the same again
        assert len(strategy.ask(5)) == 5
        assert strategy.summary()

    def test_tell__refuses_what_it_cannot_have_asked(self) -> None:
        strategy = self.make(SMALL, 0)
        with pytest.raises(SpaceError, match="1 layers; this space has 3"):
            strategy.tell([Rated(Architecture(("conv8",), ((),)), 0.5)])
        for value in (float("nan"), float("inf")):
            with pytest.raises(RunError, match=r"score is (nan|inf); expected a finite number.*left out"):
                Rated(strategy.ask(1)[0], value)

    def test_learn__counts_an_earlier_search_as_seen(self) -> None:
        history = rate(self.make(SMALL, 7).ask(12))
        strategy = self.make(SMALL, 0, repeats=False)
        strategy.learn([*history, *history[:3]])
        asked = strategy.ask(15)
        assert not {r.architecture.id for r in history} & {a.id for a in asked}
        other = self.make(SMALL, 0, repeats=False)
        other.load(saved(strategy))
        strategy.tell(rate(asked))
        other.tell(rate(asked))
        assert advance(other, 2) == advance(strategy, 2)

    def test_learn__comes_first_and_takes_its_own_space_only(self) -> None:
        strategy = self.make(SMALL, 0)
        with pytest.raises(SpaceError, match="1 layers; this space has 3"):
            strategy.learn([Rated(Architecture(("conv8",), ((),)), 0.5)])
        asked = strategy.ask(1)
        with pytest.raises(RunError, match=r"learn came after ask or tell.*Begin a new search"):
            strategy.learn(rate(asked))

    @pytest.mark.parametrize("skips", SPACES)
    def test_summary__is_plain_and_complete(self, skips: str) -> None:
        space = SPACES[skips]
        strategy = self.make(space, 0)
        for told in (False, True):
            summary: dict[str, Any] = json.loads(json.dumps(strategy.summary(), allow_nan=False))
            assert {"entropy", "kl", "skip_density", "reward_baseline"} <= summary.keys()
            if told or summary["operation_probability"]:
                table = np.array(summary["operation_probability"])
                assert table.shape == (space.layers, len(space.operations))
                np.testing.assert_allclose(table.sum(1), 1, atol=1e-5)
                assert len(summary["skip_probability"]) == space.n_skips
                assert all(0 <= p <= 1 for p in summary["skip_probability"])
                assert 0 <= summary["skip_density"] <= 1
                assert summary["entropy"] > 0
            strategy.tell(rate(strategy.ask(4)))

    def test_search__finds_the_best_of_a_small_space(self) -> None:
        strategy = self.make(SMALL, 0)
        seen: set[float] = set()
        for _ in range(-(-self.trials_to_optimum // 9)):
            rated = rate(strategy.ask(9))
            strategy.tell(rated)
            seen |= {r.score for r in rated}
        assert max(seen) == pytest.approx(0.735)


class AnySpaceContract(StrategyContract):
    """Inherited by the tests of strategies that are not tied to the macro space."""

    def make(self, space: SearchSpace, seed: int, repeats: bool | None = None) -> Strategy:
        raise NotImplementedError

    def test_hierarchical__draws_are_new_and_inside_the_space(self) -> None:
        strategy = self.make(HIERARCHICAL, 0, repeats=False)
        asked: list[Candidate] = []
        for _ in range(12):
            new = strategy.ask(4)
            for candidate in new + strategy.propose(2):
                HIERARCHICAL.check(candidate)  # type: ignore[arg-type]
            strategy.tell(rate(new[::-1]))
            asked += new
        assert len({a.id for a in asked}) == len(asked)

    def test_hierarchical__state_continues_exactly(self) -> None:
        strategy, other = self.make(HIERARCHICAL, 1), self.make(HIERARCHICAL, 1)
        pending: list[Candidate] = []
        advance_unevenly(strategy, pending, range(7))
        also = list(pending)
        other.load(saved(strategy))
        assert advance_unevenly(other, also, range(7, 14)) == advance_unevenly(strategy, pending, range(7, 14))

    def test_hierarchical__summary_is_plain_and_has_no_layers(self) -> None:
        strategy = self.make(HIERARCHICAL, 0)
        strategy.tell(rate(strategy.ask(6)))
        summary = json.loads(json.dumps(strategy.summary(), allow_nan=False))
        assert summary["operation_probability"] == summary["skip_probability"] == []
        assert summary["skip_density"] is None
        assert {"entropy", "kl", "reward_baseline"} <= summary.keys()
