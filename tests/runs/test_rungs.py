from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambergen.errors import ConfigError
from ambergen.runs.rungs import RungConfig, Rungs


@given(
    scores=st.lists(st.lists(st.floats(0, 1), min_size=3, max_size=3), min_size=1, max_size=40),
    eta=st.integers(2, 4),
    order=st.randoms(use_true_random=False),
)
def test_rungs__only_the_best_share_is_promoted_whatever_ends_first(
    scores: list[list[float]], eta: int, order: object
) -> None:
    """Trials end in any order; at every promotion the one that goes up is within the best share of its rung."""
    rungs, new, running = Rungs(3, eta), 0, [(0, 0)]
    finished: list[dict[int, float]] = [{}, {}, {}]
    new += 1
    while running:
        order.shuffle(running)  # type: ignore[attr-defined]
        trial, rung = running.pop()
        rungs.report(trial, rung, scores[trial][rung])
        finished[rung][trial] = scores[trial][rung]
        while len(running) < 2:
            up = rungs.promote()
            if up is not None:
                trial, rung = up
                below = finished[rung - 1]
                better = sum(score > below[trial] for score in below.values())
                assert better < len(below) // eta
                assert trial not in finished[rung]
                assert up not in running
            elif new < len(scores):
                up, new = (new, 0), new + 1
            else:
                break
            running.append(up)
    assert sorted(finished[0]) == list(range(len(scores)))
    for rung in (0, 1):
        assert len(rungs.promoted(rung)) == len(set(rungs.promoted(rung))) == len(finished[rung + 1])
        assert set(rungs.best(rung)) <= set(rungs.promoted(rung))


def test_rungs__the_highest_rung_comes_first() -> None:
    rungs = Rungs(3, 2)
    for trial, score in enumerate((0.5, 0.6, 0.7, 0.8)):
        rungs.report(trial, 0, score)
    assert rungs.promote() == (3, 1)
    assert rungs.promote() == (2, 1)
    assert rungs.promote() is None
    rungs.report(2, 1, 0.9)
    assert rungs.promote() is None  # one trial has no best half
    rungs.report(3, 1, 0.8)
    for trial in (4, 5):
        rungs.report(trial, 0, 0.9)
    assert rungs.promote() == (2, 2)
    assert rungs.promote() == (4, 1)


def test_rungs__next_in_line_are_the_best_that_were_not_promoted() -> None:
    rungs = Rungs(3, 2)
    for trial, score in enumerate((0.5, 0.8, 0.7, 0.8, 0.1)):
        rungs.report(trial, 0, score)
    assert rungs.next_in_line(0, 3) == [1, 3, 2]
    assert rungs.promote() == (1, 1)
    assert rungs.next_in_line(0, 3) == [3, 2, 0]
    assert rungs.next_in_line(1, 3) == []
    assert rungs.promote() == (3, 1)
    rungs.report(3, 1, 0.9)
    assert (rungs.next_in_line(0, 9), rungs.next_in_line(1, 9)) == ([2, 0, 4], [3])


def test_rungs__a_failed_trial_is_never_promoted_and_blocks_nobody() -> None:
    rungs = Rungs(2, 2)
    rungs.report(0, 0, 0.5)
    rungs.report(2, 0, 0.6)  # trial 1 failed
    assert rungs.promote() == (2, 1)
    assert rungs.promote() is None


def test_rungs__go_on_from_their_state() -> None:
    rungs, other = Rungs(3, 2), Rungs(3, 2)
    for trial in range(6):
        rungs.report(trial, 0, (trial * 7 % 5) / 5)
    rungs.promote()
    state = rungs.state()
    other.load(state)
    assert [other.promote() for _ in range(4)] == [rungs.promote() for _ in range(4)]
    assert other.state() == rungs.state() != state


def test_rungs__a_single_one_promotes_nobody() -> None:
    rungs = Rungs(1, 3)
    for trial in range(9):
        rungs.report(trial, 0, 0.5)
    assert rungs.top == 0
    assert rungs.promote() is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epochs": (3, 1)}, r"epochs are \[3, 1\]; expected ascending"),
        ({"epochs": (0, 1)}, r"epochs are \[0, 1\]; expected ascending numbers of at least 1"),
        ({"eta": 1}, "eta is 1; expected at least 2"),
    ],
)
def test_rung_config__refuses_what_cannot_be(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        RungConfig(**changes)  # type: ignore[arg-type]
