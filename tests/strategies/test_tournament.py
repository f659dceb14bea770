from __future__ import annotations

from collections import Counter

import pytest

from ambergen.errors import ConfigError
from ambergen.spaces.base import SearchSpace
from ambergen.spaces.presets import compact
from ambergen.strategies.base import Rated, Strategy
from ambergen.strategies.tournament import TournamentConfig, TournamentEvolution
from tests.conformance.strategies import AnySpaceContract

SPACE = compact()


class TestTournamentEvolution(AnySpaceContract):
    program = (
        "from ambergen.strategies.tournament import TournamentConfig, TournamentEvolution\n"
        "def make(space, seed): return TournamentEvolution(space, seed, TournamentConfig(initial=12, share=0.2))"
    )
    trials_to_optimum = 108

    def make(self, space: SearchSpace, seed: int, repeats: bool | None = None) -> Strategy:
        return TournamentEvolution(space, seed, TournamentConfig(initial=12, share=0.2), bool(repeats))


def test_members__all_stay() -> None:
    evolution = TournamentEvolution(SPACE, 0, TournamentConfig(initial=5))
    asked = []
    for _ in range(10):
        new = evolution.ask(3)
        asked += new
        evolution.tell([Rated(a, 0.5) for a in new])
    assert [r.architecture for r in evolution.population.members] == asked


def test_ageing__keeps_the_youngest() -> None:
    evolution = TournamentEvolution(SPACE, 0, TournamentConfig(initial=5, ageing=True))
    asked = []
    for step in range(10):
        new = evolution.ask(3)
        asked += new
        evolution.tell([Rated(a, 1.0 / (step + 1)) for a in new])
    assert [r.architecture for r in evolution.population.members] == asked[-5:]


def test_start__is_two_hundred_random_genotypes() -> None:
    evolution = TournamentEvolution(SPACE, 0)
    asked = evolution.ask(200)
    assert {a.n_skips for a in asked} == {int(0.4 * SPACE.n_skips)}  # type: ignore[attr-defined]
    evolution.tell([Rated(a, 0.5) for a in asked])
    children = evolution.ask(40)
    assert len({a.n_skips for a in children}) > 1  # type: ignore[attr-defined]


def test_parents__are_the_best_of_a_twentieth_of_the_members() -> None:
    """Of ten members out of two hundred the best has, on average, a tenth of the others above it."""
    evolution = TournamentEvolution(SPACE, 0, repeats=True)
    asked = evolution.ask(200)
    evolution.tell([Rated(a, k / 200) for k, a in enumerate(asked)])
    genes = [SPACE.genes(a) for a in asked]  # type: ignore[arg-type]
    ranks = []
    for child in evolution.ask(300):
        found = SPACE.genes(child)  # type: ignore[arg-type]
        near = [k for k, g in enumerate(genes) if sum(a != b for a, b in zip(g, found)) == 1]
        if len(near) == 1:
            ranks.append(near[0])
    assert len(ranks) > 200
    # the largest of 10 from 0, ..., 199 is 10 x 200 / 11 - 1 on average, with a standard deviation near 16
    assert sum(ranks) / len(ranks) == pytest.approx(181, abs=5)
    assert min(Counter(ranks)) >= 9


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"initial": 0}, "initial is 0; expected at least 1"),
        ({"share": 0.0}, "share is 0.0; expected more than 0 and at most 1"),
    ],
)
def test_config__refuses_what_cannot_be(settings: dict[str, float], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        TournamentConfig(**settings)  # type: ignore[arg-type]
