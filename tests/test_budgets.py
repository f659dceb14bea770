from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambergen.budgets import Budget
from ambergen.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "amount", "unit"),
    [
        ("30min", 1800, "seconds"),
        ("2h", 7200, "seconds"),
        ("1.5 hours", 5400, "seconds"),
        ("90s", 90, "seconds"),
        ("20 epochs", 20, "epochs"),
        ("1 epoch", 1, "epochs"),
        ("500steps", 500, "steps"),
        ("40 Trials", 40, "trials"),
        ("10min device", 600, "device_seconds"),
        ("600 device-seconds", 600, "device_seconds"),
        ("1.5 device-hours", 5400, "device_seconds"),
    ],
)
def test_budget__reads_times_and_counts(text: str, amount: float, unit: str) -> None:
    assert Budget.parse(text) == Budget(amount, unit)  # type: ignore[arg-type]


@given(st.integers(1, 10**9), st.sampled_from(["epochs", "steps", "trials", "seconds", "device_seconds"]))
def test_budget__text_round_trips(amount: int, unit: str) -> None:
    budget = Budget(amount, unit)  # type: ignore[arg-type]
    assert Budget.parse(str(budget)) == budget
    assert str(Budget(1800, "seconds")) == "30min"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("30", "expected a time such as 90s"),
        ("30 parsecs", "unknown unit 'parsecs'"),
        ("0h", "not above zero"),
        ("1.5 epochs", "not a whole number of epochs"),
        ("-3h", "is no budget"),
        ("5 device-trials", "speaks of devices and of trials"),
        ("min device", "is no budget"),
    ],
)
def test_budget__says_what_it_expected(text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        Budget.parse(text)
