from __future__ import annotations

import io

import pytest
from rich.console import Console

from ambergen.cli import progress_bars
from ambergen.cli.progress_bars import Bars, Lines, _count, duration, rate


def test_duration__is_told_in_two_units_at_most() -> None:
    assert [duration(s) for s in (0.4, 45, 200, 7500)] == ["0 s", "45 s", "3 min 20 s", "2 h 05 min"]


def test_rate__is_told_the_way_it_is_read() -> None:
    assert [rate(r) for r in (0, 0.2, 3.21, 12, 3400, 2.5e6)] == [
        "",
        "5.0 s each",
        "3.2/s",
        "12/s",
        "3.4 k/s",
        "2.5 M/s",
    ]


def test_count__shows_parts_of_a_few_only() -> None:
    counts = [_count(0.4, 12), _count(3, 12), _count(1234.5, 5000), _count(7, None)]
    assert counts == ["0.4/12", "3/12", "1,234/5,000", "7"]


def test_bars__show_units_note_and_what_is_said() -> None:
    screen = io.StringIO()
    bars = Bars(Console(file=screen, force_terminal=True, width=120))
    with bars.task("Search", total=4) as outer, bars.task("Epoch") as inner:
        outer.advance(2)
        outer.note("best 0.8123")
        inner.advance(300)
        bars.say("bfloat16 is faster here")
    text = screen.getvalue()
    for words in ("Search", "2/4", "best 0.8123", "Epoch", "300", "bfloat16 is faster here"):
        assert words in text


def test_bars__can_be_used_again_after_the_last_task() -> None:
    screen = io.StringIO()
    bars = Bars(Console(file=screen, force_terminal=True, width=120))
    for name in ("first", "second"):
        with bars.task(name, total=1) as task:
            task.advance()
    assert "second" in screen.getvalue()


def test_lines__tell_progress_and_time_left(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress_bars, "SECONDS_BETWEEN_LINES", 0.0)
    with Lines().task("Search", total=4) as task:
        task.note("best 0.8123")
        task.advance(2)
    first, second = capsys.readouterr().err.splitlines()
    assert first == "Search …"
    assert second.startswith("Search: 2/4 · ")
    assert second.endswith("left · best 0.8123")


def test_lines__of_short_work_say_that_it_began(capsys: pytest.CaptureFixture[str]) -> None:
    lines = Lines()
    for name in ("Search", "Training"):
        with lines.task(name, total=4) as task, lines.task("inner"):
            task.advance(4)
    assert capsys.readouterr().err == "Search …\nTraining …\n"
