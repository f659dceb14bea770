"""What is true of every strategy. A test class inherits `StrategyContract` and says how its strategy is made."""

from __future__ import annotations

import io
import json
import os
import random
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import torch

from ambergen.errors import RunError, SpaceError, StoreError
from ambergen.spaces.architecture import Architecture
from ambergen.spaces.presets import compact
from ambergen.spaces.space import Space
from ambergen.strategies.base import Rated, Strategy

SMALL = Space(layers=3, operations=("conv8", "max_pool4", "identity"), reduce=())
SPACES = {"all": SMALL, "stage": compact(), "none": Space(layers=3, reduce=(0,), skips="none")}


def score(architecture: Architecture) -> float:
    """A table of scores by formula, with one best architecture in SMALL: conv8, max_pool4, identity, skip 0 -> 2."""
    wanted = ("conv8", "max_pool4", "identity")
    right = sum(a == b for a, b in zip(architecture.operations, wanted))
    sources = {(i, j) for i, chosen in enumerate(architecture.skips) for j in chosen}
    return 0.7 + 0.01 * right + 0.005 * ((2, 0) in sources) - 0.004 * len(sources - {(2, 0)})


def rate(asked: list[Architecture]) -> list[Rated]:
    return [Rated(a, score(a)) for a in asked]


def advance(strategy: Strategy, steps: int, n: int = 6) -> list[str]:
    """Ids of what is asked and proposed in so many steps of a search."""
    ids = []
    for _ in range(steps):
        asked, proposed = strategy.ask(n), strategy.propose(2)
        strategy.tell(rate(asked))
        ids += [a.id for a in asked + proposed]
    return ids


class StrategyContract:
    """Inherited by the tests of every strategy.

    program : Python source that defines ``make(space, seed)`` as the method does, run in another process
    trials_to_optimum : rated architectures within which the best of SMALL is found
    """

    program: str
    trials_to_optimum: int

    def make(self, space: Space, seed: int) -> Strategy:
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
                space.check(architecture)
            strategy.tell(rate(asked))

    def test_seed__decides_everything(self) -> None:
        once, again = advance(self.make(compact(), 3), 4), advance(self.make(compact(), 3), 4)
        assert once == again
        assert once != advance(self.make(compact(), 4), 4)

    def test_seed__means_the_same_in_another_process(self) -> None:
        script = (
            "import torch; torch.set_num_threads(1)\n"
            "from ambergen.spaces.presets import compact\n"
            "from tests.conformance.strategies import advance\n"
            f"{self.program}\n"
            "print(*advance(make(compact(), 3), 3))"
        )
        environment = os.environ | {"PYTHONHASHSEED": "7", "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
        done = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, env=environment, check=False
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.split() == advance(self.make(compact(), 3), 3)

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

    @pytest.mark.parametrize("steps", [0, 1, 3])
    def test_state__continues_exactly_after_a_save(self, steps: int) -> None:
        strategy = self.make(compact(), 1)
        advance(strategy, steps)
        file = io.BytesIO()
        torch.save(strategy.state(), file)
        file.seek(0)
        other = self.make(compact(), 1)
        advance(other, 2)  # what it did before must not matter
        other.load(torch.load(file, weights_only=True))
        assert other.summary() == strategy.summary()
        assert advance(other, 3) == advance(strategy, 3)
        assert other.summary() == strategy.summary()

    def test_state__taken_between_ask_and_tell_continues_exactly(self) -> None:
        strategy, other = self.make(compact(), 1), self.make(compact(), 1)
        advance(strategy, 1)
        asked = strategy.ask(6)
        other.load(strategy.state())
        for s in (strategy, other):
            s.tell(rate(asked))
        assert advance(other, 2) == advance(strategy, 2)

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

    def test_tell__takes_some_or_none_of_what_was_asked(self) -> None:
        strategy = self.make(SMALL, 0)
        strategy.tell([])
        strategy.tell(rate(strategy.ask(6))[::2])
        strategy.tell(rate(strategy.ask(3))[:1])
        strategy.tell([])
        assert len(strategy.ask(4)) == 4

    def test_tell__refuses_what_it_cannot_have_asked(self) -> None:
        strategy = self.make(SMALL, 0)
        with pytest.raises(SpaceError, match="1 layers; this space has 3"):
            strategy.tell([Rated(Architecture(("conv8",), ((),)), 0.5)])
        for value in (float("nan"), float("inf")):
            with pytest.raises(RunError, match=r"score is (nan|inf); expected a finite number.*left out"):
                Rated(strategy.ask(1)[0], value)

    @pytest.mark.parametrize("skips", SPACES)
    def test_summary__is_plain_and_complete(self, skips: str) -> None:
        space = SPACES[skips]
        strategy = self.make(space, 0)
        for _ in range(2):
            summary: dict[str, Any] = json.loads(json.dumps(strategy.summary(), allow_nan=False))
            assert {"entropy", "kl", "skip_density", "reward_baseline"} <= summary.keys()
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
