from __future__ import annotations

import math

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambergen.report.evidence import SearchLog
from ambergen.report.sentences import (
    count_text,
    duration_text,
    interval_text,
    known,
    names_text,
    power_text,
    score_text,
    search_sentences,
    split_sentence,
    track_hints,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (949, "949"), (12_340, "12.3 k"), (999_999, "1.00 M"), (4_100_000, "4.10 M"), (1.2e9, "1.20 G"),
     (None, "–"), (math.nan, "–")],
)  # fmt: skip
def test_count_text__has_three_digits(value: float | None, text: str) -> None:
    assert count_text(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(3.14, "3.1 s"), (59.4, "59 s"), (130, "2 min 10 s"), (2640, "44 min"), (3599, "1 h 00 min"),
     (14_700, "4 h 05 min"), (266_400, "3 d 2 h"), (None, "–")],
)  # fmt: skip
def test_duration_text__reads_as_a_clock(seconds: float | None, text: str) -> None:
    assert duration_text(seconds) == text


@given(st.floats(0, 1e8))
def test_duration_text__never_says_sixty(seconds: float) -> None:
    text = duration_text(seconds)
    assert "60 s" not in text
    assert "60 min" not in text


def test_power_text__large_integers_are_shortened() -> None:
    assert power_text("941192") == "941,192"
    assert power_text(str(7**12 * 2**66)) == "1.02e+30"


def test_names_text__long_lists_end_with_a_count() -> None:
    assert names_text([]) == ""
    assert names_text(["a"]) == "a"
    assert names_text(["a", "b", "c"]) == "a, b and c"
    assert names_text(list("abcde"), most=2) == "a, b and 3 more"


def test_missing_numbers__are_dashes_or_nothing() -> None:
    assert not known(None)
    assert not known(math.nan)
    assert score_text(math.nan) == "–"
    assert interval_text(None, 0.9) == ""


def test_score_text__shows_as_many_digits_as_scores_differ_in() -> None:
    assert [score_text(v) for v in (0.842, 1.0, 0.0)] == ["0.842", "1.000", "0.000"]
    assert [score_text(v) for v in (-0.2314, 0.0512, -0.00123)] == ["−0.231", "0.0512", "−0.00123"]
    assert [score_text(v) for v in (3.21e-6, 12.345, -123456.0)] == ["3.21e−06", "12.345", "−1.23e+05"]
    assert interval_text(0.821, 0.86) == "0.821–0.860"
    assert interval_text(-0.231, -0.187) == "−0.231 to −0.187"


def hints(**columns: object) -> list[str]:
    row = {"positives": 500, "negatives": 5000, "used": True, "searched": 0.8, "rival": 0.8} | columns
    return [hint.heading for hint in track_hints(pd.DataFrame([row], index=["CTCF"]), minimum=10)]


def test_track_hints__a_healthy_track_gets_none() -> None:
    assert hints() == []


def test_track_hints__the_reason_for_a_score_near_random_is_told() -> None:
    assert hints(searched=0.52, positives=20) == ["Near random, with few positives"]
    assert hints(searched=0.52, rival=0.53) == ["Near random for every model"]
    assert hints(searched=0.52, rival=math.nan) == ["Near random for every model"]
    assert hints(searched=0.52, rival=0.75) == ["Near random here, while another model reads it"]
    assert hints(used=False, positives=3) == ["Left out of every mean"]
    assert hints(searched=0.999) == ["Almost perfect: check before you trust it"]


def log(scores: list[float | None]) -> SearchLog:
    trials = [{"trial": k, "score": s, "status": "done" if s else "failed", "reason": None if s else "out of memory"}
              for k, s in enumerate(scores)]  # fmt: skip
    return SearchLog(0, trials=trials)


def test_search_sentences__tell_a_rise_from_noise() -> None:
    rising = " ".join(search_sentences(log([0.6 + k / 500 for k in range(100)])))
    flat = " ".join(search_sentences(log([0.6 + (k % 7) / 100 for k in range(100)])))
    assert "became better while the search went on" in rising
    assert "did not become better beyond chance" in flat


def test_search_sentences__count_failures_with_their_reason() -> None:
    sentences = search_sentences(log([0.7, None, 0.8]))
    assert sentences[0] == "2 candidate networks were scored; the best reward is 0.800."
    assert sentences[-1] == "1 of 3 candidates failed: out of memory."
    assert search_sentences(log([None])) == ["No candidate has been scored yet."]


def test_split_sentence__names_split_windows_and_tracks() -> None:
    summary = {"split": "test", "n_windows": 11814, "tracks": {"n": 24, "used": 23}, "interval": {"level": 0.95}}
    assert split_sentence(summary) == (
        "Numbers are from the test split (11,814 windows); means are over 23 of 24 tracks; intervals are 95%."
    )
