from __future__ import annotations

from collections.abc import Iterator

import pytest

from ambergen.seeds import generator
from ambergen.spaces.base import Candidate
from ambergen.spaces.presets import amber
from ambergen.spaces.space import Space
from ambergen.strategies.novelty import MOST_ENUMERATED, REDRAWS, enumerated, mutated, novel, sampled

SMALL = Space(layers=3, operations=("conv8", "max_pool4", "identity"), reduce=())


def distance(space: Space, one: Candidate, other: Candidate) -> int:
    pairs = zip(space.genes(one), space.genes(other))  # type: ignore[arg-type]
    return sum(a != b for a, b in pairs)


def test_enumerated__is_every_candidate_once() -> None:
    found = list(enumerated(SMALL, generator(0, "test")))
    assert len(found) == len(set(found)) == SMALL.size
    others = list(enumerated(SMALL, generator(1, "test")))
    assert found != others
    assert set(found) == set(others)


def test_enumerated__of_a_large_space_is_empty() -> None:
    assert amber().size > MOST_ENUMERATED
    assert not list(enumerated(amber(), generator(0, "test")))


def test_mutated__goes_one_step_and_then_ever_further() -> None:
    space = amber()
    parent = space.sample(generator(0, "parent"))
    children = list(mutated(space, parent, generator(0, "test")))
    assert [distance(space, parent, c) for c in children[:REDRAWS]] == [1] * REDRAWS
    further = [distance(space, parent, c) for c in children[REDRAWS:]]
    assert len(further) == REDRAWS
    assert further[-1] > 5


def test_novel__is_the_first_draw_that_is_not_known() -> None:
    draws = list(sampled(SMALL, generator(3, "draws")))
    known = {d.id for d in draws[:4]}
    expected = next(d for d in draws if d.id not in known)
    assert novel(SMALL, known, draws, generator(0, "test")) == expected


@pytest.mark.parametrize("missing", [0, 77, 215])
def test_novel__finds_the_last_one_of_a_small_space(missing: int) -> None:
    everything = list(enumerated(SMALL, generator(0, "test")))
    known = {c.id for k, c in enumerate(everything) if k != missing}
    parent = everything[(missing + 1) % SMALL.size]
    draws = mutated(SMALL, parent, generator(1, "draws"))
    assert novel(SMALL, known, draws, generator(1, "test")) == everything[missing]


def test_novel__of_an_exhausted_space_is_the_first_draw() -> None:
    everything = list(enumerated(SMALL, generator(0, "test")))
    drawn = 0

    def draws() -> Iterator[Candidate]:
        nonlocal drawn
        for candidate in everything:
            drawn += 1
            yield candidate

    assert novel(SMALL, {c.id for c in everything}, draws(), generator(0, "test")) == everything[0]
    assert drawn == 1
